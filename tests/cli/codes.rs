//! The README's list of the codes of errors, held against the sources that give them.
#![expect(
    clippy::expect_used,
    reason = "a helper that finds no value fails its test"
)]

use std::collections::BTreeSet;
use std::fs;

/// The functions that give a code, by their files.
const SOURCES: [(&str, &str); 7] = [
    ("src/ops/advice.rs", "pub fn code("),
    ("src/ops/advice.rs", "fn detect_code("),
    ("src/ops/wording.rs", "fn database_code("),
    ("src/ops/plan_file/error.rs", "fn code("),
    ("src/ops/probe_error.rs", "fn code("),
    ("src/ops/unrestorable.rs", "fn code("),
    ("src/cli/failure.rs", "fn code("),
];

/// The words in quotes of one function.
fn words(file: &str, function: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(file).expect("it is a source");
    let (_, body) = text.split_once(function).expect("the function is there");
    let (body, _) = body
        .split_once("\n    }\n")
        .or_else(|| body.split_once("\n}\n"))
        .expect("it ends");
    let words = body.split('"').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[test]
fn the_readme_has_every_code_and_no_other() {
    let given: BTreeSet<String> = SOURCES
        .iter()
        .flat_map(|(file, function)| words(file, function))
        .collect();
    assert!(given.len() > 60, "{given:?}");
    let readme = fs::read_to_string("README.md").expect("it is there");
    let (_, table) = readme
        .split_once("| exit | codes |")
        .expect("the table is there");
    let (table, _) = table.split_once("\n\n").expect("it ends");
    // The first cell is the exit code.
    let told: BTreeSet<String> = table
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    let missing: Vec<&String> = given.difference(&told).collect();
    let others: Vec<&String> = told.difference(&given).collect();
    assert!(
        missing.is_empty() && others.is_empty(),
        "missing: {missing:?}, of nothing: {others:?}"
    );
}
