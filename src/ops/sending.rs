//! Whatever a server awaits may be awaited on any of its threads, and needs nothing but what the
//! request itself owns. Nothing here runs: that it compiles is the test.
#![expect(clippy::unreachable, reason = "nothing here runs")]

use futures_util::TryStreamExt as _;

use super::{
    CancelBlocker, Context, Doctor, Error, Install, ListOperations, ListTokens, Pace, Planned,
    PlannedRun, ProbeWanted, Request, Resume, Run, ShowOperation, ShowOwner, ShowToken, Sweep,
    watched,
};
use crate::db::{self, Session};
use crate::model::Blocker;

/// Holds a future, which is never made, to what a server needs.
fn sends<T: Send + 'static>(_: impl FnOnce() -> T) {}

fn given<T>() -> T {
    unreachable!("nothing here runs")
}

#[test]
fn what_a_server_awaits_goes_from_thread_to_thread() {
    sends(|| async { given::<Request>().plan(&given::<Context>()).await });
    sends(|| async { given::<Planned>().attempt().await });
    sends(|| async { given::<Planned>().carry_out().await });
    sends(|| async { given::<Planned>().decline(given::<Error>()).await });
    sends(|| async { given::<Planned>().ask_first(given::<ProbeWanted>()).await });
    sends(|| async {
        let context = given::<Context>();
        let cancel = CancelBlocker {
            blocked: &given::<Request>(),
            blocker: &given::<Blocker>(),
        };
        let refused = cancel.refuse(&context, &given::<Error>()).await;
        (cancel.run(&context).await, refused)
    });
}

#[test]
fn so_do_runs_of_batches() {
    sends(|| async { given::<Request>().plan_run(&given::<Context>(), 1).await });
    sends(|| async { given::<PlannedRun>().begin().await });
    sends(|| async { given::<Resume>().open(&given::<Context>()).await });
    sends(|| async {
        let mut told = 0;
        let mut tell = |_: &_| told += 1;
        given::<Run>().carry_on(given::<Pace>(), &mut tell).await
    });
}

#[test]
fn so_does_what_reads() {
    sends(|| async {
        let desk = given::<Context>().open().await?;
        let tokens = given::<ListTokens>().run(&desk).await?;
        tokens.try_collect::<Vec<_>>().await
    });
    sends(|| async {
        let desk = given::<Context>().open().await?;
        let sweep = given::<Sweep>();
        sweep.run(&desk)?.try_collect::<Vec<_>>().await
    });
    sends(|| async {
        let desk = given::<Context>().open().await?;
        let owner = given::<ShowOwner>().run(&desk).await?;
        let token = given::<ShowToken>().run(&desk).await?;
        Ok::<_, Error>((owner, token))
    });
    sends(|| async {
        let context = given::<Context>();
        let (session, identity) = context.connect().await?;
        let mut list = given::<ListOperations>();
        let looking = list.and_companions(&context, session, identity.clone());
        let session = looking.await?;
        let log = context.log(&session, &identity).await?;
        let all = list.run(&log).await?;
        let one = given::<ShowOperation>().run(&log).await?;
        Ok::<_, Error>((all, one))
    });
    sends(|| async { given::<Doctor>().run(&given::<Context>()).await });
    sends(|| async { given::<Install>().run(&given::<Context>()).await });
    sends(|| async { given::<Install>().script(&given::<Context>()).await });
    sends(|| async {
        let (context, session) = (given::<Context>(), given::<Session>());
        let work = async { Ok::<_, db::Error>(()) };
        watched(&context.database, &session, work).await
    });
}

/// A thousand requests are a thousand of these, and every one of them is polled on a thread's stack.
#[test]
fn none_of_it_is_large() {
    fn size<T>(_: impl FnOnce() -> T) -> usize {
        size_of::<T>()
    }
    let sizes = [
        size(|| async { given::<Request>().plan(&given::<Context>()).await }),
        size(|| async { given::<Planned>().carry_out().await }),
        size(|| async { given::<Doctor>().run(&given::<Context>()).await }),
    ];
    assert!(sizes.iter().all(|size| *size < 64 << 10), "{sizes:?}");
}
