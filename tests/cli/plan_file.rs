//! `tokens rm --plan-file`: what is written, and that nothing else happens.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::adapters::INHOUSE;
use super::remove::{Before, REASON, coder, column, operator};
use super::target_rules::{NOWHERE, TICKETS};
use crate::support::config::{File, prod};
use crate::support::run::Output;
use crate::support::{Invocation, Template, TestDatabase, breakglass, seed};

/// A plan file of a test's own, gone at its end.
pub(super) struct Plan {
    folder: TempDir,
}

impl Plan {
    /// A place for one, where none is yet.
    pub(super) fn nowhere() -> Self {
        let folder = TempDir::with_prefix("breakglass-plan-").expect("/tmp is writable");
        Self { folder }
    }

    /// A file with this text.
    pub(super) fn with(text: &str) -> Self {
        let plan = Self::nowhere();
        fs::write(plan.file(), text).expect("it can be written");
        plan
    }

    /// What `tokens rm WORDS --plan-file` writes, with a reason.
    pub(super) fn of(database: &TestDatabase, words: &[&str]) -> Self {
        let plan = Self::nowhere();
        let output = plan.make(database, words).args(["--reason", REASON]).run();
        output.success();
        plan
    }

    /// `tokens rm WORDS --plan-file` for this file.
    pub(super) fn make<'a>(&self, database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
        let invocation = database.breakglass().args(["tokens", "rm", "--plan-file"]);
        invocation.arg(self.path()).args(words.to_vec())
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("plan.json")
    }

    pub(super) fn path(&self) -> String {
        self.file().display().to_string()
    }

    pub(super) fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("it was written")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text()).expect("it is JSON")
    }

    pub(super) fn digest(&self) -> String {
        let plan = self.json();
        plan["digest"].as_str().expect("it has one").to_owned()
    }

    /// `apply FILE WORDS`.
    pub(super) fn apply<'a>(&self, database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
        let invocation = database.breakglass().arg("apply").arg(self.path());
        invocation.args(words.to_vec())
    }

    /// What else is in its folder.
    fn neighbours(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("it is ours");
        let names = entries.map(|entry| entry.expect("it can be read").file_name());
        names
            .map(|name| name.into_string().expect("UTF-8"))
            .filter(|name| name != "plan.json")
            .collect()
    }
}

fn is_usage(output: &Output, text: &str, file: &Plan) {
    output.code(2).says(text);
    assert_eq!(output.stdout, "");
    assert!(file.neighbours().is_empty(), "{:?}", file.neighbours());
}

