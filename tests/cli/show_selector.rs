//! `tokens show`: by which selectors a token is found, and what a pasted secret proves.

use super::show::{installed, show};
use crate::support::{Template, TestDatabase, seed};

#[test]
fn every_selector_leads_to_the_same_token() {
    let database = installed();
    let owner = database.value("select id from users where username = 'ci-runner'");
    let by_id = format!("owner:{owner}");
    let plain = show(&database, &[seed::RELEASE, "-o", "json"]);
    plain.success();
    let token = plain.json()["token"].clone();
    assert_eq!(token["key"], seed::RELEASE);
    for selector in ["release", "name:release", &format!("id:{}", seed::RELEASE)] {
        let output = show(&database, &[selector, "-o", "json"]);
        output.success();
        assert_eq!(output.json()["token"], token, "{selector}");
    }
    for owner in ["owner:ci-runner", "owner:CI-Runner", &by_id] {
        // Nine people have a token of this name.
        let output = show(&database, &[owner, "--name", "deploy-bot", "-o", "json"]);
        output.success();
        assert_eq!(output.json()["token"]["key"], seed::DUPLICATE, "{owner}");
    }
    let output = show(
        &database,
        &["owner:mira@example.com", "--name", "ci", "-o", "json"],
    );
    output.success();
    assert_eq!(output.json()["token"]["key"], seed::EXPIRED);
}

