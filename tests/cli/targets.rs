//! Named targets: the file, who may write it, which source has the say, and the list.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use tempfile::TempDir;

use super::remove::{Before, REASON, coder};
use crate::support::config::{File, prod};
use crate::support::{Invocation, Template, TestDatabase, breakglass, seed};

const PRODUCTION: &str = "environment = \"production\"\ncolour = \"red\"";

#[test]
fn a_target_leads_to_its_database() {
    let database = coder();
    let file = File::on(&database, PRODUCTION);
    let output = file.remove(&["build-cache", "-o", "json"]).run();
    let receipt = output.success().json();
    assert_eq!(receipt["target"], "prod");
    assert_eq!(receipt["environment"], "production");
    assert_eq!(receipt["operation"]["outcome"], "applied");
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
    let without = database
        .breakglass()
        .args(["tokens", "rm", "release", "--dry-run", "-o", "json"])
        .run()
        .success()
        .json();
    assert!(without["target"].is_null() && without["environment"].is_null());
}

#[test]
fn the_plan_says_first_where_it_is() {
    let database = coder();
    let file = File::on(&database, PRODUCTION);
    let output = file.remove(&["build-cache", "--dry-run"]).run();
    output.success();
    let place = format!("database {} on ", database.name());
    let said: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(said[0], "PRODUCTION (target prod)", "{output}");
    assert!(said[1].starts_with(&place), "{output}");
    let file = File::on(&database, "");
    let output = file.remove(&["build-cache", "--dry-run"]).run();
    assert!(
        output.stderr.starts_with("target prod\ndatabase "),
        "{output}"
    );
    let output = database
        .breakglass()
        .args(["tokens", "rm", "build-cache", "--dry-run"])
        .run();
    assert!(output.stderr.starts_with("database "), "{output}");
}

#[test]
fn the_environment_has_its_colour_on_a_terminal_that_has_colours() {
    let database = coder();
    let file = File::on(&database, PRODUCTION);
    let asked = |invocation: Invocation<'static>| {
        let invocation = invocation.args(["tokens", "rm", "build-cache", "--target", "prod"]);
        let mut terminal = invocation.args(["--reason", REASON]).on_terminal(200);
        terminal.expect("expire? [y/N]");
        terminal.send_line("n");
        let transcript = terminal.finish();
        transcript.code(1).says("PRODUCTION (target prod)\n");
        transcript.raw
    };
    let red = asked(file.breakglass().without_env("NO_COLOR"));
    assert!(
        red.contains("\u{1b}[1m\u{1b}[31mPRODUCTION\u{1b}[0m (target prod)"),
        "{red:?}"
    );
    assert!(asked(file.breakglass().env("NO_COLOR", "")).contains("\u{1b}[31m"));
    assert!(!asked(file.breakglass()).contains("\u{1b}["));
    // Not on a terminal: never.
    let output = file
        .remove(&["build-cache", "--dry-run"])
        .without_env("NO_COLOR");
    output
        .env("TERM", "xterm-256color")
        .run()
        .success()
        .never_says("\u{1b}");
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_flag_beats_a_variable_and_a_target_a_connection_string() {
    let database = coder();
    let other = TestDatabase::new(Template::Empty);
    let file = File::on(&database, "");
    let url = other.conninfo("postgres");
    let dry = ["tokens", "rm", "build-cache", "--dry-run"];
    // --target against what the environment names.
    let output = file
        .breakglass()
        .env("DATABASE_URL", &url)
        .env("BREAKGLASS_DATABASE_URL", &url)
        .env("PGDATABASE", other.name())
        .args(dry)
        .args(["--target", "prod"])
        .run();
    output.success().says(&format!(
        "target prod; BREAKGLASS_DATABASE_URL, DATABASE_URL are not used\ndatabase {} on ",
        database.name()
    ));
    // The variable does the same.
    let by_variable = || file.breakglass().env("BREAKGLASS_TARGET", "prod");
    let output = by_variable().env("DATABASE_URL", &url).args(dry).run();
    output
        .success()
        .says("target prod; DATABASE_URL is not used\n");
    // --target beats the variable.
    let output = by_variable().args(dry).args(["--target", "stage"]).run();
    output.code(2).says("there is no target `stage` in ");
    // -d beats the variable, and says so.
    let output = by_variable()
        .args(dry)
        .args(["-d", &database.conninfo("postgres")])
        .run();
    output
        .success()
        .says("no target: the database was named by a flag, BREAKGLASS_TARGET is not used\n");
    // Both flags are too many, wherever they stand.
    for words in [
        vec!["--target", "prod", "-d", &url, "tokens", "ls"],
        vec!["-d", &url, "tokens", "ls", "--target", "prod"],
        vec!["tokens", "ls", "-d", &url, "--target", "prod"],
    ] {
        let output = file.breakglass().args(words).run();
        output.code(2).says(
            "error: --target and --database-url both say where the database is\n\
             hint: leave one of them out\n",
        );
    }
}

