//! coderd's write-back, replayed at random moments around an expire: every one that happened within
//! the window was found, and nothing was called dead that was alive.
//!
//! `BREAKGLASS_REPLAYS` says how often (60), `BREAKGLASS_SEED` where the moments come from. What
//! really happened when is asked from the server, which keeps the time of every commit.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::coderd::WrittenBack;
use crate::support::run::Output;
use crate::support::seed::HOT;
use crate::support::{Coderd, Template, TestDatabase, private_cluster};

/// How long each expire is watched.
const WINDOW: Duration = Duration::from_millis(400);

/// Expires at once.
const WORKERS: u64 = 4;

/// What happened in all replays.
#[derive(Debug, Default)]
struct Tally {
    replays: u64,
    write_backs: u64,
    before_the_commit: u64,
    within_the_window: u64,
    /// Their commit and the last look were at the same time.
    at_the_last_look: u64,
    after_the_window: u64,
    found: u64,
    killed_again: u64,
    /// The write-back changed the row between plan and lock: nothing was done.
    refused: u64,
}

/// A small generator of numbers; the same seed gives the same ones.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var_os(name)?;
    let text = text.to_str().expect("it is a number");
    Some(text.parse().expect("it is a number"))
}

#[test]
fn every_write_back_within_the_window_is_found() {
    let replays = variable("BREAKGLASS_REPLAYS").unwrap_or(60);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = variable("BREAKGLASS_SEED").unwrap_or(u64::try_from(clock.as_millis()).unwrap());
    println!("BREAKGLASS_REPLAYS={replays} BREAKGLASS_SEED={seed}");
    let mut cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    database
        .session()
        .execute("alter system set track_commit_timestamp = on");
    cluster.kill().unwrap();
    cluster.restart().unwrap();
    let database = TestDatabase::existing(&cluster, database.name());
    let tally = Mutex::new(Tally::default());
    let next = AtomicU64::new(0);
    // How long it takes from the start of the program to its COMMIT, as it was the last time.
    let to_commit_us = AtomicU64::new(60_000);
    thread::scope(|scope| {
        for _worker in 0..WORKERS {
            scope.spawn(|| {
                let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                for number in numbers.take_while(|number| *number < replays) {
                    let random = Random(seed ^ number.wrapping_mul(0x5851_f42d_4c95_7f2d));
                    let replay = Replay::run(&database, number, random, &to_commit_us);
                    replay.check(&database, &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!("{tally:#?}");
    assert_eq!(tally.replays, replays);
    // Moments at random that miss the window altogether would prove nothing.
    assert!(
        tally.within_the_window * 10 >= replays && tally.found > 0,
        "{tally:#?}"
    );
}

/// One expire, and what was written back around it.
struct Replay {
    key: String,
    output: Output,
    written: Vec<WrittenBack>,
    name: String,
}

impl Replay {
    fn run(
        database: &TestDatabase,
        number: u64,
        mut random: Random,
        to_commit: &AtomicU64,
    ) -> Self {
        let key = format!("R{number:09}");
        database.execute(&format!(
            "insert into api_keys
               select (jsonb_populate_record(k, jsonb_build_object('id', '{key}', 'token_name', '{key}',
                         'expires_at', now() + interval '30 days'))).*
                 from api_keys as k where id = '{HOT}'"
        ));
        // As many requests as are served in one instant; each has read the row by now.
        let requests: Vec<(Coderd, Moment)> = (0..=random.below(3))
            .map(|_| {
                let request = Coderd::read(database, &key);
                let request = if random.below(2) == 0 {
                    request.slides()
                } else {
                    request
                };
                (request, Moment::random(&mut random, to_commit))
            })
            .collect();
        let expire = database
            .breakglass()
            .args(["tokens", "rm", "--yes", "--reason", "replay"]);
        let window = format!("{}ms", WINDOW.as_millis());
        let expire = expire.args([&format!("id:{key}"), "-o", "json", "--settle", &window]);
        let started = Instant::now();
        let (output, written) = thread::scope(|scope| {
            let requests: Vec<_> = requests
                .into_iter()
                .map(|(request, moment)| {
                    let key = &key;
                    scope.spawn(move || {
                        moment.wait(database, key, started);
                        request.write_back()
                    })
                })
                .collect();
            let running = expire.start();
            let committed = database.wait_while_running(&key);
            if committed {
                let taken = u64::try_from(started.elapsed().as_micros()).unwrap();
                to_commit.store(taken, Ordering::Relaxed);
            }
            let output = running.wait();
            let written = requests.into_iter().map(|request| request.join().unwrap());
            (output, written.collect())
        });
        let name = format!("replay {number} of {key}");
        Self {
            key,
            output,
            written,
            name,
        }
    }

    /// Holds what was told against the server's own times of the commits.
    fn check(self, database: &TestDatabase, tally: &Mutex<Tally>) {
        let Self {
            key,
            output,
            written,
            name,
        } = self;
        let mut tally = tally.lock().unwrap();
        tally.replays += 1;
        tally.write_backs += written.len() as u64;
        if output.status.code() == Some(1) {
            output.says("changed_since_shown");
            tally.refused += 1;
            let selector = format!("id:{key}");
            let recorded =
                format!("select outcome from breakglass.operation where selector = '{selector}'");
            assert_eq!(database.value(&recorded), "refused", "{name}");
            assert!(database.is_alive(&key), "{name}");
            return;
        }
        let receipt = output.success().json();
        assert_eq!(receipt["verdict"], "dead", "{name}\n{output}");
        let until = time(database, receipt["watched_until"].as_str().unwrap());
        let first = &receipt["operation"]["id"];
        let again = receipt["reapplied"].as_array().unwrap();
        let kills: Vec<f64> = std::iter::once(first)
            .chain(
                again
                    .iter()
                    .filter(|again| again["outcome"] == "applied")
                    .map(|again| &again["operation"]),
            )
            .map(|operation| committed(database, operation))
            .collect();
        let (first_kill, last_kill) = (kills[0], kills[kills.len() - 1]);
        assert!(last_kill <= until, "{name}");
        for WrittenBack { xid, over } in &written {
            let (at, over) = (commit_time(database, xid), time(database, over));
            if at < first_kill {
                tally.before_the_commit += 1;
            } else if over < until {
                tally.within_the_window += 1;
                // Some kill came after it, or it was alive at a look, and that was told otherwise.
                assert!(
                    at < last_kill,
                    "{name}: written back at {at}, kills {kills:?}, watched until {until}\n{output}"
                );
                tally.found += 1;
            } else if at < until {
                tally.at_the_last_look += 1;
            } else {
                tally.after_the_window += 1;
            }
        }
        tally.killed_again += again.len() as u64;
        recorded(database, first, again.len());
        // What is alive now was written back after the last look, or at the same time.
        if database.is_alive(&key) {
            let late = written
                .iter()
                .any(|written| time(database, &written.over) >= until);
            assert!(
                late,
                "{name}: alive, and nothing was written back after {until}\n{output}"
            );
        }
    }
}

/// When a request writes back.
enum Moment {
    /// So long after the start of the program.
    AfterStart(Duration),
    /// So long after the commit was seen.
    AfterCommit(Duration),
}

impl Moment {
    fn random(random: &mut Random, to_commit: &AtomicU64) -> Self {
        let window = u64::try_from(WINDOW.as_micros()).expect("it is short");
        let to_commit = to_commit.load(Ordering::Relaxed);
        match random.below(4) {
            // Anywhere.
            0 => Self::AfterStart(Duration::from_micros(
                random.below(to_commit + window * 5 / 4),
            )),
            // Around the COMMIT.
            1 => Self::AfterStart(Duration::from_micros(
                (to_commit + random.below(30_000)).saturating_sub(20_000),
            )),
            // Within the window, or just after it.
            _ => Self::AfterCommit(Duration::from_micros(random.below(window * 5 / 4))),
        }
    }

    fn wait(&self, database: &TestDatabase, key: &str, started: Instant) {
        match self {
            Self::AfterStart(delay) => thread::sleep(delay.saturating_sub(started.elapsed())),
            Self::AfterCommit(delay) => {
                if database.wait_while_running(key) {
                    thread::sleep(*delay);
                }
            }
        }
    }
}

impl TestDatabase {
    /// Waits until an expire of a key has ended one way or the other: whether it was applied.
    fn wait_while_running(&self, key: &str) -> bool {
        let ended =
            format!("select exists (select from breakglass.operation where selector = 'id:{key}')");
        self.wait_for(&ended);
        let applied = format!(
            "select exists (select from breakglass.operation where selector = 'id:{key}' and outcome = 'applied')"
        );
        self.value(&applied) == "t"
    }
}

fn literal(text: &Value) -> String {
    format!("'{}'", text.as_str().expect("it is text"))
}

/// A time in seconds of 1970.
fn time(database: &TestDatabase, text: &str) -> f64 {
    let time = format!("select extract(epoch from '{text}'::timestamptz)");
    database.value(&time).parse().expect("it is a number")
}

/// When a transaction committed, by the server.
fn commit_time(database: &TestDatabase, xid: &str) -> f64 {
    let time = format!("select extract(epoch from pg_xact_commit_timestamp('{xid}'::xid8::xid))");
    database.value(&time).parse().expect("it is a number")
}

/// When an operation committed.
fn committed(database: &TestDatabase, operation: &Value) -> f64 {
    let xid = format!(
        "select xid from breakglass.operation where id = {}",
        literal(operation)
    );
    commit_time(database, &database.value(&xid))
}

/// Every resurrection is on record, and the operation that killed again, under its parent.
fn recorded(database: &TestDatabase, first: &Value, again: usize) {
    let first = literal(first);
    let children = format!(
        "select count(*) from breakglass.operation where parent_id = {first} and cause = 're-apply'"
    );
    assert_eq!(database.value(&children), again.to_string());
    let seen = format!(
        "select count(*) from breakglass.observation \
          where verdict = 'resurrected' and operation_id = {first}"
    );
    assert_eq!(database.value(&seen), again.to_string());
}
