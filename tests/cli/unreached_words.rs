//! Words of an adapter file for what SQL cannot reach that make no sense: the file is not loaded.

use std::fs;

use tempfile::TempDir;

use super::adapters::INHOUSE;
use super::unreached::adapter;
use crate::support::breakglass;

/// Each of these makes the file one that is not loaded, with this in the error.
#[track_caller]
fn refused(cases: &[(String, &str)]) {
    for (more, told) in cases {
        let (_directory, path) = adapter(more);
        let path = path.display().to_string();
        let output = breakglass()
            .args(["adapters", "ls", "--adapter-file", &path])
            .run();
        output
            .code(2)
            .says(&format!("error: adapter file `{path}` is not valid"))
            .says(told);
        assert_eq!(output.stdout, "", "{more}");
    }
}

#[test]
fn a_wrong_survivor_or_redis_key_is_an_error_that_names_it() {
    let cache = "[[cache]]\nwhere = \"redis\"\nflush = \"redis_del\"\n";
    let survivor = "[[survivor]]\non = [\"expire\"]\ntext = \"x\"\n";
    refused(&[
        (format!("{survivor}what = \"ghost\""), "ghost"),
        (format!("{survivor}colour = 1"), "colour"),
        (
            format!("{survivor}lasts = \"soon\""),
            "a duration such as 60s",
        ),
        (format!("{survivor}lasts = \"0s\""), "longer than nothing"),
        (
            format!("{survivor}kinds = [\"robot\"]"),
            "no [[kind]] named `robot`",
        ),
        (cache.to_owned(), "needs a redis_key"),
        (
            format!("{cache}redis_key = \"a:{{tokenHash}}\""),
            "`{tokenHash}` is none of {key}, {owner} and {label}",
        ),
        (
            format!("{cache}redis_key = \"a:{{secret}}\""),
            "`{secret}` is none of",
        ),
        (format!("{cache}redis_key = \"a:{{key\""), "stands alone"),
        (format!("{cache}redis_key = \"\""), "it is empty"),
        (
            format!("{cache}redis_key = \"{{key}}\"\nsliding = true"),
            "say with `lasts`",
        ),
        (
            format!("{cache}redis_key = \"{{key}}\"\nkinds = [\"robot\"]"),
            "no [[kind]] named `robot`",
        ),
        (
            format!("{cache}redis_key = \"{{key}}\"\non = []"),
            "`on` names no action",
        ),
        (format!("{cache}redis_key = \"{{key}}\"\nttl = 5"), "ttl"),
    ]);
}

#[test]
fn a_wrong_cache_or_probe_is_an_error_that_names_it() {
    refused(&[
        (
            "[[cache]]\nwhere = \"memory\"\nflush = \"redis_del\"\nredis_key = \"{key}\""
                .to_owned(),
            "is for where = \"redis\"",
        ),
        (
            "[[cache]]\nwhere = \"memory\"\nflush = \"wait\"".to_owned(),
            "say with `lasts`",
        ),
        (
            "[[cache]]\nwhere = \"redis\"\nflush = \"restart\"\nredis_key = \"{key}\"".to_owned(),
            "goes with flush = \"redis_del\"",
        ),
        (
            "[[cache]]\nwhere = \"moon\"\nflush = \"restart\"".to_owned(),
            "moon",
        ),
        (
            "[[cache]]\nwhere = \"memory\"\nflush = \"pray\"".to_owned(),
            "pray",
        ),
        ("[probe]\nheader = \"X-Token\"".to_owned(), "probe.header: "),
        ("[probe]\nheader = \"X-Token: x\"".to_owned(), "no `{}`"),
        (
            "[probe]\npath = \"api\"".to_owned(),
            "probe.path: it begins with `/`",
        ),
        ("[probe]\nurl = \"https://x\"".to_owned(), "url"),
    ]);
}

#[test]
fn a_label_or_owner_that_the_adapter_does_not_know_is_an_error() {
    let text = fs::read_to_string(INHOUSE).unwrap();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("adapter.toml");
    let cache = "\n[[cache]]\nwhere = \"redis\"\nflush = \"redis_del\"\nredis_key = \"{label}\"\n";
    fs::write(&path, text.replace("label = ", "#") + cache).unwrap();
    let path = path.display().to_string();
    let output = breakglass()
        .args(["adapters", "ls", "--adapter-file", &path])
        .run();
    output
        .code(2)
        .says("redis_key: {label}: the [token] section names no label");
}

#[test]
fn the_example_of_the_readme_loads() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, rest) = readme.split_once("```toml\nname = \"inhouse\"\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert!(example.contains("redis_key") && example.contains("\"jwt\""));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("adapter.toml");
    fs::write(&path, format!("name = \"inhouse\"\n{example}")).unwrap();
    let output = breakglass()
        .args(["adapters", "show", "inhouse", "--adapter-file"])
        .arg(path.display().to_string())
        .run();
    output.success();
    let probe = "\nprobe            Authorization: Bearer {} /api/whoami\n";
    assert!(output.stdout.contains(probe), "{output}");
}
