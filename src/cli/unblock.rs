//! `--cancel-blocker`: asking about those that hold a lock in the way, and what came of it.

use std::str::FromStr;

use super::Run;
use super::failure::Failure;
use super::prompt;
use crate::model::{Blocker, SignalResult, Signalled};
use crate::ops::{CancelBlocker, Context, Error, Locked, Request};
use crate::view;

/// Whom the operator is ready to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unblock {
    /// Whoever it is, when asked.
    Ask,
    /// This backend and nobody else, without asking.
    Pid(i32),
}

impl FromStr for Unblock {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::ASK {
            return Ok(Self::Ask);
        }
        let pid = text.parse().ok().filter(|pid| *pid > 0);
        pid.map(Self::Pid).ok_or("not a process id")
    }
}

impl Unblock {
    /// What stands for a flag without a value.
    pub(super) const ASK: &'static str = "ask";

    /// Whether somebody has to be there to be asked.
    pub(super) fn asks(self) -> bool {
        self == Self::Ask
    }
}

/// Ends those in the way, as far as the operator says yes. Tells whether trying again makes sense.
pub(super) async fn unblock(
    run: &mut Run,
    how: Unblock,
    context: &Context,
    blocked: &Request,
    locked: &Locked,
) -> Result<bool, Failure> {
    let roots: Vec<&Blocker> = match how {
        Unblock::Ask => locked.roots().collect(),
        Unblock::Pid(pid) => {
            let named = locked.roots().find(|root| root.pid == Some(pid));
            vec![named.ok_or_else(|| Error::NotTheBlocker {
                pid,
                locked: Box::new(locked.clone()),
            })?]
        }
    };
    if roots.is_empty() {
        return Ok(false);
    }
    run.screen.show(how.asks(), |out| {
        writeln!(out, "the lock did not come:")?;
        view::blockers(out, &locked.blockers)
    });
    for blocker in roots {
        let request = CancelBlocker { blocked, blocker };
        let question = view::signal(blocker, request.signal()?);
        if how.asks() && !prompt::confirm(&run.interrupt, &format!("{question}?")).await? {
            let recorded = request.refuse(context, &Error::Declined).await?;
            run.screen
                .note(&format!("declined; recorded as {recorded}"));
            return Ok(false);
        }
        if !how.asks() && blocker.is_client() {
            run.screen.note(&format!("about to {question}"));
        } else if !how.asks() {
            // Said to programs too.
            run.screen.warn(&format!("about to {question}"));
        }
        tell(run, blocker, request.run(context).await?)?;
    }
    Ok(true)
}

fn tell(run: &Run, blocker: &Blocker, signalled: Signalled) -> Result<(), Failure> {
    let Signalled {
        operation,
        signal,
        result,
        detail,
        recorded,
    } = signalled;
    let name = blocker.name();
    let unrecorded = if recorded {
        ""
    } else {
        ", but its result could not be recorded"
    };
    match result {
        SignalResult::Sent => run.screen.note(&format!(
            "{} sent to {name}; recorded as {operation}{unrecorded}",
            signal.as_str()
        )),
        SignalResult::Gone => run.screen.note(&format!(
            "{name} or its transaction had ended by itself, so nothing was sent; recorded as {operation}{unrecorded}"
        )),
        SignalResult::Refused | SignalResult::Failed => {
            return Err(Error::SignalRefused {
                name,
                signal,
                detail: detail.unwrap_or_default(),
            }
            .into());
        }
    }
    Ok(())
}
