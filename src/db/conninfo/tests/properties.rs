//! What holds for every string.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Parameters, private, resolve_on, resolve_with};
use crate::db::conninfo::passfile::{Found, find};
use crate::db::conninfo::{Secret, quote};

/// Anything but a zero byte, which no parameter may hold; the odd characters come often.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        ' ', '\\', '\'', '=', '%', '@', '/', ':', '?', '&', ',', '\n',
    ]);
    let character = prop_oneof![odd, any::<char>().prop_filter("zero", |c| *c != '\0')];
    prop::collection::vec(character, 0..20).prop_map(|characters| characters.into_iter().collect())
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    })
}

proptest! {
    #[test]
    fn a_quoted_value_reads_back(user in text(), password in text(), blanks in "[ \t]{0,2}") {
        let written = format!(
            "user{blanks}={blanks}{}password={}{blanks}", quote(&user), quote(&password)
        );
        let read = Parameters::parse(&written).unwrap();
        prop_assert_eq!(read.get("user"), Some(user.as_str()));
        prop_assert_eq!(read.get("password"), Some(password.as_str()));
    }

    #[test]
    fn an_encoded_value_reads_back(user in text(), password in text(), name in text()) {
        let [user_, password_, name_] = [&user, &password, &name].map(|text| percent_encoded(text));
        for url in [
            format!("postgresql://{user_}:{password_}@h?application_name={name_}"),
            format!("postgres://?user={user_}&password={password_}&application_name={name_}"),
        ] {
            let read = Parameters::parse(&url).unwrap();
            prop_assert_eq!(read.get("user").unwrap_or(""), user.as_str());
            prop_assert_eq!(read.get("password").unwrap_or(""), password.as_str());
            prop_assert_eq!(read.get("application_name"), Some(name.as_str()));
        }
    }

    #[test]
    fn nothing_panics_and_no_error_repeats_the_string(
        text in prop_oneof![
            text(),
            text().prop_map(|text| format!("postgresql://{text}")),
            text().prop_map(|text| format!("password={text}")),
            "(host|port|user|password|sslmode|x)?[= ']{1,2}[a-z0-9%,'\\\\ ]{0,12}",
            "postgres://[a-z0-9:@/?&=%,\\[\\].]{0,40}",
        ],
        password in "[a-zA-Z0-9]{12,24}",
    ) {
        if let Ok(settings) = resolve_on(&text, &[], &[]) {
            prop_assert!(!settings.servers.is_empty());
        }
        // The password, whole, in the place of a password; the rest is noise.
        for text in [
            format!("postgresql://u:{password}@{text}"),
            format!("postgresql://u:{password}{text}"),
            format!("password={password} {text}"),
            format!("password={password}{text}"),
        ] {
            if let Err(error) = resolve_on(&text, &[], &[]) {
                prop_assert!(!error.to_string().contains(&password), "{}: {}", text, error);
            }
        }
    }

    #[test]
    fn an_escaped_line_of_a_password_file_is_found(
        fields in [text(), text(), text(), text()],
        password in text(),
    ) {
        let one_line = |text: &str| text.replace(['\n', '\r'], "");
        let escaped = |text: &str| one_line(text).replace('\\', "\\\\").replace(':', "\\:");
        let [host, port, dbname, user] = fields.each_ref().map(|field| one_line(field));
        // What begins with a number sign is a comment, and cannot be escaped as libpq reads it.
        prop_assume!(!host.starts_with('#'));
        let line = [&host, &port, &dbname, &user, &password].map(|text| escaped(text)).join(":");
        let expected = Found::Password(Secret::new(one_line(&password)));
        prop_assert_eq!(find(line.as_bytes(), [&host, &port, &dbname, &user]), expected);
    }

    #[test]
    fn no_file_makes_anything_panic_and_no_error_repeats_it(content in ".{0,40}hunter2.{0,40}") {
        find(content.as_bytes(), ["h", "1", "d", "u"]);
        let services = private(&format!("[s]\n{content}"));
        let files = [("/home/ada/.pg_service.conf", services)];
        if let Err(error) = resolve_with("service=s", &[], &files) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
    }
}