#[test]
fn variables_fill_what_a_target_leaves_open() {
    let database = coder();
    let role = database.login_role("filler");
    let conninfo = database.conninfo("postgres").replace(" user=postgres", "");
    let file = File::with(&prod(&conninfo, ""));
    let output = file
        .breakglass()
        .env("PGUSER", &role)
        .env("PGDATABASE", "not_this_one")
        .env("PGPORT", "1")
        .args(["adapters", "ls", "--target", "prod"])
        .run();
    output
        .success()
        .says(&format!("database {} on ", database.name()));
    output.says(&format!(" as {role}, "));
}

#[test]
fn the_adapter_of_a_target_is_used_and_a_flag_has_more_say() {
    let database = coder();
    let file = File::on(&database, "adapter = \"django-rest-framework\"");
    let list = || file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    list()
        .run()
        .code(1)
        .says("no adapter matches this database");
    list().args(["--adapter", "coder"]).run().success();
    let file = File::on(&database, "schema = \"elsewhere\"");
    let list = || file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    list()
        .run()
        .code(1)
        .says("no adapter matches this database");
    list().args(["--schema", "public"]).run().success();
    // A path is from the file's directory, not from wherever the command runs.
    let file = File::on(&database, "adapter_file = \"house.toml\"");
    let coder_adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/adapters/coder.toml");
    let text = fs::read_to_string(coder_adapter).expect("it is in the repository");
    let text = text.replacen("name = \"coder\"", "name = \"house\"", 1);
    fs::write(file.directory().join("house.toml"), text).expect("it can be written");
    let output = file
        .breakglass()
        .args(["adapters", "ls", "--target", "prod"])
        .run();
    output.success();
    let house = output
        .stdout
        .lines()
        .find(|line| line.starts_with("house "));
    assert!(house.is_some_and(|line| line.ends_with("yes")), "{output}");
}

#[test]
fn an_unknown_target_is_a_usage_error_with_the_known_names() {
    let file = File::with("[targets.b]\ndatabase = \"x\"\n[targets.a]\ndatabase = \"y\"\n");
    let list = |target: &str| file.breakglass().args(["tokens", "ls", "--target", target]);
    list("prod").run().code(2).says(&format!(
        "error: there is no target `prod` in {}; it has a, b\nhint: see `breakglass targets ls`\n",
        file.path().display()
    ));
    list("").run().code(2).says("error: --target is empty\n");
    let json = list("prod").args(["-o", "json"]).run();
    assert_eq!(json.code(2).json_error()["error"]["code"], "usage");
    let file = File::with("");
    let output = file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    output.run().code(2).says("config.toml, which has none\n");
}

#[test]
fn the_file_is_where_the_variables_say() {
    let file = File::with("[targets.here]\ndatabase = \"x\"\n");
    let home = TempDir::with_prefix("breakglass-xdg-").expect("/tmp is writable");
    let copy_to = |path: &str| {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::copy(file.path(), path).expect("it can be copied");
    };
    let list = || {
        breakglass()
            .env("HOME", home.path().display().to_string())
            .args(["targets", "ls", "-o", "jsonl"])
    };
    let names = |invocation: Invocation<'static>| {
        let output = invocation.run();
        output.success();
        output.json_lines().len()
    };
    assert_eq!(names(list()), 0, "no file is no target");
    copy_to(".config/breakglass/config.toml");
    assert_eq!(names(list()), 1);
    let xdg = home.path().join("xdg").display().to_string();
    assert_eq!(names(list().env("XDG_CONFIG_HOME", &xdg)), 0);
    copy_to("xdg/breakglass/config.toml");
    assert_eq!(names(list().env("XDG_CONFIG_HOME", &xdg)), 1);
    // A relative one is to be ignored, by its rules.
    assert_eq!(names(list().env("XDG_CONFIG_HOME", "elsewhere")), 1);
    // A file that is named must be there.
    let missing = list()
        .env("BREAKGLASS_CONFIG", "/nonexistent/config.toml")
        .run();
    missing
        .code(2)
        .says("there is no configuration file /nonexistent/config.toml");
    let output = list().without_env("HOME").run();
    output.code(2).says("there is no home directory");
    // Without a target nobody looks.
    let output = breakglass()
        .env("BREAKGLASS_CONFIG", "/nonexistent/config.toml")
        .args(["adapters", "ls"])
        .run();
    output.success();
}

