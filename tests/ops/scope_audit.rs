//! The audit log as a bound caller reads it, and what they may take back.

use breakglass::model::{Action, History, Operation};
use breakglass::ops::{
    Context, Error, ListOperations, Request, Selector, ShowOperation, ShowToken,
};
use uuid::Uuid;

use super::{bound, database};
use crate::support::scoped::{carry_out, context, open, plan, request, restore, wait};
use crate::support::{TestDatabase, seed};

/// An operation of somebody who may do everything.
fn did(database: &TestDatabase, action: Action, keys: &[&str]) -> Uuid {
    let selectors = keys.iter().map(|key| Selector::parse(&format!("id:{key}")));
    let request = request(action, selectors.collect());
    let id = request.id;
    let done = carry_out(&context(database), request);
    done.unwrap_or_else(|refusal| panic!("{}", refusal.error));
    id
}

fn list(context: &Context, request: &ListOperations) -> Vec<Operation> {
    wait(async {
        let (session, identity) = context.connect().await?;
        request.run(&context.log(&session, &identity).await?).await
    })
    .unwrap_or_else(|error: Error| panic!("{error}"))
}

fn ids(operations: &[Operation]) -> Vec<Uuid> {
    operations.iter().map(|operation| operation.id).collect()
}

fn show(context: &Context, id: &str) -> Result<History, Error> {
    let request = ShowOperation { id: id.to_owned() };
    wait(request.run(&open(context).log()))
}

/// What is told of an operation that is not there, without its id.
fn told(error: &Error, id: Uuid) -> (&'static str, String, Option<String>) {
    let message = error.to_string().replace(&id.to_string(), "ID");
    (error.code(), message, error.hint())
}

#[test]
fn operations_on_others_are_not_there() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let first = did(&database, Action::Expire, &[seed::DUPLICATE]);
    let theirs = did(&database, Action::Expire, &[seed::RELEASE]);
    let both = did(&database, Action::Expire, &[seed::HOT, seed::SESSION]);
    let everything = ListOperations::default();
    assert_eq!(
        ids(&list(&context(&database), &everything)),
        [both, theirs, first]
    );
    assert_eq!(ids(&list(&mine, &everything)), [first]);
    let cut = ListOperations {
        limit: Some(1),
        ..ListOperations::default()
    };
    assert_eq!(ids(&list(&mine, &cut)), [first], "a cut that there is not");
    for (token, owner) in [
        (Some(seed::RELEASE), None),
        (Some(seed::HOT), None),
        (None, Some("release-bot")),
        (None, Some("nobody")),
    ] {
        let filtered = ListOperations {
            token: token.map(str::to_owned),
            owner: owner.map(str::to_owned),
            ..ListOperations::default()
        };
        assert_eq!(ids(&list(&mine, &filtered)), Vec::<Uuid>::new());
    }
    let never = Uuid::now_v7();
    let unknown = |error: Error, id| told(&error, id);
    let wanted = unknown(
        show(&mine, &never.to_string()).expect_err("it is not there"),
        never,
    );
    assert_eq!(wanted.0, "no_such_operation");
    for id in [theirs, both] {
        let error = show(&mine, &id.to_string()).expect_err("it is not there");
        assert_eq!(unknown(error, id), wanted);
    }
    assert_eq!(
        show(&mine, &first.to_string())
            .expect("it is theirs")
            .changes
            .len(),
        1
    );
    // The beginning that all have in common names one.
    let begins = first.to_string();
    let one = show(&mine, &begins[..8]).expect("there is one");
    assert_eq!(one.operation.id, first);
    let past = |context: &Context, key: &str| {
        let request = ShowToken {
            selector: Selector::parse(&format!("id:{key}")),
            owner: None,
        };
        let shown = wait(request.run(&open(context))).expect("it is theirs");
        ids(&shown.history.expect("there is a log"))
    };
    assert_eq!(past(&mine, seed::DUPLICATE), [first]);
    assert_eq!(past(&mine, seed::HOT), Vec::<Uuid>::new());
    assert_eq!(past(&context(&database), seed::HOT), [both]);
}

#[test]
fn what_changed_others_cannot_be_taken_back() {
    let database = database();
    let (mine, everybody) = (
        bound(&database, Some("ci-runner"), None),
        context(&database),
    );
    let theirs = did(&database, Action::Expire, &[seed::RELEASE]);
    let both = did(&database, Action::Expire, &[seed::HOT, seed::SESSION]);
    let before = database.application_rows();
    let never = Uuid::now_v7();
    let refused = |context: &Context, id: Uuid| {
        let planned = plan(context, restore(Some(&id.to_string()), Vec::new()));
        told(&planned.expect_err("it is refused").error, id)
    };
    let wanted = refused(&everybody, never);
    assert_eq!(wanted.0, "no_such_operation");
    for id in [theirs, both] {
        assert_eq!(refused(&mine, id), wanted);
    }
    let latest = |context: &Context, key: &str| {
        let planned = plan(
            context,
            restore(None, vec![Selector::parse(&format!("id:{key}"))]),
        );
        let error = planned.expect_err("it is refused").error;
        (
            error.code(),
            error.to_string().replace(key, "KEY"),
            error.hint(),
        )
    };
    let wanted = latest(&everybody, "zzzzzzzzzz");
    for key in [seed::RELEASE, seed::HOT] {
        assert_eq!(latest(&mine, key), wanted, "{key}");
    }
    assert_eq!(database.application_rows(), before);
}

