//! `adapters ls` and `adapters show`.

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::Run;
use super::exit::Exit;
use super::failure::Failure;
use crate::adapter::detect;
use crate::ops::{Context, Error, statements};
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
    let context = run.connecting.context(&run.interrupt)?;
    match command {
        AdaptersCommand::List => list(run, &context).await,
        AdaptersCommand::Show(args) => show(run, &context, &args).await,
    }
}

async fn list(run: &mut Run, context: &Context) -> Result<Exit, Failure> {
    let mut fits = None;
    if run.connecting.names_a_database() {
        match context.open().await {
            Ok(desk) => {
                run.warn_of_cluster(&desk.session);
                run.screen.note(&format!(
                    "{}: {}",
                    desk.identity.line(),
                    desk.bound.adapter.title
                ));
                fits = Some(desk.bound.adapter.name.clone());
            }
            Err(error @ Error::Detect(_)) => run.screen.note(&format!("note: {error}")),
            Err(error) => return Err(error.into()),
        }
    }
    let mut out = run.screen.data();
    view::adapters(
        &mut out,
        &context.adapters,
        fits.as_deref(),
        run.screen.width(),
    )?;
    out.flush()?;
    Ok(Exit::Done)
}

async fn show(run: &mut Run, context: &Context, args: &AdapterShowArgs) -> Result<Exit, Failure> {
    let Some(adapter) = context
        .adapters
        .iter()
        .find(|adapter| adapter.name == args.name)
    else {
        return Err(Error::from(detect::Error::Unknown(args.name.clone())).into());
    };
    let mut out = run.screen.data();
    if !args.sql {
        view::adapter(&mut out, adapter)?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    // Which columns exist decides what is sent, so the statements are those for one database.
    let mut context = context.clone();
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
