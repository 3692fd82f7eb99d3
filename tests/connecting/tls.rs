//! Every TLS mode against every kind of server.

use breakglass::db::open::{OpenError, Reason};

use crate::support::psql::psql;
use crate::support::{Fleet, block_on, connect, fleet};

/// Server, mode, root certificate file (`-` for none), host in the certificate, what comes of it.
///
/// `tls` and `plain` are connections; `fails` is a refusal for the sake of TLS.
const TABLE: &str = "
no-tls   disable     -            localhost plain
no-tls   allow       -            localhost plain
no-tls   prefer      -            localhost plain
no-tls   require     -            localhost fails
no-tls   verify-ca   ca.crt       localhost fails
no-tls   verify-full ca.crt       localhost fails

own      disable     -            localhost plain
own      allow       -            localhost plain
own      prefer      -            localhost tls
own      require     -            localhost tls
own      require     own.crt      localhost tls
own      require     own.crt      elsewhere tls
own      require     ca.crt       localhost fails
own      require     other.crt    localhost fails
own      require     missing.crt  localhost tls
own      verify-ca   own.crt      localhost tls
own      verify-ca   own.crt      elsewhere tls
own      verify-ca   other.crt    localhost fails
own      verify-ca   ca.crt       localhost fails
own      verify-ca   missing.crt  localhost fails
own      verify-ca   -            localhost fails
own      verify-ca   empty.crt    localhost fails
own      verify-ca   bad.crt      localhost fails
own      verify-full own.crt      localhost tls
own      verify-full own.crt      LocalHost tls
own      verify-full own.crt      elsewhere fails
own      verify-full own.crt      127.0.0.1 fails
own      verify-full other.crt    localhost fails
own      verify-full missing.crt  localhost fails
own-tls12 require    -            localhost tls
own-tls12 verify-full own.crt     localhost tls
own-tls12 verify-full other.crt   localhost fails

signed   disable     -            localhost plain
signed   prefer      -            elsewhere tls
signed   require     -            elsewhere tls
signed   require     ca.crt       elsewhere tls
signed   require     wrong-ca.crt localhost fails
signed   verify-ca   ca.crt       localhost tls
signed   verify-ca   both.crt     localhost tls
signed   verify-ca   ca.crt       elsewhere tls
signed   verify-ca   wrong-ca.crt localhost fails
signed   verify-full ca.crt       localhost tls
signed   verify-full both.crt     localhost tls
signed   verify-full ca.crt       127.0.0.1 tls
signed   verify-full ca.crt       127.0.0.2 fails
signed   verify-full ca.crt       elsewhere fails
signed   verify-full ca.crt       elsewhere.example fails
signed   verify-full wrong-ca.crt localhost fails
signed   verify-full system       localhost fails

named    verify-ca   ca.crt       elsewhere tls
named    verify-full ca.crt       localhost tls
named    verify-full ca.crt       elsewhere fails

version1 prefer      -            localhost tls
version1 require     -            localhost tls
version1 require     wrong-ca.crt localhost fails
version1 verify-ca   ca.crt       elsewhere tls
version1 verify-ca   wrong-ca.crt localhost fails
version1 verify-full ca.crt       localhost tls
version1 verify-full both.crt     localhost tls
version1 verify-full ca.crt       elsewhere fails
version1 verify-full wrong-ca.crt localhost fails
version1-tls12 require -          localhost tls
version1-tls12 verify-full ca.crt localhost tls
version1-tls12 verify-ca wrong-ca.crt localhost fails

client   require     -            localhost tls
client   verify-ca   ca.crt       localhost fails
client   verify-full ca.crt       localhost fails

expired  require     -            localhost tls
expired  require     ca.crt       localhost fails
expired  verify-ca   ca.crt       localhost fails
expired  verify-ca   expired.crt  localhost fails
expired  verify-full ca.crt       localhost fails
expired1 require     -            localhost tls
expired1 verify-ca   ca.crt       localhost fails

