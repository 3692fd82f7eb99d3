//! `tokens rm --at` and `--in`: an end in the future, in the row, the record, the receipt, both
//! audit logs.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::remove::{coder, column, remove};
use crate::support::{TestDatabase, seed};

/// A time as the database or JSON writes it.
pub(super) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// When a key ends, and its lifetime.
pub(super) fn row(database: &TestDatabase, key: &str) -> (DateTime<Utc>, String) {
    let expires = "to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let expires = column(database, key, expires);
    let lifetime = column(database, key, "lifetime_seconds");
    (time(&expires), lifetime)
}

/// The database's clock.
fn now(database: &TestDatabase) -> DateTime<Utc> {
    let now = "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    time(&database.value(now))
}

/// The end that stands in the record.
pub(super) fn recorded_end(operation: &Value) -> DateTime<Utc> {
    time(operation["ends_at"].as_str().unwrap_or_default())
}

#[test]
fn a_token_ends_in_two_hours_and_works_until_then() {
    let database = coder();
    let rest = "to_jsonb(api_keys) - 'expires_at' - 'lifetime_seconds'";
    let rest_before = column(&database, seed::HOT, rest);
    let others = "select md5(string_agg(to_jsonb(k)::text, '' order by id)) from api_keys as k \
                  where id <> 'd4o6FQe5QT'";
    let untouched = database.value(others);
    let (was, _) = row(&database, seed::HOT);
    let earliest = now(&database) + TimeDelta::hours(2) - TimeDelta::seconds(1);
    let output = remove(&database, &["build-cache", "--in", "2h"]).run();
    let latest = now(&database) + TimeDelta::hours(2);
    output
        .success()
        .says("will end 1 token at 20")
        .says(" (in 2 h) (expires_at = that end, lifetime_seconds = at most 3599)")
        .says("breaks d4o6FQe5QT: last used ")
        .says("note: use of a Coder key pushes its end ahead (of API tokens too before v2.35), so lifetime_seconds is lowered as well")
        .never_says("refresh token still gets");
    let said: Vec<&str> = output.stdout.lines().collect();
    let [told, seen, recorded, ..] = said.as_slice() else {
        panic!("{output}")
    };
    assert!(
        told.starts_with("scheduled token d4o6FQe5QT `build-cache` of ci-runner: ends at 20")
            && told.ends_with(" (in 2 h), works until then"),
        "{output}"
    );
    assert_eq!(
        *seen,
        "read back on a fresh connection: ends as set, alive until then"
    );
    assert!(recorded.ends_with(", and in the application's own audit log"));

    let operation = database.operation();
    let end = recorded_end(&operation);
    assert!(
        earliest <= end && end <= latest,
        "{end} {earliest} {latest}"
    );
    assert_eq!(row(&database, seed::HOT), (end, "3599".to_owned()));
    assert!(database.is_alive(seed::HOT), "until then");
    assert_eq!(column(&database, seed::HOT, rest), rest_before);
    assert_eq!(database.value(others), untouched);

    let wanted = json!({"action": "expire", "outcome": "applied", "planned": 1, "matched": 1,
        "changed": 1, "unchanged": 0, "still_alive": 0, "application_audit": "written"});
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&operation[name], value, "{name}");
    }
    let changes = database.changes();
    let [change] = changes.as_slice() else {
        panic!("{changes:#?}")
    };
    assert_eq!(change["state_before"], "active");
    assert_eq!(change["state_after"], "active");
    assert_eq!(change["before"]["lifetime_seconds"], "31536000");
    assert_eq!(change["after"]["lifetime_seconds"], "3599");
    let text = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S").to_string();
    let starts = |value: &Value, time| value.as_str().unwrap().starts_with(&text(time));
    assert!(starts(&change["before"]["expires_at"], was), "{change:#}");
    assert!(starts(&change["after"]["expires_at"], end), "{change:#}");
    assert_eq!(change["after"].as_object().unwrap().len(), 2);
    let observations = database.observations();
    let verdicts: Vec<&Value> = observations.iter().map(|seen| &seen["verdict"]).collect();
    assert_eq!(verdicts, [&json!("scheduled")]);
    // The application's own row: the end, as for any expire.
    let own = database.audit_logs().pop().unwrap();
    assert_eq!(own["action"], "write");
    let diff = own["diff"]["expires_at"].clone();
    let new: DateTime<Utc> = diff["New"].as_str().unwrap().parse().unwrap();
    let old: DateTime<Utc> = diff["Old"].as_str().unwrap().parse().unwrap();
    assert_eq!((old, new), (was, end));
}

