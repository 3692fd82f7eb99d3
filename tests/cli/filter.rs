//! `tokens rm` by filter: which rows, the number that it wants, what goes along, how many at most.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::collections::BTreeSet;

use serde_json::Value;

use super::list::{keys, keys_where};
use super::remove::{Before, REASON, coder};
use crate::support::config::File;
use crate::support::terminal::Terminal;
use crate::support::{Invocation, TestDatabase, seed};

/// `tokens rm WORDS` with a reason, and without `--yes`.
fn rm<'a>(database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
    let invocation = database.breakglass().args(["tokens", "rm"]);
    invocation
        .args(["--reason", REASON])
        .args(words.iter().copied())
}

/// The same with `--yes` and the number.
fn rm_expecting<'a>(database: &'a TestDatabase, words: &[&str], number: usize) -> Invocation<'a> {
    rm(database, words).args(["--yes", "--expect", &number.to_string()])
}

fn asked(database: &TestDatabase, words: &[&str]) -> Terminal {
    rm(database, words).on_terminal(250)
}

/// The keys of the token table that a receipt says were changed, or are told to have been dead.
fn planned_keys(receipt: &Value) -> BTreeSet<String> {
    let changes = receipt["changes"].as_array().unwrap().iter();
    let changes = changes.filter(|change| change["relation"] == "public.api_keys");
    let unchanged = receipt["unchanged"].as_array().unwrap().iter();
    changes
        .chain(unchanged)
        .map(|row| row["key"].as_str().unwrap().to_owned())
        .collect()
}

const GRACE: &str = "u.username = 'grace' and not u.deleted";
const ALIVE: &str = "k.expires_at > now()";
const REFRESH: &str = "oauth2_provider_app_tokens";

/// How many refresh tokens of an owner's keys live.
fn live_refresh(database: &TestDatabase, owner: &str) -> usize {
    let sql = format!(
        "select count(*)::text from {REFRESH} as r join api_keys as k on k.id = r.api_key_id \
           join users as u on u.id = k.user_id where {owner} and r.expires_at > now()"
    );
    database.value(&sql).parse().unwrap()
}

#[test]
fn every_filter_means_what_the_list_shows() {
    let database = coder();
    let before = Before::of(&database);
    for filter in [
        &["--owner", "grace", "--kind", "all"][..],
        &["--owner", "GRACE@example.com", "--kind", "oauth"],
        &["--kind", "session,app-connect"],
        &["--name", "c*"],
        &["--unused-for", "30d"],
        &["--kind", "all", "--unused-for", "30d"],
        &["--created-before", "20d"],
        &["--created-after", "20d"],
        &["--expires-within", "7d"],
        &["--expires-after", "30d", "--name", "?*"],
        &["--name", "ci", "--include-expired"],
    ] {
        let listed: BTreeSet<String> = keys(&database, filter).into_iter().collect();
        assert!(!listed.is_empty(), "{filter:?}");
        let output = rm(&database, &[filter, &["--dry-run", "-o", "json"]].concat()).run();
        assert_eq!(planned_keys(&output.success().json()), listed, "{filter:?}");
    }
    let all: BTreeSet<String> = keys(&database, &["--kind", "all"]).into_iter().collect();
    let output = rm(&database, &["--all", "--dry-run", "-o", "json"]).run();
    assert_eq!(planned_keys(&output.success().json()), all);
    let owned = rm(&database, &["--owner", "grace", "--dry-run", "-o", "json"]).run();
    let listed = keys(&database, &["--owner", "grace", "--kind", "all"]);
    assert_eq!(
        planned_keys(&owned.success().json()),
        listed.into_iter().collect(),
        "of an owner all kinds are meant"
    );
    before.is_all(&database);
}

