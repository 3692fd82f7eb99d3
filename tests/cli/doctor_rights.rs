//! `doctor` on privileges: each that is missing by its name, and those that are too wide.

use serde_json::{Value, json};

use super::adapters::INHOUSE;
use super::doctor::{as_role, check, coder, findings, only, tells};
use super::operator::with_operator;
use crate::support::{Template, TestDatabase};

/// A database whose operator lacks something; `revoke` names the role as `OPERATORS`.
fn without(flags: &[&str], revoke: &str) -> (TestDatabase, String) {
    let (database, alice) = with_operator(Template::Coder, flags);
    database.execute(&revoke.replace("OPERATORS", &format!("operators_{}", database.name())));
    (database, alice)
}

/// What is revoked, on what, what is said to be missing, and the verbs that are lost with it.
const MISSING: [(&str, &str, &str, &[&str]); 11] = [
    (
        "revoke select (expires_at) on api_keys from OPERATORS",
        "public.api_keys",
        "select (expires_at) on public.api_keys",
        &["list", "expire", "delete"],
    ),
    (
        "revoke select (id, token_name) on api_keys from OPERATORS",
        "public.api_keys",
        "select (id, token_name) on public.api_keys",
        &["list", "expire", "delete"],
    ),
    (
        "revoke select (username) on users from OPERATORS",
        "public.users",
        "select (username) on public.users",
        &["list", "expire", "delete"],
    ),
    (
        "revoke select (api_key_id) on oauth2_provider_app_tokens from OPERATORS",
        "public.oauth2_provider_app_tokens",
        "select (api_key_id) on ",
        &["list", "expire", "delete"],
    ),
    (
        "revoke update (expires_at) on api_keys from OPERATORS",
        "public.api_keys",
        "update (expires_at) on public.api_keys",
        &["expire"],
    ),
    (
        "revoke update (expires_at) on oauth2_provider_app_tokens from OPERATORS",
        "public.oauth2_provider_app_tokens",
        "update (expires_at) on ",
        &["expire"],
    ),
    (
        "revoke insert (reason) on breakglass.operation from OPERATORS",
        "breakglass.operation",
        "insert (reason) on breakglass.operation",
        &["expire", "delete", "audit"],
    ),
    (
        "revoke insert (key, kind) on breakglass.change from OPERATORS",
        "breakglass.change",
        "insert (key, kind) on breakglass.change",
        &["expire", "delete", "audit"],
    ),
    (
        "revoke insert (verdict) on breakglass.observation from OPERATORS",
        "breakglass.observation",
        "insert (verdict) on ",
        &["expire", "delete", "audit"],
    ),
    (
        "revoke select on breakglass.operation from OPERATORS",
        "breakglass.operation",
        "select on breakglass.operation",
        &["expire", "delete", "audit"],
    ),
    (
        "revoke select on breakglass.schema_history from OPERATORS",
        "breakglass.schema_history",
        "select on breakglass.schema_history",
        &["expire", "delete", "audit"],
    ),
];

#[test]
fn each_missing_privilege_is_named_with_the_verbs_that_need_it() {
    for (revoke, subject, missing, lost) in MISSING {
        let (database, alice) = without(&["--allow-delete"], revoke);
        let output = database
            .breakglass()
            .as_role(&alice)
            .args(["doctor", "-o", "json"])
            .run();
        let finding = only(&check(&output), "missing_privilege", "blocks", subject);
        tells(&finding, "what", &format!("role `{alice}` lacks {missing}"));
        tells(&finding, "remedy", "`grant ");
        let abilities = output.json()["abilities"].clone();
        for ability in abilities.as_array().into_iter().flatten() {
            // An end in the future needs all that an expire does.
            let verb = match ability["verb"].as_str().unwrap_or_default() {
                "schedule" => "expire",
                verb => verb,
            };
            assert_eq!(
                ability["granted"],
                !lost.contains(&verb),
                "{revoke}: {ability:#}"
            );
            let named = ability["missing"].to_string().contains(missing.trim_end());
            assert_eq!(named, lost.contains(&verb), "{revoke}: {ability:#}");
        }
        // What it says to type is what was missing.
        let remedy = finding["remedy"].as_str().unwrap_or_default();
        database.execute(remedy.split('`').nth(1).unwrap_or_default());
        assert!(as_role(&database, &alice).is_empty(), "{remedy}");
    }
}

