//! Tests of the support itself, on programs that every machine has.

use std::os::unix::process::ExitStatusExt as _;

use crate::support::{
    Invocation, Login, PgBouncer, Redactor, Standby, Template, TestDatabase, breakglass,
    private_cluster,
};

fn shell(script: &str) -> Invocation<'static> {
    Invocation::new("/bin/sh").arg("-c").args([script, "sh"])
}

#[test]
fn a_program_runs_in_a_bare_environment() {
    let database = TestDatabase::new(Template::Empty);
    let output = shell("env | sort; test -d \"$HOME\"")
        .on(&database)
        .as_role("somebody")
        .env("EXTRA", "1")
        .without_env("TZ")
        .run();
    output.success();
    let is_ours = |line: &&str| {
        !["PWD=", "SHLVL=", "_="]
            .iter()
            .any(|own| line.starts_with(own))
    };
    let names = output
        .stdout
        .lines()
        .filter(is_ours)
        .filter_map(|line| line.split('=').next());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "BREAKGLASS_DATABASE_URL",
            "COLUMNS",
            "EXTRA",
            "HOME",
            "NO_COLOR",
            "PATH"
        ]
    );
    let conninfo = database.conninfo("somebody");
    assert!(output.stdout.contains(&conninfo), "{output}");
    assert!(conninfo.ends_with(&format!("user=somebody dbname={}", database.name())));
}

#[test]
fn what_a_program_says_is_kept_apart() {
    let output = shell("cat; echo '{\"a\":1}' >&2; echo note >&2; exit 3")
        .stdin("[1,\n2]")
        .run();
    output.code(3).says("note").never_says("secret");
    assert_eq!(output.json(), serde_json::json!([1, 2]));
    assert_eq!(output.json_error(), serde_json::json!({"a": 1}));
    assert_eq!(
        output.to_string(),
        "status: 3\n--- stdout\n[1,\n2]--- stderr\n{\"a\":1}\nnote\n"
    );
    let output = Invocation::new("printf").args(["{}\\n", "[]\\n"]).run();
    assert_eq!(output.success().json_lines(), [serde_json::json!({})]);
}

#[test]
fn a_program_can_be_signalled() {
    let mut running = Invocation::new("sleep").arg("600").start();
    assert!(running.is_running());
    running.signal("TERM");
    let output = running.wait();
    assert_eq!(
        output.to_string(),
        "status: killed by signal 15\n--- stdout\n--- stderr\n"
    );
}

#[test]
fn a_program_asks_on_a_terminal() {
    let script = "stty size; printf 'who? '; read name; printf \"\\033[1mhello $name\\033[0m\\n\"; \
                  exit 7";
    let mut terminal = shell(script).on_terminal(93);
    assert_eq!(terminal.expect("who?"), "50 93\nwho?");
    terminal.send_line("mira");
    let transcript = terminal.finish();
    transcript
        .code(7)
        .says("who? mira\nhello mira\n")
        .never_says("nobody");
    assert!(
        transcript.raw.contains("\u{1b}[1mhello"),
        "{:?}",
        transcript.raw
    );
}

#[test]
fn a_terminal_interrupts_and_ends_input() {
    let mut terminal = shell("cat; echo eof; exec cat").on_terminal(80);
    terminal.send("x\n");
    terminal.expect("x\nx\n");
    terminal.end_of_input();
    terminal.expect("eof\n");
    // A shell that is about to become another program loses an interrupt.
    terminal.send("y\n");
    terminal.expect("y\ny\n");
    terminal.interrupt();
    assert_eq!(terminal.finish().status.signal(), Some(2));
}

#[test]
fn a_database_is_of_the_test_alone_and_gone_at_its_end() {
    let (first, second) = (
        TestDatabase::new(Template::Empty),
        TestDatabase::new(Template::Empty),
    );
    let role = first.login_role("operator");
    first.execute("create table t (n int); insert into t values (1), (null)");
    assert_eq!(
        first.query("select n from t order by n"),
        [[Some("1".to_owned())], [None]]
    );
    assert_eq!(second.value("select to_regclass('t')"), "");
    assert_eq!(first.session_as(&role).value("select current_user"), role);
    assert_eq!(first.session_as(&role).refusal("select * from t"), "42501");
    let open = first.session();
    open.execute("begin; delete from t");
    assert_eq!(open.query("select n from t").len(), 0);
    assert_eq!(first.value("select count(*) from t"), "2");
    let name = first.name().to_owned();
    drop(first);
    assert!(open.try_execute("select 1").is_err());
    let left = format!(
        "select count(*) from (select datname from pg_database union select rolname from pg_roles) \
         as name (it) where it in ('{name}', '{role}')"
    );
    assert_eq!(second.value(&left), "0");
}