#[test]
fn an_owners_tokens_of_all_kinds_die_with_their_companions_and_nobody_elses() {
    let database = coder();
    let wanted = keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id");
    let refresh = live_refresh(&database, GRACE);
    assert!(wanted.len() > 1 && refresh > 0);
    let others = "select md5(string_agg(to_jsonb(k)::text, '' order by k.id)) from api_keys as k \
                  join users as u on u.id = k.user_id where u.username <> 'grace'";
    let untouched = database.value(others);
    let output = rm_expecting(&database, &["--owner", "grace", "-o", "json"], wanted.len()).run();
    let receipt = output.success().json();
    assert_eq!(planned_keys(&receipt), wanted.iter().cloned().collect());
    assert_eq!(receipt["verdict"], "dead");
    let operation = database.operation();
    assert_eq!(operation["selector"], "--owner grace --kind all");
    assert_eq!(operation["outcome"], "applied");
    assert_eq!(operation["application_audit"], "written");
    for (field, number) in [
        ("planned", wanted.len()),
        ("matched", wanted.len()),
        ("changed", wanted.len()),
        ("unchanged", 0),
        ("still_alive", 0),
        ("companions_planned", refresh),
        ("companions_changed", refresh),
    ] {
        assert_eq!(operation[field], number, "{field}: {operation:#}");
    }
    assert_eq!(database.changes().len(), wanted.len() + refresh);
    assert_eq!(database.observations().len(), wanted.len());
    let log = "select count(*)::text from audit_logs where user_agent = 'breakglass'";
    assert_eq!(database.value(log), wanted.len().to_string());
    assert!(keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id").is_empty());
    assert_eq!(live_refresh(&database, GRACE), 0);
    assert_eq!(database.value(others), untouched);
}

#[test]
fn without_a_terminal_it_wants_the_number_and_yes() {
    let database = coder();
    let before = Before::of(&database);
    let filter = ["--owner", "grace"];
    for (words, delete) in [
        (&[][..], &[][..]),
        (&["--yes"], &[]),
        (&["--expect", "3"], &[]),
        (&["--yes"], &["--delete"]),
        (&["--expect", "3"], &["--delete"]),
    ] {
        rm(&database, &[&filter, words, delete].concat())
            .run()
            .code(2)
            .says("error: what leads to many tokens needs both --expect N and --yes")
            .says("hint: look with `--dry-run`");
    }
    before.is_all(&database);
}

#[test]
fn another_number_is_refused_and_recorded() {
    let database = coder();
    let wanted = keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id").len();
    for number in [wanted - 1, wanted + 1, 0] {
        let before = Before::of(&database);
        rm_expecting(&database, &["--owner", "grace"], number)
            .run()
            .code(1)
            .says(&format!(
                "error: --expect says {number}, but the number of tokens that match is {wanted}"
            ))
            .says("nothing was changed\nrecorded as ");
        before.plus(&database, "refused", "--expect says ");
    }
}

#[test]
fn a_filter_that_lets_nothing_through_is_refused_with_the_list_to_look_at() {
    let database = coder();
    for number in [0, 1] {
        let before = Before::of(&database);
        rm_expecting(&database, &["--name", "nope-*"], number)
            .run()
            .code(1)
            .says("error: no token matches --kind token --name 'nope-*'")
            .says(
                "hint: see what there is with `breakglass tokens ls --kind token --name 'nope-*'`",
            );
        let operation = before.plus(&database, "refused", "no token matches");
        assert_eq!(operation["selector"], "--kind token --name 'nope-*'");
    }
}

#[test]
fn what_does_not_go_together_is_a_usage_error() {
    let database = coder();
    let before = Before::of(&database);
    for (words, says) in [
        (
            &["build-cache", "--owner", "grace"][..],
            "a selector and a filter do not go together",
        ),
        (
            &["build-cache", "--all"],
            "a selector and a filter do not go together",
        ),
        (
            &["build-cache", "--include-expired"],
            "a selector and a filter do not go together",
        ),
        (
            &["build-cache", "--name", "ci"],
            "--name goes with owner:LOGIN",
        ),
        (&[], "no token is named, and nothing to filter by"),
        (
            &["--include-expired"],
            "no token is named, and nothing to filter by",
        ),
        (
            &["--kind", "all"],
            "--kind all by itself is every token that there is",
        ),
        (&["--all", "--owner", "grace"], "cannot be used with"),
        (&["--all", "--kind", "token"], "cannot be used with"),
        (&["--owner", ""], "--owner"),
        (&["--name", ""], "--name"),
        (
            &["--owner", "grace", "--delete", "--confirm", "x"],
            "--confirm is for tokens that are named one by one",
        ),
        (&["--owner", "grace", "--max-rows", "0"], "--max-rows"),
        (&["--owner", "grace", "--max-rows", "250001"], "--max-rows"),
        (&["owner:grace"], "or say `--owner OWNER` for all of theirs"),
    ] {
        let output = rm_expecting(&database, words, 1).run();
        output.code(2).says(says);
    }
    before.is_all(&database);
    // Kinds are known when the adapter is, so this one is on record.
    rm_expecting(&database, &["--kind", "cookie"], 1)
        .run()
        .code(2)
        .says("--kind `cookie` is none that adapter `coder` knows");
    before.plus(&database, "refused", "cookie");
}

#[test]
fn a_secret_in_a_filter_is_refused_before_it_is_sent() {
    let database = coder();
    let before = Before::of(&database);
    let secret = seed::token_of(seed::HOT);
    for flag in ["--owner", "--name"] {
        let output = rm_expecting(&database, &[flag, &secret], 1).run();
        output.code(2).says(flag).never_says(&secret);
    }
    before.is_all(&database);
}

#[test]
fn on_a_terminal_the_number_is_typed() {
    let database = coder();
    let wanted = keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id");
    let number = wanted.len().to_string();
    let question = format!(
        "this expires {number} tokens on {} (--owner grace --kind all); type the number",
        database.name()
    );
    for answer in ["y", "yes", "", "1", &format!("{number}0")] {
        let before = Before::of(&database);
        // Neither of the two by itself replaces it.
        for alone in [&["--yes"][..], &["--expect", &number]] {
            let mut terminal = asked(&database, &[&["--owner", "grace"], alone].concat());
            terminal.expect(&question);
            terminal.interrupt();
            terminal.finish().code(130);
        }
        let mut terminal = asked(&database, &["--owner", "grace"]);
        terminal.expect(&question);
        terminal.send_line(answer);
        terminal
            .finish()
            .code(1)
            .says("declined; nothing was changed");
        before.plus(&database, "refused", "declined");
    }
    let mut terminal = asked(&database, &["--owner", "grace"]);
    terminal.expect(&question);
    assert!(database.is_alive(&wanted[0]), "not before the answer");
    terminal.send_line(&number);
    terminal.finish().code(0);
    assert!(keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id").is_empty());
    let all = keys_where(&database, ALIVE, "k.id").len().to_string();
    let both = ["--all", "--yes", "--expect", &all];
    asked(&database, &both)
        .finish()
        .code(0)
        .never_says("type the number");
    assert!(keys_where(&database, ALIVE, "k.id").is_empty());
}

#[test]
fn the_question_names_the_environment() {
    let database = coder();
    let file = File::on(&database, "environment = \"production\"");
    let invocation = file.breakglass().args(["tokens", "rm", "--owner", "grace"]);
    let invocation = invocation.args(["--delete", "--reason", REASON, "--target", "prod"]);
    let mut terminal = invocation.on_terminal(250);
    terminal.expect("this deletes for good ");
    terminal.expect(" tokens on production (--owner grace --kind all); type the number");
    let before = Before::of(&database);
    terminal.send_line("no");
    terminal.finish().code(1);
    before.plus(&database, "refused", "declined");
}

#[test]
fn a_delete_by_filter_wants_the_number_and_no_keys() {
    let database = coder();
    let of_grace = keys_where(&database, GRACE, "k.id");
    let wanted = keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id");
    rm_expecting(&database, &["--owner", "grace", "--delete"], wanted.len())
        .run()
        .success()
        .says("will delete ");
    let left = keys_where(&database, GRACE, "k.id");
    assert_eq!(left.len(), of_grace.len() - wanted.len());
    assert_eq!(database.operation()["action"], "delete");
    assert_eq!(database.changes().len(), wanted.len());
}

#[test]
fn companions_can_be_left_alone_and_the_receipt_says_which() {
    let database = coder();
    let filter = ["--owner", "grace", "--kind", "oauth"];
    let wanted = keys(&database, &filter);
    let refresh = live_refresh(&database, GRACE);
    let output = rm_expecting(
        &database,
        &[&filter[..], &["--no-companions", "-o", "json"]].concat(),
        wanted.len(),
    )
    .run();
    let receipt = output.success().json();
    assert_eq!(receipt["verdict"], "dead", "they are not what was to die");
    let told = receipt["still_works"].as_array().unwrap().iter();
    let told: Vec<&str> = told.filter_map(Value::as_str).collect();
    let left = format!("of token {} stays alive (--no-companions)", seed::OAUTH);
    assert!(told.iter().any(|text| text.ends_with(&left)), "{told:?}");
    assert_eq!(live_refresh(&database, GRACE), refresh);
    let operation = database.operation();
    assert_eq!(
        operation["selector"],
        "--owner grace --kind oauth --no-companions"
    );
    assert_eq!(operation["companions_planned"], 0);
    assert_eq!(operation["companions_changed"], 0);
    assert_eq!(database.changes().len(), wanted.len());
    assert!(!database.is_alive(seed::OAUTH));
}

#[test]
fn a_plan_says_which_companions_are_left() {
    let database = coder();
    let id = format!("id:{}", seed::OAUTH);
    let output = rm(&database, &[&id, "--no-companions", "--dry-run"]).run();
    output
        .success()
        .says("does not kill: oauth refresh token ")
        .says("stays alive (--no-companions)")
        .never_says("with it: ");
    let words = [&id, "--no-companions", "--yes", "--settle", "0"];
    let output = rm(&database, &words).run();
    let told = output.success().stdout.clone();
    let left = format!("of token {} stays alive (--no-companions)", seed::OAUTH);
    let line = told.lines().find(|line| line.ends_with(&left));
    let line = line.unwrap_or_else(|| panic!("no line ends with {left}: {told}"));
    assert!(
        line.starts_with("not killed: oauth refresh token "),
        "{line}"
    );
    let database = coder();
    let words = [&id, "--no-companions", "--companions", "--dry-run"];
    let output = rm(&database, &words).run();
    output.success().says("with it: oauth refresh token ");
}

#[test]
fn more_rows_than_one_transaction_takes_are_refused_and_recorded() {
    let database = coder();
    let before = Before::of(&database);
    rm_expecting(&database, &["--all", "--max-rows", "3"], 3)
        .run()
        .code(1)
        .says("error: the plan has at least 4 tokens, and --max-rows allows 3 in one transaction")
        .says("hint: go in batches with `--batch-size N`, each a transaction of its own, or raise --max-rows");
    before.plus(&database, "refused", "--max-rows allows 3");
    let before = Before::of(&database);
    rm_expecting(&database, &["build-cache", "release", "--max-rows", "1"], 2)
        .run()
        .code(1)
        .says("error: the plan has 2 tokens, and --max-rows allows 1");
    before.plus(&database, "refused", "--max-rows allows 1");
    // The target has the last word, whatever the flag says.
    let before = Before::of(&database);
    let file = File::on(&database, "max_rows = 2");
    file.remove(&["--all", "--max-rows", "1000", "--expect", "3"])
        .run()
        .code(1)
        .says("error: the plan has at least 3 tokens, and target `prod` allows 2 in one operation");
    before.plus(&database, "refused", "allows 2");
}

/// They count, they are left as they are, and a delete removes them.
#[test]
fn dead_tokens_are_meant_when_they_are_asked_for() {
    let database = coder();
    let named = "k.token_name = 'ci' and k.login_type = 'token'";
    let all = keys_where(&database, named, "k.id").len();
    let alive = keys_where(&database, &format!("{named} and {ALIVE}"), "k.id").len();
    assert!(alive > 0 && alive < all);
    let ended = format!(
        "select string_agg(expires_at::text, ' ' order by id) from api_keys as k where {named} and expires_at < now()"
    );
    let dead = database.value(&ended);
    let words = ["--name", "ci", "--include-expired"];
    rm_expecting(&database, &words, alive).run().code(1);
    rm_expecting(&database, &words, all).run().success();
    let operation = database.value(
        "select planned || ' ' || changed || ' ' || unchanged from breakglass.operation where outcome = 'applied'",
    );
    assert_eq!(operation, format!("{all} {alive} {}", all - alive));
    assert!(
        database
            .value(&ended)
            .contains(dead.split(' ').next().unwrap())
    );
    rm_expecting(&database, &[&words[..], &["--delete"]].concat(), all)
        .run()
        .success();
    assert!(keys_where(&database, named, "k.id").is_empty());
}

#[test]
fn an_owner_who_is_two_people_is_refused() {
    let database = coder();
    database.execute("update users set email = 'Grace' where username = 'jasmin'");
    let before = Before::of(&database);
    rm_expecting(&database, &["--owner", "grace"], 5)
        .run()
        .code(1)
        .says("error: owner `grace` is more than one: ")
        .says("(grace, grace@example.com, status ")
        .says("(jasmin, Grace, status ")
        .says("hint: give the owner's id");
    before.plus(&database, "refused", "is more than one");
}

#[test]
fn a_plan_of_many_is_a_summary_and_the_first_rows() {
    let database = coder();
    let all = keys_where(&database, ALIVE, "k.id").len();
    let output = rm(&database, &["--all", "--dry-run"]).run();
    let sessions = keys(&database, &["--kind", "session"]).len();
    output
        .success()
        .says(&format!("would expire {all} tokens"))
        .says(&format!("{sessions} session of "))
        .says(&format!(
            "… and {} more: `breakglass tokens ls --kind all`",
            all - 20
        ))
        .never_says("breaks ");
    assert!(output.stderr.lines().count() < 100, "{output}");
    assert!(output.stdout.lines().count() < 60, "{output}");
}

/// What the application writes after the plan was shown is not in it.
#[test]
fn a_row_that_comes_after_the_plan_is_not_touched() {
    let database = coder();
    let number = keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id").len();
    let mut terminal = asked(&database, &["--owner", "grace"]);
    terminal.expect("type the number");
    newcomer(&database, seed::OAUTH, "newcomer01");
    terminal.send_line(&number.to_string());
    terminal.finish().code(0);
    assert_eq!(
        keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id"),
        ["newcomer01"]
    );
    let named =
        database.value("select count(*)::text from breakglass.change where key = 'newcomer01'");
    assert_eq!(named, "0");
}

/// Secrets are compared in one round trip, and one that is wrong stops all of them.
#[test]
fn many_pasted_secrets_are_compared_together() {
    let database = coder();
    let keys = keys_where(&database, ALIVE, "k.id");
    let secrets: Vec<String> = keys.iter().map(|key| seed::token_of(key)).collect();
    let mut wrong = secrets.clone();
    wrong.push(format!("{}-{}", keys[7], seed::secret_of(&keys[8])));
    let before = Before::of(&database);
    let pasted = |secrets: &[String]| {
        let invocation = rm(&database, &["-", "--yes", "-o", "json"]);
        invocation.stdin(secrets.join("\n")).run()
    };
    let output = pasted(&wrong);
    output
        .code(1)
        .says(&format!("not the one of token `{}`", keys[7]));
    before.plus(&database, "refused", "the stored hash differs");
    let receipt = pasted(&secrets).success().json();
    assert_eq!(receipt["operation"]["changed"], keys.len());
    assert_eq!(receipt["operation"]["secret_verified"], true);
}

/// A row that was changed after the plan was shown stops all of it.
#[test]
fn a_row_that_changed_after_the_plan_stops_the_whole() {
    let database = coder();
    let keys = keys_where(&database, &format!("{GRACE} and {ALIVE}"), "k.id");
    let mut terminal = asked(&database, &["--owner", "grace"]);
    terminal.expect("type the number");
    database.execute(&format!(
        "update api_keys set expires_at = expires_at + interval '1 hour' where id = '{}'",
        keys[0]
    ));
    let before = Before::of(&database);
    terminal.send_line(&keys.len().to_string());
    let transcript = terminal.finish();
    transcript.code(1).says("was changed after it was shown");
    before.plus(&database, "refused", "was changed after it was shown");
}

/// A copy of a key under another id.
pub(super) fn newcomer(database: &TestDatabase, of: &str, key: &str) {
    database.execute(&format!(
        "insert into api_keys select (jsonb_populate_record(k, '{{\"id\": \"{key}\", \"token_name\": \"\"}}')).* \
           from api_keys as k where k.id = '{of}'"
    ));
}
