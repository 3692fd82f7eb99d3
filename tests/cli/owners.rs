//! `owners show` and `owners cut`: everything that lets somebody in, and its end.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use serde_json::Value;

use super::filter::newcomer;
use super::list::keys_where;
use super::remove::{Before, REASON, coder};
use crate::support::{Invocation, Template, TestDatabase, seed};

fn show<'a>(database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
    let invocation = database.breakglass().args(["owners", "show"]);
    invocation.args(words.iter().copied())
}

fn cut<'a>(database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
    let invocation = database.breakglass().args(["owners", "cut"]);
    invocation
        .args(["--reason", REASON])
        .args(words.iter().copied())
}

fn cut_expecting<'a>(database: &'a TestDatabase, words: &[&str], number: usize) -> Invocation<'a> {
    cut(database, words).args(["--yes", "--expect", &number.to_string()])
}

/// Coder's tables without the deleted namesake.
fn one_grace() -> TestDatabase {
    let database = coder();
    database.execute(
        "update users set username = 'grace-was', email = '' where username = 'grace' and deleted",
    );
    database
}

/// Coder uses the names of deleted users again.
#[test]
fn a_deleted_namesake_is_told_apart_by_its_details() {
    let database = coder();
    let before = Before::of(&database);
    let output = show(&database, &["grace"]).run();
    output
        .code(1)
        .says("(grace, grace@example.com, status active, deleted false)")
        .says("deleted true)");
    let id = database.value("select id::text from users where username = 'grace' and not deleted");
    show(&database, &[&id]).run().success();
    before.is_all(&database);
}

/// The keys that let somebody in, asked for without breakglass.
fn closure(database: &TestDatabase, login: &str) -> Vec<String> {
    let condition = format!(
        "u.username = '{login}' and (k.expires_at > now() or exists (select \
           from oauth2_provider_app_tokens as r where r.api_key_id = k.id and r.expires_at > now()))"
    );
    keys_where(database, &condition, "k.id collate \"C\"")
}

fn owner_of(database: &TestDatabase, key: &str) -> String {
    database.value(&format!(
        "select u.username from api_keys as k join users as u on u.id = k.user_id where k.id = '{key}'"
    ))
}

