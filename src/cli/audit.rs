//! `audit ls` and `audit show`.

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::Run;
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, SingleFormat};
use super::reading::refuse_secrets;
use super::way::WantedOperations;
use super::when::When;
use crate::model::{Deed, HistoryDocument, Outcome};
use crate::view::{self, Clock, ListWriter};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List operations, newest first
    #[command(
        name = "ls",
        visible_alias = "list",
        after_help = "Example:\n  breakglass audit ls --since 2d --outcome refused"
    )]
    List(AuditListArgs),
    /// Show one operation with every row that it changed
    #[command(after_help = "Example:\n  breakglass audit show 0199c0de")]
    Show(AuditShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct AuditListArgs {
    /// Not before a time, or so long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) since: Option<When>,
    /// Before a time, or so long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) until: Option<When>,
    /// Only of this database role, HTTP principal, operating system's user or application's user
    #[arg(long, value_name = "NAME")]
    pub(super) actor: Option<String>,
    /// Only this action
    #[arg(long, value_parser = action_parser())]
    pub(super) action: Option<Deed>,
    /// Only with this outcome
    #[arg(long, value_parser = outcome_parser())]
    pub(super) outcome: Option<Outcome>,
    /// Only those that changed the token with this key or name
    #[arg(long, value_name = "KEY|NAME")]
    pub(super) token: Option<String>,
    /// Only those that changed a token of this owner: login or id
    #[arg(long, value_name = "OWNER")]
    pub(super) owner: Option<String>,
    /// Every batch of a run too, not only those that failed
    #[arg(long)]
    pub(super) batches: bool,
    /// At most so many; 0 is all
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(super) limit: u32,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

#[derive(Debug, Args)]
pub(super) struct AuditShowArgs {
    /// The operation's id, or the beginning of it
    #[arg(value_name = "OPERATION")]
    pub(super) operation: String,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

fn action_parser() -> impl clap::builder::TypedValueParser<Value = Deed> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(["expire", "delete", "restore", "cancel_blocker"]).map(|word| {
        match word.as_str() {
            "delete" => Deed::Delete,
            "restore" => Deed::Restore,
            "cancel_blocker" => Deed::CancelBlocker,
            _ => Deed::Expire,
        }
    })
}

fn outcome_parser() -> impl clap::builder::TypedValueParser<Value = Outcome> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new([
        "applied",
        "unchanged",
        "refused",
        "failed",
        "announced",
        "begun",
    ])
    .map(|word| match word.as_str() {
        "applied" => Outcome::Applied,
        "unchanged" => Outcome::Unchanged,
        "refused" => Outcome::Refused,
        "announced" => Outcome::Announced,
        "begun" => Outcome::Begun,
        _ => Outcome::Failed,
    })
}

/// Runs a command about the audit log.
pub(super) async fn run(run: &mut Run, command: AuditCommand) -> Result<Exit, Failure> {
    match command {
        AuditCommand::List(args) => list(run, &args).await,
        AuditCommand::Show(args) => show(run, &args).await,
    }
}

async fn list(run: &mut Run, args: &AuditListArgs) -> Result<Exit, Failure> {
    let way = run.connecting.way(&run.interrupt)?;
    refuse_secrets(&way, "--token", args.token.as_deref())?;
    refuse_secrets(&way, "--owner", args.owner.as_deref())?;
    refuse_secrets(&way, "--actor", args.actor.as_deref())?;
    let limit = (args.limit > 0).then_some(args.limit);
    let wanted = WantedOperations {
        since: args.since,
        until: args.until,
        actor: args.actor.clone(),
        action: args.action,
        outcome: args.outcome,
        token: args.token.clone(),
        owner: args.owner.clone(),
        batches: args.batches,
        limit,
    };
    let read = way.operations(run, wanted).await?;
    let (clock, mut operations) = (Clock::at(read.as_of), read.value);
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let truncated = operations.len() > limit;
    operations.truncate(limit);
    let mut out = run.screen.data();
    match args.output {
        Format::Table if operations.is_empty() => run.screen.note("no operations"),
        Format::Table => {
            view::operations_table(&mut out, &operations, clock, run.screen.width())?;
        }
        Format::Json => {
            let mut list = ListWriter::begin(&mut out, "operations")?;
            for operation in &operations {
                list.member(&mut out, operation)?;
            }
            list.end(&mut out, truncated)?;
        }
        Format::Jsonl => {
            for operation in &operations {
                view::line(&mut out, operation)?;
            }
        }
        Format::Csv => view::operations_csv(&mut out, &operations, run.screen.is_terminal())?,
    }
    out.flush()?;
    if truncated && args.output != Format::Json {
        run.screen.warn(&format!(
            "there are more than {limit} operations; --limit shows more, --limit 0 all"
        ));
    }
    Ok(Exit::Done)
}

async fn show(run: &mut Run, args: &AuditShowArgs) -> Result<Exit, Failure> {
    let way = run.connecting.way(&run.interrupt)?;
    refuse_secrets(&way, "the operation", Some(&args.operation))?;
    let read = way.history(run, args.operation.clone()).await?;
    let (clock, history) = (Clock::at(read.as_of), read.value);
    let mut out = run.screen.data();
    match args.output {
        SingleFormat::Table => view::operation(&mut out, &history, clock)?,
        SingleFormat::Json => view::document(&mut out, &HistoryDocument::from(history))?,
    }
    out.flush()?;
    Ok(Exit::Done)
}
