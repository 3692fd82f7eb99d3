//! `restore` and `tokens restore`: what an operation set is put back.

use clap::Args;

use super::Run;
use super::change::{
    Approval, ChangeArgs, Extent, Wanted, change, check_unattended, check_way,
    refuse_recorded_secrets, tell,
};
use super::exit::Exit;
use super::failure::Failure;
use super::format::SingleFormat;
use super::justify;
use super::reading::{Named, refuse_secrets, selectors, warn_of_secrets};
use super::way::Way;
use crate::model::Action;
use crate::ops::{MAX_ROWS, Restore};

/// What both commands have.
#[derive(Debug, Args)]
pub(super) struct HowArgs {
    /// Put back the columns that are as the operation left them, where others changed since
    #[arg(long)]
    pub(super) force: bool,
    /// Restore exactly N tokens, or nothing
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

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The operation's id, or the beginning of it
    #[arg(value_name = "OPERATION")]
    pub(super) operation: String,
    #[command(flatten)]
    pub(super) how: HowArgs,
}

#[derive(Debug, Args)]
pub(super) struct TokenRestoreArgs {
    /// Which token
    #[arg(value_name = "SELECTOR")]
    pub(super) selector: String,
    /// The name that goes with owner:LOGIN
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) how: HowArgs,
}

/// Takes an operation back.
pub(super) async fn restore(run: &mut Run, args: RestoreArgs) -> Result<Exit, Failure> {
    let RestoreArgs { operation, how } = args;
    let way = prepare(run, &how, false)?;
    refuse_secrets(&way, "the operation", Some(&operation))?;
    let named = Named {
        selectors: Vec::new(),
        owner: None,
    };
    finish(run, how, &way, named, Some(operation)).await
}

/// Takes the latest operation on one token back, of which only that token and its companions.
pub(super) async fn restore_token(run: &mut Run, args: TokenRestoreArgs) -> Result<Exit, Failure> {
    let TokenRestoreArgs {
        selector,
        name,
        how,
    } = args;
    let words = [selector];
    let pasted = words.iter().any(|word| word == "-");
    let way = prepare(run, &how, pasted)?;
    warn_of_secrets(run, &way, &words);
    refuse_secrets(&way, "--name", name.as_deref())?;
    for word in words.iter().filter(|word| word.starts_with("owner:")) {
        refuse_secrets(&way, "owner:", Some(word))?;
    }
    let named = selectors(run, &words, name.as_ref()).await?;
    if named.selectors.len() != 1 {
        return Err(Failure::usage(
            "more than one token",
            "run the command once for each, or `breakglass restore OPERATION` for all of one operation",
        ));
    }
    finish(run, how, &way, named, None).await
}

/// Refuses what can be refused before anything is connected to.
fn prepare(run: &mut Run, how: &HowArgs, pasted: bool) -> Result<Way, Failure> {
    check_unattended(run, &how.change, &Approval::Word, pasted)?;
    let way = run.connecting.way(&run.interrupt)?;
    check_way(&way, &how.change)?;
    if run.connecting.shows_password() {
        run.screen.warn("a password on the command line is visible in the process list; use PGPASSWORD or a variable");
    }
    refuse_recorded_secrets(&way, &how.change)?;
    justify::check(run, &how.change, way.policy())?;
    Ok(way)
}

async fn finish(
    run: &mut Run,
    how: HowArgs,
    way: &Way,
    named: Named,
    operation: Option<String>,
) -> Result<Exit, Failure> {
    let wanted = Wanted {
        action: Action::Restore,
        restore: Some(Restore {
            operation,
            force: how.force,
        }),
        named,
        expect: how.expect,
        ends_at: None,
        extent: Extent::of(false, Some(how.max_rows)),
        approval: Approval::Word,
    };
    let receipt = change(run, &how.change, way, wanted).await?;
    tell(run, how.output, &receipt)
}
