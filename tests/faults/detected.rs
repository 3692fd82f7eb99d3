//! What a server believes of the catalogue for some seconds, and what ends that.

use std::sync::Arc;
use std::time::Duration;

use breakglass::adapter::SortKey;
use breakglass::ops::{Context, Desk, Detected, Error, Filter, ListTokens, Recording};
use futures_util::TryStreamExt as _;
use tokio::time::sleep;

use super::pool::{installed, pooled, server};
use crate::support::seed::HOT;
use crate::support::{TestDatabase, library};

/// A context that remembers, as a role.
fn remembering(database: &TestDatabase, role: &str) -> Context {
    Context {
        detected: Some(Detected::default()),
        ..pooled(database, role, 2, "")
    }
}

/// Whether two requests went by the same look at the catalogue.
async fn is_believed(context: &Context, earlier: &Desk) -> bool {
    let later = context.open().await.expect("it fits");
    Arc::ptr_eq(&later.bound, &earlier.bound)
}

/// Opens a desk whose session goes back at once.
async fn open(context: &Context) -> Desk {
    let mut desk = context.open().await.expect("it fits");
    desk.session.give_back();
    desk
}

async fn list(context: &Context) -> Result<usize, Error> {
    let request = ListTokens {
        filter: Filter::everything(),
        sort: SortKey::Key,
        descending: false,
        limit: None,
        after: None,
    };
    let desk = context.open().await?;
    let tokens: Vec<_> = request.run(&desk).await?.try_collect().await?;
    Ok(tokens.len())
}

#[test]
fn the_catalogue_is_read_once_in_some_seconds_and_by_a_command_every_time() {
    let database = installed();
    let context = remembering(&database, "postgres");
    let forgetful = pooled(&database, "postgres", 2, "");
    server().block_on(async {
        let first = open(&context).await;
        assert!(is_believed(&context, &first).await);
        assert!(is_believed(&context, &first).await);
        let first_of_a_command = open(&forgetful).await;
        assert!(!is_believed(&forgetful, &first_of_a_command).await);
        sleep(Duration::from_millis(5_100)).await;
        assert!(!is_believed(&context, &first).await);
    });
}

#[test]
fn another_role_does_not_believe_what_this_one_found() {
    let database = installed();
    let role = database.login_role("reader");
    database.execute(&format!(
        "grant select on all tables in schema public to {role}"
    ));
    let context = remembering(&database, "postgres");
    let theirs = Context {
        detected: context.detected.clone(),
        ..pooled(&database, &role, 2, "")
    };
    server().block_on(async {
        let ours = open(&context).await;
        assert!(!is_believed(&theirs, &ours).await);
    });
}

#[test]
fn a_column_that_is_gone_fails_one_request_and_no_second() {
    let database = installed();
    let context = remembering(&database, "postgres");
    let server = server();
    let before = server.block_on(list(&context)).expect("it lists");
    database.execute("alter table api_keys drop column allow_list");
    let error = server
        .block_on(list(&context))
        .expect_err("it is believed to be there");
    assert!(error.to_string().contains("allow_list"), "{error}");
    assert_eq!(server.block_on(list(&context)).expect("it lists"), before);
}

#[test]
fn a_right_that_was_taken_away_fails_one_change_and_is_told_to_the_second() {
    let database = installed();
    let operators = database.role_name("operators");
    let init = ["init", "--operator-role", &operators];
    database.breakglass().args(init).run().success();
    let role = database.login_role("alice");
    database.execute(&format!("grant {operators} to {role}"));
    let context = remembering(&database, &role);
    let server = server();
    let before = database.token_row(HOT);
    let expire = || {
        server.block_on(async {
            let planned = library::expire(HOT).plan(&context).await?;
            planned.carry_out().await
        })
    };
    server.block_on(open(&context));
    database.execute(&format!(
        "revoke update (expires_at) on api_keys from {operators}"
    ));
    let refused = expire().expect_err("it may not");
    assert!(
        matches!(&refused.error, Error::Database(error) if error.to_string().contains("42501")),
        "{refused:?}"
    );
    assert_eq!(refused.recording, Recording::Recorded);
    let refused = expire().expect_err("it may not");
    assert!(matches!(&refused.error, Error::Unfit(_)), "{refused:?}");
    assert_eq!(refused.recording, Recording::Recorded);
    assert_eq!(database.token_row(HOT), before);
    // What was granted again is found as soon as nobody believes the old any more.
    database.execute(&format!(
        "grant update (expires_at) on api_keys to {operators}"
    ));
    server.block_on(async { sleep(Duration::from_millis(5_100)).await });
    expire().expect("it may");
    assert!(!database.is_alive(HOT));
}
