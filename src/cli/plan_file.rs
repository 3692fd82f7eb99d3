//! `--plan-file`: what would be done, written down for `breakglass apply`.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::Run;
use super::change::ChangeArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::format::SingleFormat;
use super::remove::RemoveArgs;
use crate::model::{PlanFile, Proposal};
use crate::ops::{Error, PlanError};
use crate::view::{self, PlanWritten};

/// How long a plan is valid unless somebody says otherwise.
const VALID_FOR: Duration = Duration::from_mins(15);

/// The shortest and the longest that somebody may say: what was shown a week ago is not what is
/// there.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Standard output.
const STDOUT: &str = "-";

/// Where a plan is written, instead of being carried out.
#[derive(Clone, Debug, Args)]
pub(super) struct PlanFileArgs {
    /// Write the plan to a new file for `breakglass apply`, and change nothing; `-` is standard
    /// output
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["yes", "confirm", "dry_run", "cancel_blocker", "batch_size"])]
    pub(super) plan_file: Option<String>,
    /// How long the plan may be applied, by the database's clock [default: 15m]
    #[arg(long, value_name = "DURATION", value_parser = parse_validity, requires = "plan_file")]
    pub(super) valid_for: Option<Duration>,
}

impl PlanFileArgs {
    /// Refuses a validity of no plan: clap does not, where another flag keeps the plan out.
    pub(super) fn check_validity(&self) -> Result<(), Failure> {
        if self.valid_for.is_some() && self.plan_file.is_none() {
            return Err(Failure::usage(
                "--valid-for goes with --plan-file, and nothing is written down",
                "add `--plan-file FILE`, or leave it out",
            ));
        }
        Ok(())
    }
}

fn parse_validity(text: &str) -> Result<Duration, &'static str> {
    let duration =
        humantime::parse_duration(text).map_err(|_why| "give a duration such as 15m, 1h, 2days")?;
    if (SHORTEST..=LONGEST).contains(&duration) {
        Ok(duration)
    } else {
        Err("give a duration from 1s to 7days")
    }
}

/// Refuses before anything is connected to what could not be written afterwards.
pub(super) fn check_plan_file(path: &str, args: &ChangeArgs) -> Result<(), Failure> {
    if path.is_empty() {
        return Err(Failure::usage(
            "--plan-file is empty",
            "a variable may be unset; give the name of a new file",
        ));
    }
    if args
        .reason
        .as_ref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        return Err(Failure::usage(
            "--reason is empty",
            "leave it out, and whoever applies the plan says why",
        ));
    }
    // Also a link that leads nowhere.
    if path != STDOUT && fs::symlink_metadata(path).is_ok() {
        return Err(taken(path));
    }
    Ok(())
}

fn taken(path: &str) -> Failure {
    Failure::usage(
        format!("--plan-file: `{path}` is there already, and is not written over"),
        "give another name, or remove it",
    )
}

/// Writes the plan, and tells its digest.
pub(super) fn write_plan(
    run: &Run,
    path: &str,
    args: &RemoveArgs,
    proposal: &Proposal,
) -> Result<Exit, Failure> {
    let valid_for = args.plan.valid_for.unwrap_or(VALID_FOR);
    let (reason, ticket) = (args.change.reason.clone(), args.change.ticket.clone());
    let plan = proposal.to_file(valid_for, reason, ticket).ok_or_else(|| {
        let role = proposal.role().to_owned();
        Error::from(PlanError::ClusterNotTold { role })
    })?;
    if path == STDOUT {
        let mut out = run.screen.data();
        view::plan_file(&mut out, &plan)?;
        out.flush()?;
        let written = PlanWritten::new("standard output", &plan);
        run.screen.talk(|out| written.text(out));
        return Ok(Exit::Done);
    }
    create(path, &plan)?;
    let written = PlanWritten::new(path, &plan);
    let mut out = run.screen.data();
    match args.output {
        SingleFormat::Table => written.text(&mut out)?,
        SingleFormat::Json => written.json(&mut out)?,
    }
    out.flush()?;
    run.screen.note(&format!(
        "nothing was changed; `breakglass apply {path} --digest {}` carries out exactly this",
        plan.digest
    ));
    Ok(Exit::Done)
}

/// Makes the file as a whole or not at all, for nobody else to read, and over no other.
fn create(path: &str, plan: &PlanFile) -> Result<(), Failure> {
    let written = (|| {
        let parent = Path::new(path).parent();
        let folder = parent.filter(|folder| !folder.as_os_str().is_empty());
        // Its mode is 0600, and it is gone when we fail.
        let file = tempfile::Builder::new()
            .prefix(".breakglass-plan-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        let mut out = BufWriter::new(&file);
        view::plan_file(&mut out, plan)?;
        out.flush()?;
        drop(out);
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)
    })();
    match written {
        Ok(_file) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(path)),
        Err(error) => Err(Failure::Other(anyhow::Error::new(error).context(format!(
            "cannot write plan file `{path}`; nothing was changed"
        )))),
    }
}
