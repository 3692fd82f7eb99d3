//! Plans under pressure: many that apply one at once, and files with something else in every place.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use std::collections::BTreeMap;

use breakglass::model::{PlanFile, PlanFileError};
use serde_json::Value;

use super::plan_file::Plan;
use super::remove::{Before, coder};
use crate::support::run::{Output, Running};
use crate::support::{TestDatabase, seed};

/// Applies a plan eight times at once.
fn eight(database: &TestDatabase, plan: &Plan, words: &[&str]) -> Vec<Output> {
    let running: Vec<_> = (0..8)
        .map(|_| plan.apply(database, words).start())
        .collect();
    running.into_iter().map(Running::wait).collect()
}

fn outcomes(database: &TestDatabase) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    for operation in database.operations() {
        let outcome = operation["outcome"].as_str().unwrap().to_owned();
        *outcomes.entry(outcome).or_default() += 1;
    }
    outcomes
}

#[test]
fn eight_that_expire_at_once_are_one_change_and_eight_records() {
    for round in 0..3 {
        let database = coder();
        let plan = Plan::of(&database, &["build-cache", "release", seed::OAUTH]);
        let outputs = eight(&database, &plan, &["--yes", "--lock-timeout", "30s"]);
        for output in &outputs {
            output.success();
        }
        let expected =
            [("applied", 1), ("unchanged", 7)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(
            outcomes(&database),
            BTreeMap::from(expected),
            "round {round}"
        );
        let operations = database.operations();
        assert!(operations.iter().all(|o| o["plan_digest"] == plan.digest()));
        let changed: i64 = operations
            .iter()
            .map(|o| o["changed"].as_i64().unwrap())
            .sum();
        let companions: i64 = operations
            .iter()
            .map(|o| o["companions_changed"].as_i64().unwrap())
            .sum();
        assert_eq!((changed, companions), (3, 1));
        assert_eq!(
            [database.changes().len(), database.audit_logs().len()],
            [4, 3]
        );
        let applied = operations
            .iter()
            .find(|o| o["outcome"] == "applied")
            .unwrap();
        assert!(
            database
                .changes()
                .iter()
                .all(|change| change["operation_id"] == applied["id"])
        );
        let told = outputs
            .iter()
            .filter(|output| output.stdout.contains("active -> expired"))
            .count();
        assert_eq!(told, 1);
    }
}

#[test]
fn eight_that_delete_at_once_are_one_change_and_eight_records() {
    for round in 0..3 {
        let database = coder();
        let plan = Plan::of(&database, &["build-cache", "release", "--delete"]);
        let words = ["--yes", "--digest", &plan.digest(), "--lock-timeout", "30s"];
        let mut codes: Vec<_> = Vec::new();
        for output in eight(&database, &plan, &words) {
            let code = output.status.code();
            if code == Some(1) {
                output.says("error: token `d4o6FQe5QT` is gone; token `r1zx5DiipR` is gone");
            }
            codes.push(code);
        }
        codes.sort_unstable();
        assert_eq!(
            codes,
            [[Some(0)].as_slice(), &[Some(1); 7]].concat(),
            "round {round}"
        );
        let expected =
            [("applied", 1), ("refused", 7)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(outcomes(&database), BTreeMap::from(expected));
        assert_eq!(
            [database.changes().len(), database.audit_logs().len()],
            [2, 2]
        );
        assert!(!database.has_token(seed::HOT) && !database.has_token(seed::RELEASE));
    }
}

/// Every byte of a plan turned into others, taken away, and doubled.
#[test]
fn a_plan_with_any_byte_otherwise_is_refused_or_the_very_same() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", seed::OAUTH]);
    let text = plan.text().into_bytes();
    let original = PlanFile::read(&text).unwrap();
    let (mut refused, mut same, mut edited) = (0, 0, 0);
    let mut judge = |text: &[u8], what: &dyn Fn() -> String| match PlanFile::read(text) {
        Ok(read) => {
            assert_eq!(read, original, "{}", what());
            same += 1;
        }
        Err(PlanFileError::Edited { .. }) => edited += 1,
        Err(_) => refused += 1,
    };
    for at in 0..text.len() {
        let byte = text[at];
        let others = [
            byte ^ 1,
            byte ^ 0x20,
            byte ^ 0x80,
            b' ',
            b'"',
            b'0',
            b'9',
            b',',
            b'\\',
            b'}',
            0,
        ];
        for other in others.into_iter().filter(|other| *other != byte) {
            let mut flipped = text.clone();
            flipped[at] = other;
            judge(&flipped, &|| format!("byte {at}: {byte} as {other}"));
        }
        let mut without = text.clone();
        without.remove(at);
        judge(&without, &|| format!("without byte {at}"));
        let mut doubled = text.clone();
        doubled.insert(at, byte);
        judge(&doubled, &|| format!("byte {at} twice"));
        judge(&text[..at], &|| format!("up to byte {at}"));
    }
    // Blanks between members are the only bytes that may be otherwise.
    let blanks = text
        .iter()
        .filter(|byte| byte.is_ascii_whitespace())
        .count();
    assert!(same > 0 && same < 20 * blanks, "{same} of {blanks} blanks");
    assert!(
        edited > text.len() && refused > text.len(),
        "{edited} and {refused}"
    );
}

/// Every value of a plan, wherever it stands, turned into others; and every member renamed, taken
/// away, moved, and added.
#[test]
fn a_plan_with_any_value_otherwise_is_refused() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", seed::OAUTH, "--delete"]);
    let document = plan.json();
    let mut places = Vec::new();
    walk(&document, String::new(), &mut places);
    assert!(places.len() > 100, "{}", places.len());
    let mut tried = 0;
    let mut is_edited = |document: &Value, what: &str| {
        tried += 1;
        let read = PlanFile::read(document.to_string().as_bytes());
        assert!(read.is_err(), "{what}: {read:?}");
    };
    for place in &places {
        let value = document.pointer(place).unwrap().clone();
        for other in others(&value) {
            let mut changed = document.clone();
            *changed.pointer_mut(place).unwrap() = other.clone();
            is_edited(&changed, &format!("{place} as {other}"));
        }
        if let Value::Object(members) = &value {
            for name in members.keys() {
                let mut changed = document.clone();
                let object = changed.pointer_mut(place).unwrap().as_object_mut().unwrap();
                let member = object.shift_remove(name).unwrap();
                is_edited(&changed, &format!("{place} without {name}"));
                let object = changed.pointer_mut(place).unwrap().as_object_mut().unwrap();
                object.insert(format!("{name} "), member);
                is_edited(&changed, &format!("{place}: {name} renamed"));
            }
            let mut changed = document.clone();
            let object = changed.pointer_mut(place).unwrap().as_object_mut().unwrap();
            object.insert("added".to_owned(), Value::Null);
            is_edited(&changed, &format!("{place} and one more"));
        }
    }
    assert!(tried > 1_000, "{tried}");
}

