//! `tokens rm`: which tokens, and what is to become of them.

use clap::Args;

use super::Run;
use super::change::{
    Approval, ChangeArgs, Wanted, change_probing, check_unattended, refuse_recorded_secrets, tell,
};
use super::core_dumps::NoCoreDumps;
use super::exit::Exit;
use super::failure::Failure;
use super::format::SingleFormat;
use super::justify;
use super::probing::ProbeArgs;
use super::reading::{refuse_secrets, selectors, warn_of_secrets};
use crate::model::Action;

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which tokens
    #[arg(value_name = "SELECTOR", required = true)]
    pub(super) selectors: Vec<String>,
    /// The name that goes with owner:LOGIN
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Remove the rows for good instead of expiring; the records stay
    #[arg(long)]
    pub(super) delete: bool,
    /// The key of a token that may be deleted without asking; once for each
    #[arg(long, value_name = "KEY", requires = "delete")]
    pub(super) confirm: Vec<String>,
    /// Change exactly N tokens, or nothing
    #[arg(long, value_name = "N")]
    pub(super) expect: Option<usize>,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
    #[command(flatten)]
    pub(super) probe: ProbeArgs,
    /// How to write the receipt
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

impl RemoveArgs {
    /// What is asked for.
    fn action(&self) -> Action {
        if self.delete {
            Action::Delete
        } else {
            Action::Expire
        }
    }
}

/// Removes tokens.
pub(super) async fn remove(run: &mut Run, args: RemoveArgs) -> Result<Exit, Failure> {
    if called_delete(run) && !args.delete {
        run.screen
            .note("note: `delete` without --delete expires: the row stays");
    }
    let action = args.action();
    let approval = Approval::of(action, &args.confirm);
    let pasted = args.selectors.iter().any(|word| word == "-") || args.probe.reads_input();
    check_unattended(run, &args.change, &approval, pasted)?;
    let context = run.connecting.context(&run.interrupt)?;
    if run.connecting.shows_password() {
        run.screen.warn("a password on the command line is visible in the process list; use PGPASSWORD or a variable");
    }
    warn_of_secrets(run, &context, &args.selectors);
    refuse_recorded_secrets(&context, &args.change)?;
    refuse_secrets(&context, "--name", args.name.as_deref())?;
    for word in args
        .selectors
        .iter()
        .filter(|word| word.starts_with("owner:"))
    {
        refuse_secrets(&context, "owner:", Some(word))?;
    }
    justify::check(run, &args.change, &context.policy)?;
    let target = args.probe.target(&context)?;
    // While the secret itself is kept, which is else gone once it is read.
    let _secrecy = target.as_ref().map(|_| NoCoreDumps::begin());
    let named = selectors(run, &args.selectors, args.name.as_ref()).await?;
    let probe = match target {
        Some(target) => Some(args.probe.wanted(run, target, &named).await?),
        None => None,
    };
    let wanted = Wanted {
        action,
        named,
        expect: args.expect,
        approval,
    };
    let receipt = change_probing(run, &args.change, &context, wanted, probe).await?;
    tell(run, args.output, &receipt)
}

/// `rm` has an alias that promises more than it does.
fn called_delete(run: &Run) -> bool {
    let mut words = run.typed.iter().filter_map(|word| word.to_str());
    words.any(|word| word == "tokens" || word == "token") && words.next() == Some("delete")
}
