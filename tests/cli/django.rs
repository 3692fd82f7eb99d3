//! Django REST framework: the key is the secret, and only a delete kills.

use breakglass::model::hex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::operator::with_operator;
use crate::support::http::{App, Reply};
use crate::support::run::Output;
use crate::support::{Template, TestDatabase};

/// The tokens of the fixture: login, and the key that is the secret.
const SECRETS: [(&str, &str); 4] = [
    ("admin", "c09577d8d8811e0c040906623091d9e9f028e092"),
    ("importer", "b42d8a25286ba86153eef4bc8191492d77511754"),
    ("mira", "29510573bc11de811f7d5293ac570a20bff42b2e"),
    ("left", "128d662a73bc06c6d48c10cd1cc28bf977748f12"),
];
const MIRA: &str = SECRETS[2].1;

/// What the model calls the key: sha256 of it.
fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn installed() -> TestDatabase {
    TestDatabase::prepared("cli_django_installed", Template::Django, |database| {
        database.breakglass().arg("init").run().success();
    })
}

fn run(database: &TestDatabase, arguments: &[&str]) -> Output {
    run_with(database, "", arguments)
}

/// The same, with something on standard input.
fn run_with(database: &TestDatabase, stdin: &str, arguments: &[&str]) -> Output {
    let output = database
        .breakglass()
        .args(arguments.iter().copied())
        .stdin(stdin)
        .run();
    for (_, secret) in SECRETS {
        output.never_says(secret);
    }
    output
}

fn logins(database: &TestDatabase) -> Vec<String> {
    let left = "select username::text from authtoken_token join auth_user as u on u.id = user_id order by u.id";
    database
        .query(left)
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

/// Whether a text stands anywhere in breakglass's own tables.
fn is_recorded(database: &TestDatabase, text: &str) -> bool {
    let all = [
        database.operations(),
        database.changes(),
        database.observations(),
    ]
    .concat();
    all.iter().any(|row| row.to_string().contains(text))
}

#[test]
fn the_list_shows_digests_and_never_a_key() {
    let database = TestDatabase::new(Template::Django);
    for format in ["table", "json", "jsonl", "csv"] {
        let output = run(&database, &["tokens", "ls", "-o", format]);
        output.success();
        for (login, secret) in SECRETS {
            assert!(output.stdout.contains(login), "{login}");
            assert!(
                output.stdout.contains(&digest(secret)[..16]),
                "{login} in {format}"
            );
            // Not even its beginning.
            output.never_says(&secret[..12]);
        }
    }
    let output = run(
        &database,
        &["tokens", "ls", "-o", "jsonl", "--owner", "mira"],
    );
    let [token] = &output.json_lines()[..] else {
        panic!("{output}")
    };
    assert_eq!(token["key"], digest(MIRA));
    assert_eq!(
        token["owner"],
        json!({"id": "3", "login": "mira", "email": "mira@example.com"})
    );
    assert_eq!(
        (
            &token["label"],
            &token["expires_at"],
            &token["last_used_at"]
        ),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&token["state"], &token["kind"]),
        (&json!("active"), &json!("token"))
    );
    assert_eq!(token["details"], json!({"owner_is_active": true}));
    let output = run(
        &database,
        &[
            "tokens",
            "ls",
            "-c",
            "key,owner_is_active",
            "-o",
            "csv",
            "--owner",
            "left",
        ],
    );
    assert_eq!(
        output.stdout,
        format!("key,owner_is_active\n{},false\n", digest(SECRETS[3].1))
    );
}

#[test]
fn the_list_is_filtered_by_what_there_is() {
    let database = TestDatabase::new(Template::Django);
    let count = |arguments: &[&str]| {
        let output = run(
            &database,
            &[&["tokens", "ls", "-o", "jsonl"], arguments].concat(),
        );
        output.success();
        output.json_lines().len()
    };
    assert_eq!(count(&["--created-before", "30d"]), 3);
    // "Never used" would be a lie where no use is recorded.
    for flags in [["--unused-for", "500d"], ["--sort", "last-used"]] {
        run(&database, &[&["tokens", "ls"], &flags[..]].concat())
            .code(2)
            .says("does not record when a token was last used");
    }
    let listed = run(&database, &["tokens", "ls"]);
    assert!(listed.success().stdout.contains("not recorded"), "{listed}");
    assert_eq!(count(&["--expires-within", "1000d"]), 0);
    assert_eq!(count(&["--name", "*"]), 0);
    let output = run(
        &database,
        &["tokens", "ls", "--sort", "created", "-o", "jsonl"],
    );
    let owners: Vec<Value> = output
        .json_lines()
        .into_iter()
        .map(|token| token["owner"]["login"].clone())
        .collect();
    assert_eq!(owners, ["mira", "left", "importer", "admin"]);
}

