//! Who says yes to a plan, and what stands for it.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use super::plan_file::Plan;
use super::remove::{Before, REASON, coder};
use crate::support::{TestDatabase, breakglass, seed};

const EXPIRE: &str = "expire? [y/N]";

/// Asserts that it is a usage error, also where nothing could be connected to.
#[track_caller]
fn is_usage(database: &TestDatabase, plan: &Plan, words: &[&str], told: &str) {
    let output = plan.apply(database, words).run();
    output.code(2).says(told);
    assert_eq!(output.stdout, "");
    let nowhere = [
        "apply",
        &plan.path(),
        "-d",
        "host=/nonexistent dbname=x user=x",
    ];
    let output = breakglass().args(nowhere).args(words.to_vec()).run();
    output.code(2).says(told);
}

#[test]
fn without_a_terminal_everything_is_said_before_anything_is_touched() {
    let database = coder();
    let plan = Plan::nowhere();
    plan.make(&database, &["build-cache"]).run().success();
    let before = Before::of(&database);
    let refused = |words: &[&str], told: &str| is_usage(&database, &plan, words, told);
    refused(
        &["--yes"],
        "error: --reason is required without a terminal\nhint: add `--reason 'why'`",
    );
    refused(&["--yes", "--reason", ""], "error: --reason is empty");
    let why = ["--reason", REASON];
    let and = |words: &[&'static str]| [&why[..], words].concat();
    refused(
        &why,
        "error: there is no terminal to ask on\nhint: add `--yes`",
    );
    refused(
        &and(&["--yes", "--confirm", seed::HOT]),
        "error: --confirm goes with a plan that deletes, and this one expires",
    );
    refused(
        &and(&["--yes", "--cancel-blocker"]),
        "error: --cancel-blocker asks, and there is no terminal",
    );
    let secret = seed::token_of(seed::HOT);
    refused(
        &["--reason", &secret, "--yes"],
        "error: --reason holds something of the shape of a secret",
    );
    before.is_all(&database);
}

#[test]
fn without_a_terminal_yes_alone_deletes_nothing() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "--delete"]);
    let before = Before::of(&database);
    let refused = |words: &[&str], told: &str| is_usage(&database, &plan, words, told);
    let digest = plan.digest();
    let more = "error: the plan deletes, which needs more than --yes without a terminal\nhint: add `--digest DIGEST --yes`";
    refused(&["--yes"], more);
    refused(&["--digest", &digest], more);
    let part = "a digest has 64 hexadecimal digits; a part of one pins nothing";
    for other in [
        "",
        &digest[..16],
        &digest[1..],
        &format!("{digest}0"),
        &format!("{}g", &digest[1..]),
    ] {
        refused(&["--yes", "--digest", other], part);
    }
    before.is_all(&database);
}

#[test]
fn a_pinned_digest_approves_a_delete_and_no_other_plan() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "--delete"]);
    let other = Plan::of(&database, &["build-cache", "--delete", "--valid-for", "1h"]);
    let (digest, unlike) = (plan.digest(), other.digest());
    assert_ne!(digest, unlike);
    let before = Before::of(&database);
    let output = other
        .apply(&database, &["--yes", "--digest", &digest])
        .run();
    let error = format!("--digest pins {digest}, and the plan has {unlike}");
    output
        .code(1)
        .says(&format!(
            "error: {error}\nhint: get the plan that was approved"
        ))
        .says("nothing was changed\nrecorded as ");
    let refused = before.plus(&database, "refused", &error);
    assert_eq!(refused["plan_digest"], unlike);
    assert_eq!(refused["action"], "delete");
    plan.apply(&database, &["--yes", "--digest", &digest])
        .run()
        .success();
    assert!(!database.has_token(seed::HOT));
    let applied = &database.operations()[1];
    assert_eq!(
        [&applied["outcome"], &applied["plan_digest"]],
        ["applied", digest.as_str()]
    );
}

#[test]
fn keys_confirm_a_delete_each_of_them() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "release", "--delete"]);
    let before = Before::of(&database);
    let output = plan.apply(&database, &["--confirm", seed::HOT]).run();
    output
        .code(1)
        .says("error: --confirm does not name token `r1zx5DiipR`");
    before.plus(
        &database,
        "refused",
        "--confirm does not name token `r1zx5DiipR`",
    );
    plan.apply(
        &database,
        &["--confirm", seed::HOT, "--confirm", seed::RELEASE],
    )
    .run()
    .success();
    assert!(!database.has_token(seed::HOT) && !database.has_token(seed::RELEASE));
}

