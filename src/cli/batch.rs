//! `--batch-size`: a run of batches, shown, asked about, and carried out with its progress told.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;

use super::Run;
use super::bar::Bar;
use super::change::{Approval, ChangeArgs, approve_run};
use super::exit::{self, Exit};
use super::failure::Failure;
use super::format::SingleFormat;
use crate::db::parse_limit;
use crate::model::{RunReceipt, Verdict};
use crate::ops::{self, Class, Context, Ended, Error, Pace, Request};
use crate::view;

/// How long a standby that does not catch up is waited for.
const PATIENCE: &str = "10m";

/// How a run of batches goes.
#[derive(Clone, Debug, Args)]
pub(super) struct PaceArgs {
    /// When a batch fails: go on with the next one
    #[arg(long, help_heading = "Batches")]
    pub(super) keep_going: bool,
    /// Before each batch: wait while a standby is further behind, such as 5s
    #[arg(long, value_name = "DURATION", value_parser = parse_limit, help_heading = "Batches")]
    pub(super) max_lag: Option<Duration>,
    /// Wait so long for a standby that does not catch up
    #[arg(long, value_name = "DURATION", value_parser = parse_limit, default_value = PATIENCE, requires = "max_lag", help_heading = "Batches")]
    pub(super) max_lag_wait: Duration,
}

impl PaceArgs {
    pub(super) fn pace(&self) -> Pace {
        Pace {
            keep_going: self.keep_going,
            max_lag: self.max_lag,
            max_lag_wait: self.max_lag_wait,
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(super) struct BatchArgs {
    /// Take the tokens in batches of so many, a transaction each, for more than go in one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000), help_heading = "Batches")]
    pub(super) batch_size: Option<u32>,
    #[command(flatten)]
    pub(super) pace: PaceArgs,
}

impl BatchArgs {
    /// How many tokens go in a batch; `None` where all go in one transaction.
    ///
    /// # Errors
    ///
    /// When flags do not go together.
    pub(super) fn size(&self, args: &ChangeArgs, filtered: bool) -> Result<Option<usize>, Failure> {
        let Some(size) = self.batch_size else {
            let flag = match (self.pace.keep_going, self.pace.max_lag) {
                (true, _) => "--keep-going",
                (false, Some(_)) => "--max-lag",
                (false, None) => return Ok(None),
            };
            return Err(Failure::usage(
                format!("{flag} is about batches, and there are none"),
                "add `--batch-size N`, such as 5000",
            ));
        };
        if !filtered {
            return Err(Failure::usage(
                "--batch-size goes with a filter: few tokens that are named go in one transaction",
                "leave it out, or say which tokens by a filter",
            ));
        }
        if args.cancel_blocker.is_some() {
            return Err(Failure::usage(
                "--cancel-blocker does not go with --batch-size",
                "a batch that a lock stops is named with who holds it; `breakglass resume` does it later",
            ));
        }
        Ok(Some(size as usize))
    }
}

/// A run that is to be planned.
pub(super) struct WantedRun<'a> {
    pub(super) request: Request,
    /// Tokens in a batch.
    pub(super) size: usize,
    pub(super) pace: Pace,
    pub(super) approval: &'a Approval,
}

/// Plans a run, shows it, asks about it, and carries it out.
pub(super) async fn run_batches(
    run: &mut Run,
    args: &ChangeArgs,
    context: &Context,
    wanted: WantedRun<'_>,
) -> Result<(Exit, RunReceipt), Failure> {
    let WantedRun {
        request,
        size,
        pace,
        approval,
    } = wanted;
    let planned = request.plan_run(context, size).await?;
    if let Err(error) = planned.check_lag(&pace).await {
        return Err(planned.decline(error).await.into());
    }
    let planned = approve_run(run, args, planned, approval).await?;
    let begun = planned.begin().await?;
    carry_on(run, begun, pace).await
}

/// Does what is left of a run.
pub(super) async fn carry_on(
    run: &mut Run,
    begun: ops::Run,
    pace: Pace,
) -> Result<(Exit, RunReceipt), Failure> {
    let mut bar = Bar::new();
    let Ended { receipt, error } = begun.carry_on(pace, &mut |line| bar.tell(line)).await;
    if error
        .as_ref()
        .is_some_and(|error| error.class() == Class::Interrupted)
    {
        exit::after_interrupt().await;
    }
    if let Some(Error::Locked(locked)) = &error {
        run.screen.talk(|out| view::blockers(out, &locked.blockers));
    }
    if let Some(hint) = error.as_ref().and_then(Error::hint) {
        run.screen.note(&format!("hint: {hint}"));
    }
    if let Some(advice) = &receipt.advice {
        run.screen.note(&format!("hint: {advice}"));
    }
    if let Some(resume) = &receipt.resume {
        let what = if receipt.run.is_complete() {
            "looks at all of them again"
        } else {
            "does the rest"
        };
        run.screen.note(&format!("hint: `{resume}` {what}"));
    }
    Ok((ended(&receipt, error.as_ref()), receipt))
}

/// Writes the receipt of a run.
pub(super) fn tell_run(
    run: &Run,
    output: SingleFormat,
    exit: Exit,
    receipt: &RunReceipt,
) -> Result<Exit, Failure> {
    let mut out = run.screen.data();
    let written = match output {
        SingleFormat::Table => view::run_receipt(&mut out, receipt),
        SingleFormat::Json => view::document(&mut out, receipt),
    }
    .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Receipt {
            operation: receipt.operation.id,
            error,
        }),
        _ => Ok(exit),
    }
}

/// How the command ends: what is not all done is never 0, and what was changed never 1.
fn ended(receipt: &RunReceipt, error: Option<&Error>) -> Exit {
    match error.map(Error::class) {
        Some(class @ (Class::Interrupted | Class::Unknown)) => return class.into(),
        Some(class) if receipt.batches_done_here == 0 => return class.into(),
        _ => {}
    }
    let dead = !matches!(
        receipt.verdict,
        Some(
            Verdict::Resurrected
                | Verdict::Unknown
                | Verdict::Accepted
                | Verdict::Changed
                | Verdict::Restored
        )
    );
    if receipt.run.is_complete() && dead {
        Exit::Done
    } else {
        Exit::NotConfirmed
    }
}
