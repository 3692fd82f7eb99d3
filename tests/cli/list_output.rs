//! `tokens ls`: how tokens are written, for people and for programs.

use serde_json::json;

use super::list::{keys, ls};
use super::list_json::members;
use crate::support::{Invocation, Template, TestDatabase, seed};

const HEAD: &str = "key,label,kind,state,owner_id,owner_login,owner_email,created_at,last_used_at,\
                    expires_at,adapter";

/// The first column of a table or of CSV.
fn first_column(text: &str, separator: char) -> Vec<String> {
    let lines = text.lines().skip(1);
    lines
        .filter_map(|line| line.split(separator).next().map(str::to_owned))
        .collect()
}

#[test]
fn a_filter_shows_the_same_rows_in_every_format() {
    let database = TestDatabase::new(Template::Coder);
    for filter in [
        &[][..],
        &["--kind", "all", "--include-expired", "--sort", "expires"],
        &["--owner", "mira", "--kind", "all"],
        &["--unused-for", "10d", "--sort", "name", "--limit", "7"],
    ] {
        let lines = keys(&database, filter);
        assert!(!lines.is_empty());
        let table = ls(&database, filter);
        table.success();
        assert_eq!(first_column(&table.stdout, ' '), lines, "{filter:?}");
        let csv = ls(&database, &[&["-o", "csv"], filter].concat());
        csv.success();
        assert_eq!(first_column(&csv.stdout, ','), lines, "{filter:?}");
        let json = ls(&database, &[&["-o", "json"], filter].concat());
        json.success();
        let document = json.json();
        let tokens = document["tokens"].as_array().expect("tokens is a list");
        let json_keys: Vec<_> = tokens
            .iter()
            .filter_map(|token| token["key"].as_str())
            .collect();
        assert_eq!(json_keys, lines, "{filter:?}");
    }
}

#[test]
fn csv_has_a_fixed_head_and_quotes_as_rfc_4180_says() {
    let database = TestDatabase::new(Template::Coder);
    database.load("tests/fixtures/coder/hostile.sql");
    let output = ls(
        &database,
        &["-o", "csv", "--owner", "hostile", "--kind", "all"],
    );
    output.success();
    assert!(output.stdout.starts_with(&format!("{HEAD}\n")), "{output}");
    for literal in [
        "\nhostile005,\"two\nlines\",token,active,",
        "\nhostile014,quote ' double \"\" back ` dollar $(id)\","
            .replacen(",q", ",\"q", 1)
            .as_str(),
        "\nhostile018,\"comma, semicolon; \"\"quoted\"\"\",token,",
        "\nhostile019,=1+1,token,",
        "\nhostile031,,token,",
        "\nhostile033, padded ,token,",
    ] {
        assert!(
            output.stdout.contains(literal),
            "{literal:?} is missing\n{output}"
        );
    }
    let mut reader = csv::Reader::from_reader(output.stdout.as_bytes());
    let read: Vec<Vec<Option<String>>> = reader
        .records()
        .map(|record| {
            let record = record.expect("every record has as many fields as the head");
            record
                .iter()
                .take(2)
                .map(|field| Some(field.to_owned()))
                .collect()
        })
        .collect();
    let stored = database.query(
        "select k.id, token_name from api_keys as k join users as u on u.id = user_id \
          where username = 'hostile' and expires_at > now() order by k.id",
    );
    assert_eq!(read, stored);
}

#[test]
fn hostile_names_cannot_reach_a_terminal_but_arrive_in_json() {
    let database = TestDatabase::new(Template::Coder);
    database.load("tests/fixtures/coder/hostile.sql");
    let is_hostile = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    for format in ["table", "json", "jsonl"] {
        let output = ls(&database, &["-o", format, "--kind", "all"]);
        output.success();
        let found = output.stdout.chars().find(|&c| is_hostile(c));
        assert_eq!(found, None, "{format}");
    }
    let table = ls(&database, &["--owner", "hostile", "--kind", "all"]);
    let wanted = "select 1 + count(*) from api_keys as k join users as u on u.id = user_id \
                   where username = 'hostile' and expires_at > now()";
    assert_eq!(
        table.stdout.lines().count().to_string(),
        database.value(wanted),
        "one line each"
    );
    let lines = ls(
        &database,
        &["-o", "jsonl", "--owner", "hostile", "--kind", "all"],
    )
    .json_lines();
    let stored = "select id, token_name from api_keys where id like 'hostile%'";
    for row in database.query(stored) {
        let [Some(key), Some(name)] = &row[..] else {
            panic!("{row:?}")
        };
        if let Some(token) = lines.iter().find(|token| token["key"] == key.as_str()) {
            assert_eq!(token["label"].as_str().unwrap_or_default(), name, "{key}");
        }
    }
    let terminal = database
        .breakglass()
        .args(["tokens", "ls", "-o", "csv", "--owner", "hostile"]);
    let transcript = terminal.on_terminal(200).finish();
    transcript.code(0).says("red \\u{1b}[31malert");
    assert!(!transcript.raw.contains('\u{1b}'), "{:?}", transcript.raw);
}

