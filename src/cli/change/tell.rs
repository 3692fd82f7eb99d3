//! The receipt, and how the command ends with it.

use std::io::Write as _;

use crate::cli::Run;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::SingleFormat;
use crate::model::{Deed, Outcome, ProbeReport, ProbeVerdict, Receipt, Verdict};
use crate::view;

/// Writes the receipt.
pub(in crate::cli) fn tell(
    run: &Run,
    output: SingleFormat,
    receipt: &Receipt,
) -> Result<Exit, Failure> {
    let mut out = run.screen.data();
    let written = match output {
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
pub(in crate::cli) fn ended(run: &Run, receipt: &Receipt) -> Exit {
    if let Some(advice) = &receipt.settled.advice {
        run.screen.note(&format!("hint: {advice}"));
    }
    if let Some(report) = &receipt.probe
        && report.is_unconfirmed()
    {
        // What the application says of a row that lives is no news; what to do about it was told.
        if !matches!(
            receipt.verdict,
            Some(Verdict::Resurrected | Verdict::Restored)
        ) {
            run.screen.note(&unconfirmed(report, receipt.verdict));
        }
        return Exit::NotConfirmed;
    }
    let came = receipt.came_meanwhile.as_ref();
    if came.is_some_and(|came| !came.is_shut_out()) {
        return Exit::NotConfirmed;
    }
    match (receipt.operation.outcome, receipt.verdict) {
        // What was to die was taken back meanwhile.
        (_, Some(Verdict::Restored)) if receipt.operation.action != Deed::Restore => {
            Exit::NotConfirmed
        }
        (Outcome::Planned, _)
        | (_, None | Some(Verdict::Dead | Verdict::Scheduled | Verdict::Restored)) => Exit::Done,
        (
            _,
            Some(
                Verdict::Resurrected
                | Verdict::Unknown
                | Verdict::Accepted
                | Verdict::Changed
                | Verdict::Gone,
            ),
        ) => Exit::NotConfirmed,
    }
}

/// What to do where the application did not confirm it. That the row is dead, so that nothing more
/// is changed, is said only where the last look, after the application was asked, saw it so.
fn unconfirmed(report: &ProbeReport, verdict: Option<Verdict>) -> String {
    let is_dead = verdict == Some(Verdict::Dead);
    let dead = if is_dead {
        "the row is dead, see above; "
    } else {
        ""
    };
    let again = if is_dead {
        ": it changes nothing more, and asks"
    } else {
        ", which asks again"
    };
    match (report.verdict, report.status) {
        (Some(ProbeVerdict::Accepted), _) => {
            format!("hint: {dead}drop what is in the way, then run the command again{again}")
        }
        (_, None) => {
            format!("hint: {dead}run the command again when the application answers{again}")
        }
        (_, Some(300..=399 | 401 | 403 | 404)) => format!(
            "hint: {dead}check --probe and --probe-header against a request that the application takes"
        ),
        _ => format!("hint: {dead}run the command again{again}"),
    }
}
