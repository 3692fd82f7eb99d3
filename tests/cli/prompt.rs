//! `tokens rm` on a terminal: what it asks, what each answer does, and Ctrl-C at every place.

use super::remove::{Before, REASON, coder, remove};
use super::select::{KEY, SECRET, token, with_secret, written};
use crate::support::terminal::{Terminal, Transcript};
use crate::support::{Invocation, Template, TestDatabase, seed};

const EXPIRE: &str = "expire? [y/N]";

/// `tokens rm WORDS` on a terminal, with a reason and without `--yes`.
fn asked(database: &TestDatabase, words: &[&str]) -> Terminal {
    let invocation = database
        .breakglass()
        .args(["tokens", "rm", "--reason", REASON]);
    invocation.args(words.to_vec()).on_terminal(200)
}

/// The same from a shell, which tells afterwards how it ended and how the terminal is.
fn in_a_shell(database: &TestDatabase, words: &[&str]) -> Terminal {
    let script = "trap : INT; stty -a >before; \"$@\"; echo \"ended with $?\"; \
                  stty -a | diff before - && echo the terminal is as it was";
    let shell = Invocation::new("/bin/sh")
        .on(database)
        .args(["-c", script, "sh"]);
    let shell = shell.args([env!("CARGO_BIN_EXE_breakglass"), "tokens", "rm"]);
    shell.args(words.to_vec()).on_terminal(200)
}

#[track_caller]
fn was_interrupted(terminal: Terminal) -> Transcript {
    let transcript = terminal.finish();
    transcript.says("error: interrupted; nothing was changed\n");
    transcript.says("ended with 130\nthe terminal is as it was\n");
    let hidden = transcript.raw.rfind("\u{1b}[?25l");
    assert!(
        hidden <= transcript.raw.rfind("\u{1b}[?25h"),
        "the cursor is hidden"
    );
    transcript
}

#[test]
fn yes_expires_what_was_shown() {
    for answer in ["y", "Y"] {
        let database = coder();
        let mut terminal = asked(&database, &["build-cache"]);
        let shown = terminal.expect(EXPIRE);
        for part in [
            &format!("database {} on ", database.name()),
            "as postgres, primary, PostgreSQL ",
            "will expire 1 token (expires_at = now - 1 s)",
            "d4o6FQe5QT  build-cache  ci-runner  token  active",
            "breaks d4o6FQe5QT: last used ",
            "does not kill: app tickets",
        ] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        assert!(database.is_alive(seed::HOT), "not before the answer");
        terminal.send_line(answer);
        terminal
            .finish()
            .code(0)
            .says("expired token d4o6FQe5QT")
            .says("recorded as ");
        assert!(!database.is_alive(seed::HOT));
        let operation = database.operation();
        assert_eq!(operation["outcome"], "applied");
        assert!(shown.contains(operation["id"].as_str().unwrap()));
        assert_eq!(
            [database.changes().len(), database.audit_logs().len()],
            [1, 1]
        );
    }
}

#[test]
fn the_question_names_what_it_is_about() {
    let database = coder();
    let one = format!("token {} on {}: {EXPIRE}", seed::HOT, database.name());
    for (words, asked_about) in [
        (&["build-cache"][..], one),
        (
            &["build-cache", "release"],
            format!("2 tokens on {}: {EXPIRE}", database.name()),
        ),
    ] {
        let mut terminal = asked(&database, words);
        let shown = terminal.expect(EXPIRE);
        assert!(shown.contains(&asked_about), "{shown}");
        terminal.send_line("n");
        terminal.finish().code(1);
    }
}

#[test]
fn a_terminal_of_no_width_is_taken_for_one_of_eighty() {
    let database = coder();
    let invocation = database.breakglass().args(["tokens", "ls"]);
    let narrow = invocation.on_terminal(0).finish();
    let invocation = database.breakglass().args(["tokens", "ls"]);
    let ordinary = invocation.on_terminal(80).finish();
    assert_eq!(narrow.text, ordinary.text);
}

#[test]
fn what_is_asked_about_is_shown_when_json_is_wanted_too() {
    let database = coder();
    let mut terminal = asked(&database, &["build-cache", "-o", "json"]);
    let shown = terminal.expect(EXPIRE);
    terminal.send_line("n");
    terminal.finish().code(1).says("\"code\":\"declined\"");
    for part in ["will expire 1 token", database.name(), "build-cache"] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
}

#[test]
fn anything_but_yes_declines_on_record() {
    for answer in ["n", "N", "", "q"] {
        let database = coder();
        let before = Before::of(&database);
        let mut terminal = asked(&database, &["build-cache"]);
        terminal.expect(EXPIRE);
        terminal.send_line(answer);
        let transcript = terminal.finish();
        transcript
            .code(1)
            .says("error: declined; nothing was changed\n");
        let operation = before.plus(&database, "refused", "declined");
        assert_eq!(operation["selector"], "build-cache");
        transcript.says(&format!(
            "recorded as {}",
            operation["id"].as_str().unwrap()
        ));
    }
}

