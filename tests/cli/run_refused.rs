//! `resume` that is refused: by its target, by whoever is asked, and with a word for who comes later.

use super::batches::{coder, forbid, rm, run_of};
use super::remove::{Before, REASON};
use super::target_rules::TICKETS;
use crate::support::config::File;
use crate::support::{Invocation, TestDatabase};

fn stopped() -> TestDatabase {
    let database = coder(250);
    forbid(&database, "b000000150");
    rm(&database, 250).run().code(5);
    database
}

fn in_prod(file: &File, run: &str, flags: &[&str]) -> Invocation<'static> {
    let resume = file
        .breakglass()
        .args(["resume", run, "--yes", "--target", "prod"]);
    resume.args(flags.to_vec())
}

#[test]
fn more_tokens_than_the_target_allows_are_not_gone_on_with() {
    let database = stopped();
    let run = run_of(&database);
    let before = Before::of(&database);
    let file = File::on(&database, "max_rows = 149");
    let text = "the run has 150 tokens left, and target `prod` allows 149 in one operation";
    in_prod(&file, &run, &["--reason", REASON])
        .run()
        .code(1)
        .says(&format!("error: {text}\n"))
        .says("hint: change the target's `max_rows`");
    let refused = before.plus(&database, "refused", text);
    assert_eq!(refused["selector"], format!("run:{run}"));
    assert_eq!(refused["planned"], 150);
    assert_eq!(database.bulk_alive(), 150);
    let file = File::on(&database, "max_rows = 150");
    // It gets as far as the row that is in the way.
    in_prod(&file, &run, &[]).run().code(1).says("not this one");
}

#[test]
fn a_rule_that_the_runs_own_words_break_is_told_as_that() {
    let database = stopped();
    let run = run_of(&database);
    let file = File::on(&database, "min_reason_length = 20");
    let text = "the reason has 11 characters, and target `prod` asks for 20 at least; it is the one \
                that the run was begun with";
    in_prod(&file, &run, &[])
        .run()
        .code(2)
        .says(text)
        .says("hint: give another one with `--reason TEXT`: it replaces the run's");
    let refused = database.operations().pop();
    let refused = refused.map(|it| [it["outcome"].clone(), it["error"].clone()]);
    assert_eq!(refused, Some(["refused".into(), text.into()]));
    let file = File::on(&database, TICKETS);
    in_prod(&file, &run, &[])
        .run()
        .code(2)
        .says("it is the one that the run was begun with")
        .says("hint: give one with `--ticket TICKET`: it replaces the run's");
    in_prod(&file, &run, &["--ticket", "INC-7"])
        .run()
        .code(1)
        .says("not this one");
}

#[test]
fn whoever_says_no_has_changed_nothing_and_that_is_on_record() {
    let database = stopped();
    let run = run_of(&database);
    let before = Before::of(&database);
    let mut terminal = database
        .breakglass()
        .args(["resume", &run, "--reason", REASON])
        .on_terminal(120);
    terminal.expect("go on?");
    terminal.send_line("n");
    let transcript = terminal.finish();
    transcript.code(1).says("declined; nothing was changed");
    let refused = before.plus(&database, "refused", "declined");
    assert_eq!(refused["selector"], format!("run:{run}"));
}

#[test]
fn another_adapter_than_the_runs_is_told_with_the_flag_that_names_it() {
    let database = stopped();
    let run = run_of(&database);
    let resume = database.breakglass().args(["resume", &run, "--yes"]);
    resume
        .args(["--adapter", "nosuch"])
        .run()
        .code(2)
        .says("was done with adapter `coder`")
        .says("hint: name it with `--adapter coder`; one of your own needs its file too");
}
