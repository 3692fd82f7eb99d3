//! `doctor`: everything that would make a change fail or lie.

use std::io::Write as _;

use clap::Args;

use super::Run;
use super::exit::Exit;
use super::failure::Failure;
use super::format::SingleFormat;
use crate::model::Fitness;
use crate::ops::Doctor;
use crate::view;

#[derive(Debug, Args)]
#[command(after_help = "\
Each finding says what, why it matters for killing a token, and what to do. `blocks`: a change would
fail or lie; `warns`: it works, something can go wrong; `notes`: this is not as it usually is.
Exit 0 when a change would work and tell the truth, 1 when it would not, 3 without a connection.

Examples:
  breakglass doctor
  breakglass doctor --delete -o json")]
pub(super) struct DoctorArgs {
    /// Deletes must be possible too; else they count where the role may delete
    #[arg(long)]
    pub(super) delete: bool,
    /// How to write what was found
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

/// Looks, and tells.
pub(super) async fn run(run: &mut Run, args: &DoctorArgs) -> Result<Exit, Failure> {
    let way = run.connecting.way(&run.interrupt)?;
    let doctor = Doctor {
        delete: args.delete,
    };
    let diagnosis = way.diagnose(doctor).await?;
    run.screen.note(&diagnosis.identity);
    let mut out = run.screen.data();
    match args.output {
        SingleFormat::Table => view::diagnosis(&mut out, &diagnosis, run.screen.width())?,
        SingleFormat::Json => view::document(&mut out, &diagnosis)?,
    }
    out.flush()?;
    Ok(match diagnosis.verdict {
        Fitness::Fit => Exit::Done,
        Fitness::Unfit => Exit::Refused,
    })
}
