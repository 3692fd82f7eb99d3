//! What a plan looks like, and the operator's yes to it.

use std::collections::BTreeSet;

use super::ChangeArgs;
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::prompt;
use crate::model::{Action, Proposal};
use crate::ops::Error;
use crate::view;

/// How the operator says yes.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Approval {
    /// By yes, typed or given with `--yes`.
    Word,
    /// For a delete: by the key of each token, typed or given with `--confirm`.
    Keys(Vec<String>),
    /// For what a filter or an owner leads to: by the number of tokens, typed or, with `--yes`,
    /// expected on the command line.
    Count {
        /// Whether `--expect` was given. The number itself is held against the plan before.
        expected: bool,
    },
}

impl Approval {
    /// What an action wants.
    pub(in crate::cli) fn of(action: Action, confirm: &[String]) -> Self {
        match action {
            Action::Expire | Action::Restore => Self::Word,
            Action::Delete => Self::Keys(confirm.to_vec()),
        }
    }

    /// Whether it was given on the command line.
    pub(super) fn is_given(&self, args: &ChangeArgs) -> bool {
        match self {
            Self::Word => args.yes,
            Self::Keys(confirm) => !confirm.is_empty(),
            Self::Count { expected } => args.yes && *expected,
        }
    }
}

/// Shows the plan. Whoever is asked must see what about, also where the answer is for a program.
pub(super) fn show(run: &mut Run, args: &ChangeArgs, proposal: &Proposal, approval: &Approval) {
    let width = run.screen.talk_width();
    run.screen
        .show(will_ask(run, args, proposal, approval), |out| {
            view::banner(out, proposal, run.screen.paints())?;
            view::plan(out, proposal, width)
        });
    if !run.screen.talks() {
        for finding in &proposal.warnings {
            run.screen
                .warn(&format!("{}: {}", finding.what, finding.why));
        }
    }
}

/// Whether `ask` will ask.
fn will_ask(run: &Run, args: &ChangeArgs, proposal: &Proposal, approval: &Approval) -> bool {
    run.screen.can_ask() && !args.dry_run && !approval.is_given(args) && proposal.changes_anything
}

/// Asks, where something has to be asked. A no is the error that it is recorded as.
pub(super) async fn ask(
    run: &Run,
    args: &ChangeArgs,
    proposal: &Proposal,
    approval: &Approval,
) -> Result<Option<Error>, Failure> {
    if args.dry_run || !proposal.changes_anything {
        return Ok(None);
    }
    match approval {
        Approval::Word if args.yes => Ok(None),
        Approval::Word if prompt::confirm(&run.interrupt, &question(proposal)).await? => Ok(None),
        Approval::Word => Ok(Some(Error::Declined)),
        Approval::Keys(confirm) => confirm_delete(run, confirm, proposal).await,
        Approval::Count { .. } if approval.is_given(args) => Ok(None),
        Approval::Count { .. } => confirm_count(run, proposal).await,
    }
}

/// Many tokens want their number: whoever types it has read it.
async fn confirm_count(run: &Run, proposal: &Proposal) -> Result<Option<Error>, Failure> {
    let plan = &proposal.plan;
    let number = plan.tokens.len();
    let tokens = if number == 1 { "token" } else { "tokens" };
    let verb = match (plan.action, plan.ends_at) {
        (Action::Expire, None) => "expires",
        (Action::Expire, Some(_)) => "sets the end of",
        (Action::Delete, _) => "deletes for good",
        (Action::Restore, _) => "restores",
    };
    let (place, what) = (proposal.place(), &proposal.operation.selector);
    let question = format!("this {verb} {number} {tokens} on {place} ({what}); type the number");
    let typed = prompt::any_line(&run.interrupt, &question).await?;
    let is_it = typed.trim().parse() == Ok(number);
    Ok((!is_it).then_some(Error::Declined))
}

/// What the yes is about: somebody with six terminals open answers in one of them.
fn question(proposal: &Proposal) -> String {
    let plan = &proposal.plan;
    // A restore may concern nothing but what died with a token.
    let own = plan.tokens.iter().map(|planned| &planned.token.key);
    let rows = plan.put_back.iter().map(|row| &row.token);
    let keys: BTreeSet<&String> = own.chain(rows).collect();
    let tokens = match keys.first() {
        Some(key) if keys.len() == 1 => format!("token {}", view::shown_key(key)),
        _ => format!("{} tokens", keys.len()),
    };
    let place = proposal.place();
    let deed = match plan.ends_at {
        Some(_) => "end then".to_owned(),
        None => plan.action.to_string(),
    };
    format!("{tokens} on {place}: {deed}?")
}

/// A delete wants each key, typed or given with `--confirm`.
async fn confirm_delete(
    run: &Run,
    confirm: &[String],
    proposal: &Proposal,
) -> Result<Option<Error>, Failure> {
    let form = proposal.key_form;
    for token in &proposal.plan.tokens {
        let key = &token.token.key;
        if confirm
            .iter()
            .any(|confirmed| form.confirms(confirmed, key))
        {
            continue;
        }
        if !run.screen.can_ask() || !confirm.is_empty() {
            return Ok(Some(Error::NotConfirmed(key.clone())));
        }
        let shown = view::shown_key(key);
        let question =
            format!("a delete cannot be restored; type the key ({shown}) to delete it for good");
        let typed = prompt::any_line(&run.interrupt, &question).await?;
        if !form.confirms(typed.trim(), key) {
            return Ok(Some(Error::Declined));
        }
    }
    Ok(None)
}