#[test]
fn a_schema_that_may_not_be_used() {
    let (database, alice) = without(&[], "revoke usage on schema breakglass from OPERATORS");
    let finding = only(
        &as_role(&database, &alice),
        "missing_privilege",
        "blocks",
        "schema breakglass",
    );
    tells(&finding, "what", "lacks usage on schema breakglass");
    let (database, alice) = without(
        &[],
        "revoke usage on schema public from public; revoke usage on schema public from OPERATORS",
    );
    let finding = only(
        &as_role(&database, &alice),
        "missing_privilege",
        "blocks",
        "schema public",
    );
    tells(&finding, "what", "lacks usage on schema public");
}

/// Most operators may not delete: that is told, and found only where a delete is asked about.
#[test]
fn a_missing_delete_right_is_told_and_blocks_where_it_is_needed() {
    let (database, alice) = coder();
    assert!(as_role(&database, &alice).is_empty());
    let found = findings(
        database
            .breakglass()
            .as_role(&alice)
            .args(["--schema", "public"]),
    );
    assert!(found.is_empty());
    let output = database
        .breakglass()
        .as_role(&alice)
        .args(["doctor", "--delete", "-o", "json"])
        .run();
    let finding = only(
        &check(&output),
        "missing_privilege",
        "blocks",
        "public.api_keys",
    );
    tells(&finding, "what", "lacks delete on public.api_keys");
    tells(&finding, "remedy", "--allow-delete");
    // Where only a delete kills, it is always needed.
    let (database, alice) = with_operator(Template::Django, &[]);
    let finding = only(
        &as_role(&database, &alice),
        "missing_privilege",
        "blocks",
        "public.authtoken_token",
    );
    tells(&finding, "what", "lacks delete on public.authtoken_token");
}

#[test]
fn what_a_delete_takes_along_cannot_be_counted() {
    let (database, alice) = with_operator(
        Template::Inhouse,
        &["--adapter-file", INHOUSE, "--allow-delete"],
    );
    database.execute(&format!(
        "revoke select (\"tokenId\") on \"Internal Tools\".\"Usage\" from operators_{}",
        database.name()
    ));
    let found = findings(
        database
            .breakglass()
            .as_role(&alice)
            .args(["--adapter-file", INHOUSE]),
    );
    let missing: Vec<Value> = found
        .into_iter()
        .filter(|finding| finding["code"] != "delete_cascades")
        .collect();
    let finding = only(
        &missing,
        "missing_privilege",
        "warns",
        "Internal Tools.Usage",
    );
    tells(
        &finding,
        "remedy",
        "`grant select (\"tokenId\") on \"Internal Tools\".\"Usage\" to ",
    );
}

#[test]
fn the_applications_log_cannot_be_written() {
    let (database, alice) = without(&[], "revoke insert (diff) on audit_logs from OPERATORS");
    let finding = only(
        &as_role(&database, &alice),
        "missing_privilege",
        "warns",
        "public.audit_logs",
    );
    tells(&finding, "what", "lacks insert (diff) on public.audit_logs");
}

#[test]
fn somebody_may_do_more_than_add_to_the_log() {
    let group = |database: &TestDatabase, alice: &str| {
        let group = database.role_name("rewriters");
        database.execute(&format!("create role {group}; grant {group} to {alice}"));
        group
    };
    for privilege in [
        "insert",
        "update",
        "delete",
        "truncate",
        "trigger",
        "update (reason)",
    ] {
        let (database, alice) = coder();
        let group = group(&database, &alice);
        let other = database.login_role("application");
        for (who, mine) in [
            ("PUBLIC", true),
            (alice.as_str(), true),
            (&group, true),
            (&other, false),
        ] {
            database.execute(&format!(
                "grant {privilege} on breakglass.operation to {who}"
            ));
            let found = as_role(&database, &alice);
            let finding = only(&found, "log_writable", "warns", "breakglass.operation");
            tells(
                &finding,
                "what",
                &format!("{who} may {privilege} on breakglass.operation"),
            );
            let told = finding["what"].as_str().unwrap_or_default();
            assert_eq!(told.ends_with(", and so can this role"), mine, "{told}");
            let remedy = finding["remedy"].as_str().unwrap_or_default();
            database.execute(remedy.split('`').nth(1).unwrap_or_default());
            assert!(as_role(&database, &alice).is_empty(), "{remedy}");
        }
    }
}

