//! `targets ls`.

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::Run;
use super::connection::configuration;
use super::exit::Exit;
use super::failure::Failure;
use super::format::Format;
use crate::config::TargetRow;
use crate::view::{self, ListWriter};

const FILE: &str = "\
The file is $BREAKGLASS_CONFIG, else $XDG_CONFIG_HOME/breakglass/config.toml, else
~/.config/breakglass/config.toml. Nobody but you and root may be able to write it. Of the fields of
a target only `database` is required:

  [targets.prod]
  database = \"host=db1,db2 dbname=coder user=breakglass target_session_attrs=read-write\"
  adapter = \"coder\"                            # also schema, adapter_file
  environment = \"production\"
  colour = \"red\"                               # red, green, yellow, blue, magenta, cyan, white
  system_identifier = \"7312345678901234567\"    # the only cluster that will do
  require_ticket = true
  ticket_pattern = \"^INC-[0-9]+$\"
  min_reason_length = 10                       # also reason_pattern
  max_rows = 50                                # tokens in one operation; no flag raises it
  password_command = [\"pass\", \"show\", \"db1\"]   # no shell; run at every connection
  connect_timeout = \"5s\"                       # also lock_timeout, statement_timeout,
                                               # idle_in_transaction_timeout, resolve_timeout

Example:
  breakglass targets ls -o json
  breakglass tokens ls --target prod";

#[derive(Debug, Subcommand)]
pub(super) enum TargetsCommand {
    /// List the targets of the configuration file; connects to none and runs nothing
    #[command(
        name = "ls",
        visible_alias = "list",
        after_help = FILE
    )]
    List(TargetListArgs),
}

#[derive(Debug, Args)]
pub(super) struct TargetListArgs {
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

/// Lists the targets.
pub(super) fn list(run: &mut Run, args: &TargetListArgs) -> Result<Exit, Failure> {
    let (config, path) = configuration()?;
    let targets: Vec<TargetRow> = config.targets().map(TargetRow::from).collect();
    let mut out = run.screen.data();
    match args.output {
        Format::Table if targets.is_empty() => {
            run.screen
                .note(&format!("no targets in {}", path.display()));
        }
        Format::Table => view::targets_table(&mut out, &targets, run.screen.width())?,
        Format::Json => {
            let mut list = ListWriter::begin(&mut out, "targets")?;
            for target in &targets {
                list.member(&mut out, target)?;
            }
            list.end(&mut out, false)?;
        }
        Format::Jsonl => {
            for target in &targets {
                view::line(&mut out, target)?;
            }
        }
        Format::Csv => view::targets_csv(&mut out, &targets, run.screen.is_terminal())?,
    }
    out.flush()?;
    Ok(Exit::Done)
}
