//! The command line: clap's types and a `run` for each command. It builds requests for
//! [`crate::ops`], asks what has to be asked, and shows what comes back.

mod adapters;
mod apply;
mod args;
mod audit;
mod bar;
mod batch;
mod change;
mod completions;
mod connection;
mod core_dumps;
mod demo;
mod doctor;
mod exit;
mod failure;
mod filter;
mod format;
mod init;
mod justify;
mod meter;
mod owners;
mod plan_file;
mod probing;
mod prompt;
mod reading;
mod remove;
mod restore;
mod resume;
mod screen;
mod serve;
mod sweep;
mod targets;
mod terminal;
mod tokens;
mod unblock;
mod way;
mod when;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _};
use tokio::sync::Notify;

pub use args::Cli;
use args::{Command, TokensCommand};
use connection::Connecting;
use exit::Exit;
use failure::Failure;
use screen::Screen;
use targets::TargetsCommand;

use crate::db::{Interrupt, Session};

/// What a command is run with.
struct Run {
    connecting: Connecting,
    screen: Screen,
    interrupt: Interrupt,
    /// The command line as typed, for what an alias does not tell.
    typed: Vec<OsString>,
}

impl Run {
    /// Says where a cluster is pinned and the server does not tell whether it is that one.
    /// Reading goes on.
    fn warn_of_cluster(&mut self, session: &Session) {
        if let Err(error) = session.may_write() {
            self.screen.warn(&error.to_string());
        }
    }
}

/// Parses the command line, runs the command, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::command()
        .try_get_matches_from(&typed)
        .and_then(|matches| Cli::from_arg_matches(&matches))
    {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error, &typed),
    };
    // One command waits for one answer at a time; a server for many.
    let mut runtime = if cli.is_server() {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let Ok(runtime) = runtime.enable_all().build() else {
        return Exit::Refused.into();
    };
    let exit = runtime.block_on(run(cli, typed));
    // A thread that still waits for a key must not keep the process.
    runtime.shutdown_background();
    exit.into()
}

async fn run(cli: Cli, typed: Vec<OsString>) -> Exit {
    let interrupt = Interrupt::default();
    let screen = Screen::new(
        cli.wants_json(),
        connection::wants_colours(),
        cli.connecting.warnings(),
    );
    let is_server = cli.is_server();
    let mut run = Run {
        connecting: cli.connecting,
        screen,
        interrupt,
        typed,
    };
    let watching = run.interrupt.clone();
    let watched = run.interrupt.clone();
    let again = Arc::new(Notify::new());
    let heard_again = Arc::clone(&again);
    let signals = if is_server {
        exit::Signals::listen_but_hang_up()
    } else {
        exit::Signals::listen()
    };
    let listener = match signals {
        Ok(mut signals) => tokio::spawn(async move {
            loop {
                let is_key = signals.any().await;
                if is_key && watched.is_raised() {
                    heard_again.notify_one();
                }
                watched.raise();
            }
        }),
        Err(error) => return run.screen.fail(&Failure::Other(error.into())),
    };
    let ended = tokio::select! {
        biased;
        ended = command(&mut run, cli.command) => ended,
        // What runs is dropped where it stands, so it is asked for before.
        left = async { again.notified().await; watching.under_way() } => Err(Failure::Abandoned(left)),
    };
    listener.abort();
    match ended {
        Ok(exit) => {
            run.screen.flush_warnings();
            exit
        }
        Err(failure) => {
            if failure.exit() == Exit::Interrupted {
                exit::after_interrupt().await;
            }
            run.screen.fail(&failure)
        }
    }
}

async fn command(run: &mut Run, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Tokens(tokens) => match tokens.command {
            TokensCommand::List(list) => tokens::list(run, &list).await,
            TokensCommand::Show(show) => tokens::show(run, &show).await,
            TokensCommand::Remove(args) => remove::remove(run, *args).await,
            TokensCommand::Restore(args) => restore::restore_token(run, *args).await,
            TokensCommand::Sweep(args) => sweep::sweep(run, *args).await,
        },
        Command::Apply(args) => apply::apply(run, *args).await,
        Command::Owners(owners) => owners::run(run, owners.command).await,
        Command::Restore(args) => restore::restore(run, *args).await,
        Command::Resume(args) => resume::resume(run, args).await,
        Command::Audit(audit) => audit::run(run, audit.command).await,
        Command::Adapters(adapters) => adapters::run(run, adapters.command).await,
        Command::Targets(targets) => match targets.command {
            TargetsCommand::List(list) => targets::list(run, &list),
        },
        Command::Init(init) => init::run(run, &init).await,
        Command::Doctor(doctor) => doctor::run(run, &doctor).await,
        Command::Serve(args) => serve::run(run, *args).await,
        Command::Demo(demo) => demo::run(run, &demo).await,
        Command::Completions(completions) => {
            completions::completions(run, Cli::command(), &completions)
        }
        Command::Man => completions::man(run, Cli::command()),
    }
}
