//! What a target demands of an operation: a reason, a ticket, not too many tokens.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use super::remove::{Before, REASON, coder};
use crate::support::config::{File, prod};
use crate::support::{Invocation, TestDatabase, seed};

pub(super) const TICKETS: &str = "require_ticket = true\nticket_pattern = \"^INC-[0-9]+$\"";
const REASONS: &str = "min_reason_length = 20\nreason_pattern = \"(?i)because\"";
const REASON_OF_FORM: &str = "Because it loops, says INC-42";

/// Nothing answers there: whoever connects fails with exit code 3.
pub(super) const NOWHERE: &str = "host=/nonexistent dbname=x user=x";

fn no_words(file: &File) -> Invocation<'static> {
    let invocation = file.breakglass().args(["tokens", "rm", "build-cache"]);
    invocation.args(["--yes", "--target", "prod"])
}

#[test]
fn a_ticket_is_checked_before_anything_is_connected_to() {
    let file = File::with(&prod(NOWHERE, TICKETS));
    let remove = |words: &[&str]| file.remove(&["build-cache"]).args(words.to_vec()).run();
    remove(&[])
        .code(2)
        .says("error: --ticket is required by target `prod`\nhint: add `--ticket TICKET`\n");
    for ticket in ["42", "INC-", "inc-42", "see INC-42"] {
        remove(&["--ticket", ticket]).code(2).says(
            "error: --ticket does not match `^INC-[0-9]+$`, which target `prod` asks for\n\
             hint: give a ticket that matches the regular expression `^INC-[0-9]+$`\n",
        );
    }
    remove(&["--ticket", ""])
        .code(2)
        .says("--ticket is required");
    let json = remove(&["-o", "json"]);
    assert_eq!(json.code(2).json_error()["error"]["code"], "unmet_rule");
    // With it, somebody tries to connect.
    remove(&["--ticket", "INC-42"]).code(3);
    // A dry run leaves nothing that would have to be justified.
    remove(&["--dry-run"]).code(3);
}

#[test]
fn a_reason_is_checked_before_anything_is_connected_to() {
    let file = File::with(&prod(NOWHERE, REASONS));
    let remove = |reason: &str| no_words(&file).args(["--reason", reason]).run();
    remove("because").code(2).says(
        "error: the reason has 7 characters, and target `prod` asks for 20 at least\nhint: say more",
    );
    remove("              because              ")
        .code(2)
        .says("has 7 characters");
    remove("it loops and loops and loops").code(2).says(
        "error: the reason does not match `(?i)because`, which target `prod` asks for\nhint: give a reason",
    );
    remove(REASON_OF_FORM).code(3);
    let file = File::with(&prod(NOWHERE, "ticket_pattern = \"^INC-[0-9]+$\""));
    // One that is not required must match all the same.
    let remove = |words: &[&str]| file.remove(&["build-cache"]).args(words.to_vec()).run();
    remove(&[]).code(3);
    remove(&["--ticket", "42"])
        .code(2)
        .says("--ticket does not match");
}

#[test]
fn what_matches_is_on_record() {
    let database = coder();
    let file = File::on(&database, &format!("{TICKETS}\n{REASONS}"));
    let words = ["--reason", REASON_OF_FORM, "--ticket", "INC-42"];
    no_words(&file).args(words).run().success();
    let operation = database.operation();
    assert_eq!(operation["reason"], REASON_OF_FORM);
    assert_eq!(operation["ticket"], "INC-42");
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn on_a_terminal_it_asks_until_the_target_is_content() {
    let database = coder();
    let file = File::on(&database, &format!("{TICKETS}\n{REASONS}"));
    let remove = file.breakglass().args(["tokens", "rm", "build-cache"]);
    let mut terminal = remove.args(["--target", "prod"]).on_terminal(200);
    terminal.expect("reason: ");
    terminal.send_line("because");
    terminal.expect("the reason has 7 characters");
    terminal.expect("reason: ");
    terminal.send_line(REASON_OF_FORM);
    terminal.expect("ticket: ");
    terminal.send_line("42");
    terminal.expect("--ticket does not match `^INC-[0-9]+$`");
    terminal.expect("ticket: ");
    assert!(database.operations().is_empty());
    terminal.send_line("INC-42");
    terminal.expect("expire? [y/N]");
    assert!(database.is_alive(seed::HOT));
    terminal.send_line("y");
    terminal.finish().code(0);
    let operation = database.operation();
    assert_eq!(operation["reason"], REASON_OF_FORM);
    assert_eq!(operation["ticket"], "INC-42");
}

#[test]
fn a_secret_in_the_place_of_a_ticket_is_refused_when_it_is_typed() {
    let database = coder();
    let file = File::on(&database, "require_ticket = true");
    let before = Before::of(&database);
    let remove = file.breakglass().args(["tokens", "rm", "build-cache"]);
    let remove = remove.args(["--target", "prod", "--reason", REASON]);
    let mut terminal = remove.on_terminal(200);
    terminal.expect("ticket: ");
    terminal.send_line(&seed::token_of(seed::HOT));
    terminal.finish().code(2).says("the ticket");
    before.is_all(&database);
}

#[track_caller]
fn refused(database: &TestDatabase, file: &File, words: &[&str], planned: usize) {
    let before = Before::of(database);
    let output = file.remove(words).run();
    output
        .code(1)
        .says(&format!(
            "error: the plan has {planned} tokens, and target `prod` allows 1 in one operation\n\
             hint: name fewer tokens, or change the target's `max_rows`; no flag raises it\n\
             nothing was changed\nrecorded as "
        ))
        .never_says("will expire");
    let operation = before.plus(database, "refused", "the plan has ");
    assert!(operation["planned"].is_null() && operation["plan_digest"].is_null());
}

#[test]
fn more_tokens_than_the_target_allows_are_refused_and_recorded() {
    let database = coder();
    let file = File::on(&database, "max_rows = 1");
    let two = ["build-cache", "release"];
    refused(&database, &file, &two, 2);
    let three = ["build-cache", "release", "id:z8vWfGZaE2"];
    refused(&database, &file, &three, 3);
    let delete = ["build-cache", "release", "--delete"];
    let confirmed = [
        &delete[..],
        &["--confirm", seed::HOT, "--confirm", seed::RELEASE],
    ]
    .concat();
    refused(&database, &file, &confirmed, 2);
    let json = file.remove(&[&two[..], &["-o", "json"]].concat()).run();
    let error = json.code(1).json_error();
    assert_eq!(error["error"]["code"], "too_many_rows");
    assert_eq!(error["error"]["recorded"], true);
    file.remove(&["build-cache"]).run().success();
    assert!(!database.is_alive(seed::HOT) && database.is_alive(seed::RELEASE));
    let file = File::on(&database, "max_rows = 2");
    file.remove(&two).run().success();
    assert!(!database.is_alive(seed::RELEASE));
}

#[test]
fn too_many_are_refused_before_any_question() {
    let database = coder();
    let file = File::on(&database, "max_rows = 1");
    let remove = file
        .breakglass()
        .args(["tokens", "rm", "build-cache", "release"]);
    let remove = remove.args(["--target", "prod", "--reason", REASON]);
    let before = Before::of(&database);
    let transcript = remove.on_terminal(200).finish();
    transcript
        .code(1)
        .says("the plan has 2 tokens")
        .never_says("expire?");
    before.plus(&database, "refused", "the plan has 2 tokens");
}
