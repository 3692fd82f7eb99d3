//! What the file may say, and what is said of what it may not.

use std::path::Path;
use std::time::Duration;

use super::trust::distrust;
use super::{Config, Error};
use crate::db::PasswordCommand;
use crate::model::Colour;

const DATABASE: &str = "database = \"host=db1 dbname=coder\"\n";

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("/etc/breakglass/config.toml"))
}

/// Lines that are wrong, and what is said of the last of each.
const WRONG: [(&str, &str); 18] = [
    (
        "adaptor = \"coder\"",
        "unknown field `adaptor`, expected one of",
    ),
    ("max_rows = \"fifty\"", "`targets.prod.max_rows`: expected "),
    (
        "max_rows = 0",
        "`targets.prod.max_rows`: give a number from 1",
    ),
    ("max_rows = -1", "`targets.prod.max_rows`: expected "),
    (
        "colour = \"red\"",
        "target `prod`: `colour` needs `environment`",
    ),
    (
        "environment = \"x\"\ncolour = \"mauve\"",
        "`targets.prod.colour`: give one of red, ",
    ),
    (
        "environment = \" \"",
        "`targets.prod.environment`: give a name",
    ),
    (
        "ticket_pattern = \"INC-(\"",
        "`targets.prod.ticket_pattern`: not a regular expression: unclosed group",
    ),
    (
        "min_reason_length = 0",
        "`targets.prod.min_reason_length`: give a number from 1 to 1000",
    ),
    (
        "lock_timeout = \"0s\"",
        "`targets.prod.lock_timeout`: give a duration from 1ms to 24h",
    ),
    (
        "lock_timeout = 5",
        "`targets.prod.lock_timeout`: expected a string",
    ),
    (
        "connect_timeout = \"soon\"",
        "`targets.prod.connect_timeout`: give a duration such as",
    ),
    (
        "system_identifier = \"prod\"",
        "`targets.prod.system_identifier`: give the number",
    ),
    (
        "system_identifier = 7312345678901234567",
        "`targets.prod.system_identifier`: expected a string",
    ),
    (
        "password_command = []",
        "`targets.prod.password_command`: give the program",
    ),
    (
        "password_command = [\"./x\"]",
        "`targets.prod.password_command`: give the program",
    ),
    (
        "require_ticket = \"yes\"",
        "`targets.prod.require_ticket`: expected a boolean",
    ),
    ("= 3", "line 3: "),
];

/// What is said of a target with these lines behind its `database`, in line 2.
fn refused(lines: &str) -> String {
    let text = format!("[targets.prod]\n{DATABASE}{lines}\n");
    parse(&text)
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

#[test]
fn every_field_is_read() {
    let config = parse(
        r#"
[targets.prod]
database = "host=db1,db2 port=5432 dbname=coder user=breakglass target_session_attrs=read-write"
adapter = "coder"
adapter_file = "coder.toml"
schema = "app"
environment = "production"
colour = "red"
system_identifier = "7312345678901234567"
require_ticket = true
ticket_pattern = "^INC-[0-9]+$"
reason_pattern = "[a-z]"
min_reason_length = 10
max_rows = 50
password_command = ["aws", "rds", "generate-db-auth-token"]
connect_timeout = "5s"
lock_timeout = "1s"
statement_timeout = "30s"
idle_in_transaction_timeout = "20s"
resolve_timeout = "2m"

[targets.dev]
database = "postgresql:///coder"
"#,
    )
    .unwrap();
    let names: Vec<_> = config
        .targets()
        .map(|target| target.name.as_str())
        .collect();
    assert_eq!(names, ["dev", "prod"]);
    let prod = config.target("prod").unwrap();
    assert_eq!(
        prod.adapter_file.as_deref(),
        Some(Path::new("/etc/breakglass/coder.toml"))
    );
    assert_eq!(prod.limits.resolve, Some(Duration::from_mins(2)));
    let policy = &prod.policy;
    let environment = policy.environment.clone().unwrap();
    assert_eq!(environment.name, "production");
    assert_eq!(environment.colour, Some(Colour::Red));
    assert_eq!(policy.target.as_deref(), Some("prod"));
    assert_eq!(policy.max_rows, Some(50));
    assert!(policy.require_ticket && policy.check_ticket(Some("INC-1")).is_ok());
    assert_eq!(
        prod.password_command.as_ref().map(PasswordCommand::program),
        Some("aws")
    );
    let dev = config.target("dev").unwrap();
    assert!(dev.password_command.is_none() && dev.policy.environment.is_none());
    assert_eq!(dev.limits, crate::db::Said::default());
}

#[test]
fn an_unknown_target_is_told_with_those_that_are_known() {
    let config = parse(&format!("[targets.b]\n{DATABASE}[targets.a]\n{DATABASE}")).unwrap();
    let error = config.target("c").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no target `c` in /etc/breakglass/config.toml; it has a, b"
    );
    let error = parse("").unwrap().target("c").unwrap_err().to_string();
    assert!(error.ends_with(", which has none"), "{error}");
}

