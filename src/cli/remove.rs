//! `tokens rm`: which tokens, and what is to become of them.

use std::time::Duration;

use clap::Args;

use super::Run;
use super::batch::{BatchArgs, WantedRun, run_batches, tell_run};
use super::change::{
    Approval, ChangeArgs, Extent, Wanted, change_probing, check_unattended, check_way, only_plan,
    refuse_recorded_secrets, request, tell,
};
use super::core_dumps::NoCoreDumps;
use super::exit::Exit;
use super::failure::Failure;
use super::filter::FilterArgs;
use super::format::SingleFormat;
use super::justify;
use super::plan_file::{PlanFileArgs, check_plan_file, write_plan};
use super::probing::ProbeArgs;
use super::reading::{Named, refuse_secrets, selectors, warn_of_secrets};
use super::way::Way;
use super::when::{End, from_now};
use crate::model::Action;
use crate::ops::{Ends, Filter, Kinds, Selector};

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which tokens, by name, key or secret; or leave it out and give a filter
    #[arg(value_name = "SELECTOR")]
    pub(super) selectors: Vec<String>,
    #[command(flatten, next_help_heading = "Filter, instead of selectors")]
    pub(super) filter: FilterArgs,
    /// All live tokens of every kind
    #[arg(long, help_heading = "Filter, instead of selectors", conflicts_with_all = ["owner", "kind", "name", "unused_for", "expires_within", "expires_after", "created_before", "created_after"])]
    pub(super) all: bool,
    /// Remove the rows for good instead of expiring; the records stay
    #[arg(long)]
    pub(super) delete: bool,
    /// The key of a token that may be deleted without asking; once for each
    #[arg(long, value_name = "KEY", requires = "delete")]
    pub(super) confirm: Vec<String>,
    /// Not now, but at this time: RFC 3339, `2026-08-01 14:00` here, or a date; never later than
    /// the token ends by itself
    #[arg(long, value_name = "TIME", conflicts_with_all = ["delete", "ends_in", "batch_size"])]
    pub(super) at: Option<End>,
    /// The same, so long after the database's now
    #[arg(long = "in", id = "ends_in", value_name = "DURATION", conflicts_with_all = ["delete", "batch_size"], value_parser = from_now)]
    pub(super) ends_in: Option<Duration>,
    /// Change exactly N tokens, or nothing
    #[arg(long, value_name = "N")]
    pub(super) expect: Option<usize>,
    #[command(flatten)]
    pub(super) plan: PlanFileArgs,
    #[command(flatten)]
    pub(super) extent: Extent,
    #[command(flatten)]
    pub(super) batch: BatchArgs,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
    #[command(flatten)]
    pub(super) probe: ProbeArgs,
    /// How to write the receipt
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

/// What begins a run of batches.
const BATCHES: &str = "--batch-size";

impl RemoveArgs {
    /// What is asked for.
    fn action(&self) -> Action {
        if self.delete {
            Action::Delete
        } else {
            Action::Expire
        }
    }

    /// An end in the future, instead of now.
    fn ends_at(&self) -> Option<Ends> {
        let at = self.at.map(|End(time)| Ends::At(time));
        at.or(self.ends_in.map(Ends::In))
    }

    /// How the operator says yes.
    fn approval(&self, is_filtered: bool) -> Result<Approval, Failure> {
        if !is_filtered {
            return Ok(Approval::of(self.action(), &self.confirm));
        }
        if !self.confirm.is_empty() {
            return Err(Failure::usage(
                "--confirm is for tokens that are named one by one",
                "a filter is confirmed by its number: `--expect N --yes`",
            ));
        }
        Ok(Approval::Count {
            expected: self.expect.is_some(),
        })
    }

    /// Refuses what a probe does not go with.
    fn check_probe(&self, is_filtered: bool) -> Result<(), Failure> {
        let (what, hint) = if self.probe.probe.is_none() {
            return Ok(());
        } else if self.batch.batch_size.is_some() {
            (
                "--batch-size: it asks with the secret of one token",
                "leave one of them out",
            )
        } else if self.plan.plan_file.is_some() {
            (
                "--plan-file: nothing is changed that it could ask about",
                "leave one of them out",
            )
        } else if is_filtered {
            (
                "a filter: it asks with the secret of one token",
                "name the token: its name, `id:KEY`, or `-` for its secret on standard input",
            )
        } else {
            return Ok(());
        };
        Err(Failure::usage(
            format!("--probe does not go with {what}"),
            hint,
        ))
    }

    /// Refuses what goes to a database only.
    fn check_way(&self, way: &Way) -> Result<(), Failure> {
        check_way(way, &self.change)?;
        if self.batch.batch_size.is_some() {
            way.here(BATCHES)?;
        }
        if self.probe.probe.is_some() {
            way.here("--probe")?;
        }
        Ok(())
    }

