//! `apply`: carrying out a plan that was written down, by whoever planned it or somebody else.

use std::fs::File;
use std::io::{self, Read};

use clap::Args;
use uuid::Uuid;

use super::Run;
use super::change::{
    Approval, ChangeArgs, Extent, Wanted, change, check_unattended, check_way,
    refuse_recorded_secrets, tell,
};
use super::exit::Exit;
use super::failure::Failure;
use super::format::SingleFormat;
use super::justify;
use super::reading::Named;
use crate::model::{Action, PlanFile, PlanFileError};
use crate::ops::{Ends, Error, FromFile, PlanError, Recording, Refusal, Selector};

/// A larger file is no plan of ours: one of 50,000 tokens has some 40 MB.
const LARGEST: u64 = 512 << 20;

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// What `tokens rm --plan-file` wrote; `-` is standard input
    #[arg(value_name = "FILE|-")]
    pub(super) file: String,
    /// Apply the plan with this digest, in full, and no other
    #[arg(long, value_name = "SHA256", value_parser = parse_digest)]
    pub(super) digest: Option<String>,
    /// The key of a token that may be deleted without asking; once for each
    #[arg(long, value_name = "KEY")]
    pub(super) confirm: Vec<String>,
    /// Change exactly N tokens, or nothing
    #[arg(long, value_name = "N")]
    pub(super) expect: Option<usize>,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
    /// How to write the receipt
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

fn parse_digest(text: &str) -> Result<String, &'static str> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a digest has 64 hexadecimal digits; a part of one pins nothing")
    }
}

impl ApplyArgs {
    /// How the operator says yes. A digest that is pinned names the whole of the plan, more than the
    /// keys of a delete do, or the number of what a filter led to.
    fn approval(&self, plan: &PlanFile) -> Approval {
        let is_pinned = self.digest.is_some() && self.change.yes;
        match plan.action {
            _ if is_pinned => Approval::Word,
            _ if plan.filtered && self.confirm.is_empty() => Approval::Count {
                expected: self.expect.is_some(),
            },
            action => Approval::of(action, &self.confirm),
        }
    }
}

/// Carries out a plan.
pub(super) async fn apply(run: &mut Run, mut args: ApplyArgs) -> Result<Exit, Failure> {
    let plan = read(run, &args.file).await?;
    let approval = args.approval(&plan);
    take_over(&mut args.change, &plan);
    check_delete(run, &args, &plan, &approval)?;
    check_number(run, &args, &approval)?;
    check_unattended(run, &args.change, &approval, false)?;
    let mut way = run.connecting.way(&run.interrupt)?;
    check_way(&way, &args.change)?;
    refuse_recorded_secrets(&way, &args.change)?;
    justify::check(run, &args.change, way.policy())?;
    way.choose(&plan.adapter);
    let wanted = Wanted {
        // How many it may be is in the file that somebody wrote; a target's `max_rows` still holds.
        extent: Extent::of(plan.leaves_companions, Some(usize::MAX)),
        action: plan.action,
        restore: None,
        ends_at: plan.ends_at.map(Ends::At),
        named: Named {
            selectors: vec![Selector::FromFile(FromFile::new(plan, args.digest.clone()))],
            owner: None,
        },
        expect: args.expect,
        approval,
    };
    let receipt = change(run, &args.change, &way, wanted).await?;
    tell(run, args.output, &receipt)
}

/// What was said when it was planned counts, unless something else is said now.
fn take_over(args: &mut ChangeArgs, plan: &PlanFile) {
    args.reason = args.reason.take().or_else(|| plan.reason.clone());
    args.ticket = args.ticket.take().or_else(|| plan.ticket.clone());
    args.no_app_audit |= !plan.application_audit;
    if !args.no_app_audit {
        args.app_actor = args.app_actor.take().or_else(|| plan.app_actor.clone());
    }
}

/// Without a terminal a delete is approved by what names it.
fn check_delete(
    run: &Run,
    args: &ApplyArgs,
    plan: &PlanFile,
    approval: &Approval,
) -> Result<(), Failure> {
    if plan.action != Action::Delete && !args.confirm.is_empty() {
        return Err(Failure::usage(
            "--confirm goes with a plan that deletes, and this one expires",
            "leave it out; `--yes` applies it without asking",
        ));
    }
    let named = !matches!(approval, Approval::Keys(confirm) if confirm.is_empty());
    if named || args.change.dry_run || run.screen.can_ask() {
        return Ok(());
    }
    Err(Failure::usage(
        "the plan deletes, which needs more than --yes without a terminal",
        "add `--digest DIGEST --yes` with the digest that was approved, or `--confirm KEY` once for each token",
    ))
}

/// Without a terminal what a filter led to is approved by the digest, or by its number.
fn check_number(run: &Run, args: &ApplyArgs, approval: &Approval) -> Result<(), Failure> {
    let Approval::Count { expected } = approval else {
        return Ok(());
    };
    if (*expected && args.change.yes) || args.change.dry_run || run.screen.can_ask() {
        return Ok(());
    }
    Err(Failure::usage(
        "a filter made the plan, which needs more than --yes without a terminal",
        "add `--digest DIGEST --yes` with the digest that was approved, or `--expect N --yes`",
    ))
}

/// Reads the plan; nothing is connected to before that.
async fn read(run: &Run, file: &str) -> Result<PlanFile, Failure> {
    let name = if file == "-" { "standard input" } else { file };
    let path = file.to_owned();
    // A pipe may wait for who writes into it.
    let reading = tokio::task::spawn_blocking(move || {
        if path == "-" {
            return read_all(io::stdin().lock());
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        if length > LARGEST {
            return Err(too_large());
        }
        read_all(file)
    });
    let text = tokio::select! {
        text = reading => text.map_err(anyhow::Error::new)?,
        () = run.interrupt.raised() => return Err(Failure::Interrupted),
    };
    let text = text.map_err(|error| {
        Failure::usage(
            format!("cannot read plan file `{name}`: {error}"),
            "give a file that `breakglass tokens rm … --plan-file FILE` wrote",
        )
    })?;
    PlanFile::read(&text).map_err(|error| refused(name, error))
}

fn read_all(from: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(too_large());
    }
    Ok(text)
}

fn too_large() -> io::Error {
    io::Error::other(format!("it has more than {} MiB", LARGEST >> 20))
}

/// A plan that is none. One that was edited is refused, and there is no telling whose it was.
fn refused(name: &str, error: PlanFileError) -> Failure {
    let is_edited = matches!(error, PlanFileError::Edited { .. });
    let error = Error::Plan(PlanError::File {
        name: name.to_owned(),
        error,
    });
    if !is_edited {
        return Failure::Operation(error);
    }
    Failure::Mutation(Box::new(Refusal {
        error,
        operation: Uuid::now_v7(),
        recording: Recording::Impossible("no database was asked".to_owned()),
    }))
}
