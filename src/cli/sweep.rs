//! `tokens sweep`: read a leak, judge what is in it, and kill what is alive when told so.

use std::io::{self, Read};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use futures_util::TryStreamExt as _;

use super::Run;
use super::core_dumps::NoCoreDumps;
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, SingleFormat};
use super::meter::Meter;
use super::reading::{Named, warn_of_secrets};
use super::remove::{self, RemoveArgs};
use crate::adapter::{Adapter, SecretShape};
use crate::model::{HitVerdict, Receipt, SweepSummary};
use crate::ops::{Context, Desk, Error, Selector, Sweep, Swept};
use crate::scan::{self, Leak, Options, Progress};
use crate::view::{SweepHead, SweepStyle, SweepWriter};

/// How long a reader is waited for that is to stop.
const STOPPING: Duration = Duration::from_millis(200);

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
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

impl SweepArgs {
    /// What is to be done with the live ones, in the words of `tokens rm`, so that it is asked,
    /// refused and recorded as there.
    fn kill(&self) -> Option<RemoveArgs> {
        (self.expire || self.delete).then(|| RemoveArgs {
            selectors: vec![self.file.clone()],
            name: None,
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
            delete: self.delete,
            confirm: self.confirm.clone(),
            yes: self.yes,
            dry_run: self.dry_run,
            expect: self.expect,
            no_app_audit: self.no_app_audit,
            app_actor: self.app_actor.clone(),
            output: match self.output {
                Format::Json | Format::Jsonl => SingleFormat::Json,
                Format::Table | Format::Csv => SingleFormat::Table,
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
    if let Some(kill) = &kill {
        remove::check_unattended(run, kill)?;
    }
    let context = run.connecting.context(&run.interrupt)?;
    warn_of_secrets(run, &context, std::slice::from_ref(&args.file));
    if let Some(kill) = &kill {
        remove::refuse_recorded_secrets(&context, kill)?;
    }
    let desk = until_interrupted(run, open(&context)).await?;
    let shape = desk.secret_shape();
    let shape = shape.ok_or_else(|| Error::NoSecretShape(desk.bound.adapter.name.clone()))?;
    let input = (args.file != "-").then(|| scan::masked(&args.file, &shape));
    let dumps = NoCoreDumps::begin();
    let (leak, format) = read(run, &args, input.as_deref(), &desk.bound.adapter).await?;
    drop(dumps);
    // Whoever pipes in a build may take longer than a proxy lets a connection sleep.
    let desk = if desk.session.is_closed() {
        until_interrupted(run, open(&context)).await?
    } else {
        desk
    };
    let mut told = Told::begin(run, &args, kill.is_some())?;
    let sweep = Sweep { leak, input };
    let (summary, swept) = judge(run, &desk, &sweep, &mut told).await?;
    let head = SweepHead {
        input: sweep.input.as_deref(),
        format: format.as_str(),
        adapter: &desk.bound.adapter.name,
        summary,
    };
    told.summary(run, &head, &desk)?;
    drop(desk);
    drop(sweep);
    let receipt = match kill {
        Some(kill) => match end(run, &context, &kill, swept).await {
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
        .map_or(Exit::Done, |receipt| remove::ended(run, receipt));
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

async fn open(context: &Context) -> Result<Desk, Failure> {
    let desk = context.open().await?;
    desk.check_visible()?;
    Ok(desk)
}

/// Nothing was changed before the question, so everything may be dropped.
async fn until_interrupted<T>(
    run: &Run,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = run.interrupt.raised() => Err(Failure::Interrupted),
    }
}

/// Reads the leak on a thread of its own, and shows how far it has come.
async fn read(
    run: &Run,
    args: &SweepArgs,
    input: Option<&str>,
    adapter: &Adapter,
) -> Result<(Leak, scan::Format), Failure> {
    let file = input.is_some().then(|| args.file.clone());
    let (options, adapter) = (args.options(), adapter.clone());
    let progress = Arc::new(Progress::default());
    let mut meter = Meter::new(run.screen.talks(), file.as_deref());
    let seen = Arc::clone(&progress);
    let mut reading = tokio::task::spawn_blocking(move || {
        let mut from: Box<dyn Read> = match file {
            Some(path) => Box::new(std::fs::File::open(Path::new(&path))?),
            None => Box::new(io::stdin().lock()),
        };
        let shape = SecretShape::of(&adapter).ok_or(scan::Error::Pattern)?;
        scan::scan(&mut *from, &shape, options, &seen)
    });
    let done = loop {
        tokio::select! {
            done = &mut reading => break done,
            () = run.interrupt.raised() => {
                progress.stop.store(true, Ordering::Relaxed);
                let _stopped = tokio::time::timeout(STOPPING, reading).await.is_ok();
                meter.clear();
                return Err(Failure::Interrupted);
            }
            () = tokio::time::sleep(Meter::PACE) => meter.show(&progress),
        }
    };
    meter.clear();
    let name = input.unwrap_or("standard input");
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(scan::Error::Io(error))) => Err(Failure::usage(
            format!("cannot read {name}: {error}"),
            "give the file that leaked, or `-` for standard input",
        )),
        Ok(Err(scan::Error::Stopped)) => Err(Failure::Interrupted),
        Ok(Err(error @ scan::Error::Pattern)) => Err(anyhow::Error::new(error).into()),
        Err(error) => Err(anyhow::Error::new(error).into()),
    }
}

/// Judges every secret and writes it; keeps which are alive.
async fn judge(
    run: &Run,
    desk: &Desk,
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
    let mut hits = pin!(sweep.run(desk)?);
    let mut number = 0;
    loop {
        let next = async { Ok(hits.try_next().await?) };
        let Some(hit) = until_interrupted(run, next).await? else {
            return Ok((summary, swept));
        };
        summary.count(&hit);
        if hit.verdict == HitVerdict::Live {
            swept
                .chosen
                .extend(leak.secret(number).map(|secret| secret.parts()));
        }
        number += 1;
        told.hit(&hit)?;
    }
}

/// Kills what was chosen, by the way of `tokens rm`.
async fn end(
    run: &Run,
    context: &Context,
    kill: &RemoveArgs,
    swept: Swept,
) -> Result<Option<Receipt>, Failure> {
    if swept.chosen.is_empty() {
        if let Some(expected) = kill.expect.filter(|expected| *expected > 0) {
            return Err(Error::Expected { expected, found: 0 }.into());
        }
        let verb = kill.action();
        run.screen
            .note(&format!("no secret is alive: there is nothing to {verb}"));
        return Ok(None);
    }
    let named = Named {
        selectors: vec![Selector::Swept(swept)],
        owner: None,
    };
    remove::carry_out(run, context, kill, named).await.map(Some)
}

/// What is written, to whoever still reads it.
struct Told<'a> {
    writer: Option<SweepWriter<'a>>,
    /// Whether something is done afterwards, which a reader who went away must not prevent.
    goes_on: bool,
}

impl Told<'_> {
    fn begin(run: &Run, args: &SweepArgs, goes_on: bool) -> Result<Self, Failure> {
        let style = match args.output {
            Format::Table => SweepStyle::Table(run.screen.width()),
            Format::Json => SweepStyle::Json,
            Format::Jsonl => SweepStyle::Jsonl,
            Format::Csv => SweepStyle::Csv {
                terminal: run.screen.is_terminal(),
            },
        };
        let mut told = Self {
            writer: None,
            goes_on,
        };
        let begun = SweepWriter::begin(Box::new(run.screen.data()), style);
        told.writer = told.heard(begun)?;
        Ok(told)
    }

    fn heard<T>(&self, written: io::Result<T>) -> Result<Option<T>, Failure> {
        match written {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.goes_on && error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn hit(&mut self, hit: &crate::model::Hit) -> Result<(), Failure> {
        if let Some(writer) = &mut self.writer {
            let written = writer.hit(hit);
            if self.heard(written)?.is_none() {
                self.writer = None;
            }
        }
        Ok(())
    }

    fn summary(&mut self, run: &mut Run, head: &SweepHead<'_>, desk: &Desk) -> Result<(), Failure> {
        let left_out = match &mut self.writer {
            Some(writer) => {
                let written = writer.summary(head);
                self.heard(written)?
            }
            None => None,
        };
        match left_out {
            None => self.writer = None,
            Some(0) => {}
            Some(more) => run.screen.warn(&format!(
                "{more} more are not shown; `-o jsonl` writes them all"
            )),
        }
        let summary = &head.summary;
        run.screen.note(&summary_line(head));
        if summary.secrets == 0 && head.format != "text" && head.format != "diff" {
            run.screen
                .note("note: a report that was written with its secrets redacted holds none");
        }
        if summary.not_verified > 0 {
            run.screen.warn(&format!(
                "{} of them could not be compared: role {} may not read the stored hash",
                summary.not_verified, desk.identity.role
            ));
        }
        Ok(())
    }

    fn end(self, receipt: Option<&Receipt>) -> io::Result<()> {
        match self.writer {
            Some(writer) => writer.end(receipt),
            None => Ok(()),
        }
    }
}

/// `read 1.2 GiB as text: 33 places of 12 secrets: 3 live, 1 wrong secret, 2 dead, 6 unknown`.
fn summary_line(head: &SweepHead<'_>) -> String {
    let SweepSummary {
        bytes,
        occurrences,
        secrets,
        live,
        wrong_secret,
        dead,
        unknown,
        not_verified: _,
    } = head.summary;
    let plural = |number: u64| if number == 1 { "" } else { "s" };
    let read = format!("read {bytes} byte{} as {}", plural(bytes), head.format);
    if secrets == 0 {
        return format!(
            "{read}: nothing of the shape of a secret of {}",
            head.adapter
        );
    }
    format!(
        "{read}: {occurrences} place{} of {secrets} secret{}: {live} live, \
         {wrong_secret} wrong secret, {dead} dead, {unknown} unknown",
        plural(occurrences),
        plural(secrets)
    )
}