/// The plan for the one token that `build-cache` means, with what differs from run to run as it was
/// written.
fn expected(database: &TestDatabase, written: &Value) -> Value {
    let text = |name: &str| written[name].as_str().expect(name).to_owned();
    let owner = column(database, seed::HOT, "user_id");
    let time = |what: &str| {
        let what =
            format!("to_char({what} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
        column(database, seed::HOT, &what)
    };
    let pinned = |what: &str| {
        column(
            database,
            seed::HOT,
            &format!("({what} at time zone 'UTC')::text || '+00'"),
        )
    };
    json!({
        "plan_file": 1, "digest": text("digest"), "operation": text("operation"),
        "planned_by": { "os_user": written["planned_by"]["os_user"], "host": written["planned_by"]["host"], "db_role": "postgres" },
        "planned_at": text("planned_at"), "valid_until": text("valid_until"),
        "tool_version": env!("CARGO_PKG_VERSION"),
        "database": {
            "system_identifier": database.value("select system_identifier from pg_control_system()"),
            "name": database.name(),
        },
        "adapter": { "name": "coder", "sha256": written["adapter"]["sha256"], "schema": "public" },
        "action": "expire", "ends_at": null, "selector": "build-cache", "reason": REASON, "ticket": "INC-42",
        "application_audit": true, "app_actor": null,
        "tokens": [{
            "token": {
                "adapter": "coder", "kind": "token", "key": seed::HOT, "label": "build-cache",
                "owner": { "id": owner, "login": "ci-runner", "email": written["tokens"][0]["token"]["owner"]["email"] },
                "state": "active", "created_at": time("created_at"),
                "last_used_at": written["tokens"][0]["token"]["last_used_at"], "expires_at": time("expires_at"),
                "details": written["tokens"][0]["token"]["details"],
            },
            "effect": "change",
            "fixed": {
                "allow_list": "{*:*}", "created_at": pinned("created_at"), "lifetime_seconds": column(database, seed::HOT, "lifetime_seconds"),
                "login_type": "token", "scopes": "{coder:all}", "token_name": "build-cache", "user_id": owner,
            },
            "vital": { "expires_at": pinned("expires_at") },
            "secret": "not_given",
        }],
        "companions": [], "leaves_companions": false, "cascades": [],
    })
}

#[test]
fn a_plan_is_written_with_everything_in_it_and_nothing_is_changed() {
    let database = coder();
    let before = Before::of(&database);
    let plan = Plan::nowhere();
    let words = ["build-cache", "--reason", REASON, "--ticket", "INC-42"];
    let output = plan.make(&database, &words).run();
    output
        .success()
        .says("would expire 1 token (expires_at = now - 1 s)")
        .says("breaks d4o6FQe5QT: last used ")
        .says("nothing was changed; `breakglass apply ");
    before.is_all(&database);
    let written = plan.json();
    let text = |name: &str| written[name].as_str().expect(name).to_owned();
    let moment = |name: &str| {
        text(name)
            .parse::<chrono::DateTime<chrono::Utc>>()
            .expect(name)
    };
    let said: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(
        said,
        [
            format!(
                "plan of 1 token in {}, valid until {} +00:00 (in 15 min)",
                plan.path(),
                moment("valid_until").format("%Y-%m-%d %H:%M:%S")
            ),
            format!("digest {}", text("digest")),
        ]
    );
    assert_eq!(
        moment("valid_until") - moment("planned_at"),
        chrono::TimeDelta::minutes(15)
    );
    let age = format!(
        "select abs(extract(epoch from now() - '{}')) < 60",
        text("planned_at")
    );
    assert_eq!(database.value(&age), "t");
    output.says(&format!("operation {}, plan ", text("operation")));
    assert_eq!(written, expected(&database, &written));
    let sha256 = text("digest");
    assert!(sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let adapter = breakglass::model::hex(&<sha2::Sha256 as sha2::Digest>::digest(
        fs::read("sql/adapters/coder.toml").expect("it is there"),
    ));
    assert_eq!(written["adapter"]["sha256"], adapter);
    assert!(
        written["planned_by"]["os_user"].is_string() && written["planned_by"]["host"].is_string()
    );
}

#[test]
fn the_file_is_for_nobody_else_and_lies_there_whole() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let mode = fs::metadata(plan.file()).expect("it is there").mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(plan.neighbours().is_empty());
    assert!(plan.text().ends_with("}\n"));
    // A token a line.
    let lines = |text: &str| {
        text.lines()
            .filter(|line| line.starts_with("    {"))
            .count()
    };
    assert_eq!(lines(&plan.text()), 1);
    let plan = Plan::of(&database, &["build-cache", "release", seed::OAUTH]);
    assert_eq!(lines(&plan.text()), 4, "three tokens and a companion");
}

/// `jq` sorts and writes as the digest's canonical form does, so an approver needs no breakglass.
#[test]
fn the_digest_is_that_of_the_sorted_document_without_it() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", seed::OAUTH]);
    let mut document = plan.json();
    let told = document
        .as_object_mut()
        .expect("object")
        .shift_remove("digest");
    document.sort_all_objects();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(document.to_string());
    assert_eq!(told, Some(Value::from(breakglass::model::hex(&digest))));
}

#[test]
fn it_needs_no_reason_no_yes_and_no_terminal_but_what_is_given_is_checked() {
    let database = coder();
    let before = Before::of(&database);
    let plan = Plan::nowhere();
    plan.make(&database, &["build-cache"]).run().success();
    assert_eq!(
        [&plan.json()["reason"], &plan.json()["ticket"]],
        [&Value::Null; 2]
    );
    before.is_all(&database);
    let deleting = Plan::nowhere();
    deleting
        .make(&database, &["build-cache", "--delete"])
        .run()
        .success();
    assert_eq!(deleting.json()["action"], "delete");
    before.is_all(&database);

    let file = File::with(&prod(
        NOWHERE,
        &format!("{TICKETS}\nmin_reason_length = 20"),
    ));
    let words = [
        "tokens",
        "rm",
        "build-cache",
        "--target",
        "prod",
        "--plan-file",
        "-",
    ];
    let make = |more: &[&str]| file.breakglass().args(words).args(more.to_vec()).run();
    let nothing = Plan::nowhere();
    is_usage(
        &make(&["--reason", "short"]),
        "error: the reason has 5 characters",
        &nothing,
    );
    is_usage(
        &make(&["--ticket", "42"]),
        "error: --ticket does not match",
        &nothing,
    );
    is_usage(
        &make(&["--reason", " "]),
        "error: --reason is empty\nhint: leave it out",
        &nothing,
    );
    // Neither is demanded of a plan.
    make(&[]).code(3);
}

