//! Behind PgBouncer in transaction mode, where the next transaction may run on another connection
//! and the next client on ours.

use std::thread;

use breakglass::cluster::{Cluster, SUPERUSER};

use crate::support::database::Session;
use crate::support::run::Invocation;
use crate::support::seed::{EXPIRED, HOT, OAUTH, RELEASE, SESSION, token_of};
use crate::support::{Login, PgBouncer, Template, TestDatabase, breakglass, private_cluster};

/// A server, a database and a pooler with two connections to it.
struct Pooled {
    pooler: PgBouncer,
    database: TestDatabase,
    /// Last, so that it is gone last.
    _cluster: Cluster,
}

impl Pooled {
    fn new() -> Self {
        let cluster = private_cluster();
        let database = TestDatabase::on(&cluster, Template::Coder);
        Self {
            pooler: PgBouncer::start(&cluster, Login::Trust),
            database,
            _cluster: cluster,
        }
    }

    fn run(&self, arguments: &[&str]) -> Invocation<'static> {
        let conninfo = self.pooler.conninfo(SUPERUSER, self.database.name());
        breakglass()
            .env("BREAKGLASS_DATABASE_URL", conninfo)
            .args(arguments.iter().copied())
    }

    fn session(&self) -> Session {
        self.pooler.session(SUPERUSER, self.database.name())
    }
}

