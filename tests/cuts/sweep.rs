//! Many runs at once, each with cuts of its own, and what came of them.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Ended, Setup};
use crate::wire::{Cut, Stream};

/// What is wrong with a run, if anything is.
pub(crate) type Judge = fn(&Bench, &Ended) -> Option<&'static str>;

/// The runs of a test and how they ended.
pub(crate) struct Sweep {
    setup: Setup,
    judge: Judge,
    workers: usize,
    exits: Mutex<BTreeMap<Option<i32>, usize>>,
    lies: Mutex<Vec<String>>,
    started: Instant,
}

/// What a sweep came to.
pub(crate) struct Swept {
    /// How many runs were cut, by exit code.
    pub(crate) exits: BTreeMap<Option<i32>, usize>,
    took: Duration,
}

impl Sweep {
    /// A sweep whose answers must agree with the tables.
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            judge: |_bench, ended| ended.lie(),
            // The server's processes want their share too.
            workers: 2 * thread::available_parallelism().map_or(2, usize::from),
            exits: Mutex::default(),
            lies: Mutex::default(),
            started: Instant::now(),
        }
    }

    /// Holds answers against something else.
    pub(crate) fn judged(mut self, judge: Judge) -> Self {
        self.judge = judge;
        self
    }

    /// Runs so many at once, because they mostly wait.
    pub(crate) fn at_once(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Tries `cuts(0)`, `cuts(1)`, … until there are no more, or a run ends before they came.
    pub(crate) fn run(self, cuts: impl Fn(usize) -> Option<Vec<Cut>> + Sync) -> Swept {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..self.workers {
                let mut points = iter::from_fn(|| cuts(next.fetch_add(1, Ordering::Relaxed)));
                let this = &self;
                scope.spawn(move || {
                    let mut bench = Bench::new(this.setup);
                    // Until there are no more, or one that did not come to pass.
                    let _uncut = points.find(|cuts| !this.one(&mut bench, cuts));
                });
            }
        });
        let lies = self.lies.into_inner().expect("no thread panicked with it");
        let swept = Swept {
            exits: self.exits.into_inner().expect("no thread panicked with it"),
            took: self.started.elapsed(),
        };
        let first = lies[..lies.len().min(5)].join("\n");
        assert!(
            lies.is_empty(),
            "{swept}, {} of them wrong:\n{first}",
            lies.len()
        );
        swept
    }

    fn one(&self, bench: &mut Bench, cuts: &[Cut]) -> bool {
        let ended = bench.run(cuts);
        if let Some(lie) = (self.judge)(bench, &ended) {
            let mut lies = self.lies.lock().expect("no thread panicked with it");
            lies.push(format!("{lie}: {cuts:?}: {ended:#?}"));
        }
        let was_cut = bench.wire().cuts() == cuts.len();
        if was_cut {
            let mut exits = self.exits.lock().expect("no thread panicked with it");
            *exits.entry(ended.code).or_default() += 1;
        }
        was_cut
    }
}

impl Swept {
    /// How many cut points there were.
    pub(crate) fn points(&self) -> usize {
        self.exits.values().sum()
    }

    /// Prints it, for those who look with `--nocapture` and for a failed test.
    #[expect(clippy::print_stderr, reason = "the numbers are for people")]
    pub(crate) fn print(&self, what: &str) {
        eprintln!("{what}: {self}");
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cut points in {:.0?}", self.points(), self.took)?;
        for (code, count) in &self.exits {
            let code = code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
            write!(f, ", {count} with exit {code}")?;
        }
        Ok(())
    }
}

/// Every end of a message of the server and of the client in a run, and a byte more and less.
///
/// The run gets `cuts` first; messages are those that come after them.
pub(crate) fn around_messages(setup: Setup, cuts: &[Cut]) -> Vec<Cut> {
    let mut points = Vec::new();
    for (stream, at) in messages(setup, cuts) {
        for at in at.saturating_sub(1)..=at + 1 {
            points.push(Cut::of(stream, at));
        }
    }
    points.dedup_by_key(|cut| (cut.stream, cut.at));
    points
}

/// Every end of a message of the server and of the client in a run.
pub(crate) fn messages(setup: Setup, cuts: &[Cut]) -> Vec<(Stream, usize)> {
    let mut bench = Bench::new(setup);
    // The first run is longer behind a pooler, which asks its server who it is.
    bench.run(&[]);
    bench.run(cuts);
    let ends = |stream| {
        let ends = bench.wire().boundaries(stream).into_iter();
        ends.map(move |at| (stream, at))
    };
    ends(Stream::Server).chain(ends(Stream::Client)).collect()
}
