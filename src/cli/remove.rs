//! `tokens rm`: plan, show, ask, carry out, tell.

use std::io::Write as _;

use clap::Args;
use uuid::Uuid;

use super::Run;
use super::connection::{actor, host_name};
use super::exit::Exit;
use super::failure::Failure;
use super::format::SingleFormat;
use super::justify::{self, Justification, justify};
use super::prompt;
use super::reading::{Named, refuse_secrets, selectors, warn_of_secrets};
use super::unblock::{Unblock, unblock};
use crate::db::{self, Installed};
use crate::model::{Action, Outcome, Receipt, Verdict};
use crate::ops::{Context, Error, Install, Planned, Request};
use crate::view;

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which tokens
    #[arg(value_name = "SELECTOR", required = true)]
    pub(super) selectors: Vec<String>,
    /// The name that goes with owner:LOGIN
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Why; asked for on a terminal
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// The ticket that asks for it
    #[arg(long, value_name = "TICKET")]
    pub(super) ticket: Option<String>,
    /// Remove the rows for good instead of expiring; the records stay
    #[arg(long)]
    pub(super) delete: bool,
    /// The key of a token that may be deleted without asking; once for each
    #[arg(long, value_name = "KEY", requires = "delete")]
    pub(super) confirm: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Do the work, roll it back, and tell what it would have done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Change exactly N tokens, or nothing
    #[arg(long, value_name = "N")]
    pub(super) expect: Option<usize>,
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
    /// How to write the receipt
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

impl RemoveArgs {
    /// What is asked for.
    pub(super) fn action(&self) -> Action {
        if self.delete {
            Action::Delete
        } else {
            Action::Expire
        }
    }
}

/// Removes tokens.
pub(super) async fn remove(run: &mut Run, args: RemoveArgs) -> Result<Exit, Failure> {
    if called_delete(run) && !args.delete {
        run.screen
            .note("note: `delete` without --delete expires: the row stays");
    }
    check_unattended(run, &args)?;
    let context = run.connecting.context(&run.interrupt)?;
    if run.connecting.shows_password() {
        run.screen.warn("a password on the command line is visible in the process list; use PGPASSWORD or a variable");
    }
    warn_of_secrets(run, &context, &args.selectors);
    refuse_recorded_secrets(&context, &args)?;
    refuse_secrets(&context, "--name", args.name.as_deref())?;
    for word in args
        .selectors
        .iter()
        .filter(|word| word.starts_with("owner:"))
    {
        refuse_secrets(&context, "owner:", Some(word))?;
    }
    justify::check(run, &args, &context.policy)?;
    let named = selectors(run, &args.selectors, args.name.as_ref()).await?;
    let receipt = change(run, &args, &context, named).await?;
    tell(run, &args, &receipt)
}

/// Refuses flags that would be sent or recorded with a secret in them.
pub(super) fn refuse_recorded_secrets(context: &Context, args: &RemoveArgs) -> Result<(), Failure> {
    refuse_secrets(context, "--reason", args.reason.as_deref())?;
    refuse_secrets(context, "--ticket", args.ticket.as_deref())?;
    refuse_secrets(context, "--app-actor", args.app_actor.as_deref())
}

/// Changes what was named, from the reason to the receipt: justifies, plans, shows, asks, carries
/// out. Whoever calls has refused before what is refused before anything is connected to.
pub(super) async fn change(
    run: &mut Run,
    args: &RemoveArgs,
    context: &Context,
    named: Named,
) -> Result<Receipt, Failure> {
    let Justification { reason, ticket } = justify(run, args, context).await?;
    let request = Request {
        id: Uuid::now_v7(),
        action: args.action(),
        selectors: named.selectors,
        owner: named.owner,
        expect: args.expect,
        reason,
        ticket,
        dry_run: args.dry_run,
        application_audit: !args.no_app_audit,
        app_actor: args.app_actor.clone(),
        os_user: actor(),
        host: host_name(),
    };
    let planned = plan_unblocked(run, args, context, request).await?;
    let width = run.screen.talk_width();
    // Whoever is asked must see what about, also where the answer is for a program.
    run.screen.show(will_ask(run, args, &planned), |out| {
        view::banner(out, planned.policy(), run.screen.paints())?;
        view::plan(out, &planned, width)
    });
    if !run.screen.talks() {
        for finding in planned.warnings() {
            run.screen
                .warn(&format!("{}: {}", finding.what, finding.why));
        }
    }
    let planned = approve(run, args, planned).await?;
    carry_out(run, args, context, planned).await
}

/// `rm` has an alias that promises more than it does.
fn called_delete(run: &Run) -> bool {
    let mut words = run.typed.iter().filter_map(|word| word.to_str());
    words.any(|word| word == "tokens" || word == "token") && words.next() == Some("delete")
}

/// Without a terminal everything that would be asked must be said, before anything is touched.
pub(super) fn check_unattended(run: &Run, args: &RemoveArgs) -> Result<(), Failure> {
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
    if args.delete && args.confirm.is_empty() {
        return Err(Failure::usage(
            "--delete needs --confirm KEY without a terminal",
            "add `--confirm KEY`, once for each token",
        ));
    }
    if !args.delete && !args.yes && args.selectors.iter().any(|word| word == "-") {
        return Err(Failure::usage(
            "standard input holds the secret, so nothing can be asked",
            "add `--yes`, or look first with `--dry-run`",
        ));
    }
    if !args.delete && !args.yes {
        return Err(Failure::usage(
            "there is no terminal to ask on",
            "add `--yes`, or look first with `--dry-run`",
        ));
    }
    Ok(())
}

