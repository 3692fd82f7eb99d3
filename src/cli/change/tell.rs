//! The receipt, and how the command ends with it.

use std::io::Write as _;

use crate::cli::Run;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::SingleFormat;
use crate::model::{Outcome, ProbeReport, ProbeVerdict, Receipt, Verdict};
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
        run.screen.note(unconfirmed(report));
        return Exit::NotConfirmed;
    }
    match (receipt.operation.outcome, receipt.verdict) {
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

/// What to do where the application did not confirm it.
fn unconfirmed(report: &ProbeReport) -> &'static str {
    match (report.verdict, report.status) {
        (Some(ProbeVerdict::Accepted), _) => {
            "hint: the row is dead, see above; drop what is in the way, then run the command again: it \
             changes nothing more, and asks"
        }
        (_, None) => {
            "hint: the row is dead, see above; run the command again when the application answers: it \
             changes nothing more, and asks"
        }
        (_, Some(300..=399 | 401 | 403 | 404)) => {
            "hint: the row is dead, see above; check --probe and --probe-header against a request that \
             the application takes"
        }
        _ => {
            "hint: the row is dead, see above; run the command again: it changes nothing more, and asks"
        }
    }
}