#[test]
fn a_token_is_shown_by_digest_prefix_and_secret() {
    let database = installed();
    let whole = digest(MIRA);
    for selector in [
        whole.clone(),
        format!("id:{whole}"),
        whole[..8].to_owned(),
        whole[..16].to_uppercase(),
    ] {
        let output = run(&database, &["tokens", "show", &selector, "-o", "json"]);
        output.success();
        assert_eq!(output.json()["token"]["key"], whole, "{selector}");
    }
    run(&database, &["tokens", "show", &whole[..7]])
        .code(1)
        .says("no token matches");
    let output = run_with(
        &database,
        &format!("Authorization: Token {MIRA}"),
        &["tokens", "show", "-"],
    );
    output.success();
    assert!(
        output.stdout.contains(&format!("key          {whole}\n")),
        "{output}"
    );
    assert!(
        output.stdout.contains("\nsecret       verified\n"),
        "{output}"
    );
    let output = run(&database, &["tokens", "show", MIRA]);
    output
        .success()
        .says("the secret is now in this shell's history");
    let unknown = "0".repeat(40);
    let output = run_with(&database, &unknown, &["tokens", "show", "-"]);
    output
        .code(1)
        .says("no token matches secret of 40 characters")
        .never_says(&unknown);
}

#[test]
fn expiring_is_refused_with_the_reason_and_that_is_on_record() {
    let database = installed();
    let before = database.application_rows();
    let prefix = &digest(MIRA)[..16];
    for (selector, stdin) in [(prefix, ""), ("-", MIRA)] {
        let rm = ["tokens", "rm", selector, "--yes", "--reason", "why"];
        let output = run_with(&database, stdin, &rm);
        output
            .code(1)
            .says("tokens of Django REST framework (authtoken) cannot be expired: the table has no expiry and no flag")
            .says("hint: add `--delete` to remove the row for good")
            .says("recorded as ");
    }
    assert_eq!(database.application_rows(), before);
    let operations = database.operations();
    assert_eq!(operations.len(), 2);
    assert!(
        operations
            .iter()
            .all(|operation| operation["outcome"] == "refused")
    );
    assert!(!is_recorded(&database, MIRA));
    let rm = ["tokens", "rm", "mira", "--dry-run", "-o", "json"];
    let output = run(&database, &rm);
    output.code(1);
    assert_eq!(output.json_error()["error"]["code"], "only_delete");
}

#[test]
fn a_pasted_secret_is_deleted_and_the_record_holds_its_digest_only() {
    let database = installed();
    let whole = digest(MIRA);
    let delete = [
        "tokens",
        "rm",
        "-",
        "--delete",
        "--confirm",
        &whole[..16],
        "--reason",
        "leaked",
        "-o",
        "json",
    ];
    let output = run_with(&database, MIRA, &delete);
    output.success();
    assert_eq!(logins(&database), ["admin", "importer", "left"]);
    let receipt = output.json();
    assert_eq!(receipt["verdict"], "dead");
    assert_eq!(receipt["changes"][0]["key"], whole);
    assert_eq!(receipt["changes"][0]["state_after"], "deleted");
    let operation = database.operation();
    assert_eq!(
        (&operation["action"], &operation["outcome"]),
        (&json!("delete"), &json!("applied"))
    );
    assert_eq!(operation["secret_verified"], true);
    let selector = format!("secret of 40 characters, sha256 {whole}");
    assert_eq!(operation["selector"], selector.as_str());
    let [change] = &database.changes()[..] else {
        panic!("{:?}", database.changes())
    };
    assert_eq!(change["key"], whole);
    assert_eq!(change["owner_login"], "mira");
    let before: Vec<&String> = change["before"]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(
        before,
        ["created", "user_id"],
        "the key is no tracked column: it is the secret"
    );
    assert_eq!(database.observations()[0]["key"], whole);
    assert!(is_recorded(&database, &whole));
    for (_, secret) in SECRETS {
        assert!(!is_recorded(&database, secret));
    }
    let output = run(
        &database,
        &["audit", "ls", "--token", &whole, "-o", "jsonl"],
    );
    assert_eq!(output.json_lines().len(), 1);
}

#[test]
fn a_delete_wants_the_right_digest_confirmed() {
    let database = installed();
    let (mine, theirs) = (digest(MIRA), digest(SECRETS[0].1));
    let delete = |more: &[&str]| {
        run_with(
            &database,
            MIRA,
            &[&["tokens", "rm", "-", "--delete", "--reason", "why"], more].concat(),
        )
    };
    for confirm in [&theirs[..16], &mine[..7], "", "zz", "%"] {
        let output = delete(&["--confirm", confirm]);
        output.code(1).says(&format!(
            "--confirm does not name token `{mine}`, which would be deleted"
        ));
    }
    // The secret itself is what must not be typed on a command line.
    delete(&["--confirm", MIRA]).code(1);
    delete(&[])
        .code(2)
        .says("--delete needs --confirm KEY without a terminal");
    assert_eq!(logins(&database), ["admin", "importer", "mira", "left"]);
    delete(&["--confirm", &mine]).success();
    assert_eq!(logins(&database), ["admin", "importer", "left"]);
}

