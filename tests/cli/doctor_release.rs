//! `doctor` on what the adapter knows of the application's release.

use super::doctor::{as_role, only, tells};
use crate::support::{Template, TestDatabase};

/// A Coder database that says which migration it is at, and an operator.
fn at(version: u32) -> (TestDatabase, String) {
    let database = TestDatabase::new(Template::Coder);
    database.execute(&format!(
        "create table schema_migrations (version bigint primary key, dirty boolean not null); \
         insert into schema_migrations values ({version}, false)"
    ));
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let init = database
        .breakglass()
        .args(["init", "--operator-role", &role])
        .run();
    init.success();
    assert!(
        init.stdout
            .contains("granted select (version) on public.schema_migrations\n"),
        "{init}"
    );
    database.execute(&format!("grant {role} to {alice}"));
    (database, alice)
}

#[test]
fn quirks_are_told_by_the_migration_that_the_database_is_at() {
    for (version, quirks) in [
        (326, &["idp_revives", "sliding_refresh"][..]),
        (330, &["idp_revives", "sliding_refresh"]),
        (331, &["sliding_refresh"]),
        (401, &["sliding_refresh", "purge"]),
        (534, &["sliding_refresh", "purge"]),
        (535, &["purge"]),
    ] {
        let (database, alice) = at(version);
        let found = as_role(&database, &alice);
        let subjects: Vec<&str> = found
            .iter()
            .filter_map(|finding| finding["subject"].as_str())
            .collect();
        assert_eq!(subjects, quirks, "{version}");
        for finding in &found {
            assert_eq!(finding["code"], "release_quirk");
            let severity = if finding["subject"] == "idp_revives" {
                "warns"
            } else {
                "notes"
            };
            assert_eq!(finding["severity"], severity);
        }
    }
}

#[test]
fn each_quirk_says_why_it_matters() {
    let (database, alice) = at(535);
    let finding = only(
        &as_role(&database, &alice),
        "release_quirk",
        "notes",
        "purge",
    );
    tells(&finding, "what", "after 7 days");
    tells(&finding, "remedy", "CODER_API_KEYS_RETENTION=0");
    let (database, alice) = at(331);
    let finding = only(
        &as_role(&database, &alice),
        "release_quirk",
        "notes",
        "sliding_refresh",
    );
    tells(&finding, "why", "write a new expiry over yours");
}

#[test]
fn a_release_that_may_not_be_read_is_said_to_be() {
    let (database, alice) = at(535);
    database.execute(&format!(
        "revoke select (version) on schema_migrations from operators_{}",
        database.name()
    ));
    let finding = only(
        &as_role(&database, &alice),
        "could_not_look",
        "warns",
        "the release of Coder",
    );
    tells(
        &finding,
        "what",
        "select (version) on public.schema_migrations",
    );
    let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
    database
        .breakglass()
        .as_role(&alice)
        .args(rm)
        .run()
        .success();
}

#[test]
fn an_empty_table_of_migrations_says_nothing() {
    let (database, alice) = at(330);
    database.execute("truncate schema_migrations");
    assert!(as_role(&database, &alice).is_empty());
}