#[test]
fn what_changed_theirs_alone_is_taken_back() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    did(&database, Action::Expire, &[seed::HOT, seed::DUPLICATE]);
    for request in [
        restore(None, vec![Selector::parse(seed::HOT)]),
        restore(None, vec![Selector::parse("deploy-bot")]),
    ] {
        let receipt =
            carry_out(&mine, request).unwrap_or_else(|refusal| panic!("{}", refusal.error));
        assert_eq!(receipt.operation.changed, Some(1));
    }
}

#[test]
fn a_token_that_changed_hands_is_not_put_back() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let id = did(&database, Action::Expire, &[seed::HOT]);
    database.execute(&format!(
        "update api_keys set user_id = (select id from users where username = 'mira') where id = '{}'",
        seed::HOT
    ));
    let planned = plan(&mine, restore(Some(&id.to_string()), Vec::new()));
    let error = planned.expect_err("it is not theirs any more").error;
    assert_eq!(error.code(), "all_gone");
    // As where it has gone indeed.
    database.execute(&format!("delete from api_keys where id = '{}'", seed::HOT));
    let planned = plan(
        &context(&database),
        restore(Some(&id.to_string()), Vec::new()),
    );
    assert_eq!(
        planned.expect_err("it has gone").error.to_string(),
        error.to_string()
    );
}

#[test]
fn what_needed_no_change_is_not_told_of() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    // The other was dead already: whose it is stands nowhere.
    let id = did(&database, Action::Expire, &[seed::HOT, seed::EXPIRED]);
    let [operation] = &list(&mine, &ListOperations::default())[..] else {
        panic!("there is one")
    };
    assert_eq!((operation.id, operation.changed), (id, Some(1)));
    assert_eq!(
        (operation.planned, operation.matched, operation.unchanged),
        (None, None, None)
    );
    assert_eq!(
        operation.selector,
        "(withheld: it may name tokens of others)"
    );
    let history = show(&mine, &id.to_string()).expect("it is theirs");
    assert_eq!(&history.operation, operation);
    let whole = show(&context(&database), &id.to_string()).expect("it is there");
    let keys = |history: &History| -> Vec<String> {
        let seen = history.observations.iter();
        seen.map(|seen| seen.key.clone()).collect()
    };
    assert!(keys(&whole).contains(&seed::EXPIRED.to_owned()));
    assert_eq!(keys(&history), [seed::HOT]);
    assert!(whole.operation.selector.contains(seed::EXPIRED));
    // One alone cannot be anybody else's.
    let alone = did(&database, Action::Expire, &[seed::OAUTH_EXPIRED]);
    let jasmin = bound(&database, Some("jasmin"), None);
    let history = show(&jasmin, &alone.to_string()).expect("its refresh token was theirs");
    assert_eq!(
        history.operation.selector,
        format!("id:{}", seed::OAUTH_EXPIRED)
    );
    assert_eq!(history.operation.unchanged, Some(1));
}

#[test]
fn kinds_bind_the_log_as_well() {
    let database = database();
    let oauth = did(&database, Action::Expire, &[seed::OAUTH]);
    let token = did(&database, Action::Expire, &[seed::HOT]);
    let refresh = did(&database, Action::Expire, &[seed::OAUTH_EXPIRED]);
    let gone = did(&database, Action::Delete, &[seed::RELEASE]);
    let everything = ListOperations::default();
    assert_eq!(
        ids(&list(&context(&database), &everything)),
        [gone, refresh, token, oauth]
    );
    let of = |kinds: &[&str]| ids(&list(&bound(&database, None, Some(kinds)), &everything));
    // Of which kind the token was whose refresh token was killed is not on record.
    assert_eq!(of(&["oauth"]), [oauth]);
    assert_eq!(of(&["token"]), [gone, token]);
    assert_eq!(of(&["oauth", "token"]), [gone, token, oauth]);
    assert_eq!(of(&["session"]), Vec::<Uuid>::new());
    let jasmin = bound(&database, Some("jasmin"), None);
    assert_eq!(ids(&list(&jasmin, &everything)), [refresh]);
}

#[test]
fn what_an_operation_caused_is_told_as_far_as_it_is_theirs() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let id = did(&database, Action::Expire, &[seed::HOT]);
    let refused = Request {
        expect: Some(9),
        ..restore(Some(&id.to_string()), Vec::new())
    };
    let refused_id = refused.id;
    assert!(plan(&mine, refused).is_err(), "it is one token");
    let back = restore(Some(&id.to_string()), Vec::new());
    let back_id = back.id;
    carry_out(&mine, back).unwrap_or_else(|refusal| panic!("{}", refusal.error));
    let caused = |context: &Context| {
        let history = show(context, &id.to_string()).expect("it is there");
        ids(&history.caused)
    };
    assert_eq!(caused(&mine), [back_id]);
    assert_eq!(caused(&context(&database)), [refused_id, back_id]);
}

#[test]
fn an_owner_of_another_application_is_another() {
    let database = database();
    let id = did(&database, Action::Expire, &[seed::HOT]);
    let mine = bound(&database, Some("ci-runner"), None);
    assert_eq!(ids(&list(&mine, &ListOperations::default())), [id]);
    database.execute(
        "alter table breakglass.operation disable trigger operation_is_append_only; \
         update breakglass.operation set adapter = 'another'",
    );
    assert_eq!(
        ids(&list(&mine, &ListOperations::default())),
        Vec::<Uuid>::new()
    );
}
