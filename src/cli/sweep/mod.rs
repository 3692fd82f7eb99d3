//! `tokens sweep`: read a leak, judge what is in it, and kill what is alive when told so.

mod read;
mod told;

use std::io;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use futures_util::TryStreamExt as _;

use super::Run;
use super::change::{self, Approval, ChangeArgs, Extent, Wanted};
use super::core_dumps::NoCoreDumps;
use super::exit::Exit;
use super::failure::Failure;
use super::format::Format;
use super::justify;
use super::reading::{Named, warn_of_secrets};
use super::unblock::Unblock;
use super::way::{Opened, Way};
use crate::adapter::{SecretShape, parse_window};
use crate::model::{Action, HitVerdict, Receipt, SweepHead, SweepSummary};
use crate::ops::{Error, Selector, Sweep, Swept};
use crate::scan::{self, Options};
use read::read;
use told::Told;

/// How a leak is written
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LeakFormat {
    /// Text, logs, anything
    Text,
    /// What `git diff`, `git show`, `git log -p` write
    Diff,
    /// A JSON report of gitleaks
    Gitleaks,
    /// What `trufflehog --json` writes
    Trufflehog,
    /// SARIF, of any tool
    Sarif,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kill").args(["expire", "delete"]))]
pub(super) struct SweepArgs {
    /// What leaked; `-` is standard input
    #[arg(value_name = "FILE|-", default_value = "-")]
    pub(super) file: String,
    /// How it is written; told by its beginning if not given
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<LeakFormat>,
    /// Places to tell of each secret at most; how many there were is always counted
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) places: u32,
    /// Exit with this code when a secret is alive and stays so
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u8).range(6..=125))]
    pub(super) exit_code: Option<u8>,
    /// Expire the live ones, as one operation
    #[arg(long)]
    pub(super) expire: bool,
    /// Remove the rows of the live ones for good
    #[arg(long)]
    pub(super) delete: bool,
    /// The key of a token that may be deleted without asking; once for each
    #[arg(long, value_name = "KEY", requires = "delete")]
    pub(super) confirm: Vec<String>,
    /// Why; asked for on a terminal
    #[arg(long, value_name = "TEXT", requires = "kill")]
    pub(super) reason: Option<String>,
    /// The ticket that asks for it
    #[arg(long, value_name = "TICKET", requires = "kill")]
    pub(super) ticket: Option<String>,
    /// Do not ask
    #[arg(short, long, requires = "kill")]
    pub(super) yes: bool,
    /// Do the work, roll it back, and tell what it would have done
    #[arg(long, requires = "kill")]
    pub(super) dry_run: bool,
    /// Change exactly N tokens, or nothing
    #[arg(long, value_name = "N", requires = "kill")]
    pub(super) expect: Option<usize>,
    /// Leave rows alone that would die with the tokens, such as refresh tokens
    #[arg(long, requires = "kill")]
    pub(super) no_companions: bool,
    /// At most so many tokens in one transaction, 50000 if not given
    #[arg(long, value_name = "N", requires = "kill", value_parser = Extent::rows())]
    pub(super) max_rows: Option<usize>,
    /// Leave the application's own audit log alone
    #[arg(long, requires = "kill")]
    pub(super) no_app_audit: bool,
    /// The application's user on whose behalf: login, email or id
    #[arg(
        long,
        value_name = "USER",
        requires = "kill",
        conflicts_with = "no_app_audit"
    )]
    pub(super) app_actor: Option<String>,
    /// When a lock of the change does not come: ask about ending whoever holds it (a statement is
    /// cancelled, a session idle in its transaction ended), record it, and try once more; =PID ends
    /// that root blocker without asking
    #[arg(long, value_name = "PID", num_args = 0..=1, require_equals = true, default_missing_value = Unblock::ASK, requires = "kill", conflicts_with = "dry_run")]
    pub(super) cancel_blocker: Option<Unblock>,
    /// How long to watch after the commit that the tokens stay dead, up to 1h; `0` looks once
    /// [default: the adapter's]
    #[arg(long, value_name = "DURATION", requires = "kill", value_parser = parse_window)]
    pub(super) settle: Option<Duration>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

/// What is to become of the live ones.
struct Kill {
    action: Action,
    approval: Approval,
    expect: Option<usize>,
    extent: Extent,
    change: ChangeArgs,
}

impl SweepArgs {
    /// What is to be done with the live ones, in the words of `tokens rm`, so that it is asked,
    /// refused and recorded as there.
    fn kill(&self) -> Option<Kill> {
        let action = if self.delete {
            Action::Delete
        } else {
            Action::Expire
        };
        (self.expire || self.delete).then(|| Kill {
            action,
            approval: Approval::of(action, &self.confirm),
            expect: self.expect,
            extent: Extent::of(self.no_companions, self.max_rows),
            change: ChangeArgs {
                reason: self.reason.clone(),
                ticket: self.ticket.clone(),
                yes: self.yes,
                dry_run: self.dry_run,
                no_app_audit: self.no_app_audit,
                app_actor: self.app_actor.clone(),
                cancel_blocker: self.cancel_blocker,
                settle: self.settle,
            },
        })
    }

    fn options(&self) -> Options {
        Options {
            format: self.format.map(|format| match format {
                LeakFormat::Text => scan::Format::Text,
                LeakFormat::Diff => scan::Format::Diff,
                LeakFormat::Gitleaks => scan::Format::Gitleaks,
                LeakFormat::Trufflehog => scan::Format::Trufflehog,
                LeakFormat::Sarif => scan::Format::Sarif,
            }),
            places: usize::try_from(self.places).unwrap_or(usize::MAX),
            ..Options::default()
        }
    }
}

