//! `demo`: an incident on a throw-away Postgres with a Coder-shaped database, from finding the
//! hot token to reading the record in both audit logs. Nothing of it is left behind.

mod hot_loop;
mod stage;

use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use anyhow::Context as _;
use clap::Args;
use tokio_postgres::types::Type;

use self::hot_loop::HotLoop;
use self::stage::Stage;
use super::Run;
use super::exit::Exit;
use super::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Leave the database up at the end until Ctrl-C
    #[arg(long)]
    pub(super) keep: bool,
}

const APPLICATION_LOG: &str = include_str!("../../../sql/demo/application_log.sql");
const LATEST_OPERATION: &str = include_str!("../../../sql/demo/latest_operation.sql");

const SIGINT: i32 = 2;

/// The token that the incident is about.
const HOT_NAME: &str = "build-cache";
const HOT_OWNER: &str = "ci-runner";

/// Runs the demo.
pub(super) async fn run(run: &mut Run, args: &Demo) -> Result<Exit, Failure> {
    let stage = Stage::build(|text| run.screen.note(text)).await?;
    let hot = HotLoop::start(&stage, HOT_OWNER, HOT_NAME).await?;
    let ended = tokio::select! {
        told = tell(run, &stage, &hot) => told,
        () = run.interrupt.raised() => Err(Failure::Interrupted),
    };
    if ended.is_ok() && (args.keep || (io::stdin().is_terminal() && io::stdout().is_terminal())) {
        keep(run, &stage).await?;
    }
    drop(hot);
    stage.clear()?;
    ended.map(|()| Exit::Done)
}

/// The incident, step by step.
async fn tell(run: &Run, stage: &Stage, hot: &HotLoop) -> Result<(), Failure> {
    let story = Story { run, stage };
    story.say("3:07 am. Coder's API is drowning in requests, and its log names one API key.")?;
    story.say("Which tokens are in use right now?")?;
    hot.wait_for_accepted(10).await;
    story.command(&["tokens", "ls", "--sort", "last-used", "--limit", "5"])?;
    story.say(&format!(
        "`{HOT_NAME}` it is. What is it, and what breaks without it?"
    ))?;
    story.command(&["tokens", "show", HOT_NAME])?;
    story.say("Expire it. The row stays, the record is written in the same transaction.")?;
    story.command(&[
        "tokens",
        "rm",
        HOT_NAME,
        "--reason",
        "hot loop since 02:50",
        "--ticket",
        "INC-42",
        "--yes",
    ])?;
    hot.wait_for_refused(3).await;
    let (accepted, refused) = hot.counts();
    story.say(&format!(
        "Is it dead? The loop goes on asking: {accepted} requests were let in before, {refused} were refused since."
    ))?;
    story.command(&["tokens", "ls", "--name", HOT_NAME, "--include-expired"])?;
    story.say(
        "And in the morning: who did what, why, and what exactly changed? Breakglass's log:",
    )?;
    story.command(&["audit", "ls"])?;
    let operation = stage.value(LATEST_OPERATION, &[]).await?;
    let short: String = operation.chars().take(13).collect();
    story.command(&["audit", "show", &short])?;
    story.say("Coder's own audit log has it too, as its UI shows it:")?;
    story.query(APPLICATION_LOG, &operation).await
}

/// Leaves the database up until Ctrl-C.
async fn keep(run: &Run, stage: &Stage) -> Result<(), Failure> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut out = run.screen.data();
    writeln!(
        out,
        "\nThe database stays up until Ctrl-C. In another terminal:\n"
    )?;
    writeln!(out, "  alias breakglass={}", program.display())?;
    writeln!(
        out,
        "  export BREAKGLASS_DATABASE_URL='{}'",
        stage.operator_conninfo()
    )?;
    writeln!(out, "  breakglass tokens ls --kind all")?;
    out.flush()?;
    drop(out);
    run.interrupt.raised().await;
    run.screen.note("");
    run.screen.note("clearing away");
    Ok(())
}

struct Story<'a> {
    run: &'a Run,
    stage: &'a Stage,
}

impl Story<'_> {
    fn say(&self, text: &str) -> Result<(), Failure> {
        let mut out = self.run.screen.data();
        writeln!(out, "\n# {text}")?;
        Ok(out.flush()?)
    }

    /// Prints a command and runs it: this very program, as the operator would.
    fn command(&self, args: &[&str]) -> Result<(), Failure> {
        let shown: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
        let mut out = self.run.screen.data();
        writeln!(out, "$ breakglass {}", shown.join(" "))?;
        out.flush()?;
        drop(out);
        let program = std::env::current_exe().context("cannot find this program")?;
        let status = Command::new(program)
            .args(args)
            .env("BREAKGLASS_DATABASE_URL", self.stage.operator_conninfo())
            .stdin(std::process::Stdio::null())
            .status()
            .context("cannot run this program")?;
        // Ctrl-C reaches the program that is shown as well as this one.
        if status.code() == Some(130) || status.signal() == Some(SIGINT) {
            return Err(Failure::Interrupted);
        }
        if !status.success() {
            return Err(
                anyhow::anyhow!("`breakglass {}` ended with {status}", shown.join(" ")).into(),
            );
        }
        Ok(())
    }

    /// Prints a statement and what it returns.
    async fn query(&self, statement: &str, operation: &str) -> Result<(), Failure> {
        let answer = self
            .stage
            .value(statement, &[(&operation, Type::TEXT)])
            .await?;
        let mut out = self.run.screen.data();
        writeln!(
            out,
            "{}",
            statement.trim().replace("$1", &format!("'{operation}'"))
        )?;
        writeln!(out, "{answer}")?;
        Ok(out.flush()?)
    }
}

/// An argument as a shell would want it typed.
fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    if arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{arg}'")
    }
}
