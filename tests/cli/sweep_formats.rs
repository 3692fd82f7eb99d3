//! `tokens sweep` of diffs and of scanners' reports: commit, file, line and side.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::{Value, json};

use super::sweep::sweep;
use crate::support::{Template, TestDatabase, seed};

/// The places of the one secret, and the format that was recognised.
fn places(leak: &str) -> (String, Value) {
    let database = TestDatabase::new(Template::Coder);
    let output = sweep(&database, leak, &["-o", "json"]);
    output.success().never_says(&seed::secret_of(seed::HOT));
    let json = output.json();
    let hits = json["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 1, "{output}");
    assert_eq!(hits[0]["verdict"], "live");
    let format = json["summary"]["format"].as_str().unwrap().to_owned();
    let mut places = hits[0]["places"].clone();
    for place in places.as_array_mut().unwrap() {
        place.as_object_mut().unwrap().remove("offset");
    }
    (format, places)
}

const COMMIT: &str = "9fceb02d0ae598e95dc970b74767f19372d61af8";

#[test]
fn gitleaks_tells_file_line_and_commit_once_a_finding() {
    let token = seed::token_of(seed::HOT);
    let report = json!([{
        "RuleID": "generic-api-key", "Description": "Detected a Generic API Key",
        "StartLine": 7, "EndLine": 7, "StartColumn": 12, "EndColumn": 50,
        "Match": format!("token = \"{token}\""), "Secret": token, "File": "deploy/env",
        "SymlinkFile": "", "Commit": COMMIT, "Entropy": 4.2, "Author": "Mira",
        "Email": "mira@example.com", "Date": "2026-08-21T10:00:00Z", "Message": "add", "Tags": [],
        "Fingerprint": format!("{COMMIT}:deploy/env:generic-api-key:7"),
    }]);
    let place =
        json!([{"path": "deploy/env", "line": 7, "column": 12, "commit": COMMIT, "side": null}]);
    let text = serde_json::to_string_pretty(&report).unwrap();
    assert_eq!(places(&text), ("gitleaks".to_owned(), place));
}

#[test]
fn trufflehog_tells_file_line_and_commit() {
    let token = seed::token_of(seed::HOT);
    let found = json!({
        "SourceMetadata": {"Data": {"Git": {
            "commit": COMMIT, "file": "deploy/env", "email": "mira@example.com",
            "repository": "https://git.example/x", "timestamp": "2026-08-21", "line": 12,
        }}},
        "SourceID": 1, "SourceType": 16, "SourceName": "trufflehog - git", "DetectorType": 967,
        "DetectorName": "CustomRegex", "DecoderName": "PLAIN", "Verified": false, "Raw": token,
        "RawV2": "", "Redacted": "", "ExtraData": null, "StructuredData": null,
    });
    let log = json!({"level": "info-0", "logger": "trufflehog", "msg": "running source"});
    let place =
        json!([{"path": "deploy/env", "line": 12, "column": null, "commit": COMMIT, "side": null}]);
    assert_eq!(
        places(&format!("{log}\n{found}\n")),
        ("trufflehog".to_owned(), place)
    );
}

#[test]
fn sarif_tells_file_line_and_commit() {
    let token = seed::token_of(seed::HOT);
    let report = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "gitleaks", "rules": []}}, "results": [{
            "message": {"text": "generic-api-key has detected secret for file deploy/env."},
            "ruleId": "generic-api-key",
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": "deploy/env"},
                "region": {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 38,
                           "snippet": {"text": token}},
            }}],
            "partialFingerprints": {"commitSha": COMMIT, "author": "Mira"},
        }]}],
    });
    let place =
        json!([{"path": "deploy/env", "line": 3, "column": 5, "commit": COMMIT, "side": null}]);
    assert_eq!(places(&report.to_string()), ("sarif".to_owned(), place));
}

#[test]
fn a_diff_tells_commit_file_line_and_side() {
    let token = seed::token_of(seed::HOT);
    let log = format!(
        "commit {COMMIT}\nAuthor: Mira <mira@example.com>\n\n    Rotate\n\n\
         diff --git a/deploy/env b/deploy/env\nindex 83db48f..bf2a1c3 100644\n--- a/deploy/env\n\
         +++ b/deploy/env\n@@ -3,2 +3,2 @@ x\n three\n-old {token}\n+new {token}\n"
    );
    let place = |side: &str| json!({"path": "deploy/env", "line": 4, "column": 5, "commit": COMMIT, "side": side});
    let both = json!([place("removed"), place("added")]);
    assert_eq!(places(&log), ("diff".to_owned(), both));
}