#[test]
fn what_is_refused_leaves_neither_file_nor_record() {
    let database = coder();
    let before = Before::of(&database);
    let plan = Plan::nowhere();
    for (words, told) in [
        (&["no-such-token"][..], "error: no token matches "),
        (&["ci"][..], "error: ci matches 9 tokens"),
        (
            &["build-cache", "--expect", "2"][..],
            "error: --expect says 2",
        ),
    ] {
        let output = plan.make(&database, words).run();
        output.code(1).says(told).never_says("recorded");
        assert_eq!(output.stdout, "");
        assert!(!plan.file().exists() && plan.neighbours().is_empty());
    }
    before.is_all(&database);
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let plan = Plan::with("mine");
    let nowhere = || breakglass().args(["tokens", "rm", "x", "-d", NOWHERE, "--plan-file"]);
    let output = nowhere().arg(plan.path()).run();
    is_usage(
        &output,
        "is there already, and is not written over\nhint: give another name",
        &plan,
    );
    assert_eq!(plan.text(), "mine");
    // Nor is what a link leads to, were it nothing.
    let link = Plan::nowhere();
    symlink("/nonexistent", link.file()).expect("it can be linked");
    is_usage(&nowhere().arg(link.path()).run(), "is there already", &link);
    is_usage(
        &nowhere().arg("").run(),
        "error: --plan-file is empty",
        &plan,
    );
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_nothing_is_changed() {
    let database = coder();
    let before = Before::of(&database);
    let plan = Plan::nowhere();
    let missing = plan.folder.path().join("no/such/plan.json");
    let words = ["tokens", "rm", "build-cache", "--plan-file"];
    let output = database
        .breakglass()
        .args(words)
        .arg(missing.display().to_string())
        .run();
    output
        .code(1)
        .says("error: cannot write plan file `")
        .says("`; nothing was changed: No such file");
    assert_eq!(output.stdout, "");
    before.is_all(&database);
    // `-` into a full disk.
    let shell = format!(
        "{} tokens rm build-cache --plan-file - > /dev/full",
        env!("CARGO_BIN_EXE_breakglass")
    );
    let output = Invocation::new("sh")
        .on(&database)
        .args(["-c", &shell])
        .run();
    output
        .code(1)
        .says("error: cannot write the output: No space left on device");
    before.is_all(&database);
}

#[test]
fn a_dash_is_standard_output_and_the_digest_is_talk() {
    let database = coder();
    let words = ["tokens", "rm", "build-cache", "--plan-file", "-"];
    let output = database.breakglass().args(words).run();
    let plan = output.success().json();
    assert_eq!(plan["tokens"][0]["token"]["key"], seed::HOT);
    output.says("plan of 1 token in standard output, valid until ");
    output.says(&format!(
        "digest {}\n",
        plan["digest"].as_str().expect("text")
    ));
    let output = database.breakglass().args(words).args(["-o", "json"]).run();
    assert_eq!(output.success().json()["plan_file"], 1);
    assert_eq!(output.stderr, "");
    // A file called `-` in none.
    assert!(!PathBuf::from("-").exists());
}

#[test]
fn a_program_is_told_what_was_written() {
    let database = coder();
    let plan = Plan::nowhere();
    let words = ["build-cache", seed::EXPIRED, "-o", "json"];
    let output = plan.make(&database, &words).run();
    output.success();
    assert_eq!(output.stderr, "");
    let written = plan.json();
    let expected = json!({
        "schema": 1, "plan_file": plan.path(), "digest": written["digest"],
        "operation": written["operation"], "planned": 2, "changes": 1,
        "valid_until": written["valid_until"],
    });
    assert_eq!(output.json(), expected);
    assert_eq!(written["tokens"][0]["effect"], "unchanged", "in key order");
}

#[test]
fn how_long_it_is_valid_can_be_said() {
    let database = coder();
    for (said, seconds) in [
        ("1s", 1),
        ("1h", 3_600),
        ("7days", 604_800),
        ("1h 30m", 5_400),
    ] {
        let plan = Plan::nowhere();
        plan.make(&database, &["build-cache", "--valid-for", said])
            .run()
            .success();
        let plan = plan.json();
        let moment = |name: &str| {
            let text = plan[name].as_str().expect(name);
            text.parse::<chrono::DateTime<chrono::Utc>>().expect(name)
        };
        let valid = moment("valid_until") - moment("planned_at");
        assert_eq!(valid.num_seconds(), seconds, "{said}");
    }
    let plan = Plan::nowhere();
    for said in [
        "0s",
        "999ms",
        "8days",
        "15",
        "soon",
        "-1h",
        "99999999999999999999y",
    ] {
        let valid_for = format!("--valid-for={said}");
        is_usage(
            &plan.make(&database, &["build-cache", &valid_for]).run(),
            "give a duration",
            &plan,
        );
        assert!(!plan.file().exists());
    }
    let output = database
        .breakglass()
        .args(["tokens", "rm", "x", "--valid-for", "1h"])
        .run();
    is_usage(&output, "--plan-file <FILE|->", &plan);
}

#[test]
fn what_belongs_to_the_change_is_not_said_to_a_plan() {
    let database = coder();
    let plan = Plan::nowhere();
    for words in [
        &["build-cache", "--yes"][..],
        &["build-cache", "--dry-run"],
        &["build-cache", "--cancel-blocker=1"],
        &["build-cache", "--delete", "--confirm", seed::HOT],
    ] {
        is_usage(
            &plan.make(&database, words).run(),
            "cannot be used with",
            &plan,
        );
        assert!(!plan.file().exists());
    }
}

/// A role that may not ask which cluster it is cannot tie a plan to one.
#[test]
fn a_plan_of_an_unknown_cluster_is_not_written() {
    let database = coder();
    let before = Before::of(&database);
    let role = operator(&database, &[]);
    database.execute("revoke execute on function pg_control_system() from public");
    let plan = Plan::nowhere();
    let output = plan.make(&database, &["build-cache"]).as_role(&role).run();
    output
        .code(1)
        .says(&format!(
            "error: role `{role}` may not ask which cluster this is"
        ))
        .says("hint: run `grant execute on function pg_control_system() to ROLE`");
    assert!(!plan.file().exists() && plan.neighbours().is_empty());
    database.execute("grant execute on function pg_control_system() to public");
    plan.make(&database, &["build-cache"])
        .as_role(&role)
        .run()
        .success();
    assert_eq!(plan.json()["planned_by"]["db_role"], role.as_str());
    assert_eq!(Before::of(&database).operations(), before.operations());
}

/// The stored hash of the in-house table is sha256 of the whole secret: the very digest that stands
/// for a secret elsewhere.
#[test]
fn no_secret_and_no_hash_gets_into_the_file() {
    let canary = |text: &str, plan: &Plan, output: &Output| {
        assert!(!plan.text().contains(text), "{text} is in {}", plan.text());
        assert!(!output.stdout.contains(text), "{text}");
    };
    let database = coder();
    let secret = seed::token_of(seed::HOT);
    let plan = Plan::nowhere();
    let output = plan
        .make(&database, &["-", "id:r1zx5DiipR"])
        .stdin(secret.clone())
        .run();
    output.success().never_says(&secret);
    let hash =
        |key: &str, how: &str| column(&database, key, &format!("encode(hashed_secret, '{how}')"));
    for key in [seed::HOT, seed::RELEASE] {
        canary(&seed::secret_of(key), &plan, &output);
        for how in ["hex", "base64", "escape"] {
            canary(&hash(key, how), &plan, &output);
        }
    }
    assert_eq!(
        plan.json()["selector"],
        "secret of 33 characters id:r1zx5DiipR"
    );
    let of = |key: &str| {
        let plan = plan.json();
        let mut tokens = plan["tokens"]
            .as_array()
            .expect("a list")
            .clone()
            .into_iter();
        tokens
            .find(|token| token["token"]["key"] == key)
            .expect("it is planned")["secret"]
            .clone()
    };
    assert_eq!(
        [of(seed::HOT), of(seed::RELEASE)],
        ["verified", "not_given"]
    );

    let database = TestDatabase::new(Template::Inhouse);
    let inhouse = ["--adapter-file", INHOUSE];
    database
        .breakglass()
        .arg("init")
        .args(inhouse)
        .run()
        .success();
    let hash = database.value(
        "select \"tokenHash\" from \"Internal Tools\".\"ServiceTokens\" where \"tokenId\" = 1",
    );
    let secret = format!(
        "svc_{:.32}",
        breakglass::model::hex(&<sha2::Sha256 as sha2::Digest>::digest("secret of 1"))
    );
    let plan = Plan::nowhere();
    let output = plan
        .make(&database, &["-"])
        .args(inhouse)
        .stdin(secret.clone())
        .run();
    output.success();
    assert_eq!(plan.json()["tokens"][0]["token"]["key"], "1");
    canary(&hash, &plan, &output);
    canary(&secret, &plan, &output);
}