#[test]
fn every_command_works_unchanged() {
    let pooled = Pooled::new();
    let run = |arguments: &[&str]| pooled.run(arguments).run();
    let because = ["--reason", "why", "--yes"];
    let remove = |more: &[&str]| {
        let arguments = [&["tokens", "rm"], more, &because].concat();
        pooled.run(&arguments)
    };
    run(&["init", "--operator-role", "pooled_operator"]).success();
    run(&["init"]).success();
    let listed = run(&["tokens", "ls", "--limit", "0", "--kind", "all"]);
    assert!(listed.success().stdout.contains(HOT));
    let rows = run(&["tokens", "ls", "--limit", "0", "-o", "jsonl"]);
    assert!(rows.success().json_lines().len() > 20);
    let shown = run(&["tokens", "show", &format!("id:{HOT}")]);
    assert!(shown.success().stdout.contains("build-cache"));

    let dry = run(&["tokens", "rm", HOT, "--dry-run"]);
    assert!(dry.success().stdout.contains("would"), "{dry}");
    assert!(pooled.database.is_alive(HOT));
    assert!(pooled.database.operations().is_empty());

    remove(&[HOT]).run().success();
    let release = token_of(RELEASE);
    remove(&["-"]).stdin(release).run().success();
    let several = format!("id:{SESSION}");
    remove(&[&several, &format!("id:{OAUTH}")]).run().success();
    for key in [HOT, RELEASE, SESSION, OAUTH] {
        assert!(!pooled.database.is_alive(key), "{key}");
    }
    let deleted = run(&[
        "tokens",
        "rm",
        EXPIRED,
        "--delete",
        "--confirm",
        EXPIRED,
        "--reason",
        "why",
    ]);
    deleted.success();
    assert!(!pooled.database.has_token(EXPIRED));
    remove(&["id:nosuchtoken"])
        .run()
        .code(1)
        .says("no token matches");

    let operations = pooled.database.operations();
    let outcomes: Vec<&str> = operations
        .iter()
        .map(|it| it["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        ["applied", "applied", "applied", "applied", "refused"]
    );
    assert_eq!(pooled.database.observations().len(), 5);
    let history = run(&["audit", "ls"]);
    assert!(history.success().stdout.contains("applied"));
    let id = operations[0]["id"].as_str().unwrap();
    assert!(run(&["audit", "show", id]).success().stdout.contains(HOT));
}

/// What one of the two server connections has that a client before may have left there.
fn left_behind(sessions: [&Session; 2]) -> Vec<String> {
    // Both are in a transaction, so that each has a connection of the two for itself.
    for session in sessions {
        session.execute("begin");
    }
    let found = sessions.map(|session| {
        session.value(
            "select concat_ws(' ', \
               current_setting('lock_timeout'), current_setting('statement_timeout'), \
               current_setting('idle_in_transaction_session_timeout'), \
               current_setting('search_path'), current_setting('row_security'), \
               current_setting('TimeZone'), current_setting('DateStyle'), \
               current_setting('IntervalStyle'), current_setting('bytea_output'), \
               current_setting('extra_float_digits'), current_setting('synchronous_commit'), \
               current_setting('transaction_isolation'), \
               (select count(*) from pg_prepared_statements), \
               (select count(*) from pg_locks where locktype = 'advisory'), \
               (select count(*) from pg_class where relpersistence = 't'))",
        )
    });
    for session in sessions {
        session.execute("rollback");
    }
    found.into()
}

#[test]
fn nothing_of_ours_is_left_to_the_next_client() {
    let pooled = Pooled::new();
    let (first, second) = (pooled.session(), pooled.session());
    let before = left_behind([&first, &second]);
    assert!(
        before[0].starts_with("0 0 0 \"$user\", public on"),
        "{before:?}"
    );
    let commands: [&[&str]; 7] = [
        &["init"],
        &["tokens", "ls"],
        &["tokens", "rm", HOT, "--dry-run"],
        &[
            "tokens",
            "rm",
            HOT,
            "--yes",
            "--reason",
            "why",
            "--lock-timeout",
            "1s",
        ],
        &["tokens", "rm", "nosuchtoken", "--yes", "--reason", "why"],
        &["audit", "ls"],
        &["doctor"],
    ];
    for command in commands {
        // However it ended: a refusal leaves as little behind.
        let output = pooled.run(command).run();
        assert!(output.status.code() < Some(3), "{output}");
        assert_eq!(left_behind([&first, &second]), before, "{command:?}");
    }
}

#[test]
fn eight_operators_at_once_do_fifty_operations_each() {
    const OPERATORS: usize = 8;
    const EACH: usize = 50;
    let pooled = Pooled::new();
    pooled.run(&["init"]).run().success();
    pooled.database.execute(&format!(
        "insert into api_keys select copy.* from api_keys as k, generate_series(1, {}) as n, \
           jsonb_populate_record(null::api_keys, to_jsonb(k) || \
             jsonb_build_object('id', 'par' || lpad(n::text, 7, '0'), 'token_name', 'par-' || n)) \
             as copy \
         where k.id = '{HOT}'",
        OPERATORS * EACH
    ));
    thread::scope(|scope| {
        for operator in 0..OPERATORS {
            let pooled = &pooled;
            scope.spawn(move || {
                for n in 1..=EACH {
                    let key = format!("id:par{:07}", operator * EACH + n);
                    let output = pooled
                        .run(&["tokens", "rm", &key, "--yes", "--reason", "parallel"])
                        .run();
                    output.success();
                }
            });
        }
    });
    let counted = pooled.database.value(
        "select concat_ws(' ', \
           (select count(*) from breakglass.operation where outcome = 'applied'), \
           (select count(*) from breakglass.operation), \
           (select count(distinct key) from breakglass.change), \
           (select count(*) from breakglass.change), \
           (select count(*) from breakglass.observation where verdict = 'dead'), \
           (select count(*) from api_keys where id like 'par%' and expires_at < now()))",
    );
    assert_eq!(counted, "400 400 400 400 400 400");
}

#[test]
fn options_in_the_string_are_refused_by_the_pooler_and_said_so() {
    let pooled = Pooled::new();
    let conninfo = pooled.pooler.conninfo(SUPERUSER, pooled.database.name());
    let output = breakglass()
        .env(
            "BREAKGLASS_DATABASE_URL",
            format!("{conninfo} options='-c geqo=off'"),
        )
        .args(["tokens", "ls"])
        .run();
    output
        .code(3)
        .says("unsupported startup parameter: options");
}
