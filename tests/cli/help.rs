//! Every help page, `--version`, the completions and the manual page.
//!
//! The pages are pinned in `help/`, one file each. After a change that was meant, write them anew
//! with `BREAKGLASS_BLESS=1 cargo test --test suite cli::help` and read the difference.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use breakglass::cli::Cli;
use clap::{Command, CommandFactory as _};

use crate::support::{Invocation, breakglass};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help")
}

/// Compares with a file in `help/`, or writes it where that is asked for.
#[track_caller]
fn assert_pinned(file: &str, text: &str) {
    let path = directory().join(file);
    if std::env::var_os("BREAKGLASS_BLESS").is_some() {
        fs::create_dir_all(directory()).expect("the directory can be made");
        fs::write(&path, text).expect("the page can be written");
        return;
    }
    let pinned = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        pinned,
        "{} differs: BREAKGLASS_BLESS=1 writes it anew",
        path.display()
    );
}

/// The words of every command, of the groups too.
fn commands(command: &Command, words: &[String], found: &mut Vec<Vec<String>>) {
    found.push(words.to_vec());
    for subcommand in command
        .get_subcommands()
        .filter(|known| known.get_name() != "help")
    {
        let words = [words, &[subcommand.get_name().to_owned()]].concat();
        commands(subcommand, &words, found);
    }
}

fn all_commands() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    commands(&Cli::command(), &[], &mut found);
    found
}

fn file_of(words: &[String]) -> String {
    let words: Vec<&str> = std::iter::once("breakglass")
        .chain(words.iter().map(String::as_str))
        .collect();
    format!("{}.txt", words.join("-"))
}

#[test]
fn every_help_page_is_pinned() {
    let commands = all_commands();
    assert_eq!(commands.len(), 29, "a new command is counted here");
    for words in &commands {
        let output = breakglass().args(words.iter()).arg("--help").run();
        output.success();
        assert_eq!(output.stderr, "", "{words:?}");
        assert_pinned(&file_of(words), &output.stdout);
        let widest = output.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{words:?} is {widest:?} wide");
    }
    let pinned = fs::read_dir(directory()).expect("the pages are there");
    let pinned: BTreeSet<String> = pinned
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let wanted = commands
        .iter()
        .map(|words| file_of(words))
        .chain(["version.txt".to_owned()]);
    assert_eq!(
        pinned,
        wanted.collect::<BTreeSet<_>>(),
        "no page is left over"
    );
}

#[test]
fn the_version_is_pinned() {
    for flag in ["--version", "-V"] {
        let output = breakglass().arg(flag).run();
        output.success();
        assert_pinned("version.txt", &output.stdout);
        assert_eq!(
            output.stdout,
            format!("breakglass {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
fn every_command_has_a_help_page_that_needs_no_database() {
    for words in all_commands() {
        let invocation =
            breakglass().env("BREAKGLASS_DATABASE_URL", "host=/nowhere sslmode=perhaps");
        invocation.args(words.iter()).arg("-h").run().success();
    }
}

#[test]
fn every_exit_code_stands_in_the_help() {
    let output = breakglass().arg("--help").run();
    for code in ["0", "1", "2", "3", "4", "5", "130"] {
        assert!(
            output.stdout.contains(&format!("\n  {code:<4} ")),
            "{code} is missing\n{output}"
        );
    }
}

#[test]
fn an_alias_is_the_command() {
    for (alias, command) in [
        (["token", "list"], ["tokens", "ls"]),
        (["tokens", "remove"], ["tokens", "rm"]),
        (["tokens", "expire"], ["tokens", "rm"]),
        (["tokens", "delete"], ["tokens", "rm"]),
        (["audit", "list"], ["audit", "ls"]),
        (["adapter", "list"], ["adapters", "ls"]),
    ] {
        let help = |words: [&str; 2]| {
            let output = breakglass().args(words).arg("--help").run();
            output.success();
            output.stdout
        };
        assert_eq!(help(alias), help(command));
    }
}

#[test]
fn a_mistyped_command_gets_a_suggestion() {
    let output = breakglass().args(["tokens", "shwo"]).run();
    output
        .code(2)
        .says("unrecognized subcommand 'shwo'")
        .says("'show'");
}

/// What clap checks of the definitions by itself.
#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn completions_start_as_each_shell_wants_it() {
    for (shell, beginning, within) in [
        (
            "bash",
            "_breakglass() {\n",
            "complete -F _breakglass -o nosort",
        ),
        (
            "zsh",
            "#compdef breakglass\n",
            "_breakglass__subcmd__tokens",
        ),
        ("fish", "# Print an optspec", "complete -c breakglass"),
    ] {
        let output = breakglass().args(["completions", shell]).run();
        output.success();
        assert_eq!(output.stderr, "");
        assert!(
            output.stdout.starts_with(beginning),
            "{shell}: {}",
            &output.stdout[..80]
        );
        for word in [
            within,
            "breakglass",
            "tokens",
            "include-expired",
            "operator-role",
        ] {
            assert!(
                output.stdout.contains(word),
                "{word} is missing for {shell}"
            );
        }
    }
}

#[test]
fn bash_accepts_its_completions_and_completes_with_them() {
    let script = breakglass().args(["completions", "bash"]).run().stdout;
    let check = Invocation::new("/bin/bash")
        .args(["-n", "/dev/stdin"])
        .stdin(&*script);
    let output = check.run();
    output.success();
    assert_eq!(output.stderr, "");
    let asked = format!(
        "{script}\nCOMP_WORDS=(breakglass tokens s); COMP_CWORD=2; _breakglass breakglass s tokens; echo \"${{COMPREPLY[@]}}\""
    );
    let output = Invocation::new("/bin/bash")
        .args(["--norc", "/dev/stdin"])
        .stdin(asked)
        .run();
    output.success();
    assert_eq!(output.stdout, "show sweep\n");
}

#[test]
fn the_manual_page_has_every_command() {
    let output = breakglass().arg("man").run();
    output.success();
    assert_eq!(output.stderr, "");
    let pages = output.stdout.matches(".TH ").count();
    assert_eq!(pages, all_commands().len());
    for text in [
        ".TH breakglass 1",
        ".TH breakglass-tokens-rm 1",
        "\\-\\-include\\-expired",
        "outcome unknown",
    ] {
        assert!(output.stdout.contains(text), "{text:?} is missing");
    }
}

#[test]
fn a_closed_pipe_is_no_error_here_either() {
    for arguments in ["man", "completions bash", "--help", "tokens rm --help"] {
        let script =
            format!("{{ \"$0\" {arguments}; echo \"code $?\" >&2; }} | head -c 1 >/dev/null");
        let output = Invocation::new("/bin/sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_breakglass")])
            .run();
        output.success();
        assert_eq!(output.stderr, "code 0\n", "{arguments}");
    }
}