/// Plans; where nothing is installed yet and somebody can be asked, installs first.
async fn plan(run: &Run, context: &Context, request: Request) -> Result<Planned, Failure> {
    let refusal = match request.clone().plan(context).await {
        Ok(planned) => return Ok(planned),
        Err(refusal) => refusal,
    };
    let missing = matches!(
        refusal.error,
        Error::NotInstalled(Installed::No | Installed::Older(_))
    );
    if !missing || !run.screen.can_ask() {
        return Err(refusal.into());
    }
    run.screen.note(&refusal.error.to_string());
    if !prompt::confirm(&run.interrupt, "install breakglass's own schema now?").await? {
        return Err(refusal.into());
    }
    let report = Install {
        role: None,
        adopt: false,
    }
    .run(context)
    .await?;
    run.screen
        .note(&format!("installed: {}", report.applied.join(", ")));
    Ok(request.plan(context).await?)
}

/// Plans; where a lock stops even that, and whoever holds it may be ended, once more. The first
/// attempt is on record as failed, so the second one is an operation of its own.
async fn plan_unblocked(
    run: &mut Run,
    args: &RemoveArgs,
    context: &Context,
    request: Request,
) -> Result<Planned, Failure> {
    let refused = match (
        plan(run, context, request.clone()).await,
        args.cancel_blocker,
    ) {
        (Err(Failure::Mutation(refused)), Some(how)) => (refused, how),
        (ended, _) => return ended,
    };
    let (refused, how) = refused;
    let Error::Locked(locked) = &refused.error else {
        return Err(refused.into());
    };
    if !unblock(run, how, context, &request, locked).await? {
        return Err(refused.into());
    }
    let again = Request {
        id: Uuid::now_v7(),
        ..request
    };
    plan(run, context, again).await
}

/// Carries it out; where a lock does not come, and whoever holds it may be ended, once more.
async fn carry_out(
    run: &mut Run,
    args: &RemoveArgs,
    context: &Context,
    mut planned: Planned,
) -> Result<Receipt, Failure> {
    let error = match (planned.attempt().await, args.cancel_blocker) {
        (Ok(receipt), _) => return Ok(receipt),
        (Err(Error::Locked(locked)), Some(how)) => {
            match unblock(run, how, context, planned.request(), &locked).await {
                Ok(true) => match planned.attempt().await {
                    Ok(receipt) => return Ok(receipt),
                    Err(error) => error,
                },
                Ok(false) => Error::Locked(locked),
                Err(Failure::Operation(error)) => error,
                Err(Failure::Interrupted) => db::Error::Interrupted.into(),
                Err(failure) => return Err(failure),
            }
        }
        (Err(error), _) => error,
    };
    Err(planned.decline(error).await.into())
}

/// Whether `approve` will ask.
fn will_ask(run: &Run, args: &RemoveArgs, planned: &Planned) -> bool {
    let given = if args.delete {
        !args.confirm.is_empty()
    } else {
        args.yes
    };
    run.screen.can_ask() && !args.dry_run && !given && planned.changes_anything()
}

/// Asks, where something has to be asked. Saying no is on record.
async fn approve(run: &Run, args: &RemoveArgs, planned: Planned) -> Result<Planned, Failure> {
    if args.dry_run || !planned.changes_anything() {
        return Ok(planned);
    }
    let refusal = match planned.plan().action {
        Action::Expire if args.yes => None,
        Action::Expire if prompt::confirm(&run.interrupt, "expire?").await? => None,
        Action::Expire => Some(Error::Declined),
        Action::Delete => confirm_delete(run, args, &planned).await?,
    };
    match refusal {
        None => Ok(planned),
        Some(error) => Err(planned.decline(error).await.into()),
    }
}

/// A delete wants each key, typed or given with `--confirm`.
async fn confirm_delete(
    run: &Run,
    args: &RemoveArgs,
    planned: &Planned,
) -> Result<Option<Error>, Failure> {
    for token in &planned.plan().tokens {
        let key = &token.token.key;
        if args
            .confirm
            .iter()
            .any(|confirmed| planned.confirms(confirmed, key))
        {
            continue;
        }
        if !run.screen.can_ask() || !args.confirm.is_empty() {
            return Ok(Some(Error::NotConfirmed(key.clone())));
        }
        let shown = view::shown_key(key);
        let question = format!("type the key ({shown}) to delete it for good");
        let typed = prompt::any_line(&run.interrupt, &question).await?;
        if !planned.confirms(typed.trim(), key) {
            return Ok(Some(Error::Declined));
        }
    }
    Ok(None)
}

fn tell(run: &Run, args: &RemoveArgs, receipt: &Receipt) -> Result<Exit, Failure> {
    let mut out = run.screen.data();
    let written = match args.output {
        SingleFormat::Table => view::receipt(&mut out, receipt),
        SingleFormat::Json => view::document(&mut out, receipt),
    }
    .and_then(|()| out.flush());
    let exit = ended(run, receipt);
    // The change stands whoever reads of it.
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Receipt {
            operation: receipt.operation.id,
            error,
        }),
        _ => Ok(exit),
    }
}

/// How a change ended, with what to do about it.
pub(super) fn ended(run: &Run, receipt: &Receipt) -> Exit {
    if let Some(Verdict::Resurrected) = receipt.verdict {
        run.screen
            .note("hint: run the command again; --delete cannot be written back");
    }
    match (receipt.operation.outcome, receipt.verdict) {
        (Outcome::Planned, _) | (_, None | Some(Verdict::Dead)) => Exit::Done,
        (_, Some(Verdict::Resurrected | Verdict::Unknown)) => Exit::NotConfirmed,
    }
}
