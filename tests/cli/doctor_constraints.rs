//! `doctor` on foreign keys that a delete follows, and on the ways to a token.

use serde_json::Value;

use super::adapters::INHOUSE;
use super::doctor::{as_role, coder, findings, only, tells};
use super::operator::with_operator;
use crate::support::{Template, TestDatabase};

const POINTING: &str = "create table usage (api_key_id text references api_keys ON_DELETE, n int);";

/// A Coder database whose operator may delete, with a table that points at the keys.
fn pointed_at(on_delete: &str) -> (TestDatabase, String) {
    let database = TestDatabase::new(Template::Coder);
    database.execute(&POINTING.replace("ON_DELETE", on_delete));
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let init = ["init", "--operator-role", &role, "--allow-delete"];
    database.breakglass().args(init).run().success();
    database.execute(&format!("grant {role} to {alice}"));
    (database, alice)
}

#[test]
fn what_a_delete_does_to_rows_that_point_at_a_token() {
    for (on_delete, code, severity) in [
        ("on delete cascade", "delete_cascades", "notes"),
        ("on delete set null", "delete_sets_null", "notes"),
        ("on delete set default", "delete_sets_null", "notes"),
        ("on delete restrict", "delete_restricted", "warns"),
        ("", "delete_restricted", "warns"),
    ] {
        let (database, alice) = pointed_at(on_delete);
        let finding = only(&as_role(&database, &alice), code, severity, "public.usage");
        tells(
            &finding,
            "what",
            "foreign key usage_api_key_id_fkey of public.usage points at the tokens",
        );
    }
}

/// Where the role may not delete they are not followed, and the adapter's companions are expected.
#[test]
fn foreign_keys_count_where_the_role_may_delete() {
    let (database, alice) = coder();
    database.execute(&POINTING.replace("ON_DELETE", "on delete restrict"));
    assert!(as_role(&database, &alice).is_empty());
}

#[test]
fn a_foreign_key_without_an_index() {
    let (database, alice) = with_operator(Template::Coder, &["--allow-delete"]);
    database.execute(
        "insert into oauth2_provider_app_tokens (id, created_at, expires_at, hash_prefix, refresh_hash, \
           app_secret_id, api_key_id, user_id) \
         select gen_random_uuid(), created_at, expires_at, decode(md5(n::text), 'hex'), refresh_hash, app_secret_id, \
           api_key_id, user_id \
           from generate_series(1, 11000) as n, (select * from oauth2_provider_app_tokens limit 1) as t",
    );
    assert!(
        as_role(&database, &alice).is_empty(),
        "nobody has counted them"
    );
    database.execute("analyze oauth2_provider_app_tokens");
    let found = as_role(&database, &alice);
    let finding = only(
        &found,
        "unindexed_foreign_key",
        "warns",
        "public.oauth2_provider_app_tokens",
    );
    tells(
        &finding,
        "what",
        "no index of public.oauth2_provider_app_tokens leads to api_key_id, and it has about 110",
    );
    // A partial one does not lead to every row; the one that it says does.
    database.execute(
        "create index on oauth2_provider_app_tokens (api_key_id) where expires_at < '2020-01-01'",
    );
    assert_eq!(as_role(&database, &alice).len(), 1);
    let remedy = finding["remedy"].as_str().unwrap_or_default();
    database
        .session()
        .execute(remedy.split('`').nth(1).unwrap_or_default());
    assert!(as_role(&database, &alice).is_empty(), "{remedy}");
}

/// Subjects of the lookups that scan, in the order of looking.
fn scanning(found: &[Value]) -> Vec<&str> {
    assert!(
        found
            .iter()
            .all(|finding| finding["code"] == "lookup_scans"),
        "{found:#?}"
    );
    assert!(
        found.iter().all(|finding| finding["severity"] == "notes"),
        "{found:#?}"
    );
    found
        .iter()
        .filter_map(|finding| finding["subject"].as_str())
        .collect()
}

const MANY_KEYS: &str = "insert into api_keys select * from jsonb_populate_recordset(null::api_keys, \
   (select jsonb_agg(to_jsonb(k) || jsonb_build_object('id', 'many' || n, 'token_name', 'many' || n)) \
      from generate_series(1, 12000) as n, (select * from api_keys where id = 'd4o6FQe5QT') as k)); \
   analyze api_keys";

#[test]
fn lookups_that_scan_a_large_table() {
    let (database, alice) = coder();
    database.execute(MANY_KEYS);
    let found = as_role(&database, &alice);
    assert_eq!(
        scanning(&found),
        ["public.api_keys by name", "public.api_keys by owner"]
    );
    tells(&found[0], "what", "about 12");
    database.execute("create index on api_keys (token_name)");
    let found = as_role(&database, &alice);
    assert_eq!(scanning(&found), ["public.api_keys by owner"]);
    // The key's own index is gone.
    database.execute(
        "alter table oauth2_provider_app_tokens drop constraint oauth2_provider_app_tokens_api_key_id_fkey; \
         alter table api_keys drop constraint api_keys_pkey",
    );
    let found = as_role(&database, &alice);
    assert_eq!(
        scanning(&found),
        ["public.api_keys by key", "public.api_keys by owner"]
    );
}

#[test]
fn a_secrets_digest_without_an_index() {
    let database = TestDatabase::new(Template::Inhouse);
    database.execute(
        "insert into \"Internal Tools\".\"ServiceTokens\" (\"tokenId\", \"teamId\", \"display Name\", \"tokenHash\") \
         select 100 + n, 1, 'n' || n, encode(sha256(convert_to(n::text, 'UTF8')), 'hex') \
           from generate_series(1, 12000) as n; \
         analyze \"Internal Tools\".\"ServiceTokens\"",
    );
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let init = [
        "init",
        "--operator-role",
        &role,
        "--adapter-file",
        INHOUSE,
        "--allow-secret-check",
    ];
    database.breakglass().args(init).run().success();
    database.execute(&format!("grant {role} to {alice}"));
    let found = findings(
        database
            .breakglass()
            .as_role(&alice)
            .args(["--adapter-file", INHOUSE]),
    );
    let table = "Internal Tools.ServiceTokens";
    assert_eq!(
        scanning(&found),
        [
            format!("{table} by name"),
            format!("{table} by a secret's digest"),
            format!("{table} by owner")
        ]
    );
    database.execute(
        "create index on \"Internal Tools\".\"ServiceTokens\" (lower(\"tokenHash\"::text)); \
                      analyze \"Internal Tools\".\"ServiceTokens\"",
    );
    let found = findings(
        database
            .breakglass()
            .as_role(&alice)
            .args(["--adapter-file", INHOUSE]),
    );
    assert_eq!(
        scanning(&found),
        [format!("{table} by name"), format!("{table} by owner")]
    );
}
