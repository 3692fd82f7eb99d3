//! One token, the program on a wire, and what its answer is held against.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::cluster::shared_cluster;
use crate::support::database::Session;
use crate::support::run::Output;
use crate::support::seed::HOT;
use crate::support::{Login, PgBouncer, Template, TestDatabase};
use crate::wire::{Cut, Target, Wire};

/// After so many runs the database is a new one, so that its log stays small.
const RUNS_PER_DATABASE: u32 = 2000;

/// The program waits for nobody in these tests; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the program is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Expire,
    Delete,
}

/// Where the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Between the program and the server.
    Direct,
    /// Between the program and PgBouncer.
    BeforePooler,
    /// Between PgBouncer and the server.
    BehindPooler,
}

/// What the program is to do, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) verb: Verb,
    pub(crate) way: Way,
    /// Further arguments: limits.
    pub(crate) flags: &'static [&'static str],
    /// Further connection parameters.
    pub(crate) parameters: &'static str,
}

impl Setup {
    /// Expires a token with the defaults.
    pub(crate) const EXPIRE: Self = Self {
        verb: Verb::Expire,
        way: Way::Direct,
        flags: &[],
        parameters: "",
    };
}

/// A database with one token to remove, again and again.
pub(crate) struct Bench {
    setup: Setup,
    stage: Stage,
    runs: u32,
}

struct Stage {
    /// First, so that it is closed before its database is dropped.
    session: Session,
    wire: Wire,
    pooler: Option<PgBouncer>,
    database: TestDatabase,
    /// The row of the token, to put it back.
    row: String,
}

/// How a run ended and what stands in the tables.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    pub(crate) tables: Tables,
}

/// What stands in the tables of one run.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) alive: bool,
    /// Outcome and id of every operation that was recorded.
    pub(crate) operations: Vec<(String, String)>,
    changes: usize,
    application_audit: usize,
}

impl Stage {
    fn new(way: Way) -> Self {
        let database =
            TestDatabase::prepared("coder_installed_for_cuts", Template::Coder, |database| {
                database.breakglass().arg("init").run().success();
            });
        let name = database.name();
        // It would write more than all else together.
        database.execute(&format!("alter database {name} set log_statement = 'none'"));
        let server = Target::socket(database.socket_directory());
        let (wire, pooler) = match way {
            Way::Direct => (Wire::to(server), None),
            Way::BeforePooler => {
                let pooler = PgBouncer::start(shared_cluster(), Login::Trust);
                (Wire::to(Target::Port(pooler.port())), Some(pooler))
            }
            Way::BehindPooler => {
                let wire = Wire::to(server);
                // A server connection serves one transaction, so that each run is like the last.
                let once = "server_lifetime = 0\nserver_login_retry = 0";
                let pooler = PgBouncer::to("127.0.0.1", wire.port(), Login::Trust, once);
                (wire, Some(pooler))
            }
        };
        let session = database.session();
        let row = session.value(&format!(
            "select to_json(k) from api_keys as k where id = '{HOT}'"
        ));
        Self {
            session,
            wire,
            pooler,
            database,
            row,
        }
    }

    /// Where the program connects to.
    fn port(&self, way: Way) -> u16 {
        match &self.pooler {
            Some(pooler) if way == Way::BehindPooler => pooler.port(),
            _ => self.wire.port(),
        }
    }
}

