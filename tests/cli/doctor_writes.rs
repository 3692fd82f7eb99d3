//! `doctor` on what refuses a write at its end: checks, deferred triggers, publications. What blocks
//! refuses a change before it is asked about.

use super::doctor::{as_role, coder, only, tells};
use super::operator::with_operator;
use super::remove::{Before, remove};
use crate::support::{Template, seed};

const SUBJECT: &str = "public.api_keys";

#[test]
fn a_check_on_what_an_expire_sets_is_a_warning() {
    let (database, alice) = coder();
    database.execute(
        "alter table api_keys add constraint later check (expires_at > created_at), \
                              add constraint named check (length(token_name) < 1000)",
    );
    let finding = only(
        &as_role(&database, &alice),
        "check_constraint",
        "warns",
        SUBJECT,
    );
    tells(&finding, "what", "constraint later on public.api_keys");
    // What it warned of: the database refuses a row that the check does not take.
    database.execute(&format!(
        "update api_keys set created_at = now() where id = '{}'",
        seed::HOT
    ));
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).run();
    output.code(1).says("constraint later on public.api_keys");
    before.plus(&database, "failed", "later");
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_trigger_that_waits_for_the_commit_is_a_warning() {
    let (database, alice) = coder();
    database.execute(
        "create function refusing() returns trigger language plpgsql as 'begin raise exception ''not today''; end'; \
         create constraint trigger late after update on api_keys deferrable initially deferred \
             for each row execute function refusing()",
    );
    let finding = only(
        &as_role(&database, &alice),
        "deferred_trigger",
        "warns",
        SUBJECT,
    );
    tells(
        &finding,
        "what",
        "trigger late on public.api_keys runs at the COMMIT of an update",
    );
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).run();
    output
        .code(1)
        .says("runs at the COMMIT of an update")
        .says("not today");
    before.plus(&database, "failed", "not today");
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_published_table_without_a_replica_identity_is_refused() {
    for (identity, publishes, blocks) in [
        ("nothing", "insert, update, delete, truncate", true),
        ("nothing", "insert", false),
        ("full", "insert, update, delete, truncate", false),
        ("default", "insert, update, delete, truncate", false),
    ] {
        let (database, alice) = coder();
        database.execute(&format!(
            "alter table api_keys replica identity {identity}; \
             create publication feed for table api_keys with (publish = '{publishes}')"
        ));
        let found = as_role(&database, &alice);
        if !blocks {
            assert!(found.is_empty(), "{identity} {publishes}: {found:?}");
            remove(&database, &["build-cache"]).run().success();
            continue;
        }
        let finding = only(&found, "replica_identity", "blocks", SUBJECT);
        tells(
            &finding,
            "what",
            "publication feed publishes every update of public.api_keys",
        );
        let before = Before::of(&database);
        let error = "publication feed publishes every update of public.api_keys, which has no replica identity";
        let output = remove(&database, &["build-cache"]).run();
        output.code(1).says(&format!("error: {error}\n"));
        before.plus(&database, "refused", error);
        assert!(database.is_alive(seed::HOT));
    }
}

#[test]
fn a_key_taken_away_leaves_the_default_identity_empty() {
    let (database, alice) = with_operator(Template::Coder, &["--allow-delete"]);
    database.execute(
        "alter table oauth2_provider_app_tokens drop constraint oauth2_provider_app_tokens_api_key_id_fkey; \
         alter table api_keys drop constraint api_keys_pkey; create index on api_keys (id); \
         create publication feed for table api_keys with (publish = 'delete')",
    );
    let found = as_role(&database, &alice);
    let finding = found
        .iter()
        .find(|finding| finding["code"] == "replica_identity")
        .expect("it is found");
    tells(
        finding,
        "what",
        "publication feed publishes every delete of public.api_keys",
    );
}
