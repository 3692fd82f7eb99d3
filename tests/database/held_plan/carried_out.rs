//! What is held, and how it is carried out then.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::thread;
use std::time::Duration;

use breakglass::model::{Action, Outcome, PlanFile};
use breakglass::ops::{Error, FromFile, PlanError, Recording, Request, Selector};

use super::{PASSED, apply, coder, expire, hold, id, plan, read, refused, request, written};
use crate::support::{Coderd, Template, TestDatabase, seed};

/// The same plan in two databases of one name cannot be, so its file is made in each of them.
fn from_file(database: &TestDatabase, valid_for: Duration) -> Request {
    let planned = plan(database, expire(id(seed::HOT)));
    let file = planned.proposal().to_file(valid_for, None, None);
    let text = serde_json::to_vec(&file.expect("the cluster is told")).expect("it is JSON");
    let file = PlanFile::read(&text).expect("it is whole");
    let digest = file.digest.clone();
    expire(Selector::FromFile(FromFile::new(file, Some(digest))))
}

#[test]
fn a_plan_file_is_held_with_its_time() {
    let database = coder();
    let request = from_file(&database, Duration::from_mins(1));
    let planned = plan(&database, request);
    let (shown, operation) = (planned.proposal(), planned.request().id);
    let receipt = apply(hold(&database, planned), &database).expect("it is in time");
    assert_eq!(receipt.operation.id, operation);
    assert_eq!(
        receipt.operation.plan_digest.as_deref(),
        Some(shown.digest())
    );
    assert_eq!(receipt.operation.selector, shown.operation.selector);

    let database = coder();
    let request = from_file(&database, Duration::from_mins(1));
    let held = hold(&database, plan(&database, request));
    let mut document = serde_json::to_value(&held).expect("it is JSON");
    document["request"]["file"]["plan"]["valid_until"] = PASSED.into();
    let late = serde_json::from_value(document).expect("it is a plan");
    let refusal = refused(apply(late, &database));
    assert!(
        matches!(refusal.error, Error::Plan(PlanError::Expired { .. })),
        "{refusal:?}"
    );
    assert_eq!(refusal.recording, Recording::Recorded);
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_dry_run_stays_one() {
    let database = coder();
    let before = database.application_rows();
    let planned = plan(
        &database,
        Request {
            dry_run: true,
            ..expire(id(seed::HOT))
        },
    );
    let receipt = apply(hold(&database, planned), &database).expect("it is rolled back");
    assert_eq!(receipt.operation.outcome, Outcome::Planned);
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
}

#[test]
fn what_moves_by_itself_meanwhile_is_in_nobodys_way() {
    let database = coder();
    let held = hold(&database, plan(&database, expire(id(seed::HOT))));
    database.execute(&format!(
        "update api_keys set last_used = now(), ip_address = '203.0.113.9' where id = '{}'",
        seed::HOT
    ));
    apply(held, &database).expect("only what was compared counts");
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn what_comes_back_to_life_is_killed_again() {
    let database = coder();
    let watched = Request {
        settle: Some(Duration::from_secs(2)),
        ..expire(id(seed::HOT))
    };
    let held = hold(&database, plan(&database, watched));
    let operation = held.operation();
    let coderd = Coderd::read(&database, seed::HOT);
    let receipt = thread::scope(|scope| {
        // Without optimization these futures are larger than a test's stack.
        let roomy = thread::Builder::new().stack_size(16 << 20);
        let applied = roomy.spawn_scoped(scope, || apply(held, &database));
        database
            .wait_for("select exists (select from breakglass.operation where outcome = 'applied')");
        coderd.write_back();
        let applied = applied.expect("a thread can be made");
        applied.join().expect("it does not panic")
    });
    let receipt = receipt.expect("it is carried out");
    assert_eq!(receipt.settled.reapplied.len(), 1, "{receipt:#?}");
    let operations = database.operations();
    let again = operations.last().expect("there are two");
    assert_eq!(again["parent_id"], operation.to_string());
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn no_secret_is_held() {
    let database = coder();
    let secrets = [seed::HOT, seed::RELEASE, seed::OAUTH].map(seed::token_of);
    let [pasted, word, key] = secrets.clone();
    let selectors = vec![
        Selector::Pasted(pasted.into()),
        Selector::Word(word),
        Selector::Id(key),
    ];
    let planned = plan(&database, request(Action::Expire, selectors));
    let held = planned.hold().expect("it can be held");
    let texts = [written(&database, &held), format!("{held:?}")];
    for secret in &secrets {
        let (_key, part) = secret.split_once('-').expect("it has two parts");
        for text in &texts {
            assert!(!text.contains(part), "{text}");
        }
    }
    // What the database stores of them is not in it either.
    let stored = "select encode(hashed_secret, 'hex') from api_keys";
    for hash in database.query(stored).into_iter().flatten().flatten() {
        assert!(!texts[0].contains(&hash));
    }
    apply(read(&texts[0]), &database).expect("it is carried out");
    assert!(!database.is_alive(seed::OAUTH));
}

#[test]
fn the_key_that_is_the_secret_is_held_as_its_digest() {
    let database = TestDatabase::new(Template::Django);
    database.breakglass().arg("init").run().success();
    let secret = database.value("select key from authtoken_token order by key limit 1");
    let pasted = Selector::Pasted(secret.clone().into());
    let planned = plan(&database, request(Action::Delete, vec![pasted]));
    let held = planned.hold().expect("it can be held");
    let text = written(&database, &held);
    assert!(!text.contains(&secret), "{text}");
    apply(read(&text), &database).expect("it is carried out");
    let left = format!("select count(*) from authtoken_token where key = '{secret}'");
    assert_eq!(database.value(&left), "0");
}
