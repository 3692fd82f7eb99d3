//! Random schedules of operators and of the application that they work against, on a real database:
//! no row outside of a plan is touched, no change stands without its record, nothing is called dead
//! that lives.
//!
//! `BREAKGLASS_SCHEDULES=10000 cargo test --test simulation -- --nocapture` runs as many;
//! `BREAKGLASS_SEED=N` repeats one of them. What the server does between two statements of two
//! sessions is its own affair, so a seed repeats what was tried, not to the microsecond.
//!
//! - `world`: a Coder database whose tables keep a journal of every write, and a universe of some
//!   tokens for each schedule.
//! - `application`: coderd's writes, stale ones too.
//! - `operator`: what an operator does, and what came of it.
//! - `judge`: the journal against the audit log.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a helper that cannot go on fails the test that called it"
)]

mod application;
mod judge;
mod operator;
#[expect(dead_code, unused_imports, reason = "the other tests need more of it")]
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use breakglass::ops::Context;
use fastrand::Rng;
use futures_util::future::join_all;
use tokio::runtime::Builder;

use application::Application;
use operator::Operator;
use world::{Universe, World};

/// Schedules under way at once; they mostly wait.
const WORKERS: usize = 12;

/// Schedules where nobody asks for a number.
const FEW: u64 = 400;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error}")),
    )
}

/// One schedule: its actors side by side, then the judgement. What happened, by its name.
async fn schedule(
    (world, context): (&World, &Context),
    place: u64,
    seed: u64,
) -> Result<Vec<&'static str>, String> {
    let mut random = Rng::with_seed(seed);
    let universe = Universe::create((world, context.clone()), place, &mut random).await;
    let operators = (0..random.usize(1..=3)).map(|_| Operator::new(&universe, random.fork()));
    let operators: Vec<Operator<'_>> = operators.collect();
    let application = Application::new(&universe, random.fork());
    let (done, writes) = tokio::join!(
        join_all(operators.into_iter().map(Operator::act)),
        application.act()
    );
    let done: Vec<_> = done.into_iter().flatten().collect();
    judge::judge(&universe, &done, &writes).await
}

/// What came of the schedules so far.
#[derive(Default)]
struct Told {
    seen: BTreeMap<&'static str, u64>,
    lies: Vec<String>,
}

impl Told {
    fn add(&mut self, seed: u64, ended: Result<Vec<&'static str>, String>) {
        match ended {
            Ok(happened) => {
                for what in happened {
                    *self.seen.entry(what).or_default() += 1;
                }
            }
            Err(lie) => {
                let lie = format!("seed {seed}: {lie}");
                println!("{lie}");
                self.lies.push(lie);
            }
        }
    }
}

/// How many schedules, and the seed of the first.
fn wanted() -> (u64, u64) {
    if let Some(seed) = number("BREAKGLASS_SEED") {
        return (1, seed);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let first = now.expect("it is after 1970").as_secs() << 20;
    (number("BREAKGLASS_SCHEDULES").unwrap_or(FEW), first)
}

#[test]
fn random_schedules_keep_the_promises() {
    let world = World::create();
    let (schedules, first) = wanted();
    println!("{schedules} schedules, seeds from {first}");
    let (next, started, told) = (
        AtomicU64::new(0),
        Instant::now(),
        Mutex::new(Told::default()),
    );
    let work = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        // As the command line has it, a connection each time; and as a server has it.
        let (fresh, pooled) = (world.context(), world.pooled());
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= schedules {
                return;
            }
            let context = if place % 4 == 0 { &fresh } else { &pooled };
            let ended = runtime.block_on(schedule((&world, context), place, first + place));
            let mut told = told.lock().expect("no thread panicked with it");
            told.add(first + place, ended);
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            // Futures of a build without optimisation are large.
            let thread = thread::Builder::new().stack_size(32 << 20);
            thread.spawn_scoped(scope, work).expect("threads start");
        }
    });
    let Told { seen, lies } = told.into_inner().expect("no thread panicked with it");
    println!("{schedules} schedules in {:?}", started.elapsed());
    for (what, times) in &seen {
        println!("{times:>8}  {what}");
    }
    assert!(
        lies.is_empty(),
        "{} of {schedules}:\n{}",
        lies.len(),
        lies.join("\n")
    );
    judge::unclaimed(&world);
    // A simulation in which nothing goes wrong proves nothing.
    if schedules >= FEW {
        for what in operator::HAPPENS {
            assert!(seen.contains_key(what), "it never came to: {what}");
        }
    }
}
