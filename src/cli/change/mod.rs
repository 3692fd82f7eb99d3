//! What every command that changes tokens does: justify, plan, show, ask, carry out, tell.

mod approve;
mod approve_run;
mod attempt;
mod extent;
mod tell;
mod unattended;

use std::time::Duration;

use clap::Args;
use uuid::Uuid;

use super::Run;
use super::connection::{actor, host_name};
use super::failure::Failure;
use super::justify::{Justification, justify};
use super::reading::Named;
use super::unblock::Unblock;
use super::way::{Prepared, Way};
use crate::adapter::parse_window;
use crate::model::{Action, Proposal, Receipt};
use crate::ops::{Ends, ProbeWanted, Request, Restore};

pub(super) use approve::Approval;
pub(super) use approve_run::approve_run;
pub(super) use extent::Extent;
pub(super) use tell::{ended, tell};
pub(super) use unattended::{check_unattended, check_way, refuse_recorded_secrets};

/// How a change is justified, asked about and carried out.
#[derive(Clone, Debug, Args)]
pub(super) struct ChangeArgs {
    /// Why; asked for on a terminal
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// The ticket that asks for it
    #[arg(long, value_name = "TICKET")]
    pub(super) ticket: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Do the work, roll it back, and tell what it would have done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Leave the application's own audit log alone
    #[arg(long)]
    pub(super) no_app_audit: bool,
    /// The application's user on whose behalf: login, email or id
    #[arg(long, value_name = "USER", conflicts_with = "no_app_audit")]
    pub(super) app_actor: Option<String>,
    /// When a lock does not come: ask about ending whoever holds it (a statement is cancelled, a
    /// session idle in its transaction ended), record it, and try once more; =PID ends that root
    /// blocker without asking
    #[arg(long, value_name = "PID", num_args = 0..=1, require_equals = true, default_missing_value = Unblock::ASK, conflicts_with = "dry_run")]
    pub(super) cancel_blocker: Option<Unblock>,
    /// How long to watch after the commit that the tokens stay dead, or as put back, up to 1h; `0` looks once
    /// [default: the adapter's]
    #[arg(long, value_name = "DURATION", value_parser = parse_window)]
    pub(super) settle: Option<Duration>,
}

/// What is to be done, and what has to be said for it.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Expire, delete or restore.
    pub(super) action: Action,
    /// What is to be taken back, for a restore.
    pub(super) restore: Option<Restore>,
    /// Which tokens.
    pub(super) named: Named,
    /// An end in the future, instead of now.
    pub(super) ends_at: Option<Ends>,
    /// Exactly so many, or nothing.
    pub(super) expect: Option<usize>,
    /// How far it goes.
    pub(super) extent: Extent,
    /// How the operator says yes.
    pub(super) approval: Approval,
}

/// Changes what was named, from the reason to the receipt. Whoever calls has refused before what is
/// refused before anything is connected to.
pub(super) async fn change(
    run: &mut Run,
    args: &ChangeArgs,
    way: &Way,
    wanted: Wanted,
) -> Result<Receipt, Failure> {
    change_probing(run, args, way, wanted, None).await
}

/// The same, and the application is asked before and after, where that is wanted.
pub(super) async fn change_probing(
    run: &mut Run,
    args: &ChangeArgs,
    way: &Way,
    wanted: Wanted,
    probe: Option<ProbeWanted>,
) -> Result<Receipt, Failure> {
    let approval = wanted.approval.clone();
    let mut prepared = plan(run, args, way, wanted).await?;
    if let (Some(probe), Prepared::Here(planned)) = (probe, &mut prepared)
        && let Err(error) = planned.ask_first(probe).await
    {
        return Err(prepared.decline(error).await);
    }
    approved(run, args, way, prepared, &approval).await
}

/// Plans what was named, from the reason to the rows.
async fn plan(
    run: &mut Run,
    args: &ChangeArgs,
    way: &Way,
    wanted: Wanted,
) -> Result<Prepared, Failure> {
    let request = request(run, args, way, wanted).await?;
    attempt::plan(run, args, way, request).await
}

/// The request, with its reason and ticket from flags or asked for.
pub(super) async fn request(
    run: &Run,
    args: &ChangeArgs,
    way: &Way,
    wanted: Wanted,
) -> Result<Request, Failure> {
    let Justification { reason, ticket } = justify(run, args, way).await?;
    Ok(Request {
        id: Uuid::now_v7(),
        parent: None,
        batch: None,
        action: wanted.action,
        restore: wanted.restore,
        ends_at: wanted.ends_at,
        selectors: wanted.named.selectors,
        owner: wanted.named.owner,
        expect: wanted.expect,
        max_rows: wanted.extent.max_rows,
        leave_companions: wanted.extent.no_companions,
        reason,
        ticket,
        settle: args.settle,
        dry_run: args.dry_run,
        application_audit: !args.no_app_audit,
        app_actor: args.app_actor.clone(),
        os_user: actor(),
        host: host_name(),
        caller: None,
    })
}

/// Plans what was named and shows it, and that is all: nothing of it is asked or recorded.
pub(super) async fn only_plan(
    run: &mut Run,
    args: &ChangeArgs,
    way: &Way,
    wanted: Wanted,
) -> Result<Proposal, Failure> {
    let args = ChangeArgs {
        dry_run: true,
        ..args.clone()
    };
    let approval = wanted.approval.clone();
    let prepared = plan(run, &args, way, wanted).await?;
    let proposal = prepared.proposal();
    approve::show(run, &args, &proposal, &approval);
    prepared.let_go().await;
    Ok(proposal)
}

/// Shows a plan, asks about it, and carries it out.
pub(super) async fn approved(
    run: &mut Run,
    args: &ChangeArgs,
    way: &Way,
    prepared: Prepared,
    approval: &Approval,
) -> Result<Receipt, Failure> {
    let proposal = prepared.proposal();
    approve::show(run, args, &proposal, approval);
    let refusal = approve::ask(run, args, &proposal, approval).await?;
    // As large as the plan itself.
    drop(proposal);
    if let Some(error) = refusal {
        // Saying no is on record.
        return Err(prepared.decline(error).await);
    }
    attempt::carry_out(run, args, way, prepared).await
}