#[test]
fn a_file_that_others_could_have_written_is_refused() {
    let database = coder();
    let before = Before::of(&database);
    let marker = TempDir::with_prefix("breakglass-marker-").expect("/tmp is writable");
    let ran = marker.path().join("ran");
    let fields = format!("password_command = [\"touch\", \"{}\"]", ran.display());
    let file = File::on(&database, &fields);
    for mode in [0o620, 0o602, 0o666, 0o664] {
        file.mode(mode);
        for invocation in [
            file.remove(&["build-cache"]),
            file.breakglass().args(["targets", "ls"]),
        ] {
            let output = invocation.run();
            output.code(2).says(&format!(
                "error: the configuration file {} can be written by others (mode {mode:03o}), \
                 and commands are run from it\nhint: look at what it says, then run `chown ",
                file.path().display()
            ));
        }
    }
    file.mode(0o640);
    file.breakglass().args(["targets", "ls"]).run().success();
    // Only root can give a file away.
    if chown(file.path(), Some(65534), None).is_ok() {
        let output = file.remove(&["build-cache"]).run();
        output.code(2).says("belongs to another user (uid 65534)");
    }
    assert!(!ran.exists(), "its command was run");
    before.is_all(&database);
}

#[test]
fn what_is_no_file_is_told_at_once() {
    let directory = TempDir::with_prefix("breakglass-pipe-").expect("/tmp is writable");
    let pipe = directory.path().join("config.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    for path in [pipe.as_path(), directory.path()] {
        let output = breakglass()
            .env("BREAKGLASS_CONFIG", path.display().to_string())
            .args(["targets", "ls"])
            .run();
        output.code(2).says("it is not a regular file");
    }
}

#[test]
fn a_wrong_line_is_told_by_file_line_and_field() {
    let file = File::with("[targets.prod]\ndatabase = \"x\"\nmax_row = 5\n");
    let output = file
        .breakglass()
        .args(["tokens", "ls", "--target", "prod"])
        .run();
    output.code(2).says(&format!(
        "error: {} line 3: unknown field `max_row`, expected one of ",
        file.path().display()
    ));
    let file = File::with("[targets.prod]\ndatabase = \"host=x password=hunter2\"\n");
    let output = file.breakglass().args(["targets", "ls"]).run();
    output
        .code(2)
        .says("line 2: `targets.prod.database`: no password stands in this file")
        .never_says("hunter2");
}

const LISTED: &str = r#"
[targets.prod]
database = "postgres://app@db1/coder"
environment = "production"
colour = "red"
system_identifier = "7312345678901234567"
require_ticket = true
ticket_pattern = "^INC-[0-9]+$"
max_rows = 50
password_command = ["/bin/false", "--token=hunter2"]
lock_timeout = "1s"

[targets.dev]
database = "dbname=coder"
adapter = "coder"
"#;

#[test]
fn the_list_connects_to_nothing_and_runs_nothing() {
    let file = File::with(LISTED);
    let list = |format: &str| {
        let output = file
            .breakglass()
            .args(["targets", "ls", "-o", format])
            .run();
        output.success().never_says("hunter2");
        assert_eq!(output.stderr, "");
        output
    };
    let table = list("table").stdout;
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    assert!(lines[0].starts_with("TARGET "), "{table}");
    assert!(lines[1].starts_with("dev "), "{table}");
    for part in [
        "prod ",
        "production",
        "coder on db1 as app",
        "ticket ^INC-[0-9]+$",
        "50",
        "/bin/false",
    ] {
        assert!(lines[2].contains(part), "{part}: {table}");
    }
    let json = list("json").json();
    assert_eq!(
        (&json["schema"], &json["truncated"]),
        (&1.into(), &false.into())
    );
    let [dev, prod] = [0, 1].map(|index| json["targets"][index].clone());
    assert_eq!(
        (&dev["name"], &prod["name"]),
        (&"dev".into(), &"prod".into())
    );
    assert_eq!(prod["password_command"], "/bin/false");
    assert_eq!(prod["lock_timeout_ms"], 1000);
    assert_eq!(prod["colour"], "red");
    assert!(dev["password_command"].is_null() && dev["max_rows"].is_null());
    assert_eq!(list("jsonl").json_lines(), [dev, prod]);
    let csv = list("csv").stdout;
    assert!(
        csv.starts_with("name,environment,colour,database,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 3);
    // What a terminal would obey is spelt out.
    let file = File::with("[targets.x]\ndatabase = \"dbname='a\\u001b[31m'\"\n");
    for format in ["table", "json"] {
        let output = file
            .breakglass()
            .args(["targets", "ls", "-o", format])
            .run();
        output.success().never_says("\u{1b}");
    }
}