#[test]
fn what_is_wrong_is_told_by_file_line_and_field() {
    for (lines, wanted) in WRONG {
        let said = refused(lines);
        let line = 2 + lines.lines().count();
        let place = format!("/etc/breakglass/config.toml line {line}: ");
        assert!(said.starts_with(&place), "{lines}: {said}");
        assert!(said.contains(wanted), "{lines}: {said}");
    }
    let said = parse("[targets.x]\nadapter = \"coder\"\n")
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("line 1: ") && said.contains("missing field `database`"),
        "{said}"
    );
    let said = parse("target = 1\n").unwrap_err().to_string();
    assert!(said.contains("line 1: unknown field `target`"), "{said}");
}

#[test]
fn a_place_is_short() {
    for (database, place) in [
        (
            "host=db1,db2 port=5432 dbname=coder user=app sslmode=verify-full",
            "coder on db1,db2 as app",
        ),
        (
            "postgres://app@db1:5433/coder?sslmode=require",
            "coder on db1 as app",
        ),
        ("coder", "coder"),
        ("hostaddr=127.0.0.1", "on 127.0.0.1"),
        ("port=5433", "port=5433"),
    ] {
        let config = parse(&format!("[targets.x]\ndatabase = \"{database}\"\n")).unwrap();
        assert_eq!(config.target("x").unwrap().place(), place);
    }
}

#[test]
fn names_are_words() {
    for name in ["prod", "prod-eu.1", "9", "A_b"] {
        assert!(
            parse(&format!("[targets.\"{name}\"]\n{DATABASE}")).is_ok(),
            "{name}"
        );
    }
    for name in ["", "-x", "a b", "a/b", "ü", "a\\u001b", &"a".repeat(61)] {
        let said = parse(&format!("[targets.\"{name}\"]\n{DATABASE}")).unwrap_err();
        assert!(said.to_string().contains("line 1: "), "{said}");
        assert!(said.to_string().contains("a target's name has"), "{said}");
    }
}

#[test]
fn no_password_stands_in_the_file_and_none_is_repeated() {
    for database in [
        "host=db1 password=hunter2",
        "host=db1 password='hunter2'",
        "postgres://u:hunter2@db1/coder",
        "postgres://db1/coder?password=hunter2",
        "postgres://db1/coder?user=u&password=hunter2",
        "host=db1 sslpassword=hunter2",
        "dbname='host=db1 password=hunter2'",
    ] {
        let error = parse(&format!("[targets.x]\n\ndatabase = \"{database}\"\n"));
        let said = error.unwrap_err().to_string();
        assert!(said.contains("line 3: `targets.x.database`: "), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    for line in [
        "password = \"hunter2\"",
        "password_command = \"hunter2\"",
        "password_command = { x = \"hunter2\" }",
        "require_ticket = \"hunter2\"",
        "max_rows = \"hunter2\"",
        "lock_timeout = \"hunter2\"",
        "password_command = [\"vault\", \"hunter2\"",
    ] {
        let said = refused(line);
        assert!(!said.is_empty() && !said.contains("hunter2"), "{said}");
    }
    assert!(refused("password = \"x\"").contains("no password stands in this file"));
}

#[test]
fn a_file_of_others_is_not_trusted() {
    assert_eq!(distrust(0o100_600, 1000, 1000), None);
    assert_eq!(distrust(0o100_644, 0, 1000), None);
    for mode in [0o620, 0o602, 0o666] {
        assert!(distrust(mode, 1000, 1000).is_some());
    }
    assert!(distrust(0o600, 1001, 1000).is_some());
    assert!(distrust(0o600, 1001, 0).is_some());
}

#[test]
fn the_example_of_the_readme_is_a_target() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## Targets").unwrap();
    let (_, example) = section.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let config = parse(example).unwrap();
    let prod = config.target("prod").unwrap();
    assert!(prod.policy.require_ticket && prod.password_command.is_some());
}
