//! `adapters ls` and `adapters show`.

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::Run;
use super::exit::Exit;
use super::failure::Failure;
use super::way::Way;
use crate::adapter::detect;
use crate::ops::{Error, statements};
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum AdaptersCommand {
    /// List the adapters, and which one fits the database if there is one to ask
    #[command(
        name = "ls",
        visible_alias = "list",
        after_help = "Example:
  breakglass adapters ls -d postgres://db1/coder"
    )]
    List,
    /// Show one adapter
    #[command(after_help = "Example:\n  breakglass adapters show coder --sql")]
    Show(AdapterShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct AdapterShowArgs {
    /// The adapter's name
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Print every statement that it leads to on the database that is connected to
    #[arg(long)]
    pub(super) sql: bool,
}

/// Runs a command about adapters.
pub(super) async fn run(run: &mut Run, command: AdaptersCommand) -> Result<Exit, Failure> {
    let way = run.connecting.way(&run.interrupt)?;
    match command {
        AdaptersCommand::List => list(run, &way).await,
        AdaptersCommand::Show(args) => show(run, &way, &args).await,
    }
}

async fn list(run: &mut Run, way: &Way) -> Result<Exit, Failure> {
    let mut fits = None;
    if run.connecting.names_a_database() {
        match way.open(run).await {
            Ok(opened) => {
                let line = format!("{}: {}", opened.line(), opened.title());
                run.screen.note(&line);
                fits = Some(opened.adapter_name().to_owned());
            }
            Err(failure) if failure.is_undetected() => {
                run.screen.note(&format!("note: {}", failure.message()));
            }
            Err(failure) => return Err(failure),
        }
    }
    let mut out = run.screen.data();
    let width = run.screen.width();
    view::adapters(&mut out, way.adapters(), fits.as_deref(), width)?;
    out.flush()?;
    Ok(Exit::Done)
}

async fn show(run: &mut Run, way: &Way, args: &AdapterShowArgs) -> Result<Exit, Failure> {
    let mut adapters = way.adapters().iter();
    let Some(adapter) = adapters.find(|adapter| adapter.name == args.name) else {
        return Err(Error::from(detect::Error::Unknown(args.name.clone())).into());
    };
    let mut out = run.screen.data();
    if !args.sql {
        view::adapter(&mut out, adapter)?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    // Which columns exist decides what is sent, so the statements are those for one database.
    let mut context = way.here("--sql")?.clone();
    context.choice.adapter = Some(args.name.clone());
    let desk = context.open().await?;
    run.warn_of_cluster(&desk.session);
    run.screen.note(&desk.identity.line());
    for (name, statement) in statements(&desk).await? {
        writeln!(out, "-- {name}\n{};\n", statement.trim_end())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}