fn shown_keys(document: &Value) -> Vec<String> {
    let kinds = document["kinds"].as_array().unwrap().iter();
    let tokens = kinds.flat_map(|kind| kind["tokens"].as_array().unwrap());
    let mut keys: Vec<String> = tokens
        .map(|token| token["key"].as_str().unwrap().to_owned())
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn everything_that_lets_an_owner_in_is_shown() {
    let database = one_grace();
    for name in ["grace", "GRACE@example.com"] {
        let output = show(&database, &[name, "-o", "json"]).run();
        let document = output.success().json();
        assert_eq!(document["schema"], 1);
        assert_eq!(document["owner"]["login"], "grace");
        assert_eq!(document["owner"]["details"]["deleted"], false);
        assert!(document["owner"]["details"]["status"].is_string());
        assert_eq!(shown_keys(&document), closure(&database, "grace"));
        for kind in document["kinds"].as_array().unwrap() {
            for token in kind["tokens"].as_array().unwrap() {
                assert_eq!(token["kind"], kind["kind"]);
            }
        }
        let reach = document["out_of_reach"].as_array().unwrap();
        let suspend = |text: &&Value| text.as_str().unwrap().contains("coder users suspend");
        assert_eq!(reach.iter().filter(suspend).count(), 1);
    }
    let table = show(&database, &["grace"]).run();
    for part in [
        "login        grace\n",
        "status       ",
        "oauth refresh token ",
        "out of reach: ",
    ] {
        assert!(
            table.success().stdout.contains(part),
            "{part:?} is not in {table}"
        );
    }
    let lines = show(&database, &["grace", "-o", "jsonl"])
        .run()
        .json_lines();
    let count = |what: &str| lines.iter().filter(|line| line["what"] == what).count();
    assert_eq!(count("owner"), 1);
    assert_eq!(count("token"), closure(&database, "grace").len());
    assert!(count("companion") > 0 && count("out_of_reach") > 3);
    let csv = show(&database, &["grace", "-o", "csv"]).run();
    let rows = csv.success().stdout.lines().count();
    assert_eq!(rows, 1 + count("token") + count("companion"));
    assert!(
        csv.stdout
            .starts_with("what,key,label,kind,state,owner_id,")
    );
}

/// The access key is dead, and its refresh token makes another one.
#[test]
fn a_refresh_token_whose_key_is_dead_is_shown_and_cut() {
    let database = coder();
    let login = owner_of(&database, seed::OAUTH_EXPIRED);
    let wanted = closure(&database, &login);
    assert!(wanted.contains(&seed::OAUTH_EXPIRED.to_owned()));
    let document = show(&database, &[&login, "-o", "json"]).run().json();
    assert_eq!(shown_keys(&document), wanted);
    let ended = format!(
        "select expires_at::text from api_keys where id = '{}'",
        seed::OAUTH_EXPIRED
    );
    let (ended_before, others) = (
        database.value(&ended),
        format!(
            "select md5(string_agg(to_jsonb(k)::text, '' order by k.id)) from api_keys as k \
           join users as u on u.id = k.user_id where u.username <> '{login}'"
        ),
    );
    let others_before = database.value(&others);

    let output = cut_expecting(&database, &[&login, "-o", "json"], wanted.len()).run();
    let receipt = output.success().json();
    assert_eq!(receipt["verdict"], "dead");
    assert_eq!(receipt["operation"]["planned"], wanted.len());
    let unchanged: Vec<&str> = receipt["unchanged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["key"].as_str().unwrap())
        .collect();
    assert_eq!(unchanged, [seed::OAUTH_EXPIRED]);
    assert_eq!(database.value(&ended), ended_before);
    assert_eq!(database.value(&others), others_before);
    let operation = database.operation();
    assert!(
        operation["selector"]
            .as_str()
            .unwrap()
            .starts_with(&format!("everything of owner {login} ("))
    );
    assert_eq!(operation["unchanged"], 1);
    assert_eq!(operation["changed"], wanted.len() - 1);
    assert!(operation["companions_changed"].as_i64().unwrap() > 0);
    assert_eq!(
        database.changes().len() as u64,
        operation["changed"].as_u64().unwrap() + operation["companions_changed"].as_u64().unwrap()
    );
    assert_eq!(database.observations().len(), wanted.len());

    let after = show(&database, &[&login, "-o", "json"]).run().json();
    assert_eq!(after["kinds"], serde_json::json!([]));
    assert!(!after["out_of_reach"].as_array().unwrap().is_empty());
    let table = show(&database, &[&login]).run();
    assert!(
        table
            .success()
            .stdout
            .contains("no token of theirs is alive"),
        "{table}"
    );
    // There is nothing left to cut, and that is on record as well.
    let before = Before::of(&database);
    cut_expecting(&database, &[&login], 0)
        .run()
        .code(1)
        .says("no token of owner ");
    before.plus(&database, "refused", "is alive");
}

#[test]
fn an_unknown_owner_is_refused() {
    let database = coder();
    let before = Before::of(&database);
    show(&database, &["nobody"])
        .run()
        .code(1)
        .says("error: no owner `nobody` is known\nhint: give the owner's login, email or id");
    before.is_all(&database);
    cut_expecting(&database, &["nobody"], 1)
        .run()
        .code(1)
        .says("error: no owner `nobody` is known");
    before.plus(&database, "refused", "no owner `nobody`");
    show(&database, &[""]).run().code(2);
    cut_expecting(&database, &[""], 1).run().code(2);
}

#[test]
fn a_name_that_means_two_owners_is_refused_with_both() {
    let database = one_grace();
    database.execute("update users set email = 'grace' where username = 'jasmin'");
    let before = Before::of(&database);
    for output in [
        show(&database, &["grace"]).run(),
        cut_expecting(&database, &["grace"], 3).run(),
    ] {
        output
            .code(1)
            .says("error: owner `grace` is more than one: ")
            .says("(grace, grace@example.com, status active, deleted false)")
            .says("(jasmin, grace, status active, deleted false)")
            .says("hint: give the owner's id");
    }
    before.plus(&database, "refused", "is more than one");
    let id = database.value("select id::text from users where username = 'grace'");
    assert_eq!(
        show(&database, &[&id, "-o", "json"]).run().json()["owner"]["login"],
        "grace"
    );
}

#[test]
fn a_cut_wants_the_number() {
    let database = one_grace();
    let before = Before::of(&database);
    let wanted = closure(&database, "grace").len();
    for words in [&[][..], &["--yes"], &["--expect", "3"]] {
        cut(&database, &[&["grace"], words].concat())
            .run()
            .code(2)
            .says("needs both --expect N and --yes");
    }
    before.is_all(&database);
    cut_expecting(&database, &["grace"], wanted + 1)
        .run()
        .code(1);
    let before = before.plus(&database, "refused", "--expect says ");
    assert_eq!(before["planned"], Value::Null);
    let before = Before::of(&database);
    let dry = cut(&database, &["grace", "--dry-run"]).run();
    dry.success().says(&format!("would expire {wanted} tokens"));
    cut_expecting(&database, &["grace", "--max-rows", "1"], wanted)
        .run()
        .code(1)
        .says("the plan has at least 2 tokens, and --max-rows allows 1");
    before.plus(&database, "refused", "--max-rows");
}

#[test]
fn whoever_gets_in_meanwhile_is_told_and_not_touched() {
    let database = one_grace();
    let number = closure(&database, "grace").len().to_string();
    let mut terminal = cut(&database, &["grace"]).on_terminal(250);
    terminal.expect("(everything of owner grace (");
    terminal.expect("type the number");
    newcomer(&database, seed::OAUTH, "newcomer01");
    terminal.send_line(&number);
    let transcript = terminal.finish();
    transcript
        .code(5)
        .says("came after the plan: oauth newcomer01")
        .says("hint: grace is not shut out: oauth newcomer01 came after the plan; run the command again");
    assert_eq!(closure(&database, "grace"), ["newcomer01"]);
    assert_eq!(database.operation()["outcome"], "applied");
    cut_expecting(&database, &["grace"], 1).run().success();
    assert!(closure(&database, "grace").is_empty());
}

#[test]
fn what_can_only_be_deleted_is_cut_by_delete() {
    let database = TestDatabase::prepared("cli_owners_django", Template::Django, |database| {
        database.breakglass().arg("init").run().success();
    });
    let document = show(&database, &["mira", "-o", "json"]).run().json();
    assert_eq!(shown_keys(&document).len(), 1);
    assert_eq!(document["owner"]["details"]["is_active"], true);
    assert_eq!(document["out_of_reach"].as_array().unwrap().len(), 2);
    let before = Before::of(&database);
    cut_expecting(&database, &["mira"], 1)
        .run()
        .code(1)
        .says("cannot be expired")
        .says("hint: add `--delete`");
    before.plus(&database, "refused", "cannot be expired");
    cut_expecting(&database, &["mira", "--delete"], 1)
        .run()
        .success();
    let left = "select count(*)::text from authtoken_token join auth_user as u on u.id = user_id where username = 'mira'";
    assert_eq!(database.value(left), "0");
    let all = database.value("select count(*)::text from authtoken_token");
    assert_eq!(all, "3");
}
