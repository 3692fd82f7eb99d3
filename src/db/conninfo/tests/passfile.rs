//! The password file: which line is whose.

use super::{private, resolve_with};
use crate::db::conninfo::passfile::{Found, find};
use crate::db::conninfo::{Secret, Settings};
use crate::db::local_file::LocalFile;

const HOME: &str = "/home/ada/.pgpass";

fn with(text: &str, file: LocalFile) -> Settings {
    resolve_with(text, &[], &[(HOME, file)]).unwrap()
}

/// The passwords of the servers, `-` for none.
fn passwords(settings: &Settings) -> String {
    let shown = settings.servers.iter().map(|server| {
        let password = settings.password_for(server);
        password.map_or("-", Secret::expose)
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn lines_and_what_they_fit() {
    let fields = ["db.example", "5432", "shop", "ada"];
    for (line, expected) in [
        ("db.example:5432:shop:ada:secret", Some("secret")),
        ("*:*:*:*:secret", Some("secret")),
        ("db.example:*:shop:*:secret", Some("secret")),
        ("db.example:5432:shop:ada:", Some("")),
        ("db.example:5432:shop:ada:a b # c", Some("a b # c")),
        ("db.example:5432:shop:ada:secret\r", Some("secret")),
        ("db.example:5432:shop:ada:se\\:cr\\\\et", Some("se:cr\\et")),
        ("db.example:5432:shop:ada:secret:more", Some("secret")),
        ("db.example:5432:shop:ada:secret\\", Some("secret\\")),
        ("d\\b.example:5432:shop:ada:secret", Some("secret")),
        ("db.example:5432:shop:ada: secret", Some(" secret")),
        ("#db.example:5432:shop:ada:secret", None),
        (" db.example:5432:shop:ada:secret", None),
        ("DB.example:5432:shop:ada:secret", None),
        ("db.exampl:5432:shop:ada:secret", None),
        ("db.example.org:5432:shop:ada:secret", None),
        ("db*:5432:shop:ada:secret", None),
        ("\\*:5432:shop:ada:secret", None),
        ("db.example:5433:shop:ada:secret", None),
        ("db.example:5432:other:ada:secret", None),
        ("db.example:5432:shop:bob:secret", None),
        ("db.example:5432:shop:ada", None),
        ("db.example:5432:shop", None),
        ("", None),
        ("\\", None),
    ] {
        let expected = expected.map_or(Found::Nothing, |text| Found::Password(Secret::new(text)));
        assert_eq!(find(line.as_bytes(), fields), expected, "{line}");
        let second = format!("# a comment\nother:*:*:*:x\n{line}\n*:*:*:nobody:x\n");
        assert_eq!(find(second.as_bytes(), fields), expected, "{second}");
    }
    let first = "*:*:shop:*:first\n*:*:*:*:second\n";
    assert_eq!(
        find(first.as_bytes(), fields),
        Found::Password(Secret::new("first"))
    );
    assert_eq!(
        find(b"*:*:*:*:caf\xe9\n", fields),
        Found::Unreadable(1),
        "and not a password that is not UTF-8"
    );
    assert_eq!(
        find(b"a\\:b:1:c\\:\\\\:d:p", ["a:b", "1", "c:\\", "d"]),
        Found::Password(Secret::new("p"))
    );
}

#[test]
fn each_server_has_its_own() {
    let file = "\
one:*:*:*:first
10.0.0.1:*:*:*:address
two:5433:*:*:second
localhost:*:*:*:local
/tmp:*:*:*:socket
";
    for (text, expected) in [
        ("host=one,two,two port=1,5433,5432", "first second -"),
        // The name counts before the address, as given.
        ("host=one hostaddr=10.0.0.1", "first"),
        ("hostaddr=10.0.0.1", "address"),
        ("host=three hostaddr=10.0.0.1", "-"),
        ("host='' hostaddr=10.0.0.1", "address"),
        // What is the default is called `localhost`.
        ("", "local"),
        ("host=localhost", "local"),
        ("host=/var/run/postgresql", "local"),
        ("host=/run/postgresql", "-"),
        ("host=/tmp", "socket"),
        ("host=,one", "local first"),
        // A password that was given is for all.
        ("host=one,two password=given", "given given"),
    ] {
        assert_eq!(passwords(&with(text, private(file))), expected, "{text}");
    }
}

#[test]
fn the_login_that_counts_is_the_one_that_is_made() {
    let file = private("*:*:ada:ada:defaults\n*:*:shop:clerk:service\n");
    assert_eq!(passwords(&with("host=h", file.clone())), "defaults");
    assert_eq!(
        passwords(&with("host=h user=clerk dbname=shop", file.clone())),
        "service"
    );
    assert_eq!(passwords(&with("host=h user=clerk", file)), "-");
}

#[test]
fn which_file_it_is() {
    let files = [
        (HOME, private("*:*:*:*:home")),
        ("/env", private("*:*:*:*:env")),
        ("/named", private("*:*:*:*:named")),
        (
            "/services",
            private("[s]\npassfile=/named\n[p]\npassword=service"),
        ),
    ];
    let env = ("PGPASSFILE", "/env");
    let services = ("PGSERVICEFILE", "/services");
    for (text, variables, expected) in [
        ("host=h", &[][..], "home"),
        ("host=h", &[env], "env"),
        ("host=h passfile=/named", &[env], "named"),
        ("host=h passfile=''", &[env], "home"),
        ("host=h passfile=/missing", &[env], "-"),
        ("host=h service=s", &[env, services], "named"),
        ("host=h service=p", &[env, services], "service"),
        ("host=h", &[env, ("PGPASSWORD", "variable")], "variable"),
        ("host=h password=''", &[env, ("PGPASSWORD", "x")], "env"),
    ] {
        let settings = resolve_with(text, variables, &files).unwrap();
        assert_eq!(passwords(&settings), expected, "{text} {variables:?}");
        assert_eq!(settings.warnings().count(), 0, "{text}");
    }
}

#[test]
fn a_file_that_others_may_read_is_not_used() {
    for (mode, is_plain, warning) in [
        (0o600, true, None),
        (0o400, true, None),
        (
            0o640,
            true,
            Some("has group or world access and is not used"),
        ),
        (
            0o604,
            true,
            Some("has group or world access and is not used"),
        ),
        (
            0o610,
            true,
            Some("has group or world access and is not used"),
        ),
        (0o600, false, Some("is not a plain file and is not used")),
    ] {
        let file = LocalFile {
            is_plain,
            mode,
            ..private("*:*:*:*:hunter2")
        };
        let settings = with("host=h", file);
        match warning {
            None => {
                assert_eq!(passwords(&settings), "hunter2", "{mode:o}");
                assert_eq!(settings.warnings().count(), 0);
            }
            Some(warning) => {
                assert_eq!(passwords(&settings), "-", "{mode:o}");
                let told: Vec<_> = settings.warnings().collect();
                let [told] = told.as_slice() else {
                    panic!("{told:?}")
                };
                let expected = format!("password file `{HOME}` {warning}");
                assert!(told.starts_with(&expected), "{told}");
            }
        }
        assert!(!format!("{settings:?}").contains("hunter2"));
        let settings = settings.with_password(Secret::new("token"));
        assert_eq!(settings.warnings().count(), 0, "it is not needed any more");
        // Nobody is warned of a file that is not needed.
        let file = LocalFile {
            is_plain,
            mode,
            ..private("*:*:*:*:hunter2")
        };
        assert_eq!(with("host=h password=p", file).warnings().count(), 0);
    }
}

#[test]
fn a_password_from_a_command_wins() {
    let settings = with("host=one,two", private("one:*:*:*:first\n"));
    assert_eq!(passwords(&settings), "first -");
    let settings = settings.with_password(Secret::new("token"));
    assert_eq!(passwords(&settings), "token token");
    assert!(settings.password_file.is_none());
    let settings = with("host=one password=given", private(""));
    assert_eq!(passwords(&settings.with_password(Secret::new("t"))), "t");
}