impl Bench {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            stage: Stage::new(setup.way),
            runs: 0,
        }
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.stage.wire
    }

    /// Runs the program once on a token that is alive, and looks at what it left.
    pub(crate) fn run(&mut self, cuts: &[Cut]) -> Ended {
        self.runs += 1;
        if self.runs.is_multiple_of(RUNS_PER_DATABASE) {
            self.stage = Stage::new(self.setup.way);
        }
        // What lies in a hole would hold its locks.
        self.stage.wire.arm(&[]);
        let last = self.revive();
        self.stage.wire.arm(cuts);
        let started = Instant::now();
        let output = self.command().output().expect("the program runs");
        let took = started.elapsed();
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            took,
            tables: self.look(&last),
        }
    }

    /// What `audit show` says of an operation when asked past the wire.
    pub(crate) fn audit(&self, operation: &str) -> Output {
        let show = self.stage.database.breakglass();
        show.args(["audit", "show", operation]).run()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_breakglass"));
        let port = self.stage.port(self.setup.way);
        let (name, more) = (self.stage.database.name(), self.setup.parameters);
        command
            .env_clear()
            .env("NO_COLOR", "1")
            .env(
                "BREAKGLASS_DATABASE_URL",
                format!(
                    "host=127.0.0.1 port={port} user=postgres dbname={name} sslmode=disable {more}"
                ),
            )
            .args([
                "tokens",
                "rm",
                &format!("id:{HOT}"),
                "--reason",
                "cut",
                "--settle",
                "0",
            ])
            .args(self.setup.flags)
            .stdin(Stdio::null());
        match self.setup.verb {
            Verb::Expire => command.arg("--yes"),
            Verb::Delete => command.args(["--delete", "--confirm", HOT]),
        };
        command
    }

    /// Makes the token as it was, and returns the last operation on record.
    fn revive(&self) -> String {
        let Stage { session, row, .. } = &self.stage;
        let revived = match self.setup.verb {
            Verb::Expire => {
                format!("update api_keys set expires_at = current_date + 30 where id = '{HOT}'")
            }
            Verb::Delete => format!(
                "insert into api_keys select * from json_populate_record(null::api_keys, '{row}') \
                 on conflict do nothing"
            ),
        };
        let rows = session.query(&format!(
            "{revived}; delete from audit_logs; \
             select id from breakglass.operation order by id desc limit 1"
        ));
        let last = rows.into_iter().flatten().flatten().next();
        last.unwrap_or_else(|| "00000000-0000-0000-0000-000000000000".to_owned())
    }

    fn look(&self, last: &str) -> Tables {
        let rows = self.stage.session.query(&format!(
            "select exists (select from api_keys where id = '{HOT}' and not expires_at < now()), \
                    (select count(*) from breakglass.change where operation_id > '{last}'), \
                    (select count(*) from audit_logs), \
                    (select string_agg(outcome || ' ' || id, ',') from breakglass.operation \
                      where id > '{last}')"
        ));
        let row = rows.into_iter().next().expect("it is one row");
        let row: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
        let [alive, changes, audit, operations] =
            <[_; 4]>::try_from(row).expect("it has four columns");
        let pair = |text: &str| {
            let (outcome, id) = text.split_once(' ').expect("both are there");
            (outcome.to_owned(), id.to_owned())
        };
        let operations = operations.split(',').filter(|text| !text.is_empty());
        Tables {
            alive: alive == "t",
            operations: operations.map(pair).collect(),
            changes: changes.parse().expect("it is a number"),
            application_audit: audit.parse().expect("it is a number"),
        }
    }
}

impl Tables {
    /// Whether the token was removed, with all that belongs to it, or left alone; nothing between.
    pub(crate) fn is_done(&self) -> Option<bool> {
        let outcomes: Vec<&str> = self.operations.iter().map(|(it, _)| &**it).collect();
        let rows = (self.changes, self.application_audit);
        match (self.alive, &outcomes[..], rows) {
            (false, ["applied"], (1, 1)) => Some(true),
            (true, [] | ["failed" | "refused"], (0, 0)) => Some(false),
            _ => None,
        }
    }
}

impl Ended {
    /// What is wrong with the answer: the tables say otherwise, or its own words do.
    pub(crate) fn lie(&self) -> Option<&'static str> {
        const READ_BACK: &str = "read back on a fresh connection: dead";
        let Some(is_done) = self.tables.is_done() else {
            return Some("the tables contradict each other");
        };
        let told_done = self.stdout.contains(&format!("token {HOT}"));
        let told_undone = self.says("nothing was changed") || self.says("nothing changed");
        let told_dead = self.stdout.contains(READ_BACK);
        match self.code {
            _ if self.took > PATIENCE => Some("it took too long"),
            Some(0 | 5) if !is_done => Some("told as done, and it was not"),
            Some(0 | 5) if !told_done || told_undone => Some("other words than for what is done"),
            Some(0) if !told_dead => Some("exit 0 without a read-back"),
            Some(5) if told_dead => Some("exit 5 with a read-back"),
            Some(1 | 3) if is_done => Some("told as not done, and it was"),
            Some(1 | 3) if told_done || !told_undone => Some("other words than for what is undone"),
            Some(1 | 3) => self.lie_about_the_record(),
            Some(0 | 5) => None,
            _ => Some("not an exit that tells what happened"),
        }
    }

    fn lie_about_the_record(&self) -> Option<&'static str> {
        let told = match self.tables.operations.first() {
            Some((_, id)) => self.says(&format!("recorded as {id}")),
            None => self.says("nothing was recorded"),
        };
        let is_open = self.says("whether it is on record is not known");
        (!told && !is_open).then_some("what it says of its record is not so")
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        self.stderr.contains(text)
    }

    /// The operation's id, as it was told with the plan.
    pub(crate) fn operation(&self) -> Option<&str> {
        let rest = self.stderr.split("\noperation ").nth(1)?;
        rest.split(',').next()
    }
}
