//! The schemas and the data that tests and the demo stand on.

use crate::support::{Template, TestDatabase, seed};

#[test]
fn every_template_comes_up() {
    for template in Template::ALL {
        let database = TestDatabase::new(template);
        let tables = database.application_rows();
        assert_eq!(
            tables.is_empty(),
            template == Template::Empty,
            "{template:?}"
        );
    }
}

#[test]
fn the_seed_has_the_numbers_it_should() {
    let database = TestDatabase::new(Template::Coder);
    let count = |what: &str| database.value(&format!("select count(*) from {what}"));
    assert_eq!(count("users"), "40");
    assert_eq!(count("users where deleted"), "1");
    assert_eq!(
        count("users where status = 'suspended' and not deleted"),
        "3"
    );
    assert_eq!(count("users where is_service_account"), "2");
    assert_eq!(count("api_keys"), "203");
    assert_eq!(count("api_keys where login_type = 'token'"), "113");
    assert_eq!(count("api_keys where expires_at < now()"), "34");
    assert_eq!(
        count("api_keys where login_type = 'token' and expires_at < now()"),
        "19"
    );
    assert_eq!(count("api_keys where last_used = 'epoch'"), "4");
    assert_eq!(count("api_keys where last_used = '0001-01-01Z'"), "9");
    assert_eq!(
        count("api_keys where expires_at > now() + interval '50 years'"),
        "27"
    );
    assert_eq!(
        count("oauth2_provider_app_tokens where expires_at > now()"),
        "7"
    );
    assert_eq!(count("audit_logs"), "0");
    assert_eq!(count("api_keys where id !~ '^[0-9A-Za-z]{10}$'"), "0");
}

#[test]
fn times_of_the_seed_are_in_order() {
    let database = TestDatabase::new(Template::Coder);
    let wrong = "select count(*) from api_keys as k join users as u on u.id = k.user_id \
                 where k.created_at > now() or k.last_used > now() or k.created_at < u.created_at \
                    or k.created_at > k.expires_at \
                    or k.last_used > 'epoch' and k.last_used not between k.created_at and k.expires_at";
    assert_eq!(database.value(wrong), "0");
}

#[test]
fn the_notable_keys_are_what_they_are_called() {
    let database = TestDatabase::new(Template::Coder);
    let describe = |key: &str| {
        database.value(&format!(
            "select concat_ws(' ', u.username, nullif(k.token_name, ''), k.login_type, k.lifetime_seconds) \
               from api_keys as k join users as u on u.id = k.user_id where k.id = '{key}'"
        ))
    };
    assert_eq!(describe(seed::HOT), "ci-runner build-cache token 31536000");
    assert_eq!(
        describe(seed::RELEASE),
        "release-bot release token 31536000"
    );
    assert_eq!(describe(seed::EXPIRED), "mira ci token 7776000");
    assert_eq!(
        describe(seed::DUPLICATE),
        "ci-runner deploy-bot token 31536000"
    );
    assert_eq!(describe(seed::SESSION), "mira oidc 86400");
    assert_eq!(describe(seed::CLI_AUTH), "mira password 604800");
    assert_eq!(describe(seed::APP_CONNECT), "jasmin password 86400");
    assert_eq!(describe(seed::UNUSED), "nadia vscode token 2592000");
    assert_eq!(describe(seed::UNUSED_OLD), "hanna laptop token 7776000");
    assert!(describe(seed::OAUTH).ends_with("_oauth_session_token oauth2_provider_app 86400"));
    assert!(describe(seed::OAUTH_EXPIRED).starts_with("jasmin "));
    assert!(describe(seed::WORKSPACE).ends_with("_session_token oidc 3155760000"));
    assert!(describe(seed::CHAT_GATEWAY).starts_with("gabor chatd_"));
    assert!(database.is_alive(seed::HOT) && !database.is_alive(seed::EXPIRED));
    assert!(!database.is_alive(seed::OAUTH_EXPIRED));
    assert!(!database.has_token("no-such-id"));
    let just_now = format!(
        "select last_used > now() - interval '1 hour' from api_keys where id = '{}'",
        seed::HOT
    );
    assert_eq!(database.value(&just_now), "t");
}

#[test]
fn every_secret_is_known() {
    for (template, keys) in [
        (Template::Coder, 203),
        (Template::CoderV0_23, 7),
        (Template::CoderV2_27, 8),
    ] {
        let database = TestDatabase::new(template);
        let rows = database.query("select id, encode(hashed_secret, 'hex') from api_keys");
        assert_eq!(rows.len(), keys);
        for row in rows {
            let [Some(key), Some(hash)] = &row[..] else {
                panic!("{row:?}")
            };
            let token = seed::token_of(key);
            assert_eq!(token.len(), 33);
            assert!(
                token
                    .bytes()
                    .filter(|byte| !byte.is_ascii_alphanumeric())
                    .eq([b'-']),
                "{token}"
            );
            let secret = seed::secret_of(key);
            assert_eq!(
                &database.value(&format!("select encode(sha256('{secret}'), 'hex')")),
                hash
            );
        }
    }
}

#[test]
fn hostile_labels_load_on_top() {
    let database = TestDatabase::new(Template::Coder);
    let before = database.token_row(seed::HOT);
    database.load("tests/fixtures/coder/hostile.sql");
    assert_eq!(database.token_row(seed::HOT), before);
    let count = |what: &str| database.value(&format!("select count(*) from api_keys where {what}"));
    assert_eq!(count("id like 'hostile%'"), "43");
    assert_eq!(count(r"token_name ~ '[\x01-\x1f\x7f]'"), "8");
    assert_eq!(count("token_name = 'same name'"), "3");
    assert_eq!(count("length(token_name) = 200"), "1");
    assert_eq!(
        database.value("select token_name from api_keys where id = 'hostile021'"),
        "hostile022"
    );
}

#[test]
fn chat_tables_load_on_top() {
    let database = TestDatabase::new(Template::Coder);
    database.load("tests/fixtures/coder/chat.sql");
    database.execute("delete from api_keys where id = 'chat00Used'");
    assert_eq!(
        database.value("select count(*) from chat_messages where api_key_id is null"),
        "4"
    );
    assert_eq!(
        database.value("select count(*) from chat_messages where revision = 2"),
        "3"
    );
}

/// As in Coder: whoever deletes a key with a refresh token must have Coder's tables in `search_path`.
#[test]
fn triggers_find_their_tables_by_search_path() {
    let database = TestDatabase::new(Template::Coder);
    let delete = format!("delete from public.api_keys where id = '{}'", seed::OAUTH);
    let session = database.session();
    session.execute("set search_path = pg_catalog");
    assert_eq!(session.refusal(&delete), "42P01");
    session.execute("set search_path = pg_catalog, public");
    session.execute(&delete);
    let left = format!(
        "select count(*) from oauth2_provider_app_tokens where api_key_id = '{}'",
        seed::OAUTH
    );
    assert_eq!(database.value(&left), "0");
}

#[test]
fn nothing_is_recorded_where_nothing_is_installed() {
    let database = TestDatabase::new(Template::Coder);
    assert!(database.operations().is_empty());
    assert!(database.changes().is_empty());
    assert!(database.observations().is_empty());
    assert!(database.audit_logs().is_empty());
}
