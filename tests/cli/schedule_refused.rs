//! `tokens rm --at` and `--in` that are refused: what is said, and that nothing was touched.

use serde_json::json;

use super::remove::{Before, REASON, coder, column, operator, remove};
use crate::support::{Template, TestDatabase, seed};

#[test]
fn a_run_of_batches_has_no_later_end() {
    let database = coder();
    for flag in [["--in", "2h"], ["--at", "2099-01-01"]] {
        let rm = [
            "tokens",
            "rm",
            "--all",
            "--batch-size",
            "5",
            "--expect",
            "1",
            "--yes",
        ];
        let invocation = database.breakglass().args(rm).args(flag);
        invocation
            .args(["--reason", "why"])
            .run()
            .code(2)
            .says("cannot be used with");
    }
    assert!(database.operations().is_empty());
}

#[test]
fn what_cannot_go_together_is_a_usage_error() {
    let database = coder();
    let before = Before::of(&database);
    for (words, said) in [
        (
            &["--at", "2031-08-01", "--in", "2h"][..],
            "'--at <TIME>' cannot be used with '--in <DURATION>'",
        ),
        (
            &["--at", "2031-08-01", "--delete"],
            "'--at <TIME>' cannot be used with '--delete'",
        ),
        (
            &["--in", "2h", "--delete"],
            "'--in <DURATION>' cannot be used with '--delete'",
        ),
        (&["--at", "2h"], "so long from now is `--in`"),
        (
            &["--at", "soon"],
            "give a date, `2026-08-01 14:00` or RFC 3339",
        ),
        (
            &["--in", "2031-08-01"],
            "give a duration such as `2h` or `30d`",
        ),
        (&["--in=-2h"], "give a duration such as `2h` or `30d`"),
        (&["--in", "0s"], "leave it out: an expire ends a token now"),
    ] {
        let words = [&["build-cache"], words].concat();
        remove(&database, &words).run().code(2).says(said);
    }
    before.is_all(&database);
}

#[test]
fn an_end_that_has_passed_is_refused_by_the_databases_clock() {
    let database = coder();
    let minute_ago = "select to_char(now() at time zone 'UTC' - interval '1 minute', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    for (flag, value) in [
        ("--at", "2020-02-03".to_owned()),
        ("--at", database.value(minute_ago)),
        ("--in", "1ns".to_owned()),
    ] {
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache", flag, &value]).run();
        output
            .code(1)
            .says("is not in the future: the database's clock says 20")
            .says("hint: leave `--at` and `--in` out to end it now");
        before.plus(&database, "refused", "is not in the future");
    }
    for (flag, value) in [("--at", "9999-12-31T23:59:59-01:00"), ("--in", "20000y")] {
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache", flag, value]).run();
        output
            .code(1)
            .says("that end is later than any that a database can hold and a client read");
        before.plus(&database, "refused", "later than any");
    }
}

#[test]
fn an_application_that_would_honour_no_end_is_refused_by_name() {
    let database = TestDatabase::new(Template::Inhouse);
    database.breakglass().arg("init").run().success();
    let text = std::fs::read_to_string(super::adapters::INHOUSE).unwrap();
    let from = "[expire.at]\nset = { expiresUnix = \"at\" }\n";
    assert!(text.contains(from));
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("adapter.toml");
    std::fs::write(&path, text.replace(from, "")).unwrap();
    let path = path.display().to_string();
    let before = Before::of(&database);
    let words = ["id:1", "--in", "2h", "--adapter-file", &path];
    let output = remove(&database, &words).run();
    output
        .code(1)
        .says("Service tokens of the internal tools (adapter `inhouse`) has no end in the future that it would honour")
        .says("hint: leave `--at` and `--in` out: an expire ends it now");
    before.plus(&database, "refused", "has no end in the future");
    let output = remove(&database, &[&words[..], &["-o", "json"]].concat()).run();
    assert_eq!(output.code(1).json_error()["error"]["code"], "no_later_end");
    // Now is possible all the same.
    let now = ["id:1", "--adapter-file", &path];
    remove(&database, &now).run().success();
}