#[test]
fn a_key_names_its_row_whatever_the_kind_and_a_name_does_not() {
    let database = installed();
    for (key, kind) in [
        (seed::SESSION, "session"),
        (seed::CLI_AUTH, "cli-auth"),
        (seed::APP_CONNECT, "app-connect"),
        (seed::WORKSPACE, "workspace"),
        (seed::CHAT_GATEWAY, "chat-gateway"),
        (seed::OAUTH, "oauth"),
    ] {
        let output = show(&database, &[key, "-o", "json"]);
        output.success();
        assert_eq!(output.json()["token"]["kind"], kind);
        let name = output.json()["token"]["label"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !name.is_empty() {
            let output = show(&database, &[&format!("name:{name}")]);
            output
                .code(1)
                .says("no token matches name:")
                .says("the default kind only");
        }
    }
}

#[test]
fn a_pasted_secret_is_verified_against_the_stored_hash() {
    let database = installed();
    let token = seed::token_of(seed::SESSION);
    for pasted in [
        format!("{token}\n"),
        format!("Coder-Session-Token: {token}"),
        format!("  \"{token}\"  "),
    ] {
        let shown = database
            .breakglass()
            .args(["tokens", "show", "-"])
            .stdin(pasted)
            .run();
        shown.success().never_says(&seed::secret_of(seed::SESSION));
        assert!(
            shown
                .stdout
                .starts_with(&format!("key          {}\n", seed::SESSION)),
            "{shown}"
        );
        assert!(
            shown.stdout.contains("\nsecret       verified\n"),
            "{shown}"
        );
        assert_eq!(shown.stderr, "");
    }
    let shown = database
        .breakglass()
        .args(["tokens", "show", "-", "-o", "json"])
        .stdin(token)
        .run();
    assert_eq!(shown.json()["secret"], "verified");
}

#[test]
fn a_secret_on_the_command_line_works_and_is_warned_of() {
    let database = installed();
    let token = seed::token_of(seed::HOT);
    for selector in [
        token.clone(),
        format!("id:{token}"),
        format!("name:{token}"),
    ] {
        let output = show(&database, &[&selector]);
        output
            .success()
            .says("warning: the secret is now in this shell's history")
            .never_says(&seed::secret_of(seed::HOT));
        assert!(
            output.stdout.contains("\nsecret       verified\n"),
            "{selector}: {output}"
        );
    }
}

/// A role that may read what a token is, but not the hash.
fn reader(database: &TestDatabase) -> String {
    let role = database.login_role("reader");
    database.execute(&format!(
        "grant select (id, user_id, last_used, expires_at, created_at, login_type, lifetime_seconds, \
                       ip_address, token_name, scopes, allow_list) on api_keys to {role}; \
         grant select on users, oauth2_provider_app_tokens to {role}"
    ));
    role
}

#[test]
fn where_the_hash_is_not_readable_the_secret_is_not_verified() {
    let database = TestDatabase::new(Template::Coder);
    let role = reader(&database);
    let token = seed::token_of(seed::HOT);
    // Even a wrong secret cannot be told from the right one here, and nothing claims otherwise.
    for pasted in [
        token,
        format!("{}-{}", seed::HOT, seed::secret_of(seed::RELEASE)),
    ] {
        let show = database
            .breakglass()
            .as_role(&role)
            .args(["tokens", "show", "-"]);
        let output = show.stdin(pasted).run();
        output.success();
        assert!(
            output.stdout.contains("\nsecret       not verified\n"),
            "{output}"
        );
    }
}

#[test]
fn a_wrong_secret_for_a_right_key_is_refused_by_name() {
    let database = installed();
    let wrong = format!("{}-{}", seed::HOT, seed::secret_of(seed::RELEASE));
    let show = database
        .breakglass()
        .args(["tokens", "show", "-", "-o", "json"]);
    let output = show.stdin(wrong).run();
    output.code(1).never_says(&seed::secret_of(seed::RELEASE));
    assert_eq!(output.stdout, "");
    let error = output.json_error()["error"].clone();
    assert_eq!(error["code"], "wrong_secret");
    let message = format!(
        "the secret is not the one of token `{}`: the stored hash differs",
        seed::HOT
    );
    assert_eq!(error["message"], message);
}

#[test]
fn a_secret_of_no_row_is_told_by_its_digest() {
    let database = installed();
    let unknown = format!("zzzzzzzzzz-{}", seed::secret_of(seed::HOT));
    let show = database
        .breakglass()
        .args(["tokens", "show", "-"])
        .stdin(unknown);
    let output = show.run();
    output
        .code(1)
        .says("error: no token matches secret of 33 characters, sha256 ");
    output.never_says(&seed::secret_of(seed::HOT));
}

#[test]
fn what_is_read_must_be_one_secret() {
    let database = installed();
    let read = |text: String| {
        database
            .breakglass()
            .args(["tokens", "show", "-"])
            .stdin(text)
            .run()
    };
    read(String::new())
        .code(2)
        .says("`-` was given, but standard input is empty");
    let two = format!(
        "{}\n{}\n",
        seed::token_of(seed::HOT),
        seed::token_of(seed::RELEASE)
    );
    read(two).code(2).says("give exactly one token to show");
    let output = read("build-cache\n".to_owned());
    output
        .code(1)
        .says("what was read (11 characters) is not a secret of this application, which is");
    output.never_says("build-cache");
    let cut = &seed::token_of(seed::HOT)[..30];
    let output = show(&database, &[cut]);
    output
        .code(1)
        .says("a selector of 30 characters looks like a damaged secret")
        .never_says(&cut[12..]);
}

#[test]
fn a_secret_is_asked_for_without_echo_on_a_terminal() {
    let database = installed();
    let mut terminal = database
        .breakglass()
        .args(["tokens", "show", "-"])
        .on_terminal(120);
    terminal.expect("secret (not shown)");
    terminal.send_line(&seed::token_of(seed::RELEASE));
    let transcript = terminal.finish();
    transcript
        .code(0)
        .says(seed::RELEASE)
        .says("verified")
        .never_says(&seed::secret_of(seed::RELEASE));
}

#[test]
fn an_ambiguous_name_lists_its_readings() {
    let database = installed();
    let output = show(&database, &["ci"]);
    output
        .code(1)
        .says("error: ci matches 9 tokens: ")
        .says("and 4 more\n")
        .says("hint: name one by `id:KEY`, or say whose with `owner:LOGIN --name NAME`");
    let of_mira = output
        .stderr
        .lines()
        .find(|line| line.starts_with(seed::EXPIRED));
    assert!(
        of_mira.is_some_and(|line| line.contains("mira") && line.contains("expired")),
        "{output}"
    );
    let rows = output
        .stderr
        .lines()
        .filter(|line| line.contains("  ci  "))
        .count();
    assert_eq!(rows, 9, "{output}");
    assert_eq!(output.stdout, "");
    let error = show(&database, &["ci", "-o", "json"]).json_error()["error"].clone();
    assert_eq!(error["code"], "ambiguous");
}

#[test]
fn a_word_that_is_one_tokens_name_and_anothers_key_is_ambiguous() {
    let database = installed();
    database.load("tests/fixtures/coder/hostile.sql");
    let output = show(&database, &["hostile022"]);
    output
        .code(1)
        .says("hostile022 matches 2 tokens: id:hostile021 ")
        .says("id:hostile022 ");
    for (selector, key) in [
        ("id:hostile022", "hostile022"),
        ("name:hostile022", "hostile021"),
    ] {
        let output = show(&database, &[selector, "-o", "json"]);
        output.success();
        assert_eq!(output.json()["token"]["key"], key);
    }
}

#[test]
fn an_unknown_word_is_told_by_its_digest_and_leaves_no_record() {
    let database = installed();
    let output = show(&database, &["no-such-token"]);
    output
        .code(1)
        .says("error: no token matches a word of 13 characters, sha256 ");
    output.says("hint: see `breakglass tokens ls --include-expired --kind all`");
    output.never_says("no-such-token");
    show(&database, &["id:no-such-id"])
        .code(1)
        .says("no token matches id:no-such-id");
    show(&database, &["owner:mira", "--name", "nope"])
        .code(1)
        .says("nope");
    show(&database, &["owner:mira"])
        .code(2)
        .says("owner: needs --name");
    show(&database, &[""]).code(2).says("an empty selector");
    assert!(database.operations().is_empty());
}