chain    require     -            localhost tls
chain    verify-ca   ca.crt       localhost tls
chain    verify-full ca.crt       localhost tls
chain    verify-full ca.crt       elsewhere fails
chain    verify-full wrong-ca.crt localhost fails
limited  verify-ca   ca.crt       localhost tls
marked-as-ca require -            localhost tls

broken   disable     -            localhost plain
broken   allow       -            localhost plain
broken   prefer      -            localhost plain
broken   require     -            localhost fails
broken   verify-ca   own.crt      localhost fails
broken   verify-full own.crt      localhost fails
";

/// The same, where libpq says otherwise.
///
/// In the first more is taken: to have the server's own certificate is enough, self-signed or not.
/// In the second less: below an authority that limits names, a common name is not believed at all
/// (OpenSSL holds it against the limits when it has a dot). The others are gaps.
const DIFFERENCES: &str = "
signed   verify-full signed.crt   localhost tls
limited  verify-full ca.crt       localhost fails
chain1   verify-full ca.crt       localhost fails
marked-as-ca verify-full ca.crt   localhost fails
";

#[test]
fn every_mode_against_every_server() {
    hold_against(TABLE, |psql, expected| psql == expected);
}

#[test]
fn differences_to_libpq() {
    hold_against(DIFFERENCES, |psql, expected| psql != expected);
}

