//! Further ways to cut, at every end of a message and a byte before and after it.

use std::time::Duration;

use crate::bench::{Bench, Ended, Setup, Verb, Way};
use crate::sweep::{Sweep, around_messages, messages};
use crate::wire::{Cut, End, Stream};

/// Cuts at these points, one in each run.
fn each(points: &[Cut]) -> impl Fn(usize) -> Option<Vec<Cut>> + Sync {
    |n| points.get(n).map(|cut| vec![*cut])
}

/// The bytes of the client before COMMIT is executed, and with it.
fn commit() -> (usize, usize) {
    let mut bench = Bench::new(Setup::EXPIRE);
    bench.run(&[]);
    bench.wire().find(b"\ncommit\n\0")
}

#[test]
fn a_delete_is_told_as_it_is() {
    let setup = Setup {
        verb: Verb::Delete,
        ..Setup::EXPIRE
    };
    let swept = Sweep::new(setup).run(each(&around_messages(setup, &[])));
    swept.print("a delete");
    assert!(swept.points() > 300, "{swept}");
}

#[test]
fn a_wire_to_a_pooler_is_told_as_it_is() {
    let setup = Setup {
        way: Way::BeforePooler,
        ..Setup::EXPIRE
    };
    let swept = Sweep::new(setup).run(each(&around_messages(setup, &[])));
    swept.print("between the program and PgBouncer");
    assert!(swept.points() > 300, "{swept}");
}

/// PgBouncer says FATAL then, to a COMMIT too, and has no idea what became of it.
#[test]
fn a_wire_behind_a_pooler_is_told_as_it_is() {
    let setup = Setup {
        way: Way::BehindPooler,
        ..Setup::EXPIRE
    };
    let swept = Sweep::new(setup).run(each(&around_messages(setup, &[])));
    swept.print("between PgBouncer and the server");
    assert!(swept.points() > 300, "{swept}");
}

/// The fence's own connection is cut as well: the first one, when COMMIT did not arrive and when
/// its answer was lost.
#[test]
fn a_fence_that_is_cut_too_is_told_as_it_is() {
    let (before, after) = commit();
    for (what, first) in [("never arrived", before), ("was not answered", after)] {
        let first = Cut {
            end: End::Closed,
            ..Cut::of(Stream::Client, first)
        };
        let points = around_messages(Setup::EXPIRE, &[first]);
        let cuts = |n: usize| points.get(n).map(|second| vec![first, *second]);
        let swept = Sweep::new(Setup::EXPIRE).at_once(16).run(cuts);
        swept.print(&format!("COMMIT {what}, and the fence cut too"));
        assert!(swept.points() > 100, "{swept}");
    }
}

/// Nobody can be asked. Then what is not certain is exit 4, with the command that finds out.
#[test]
fn a_database_that_stays_away_is_told_as_what_is_known() {
    let setup = Setup {
        flags: &["--resolve-timeout", "1s"],
        ..Setup::EXPIRE
    };
    let mut points = around_messages(setup, &[]);
    for cut in &mut points {
        cut.for_good = true;
    }
    let swept = Sweep::new(setup)
        .judged(truth_or_unknown)
        .at_once(16)
        .run(each(&points));
    swept.print("cut for good");
    assert!(swept.exits.contains_key(&Some(4)), "{swept}");
}

/// Bytes stop, and the connection stays open: every wait has an end.
#[test]
fn a_black_hole_ends_within_the_limits() {
    let setup = Setup {
        flags: &[
            "--statement-timeout",
            "1s",
            "--lock-timeout",
            "1s",
            "--resolve-timeout",
            "3s",
        ],
        parameters: "connect_timeout=2",
        ..Setup::EXPIRE
    };
    let points: Vec<Cut> = messages(setup, &[])
        .into_iter()
        .map(|(stream, at)| Cut {
            end: End::Hole,
            ..Cut::of(stream, at)
        })
        .collect();
    let judge = |bench: &Bench, ended: &Ended| {
        // One answer (1 s and 5 s), the way back (1 s and 5 s), finding out (3 s), and connecting.
        if ended.took > Duration::from_secs(17) {
            return Some("longer than the limits allow");
        }
        truth_or_unknown(bench, ended)
    };
    let swept = Sweep::new(setup)
        .judged(judge)
        .at_once(36)
        .run(each(&points));
    swept.print("a black hole");
    assert!(swept.points() > 100, "{swept}");
}

/// COMMIT falls into a hole on its way, and the server keeps the transaction open until it sits
/// idle for too long. Then it is certain.
#[test]
fn a_transaction_that_hangs_is_waited_for() {
    let setup = Setup {
        flags: &["--statement-timeout", "1s", "--lock-timeout", "1s"],
        ..Setup::EXPIRE
    };
    let cut = Cut {
        end: End::Hole,
        ..Cut::of(Stream::Client, commit().0)
    };
    let patient = |_: &Bench, ended: &Ended| match ended.code {
        Some(1) if ended.tables.is_done() == Some(false) && ended.says("was not committed") => None,
        _ => Some("not told as undone"),
    };
    Sweep::new(setup)
        .judged(patient)
        .at_once(1)
        .run(each(&[cut]));
}

/// An answer agrees with the tables; or it is exit 4, and the command that it names agrees.
fn truth_or_unknown(bench: &Bench, ended: &Ended) -> Option<&'static str> {
    if ended.code != Some(4) {
        return ended.lie();
    }
    let Some(operation) = ended.operation() else {
        return Some("unknown before there was a plan");
    };
    if !ended.says(&format!("breakglass audit show {operation}")) {
        return Some("no command that finds out");
    }
    if ended.says("nothing was changed") || ended.says("nothing was recorded") {
        return Some("sure of what it cannot know");
    }
    let shown = bench.audit(operation);
    match (ended.tables.is_done(), shown.status.code()) {
        (Some(true), Some(0)) if shown.stdout.contains("applied") => None,
        (Some(false), Some(0)) if shown.stdout.contains("failed") => None,
        (Some(false), Some(1)) if shown.stderr.contains("is recorded here") => None,
        (None, _) => Some("the tables contradict each other"),
        _ => Some("the command does not find out"),
    }
}
