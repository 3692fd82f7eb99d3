//! A thousand at once: one effective change and one record each, no deadlock, and nothing lost when the
//! database goes away and comes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{PRINCIPALS, REASON, coder, get, post};
use crate::support::{Server, Serving};

/// Requests in all.
const REQUESTS: usize = 1_000;
/// Clients at once.
const CLIENTS: usize = 32;

/// One request: now a token, now a plan of several that overlaps others'.
fn ask(serving: &Serving, keys: &[String], number: usize) -> u16 {
    let key = &keys[number % keys.len()];
    if !number.is_multiple_of(5) {
        let path = format!("/v1/tokens/{key}/expire");
        let ask = serving.ask("POST", &path).by("admin").reason(REASON);
        return ask.json(&json!({"settle_ms": 0})).send().code;
    }
    // Named backwards, so that an order of locks that is the request's would meet another's.
    let named: Vec<_> = (0..4)
        .rev()
        .map(|step| json!({"id": keys[(number + step * 7) % keys.len()]}))
        .collect();
    let planned = post(
        serving,
        "admin",
        "/v1/plans",
        json!({"action": "expire", "tokens": named}),
    );
    if planned.code != 201 {
        return planned.code;
    }
    let proposal = planned.json();
    let digest = proposal["operation"]["plan_digest"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    serving
        .ask("POST", &format!("/v1/plans/{digest}/apply"))
        .by("admin")
        .send()
        .code
}

#[test]
fn a_thousand_expires_of_overlapping_sets_are_one_change_each() {
    let database = coder();
    let serving = Server::on(&database, PRINCIPALS)
        .args(["--max-requests", "64", "--lock-timeout", "30s"])
        .start();
    let keys: Vec<String> = database
        .query("select id from api_keys where expires_at > now() order by id limit 60")
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    let (next, codes) = (AtomicUsize::new(0), std::sync::Mutex::new(BTreeMap::new()));
    let client = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= REQUESTS {
                return;
            }
            let code = ask(&serving, &keys, number);
            *codes.lock().unwrap().entry(code).or_insert(0) += 1;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(client);
        }
    });
    let codes = codes.into_inner().unwrap();
    // A plan of the same rows by the same principal may be somebody else's to apply by now.
    let known: usize = codes
        .iter()
        .filter(|(code, _)| [200, 404, 409].contains(*code))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(known, REQUESTS, "{codes:?}");
    assert!(codes[&200] > REQUESTS * 3 / 4, "{codes:?}");
    for key in &keys {
        assert!(!database.is_alive(key), "{key}");
        let changes = format!(
            "select count(*) from breakglass.change where relation = 'public.api_keys' and key = '{key}'"
        );
        assert_eq!(database.value(&changes), "1", "{key}");
    }
    let recorded = database.value(
        "select count(*) from breakglass.operation where outcome in ('applied', 'unchanged')",
    );
    assert_eq!(recorded, codes[&200].to_string());
    assert_eq!(
        database.value("select deadlocks from pg_stat_database where datname = current_database()"),
        "0"
    );
}

#[test]
fn a_backend_that_is_killed_costs_nobody_more_than_its_own_request() {
    let database = coder();
    let serving = Server::on(&database, PRINCIPALS).start();
    for _ in 0..3 {
        let _list = get(&serving, "admin", "/v1/tokens").status(200);
        database.value("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
    }
    let _list = get(&serving, "admin", "/v1/tokens").status(200);
}
