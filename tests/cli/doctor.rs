//! `doctor`: what it prints, how it ends, how long it takes. One file for each subject that it
//! looks at is beside this one.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use breakglass::model::Code;
use serde_json::{Value, json};

use super::operator::with_operator;
use crate::support::run::Output;
use crate::support::{Invocation, Template, TestDatabase, breakglass};

/// What was found, and the exit code that goes with it.
pub(super) fn findings(invocation: Invocation<'_>) -> Vec<Value> {
    let output = invocation.args(["doctor", "-o", "json"]).run();
    check(&output)
}

/// The findings of a document, held against everything else in it.
#[track_caller]
pub(super) fn check(output: &Output) -> Vec<Value> {
    assert_eq!(output.stderr, "", "{output}");
    let document = output.json();
    assert_eq!(document["schema"], 1);
    for field in [
        "host",
        "port",
        "name",
        "server_version",
        "system_identifier",
    ] {
        assert!(
            document["database"].get(field).is_some(),
            "{field}: {output}"
        );
    }
    assert!(document["role"].is_string() && document.get("adapter").is_some());
    let Some(findings) = document["findings"].as_array() else {
        panic!("no findings: {output}")
    };
    for finding in findings {
        let severity = finding["severity"].as_str().unwrap_or_default();
        assert!(
            ["blocks", "warns", "notes"].contains(&severity),
            "{finding:#}"
        );
        for field in ["code", "subject", "what", "why", "remedy"] {
            let text = finding[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{field}: {finding:#}");
        }
        let code = finding["code"].as_str().unwrap_or_default();
        assert!(
            Code::ALL.iter().any(|known| known.as_str() == code),
            "{code}"
        );
    }
    let blocks = findings
        .iter()
        .any(|finding| finding["severity"] == "blocks");
    let (verdict, exit) = if blocks { ("unfit", 1) } else { ("fit", 0) };
    assert_eq!(document["verdict"], verdict, "{output}");
    output.code(exit);
    findings.clone()
}

/// Asserts that exactly one thing was found, by its code, weight and subject, and returns it.
#[track_caller]
pub(super) fn only(findings: &[Value], code: &str, severity: &str, subject: &str) -> Value {
    let [finding] = findings else {
        panic!("not one finding but {findings:#?}")
    };
    assert_eq!(finding["code"], code, "{finding:#}");
    assert_eq!(finding["severity"], severity, "{finding:#}");
    assert_eq!(finding["subject"], subject, "{finding:#}");
    finding.clone()
}

/// Asserts that a text of a finding holds something.
#[track_caller]
pub(super) fn tells(finding: &Value, field: &str, text: &str) {
    let told = finding[field].as_str().unwrap_or_default();
    assert!(told.contains(text), "{field} lacks {text:?}: {finding:#}");
}

/// A Coder database with an operator who may not delete.
pub(super) fn coder() -> (TestDatabase, String) {
    with_operator(Template::Coder, &[])
}

/// The findings of a role on a database.
pub(super) fn as_role(database: &TestDatabase, role: &str) -> Vec<Value> {
    findings(database.breakglass().as_role(role))
}

#[test]
fn a_healthy_database_is_told_with_what_the_role_may() {
    let (database, alice) = coder();
    let output = database.breakglass().as_role(&alice).arg("doctor").run();
    output
        .success()
        .says(&format!("database {} on ", database.name()));
    assert_eq!(
        output.stdout,
        format!(
            "adapter: coder\n{alice} may list\n{alice} may expire\n{alice} may schedule\n\
             {alice} may not delete: it lacks delete on public.api_keys\n{alice} may audit\n\
             fit: nothing was found\n"
        )
    );
    let output = database
        .breakglass()
        .as_role(&alice)
        .args(["doctor", "-o", "json"])
        .run();
    check(&output);
    let document = output.json();
    assert_eq!(document["role"], alice.as_str());
    assert_eq!(document["adapter"], "coder");
    assert_eq!(document["database"]["name"], database.name());
    assert_eq!(
        document["abilities"][3],
        json!({ "verb": "delete", "granted": false, "missing": ["delete on public.api_keys"] })
    );
}

#[test]
fn a_finding_is_one_line_for_a_program_and_three_on_a_terminal() {
    let (database, _) = coder();
    let output = database.breakglass().arg("doctor").run();
    output.success();
    let line = output
        .stdout
        .lines()
        .find(|line| line.starts_with("warns "));
    let line = line.unwrap_or_default();
    assert!(
        line.starts_with("warns superuser: role `postgres` is a superuser | why: no grant"),
        "{line}"
    );
    assert!(
        line.contains(" | do: `breakglass init --operator-role breakglass_operator`"),
        "{line}"
    );
    assert!(
        output.stdout.ends_with("(0 blocks, 1 warns, 0 notes)\n"),
        "{output}"
    );
    let transcript = database
        .breakglass()
        .arg("doctor")
        .on_terminal(200)
        .finish();
    transcript
        .code(0)
        .says("warns superuser: role `postgres` is a superuser\n")
        .says("\n  why: no grant restrains it")
        .says("\n  do:  `breakglass init");
}

#[test]
fn without_a_connection_it_ends_with_3_and_an_unknown_adapter_is_usage() {
    let nowhere = "host=127.0.0.1 port=1 user=nobody dbname=none";
    let output = breakglass().args(["doctor", "-d", nowhere]).run();
    output.code(3).says("error: ");
    assert_eq!(output.stdout, "");
    let output = breakglass()
        .args(["doctor", "-d", nowhere, "-o", "json"])
        .run();
    assert_eq!(
        output.code(3).json_error()["error"]["code"],
        "no_connection"
    );
    let database = TestDatabase::new(Template::Coder);
    let output = database
        .breakglass()
        .args(["doctor", "--adapter", "nobodys"])
        .run();
    output.code(2).says("there is no adapter `nobodys`");
}

#[test]
fn nothing_is_changed_by_looking() {
    let (database, alice) = coder();
    let before = database.application_rows();
    as_role(&database, &alice);
    findings(database.breakglass());
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
}

/// The limit, on whatever machine this is: the best of many, because others work here too.
#[test]
fn it_takes_less_than_300_ms_on_a_local_database() {
    let (database, alice) = coder();
    let mut best = Duration::MAX;
    for _ in 0..40 {
        let start = Instant::now();
        let output = database
            .breakglass()
            .as_role(&alice)
            .args(["doctor", "-o", "json"])
            .run();
        best = best.min(start.elapsed());
        output.success();
        if best < Duration::from_millis(60) {
            break;
        }
    }
    println!("doctor took {best:?}");
    assert!(best < Duration::from_millis(300), "{best:?}");
}

/// The README's table of findings, both ways.
#[test]
fn the_readme_lists_exactly_the_findings_that_there_are() {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## Doctor\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let listed: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let there: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), there);
    assert_eq!(listed.len(), there.len(), "one of them stands there twice");
}

/// What `Code` is called in JSON and what it says of itself.
#[test]
fn a_code_has_one_word() {
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}
