//! Services: where they are looked for, what they say, and who is stronger.

use super::{private, resolve_on, resolve_with};
use crate::db::conninfo::Settings;
use crate::db::local_file::LocalFile;

const HOME: &str = "/home/ada/.pg_service.conf";
const SYSTEM: &str = "/etc/postgresql-common/pg_service.conf";

const FILE: &str = "\
# the services of ada
host=before-any-section

[empty]
[shop]
  host=shop.example
# a comment
port=5433
port=9
user=clerk
dbname=orders
application_name=a = b # c
\tsslmode=require\r

[shop]
user=second
[far]x
host=far.example
[far away]
host=away.example
";

fn shown(settings: &Settings) -> String {
    settings.describe().to_string()
}

fn at_home(text: &str, file: &str) -> Result<Settings, String> {
    let files = [(HOME, private(file))];
    resolve_with(text, &[], &files).map_err(|error| error.to_string())
}

#[test]
fn what_a_service_says() {
    let settings = at_home("service=shop", FILE).unwrap();
    assert_eq!(
        shown(&settings),
        "host shop.example port 5433, database orders, user clerk"
    );
    assert_eq!(settings.application_name, "a = b # c");
    assert_eq!(format!("{:?}", settings.sslmode), "Require");
    for (text, host) in [
        ("service=far", "far.example"),
        ("service='far away'", "away.example"),
        ("postgresql://?service=far", "far.example"),
        ("service=empty", "localhost"),
    ] {
        let settings = at_home(text, FILE).unwrap();
        let expected = format!("host {host} port 5432, database ada, user ada");
        assert_eq!(shown(&settings), expected, "{text}");
    }
}

#[test]
fn the_string_is_stronger_and_the_environment_weaker() {
    let files = [(HOME, private(FILE))];
    let variables = [
        ("PGSERVICE", "shop"),
        ("PGUSER", "envuser"),
        ("PGPORT", "1"),
        ("PGSSLMODE", "disable"),
        ("PGPASSWORD", "envpassword"),
    ];
    let settings = resolve_with("dbname=other port=7", &variables, &files).unwrap();
    assert_eq!(
        shown(&settings),
        "host shop.example port 7, database other, user clerk"
    );
    assert_eq!(format!("{:?}", settings.sslmode), "Require");
    assert_eq!(
        settings
            .password
            .map(|password| password.expose().to_owned()),
        Some("envpassword".to_owned())
    );
    // A service in the string is stronger than one in the environment.
    let settings = resolve_with("service=far", &variables, &files).unwrap();
    assert_eq!(
        shown(&settings),
        "host far.example port 1, database envuser, user envuser"
    );
    // What is decided is not looked at.
    let nonsense = [(HOME, private("[s]\nsslmode=x\ngssencmode=require\nhost=h"))];
    let text = "service=s sslmode=require gssencmode=disable";
    assert!(resolve_with(text, &[], &nonsense).is_ok());
}

#[test]
fn where_it_is_looked_for() {
    let host = |name: &str| private(&format!("[s]\nhost={name}"));
    let other = private("[t]\nhost=t");
    let in_other = [
        ("/named", host("named")),
        ("/env", host("env")),
        (HOME, host("home")),
        (SYSTEM, host("system")),
        ("/conf/pg_service.conf", host("sysconf")),
        ("/other", other.clone()),
    ];
    let file = ("PGSERVICEFILE", "/env");
    let directory = ("PGSYSCONFDIR", "/conf");
    for (text, variables, expected) in [
        ("service=s", &[][..], "home"),
        ("service=s", &[file], "env"),
        ("service=s servicefile=/named", &[file], "named"),
        ("service=s servicefile=''", &[file], "env"),
        ("service=s servicefile=/other", &[], "system"),
        ("service=s servicefile=/other", &[directory], "sysconf"),
    ] {
        let settings = resolve_with(text, variables, &in_other).unwrap();
        let expected = format!("host {expected} port 5432, database ada, user ada");
        assert_eq!(shown(&settings), expected, "{text} {variables:?}");
    }
    let without_home = [(SYSTEM, host("system"))];
    let settings = resolve_with("service=s", &[], &without_home).unwrap();
    assert!(shown(&settings).starts_with("host system "));
}

#[test]
fn a_file_without_a_service_is_not_even_looked_for() {
    assert!(resolve_on("host=h servicefile=/missing", &[], &[]).is_ok());
    assert!(resolve_on("host=h", &[("PGSERVICEFILE", "/missing")], &[]).is_ok());
}

#[test]
fn a_pipe_is_not_opened() {
    let pipe = LocalFile {
        is_plain: false,
        ..private("")
    };
    let error = resolve_with("service=s", &[], &[(HOME, pipe)]).unwrap_err();
    let expected = format!("cannot read service file `{HOME}`: it is not a plain file");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_wrong_is_told_with_file_and_line_and_never_repeated() {
    for (lines, line, problem) in [
        ("hunter2", 2, "is not `keyword=value`"),
        (
            "# c\n\nhost = hunter2",
            4,
            "has a keyword that is no connection parameter (no blank may be before `=`)",
        ),
        (
            "hunter2=hunter2",
            2,
            "has a keyword that is no connection parameter (no blank may be before `=`)",
        ),
        (
            "requiressl=1",
            2,
            "has a keyword that is no connection parameter (no blank may be before `=`)",
        ),
        (
            "service=hunter2",
            2,
            "names another service, and services do not nest",
        ),
        (
            "ldap://hunter2/dc=x?y?z?w",
            2,
            "asks an LDAP server, which is not supported yet",
        ),
    ] {
        let error = at_home("service=s", &format!("[s]\n{lines}\n")).unwrap_err();
        let expected = format!("line {line} of service file `{HOME}` {problem}");
        assert_eq!(error, expected, "{lines}");
    }
    // Elsewhere in the file it does no harm.
    let settings = at_home("service=s", "nonsense\n[t]\nfoo=1\n[s]\nhost=h\n[u]\nfoo");
    assert!(shown(&settings.unwrap()).starts_with("host h "));
    let error = at_home("service=s", "[s]\nhost=h\nsslmode=hunter2").unwrap_err();
    assert_eq!(
        error,
        format!(
            "`sslmode` in line 3 of service file `{HOME}` must be disable, allow, prefer, \
             require, verify-ca or verify-full"
        )
    );
    let error = at_home("service=s", "[s]\nrequire_auth=none").unwrap_err();
    assert_eq!(
        error,
        format!("`require_auth` in line 2 of service file `{HOME}` is not supported yet")
    );
}