#[test]
fn a_prepared_database_is_made_once() {
    let prepare = |database: &TestDatabase| database.execute("create table prepared ()");
    for _ in 0..2 {
        let database = TestDatabase::prepared("support_prepared", Template::Empty, prepare);
        assert_eq!(database.value("select to_regclass('prepared')"), "prepared");
    }
}

#[test]
fn a_test_can_have_a_server_of_its_own() {
    let mut cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Django);
    database.wait_for("select count(*) = 4 from authtoken_token");
    cluster.kill().expect("it can be killed");
    cluster.restart().expect("it starts again");
    database.wait_for("select count(*) = 4 from authtoken_token");
}

#[test]
fn what_differs_from_run_to_run_is_redacted() {
    let database = TestDatabase::new(Template::Empty);
    let conninfo = database.conninfo("mira");
    let id = "01989f5e-7c1a-7d2b-9c3d-0123456789ab";
    let text = format!(
        "  {id}   x \n{conninfo} pid 4711\nat 2026-08-01 14:03:07.123456+00, 2026-08-01T14:03:07Z, \
         2026-08-01\n3 s ago, in 100 y, in 5 lines, 15 s\n{{\"port\":5432}} PostgreSQL {}\n─────\n\
         on {}:5432, plan be4ec3ac345b, {{\"os_user\": \"root\"}}",
        database.value("show server_version"),
        database.socket_directory().display(),
    );
    assert_eq!(
        Redactor::of(&database).also("mira", "<role>").redact(text),
        "  <uuid>  x\nhost=<socket> port=<port> user=<role> dbname=<database> pid <pid>\n\
         at <time>, <time>, <date>\n<age>, <age>, in 5 lines, 15 s\n{\"port\":\"<port>\"} \
         PostgreSQL <version>\n───\non <socket>:<port>, plan <plan>, {\"os_user\": \"<os_user>\"}"
    );
    assert_eq!(Redactor::default().redact("x"), "x");
}

#[test]
fn records_are_read_in_their_order() {
    let database = TestDatabase::new(Template::Empty);
    database.execute(
        "create schema breakglass; \
         create table breakglass.operation (id int, occurred_at timestamptz); \
         insert into breakglass.operation values (2, 'epoch')",
    );
    assert_eq!(database.operation()["id"], 2);
    database.execute("insert into breakglass.operation values (3, now()), (1, 'epoch')");
    let ids = database
        .operations()
        .into_iter()
        .map(|operation| operation["id"].clone());
    assert_eq!(ids.collect::<Vec<_>>(), [1, 2, 3]);
    assert!(database.application_rows().is_empty());
}

#[test]
fn the_binary_is_there() {
    let database = TestDatabase::new(Template::Empty);
    for invocation in [breakglass(), database.breakglass()] {
        invocation.arg("--no-such-flag").run().code(2);
    }
}

#[test]
fn a_standby_follows_its_primary_and_is_promoted() {
    let primary = private_cluster();
    let database = TestDatabase::on(&primary, Template::Coder);
    let standby = Standby::of(&primary);
    database.execute("create table public.here (n int); insert into public.here values (1)");
    standby.catch_up(&primary);
    let copy = standby.database(database.name());
    assert_eq!(copy.value("select n from public.here"), "1");
    assert_eq!(copy.value("select pg_is_in_recovery()"), "t");
    let refused = copy.session().refusal("insert into public.here values (2)");
    assert_eq!(refused, "25006");
    let signal = standby
        .cluster()
        .socket_directory()
        .join("data/standby.signal");
    assert!(signal.exists(), "{}", signal.display());
    primary.crash().unwrap();
    standby.promote();
    assert!(!signal.exists(), "{}", signal.display());
    copy.execute("insert into public.here values (2)");
    assert_eq!(copy.value("select sum(n) from public.here"), "3");
}

#[test]
fn a_pooler_stands_in_front_of_a_cluster_and_is_gone_at_its_end() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.execute("create role alice superuser login password 'correct horse'");
    let trusting = PgBouncer::start(&cluster, Login::Trust);
    let asking = PgBouncer::start(&cluster, Login::Scram);
    let list = |conninfo: String, password: &str| {
        breakglass()
            .env("BREAKGLASS_DATABASE_URL", conninfo)
            .env("PGPASSWORD", password)
            .args(["tokens", "ls"])
            .run()
    };
    let name = database.name();
    list(trusting.conninfo("postgres", name), "").success();
    list(trusting.conninfo("alice", name), "").success();
    list(asking.conninfo("alice", name), "correct horse").success();
    list(asking.conninfo("alice", name), "battery staple").code(3);
    let port = trusting.port();
    drop(trusting);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