#[test]
fn where_only_a_delete_kills_that_is_said() {
    let database = TestDatabase::new(Template::Django);
    database.breakglass().arg("init").run().success();
    let key = "select left(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 12) from authtoken_token limit 1";
    let key = format!("id:{}", database.value(key));
    let before = Before::of(&database);
    let output = remove(&database, &[&key, "--in", "2h"]).run();
    output
        .code(1)
        .says("cannot be expired: the table has no expiry");
    before.plus(&database, "refused", "cannot be expired");
}

/// The role of an older installation may not lower what makes the end stick: that much is refused,
/// with the grant to type.
#[test]
fn a_role_that_may_not_write_every_column_may_still_expire() {
    let database = coder();
    let alice = operator(&database, &[]);
    let group = database.value(&format!(
        "select roleid::regrole::text from pg_auth_members where member = '{alice}'::regrole"
    ));
    database.execute(&format!(
        "revoke update (lifetime_seconds) on api_keys from {group}"
    ));
    let words = ["build-cache", "--in", "2h"];
    let before = Before::of(&database);
    let output = remove(&database, &words).as_role(&alice).run();
    output
        .code(1)
        .says(&format!(
            "role `{alice}` lacks update (lifetime_seconds) on public.api_keys"
        ))
        .says(&format!(
            "`grant update (\"lifetime_seconds\") on \"public\".\"api_keys\" to \"{alice}\"`"
        ));
    before.plus(&database, "refused", "lacks update (lifetime_seconds)");
    let doctor = ["doctor", "-o", "json"];
    let diagnosis = database.breakglass().as_role(&alice).args(doctor).run();
    diagnosis.success();
    assert_eq!(diagnosis.json()["findings"], json!([]));
    let ability = |diagnosis: &crate::support::run::Output, verb: &str| {
        let abilities = diagnosis.json()["abilities"].clone();
        let found = abilities
            .as_array()
            .unwrap()
            .iter()
            .find(|ability| ability["verb"] == verb);
        found.unwrap().clone()
    };
    assert_eq!(ability(&diagnosis, "expire")["granted"], true);
    assert_eq!(
        ability(&diagnosis, "schedule"),
        json!({"verb": "schedule", "granted": false,
               "missing": ["update (lifetime_seconds) on public.api_keys"]})
    );
    let output = remove(&database, &["release"]).as_role(&alice).run();
    output.success();

    database.execute(&format!(
        "grant update (lifetime_seconds) on api_keys to {alice}"
    ));
    remove(&database, &words).as_role(&alice).run().success();
    let diagnosis = database.breakglass().as_role(&alice).args(doctor).run();
    assert_eq!(ability(&diagnosis, "schedule")["granted"], true);
    assert_eq!(column(&database, seed::HOT, "lifetime_seconds"), "3599");
}

/// What was shown is what is changed, of the column that makes it stick as well.
#[test]
fn a_row_that_changed_after_it_was_shown_is_refused() {
    for write in [
        "expires_at = expires_at + interval '1 hour'",
        "lifetime_seconds = 7200",
    ] {
        let database = coder();
        let rm = [
            "tokens",
            "rm",
            "build-cache",
            "--in",
            "2h",
            "--reason",
            REASON,
        ];
        let mut terminal = database.breakglass().args(rm).on_terminal(120);
        terminal.expect("end then?");
        database.execute(&format!(
            "update api_keys set {write} where id = '{}'",
            seed::HOT
        ));
        let before = Before::of(&database);
        terminal.send_line("y");
        let transcript = terminal.finish();
        transcript.code(1).says("was changed after it was shown");
        before.plus(&database, "refused", "was changed after it was shown");
    }
}

#[test]
fn saying_no_is_recorded_with_the_end_that_was_declined() {
    let database = coder();
    let rm = [
        "tokens",
        "rm",
        "build-cache",
        "--in",
        "2h",
        "--reason",
        REASON,
    ];
    let mut terminal = database.breakglass().args(rm).on_terminal(120);
    terminal.expect("end then?");
    let before = Before::of(&database);
    terminal.send_line("n");
    terminal.finish().code(1);
    let operation = before.plus(&database, "refused", "declined");
    assert!(operation["ends_at"].is_string(), "{operation:#}");
}

