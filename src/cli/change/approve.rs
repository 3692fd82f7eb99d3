//! What a plan looks like, and the operator's yes to it.

use super::ChangeArgs;
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::prompt;
use crate::model::Action;
use crate::ops::{Error, Planned};
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
            Action::Expire => Self::Word,
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
pub(super) fn show(run: &mut Run, args: &ChangeArgs, planned: &Planned, approval: &Approval) {
    let width = run.screen.talk_width();
    run.screen
        .show(will_ask(run, args, planned, approval), |out| {
            view::banner(out, planned.policy(), run.screen.paints())?;
            view::plan(out, planned, width)
        });
    if !run.screen.talks() {
        for finding in planned.warnings() {
            run.screen
                .warn(&format!("{}: {}", finding.what, finding.why));
        }
    }
}

/// Whether `approve` will ask.
fn will_ask(run: &Run, args: &ChangeArgs, planned: &Planned, approval: &Approval) -> bool {
    run.screen.can_ask() && !args.dry_run && !approval.is_given(args) && planned.changes_anything()
}

/// Asks, where something has to be asked. Saying no is on record.
pub(super) async fn approve(
    run: &Run,
    args: &ChangeArgs,
    planned: Planned,
    approval: &Approval,
) -> Result<Planned, Failure> {
    if args.dry_run || !planned.changes_anything() {
        return Ok(planned);
    }
    let refusal = match approval {
        Approval::Word if args.yes => None,
        Approval::Word if prompt::confirm(&run.interrupt, &question(&planned)).await? => None,
        Approval::Word => Some(Error::Declined),
        Approval::Keys(confirm) => confirm_delete(run, confirm, &planned).await?,
        Approval::Count { .. } if approval.is_given(args) => None,
        Approval::Count { .. } => confirm_count(run, &planned).await?,
    };
    match refusal {
        None => Ok(planned),
        Some(error) => Err(planned.decline(error).await.into()),
    }
}

/// Many tokens want their number: whoever types it has read it.
async fn confirm_count(run: &Run, planned: &Planned) -> Result<Option<Error>, Failure> {
    let number = planned.plan().tokens.len();
    let tokens = if number == 1 { "token" } else { "tokens" };
    let verb = match planned.plan().action {
        Action::Expire => "expires",
        Action::Delete => "deletes for good",
    };
    let (place, what) = (place(planned), planned.selector());
    let question = format!("this {verb} {number} {tokens} on {place} ({what}); type the number");
    let typed = prompt::any_line(&run.interrupt, &question).await?;
    let is_it = typed.trim().parse() == Ok(number);
    Ok((!is_it).then_some(Error::Declined))
}

/// What the yes is about: somebody with six terminals open answers in one of them.
fn question(planned: &Planned) -> String {
    let tokens = match planned.plan().tokens.as_slice() {
        [token] => format!("token {}", view::shown_key(&token.token.key)),
        tokens => format!("{} tokens", tokens.len()),
    };
    let place = place(planned);
    format!("{tokens} on {place}: {}?", planned.plan().action)
}

/// Where it is: the environment, else the target, else the database.
fn place(planned: &Planned) -> &str {
    let policy = planned.policy();
    policy
        .environment
        .as_ref()
        .map(|environment| &environment.name)
        .or(policy.target.as_ref())
        .unwrap_or(&planned.identity().database.name)
}

/// A delete wants each key, typed or given with `--confirm`.
async fn confirm_delete(
    run: &Run,
    confirm: &[String],
    planned: &Planned,
) -> Result<Option<Error>, Failure> {
    for token in &planned.plan().tokens {
        let key = &token.token.key;
        if confirm
            .iter()
            .any(|confirmed| planned.confirms(confirmed, key))
        {
            continue;
        }
        if !run.screen.can_ask() || !confirm.is_empty() {
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
