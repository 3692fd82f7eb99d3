use std::path::Path;

use super::{BearerToken, Permission, Principals};

fn read(text: &str) -> Result<Principals, String> {
    Principals::parse(text, Path::new("principals.toml")).map_err(|error| error.to_string())
}

fn with_token(token: &BearerToken, more: &str) -> String {
    format!(
        "[[principal]]\nname = \"scanner\"\npermissions = [\"list\", \"expire\"]\n{more}\n\
         [[principal.token]]\nid = \"one\"\nsha256 = \"{}\"\n",
        token.digest()
    )
}

#[test]
fn a_token_is_its_principals_and_nobody_elses() {
    let token = BearerToken::generate().unwrap();
    let other = BearerToken::generate().unwrap();
    let principals = read(&with_token(&token, "")).unwrap();
    let proven = principals.by_bearer(&BearerToken::received(token.expose()));
    let proven = proven.unwrap();
    assert_eq!(
        (proven.principal.name.as_str(), proven.credential.as_str()),
        ("scanner", "one")
    );
    assert!(proven.principal.may(Permission::Expire));
    assert!(!proven.principal.may(Permission::Delete));
    assert!(principals.by_bearer(&other).is_none());
    assert!(!format!("{token:?} {principals:?}").contains(token.expose()));
    assert_eq!(token.expose().len(), "breakglass_".len() + 43);
}

#[test]
fn what_is_over_proves_nothing() {
    let token = BearerToken::generate().unwrap();
    let over = read(&with_token(&token, "expires = 2001-01-01T00:00:00Z")).unwrap();
    assert!(over.by_bearer(&token).is_none());
    let text = with_token(&token, "") + "expires = 2001-01-01T00:00:00Z\n";
    assert!(read(&text).unwrap().by_bearer(&token).is_none());
    let later = read(&with_token(&token, "expires = 2901-01-01T00:00:00+01:00")).unwrap();
    assert!(later.by_bearer(&token).is_some());
}

#[test]
fn users_and_certificates_are_principals_too() {
    let text = "[[principal]]\nname = \"a\"\npermissions = []\nuids = [1000]\n\
                [[principal]]\nname = \"b\"\npermissions = []\ncertificates = [\"CN=b,O=x\"]\n";
    let principals = read(text).unwrap();
    assert_eq!(principals.by_uid(1000).unwrap().principal.name, "a");
    assert!(principals.by_uid(0).is_none());
    let proven = principals.by_subject("CN=b,O=x").unwrap();
    assert_eq!(
        (proven.principal.name.as_str(), proven.credential.as_str()),
        ("b", "certificate CN=b,O=x")
    );
    assert!(principals.by_subject("CN=b").is_none());
}

#[test]
fn a_file_that_could_mean_two_things_is_refused() {
    let token = BearerToken::generate().unwrap();
    let good = with_token(&token, "");
    let head = "[[principal]]\nname = \"x\"\npermissions = []\n";
    for (text, told) in [
        (String::new(), "nobody is in it"),
        (head.to_owned(), "nothing proves who it is"),
        (
            format!("{good}{good}"),
            "principal `scanner` stands there twice",
        ),
        (
            good.clone()
                + &good
                    .replace("\"scanner\"", "\"b\"")
                    .replace("\"one\"", "\"two\""),
            "stands there twice",
        ),
        (good.replace("\"list\"", "\"lst\""), "unknown variant `lst`"),
        (good.replace("id =", "ident ="), "unknown field `ident`"),
        (with_token(&token, "kinds = []"), "`kinds` is empty"),
        (with_token(&token, "owner = \" \""), "`owner` is empty"),
        (
            with_token(&token, "expires = 2001-01-01"),
            "not a time with its offset",
        ),
        (
            good.replace(&token.digest().to_string(), "abc"),
            "not a sha256 in 64 hexadecimal digits",
        ),
    ] {
        let refused = read(&text).map(|_read| ()).unwrap_err();
        assert!(refused.contains(told), "{refused}");
        assert!(!refused.contains(token.expose()));
    }
}
