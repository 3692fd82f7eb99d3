//! Where the connection comes from: `-d`, then `BREAKGLASS_DATABASE_URL`, `DATABASE_URL`,
//! `CODER_PG_CONNECTION_URL`, then the `PG*` variables.

use crate::support::{Invocation, Template, TestDatabase, breakglass};

/// The sources, the strongest first.
const SOURCES: [&str; 5] = [
    "-d",
    "BREAKGLASS_DATABASE_URL",
    "DATABASE_URL",
    "CODER_PG_CONNECTION_URL",
    "PGDATABASE",
];

/// An invocation in which each of some sources names a database of its own, which does not exist.
fn with(database: &TestDatabase, sources: &[&str]) -> Invocation<'static> {
    let url = |name: &str| database.conninfo("postgres").replace(database.name(), name);
    let port = database.value("show port");
    // Those without a database of their own are there as well, so that only the name differs.
    let mut invocation = breakglass()
        .env("PGHOST", database.socket_directory().display().to_string())
        .env("PGPORT", port)
        .env("PGUSER", "postgres");
    for source in sources {
        let name = format!("by_{}", source.trim_start_matches('-').to_lowercase());
        invocation = match *source {
            "-d" => invocation.args(["-d", &url(&name)]),
            "PGDATABASE" => invocation.env(source, name),
            variable => invocation.env(variable, url(&name)),
        };
    }
    invocation.args(["tokens", "ls"])
}

#[test]
fn the_strongest_source_wins() {
    let database = TestDatabase::new(Template::Empty);
    for first in 0..SOURCES.len() {
        let sources = &SOURCES[first..];
        let wanted = format!(
            "database by_{},",
            sources[0].trim_start_matches('-').to_lowercase()
        );
        with(&database, sources).run().code(3).says(&wanted);
    }
    // Not by what happens to stand last.
    for pair in SOURCES.windows(2) {
        let wanted = format!(
            "database by_{},",
            pair[0].trim_start_matches('-').to_lowercase()
        );
        let reversed: Vec<&str> = pair.iter().rev().copied().collect();
        with(&database, &reversed).run().code(3).says(&wanted);
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let database = TestDatabase::new(Template::Empty);
    let invocation = with(&database, &["DATABASE_URL"]).env("BREAKGLASS_DATABASE_URL", "");
    invocation.run().code(3).says("database by_database_url,");
    let invocation = with(&database, &["CODER_PG_CONNECTION_URL"]).env("DATABASE_URL", "");
    invocation
        .run()
        .code(3)
        .says("database by_coder_pg_connection_url,");
}

#[test]
fn each_source_leads_to_the_database() {
    let database = TestDatabase::new(Template::Coder);
    let host = database.socket_directory().display().to_string();
    let port = database.value("show port");
    let name = database.name().to_owned();
    let encoded = host.replace('/', "%2F");
    let url = format!("postgres://postgres@{encoded}:{port}/{name}");
    let conninfo = database.conninfo("postgres");
    let found = |invocation: Invocation<'_>| {
        let output = invocation.args(["adapters", "ls"]).run();
        output.success().says(&format!(
            "database {name} on {host}:{port} as postgres, primary, "
        ));
    };
    for string in [&url, &conninfo, &url.replace("postgres:", "postgresql:")] {
        found(breakglass().args(["-d", string]));
        found(breakglass().arg(format!("--database-url={string}")));
        for variable in &SOURCES[1..4] {
            found(breakglass().env(variable, string));
        }
    }
    found(
        breakglass()
            .env("PGHOST", &host)
            .env("PGPORT", &port)
            .env("PGUSER", "postgres")
            .env("PGDATABASE", &name),
    );
    // The flag may stand behind the command as well.
    let output = breakglass()
        .args(["tokens", "ls", "--limit", "1", "-d", &url])
        .run();
    output.success();
}

#[test]
fn variables_fill_what_a_string_leaves_open() {
    let database = TestDatabase::new(Template::Coder);
    let host = database.socket_directory().display().to_string();
    let (port, name) = (database.value("show port"), database.name());
    let role = database.login_role("filler");
    let output = breakglass()
        .env("PGUSER", &role)
        .env("PGPORT", &port)
        .env("PGDATABASE", "not_this_one")
        .args([
            "-d",
            &format!("host={host} dbname={name}"),
            "adapters",
            "ls",
        ])
        .run();
    output
        .success()
        .says(&format!("database {name} on {host}:{port} as {role}, "));
}

#[test]
fn a_password_on_the_command_line_draws_a_warning() {
    let database = TestDatabase::new(Template::Coder);
    let conninfo = format!("{} password=secret-word", database.conninfo("postgres"));
    let rm = ["tokens", "rm", "build-cache", "--dry-run", "-d", &conninfo];
    let output = breakglass().args(rm).run();
    output
        .code(1)
        .says("a password on the command line is visible in the process list")
        .never_says("secret-word");
    let rm = database
        .breakglass()
        .env("BREAKGLASS_DATABASE_URL", &conninfo);
    let output = rm.args(["tokens", "rm", "build-cache", "--dry-run"]).run();
    output
        .code(1)
        .never_says("a password on the command line")
        .never_says("secret-word");
}
