//! `serve token new`: a bearer token, shown once.

use std::io::Write as _;

use clap::{Args, Subcommand};

use crate::cli::Run;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::http::principals::BearerToken;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Print a new token on standard output, once, and on standard error what the file keeps of it
    #[command(after_help = "Example:\n  breakglass serve token new --id scanner-1 > scanner.token")]
    New(NewArgs),
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// What the record calls it
    #[arg(long, value_name = "ID", default_value = "CHOOSE-AN-ID")]
    id: String,
}

/// Makes one.
pub(super) fn run(run: &Run, command: &TokenCommand) -> Result<Exit, Failure> {
    let TokenCommand::New(args) = command;
    let token = BearerToken::generate()
        .map_err(|_none| anyhow::anyhow!("the operating system has no randomness to give"))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", token.expose())?;
    out.flush()?;
    let id = serde_json::Value::from(args.id.as_str());
    let digest = token.digest();
    run.screen.talk(|out| {
        writeln!(
            out,
            "the file of principals gets, below the [[principal]] that it is for:"
        )?;
        writeln!(out, "[[principal.token]]\nid = {id}\nsha256 = \"{digest}\"")
    });
    Ok(Exit::Done)
}