fn hold_against(table: &str, agrees: impl Fn(&str, &str) -> bool) {
    let fleet = fleet();
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        let [server, mode, root, host, expected] = line
            .split_whitespace()
            .collect::<Vec<_>>()
            .try_into()
            .expect(line);
        let root = match root {
            "-" => String::new(),
            "system" => "sslrootcert=system".to_owned(),
            file => format!("sslrootcert={}", fleet.file(file)),
        };
        let text = format!("{} host={host} sslmode={mode} {root}", fleet.at(server));
        let found = block_on(outcome(&text));
        if found != expected {
            wrong.push(format!("{line}: {found}"));
        }
        // libpq 15 does not know `system` yet.
        if !text.contains("=system") && !agrees(ends_by_psql(&text), expected) {
            wrong.push(format!("{line}: psql says {}", ends_by_psql(&text)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

pub(crate) async fn outcome(text: &str) -> String {
    match connect(text).await {
        Ok(session) => session.how().await.to_owned(),
        Err(error) if *error.reason() == Reason::Tls => "fails".to_owned(),
        Err(error) => error.chain(),
    }
}

/// What `psql` makes of it.
pub(crate) fn ends_by_psql(text: &str) -> &'static str {
    let query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let output = psql()
        .args(["-c", query, text])
        .env("HOME", "/nonexistent")
        .output()
        .expect("psql");
    match output.stdout.as_slice() {
        b"t\n" => "tls",
        b"f\n" => "plain",
        _ => "fails",
    }
}

fn failure(text: &str) -> OpenError {
    block_on(connect(text)).expect_err(text)
}

#[test]
fn prefer_says_so_when_it_goes_on_without() {
    let fleet = fleet();
    let broken = format!("{} host=localhost", fleet.at("broken"));
    let session = block_on(connect(&broken)).unwrap();
    let [warning] = session.warnings.as_slice() else {
        panic!("{:?}", session.warnings)
    };
    assert!(
        warning.starts_with("connected without TLS, after no TLS connection to the server: host"),
        "{warning}"
    );
    let unasked = block_on(connect(&fleet.at("no-tls"))).unwrap();
    assert!(
        unasked.warnings.is_empty(),
        "a server without TLS is nothing to warn of"
    );
}

#[test]
fn a_login_that_needs_the_other_way() {
    let fleet = fleet();
    let at = |database: &str, mode: &str| {
        let at = fleet
            .at("own")
            .replace("dbname=postgres", &format!("dbname={database}"));
        format!("{at} sslmode={mode}")
    };
    block_on(async {
        assert_eq!(
            connect(&at("only_tls", "allow")).await.unwrap().how().await,
            "tls"
        );
        assert_eq!(
            connect(&at("only_plain", "prefer"))
                .await
                .unwrap()
                .how()
                .await,
            "plain"
        );
        assert_eq!(
            connect(&at("only_plain", "allow"))
                .await
                .unwrap()
                .how()
                .await,
            "plain"
        );
        assert_eq!(
            connect(&at("only_tls", "prefer"))
                .await
                .unwrap()
                .how()
                .await,
            "tls"
        );
    });
    for (database, mode) in [("only_tls", "disable"), ("only_plain", "require")] {
        let error = failure(&at(database, mode));
        assert_eq!(*error.reason(), Reason::Authentication, "{error}");
        assert!(
            error.chain().contains("no pg_hba.conf entry"),
            "{}",
            error.chain()
        );
    }
}

#[test]
fn both_ways_failing_are_both_told() {
    let fleet = fleet();
    let at = |server: &str| {
        fleet
            .at(server)
            .replace("dbname=postgres", "dbname=only_tls")
    };
    let error = failure(&format!("{} sslmode=prefer", at("broken")));
    assert_eq!(*error.reason(), Reason::Authentication);
    assert!(
        error
            .chain()
            .contains("(also tried: no TLS connection to the server"),
        "{error}"
    );
    let error = failure(&format!("{} sslmode=allow", at("no-tls")));
    assert_eq!(*error.reason(), Reason::Authentication);
    assert!(
        error.chain().contains("server does not support TLS"),
        "{error}"
    );
    let error = failure(&format!(
        "{} sslmode=prefer user=nobody_there",
        fleet.at("own")
    ));
    assert_eq!(
        (error.reason(), error.others().len()),
        (&Reason::Authentication, 0)
    );
}

#[test]
fn the_words_of_a_failed_check() {
    let fleet = fleet();
    let with = |server: &str, rest: &str| failure(&format!("{} {rest}", fleet.at(server))).chain();
    let ca = fleet.file("ca.crt");
    let full = format!("host=elsewhere sslmode=verify-full sslrootcert={ca}");
    let port = fleet.port("named");
    assert_eq!(
        with("named", &full),
        format!(
            "no TLS connection to the server: host elsewhere (127.0.0.1) port {port}, database \
             postgres, user postgres: invalid peer certificate: certificate not valid for name \
             \"elsewhere\"; certificate is only valid for localhost"
        )
    );
    let missing = fleet.file("missing.crt");
    let text = with(
        "own",
        &format!("host=h sslmode=verify-ca sslrootcert={missing}"),
    );
    assert!(
        text.contains(&format!(
            "`{missing}` does not exist, and `sslmode=verify-ca`"
        )),
        "{text}"
    );
    let text = with("own", "host=localhost sslmode=verify-full");
    assert!(
        text.contains("`/nonexistent/.postgresql/root.crt` does not exist"),
        "{text}"
    );
    let text = with(
        "own",
        &format!("host=localhost sslmode=verify-ca sslrootcert={ca}"),
    );
    assert!(
        text.ends_with("invalid peer certificate: UnknownIssuer"),
        "{text}"
    );
    let text = with("no-tls", "host=localhost sslmode=require");
    assert!(text.ends_with(": server does not support TLS"), "{text}");
}

#[test]
fn a_socket_never_uses_tls() {
    let fleet = fleet();
    let at = |fleet: &Fleet, server: &str| {
        let (host, port) = (fleet.sockets().display(), fleet.port(server));
        format!("host={host} port={port} user=postgres")
    };
    for mode in [
        "disable",
        "prefer",
        "require",
        "verify-full sslrootcert=/nonexistent",
    ] {
        let session = block_on(connect(&format!("{} sslmode={mode}", at(fleet, "own")))).unwrap();
        assert!(!session.is_encrypted, "{mode}");
        assert!(
            session.endpoint.starts_with("socket /"),
            "{}",
            session.endpoint
        );
    }
}
