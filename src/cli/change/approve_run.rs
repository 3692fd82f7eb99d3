//! The yes to a run of batches: its number of tokens, typed or expected.

use super::{Approval, ChangeArgs};
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::prompt;
use crate::model::Action;
use crate::ops::{Error, PlannedRun};
use crate::view;

/// Shows what a run will do, and asks. Saying no is on record.
pub(in crate::cli) async fn approve_run(
    run: &mut Run,
    args: &ChangeArgs,
    planned: PlannedRun,
    approval: &Approval,
) -> Result<PlannedRun, Failure> {
    let given = args.dry_run || approval.is_given(args);
    let asks = !given && run.screen.can_ask();
    let (paints, shown) = (run.screen.paints(), planned.proposal());
    run.screen.show(asks, |out| {
        view::banner(out, &shown.proposal, paints)?;
        view::run_plan(out, &shown)
    });
    if !run.screen.talks() {
        for finding in &shown.proposal.warnings {
            run.screen
                .warn(&format!("{}: {}", finding.what, finding.why));
        }
    }
    if given {
        return Ok(planned);
    }
    let number = shown.tokens;
    let verb = match shown.proposal.plan.action {
        Action::Expire => "expires",
        Action::Delete => "deletes for good",
        Action::Restore => "puts back",
    };
    let question = format!("this {verb} {number} tokens in batches; type the number");
    let typed = prompt::any_line(&run.interrupt, &question).await?;
    if typed.trim().parse() == Ok(number) {
        return Ok(planned);
    }
    Err(planned.decline(Error::Declined).await.into())
}
