//! The command line's types. Their doc comments are the help.

use clap::{Args, Parser, Subcommand};

use super::adapters::AdaptersCommand;
use super::apply::ApplyArgs;
use super::audit::AuditCommand;
use super::completions::Completions;
use super::connection::Connecting;
use super::demo::Demo;
use super::doctor::DoctorArgs;
use super::format::{Format, SingleFormat};
use super::init::Init;
use super::owners::OwnersCommand;
use super::remove::RemoveArgs;
use super::restore::{RestoreArgs, TokenRestoreArgs};
use super::resume::ResumeArgs;
use super::serve::ServeArgs;
use super::sweep::SweepArgs;
use super::targets::TargetsCommand;
use super::tokens::{ListArgs, ShowArgs};

/// Expire an application's API tokens straight in Postgres, with the record in the same transaction
#[derive(Debug, Parser)]
#[command(
    name = "breakglass",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub(super) connecting: Connecting,
    /// What to do
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or already so
  1    refused or failed, nothing changed
  2    usage
  3    no connection
  4    outcome unknown; the error says how to find out
  5    changed, but not confirmed dead, or not all of it
  130  interrupted";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List, show and remove tokens
    #[command(alias = "token")]
    Tokens(Tokens),
    /// Show or end everything that lets somebody in
    #[command(alias = "owner")]
    Owners(Owners),
    /// Carry out a plan that `tokens rm --plan-file` wrote: exactly its rows, or nothing
    #[command(after_help = APPLY_EXAMPLE)]
    Apply(Box<ApplyArgs>),
    /// Put back what an operation set; that is an operation of its own
    #[command(after_help = RESTORE_EXAMPLE)]
    Restore(Box<RestoreArgs>),
    /// Go on with a run of batches that was cut short
    #[command(after_help = "Example:\n  breakglass resume 0199c0de --max-lag 5s")]
    Resume(ResumeArgs),
    /// Read breakglass's own audit log
    Audit(Audit),
    /// Show which applications are known, and the SQL they lead to
    #[command(alias = "adapter")]
    Adapters(Adapters),
    /// Show the databases that the configuration file names
    #[command(alias = "target")]
    Targets(Targets),
    /// Install breakglass's own schema, and give a role the least that works
    Init(Init),
    /// Look for everything that would make a change fail or lie, and change nothing
    Doctor(DoctorArgs),
    /// Answer the same operations over HTTP, for tools and for Coder's own command line
    #[command(after_help = SERVE_EXAMPLE)]
    Serve(Box<ServeArgs>),
    /// Walk through an incident on a throw-away Postgres with a Coder-shaped database
    #[command(after_help = "Example:\n  breakglass demo --keep")]
    Demo(Demo),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  breakglass completions bash > /etc/bash_completion.d/breakglass"
    )]
    Completions(Completions),
    /// Print the manual page
    #[command(after_help = "Example:\n  breakglass man | man -l -")]
    Man,
}

const LIST_EXAMPLE: &str =
    "Example:\n  breakglass tokens ls --kind all --unused-for 90d --sort last-used";
const REMOVE_EXAMPLE: &str = "\
SELECTOR is id:KEY, name:NAME, owner:LOGIN together with --name, or a bare word: a secret by its
shape, else a key or a name. `-` reads a secret from standard input, or asks for it.

A filter stands in the place of selectors and means live tokens, of the default kind unless --kind
says otherwise, or of all kinds with --owner. It acts when the number of tokens is typed, or given by
--expect N together with --yes; that holds for --delete too, where nobody could name every key.
--include-expired adds the dead ones to the number: they are left as they are, but companions of
theirs that live are ended, and --delete removes them.

Examples:
  breakglass tokens rm build-cache --reason 'hot loop, INC-42'
  breakglass tokens rm --owner alice --dry-run
  breakglass tokens rm --name 'ci-*' --unused-for 90d --expect 12 --yes --reason 'INC-42'
  pbpaste | breakglass tokens rm - --yes --reason 'leaked in a CI log'
  breakglass tokens rm id:aB3dE5gH7j --delete --confirm aB3dE5gH7j --reason 'INC-42'
  breakglass tokens rm build-cache --plan-file plan.json";

const SERVE_EXAMPLE: &str = "\
Examples:
  breakglass serve --principals principals.toml
  breakglass serve --principals principals.toml --listen unix:/run/breakglass/api.sock
  breakglass serve --principals principals.toml --listen 0.0.0.0:7345 --tls-cert cert.pem --tls-key key.pem";

const APPLY_EXAMPLE: &str = "\
The plan belongs to one database and one adapter, and expires by the database's clock. The reason and
the ticket are the planner's, unless others are given. Without a terminal a plan that deletes wants
--digest and --yes, or --confirm for each token.