/// Plans that wait are no part of the log: they are there to be deleted, and not to be changed.
#[test]
fn somebody_may_do_more_to_a_plan_that_waits_than_add_it_and_take_it_away() {
    let (database, alice) = coder();
    let other = database.login_role("application");
    database.execute(&format!("grant delete on breakglass.plan to {other}"));
    assert!(as_role(&database, &alice).is_empty());
    database.execute(&format!("grant update on breakglass.plan to {other}"));
    let found = as_role(&database, &alice);
    let finding = only(&found, "log_writable", "warns", "breakglass.plan");
    tells(
        &finding,
        "what",
        &format!("{other} may update on breakglass.plan"),
    );
    tells(&finding, "why", "a plan that waits is to be what was shown");
}

#[test]
fn without_the_table_of_plans_tokens_are_killed_all_the_same() {
    for (privilege, told) in [
        ("delete", "delete on breakglass.plan"),
        ("insert (content)", "insert (content) on breakglass.plan"),
        ("select", "select on breakglass.plan"),
    ] {
        let revoke = format!("revoke {privilege} on breakglass.plan from OPERATORS");
        let (database, alice) = without(&[], &revoke);
        let found = as_role(&database, &alice);
        let finding = only(&found, "missing_privilege", "warns", "breakglass.plan");
        tells(&finding, "what", told);
        tells(&finding, "why", "tokens are killed without it");
        let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
        let output = database.breakglass().as_role(&alice).args(rm).run();
        output.success().never_says("breakglass.plan");
    }
}

#[test]
fn default_privileges_would_open_the_next_table() {
    for place in ["", " in schema breakglass"] {
        let (database, alice) = coder();
        // Of the superuser's tables in this database, and of no other.
        database.execute(&format!(
            "alter default privileges{place} grant update on tables to public"
        ));
        let finding = only(
            &as_role(&database, &alice),
            "default_privileges",
            "warns",
            "role postgres",
        );
        tells(&finding, "what", "PUBLIC may update on every table");
    }
}

#[test]
fn the_operator_owns_the_log() {
    for how in [
        "alter schema breakglass owner to ROLE",
        "alter table breakglass.change owner to ROLE",
    ] {
        let (database, alice) = coder();
        let owner = database.role_name("owners");
        database.execute(&format!("create role {owner}; grant {owner} to {alice}"));
        database.execute(&how.replace("ROLE", &owner));
        let finding = only(
            &as_role(&database, &alice),
            "owns_log",
            "warns",
            "schema breakglass",
        );
        tells(
            &finding,
            "what",
            &format!("is a member of, {owner}, the owner of the log"),
        );
    }
}

#[test]
fn the_application_owns_the_log() {
    let (database, alice) = coder();
    let application = database.login_role("application");
    database.execute(&format!(
        "alter table api_keys owner to {application}; alter schema breakglass owner to {application}"
    ));
    let finding = only(
        &as_role(&database, &alice),
        "application_owns_log",
        "warns",
        "schema breakglass",
    );
    tells(
        &finding,
        "what",
        &format!("the application's role `{application}`"),
    );
}

/// What is said of the role stands in the document as well.
#[test]
fn abilities_are_empty_where_no_adapter_fits() {
    let database = TestDatabase::new(Template::Empty);
    let output = database.breakglass().args(["doctor", "-o", "json"]).run();
    output.code(1);
    assert_eq!(output.json()["abilities"], json!([]));
    assert_eq!(output.json()["adapter"], Value::Null);
}