#[test]
fn the_list_and_the_history_show_the_new_end() {
    let database = coder();
    remove(&database, &["build-cache", "--in", "90m"])
        .run()
        .success();
    let id = database.operation()["id"].as_str().unwrap().to_owned();
    let end = recorded_end(&database.operation());
    let tokens = |arguments: &[&str]| {
        let output = database.breakglass().args(arguments.to_vec()).run();
        output.success();
        output.json()
    };
    let shown = tokens(&["tokens", "show", "build-cache", "-o", "json"]);
    assert_eq!(shown["token"]["state"], "active");
    let shown_end: DateTime<Utc> = shown["token"]["expires_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(shown_end, end);
    assert_eq!(shown["token"]["details"]["lifetime_seconds"], 3599);
    let listed = tokens(&["tokens", "ls", "--name", "build-cache", "-o", "json"]);
    assert!(
        listed
            .to_string()
            .contains(shown["token"]["expires_at"].as_str().unwrap()),
        "{listed}"
    );
    let history = database.breakglass().args(["audit", "show", &id]).run();
    history.success();
    for text in [
        "\nends at          20",
        "lifetime_seconds: 31536000 -> 3599",
        "scheduled (ends by 20",
    ] {
        assert!(history.stdout.contains(text), "{text}: {history}");
    }
    let json = tokens(&["audit", "show", &id, "-o", "json"]);
    let told: DateTime<Utc> = json["operation"]["ends_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(told, end);
}

#[test]
fn the_receipt_is_the_record_in_json_too() {
    let database = coder();
    let output = remove(&database, &["build-cache", "--in", "1d", "-o", "json"]).run();
    output.success();
    let receipt = output.json();
    assert_eq!(receipt["verdict"], "scheduled");
    let told: DateTime<Utc> = receipt["operation"]["ends_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(told, recorded_end(&database.operation()));
    assert_eq!(receipt["changes"][0]["state_after"], "active");
    assert_eq!(receipt["unchanged"], json!([]));
}

/// RFC 3339, a local time with and without seconds, and a date.
#[test]
fn a_time_is_read_as_it_is_typed() {
    for (zone, typed, wanted) in [
        ("UTC", "2031-05-04T03:02:01Z", "2031-05-04T03:02:01Z"),
        ("UTC", "2031-05-04T03:02:01.9+02:00", "2031-05-04T01:02:01Z"),
        ("Europe/Berlin", "2031-08-01 14:00", "2031-08-01T12:00:00Z"),
        (
            "Europe/Berlin",
            "2031-01-01 14:00:30",
            "2031-01-01T13:00:30Z",
        ),
        ("America/New_York", "2031-08-01", "2031-08-01T04:00:00Z"),
    ] {
        let database = coder();
        // Of a workspace: it ends in a hundred years.
        let output = remove(&database, &["id:a3TMNdxL2k", "--at", typed])
            .env("TZ", zone)
            .run();
        output.success();
        let (end, lifetime) = row(&database, seed::WORKSPACE);
        assert_eq!(end, wanted.parse::<DateTime<Utc>>().unwrap(), "{typed}");
        assert_eq!(lifetime, "3599");
        let shown = end.with_timezone(&Utc);
        if zone == "UTC" {
            let shown = shown.format("at %Y-%m-%d %H:%M:%S +00:00 (in ").to_string();
            output.says(&shown);
        }
    }
    let database = coder();
    let output = remove(&database, &["id:a3TMNdxL2k", "--at", "2031-08-01 14:00"])
        .env("TZ", "Europe/Berlin")
        .run();
    output
        .success()
        .says("will end 1 token at 2031-08-01 14:00:00 +02:00 (in ");
}

/// A later one is no expire: what ends by then anyway is left as it is.
#[test]
fn an_end_moves_earlier_and_never_later() {
    let database = coder();
    remove(&database, &["build-cache", "--in", "2h"])
        .run()
        .success();
    let (two_hours, _) = row(&database, seed::HOT);
    let records = database.changes().len();
    let output = remove(&database, &["build-cache", "--in", "3h"]).run();
    output
        .success()
        .says("nothing to expire")
        .says("1 token over by then anyway, left as it is")
        .says("d4o6FQe5QT: ends by itself at 20");
    assert!(
        output.stdout.starts_with("ends by itself at 20")
            && output
                .stdout
                .contains(" (in 2 h): token d4o6FQe5QT `build-cache`, left as it is\n"),
        "{output}"
    );
    assert_eq!(row(&database, seed::HOT).0, two_hours);
    let last = database.operations().pop().unwrap();
    assert_eq!(
        (
            &last["outcome"],
            &last["unchanged"],
            &last["application_audit"]
        ),
        (&json!("unchanged"), &json!(1), &json!("none"))
    );
    assert_eq!(database.changes().len(), records);

    let output = remove(&database, &["build-cache", "--in", "1h"]).run();
    output.success();
    let (one_hour, lifetime) = row(&database, seed::HOT);
    assert!(one_hour < two_hours);
    assert_eq!(lifetime, "3599");
    let change = database.changes().pop().unwrap();
    assert_eq!(change["before"]["lifetime_seconds"], "3599");
    // And now, after all.
    remove(&database, &["build-cache"]).run().success();
    assert!(!database.is_alive(seed::HOT));
}

/// A session's own end is earlier, but use would push it ahead for ever: that stops.
#[test]
fn an_end_that_use_would_extend_is_kept_where_it_is() {
    let database = coder();
    let (own, lifetime) = row(&database, seed::SESSION);
    assert_eq!(lifetime, "86400");
    let key = format!("id:{}", seed::SESSION);
    let output = remove(&database, &[&key, "--in", "30d"]).run();
    output
        .success()
        .says(&format!(
            "{}: its own end is earlier and stays: ",
            seed::SESSION
        ))
        .says("; use no longer extends it");
    assert_eq!(row(&database, seed::SESSION), (own, "3599".to_owned()));
    let change = database.changes().pop().unwrap();
    assert_eq!(
        change["before"]["expires_at"],
        change["after"]["expires_at"]
    );
    assert_eq!(database.operation()["outcome"], "applied");
    let output = remove(&database, &[&key, "--in", "30d"]).run();
    output.success().says("nothing to expire");
}

#[test]
fn a_refresh_token_ends_at_the_same_time() {
    let database = coder();
    let key = format!("id:{}", seed::OAUTH);
    let output = remove(&database, &[&key, "--in", "10m"]).run();
    output
        .success()
        .says("with it: oauth refresh token ")
        .says("note: until then the refresh token still gets its app a new access key");
    let operation = database.operation();
    assert_eq!(
        (
            &operation["companions_planned"],
            &operation["companions_dead"],
            &operation["companions_changed"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    let same = format!(
        "select r.expires_at = k.expires_at and k.expires_at = o.ends_at \
           from oauth2_provider_app_tokens as r join api_keys as k on k.id = r.api_key_id, \
                breakglass.operation as o where k.id = '{}'",
        seed::OAUTH
    );
    assert_eq!(database.value(&same), "t");
    assert_eq!(
        output.stdout.matches("works until then").count(),
        2,
        "{output}"
    );
}

/// The access key is expired by now; only its refresh token has to end.
#[test]
fn a_dead_token_stays_as_it_is_and_its_refresh_token_ends() {
    let database = coder();
    let before = database.token_row(seed::OAUTH_EXPIRED);
    let key = format!("id:{}", seed::OAUTH_EXPIRED);
    let output = remove(&database, &[&key, "--in", "10m"]).run();
    output.success().says("already expired ");
    assert_eq!(database.token_row(seed::OAUTH_EXPIRED), before);
    let change = database.changes().pop().unwrap();
    assert_eq!(change["relation"], "public.oauth2_provider_app_tokens");
    assert_eq!(change["state_after"], "active");
    assert_eq!(database.operation()["unchanged"], 1);
}

#[test]
fn many_tokens_end_together_each_as_it_needs() {
    let database = coder();
    let keys = [seed::HOT, seed::EXPIRED, seed::SESSION, seed::OAUTH];
    let words: Vec<String> = keys.iter().map(|key| format!("id:{key}")).collect();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.extend(["--in", "15m"]);
    let output = remove(&database, &words).run();
    output
        .success()
        .says("will end 3 tokens at ")
        .says("1 token over by then anyway, left as it is");
    let operation = database.operation();
    let counts = [
        "planned",
        "matched",
        "changed",
        "unchanged",
        "companions_changed",
    ];
    let counts: Vec<&Value> = counts.iter().map(|name| &operation[name]).collect();
    assert_eq!(counts, [4, 4, 3, 1, 1]);
    let end = recorded_end(&operation);
    for key in [seed::HOT, seed::SESSION, seed::OAUTH] {
        assert_eq!(row(&database, key), (end, "3599".to_owned()), "{key}");
    }
    let verdicts = database.observations();
    let seen = |key: &str| {
        let seen = verdicts.iter().find(|seen| seen["key"] == key);
        seen.map(|seen| seen["verdict"].clone())
    };
    assert_eq!(seen(seed::HOT), Some(json!("scheduled")));
    assert_eq!(seen(seed::EXPIRED), Some(json!("dead")));
}

#[test]
fn a_dry_run_says_what_it_would_do_and_leaves_nothing() {
    let database = coder();
    let before = database.application_rows();
    let output = remove(&database, &["build-cache", "--in", "2h", "--dry-run"]).run();
    output.success().says("would end 1 token at ");
    assert!(
        output
            .stdout
            .starts_with("would schedule token d4o6FQe5QT `build-cache`"),
        "{output}"
    );
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
}

/// Something writes the old end back between the change and the look: that is not as set.
#[test]
fn an_end_that_was_written_over_is_told() {
    for write in [
        "expires_at = now() + interval '1 year'",
        "lifetime_seconds = 86400",
    ] {
        let database = coder();
        // Deferred, it comes after the statement's own check, as the application might.
        database.execute(&format!(
            "create function late() returns trigger language plpgsql as $$ begin \
               update api_keys set {write} where id = new.key; return null; end $$; \
             create constraint trigger late after insert on breakglass.change \
               deferrable initially deferred for each row execute function late()"
        ));
        let output = remove(&database, &["build-cache", "--in", "2h", "-o", "json"]).run();
        output.code(5);
        assert_eq!(output.json()["verdict"], "resurrected", "{write}");
    }
}