    /// Refuses a secret where it would be told or recorded.
    fn refuse_secrets(&self, way: &Way) -> Result<(), Failure> {
        refuse_recorded_secrets(way, &self.change)?;
        self.filter.refuse_secrets(way)?;
        self.selectors
            .iter()
            .filter(|word| word.starts_with("owner:"))
            .try_for_each(|word| refuse_secrets(way, "owner:", Some(word)))
    }

    /// What the filter lets through; `None` where tokens are named one by one.
    fn filtered(&self) -> Result<Option<Filter>, Failure> {
        let given = FilterArgs {
            include_expired: false,
            ..self.filter.clone()
        };
        let filters = given != FilterArgs::default();
        if !self.selectors.is_empty() {
            let beside = FilterArgs {
                name: None,
                ..self.filter.clone()
            };
            if self.all || beside != FilterArgs::default() {
                return Err(Failure::usage(
                    "a selector and a filter do not go together",
                    "name tokens one by one, or leave the selectors out and filter",
                ));
            }
            return Ok(None);
        }
        if self.all {
            return Ok(Some(Filter {
                include_expired: self.filter.include_expired,
                ..Filter::everything()
            }));
        }
        if !filters {
            return Err(Failure::usage(
                "no token is named, and nothing to filter by",
                "give a SELECTOR, a filter such as `--owner LOGIN`, or `--all`",
            ));
        }
        // Whoever cuts an owner off means all of theirs.
        let otherwise = if self.filter.owner.is_some() {
            Kinds::All
        } else {
            Kinds::Default
        };
        let filter = self.filter.filter(otherwise);
        let everything = Filter {
            include_expired: filter.include_expired,
            ..Filter::everything()
        };
        if filter == everything {
            return Err(Failure::usage(
                "--kind all by itself is every token that there is",
                "say `--all`, or filter by more",
            ));
        }
        Ok(Some(filter))
    }
}

/// Removes tokens.
pub(super) async fn remove(run: &mut Run, args: RemoveArgs) -> Result<Exit, Failure> {
    if called_delete(run) && !args.delete {
        run.screen
            .note("note: `delete` without --delete expires: the row stays");
    }
    args.plan.check_validity()?;
    let action = args.action();
    let filtered = args.filtered()?;
    args.check_probe(filtered.is_some())?;
    let approval = args.approval(filtered.is_some())?;
    let size = args.batch.size(&args.change, filtered.is_some())?;
    let pasted = args.selectors.iter().any(|word| word == "-") || args.probe.reads_input();
    match &args.plan.plan_file {
        Some(path) => check_plan_file(path, &args.change)?,
        None => check_unattended(run, &args.change, &approval, pasted)?,
    }
    let way = run.connecting.way(&run.interrupt)?;
    args.check_way(&way)?;
    if run.connecting.shows_password() {
        run.screen.warn("a password on the command line is visible in the process list; use PGPASSWORD or a variable");
    }
    warn_of_secrets(run, &way, &args.selectors);
    args.refuse_secrets(&way)?;
    match &args.plan.plan_file {
        Some(_) => justify::check_given(&args.change, way.policy())?,
        None => justify::check(run, &args.change, way.policy())?,
    }
    let target = args.probe.target(&way)?;
    // While the secret itself is kept, which is else gone once it is read.
    let _secrecy = target.as_ref().map(|_| NoCoreDumps::begin());
    let named = match filtered {
        Some(filter) => Named {
            selectors: vec![Selector::Filtered(filter)],
            owner: None,
        },
        None => selectors(run, &args.selectors, args.filter.name.as_ref()).await?,
    };
    let probe = match target {
        Some(target) => Some(args.probe.wanted(run, target, &named).await?),
        None => None,
    };
    let wanted = Wanted {
        action,
        restore: None,
        ends_at: args.ends_at(),
        named,
        expect: args.expect,
        extent: args.extent,
        approval,
    };
    if let Some(path) = &args.plan.plan_file {
        let proposal = only_plan(run, &args.change, &way, wanted).await?;
        return write_plan(run, path, &args, &proposal);
    }
    if let Some(size) = size {
        let approval = wanted.approval.clone();
        let request = request(run, &args.change, &way, wanted).await?;
        let wanted = WantedRun {
            request,
            size,
            pace: args.batch.pace.pace(),
            approval: &approval,
        };
        let (exit, receipt) = run_batches(run, &args.change, way.here(BATCHES)?, wanted).await?;
        return tell_run(run, args.output, exit, &receipt);
    }
    let receipt = change_probing(run, &args.change, &way, wanted, probe).await?;
    tell(run, args.output, &receipt)
}

/// `rm` has an alias that promises more than it does.
fn called_delete(run: &Run) -> bool {
    let mut words = run.typed.iter().filter_map(|word| word.to_str());
    words.any(|word| word == "tokens" || word == "token") && words.next() == Some("delete")
}