fn walk(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, format!("{place}/{name}"), places);
            }
        }
        Value::Array(members) => {
            for (at, member) in members.iter().enumerate() {
                walk(member, format!("{place}/{at}"), places);
            }
        }
        _ => {}
    }
    places.push(place);
}

fn others(value: &Value) -> Vec<Value> {
    let mut others = vec![
        Value::Null,
        true.into(),
        false.into(),
        0.into(),
        1.into(),
        "".into(),
        "0".into(),
        Value::Array(Vec::new()),
        Value::Object(serde_json::Map::new()),
    ];
    match value {
        Value::String(text) => {
            others.push(format!("{text} ").into());
            others.push(text.to_uppercase().into());
            others.push(text.chars().rev().collect::<String>().into());
        }
        Value::Array(members) => {
            others.push([members.as_slice(), members].concat().into());
            others.push(members.iter().rev().cloned().collect());
            others.push(members.iter().skip(1).cloned().collect());
        }
        Value::Number(number) => others.push((number.as_i64().unwrap() + 1).into()),
        _ => {}
    }
    others.retain(|other| other != value);
    others
}

/// What the type lets through, the program refuses as well: some bytes of each kind.
#[test]
fn the_program_refuses_what_was_edited_and_touches_nothing() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let text = plan.text();
    let before = Before::of(&database);
    let places: Vec<usize> = (0..text.len()).step_by(text.len() / 25).collect();
    for at in places {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let other = Plan::nowhere();
        std::fs::write(other.file(), &bytes).unwrap();
        let output = other.apply(&database, &["--yes"]).run();
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "byte {at}: {output}"
        );
    }
    before.is_all(&database);
    plan.apply(&database, &["--yes"]).run().success();
}

/// A plan of thousands is one operation, and what it takes grows with it and no faster.
#[test]
fn a_plan_of_thousands_is_one_operation() {
    let database = coder();
    database.execute(
        "insert into api_keys select (jsonb_populate_record(k, jsonb_build_object( \
             'id', 'many' || to_char(n, 'FM000000'), 'token_name', 'many-' || n))).* \
           from api_keys as k cross join generate_series(1, 3000) as n where id = 'd4o6FQe5QT'",
    );
    let keys: Vec<String> = (1..=3_000).map(|n| format!("id:many{n:06}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let plan = Plan::of(&database, &keys);
    let output = plan.apply(&database, &["--yes", "-o", "json"]).run();
    let receipt = output.success().json();
    assert_eq!(receipt["changes"].as_array().unwrap().len(), 3_000);
    let operation = database.operation();
    assert_eq!(
        [&operation["planned"], &operation["changed"]],
        [3_000, 3_000]
    );
    assert_eq!(
        database
            .value("select count(*) from api_keys where id like 'many%' and expires_at < now()"),
        "3000"
    );
    assert_eq!(database.observations().len(), 3_000);
}