Examples:
  breakglass tokens rm build-cache --plan-file plan.json --reason 'hot loop, INC-42'
  breakglass apply plan.json --dry-run
  breakglass apply plan.json --yes --digest DIGEST";

const SWEEP_EXAMPLE: &str = "\
Every byte is looked at, whatever the format; the format only tells where a secret stood. What is
compressed or encoded is not unpacked. Secrets are told by key and last four characters, and only
keys and digests are sent to the database.

Examples:
  breakglass tokens sweep ci.log
  git log -p | breakglass tokens sweep -o jsonl
  breakglass tokens sweep gitleaks.json --expire --reason 'leaked, INC-42'";

const RESTORE_EXAMPLE: &str = "\
Exactly the columns that the operation set get the values that stood there before it. A row whose
columns changed since is refused, and a row that is gone is told. A delete cannot be restored; a
restore can.

Examples:
  breakglass restore 0199c0de --reason 'wrong token, INC-42'
  breakglass restore 0199c0de --force --dry-run";
const RESTORE_TOKEN_EXAMPLE: &str = "\
Takes back the latest operation that changed the token: only this token, and the companions that the
operation changed with it.

Example:
  breakglass tokens restore build-cache --reason 'wrong token, INC-42'";

#[derive(Debug, Args)]
pub(super) struct Tokens {
    #[command(subcommand)]
    pub(super) command: TokensCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokensCommand {
    /// List tokens; dead ones are hidden
    #[command(name = "ls", visible_alias = "list", after_help = LIST_EXAMPLE)]
    List(ListArgs),
    /// Show everything that is known about one token
    #[command(after_help = "Example:\n  breakglass tokens show owner:ci-runner --name build-cache")]
    Show(ShowArgs),
    /// Expire tokens: they stop working now, their rows stay
    #[command(name = "rm", visible_aliases = ["remove", "expire", "delete"], after_help = REMOVE_EXAMPLE)]
    Remove(Box<RemoveArgs>),
    /// Put back what the latest operation set on one token
    #[command(after_help = RESTORE_TOKEN_EXAMPLE)]
    Restore(Box<TokenRestoreArgs>),
    /// Find an application's secrets in what leaked, and tell which of them still work
    #[command(after_help = SWEEP_EXAMPLE)]
    Sweep(Box<SweepArgs>),
}

#[derive(Debug, Args)]
pub(super) struct Owners {
    #[command(subcommand)]
    pub(super) command: OwnersCommand,
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    pub(super) command: AuditCommand,
}

#[derive(Debug, Args)]
pub(super) struct Adapters {
    #[command(subcommand)]
    pub(super) command: AdaptersCommand,
}

#[derive(Debug, Args)]
pub(super) struct Targets {
    #[command(subcommand)]
    pub(super) command: TargetsCommand,
}

impl Cli {
    /// Whether it is to serve, until it is told to end.
    pub(super) fn is_server(&self) -> bool {
        matches!(&self.command, Command::Serve(serve) if serve.is_server())
    }

    /// Whether a program listens: data is JSON, and so are errors.
    pub(super) fn wants_json(&self) -> bool {
        match &self.command {
            Command::Tokens(tokens) => match &tokens.command {
                TokensCommand::List(list) => matches!(list.output, Format::Json | Format::Jsonl),
                TokensCommand::Show(show) => show.output == SingleFormat::Json,
                TokensCommand::Remove(remove) => remove.output == SingleFormat::Json,
                TokensCommand::Restore(restore) => restore.how.output == SingleFormat::Json,
                TokensCommand::Sweep(sweep) => matches!(sweep.output, Format::Json | Format::Jsonl),
            },
            Command::Owners(owners) => match &owners.command {
                OwnersCommand::Show(show) => matches!(show.output, Format::Json | Format::Jsonl),
                OwnersCommand::Cut(cut) => cut.output == SingleFormat::Json,
            },
            Command::Apply(apply) => apply.output == SingleFormat::Json,
            Command::Restore(restore) => restore.how.output == SingleFormat::Json,
            Command::Audit(audit) => match &audit.command {
                AuditCommand::List(list) => matches!(list.output, Format::Json | Format::Jsonl),
                AuditCommand::Show(show) => show.output == SingleFormat::Json,
            },
            Command::Targets(targets) => match &targets.command {
                TargetsCommand::List(list) => matches!(list.output, Format::Json | Format::Jsonl),
            },
            Command::Resume(resume) => resume.output == SingleFormat::Json,
            Command::Doctor(doctor) => doctor.output == SingleFormat::Json,
            Command::Adapters(_)
            | Command::Init(_)
            | Command::Serve(_)
            | Command::Demo(_)
            | Command::Completions(_)
            | Command::Man => false,
        }
    }
}
