//! The README's table of connection parameters says what the code says.

use std::collections::BTreeMap;

use crate::db::conninfo::parameters::{NOT_YET, SUPPORTED};

const README: &str = include_str!("../../../../README.md");

/// The keywords in the first column of the table under a heading, with the rest of their lines.
fn table(heading: &str) -> BTreeMap<String, String> {
    let (_, section) = README.split_once(heading).expect(heading);
    let lines = section
        .lines()
        .skip_while(|line| !line.starts_with("| ---"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let mut found = BTreeMap::new();
    for row in rows {
        let (keywords, rest) = row
            .trim_start_matches('|')
            .split_once('|')
            .expect("two columns");
        for keyword in keywords.split(',') {
            let keyword = keyword.trim().trim_matches('`').to_owned();
            let before = found.insert(keyword.clone(), rest.to_owned());
            assert_eq!(before, None, "{keyword} is there twice");
        }
    }
    found
}

#[test]
fn what_is_supported() {
    let told: Vec<_> = table("### What is supported").into_keys().collect();
    assert_eq!(told, SUPPORTED);
}

#[test]
fn what_is_refused_by_name() {
    let told = table("### What is refused");
    let keywords: Vec<_> = told.keys().cloned().collect();
    assert_eq!(keywords, NOT_YET.map(|(keyword, _)| keyword));
    for (keyword, harmless) in NOT_YET {
        let row = &told[keyword];
        let shown: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        assert_eq!(shown, harmless, "the values of {keyword} that are taken");
    }
}