#[test]
fn on_a_terminal_it_asks_as_rm_does() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let before = Before::of(&database);
    let mut terminal = plan.apply(&database, &[]).on_terminal(160);
    let shown = terminal.expect(EXPIRE);
    for text in [
        "planned by ",
        "valid until ",
        &plan.digest(),
        "breaks d4o6FQe5QT",
    ] {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
    terminal.send_line("n");
    terminal
        .finish()
        .code(1)
        .says("error: declined; nothing was changed");
    let declined = before.plus(&database, "refused", "declined");
    assert_eq!(declined["plan_digest"], plan.digest());

    let mut terminal = plan.apply(&database, &[]).on_terminal(160);
    terminal.expect(EXPIRE);
    terminal.interrupt();
    terminal
        .finish()
        .code(130)
        .says("interrupted; nothing was changed");
    assert!(database.is_alive(seed::HOT));

    let mut terminal = plan
        .apply(&database, &["--digest", &plan.digest()])
        .on_terminal(160);
    terminal.expect(EXPIRE);
    terminal.send_line("y");
    terminal.finish().code(0);
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn on_a_terminal_a_reason_that_nobody_gave_is_asked_for_and_a_key_is_typed() {
    let database = coder();
    let plan = Plan::nowhere();
    plan.make(&database, &["build-cache", "--delete"])
        .run()
        .success();
    let mut terminal = plan.apply(&database, &["--yes"]).on_terminal(160);
    terminal.expect("reason:");
    terminal.send_line("because");
    // Here --yes is no answer: nothing pins what it would be said to.
    terminal.expect("type the key (d4o6FQe5QT) to delete it for good");
    terminal.send_line(seed::HOT);
    terminal.finish().code(0);
    assert!(!database.has_token(seed::HOT));
    assert_eq!(database.operation()["reason"], "because");
}

/// A plan that a filter made, of so many tokens.
fn filtered(database: &TestDatabase) -> (Plan, usize) {
    let plan = Plan::nowhere();
    let words = ["--owner", "grace", "--reason", REASON];
    plan.make(database, &words).run().success();
    let tokens = plan.json()["tokens"].as_array().map_or(0, Vec::len);
    assert!(tokens > 1);
    assert_eq!(plan.json()["filtered"], true);
    (plan, tokens)
}

#[test]
fn what_a_filter_planned_wants_its_digest_or_its_number() {
    let database = coder();
    let (plan, tokens) = filtered(&database);
    let before = Before::of(&database);
    let more = "error: a filter made the plan, which needs more than --yes without a terminal\n\
                hint: add `--digest DIGEST --yes` with the digest that was approved, or `--expect N --yes`";
    is_usage(&database, &plan, &["--yes"], more);
    is_usage(&database, &plan, &["--expect", &tokens.to_string()], more);
    is_usage(&database, &plan, &["--digest", &plan.digest()], more);
    before.is_all(&database);
    let other = (tokens + 1).to_string();
    let told = format!("--expect says {other}, but the number of tokens that match is {tokens}");
    let output = plan.apply(&database, &["--yes", "--expect", &other]).run();
    output.code(1).says(&told);
    before.plus(&database, "refused", &told);
    let number = tokens.to_string();
    let output = plan.apply(&database, &["--yes", "--expect", &number]).run();
    output.success();
    assert_eq!(database.operations().len(), 2);
}

#[test]
fn the_digest_of_what_a_filter_planned_is_enough() {
    let database = coder();
    let (plan, tokens) = filtered(&database);
    let digest = plan.digest();
    let output = plan.apply(&database, &["--yes", "--digest", &digest]).run();
    output.success();
    assert_eq!(database.operation()["planned"], tokens);
}

#[test]
fn a_person_types_the_number_of_what_a_filter_planned() {
    let database = coder();
    let (plan, tokens) = filtered(&database);
    // As with a filter at once, --yes alone is not a yes to a number.
    for (words, typed, code) in [
        (&["--yes"][..], "y".to_owned(), 1),
        (&[], tokens.to_string(), 0),
    ] {
        let mut terminal = plan.apply(&database, words).on_terminal(200);
        terminal.expect("type the number");
        terminal.send_line(&typed);
        terminal.finish().code(code);
    }
    let outcomes = "select string_agg(outcome, ' ' order by occurred_at) from breakglass.operation";
    assert_eq!(database.value(outcomes), "refused applied");
}

/// The selector of the file ends with it already.
#[test]
fn what_a_plan_leaves_alone_is_told_once() {
    let database = coder();
    let plan = Plan::nowhere();
    let words = [seed::OAUTH, "--no-companions", "--reason", REASON];
    plan.make(&database, &words).run().success();
    plan.apply(&database, &["--yes"]).run().success();
    let operation = database.operation();
    let selector = operation["selector"].as_str().unwrap_or_default();
    assert_eq!(selector.matches("--no-companions").count(), 1, "{selector}");
}

#[test]
fn a_validity_of_nothing_written_down_is_a_usage_error() {
    let database = coder();
    let words = ["tokens", "rm", "build-cache", "--yes", "--reason", REASON];
    let output = database
        .breakglass()
        .args(words)
        .args(["--valid-for", "1h"]);
    output.run().code(2).says("--valid-for");
    assert!(database.is_alive(seed::HOT));
}
