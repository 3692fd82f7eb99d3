//! What is refused before anything is connected to.

use std::time::Duration;

use super::{Approval, ChangeArgs};
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::reading::refuse_secrets;
use crate::cli::unblock::Unblock;
use crate::cli::way::Way;

/// How long a server watches for one request at most: its client waits for the answer meanwhile.
const FAR_WATCH: Duration = Duration::from_mins(1);

/// Refuses flags that would be sent or recorded with a secret in them.
pub(in crate::cli) fn refuse_recorded_secrets(way: &Way, args: &ChangeArgs) -> Result<(), Failure> {
    refuse_secrets(way, "--reason", args.reason.as_deref())?;
    refuse_secrets(way, "--ticket", args.ticket.as_deref())?;
    refuse_secrets(way, "--app-actor", args.app_actor.as_deref())
}

/// Refuses what goes to a database only, before anything is sent.
pub(in crate::cli) fn check_way(way: &Way, args: &ChangeArgs) -> Result<(), Failure> {
    if args.cancel_blocker.is_some() {
        way.here("--cancel-blocker")?;
    }
    if args.settle.is_some_and(|settle| settle > FAR_WATCH) {
        way.here("--settle of more than a minute")?;
    }
    Ok(())
}

/// Without a terminal everything that would be asked must be said, before anything is touched.
pub(in crate::cli) fn check_unattended(
    run: &Run,
    args: &ChangeArgs,
    approval: &Approval,
    pasted: bool,
) -> Result<(), Failure> {
    if args
        .reason
        .as_ref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        return Err(Failure::usage(
            "--reason is empty",
            "say why: the record is worth as much as its reason",
        ));
    }
    if args.dry_run || run.screen.can_ask() {
        return Ok(());
    }
    if args.cancel_blocker.is_some_and(Unblock::asks) {
        return Err(Failure::usage(
            "--cancel-blocker asks, and there is no terminal to ask on",
            "run it without: the error names the root blocker, and --cancel-blocker=PID ends that one",
        ));
    }
    if args.reason.is_none() {
        return Err(Failure::usage(
            "--reason is required without a terminal",
            "add `--reason 'why'`",
        ));
    }
    match approval {
        Approval::Keys(confirm) if confirm.is_empty() => Err(Failure::usage(
            "--delete needs --confirm KEY without a terminal",
            "add `--confirm KEY`, once for each token",
        )),
        Approval::Word if !args.yes && pasted => Err(Failure::usage(
            "standard input holds the secret, so nothing can be asked",
            "add `--yes`, or look first with `--dry-run`",
        )),
        Approval::Word if !args.yes => Err(Failure::usage(
            "there is no terminal to ask on",
            "add `--yes`, or look first with `--dry-run`",
        )),
        Approval::Count { expected } if !(*expected && args.yes) => Err(Failure::usage(
            "what leads to many tokens needs both --expect N and --yes without a terminal",
            "look with `--dry-run`, which tells how many there are, and add `--expect N --yes`",
        )),
        Approval::Word | Approval::Keys(_) | Approval::Count { .. } => Ok(()),
    }
}