/// What a filter leads to ends together, after its number was typed.
#[test]
fn the_question_about_a_filter_says_that_an_end_is_set() {
    let database = coder();
    let of_grace = "from api_keys as k join users as u on u.id = k.user_id \
                    where u.username = 'grace' and not u.deleted and k.expires_at > now()";
    let number = database.value(&format!("select count(*) {of_grace}"));
    let question = format!(
        "this sets the end of {number} tokens on {} (--owner grace --kind all); type the number",
        database.name()
    );
    let rm = ["tokens", "rm", "--owner", "grace", "--in", "1min"];
    for (answer, code) in [("yes", 1), (&*number, 0)] {
        let before = Before::of(&database);
        let invocation = database.breakglass().args(rm).args(["--reason", REASON]);
        let mut terminal = invocation.on_terminal(250);
        terminal.expect(&question);
        before.is_all(&database);
        terminal.send_line(answer);
        terminal.finish().code(code);
        if code == 1 {
            before.plus(&database, "refused", "declined");
        }
    }
    let all_end = format!(
        "select bool_and(k.expires_at <= (select max(ends_at) from breakglass.operation)) {of_grace}"
    );
    assert_eq!(database.value(&all_end), "t");
}

/// On a Coder that revives expired sessions, or whose release nobody may look at, the plan warns.
#[test]
fn an_old_release_that_would_not_keep_the_end_is_warned_of() {
    let database = coder();
    database.execute(
        "create table if not exists schema_migrations (version bigint, dirty boolean); \
         delete from schema_migrations; insert into schema_migrations values (330, false)",
    );
    let output = remove(&database, &["build-cache", "--in", "2h"]).run();
    output
        .success()
        .says("warning: this Coder is v2.22 or older")
        .says("one that is to end later is pushed ahead");
    database.execute("update schema_migrations set version = 540");
    let output = remove(&database, &["release", "--in", "2h"]).run();
    output.success().never_says("warning: ");
}

/// Before anything: a plan with another end is another plan.
#[test]
fn the_digest_holds_the_end() {
    let database = coder();
    let digest = |words: &[&str]| {
        let words = [&["build-cache", "--dry-run", "-o", "json"], words].concat();
        let output = remove(&database, &words).run();
        output.success();
        output.json()["operation"]["plan_digest"].clone()
    };
    let (now, at) = (digest(&[]), digest(&["--at", "2031-08-01T00:00:00Z"]));
    assert_ne!(now, at);
    assert_eq!(at, digest(&["--at", "2031-08-01T02:00:00+02:00"]));
    assert_ne!(at, digest(&["--at", "2031-08-01T00:00:01Z"]));
}

/// A trigger on a column that only such an end sets is warned of, and what it undoes is noticed.
#[test]
fn a_trigger_that_undoes_what_makes_it_stick_fails_the_change() {
    let database = coder();
    database.execute(
        "create function keep() returns trigger language plpgsql as $$ begin \
           new.lifetime_seconds := old.lifetime_seconds; return new; end $$; \
         create trigger keep before update of lifetime_seconds on api_keys \
           for each row execute function keep()",
    );
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache", "--in", "2h"]).run();
    output
        .code(1)
        .says("warning: trigger keep on public.api_keys runs before each row's update");
    before.plus(
        &database,
        "failed",
        "did not change public.api_keys as planned",
    );
    let output = remove(&database, &["build-cache"]).run();
    output.success().never_says("trigger keep");
}

/// A refresh token that came after the plan is let be when it ends by then, and stops the change
/// when it does not.
#[test]
fn a_refresh_token_that_came_after_the_plan_counts_by_its_end() {
    for (ends, code) in [("10 minutes", 0), ("3 hours", 1)] {
        let database = coder();
        let key = format!("id:{}", seed::OAUTH);
        let rm = ["tokens", "rm", &key, "--in", "2h", "--reason", REASON];
        let mut terminal = database.breakglass().args(rm).on_terminal(120);
        terminal.expect("end then?");
        database.execute(&format!(
            "insert into oauth2_provider_app_tokens \
             select (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), \
                     'hash_prefix', '\\x' || md5(random()::text), 'expires_at', now() + interval '{ends}'))).* \
               from oauth2_provider_app_tokens as t where api_key_id = '{}'",
            seed::OAUTH
        ));
        let before = Before::of(&database);
        terminal.send_line("y");
        let transcript = terminal.finish();
        transcript.code(code);
        if code == 1 {
            transcript.says("came after the plan");
            before.plus(&database, "refused", "came after the plan");
        } else {
            assert_eq!(database.operation()["companions_changed"], 1);
        }
    }
}
