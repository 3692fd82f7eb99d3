//! The part of `doctor` that every change begins with: what certainly fails or lies refuses it,
//! what may is a warning on the plan.

use super::interference::trigger;
use super::remove::{Before, coder, operator, remove};
use crate::support::seed;

#[test]
fn a_log_without_its_guards_is_not_written_to() {
    for (sql, error) in [
        (
            "alter table breakglass.change disable trigger change_is_append_only",
            "trigger change_is_append_only is not enabled always",
        ),
        (
            "alter table breakglass.operation drop constraint operation_effect_is_whole",
            "constraint operation_effect_is_whole is gone",
        ),
    ] {
        let database = coder();
        database.execute(sql);
        let before = Before::of(&database);
        for words in [
            &["build-cache"][..],
            &[seed::HOT, "--delete", "--confirm", seed::HOT],
        ] {
            let before = Before::of(&database);
            let output = remove(&database, words).run();
            output.code(1).says(&format!("error: {error}\n"));
            output
                .says("hint: ")
                .says("`breakglass doctor` shows everything");
            before.plus(&database, "refused", error);
        }
        drop(before);
        assert!(database.is_alive(seed::HOT));
        let json = remove(&database, &["build-cache", "-o", "json"]).run();
        assert_eq!(json.code(1).json_error()["error"]["code"], "unfit");
        let dry = remove(&database, &["build-cache", "--dry-run"]).run();
        dry.code(1).says(&format!("error: {error}\n"));
    }
}

#[test]
fn sessions_without_triggers_are_refused() {
    let database = coder();
    let role = operator(&database, &["--allow-delete"]);
    database.execute(&format!(
        "alter role {role} set session_replication_role = replica"
    ));
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).as_role(&role).run();
    let error = "session_replication_role is replica for this role";
    output.code(1).says(&format!("error: {error}\n"));
    before.plus(&database, "refused", error);
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn everything_that_blocks_is_named_at_once() {
    let database = coder();
    let role = operator(&database, &[]);
    database.execute(&format!(
        "revoke update (expires_at) on api_keys from operators_{0}; \
         revoke insert (reason) on breakglass.operation from operators_{0}",
        database.name()
    ));
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).as_role(&role).run();
    output
        .code(1)
        .says("lacks insert (reason) on breakglass.operation")
        .says("lacks update (expires_at) on public.api_keys")
        .says("nothing was recorded: permission denied");
    before.is_all(&database);
}

#[test]
fn what_may_go_wrong_is_a_warning_on_the_plan() {
    let database = coder();
    trigger(
        &database,
        "trigger meddling before update on api_keys",
        "return new;",
    );
    let output = remove(&database, &["build-cache"]).run();
    output.success().says(
        "\nwarning: trigger meddling on public.api_keys runs before each row's update, and can change or swallow it: ",
    );
    assert!(!database.is_alive(seed::HOT));
    let json = remove(&database, &["build-cache", "-o", "json"]).run();
    json.success()
        .says("warning: trigger meddling on public.api_keys");
    assert_eq!(json.json()["operation"]["outcome"], "unchanged");
}

#[test]
fn what_does_not_concern_the_action_is_not_told_with_it() {
    let database = coder();
    trigger(
        &database,
        "trigger meddling before delete on api_keys",
        "return old;",
    );
    database.execute(
        "create trigger also before insert on audit_logs for each row execute function interfere()",
    );
    let output = remove(&database, &["build-cache", "--no-app-audit"]).run();
    output.success().never_says("warning: trigger");
    let words = [
        seed::RELEASE,
        "--delete",
        "--confirm",
        seed::RELEASE,
        "--no-app-audit",
    ];
    let output = remove(&database, &words).run();
    output.success().says("warning: trigger meddling");
    output.never_says("trigger also");
}

/// A stranger lacks everything: the first of it is said, the rest counted.
#[test]
fn a_role_without_any_right_is_not_told_a_page() {
    let database = coder();
    let stranger = database.login_role("stranger");
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).as_role(&stranger).run();
    output
        .code(1)
        .says(&format!(
            "error: role `{stranger}` lacks usage on schema breakglass; "
        ))
        .says("; and 10 more\n")
        .says("`breakglass init --operator-role ROLE` prepares");
    before.is_all(&database);
    let output = database.breakglass().as_role(&stranger).arg("doctor").run();
    output.code(1);
    let told = format!(
        "{stranger} may not audit: it lacks usage on schema breakglass, select on breakglass.operation, and 6 more\n"
    );
    assert!(output.stdout.contains(&told), "{output}");
}

/// Nothing of a healthy database is told: the plan is as it was.
#[test]
fn a_healthy_database_has_no_warning() {
    let database = coder();
    let role = operator(&database, &["--allow-delete"]);
    let output = remove(&database, &["build-cache"]).as_role(&role).run();
    output.success().never_says("warning:");
}
