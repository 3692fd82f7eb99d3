//! `owners show` and `owners cut`: everything that lets somebody in.

use std::io::Write as _;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::Run;
use super::change::{
    Approval, ChangeArgs, Extent, Wanted, change, check_unattended, check_way,
    refuse_recorded_secrets, tell,
};
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, SingleFormat};
use super::justify;
use super::reading::{Named, refuse_secrets};
use crate::model::{AccessDocument, Action};
use crate::ops::{MAX_ROWS, Selector, ShowOwner};
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum OwnersCommand {
    /// Show everything that still lets an owner in, and what is out of reach
    #[command(after_help = "Example:\n  breakglass owners show alice")]
    Show(OwnerShowArgs),
    /// End everything that lets an owner in, in one transaction
    #[command(after_help = CUT_EXAMPLE)]
    Cut(Box<OwnerCutArgs>),
}

const CUT_EXAMPLE: &str = "\
It ends the live tokens of every kind, and what would mint new ones, also where its token is dead
already. Like a filter it wants the number of tokens: typed on a terminal, else by --expect N --yes.

Examples:
  breakglass owners cut alice --reason 'laptop stolen, INC-42'
  breakglass owners cut alice --expect 14 --yes --reason 'laptop stolen, INC-42'";

#[derive(Debug, Args)]
pub(super) struct OwnerShowArgs {
    /// Whom: login, email or id
    #[arg(value_name = "OWNER", value_parser = NonEmptyStringValueParser::new())]
    pub(super) owner: String,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

#[derive(Debug, Args)]
pub(super) struct OwnerCutArgs {
    /// Whom: login, email or id
    #[arg(value_name = "OWNER", value_parser = NonEmptyStringValueParser::new())]
    pub(super) owner: String,
    /// Remove the rows for good instead of expiring; the records stay
    #[arg(long)]
    pub(super) delete: bool,
    /// Change exactly N tokens, or nothing
    #[arg(long, value_name = "N")]
    pub(super) expect: Option<usize>,
    /// At most so many tokens in one transaction; a target's `max_rows` still holds
    #[arg(long, value_name = "N", default_value_t = MAX_ROWS, value_parser = Extent::rows())]
    pub(super) max_rows: usize,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
    /// How to write the receipt
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

/// Shows or cuts.
pub(super) async fn run(run: &mut Run, command: OwnersCommand) -> Result<Exit, Failure> {
    match command {
        OwnersCommand::Show(args) => show(run, &args).await,
        OwnersCommand::Cut(args) => cut(run, *args).await,
    }
}

async fn show(run: &mut Run, args: &OwnerShowArgs) -> Result<Exit, Failure> {
    let way = run.connecting.way(&run.interrupt)?;
    refuse_secrets(&way, "OWNER", Some(&args.owner))?;
    let opened = way.open(run).await?;
    let request = ShowOwner {
        owner: args.owner.clone(),
    };
    let access = opened.access(&request).await?;
    let mut out = run.screen.data();
    match args.output {
        Format::Table => {
            view::access(&mut out, &access, opened.clock(), run.screen.width())?;
        }
        Format::Json => view::document(&mut out, &AccessDocument::from(access))?,
        Format::Jsonl => view::access_lines(&mut out, &access)?,
        Format::Csv => view::access_csv(&mut out, &access, run.screen.is_terminal())?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

async fn cut(run: &mut Run, args: OwnerCutArgs) -> Result<Exit, Failure> {
    let approval = Approval::Count {
        expected: args.expect.is_some(),
    };
    check_unattended(run, &args.change, &approval, false)?;
    let way = run.connecting.way(&run.interrupt)?;
    check_way(&way, &args.change)?;
    refuse_recorded_secrets(&way, &args.change)?;
    refuse_secrets(&way, "OWNER", Some(&args.owner))?;
    justify::check(run, &args.change, way.policy())?;
    let action = if args.delete {
        Action::Delete
    } else {
        Action::Expire
    };
    let wanted = Wanted {
        ends_at: None,
        action,
        restore: None,
        named: Named {
            selectors: vec![Selector::Owner(args.owner.clone())],
            owner: None,
        },
        expect: args.expect,
        extent: Extent::of(false, Some(args.max_rows)),
        approval,
    };
    let receipt = change(run, &args.change, &way, wanted).await?;
    tell(run, args.output, &receipt)
}