/// Sweeps a leak.
pub(super) async fn sweep(run: &mut Run, args: SweepArgs) -> Result<Exit, Failure> {
    let kill = args.kill();
    let way = prepare(run, &args, kill.as_ref())?;
    let opened = open(run, &way).await?;
    let adapter = opened.adapter()?;
    let shape = SecretShape::of(adapter);
    let shape = shape.ok_or_else(|| Error::NoSecretShape(adapter.name.clone()))?;
    let input = (args.file != "-").then(|| scan::masked(&args.file, &shape));
    let dumps = NoCoreDumps::begin();
    let (leak, format) = read(run, &args, input.as_deref(), adapter).await?;
    drop(dumps);
    // Whoever pipes in a build may take longer than a proxy lets a connection sleep.
    let opened = if opened.is_closed() {
        open(run, &way).await?
    } else {
        opened
    };
    let mut told = Told::begin(run, &args, kill.is_some())?;
    let sweep = Sweep { leak, input };
    let judged = judge(&opened, &sweep, &mut told).await;
    // Who reads has gone away; the server would go on until it has something to say.
    if let Err(Failure::Output(_)) = judged {
        opened.abandon().await;
    }
    let (summary, swept) = judged?;
    let head = SweepHead {
        input: sweep.input.clone(),
        format: format.as_str().to_owned(),
        adapter: opened.adapter_name().to_owned(),
        summary,
    };
    told.summary(run, &head, &opened)?;
    drop(opened);
    drop(sweep);
    let receipt = match kill {
        Some(kill) => match end(run, &way, kill, swept).await {
            Ok(receipt) => receipt,
            Err(failure) => {
                // Whatever became of it, what was written is a whole document.
                told.end(None)?;
                return Err(failure);
            }
        },
        None => None,
    };
    let exit = receipt
        .as_ref()
        .map_or(Exit::Done, |receipt| change::ended(run, receipt));
    let changed = receipt.as_ref().is_some_and(|_| !args.dry_run);
    match (told.end(receipt.as_ref()), &receipt) {
        (Err(error), Some(receipt)) if changed && error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::Receipt {
                operation: receipt.operation.id,
                error,
            });
        }
        (Err(error), _) if !changed => return Err(error.into()),
        _ => {}
    }
    match args.exit_code {
        Some(code) if exit == Exit::Done && summary.live > 0 && !changed => Ok(Exit::Chosen(code)),
        _ => Ok(exit),
    }
}

/// Refuses what can be refused before anything is connected to.
fn prepare(run: &mut Run, args: &SweepArgs, kill: Option<&Kill>) -> Result<Way, Failure> {
    if let Some(kill) = kill {
        let pasted = args.file == "-";
        change::check_unattended(run, &kill.change, &kill.approval, pasted)?;
    }
    let way = run.connecting.way(&run.interrupt)?;
    warn_of_secrets(run, &way, std::slice::from_ref(&args.file));
    if let Some(kill) = kill {
        change::check_way(&way, &kill.change)?;
        change::refuse_recorded_secrets(&way, &kill.change)?;
        justify::check(run, &kill.change, way.policy())?;
    }
    Ok(way)
}

async fn open(run: &mut Run, way: &Way) -> Result<Opened, Failure> {
    let opened = way.open(run).await?;
    opened.check_visible()?;
    Ok(opened)
}

/// Judges every secret and writes it; keeps which are alive.
async fn judge(
    opened: &Opened,
    sweep: &Sweep,
    told: &mut Told<'_>,
) -> Result<(SweepSummary, Swept), Failure> {
    let leak = &sweep.leak;
    let mut summary = SweepSummary {
        bytes: leak.bytes(),
        occurrences: leak.occurrences(),
        secrets: leak.len() as u64,
        ..SweepSummary::default()
    };
    let mut swept = Swept {
        candidates: leak.len(),
        chosen: Vec::new(),
    };
    let mut hits = opened.judge(sweep)?;
    let mut number = 0;
    while let Some(hit) = hits.try_next().await? {
        summary.count(&hit);
        if hit.verdict == HitVerdict::Live {
            swept
                .chosen
                .extend(leak.secret(number).map(|secret| secret.parts()));
        }
        number += 1;
        told.hit(&hit)?;
    }
    Ok((summary, swept))
}

/// Kills what was chosen, by the way of `tokens rm`.
async fn end(
    run: &mut Run,
    way: &Way,
    kill: Kill,
    swept: Swept,
) -> Result<Option<Receipt>, Failure> {
    // Whoever expects some gets the refusal, and its record, that every change has.
    if swept.chosen.is_empty() && kill.expect.unwrap_or_default() == 0 {
        let verb = kill.action;
        run.screen
            .note(&format!("no secret is alive: there is nothing to {verb}"));
        return Ok(None);
    }
    let named = Named {
        selectors: vec![Selector::Swept(swept)],
        owner: None,
    };
    let Kill {
        action,
        approval,
        expect,
        extent,
        change,
    } = kill;
    let wanted = Wanted {
        action,
        restore: None,
        named,
        ends_at: None,
        expect,
        extent,
        approval,
    };
    change::change(run, &change, way, wanted).await.map(Some)
}
