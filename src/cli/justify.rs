//! Why, and for which ticket: from flags, else asked for, in the form that the target demands.

use super::Run;
use super::change::ChangeArgs;
use super::failure::Failure;
use super::prompt;
use super::reading::refuse_secrets;
use super::way::Way;
use crate::ops::{Error, Policy, Unmet};
use crate::view::visible;

/// What is said of a change.
pub(super) struct Justification {
    pub(super) reason: String,
    pub(super) ticket: Option<String>,
}

/// Checks what the flags say, and that the rest can be asked for.
pub(super) fn check(run: &Run, args: &ChangeArgs, policy: &Policy) -> Result<(), Failure> {
    // Nothing of a dry run stays, so nobody has to justify one.
    if args.dry_run {
        return Ok(());
    }
    if let Some(reason) = &args.reason {
        policy.check_reason(reason).map_err(Error::from)?;
    }
    match policy.check_ticket(args.ticket.as_deref()) {
        Err(Unmet::NoTicket { .. }) if run.screen.can_ask() && args.ticket.is_none() => Ok(()),
        checked => Ok(checked.map_err(Error::from)?),
    }
}

/// Checks what is given, for a plan that somebody else may justify.
pub(super) fn check_given(args: &ChangeArgs, policy: &Policy) -> Result<(), Failure> {
    if let Some(reason) = &args.reason {
        policy.check_reason(reason).map_err(Error::from)?;
    }
    if args.ticket.is_some() {
        policy
            .check_ticket(args.ticket.as_deref())
            .map_err(Error::from)?;
    }
    Ok(())
}

/// Puts together what the flags say and what is asked for.
pub(super) async fn justify(
    run: &Run,
    args: &ChangeArgs,
    way: &Way,
) -> Result<Justification, Failure> {
    let reason = match &args.reason {
        Some(reason) => reason.clone(),
        None if args.dry_run => "dry run".to_owned(),
        None => asked(run, "reason", |reason| way.policy().check_reason(reason)).await?,
    };
    refuse_secrets(way, "the reason", Some(&reason))?;
    let missing = !args.dry_run && way.policy().check_ticket(None).is_err();
    let ticket = match &args.ticket {
        Some(ticket) => Some(ticket.clone()),
        None if missing => {
            let check = |ticket: &str| way.policy().check_ticket(Some(ticket));
            Some(asked(run, "ticket", check).await?)
        }
        None => None,
    };
    refuse_secrets(way, "the ticket", ticket.as_deref())?;
    Ok(Justification { reason, ticket })
}

/// Asks until the answer is one that the target takes.
async fn asked(
    run: &Run,
    question: &str,
    check: impl Fn(&str) -> Result<(), Unmet>,
) -> Result<String, Failure> {
    loop {
        let answer = prompt::line(&run.interrupt, question).await?;
        match check(&answer) {
            Ok(()) => return Ok(answer),
            Err(unmet) => {
                let (why, hint) = (unmet.to_string(), unmet.hint());
                run.screen.show(true, |out| {
                    writeln!(out, "{}\nhint: {}", visible(&why), visible(&hint))
                });
            }
        }
    }
}
