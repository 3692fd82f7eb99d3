//! The command line: clap's types and a `run` for each command. It builds requests for
//! [`crate::ops`], asks what has to be asked, and shows what comes back.

mod adapters;
mod args;
mod audit;
mod completions;
mod connection;
mod core_dumps;
mod demo;
mod exit;
mod failure;
mod format;
mod init;
mod meter;
mod prompt;
mod reading;
mod remove;
mod screen;
mod sweep;
mod terminal;
mod tokens;
mod when;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

pub use args::Cli;
use args::{Command, TokensCommand};
use connection::Connecting;
use exit::Exit;
use failure::Failure;
use screen::Screen;

use crate::db::Interrupt;

/// What a command is run with.
struct Run {
    connecting: Connecting,
    screen: Screen,
    interrupt: Interrupt,
    /// The command line as typed, for what an alias does not tell.
    typed: Vec<OsString>,
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
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return Exit::Refused.into();
    };
    let exit = runtime.block_on(run(cli, typed));
    // A thread that still waits for a key must not keep the process.
    runtime.shutdown_background();
    exit.into()
}

async fn run(cli: Cli, typed: Vec<OsString>) -> Exit {
    let interrupt = Interrupt::default();
    let screen = Screen::new(cli.wants_json());
    let mut run = Run {
        connecting: cli.connecting,
        screen,
        interrupt,
        typed,
    };
    let watched = run.interrupt.clone();
    let listener = match exit::Signals::listen() {
        Ok(mut signals) => tokio::spawn(async move {
            loop {
                signals.any().await;
                watched.raise();
            }
        }),
        Err(error) => return run.screen.fail(&Failure::Other(error.into())),
    };
    let ended = command(&mut run, cli.command).await;
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
    let interrupt = run.interrupt.clone();
    if command.listens_for_interrupts() {
        dispatch(run, command).await
    } else {
        // What it began is rolled back with its connection.
        interruptible(&interrupt, dispatch(run, command)).await
    }
}

async fn dispatch(run: &mut Run, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Tokens(tokens) => match tokens.command {
            TokensCommand::List(list) => tokens::list(run, &list).await,
            TokensCommand::Show(show) => tokens::show(run, &show).await,
            TokensCommand::Remove(args) => remove::remove(run, *args).await,
            TokensCommand::Sweep(args) => sweep::sweep(run, *args).await,
        },
        Command::Audit(audit) => audit::run(run, audit.command).await,
        Command::Adapters(adapters) => adapters::run(run, adapters.command).await,
        Command::Init(init) => init::run(run, &init).await,
        Command::Demo(demo) => demo::run(run, &demo).await,
        Command::Completions(completions) => {
            completions::completions(run, Cli::command(), &completions)
        }
        Command::Man => completions::man(run, Cli::command()),
    }
}

/// Ends at once on Ctrl-C.
async fn interruptible<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = interrupt.raised() => Err(Failure::Interrupted),
    }
}
