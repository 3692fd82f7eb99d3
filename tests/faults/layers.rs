//! The one direction of the imports: no way back up, and no layer that knows what is above it.

use std::fs;
use std::path::{Path, PathBuf};

/// What each folder under src/ may import of the others.
const MAY_IMPORT: [(&str, &[&str]); 12] = [
    ("model", &[]),
    ("cluster", &[]),
    ("adapter", &["model"]),
    ("db", &["adapter", "model"]),
    ("scan", &["adapter", "model"]),
    ("probe", &["model"]),
    ("ops", &["adapter", "db", "model", "probe", "scan"]),
    ("config", &["db", "model", "ops"]),
    ("view", &["adapter", "config", "model"]),
    ("client", &["model"]),
    ("http", &["adapter", "config", "db", "model", "ops", "scan"]),
    (
        "cli",
        &[
            "adapter", "client", "cluster", "config", "db", "http", "model", "ops", "probe",
            "scan", "view",
        ],
    ),
];

#[test]
fn no_layer_imports_what_is_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut imports = 0;
    for (layer, allowed) in MAY_IMPORT {
        for file in files(&source.join(layer)) {
            let text = fs::read_to_string(&file).unwrap();
            for (name, _) in MAY_IMPORT {
                let is_import = text.contains(&format!("crate::{name}::"))
                    || text.contains(&format!("use crate::{name};"));
                if !is_import || name == layer {
                    continue;
                }
                imports += 1;
                assert!(allowed.contains(&name), "{} imports {name}", file.display());
            }
        }
    }
    assert!(imports > 30, "the test saw {imports} imports only");
}

#[test]
fn every_folder_of_the_source_is_a_layer_with_a_rule() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        let name = entry.file_name().into_string().unwrap();
        assert!(
            MAY_IMPORT.iter().any(|(layer, _)| *layer == name),
            "{name} has no rule"
        );
    }
}

#[test]
fn operations_know_no_command_line_and_no_terminal() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for layer in ["ops", "model", "adapter", "db", "config", "probe", "scan"] {
        for file in files(&source.join(layer)) {
            let text = fs::read_to_string(&file).unwrap();
            for name in [
                "clap::",
                "dialoguer::",
                "comfy_table::",
                "io::stdout",
                "io::stderr",
                "io::stdin",
            ] {
                assert!(!text.contains(name), "{} knows {name}", file.display());
            }
        }
    }
}

#[test]
fn whoever_speaks_http_knows_no_database() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let is_of = |layers: &[&str]| layers.iter().any(|it| file.starts_with(source.join(it)));
        let speaks = is_of(&["probe", "http", "client"]);
        for (name, is_its) in [
            ("tokio_postgres", !speaks),
            ("deadpool", is_of(&["db"])),
            ("hyper", speaks),
            ("axum", is_of(&["http"])),
            ("reqwest", is_of(&["client"])),
        ] {
            let knows = text.contains(&format!("{name}::"));
            assert!(is_its || !knows, "{} knows {name}", file.display());
        }
    }
}

#[test]
fn commit_is_sent_in_one_place() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let senders: Vec<PathBuf> = files(&source)
        .into_iter()
        .filter(|file| {
            fs::read_to_string(file)
                .unwrap()
                .contains("session/commit.sql")
        })
        .collect();
    let names: Vec<String> = senders
        .iter()
        .map(|file| file.strip_prefix(&source).unwrap().display().to_string())
        .collect();
    // Changes, the installation of our own schema, and the text that `adapters show --sql` prints.
    assert_eq!(
        names,
        ["db/change.rs", "db/migrations.rs", "ops/statements.rs"]
    );
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