#[test]
fn a_reason_is_asked_for_until_there_is_one() {
    let database = coder();
    let invocation = database.breakglass().args(["tokens", "rm", "build-cache"]);
    let mut terminal = invocation.on_terminal(120);
    terminal.expect("reason:");
    terminal.send_line("");
    terminal.send_line("  ");
    terminal.send_line("a hot loop");
    terminal.expect(EXPIRE);
    terminal.send_line("y");
    terminal.finish().code(0);
    assert_eq!(database.operation()["reason"], "a hot loop");
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn nothing_is_asked_where_nothing_would_change() {
    let database = coder();
    let row = database.token_row(seed::EXPIRED);
    let terminal = asked(&database, &[seed::EXPIRED]);
    terminal
        .finish()
        .code(0)
        .never_says("[y/N]")
        .says("already expired since ");
    assert_eq!(database.token_row(seed::EXPIRED), row);
    asked(&database, &["build-cache", "--dry-run"])
        .finish()
        .code(0)
        .never_says("[y/N]");
    asked(&database, &["release", "--yes"])
        .finish()
        .code(0)
        .never_says("[y/N]");
    assert!(database.is_alive(seed::HOT) && !database.is_alive(seed::RELEASE));
}

#[test]
fn ctrl_c_at_the_question_changes_nothing() {
    for words in [&["build-cache"][..], &["build-cache", "-o", "json"]] {
        let database = coder();
        let before = Before::of(&database);
        let mut terminal = asked(&database, words);
        terminal.expect(EXPIRE);
        terminal.interrupt();
        terminal
            .finish()
            .code(130)
            .says("interrupted; nothing was changed");
        before.is_all(&database);
    }
    let database = coder();
    let before = Before::of(&database);
    let mut terminal = in_a_shell(&database, &["build-cache", "--reason", "x"]);
    terminal.expect(EXPIRE);
    terminal.interrupt();
    was_interrupted(terminal).never_says("declined");
    before.is_all(&database);
}

#[test]
fn ctrl_c_at_the_reason_changes_nothing() {
    let database = coder();
    let before = Before::of(&database);
    let mut terminal = in_a_shell(&database, &["build-cache"]);
    terminal.expect("reason:");
    terminal.send("half a rea");
    terminal.interrupt();
    was_interrupted(terminal).never_says("will expire");
    before.is_all(&database);
}

#[test]
fn ctrl_c_at_the_secret_changes_nothing_and_shows_nothing() {
    let database = with_secret();
    let before = Before::of(&database);
    let mut terminal = in_a_shell(&database, &["-", "--reason", "x"]);
    terminal.expect("secret (not shown):");
    terminal.send(&token());
    terminal.interrupt();
    was_interrupted(terminal).never_says(SECRET);
    before.is_all(&database);
}

#[test]
fn ctrl_c_at_the_key_to_type_changes_nothing() {
    let database = coder();
    let before = Before::of(&database);
    let mut terminal = in_a_shell(&database, &["build-cache", "--delete", "--reason", "x"]);
    terminal.expect("type the key (d4o6FQe5QT) to delete it for good:");
    terminal.send(seed::HOT);
    terminal.interrupt();
    was_interrupted(terminal).never_says("deleted");
    before.is_all(&database);
}

#[test]
fn a_secret_is_asked_for_and_not_shown() {
    let database = with_secret();
    let mut terminal = asked(&database, &["-"]);
    terminal.expect("secret (not shown):");
    terminal.send_line(&token());
    terminal.expect("onlyHere01: the secret is its own (verified)");
    terminal.expect(EXPIRE);
    terminal.send_line("y");
    terminal.finish().code(0).never_says(SECRET);
    assert!(!database.is_alive(KEY));
    assert_eq!(database.operation()["secret_verified"], true);
    assert!(!written(&database).contains(SECRET));
}

#[test]
fn where_nothing_is_installed_it_offers_to_install() {
    let question = "install breakglass's own schema now? [y/N]";
    let database = TestDatabase::new(Template::Coder);
    let rows = database.application_rows();
    for (answer, code) in [("n", 1), ("", 1)] {
        let mut terminal = asked(&database, &["build-cache"]);
        terminal.expect("breakglass is not installed in this database");
        terminal.expect(question);
        terminal.send_line(answer);
        let transcript = terminal.finish();
        transcript
            .code(code)
            .says("nothing was recorded: breakglass is not installed there");
        assert_eq!(database.value("select to_regnamespace('breakglass')"), "");
    }
    let mut terminal = asked(&database, &["build-cache"]);
    terminal.expect(question);
    terminal.interrupt();
    terminal
        .finish()
        .code(130)
        .says("interrupted; nothing was changed");
    assert_eq!(database.value("select to_regnamespace('breakglass')"), "");
    assert_eq!(database.application_rows(), rows);

    let mut terminal = asked(&database, &["build-cache"]);
    terminal.expect(question);
    terminal.send_line("y");
    terminal.expect("installed: ");
    terminal.expect(EXPIRE);
    assert!(database.operations().is_empty() && database.is_alive(seed::HOT));
    terminal.send_line("y");
    terminal.finish().code(0);
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
}

#[test]
fn a_delete_wants_the_key_typed() {
    let database = coder();
    let mut terminal = asked(&database, &["build-cache", "release", "--delete"]);
    terminal.expect("will delete 2 tokens: the row is removed for good");
    terminal.expect("type the key (d4o6FQe5QT) to delete it for good:");
    terminal.send_line(seed::HOT);
    terminal.expect("type the key (r1zx5DiipR) to delete it for good:");
    assert!(database.has_token(seed::HOT), "not before both are typed");
    terminal.send_line("r1zx5DiipR ");
    terminal.finish().code(0).never_says("[y/N]");
    assert!(!database.has_token(seed::HOT) && !database.has_token(seed::RELEASE));
    assert_eq!(database.operation()["changed"], 2);
}

#[test]
fn a_delete_is_declined_by_any_other_key() {
    for typed in [
        "",
        "y",
        "build-cache",
        "d4o6FQe5Q",
        "D4O6FQE5QT",
        seed::RELEASE,
    ] {
        let database = coder();
        let before = Before::of(&database);
        // --yes is for what can be undone.
        let mut terminal = asked(&database, &["build-cache", "--delete", "--yes"]);
        terminal.expect("type the key (d4o6FQe5QT) to delete it for good:");
        terminal.send_line(typed);
        terminal
            .finish()
            .code(1)
            .says("error: declined; nothing was changed\n");
        let operation = before.plus(&database, "refused", "declined");
        assert_eq!(operation["action"], "delete");
    }
}

/// Asserts that no terminal would obey anything in a text but line breaks, and that nothing turns
/// its reading direction.
#[track_caller]
fn is_harmless(text: &str) {
    let bad = text.chars().find(|c| {
        c.is_control() && *c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    });
    assert_eq!(bad, None, "{}", text.escape_debug());
}

#[test]
fn what_a_row_holds_is_never_obeyed_by_a_terminal() {
    let database = coder();
    database.load("tests/fixtures/coder/hostile.sql");
    let hostile: Vec<String> = (1..=43).map(|n| format!("id:hostile{n:03}")).collect();
    let keys: Vec<&str> = hostile.iter().map(String::as_str).collect();
    for output in ["table", "json"] {
        for words in [&["--dry-run"][..], &[]] {
            let invocation = remove(&database, words).args(keys.clone());
            let output = invocation.args(["-o", output]).run();
            is_harmless(&output.success().stdout);
            is_harmless(&output.stderr);
        }
    }
    let labels =
        database.query("select token_name from api_keys where id like 'hostile%' order by id");
    let json = remove(&database, &["-o", "json"]).args(keys).run().json();
    let told = json["unchanged"].as_array().unwrap();
    assert_eq!(told.len(), 43);
    for (token, label) in told.iter().zip(labels) {
        let label = label[0].clone().filter(|label| !label.is_empty());
        assert_eq!(
            token["label"].as_str(),
            label.as_deref(),
            "JSON keeps the value"
        );
    }
}

#[test]
fn a_name_typed_at_us_is_not_obeyed_either() {
    let database = coder();
    for name in ["no\u{1b}[2Jne", "no\u{202e}ne", "no\nne\r"] {
        for words in [[format!("name:{name}")], [format!("id:{name}")]] {
            let output = remove(&database, &[&words[0]]).run();
            is_harmless(&output.code(1).stderr);
            let json = remove(&database, &[&words[0], "-o", "json"]).run();
            is_harmless(&json.code(1).stderr);
        }
        let actor = remove(&database, &["build-cache", "--app-actor", name]).run();
        is_harmless(&actor.code(1).stderr);
    }
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn prompts_on_hostile_labels_are_harmless() {
    let database = coder();
    database.load("tests/fixtures/coder/hostile.sql");
    // A key is the server's own as a rule, but no constraint says so.
    database.execute("update api_keys set id = e'k\\x1b[2J\\u202e' where id = 'hostile043'");
    for key in [
        "hostile002",
        "hostile003",
        "hostile005",
        "hostile009",
        "hostile010",
    ] {
        let mut terminal = asked(&database, &[key]);
        terminal.expect(EXPIRE);
        terminal.send_line("n");
        no_escapes(terminal.finish().code(1));
    }
    for format in ["table", "json", "jsonl", "csv"] {
        let list = database
            .breakglass()
            .args(["tokens", "ls", "--kind", "all", "-o", format]);
        no_escapes(list.on_terminal(200).finish().code(0).says("hostile010"));
    }
    let mut terminal = asked(&database, &["of an evil owner", "--delete"]);
    terminal.expect("to delete it for good:");
    terminal.send_line("n");
    no_escapes(terminal.finish().code(1));
}

/// The program's own sequences are known: the cursor, and clearing its own line.
#[track_caller]
fn no_escapes(transcript: &Transcript) {
    let mut rest = transcript.raw.clone();
    for own in [
        "\u{1b}[?25l",
        "\u{1b}[?25h",
        "\r\u{1b}[2K",
        "\u{1b}[1A",
        "\u{1b}[1B",
        "\r",
    ] {
        rest = rest.replace(own, "");
    }
    is_harmless(&rest);
}