#[test]
fn the_operator_is_told_that_the_role_reads_secrets() {
    let database = TestDatabase::new(Template::Django);
    let role = database.role_name("operators");
    let output = run(&database, &["init", "--operator-role", &role]);
    output.success();
    for note in [
        "note: the key of public.authtoken_token is itself the secret: the role can read secrets, because finding a row needs it\n",
        "note: the role may not delete, which is the only way to kill a token here; --allow-delete grants it\n",
        "granted select (created, key, user_id) on public.authtoken_token\n",
        "granted select (email, id, is_active, username) on public.auth_user\n",
    ] {
        assert!(
            output.stdout.contains(note),
            "{note:?} is missing\n{output}"
        );
    }
    assert!(!output.stdout.contains("granted update"), "{output}");
}

#[test]
fn the_operator_deletes_where_that_was_allowed() {
    let delete = |flags: &[&str]| {
        let (database, alice) = with_operator(Template::Django, flags);
        let rm = [
            "tokens",
            "rm",
            "-",
            "--delete",
            "--confirm",
            &digest(MIRA)[..8],
            "--reason",
            "why",
        ];
        let output = database
            .breakglass()
            .as_role(&alice)
            .args(rm)
            .stdin(MIRA)
            .run();
        output.never_says(MIRA);
        (output, logins(&database).len(), database.operations())
    };
    let (output, left, operations) = delete(&["--allow-delete"]);
    output.success();
    assert_eq!((left, &operations[0]["outcome"]), (3, &json!("applied")));
    let (output, left, operations) = delete(&[]);
    output
        .code(1)
        .says("lacks delete on public.authtoken_token")
        .says("--allow-delete");
    assert_eq!(left, 4);
    assert_eq!(operations.len(), 1, "a failure is on record");
}

/// The server's log keeps statements, and parameters where somebody asks for them.
#[test]
fn the_secret_is_never_sent_to_the_server() {
    let cluster = crate::support::private_cluster();
    let database = TestDatabase::on(&cluster, Template::Django);
    database.execute("alter system set log_min_duration_statement = 0");
    database.execute("select pg_reload_conf()");
    database.wait_for("select current_setting('log_min_duration_statement') = '0'");
    let log = || std::fs::read_to_string(cluster.log_file()).expect("there is a log");
    // What loaded the fixture named every key.
    let start = log().len();
    run(&database, &["init"]).success();
    run_with(&database, MIRA, &["tokens", "show", "-"]).success();
    run(&database, &["tokens", "show", MIRA]).success();
    let prefix = &digest(MIRA)[..8];
    let delete = [
        "tokens",
        "rm",
        "-",
        "--delete",
        "--confirm",
        prefix,
        "--reason",
        "why",
    ];
    run_with(&database, MIRA, &delete).success();
    let log = &log()[start..];
    assert!(log.contains(&digest(MIRA)), "parameters are in the log");
    assert!(!log.contains(MIRA));
}

#[test]
fn the_application_is_asked_with_the_key_that_is_the_secret() {
    let database = installed();
    let app = App::start(|number, _| Reply::Status(if number == 0 { 200 } else { 401 }));
    let rm = ["tokens", "rm", "-", "--delete", "--reason", "leaked"];
    let digest = digest(MIRA);
    let confirm = ["--confirm", &digest];
    // Which path wants a login is the project's own affair.
    let url = app.url();
    let bare = [&rm[..], &confirm, &["--probe", &url]].concat();
    run_with(&database, MIRA, &bare)
        .code(1)
        .says("--probe names no path, and adapter `django-rest-framework` knows of none")
        .says("nothing was changed");
    assert_eq!(app.asked(), Vec::<String>::new());
    assert!(logins(&database).contains(&"mira".to_owned()));
    let url = format!("{url}/api/me/");
    let whole = [&rm[..], &confirm, &["--probe", &url]].concat();
    let output = run_with(&database, MIRA, &whole);
    output
        .success()
        .says("probe: 200: the application takes it now");
    assert!(
        output
            .stdout
            .contains("the application refuses it: 401 after "),
        "{output}"
    );
    assert!(!logins(&database).contains(&"mira".to_owned()));
    assert!(!is_recorded(&database, MIRA));
    for head in app.asked() {
        assert!(head.starts_with("GET /api/me/ HTTP/1.1\r\n"), "{head}");
        assert!(
            head.contains(&format!("authorization: Token {MIRA}\r\n")),
            "{head}"
        );
    }
}
