//! Planning and carrying out, each a second time where whoever held a lock was ended.

use uuid::Uuid;

use super::ChangeArgs;
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::prompt;
use crate::cli::unblock::unblock;
use crate::cli::way::{Prepared, Way};
use crate::db::{self, Installed};
use crate::model::Receipt;
use crate::ops::{Context, Error, Install, Planned, Request};

/// Plans; where nothing is installed yet and somebody can be asked, installs first.
async fn plan_once(run: &Run, context: &Context, request: Request) -> Result<Planned, Failure> {
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
pub(super) async fn plan(
    run: &mut Run,
    args: &ChangeArgs,
    way: &Way,
    request: Request,
) -> Result<Prepared, Failure> {
    let Way::Here(context) = way else {
        return way.plan(request).await;
    };
    let (refused, how) = match (
        plan_once(run, context, request.clone()).await,
        args.cancel_blocker,
    ) {
        (Err(Failure::Mutation(refused)), Some(how)) => (refused, how),
        (ended, _) => return ended.map(Prepared::from),
    };
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
    plan_once(run, context, again).await.map(Prepared::from)
}

/// Carries it out; where a lock does not come, and whoever holds it may be ended, once more.
pub(super) async fn carry_out(
    run: &mut Run,
    args: &ChangeArgs,
    way: &Way,
    prepared: Prepared,
) -> Result<Receipt, Failure> {
    let mut planned = match prepared {
        Prepared::Here(planned) => planned,
        Prepared::There(plan) => return plan.carry_out().await,
    };
    let error = match (planned.attempt().await, args.cancel_blocker) {
        (Ok(receipt), _) => return Ok(receipt),
        (Err(Error::Locked(locked)), Some(how)) => {
            let context = way.here("--cancel-blocker")?;
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
