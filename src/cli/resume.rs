//! `resume`: going on with a run of batches.

use std::time::Duration;

use clap::Args;

use super::Run;
use super::batch::{PaceArgs, carry_on, tell_run};
use super::connection::{actor, host_name};
use super::exit::Exit;
use super::failure::Failure;
use super::format::SingleFormat;
use super::prompt;
use super::reading::refuse_secrets;
use crate::adapter::parse_window;
use crate::ops::{self, Resume};
use crate::view;

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The operation that began the run, or the beginning of its id
    #[arg(value_name = "OPERATION")]
    pub(super) operation: String,
    /// Why; the run's own reason if not given
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// The ticket that asks for it; the run's own if not given
    #[arg(long, value_name = "TICKET")]
    pub(super) ticket: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) pace: PaceArgs,
    /// How long to watch at the end that the tokens stay dead, up to 1h; `0` looks once
    /// [default: the adapter's]
    #[arg(long, value_name = "DURATION", value_parser = parse_window)]
    pub(super) settle: Option<Duration>,
    /// How to write the receipt
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

/// Does the batches of a run that are not done.
pub(super) async fn resume(run: &mut Run, args: ResumeArgs) -> Result<Exit, Failure> {
    if !args.yes && !run.screen.can_ask() {
        return Err(Failure::usage(
            "there is no terminal to ask on",
            "add `--yes`, or look first with `breakglass audit show OPERATION`",
        ));
    }
    if args
        .reason
        .as_ref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        return Err(Failure::usage(
            "--reason is empty",
            "say why, or leave it out: the run's own reason stands then",
        ));
    }
    let way = run.connecting.way(&run.interrupt)?;
    let context = way.here("`resume`")?;
    refuse_secrets(&way, "the operation", Some(&args.operation))?;
    refuse_secrets(&way, "--reason", args.reason.as_deref())?;
    refuse_secrets(&way, "--ticket", args.ticket.as_deref())?;
    let request = Resume {
        id: args.operation.clone(),
        reason: args.reason.clone(),
        ticket: args.ticket.clone(),
        settle: args.settle,
        os_user: actor(),
        host: host_name(),
        caller: None,
    };
    let begun = request.open(context).await?;
    let pace = args.pace.pace();
    let complete = begun.progress().is_complete();
    let asks = !args.yes && !complete;
    let (paints, left) = (run.screen.paints(), begun.left());
    run.screen.show(asks, |out| {
        view::banner(out, &left.proposal, paints)?;
        view::run_left(out, &left)
    });
    if begun.is_over() {
        run.screen
            .note("the run is done: there is nothing left to do");
        return tell_run(run, args.output, Exit::Done, &begun.nothing_left());
    }
    if complete {
        run.screen.note(
            "the run is done, and it is not on record that all of it was seen dead: looking again",
        );
    } else if let Err(error) = begun.check_lag(&pace).await {
        return Err(begun.decline(error).await.into());
    }
    if asks && !prompt::confirm(&run.interrupt, "go on?").await? {
        return Err(begun.decline(ops::Error::Declined).await.into());
    }
    let (exit, receipt) = carry_on(run, begun, pace).await?;
    tell_run(run, args.output, exit, &receipt)
}