#[test]
fn columns_are_chosen_by_name_and_details_are_columns() {
    let database = TestDatabase::new(Template::Coder);
    let output = ls(
        &database,
        &[
            "--name",
            "build-cache",
            "-o",
            "csv",
            "-c",
            "scopes,KEY,owner_status,lifetime-seconds,kind",
        ],
    );
    output.success();
    let line = format!("coder:all,{},active,31536000,token", seed::HOT);
    assert_eq!(
        output.stdout,
        format!("scopes,key,owner_status,lifetime_seconds,kind\n{line}\n")
    );
    let output = ls(
        &database,
        &[
            "--name",
            "build-cache",
            "-c",
            "id,name,owner",
            "-c",
            "adapter,allow_list",
        ],
    );
    output.success();
    let head = "KEY         NAME         OWNER      ADAPTER  ALLOW LIST";
    let line = format!("{}  build-cache  ci-runner  coder    *:*", seed::HOT);
    assert_eq!(output.stdout, format!("{head}\n{line}\n"));
    let short = ["email", "created", "last_used", "expires"].join(",");
    let output = ls(&database, &["--name", "release", "-o", "csv", "-c", &short]);
    output.success();
    assert!(
        output
            .stdout
            .starts_with("owner_email,created_at,last_used_at,expires_at\n,20")
    );
}

#[test]
fn an_unknown_column_is_a_usage_error_that_lists_the_known_ones() {
    let database = TestDatabase::new(Template::Coder);
    let output = ls(&database, &["-c", "key,colour"]);
    output
        .code(2)
        .says("there is no column `colour`; there are key, label, kind,")
        .says("scopes");
    assert_eq!(output.stdout, "");
}

#[test]
fn every_shape_of_the_table_is_listed() {
    for (template, prefix, own) in [
        (Template::CoderV0_23, "v0", &["scope"][..]),
        (Template::CoderV2_27, "v2", &["scopes", "allow_list"]),
        (Template::Coder, "", &["scopes", "allow_list"]),
    ] {
        let database = TestDatabase::new(template);
        let output = ls(
            &database,
            &["-o", "jsonl", "--kind", "all", "--include-expired"],
        );
        output.success();
        let tokens = output.json_lines();
        assert_eq!(
            tokens.len().to_string(),
            database.value("select count(*) from api_keys")
        );
        for token in &tokens {
            let mut details = members(&token["details"]);
            details.sort_unstable();
            let common = [
                "ip_address",
                "lifetime_seconds",
                "login_type",
                "owner_deleted",
                "owner_status",
            ];
            let mut wanted = [&common[..], own].concat();
            wanted.sort_unstable();
            assert_eq!(details, wanted, "{template:?}");
        }
        if prefix.is_empty() {
            continue;
        }
        let kind = |key: String| {
            let token = tokens.iter().find(|token| token["key"] == key.as_str());
            token.map(|token| (token["kind"].clone(), token["state"].clone()))
        };
        for (key, wanted, state) in [
            ("Token001", "token", "active"),
            ("Token004", "token", "expired"),
            ("Sessn001", "session", "active"),
            ("Cliau001", "cli-auth", "active"),
            ("Appco001", "app-connect", "active"),
        ] {
            let key = format!("{prefix}{key}");
            assert_eq!(
                kind(key.clone()),
                Some((json!(wanted), json!(state))),
                "{key}"
            );
        }
        let shown = keys(&database, &[]);
        assert_eq!(
            shown,
            ["Token001", "Token002", "Token003"].map(|key| format!("{prefix}{key}"))
        );
    }
}

#[test]
fn nothing_found_is_success() {
    let database = TestDatabase::new(Template::Coder);
    let nothing = ["--name", "no such token"];
    for (format, stdout, stderr) in [
        (
            "table",
            "",
            "no tokens; dead ones need --include-expired, other kinds --kind all\n",
        ),
        (
            "json",
            "{\"schema\":1,\"tokens\":[],\"truncated\":false}\n",
            "",
        ),
        ("jsonl", "", ""),
        ("csv", &format!("{HEAD}\n"), ""),
    ] {
        let output = ls(&database, &[&nothing[..], &["-o", format]].concat());
        output.success();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            (stdout, stderr),
            "{format}"
        );
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let database = TestDatabase::new(Template::Coder);
    database.execute(
        "insert into api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, \
                               updated_at, login_type, token_name, scopes, allow_list) \
         select 'more' || lpad(n::text, 6, '0'), '', (select id from users where username = 'mira'), \
                'epoch', now() + interval '1 day', now(), now(), 'token', 'more ' || n, \
                '{coder:all}', '{*:*}' \
           from generate_series(1, 5000) as n",
    );
    for format in ["table", "json", "jsonl", "csv"] {
        let script = "{ \"$0\" tokens ls --limit 0 -o \"$1\"; echo \"code $?\" >&2; } | head -c 20";
        let shell = Invocation::new("/bin/sh").arg("-c").arg(script);
        let output = shell
            .args([env!("CARGO_BIN_EXE_breakglass"), format])
            .on(&database)
            .run();
        output.success();
        assert_eq!(output.stderr, "code 0\n", "{format}");
        assert_eq!(output.stdout.len(), 20, "{format}");
    }
}

#[test]
fn a_narrow_terminal_folds_the_table() {
    let database = TestDatabase::new(Template::Coder);
    database.load("tests/fixtures/coder/hostile.sql");
    for columns in [40, 20, 10, 1] {
        let arguments = ["tokens", "ls", "--kind", "all", "--owner", "hostile"];
        let terminal = database.breakglass().args(arguments).on_terminal(columns);
        let transcript = terminal.finish();
        transcript.code(0).never_says("panicked");
    }
    let terminal = database
        .breakglass()
        .args(["tokens", "ls", "--owner", "mira"])
        .on_terminal(40);
    let transcript = terminal.finish();
    transcript.code(0);
    let widest = transcript
        .text
        .lines()
        .map(|line| line.chars().count())
        .max();
    assert!(widest <= Some(40), "{widest:?}\n{}", transcript.text);
}
