//! A run of batches that is killed in its middle, and standbys that are behind: every row once.
//!
//! `BREAKGLASS_RUN_ROWS=1000000 cargo test --release --test suite killed_runs -- --nocapture` does it
//! with a million rows and prints the figures.
#![expect(
    clippy::print_stdout,
    reason = "the seeds and the figures are what it is for"
)]

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::run::{Invocation, Running};
use crate::support::{Standby, Template, TestDatabase, private_cluster};

/// Numbers that look random, from a seed that is printed.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let seed = u64::from(now.subsec_nanos()) | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn rows() -> Option<usize> {
    let text = std::env::var_os("BREAKGLASS_RUN_ROWS")?;
    let text = text.to_str().expect("it is a number");
    Some(text.parse().expect("it is a number"))
}

fn rm(database: &TestDatabase, rows: usize, batch: usize) -> Invocation<'_> {
    database
        .breakglass()
        .args([
            "tokens", "rm", "--name", "bulk-*", "--reason", "leak", "--yes",
        ])
        .args(["--batch-size".to_owned(), batch.to_string()])
        .args(["--expect".to_owned(), rows.to_string()])
}

fn done(database: &TestDatabase) -> u64 {
    let done = database.value(
        "select count(*) from breakglass.operation
          where cause = 'batch' and outcome in ('applied', 'unchanged')",
    );
    done.parse().unwrap()
}

/// Lets it get so far, and a random moment further, and kills it. Tells the largest memory that it had,
/// in KiB.
fn kill_at(database: &TestDatabase, running: Running, batches: u64, dice: &mut Dice) {
    let start = Instant::now();
    while done(database) < batches {
        assert!(
            start.elapsed() < Duration::from_hours(1),
            "no {batches} batches"
        );
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(Duration::from_micros(dice.below(40_000)));
    running.signal("KILL");
    drop(running);
}

#[test]
fn killed_runs_are_gone_on_with_and_every_row_is_changed_once() {
    let mut dice = Dice::new();
    let (rows, batch, rounds) = match rows() {
        Some(rows) => (rows, 5_000, 1),
        None => (3_000, 300, 3),
    };
    for _round in 0..rounds {
        let database = TestDatabase::new(Template::Coder);
        database.breakglass().arg("init").run().success();
        database.add_tokens(rows);
        let others = database.others();
        let batches = rows.div_ceil(batch) as u64;
        let start = Instant::now();
        kill_at(
            &database,
            rm(&database, rows, batch).start(),
            1 + dice.below(batches / 2),
            &mut dice,
        );
        let run = database.value("select id from breakglass.operation where outcome = 'begun'");
        let first = done(&database);
        let resume = || database.breakglass().args(["resume", &run, "--yes"]);
        let second = first + dice.below(batches - first - 1);
        kill_at(&database, resume().start(), second, &mut dice);
        let second = done(&database);
        let mut running = resume().start();
        while running.is_running() {
            thread::sleep(Duration::from_millis(50));
        }
        let output = running.wait();
        output.success();
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{rows} rows in {seconds:.1} s, killed after {first} and {second} of {batches} batches"
        );
        check(&database, rows, batches);
        assert_eq!(database.others(), others, "other rows are as they were");
    }
}

fn check(database: &TestDatabase, rows: usize, batches: u64) {
    let rows = rows.to_string();
    let value = |sql: &str| database.value(sql);
    assert_eq!(value("select count(*) from breakglass.change"), rows);
    assert_eq!(
        value("select count(distinct key) from breakglass.change"),
        rows
    );
    let of =
        "from breakglass.operation where cause = 'batch' and outcome in ('applied', 'unchanged')";
    assert_eq!(value(&format!("select sum(planned) {of}")), rows);
    assert_eq!(value(&format!("select sum(changed) {of}")), rows);
    assert_eq!(value(&format!("select count(*) {of}")), batches.to_string());
    assert_eq!(
        value(&format!("select count(distinct batch) {of}")),
        batches.to_string()
    );
    let unplanned = "select count(*) from breakglass.change as c
        join breakglass.operation as o on o.id = c.operation_id
        join breakglass.batch as b on b.operation_id = o.parent_id and b.number = o.batch
       where not c.key = any (b.keys)";
    assert_eq!(
        value(unplanned),
        "0",
        "each is of the batch that it was planned in"
    );
    assert_eq!(database.bulk_alive(), 0);
    let unseen = "select count(*) from breakglass.change as c where not exists (
        select from breakglass.observation as s
         where s.operation_id = c.operation_id and s.key = c.key and s.verdict = 'dead')";
    assert_eq!(
        value(unseen),
        "0",
        "each was seen dead, also where the command was killed before"
    );
}

#[test]
fn a_run_waits_for_a_standby_and_gives_up_in_time() {
    let primary = private_cluster();
    let database = TestDatabase::on(&primary, Template::Coder);
    database.breakglass().arg("init").run().success();
    database.add_tokens(300);
    // However fast the machine, the third batch comes later than the standby may be behind.
    database.execute(
        "create function slow() returns trigger language plpgsql as $$
         begin perform pg_sleep(0.5); return null; end $$;
         create trigger slow after update on api_keys for each statement execute function slow()",
    );
    let standby = Standby::of(&primary);
    let copy = standby.database(database.name());
    let session = copy.session();
    session.execute("select pg_wal_replay_pause()");
    let lagging = || rm(&database, 300, 100).args(["--max-lag", "300ms", "--max-lag-wait", "1s"]);
    let output = lagging().run();
    output
        .code(5)
        .says("\"progress\":\"lag\"")
        .says("does the rest");
    assert!(
        output.stdout.contains("behind, after waiting for it"),
        "{output}"
    );
    let before = done(&database);
    assert!((1..3).contains(&before), "{before} batches");
    session.execute("select pg_wal_replay_resume()");
    standby.catch_up(&primary);
    let run = database.value("select id from breakglass.operation where outcome = 'begun'");
    let resume = ["resume", &run, "--yes", "--max-lag", "20s"];
    database.breakglass().args(resume).run().success();
    assert_eq!(database.bulk_alive(), 0);

    // Who may not see the lag cannot hold it.
    let role = database.login_role("blind");
    database.execute(&format!("grant all on all tables in schema public, breakglass to {role};
        grant usage on schema breakglass to {role}; update api_keys set expires_at = now() + interval '1 day'"));
    let operations = database.operations().len();
    let output = lagging().as_role(&role).run();
    output
        .code(1)
        .says("may not see how far the standbys are behind")
        .says("pg_monitor");
    assert_eq!(database.operations().len(), operations + 1);
    assert_eq!(database.bulk_alive(), 300);
}

#[test]
fn a_run_outlives_its_connections() {
    let database = TestDatabase::new(Template::Coder);
    database.breakglass().arg("init").run().success();
    database.add_tokens(600);
    database.execute(
        "create function slow() returns trigger language plpgsql as $$
         begin perform pg_sleep(0.1); return null; end $$;
         create trigger slow after update on api_keys for each statement execute function slow()",
    );
    let mut running = rm(&database, 600, 100).start();
    for batches in [1, 3] {
        while done(&database) < batches {
            assert!(running.is_running(), "it goes on");
            thread::sleep(Duration::from_millis(2));
        }
        database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and application_name like 'breakglass%'
                and application_name <> 'breakglass tests'",
        );
    }
    let output = running.wait();
    assert_eq!(done(&database), 6, "{output}");
    check(&database, 600, 6);
}
