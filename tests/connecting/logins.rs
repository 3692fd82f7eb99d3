//! Logins that work, and the words for those that do not.

use breakglass::db::open::{OpenError, Reason};

use crate::support::{block_on, connect, fleet};

fn failure(text: &str) -> OpenError {
    block_on(connect(text)).expect_err(text)
}

#[test]
fn a_password_bound_to_the_connection() {
    let fleet = fleet();
    let password = "user=scram password='correct horse'";
    for server in ["own", "signed", "version1", "own-tls12"] {
        let text = format!(
            "{} {password} channel_binding=require sslmode=require",
            fleet.at(server)
        );
        let session = block_on(connect(&text)).expect(server);
        assert!(session.is_encrypted);
    }
    // Nothing to bind to.
    let text = format!(
        "{} {password} channel_binding=require sslmode=prefer",
        fleet.at("no-tls")
    );
    let error = failure(&text);
    assert_eq!(*error.reason(), Reason::Authentication);
    assert!(
        error
            .chain()
            .ends_with("server did not use channel binding"),
        "{}",
        error.chain()
    );
    // Nothing is asked, so nothing is bound.
    let text = format!(
        "{} channel_binding=require sslmode=require",
        fleet.at("own")
    );
    assert_eq!(*failure(&text).reason(), Reason::Authentication);
    for binding in ["disable", "prefer"] {
        let text = format!("{} {password} channel_binding={binding}", fleet.at("own"));
        assert!(block_on(connect(&text)).is_ok(), "{binding}");
    }
}

#[test]
fn a_wrong_password_and_none() {
    let fleet = fleet();
    for mode in ["disable", "allow", "prefer", "require"] {
        let text = format!(
            "{} user=scram password=hunter2 sslmode={mode}",
            fleet.at("own")
        );
        let error = failure(&text);
        assert_eq!(*error.reason(), Reason::Authentication, "{mode}");
        let told = format!("{} {error:?}", error.chain());
        assert!(
            told.contains("FATAL: password authentication failed"),
            "{told}"
        );
        for part in ["host 127.0.0.1 port ", "database postgres", "user scram"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert!(
            !told.contains("hunter2") && !told.contains("104, 117"),
            "{told}"
        );
    }
    let error = failure(&format!("{} user=scram", fleet.at("own")));
    assert_eq!(*error.reason(), Reason::PasswordNeeded);
}

#[test]
fn what_the_server_refuses() {
    let fleet = fleet();
    let at = fleet.at("signed");
    let error = failure(&format!("{at} dbname=nowhere"));
    assert_eq!(*error.reason(), Reason::NoSuchDatabase);
    assert!(
        error
            .chain()
            .ends_with("FATAL: database \"nowhere\" does not exist"),
        "{error}"
    );
    let error = failure(&format!("{at} user=crowded"));
    assert_eq!(*error.reason(), Reason::TooManyConnections);
    let error = failure(&format!("{at} user=nobody_there"));
    assert_eq!(*error.reason(), Reason::Authentication);
    let error = failure(&format!("{at} dbname=nothing_allowed"));
    assert_eq!(*error.reason(), Reason::Authentication);
    let error = failure(&format!("{at} options=-cnonsense=1"));
    assert_eq!(
        *error.reason(),
        Reason::Refused {
            sqlstate: "42704".to_owned()
        }
    );
}

#[test]
fn the_session_is_as_asked() {
    let fleet = fleet();
    let text = format!(
        "{} options='-c lock_timeout=1234' application_name='a b'",
        fleet.at("own")
    );
    block_on(async {
        let session = connect(&text).await.unwrap();
        let show = "select current_setting('lock_timeout') || ' ' || \
                    current_setting('application_name') || ' ' || current_user";
        assert_eq!(session.ask(show).await, "1234ms a b postgres");
        let session = connect(&fleet.at("own")).await.unwrap();
        assert_eq!(
            session
                .ask("select current_setting('application_name')")
                .await,
            "breakglass"
        );
    });
}
