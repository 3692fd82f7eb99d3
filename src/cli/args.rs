//! The command line's types. Their doc comments are the help.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::connection::Connecting;
use super::when::When;
use crate::model::{Action, Outcome};

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
  5    changed, but not confirmed dead
  130  interrupted";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List, show and remove tokens
    #[command(alias = "token")]
    Tokens(Tokens),
    /// Read breakglass's own audit log
    Audit(Audit),
    /// Show which applications are known, and the SQL they lead to
    #[command(alias = "adapter")]
    Adapters(Adapters),
    /// Install breakglass's own schema, and give a role the least that works
    Init(Init),
    /// Walk through an incident on a throw-away Postgres with a Coder-shaped database
    Demo(Demo),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

impl Command {
    /// Whether it looks for Ctrl-C itself: a COMMIT must not be left halfway, and the demo clears
    /// away after itself.
    pub(super) fn listens_for_interrupts(&self) -> bool {
        match self {
            Self::Tokens(tokens) => matches!(tokens.command, TokensCommand::Remove(_)),
            Self::Demo(_) => true,
            Self::Audit(_)
            | Self::Adapters(_)
            | Self::Init(_)
            | Self::Completions(_)
            | Self::Man => false,
        }
    }
}

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
}

const LIST_EXAMPLE: &str =
    "Example:\n  breakglass tokens ls --kind all --unused-for 90d --sort last-used";
const REMOVE_EXAMPLE: &str = "\
SELECTOR is id:KEY, name:NAME, owner:LOGIN together with --name, or a bare word: a secret by its
shape, else a key or a name. `-` reads a secret from standard input, or asks for it.

Examples:
  breakglass tokens rm build-cache --reason 'hot loop, INC-42'
  pbpaste | breakglass tokens rm - --yes --reason 'leaked in a CI log'
  breakglass tokens rm id:aB3dE5gH7j --delete --confirm aB3dE5gH7j --reason 'INC-42'";

/// How a list or a receipt is written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a head
    Csv,
}

/// How a single thing is written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum SingleFormat {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
}

/// What a list is sorted by
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    /// The key
    #[default]
    Key,
    /// The name
    Name,
    /// The owner's login
    Owner,
    /// When it was made, newest first
    Created,
    /// When it was last used, latest first
    LastUsed,
    /// When it ends, soonest first
    Expires,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Show dead tokens too
    #[arg(long)]
    pub(super) include_expired: bool,
    /// Only tokens of this owner: login, email or id
    #[arg(long, value_name = "OWNER")]
    pub(super) owner: Option<String>,
    /// Only these kinds, or `all`; the adapter's default kind if not given
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(super) kind: Vec<String>,
    /// Only tokens with such a name; `*` and `?` match as in a shell
    #[arg(long, value_name = "GLOB")]
    pub(super) name: Option<String>,
    /// Only tokens that were not used for so long, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) unused_for: Option<Duration>,
    /// Only tokens that end within so long, such as 7d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) expires_within: Option<Duration>,
    /// Only tokens that were made before a time, or so long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) created_before: Option<When>,
    /// What to sort by
    #[arg(long, value_enum, default_value_t)]
    pub(super) sort: Sort,
    /// Turn the order round
    #[arg(long)]
    pub(super) reverse: bool,
    /// At most so many; 0 is all
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(super) limit: u32,
    /// Columns to show, in this order; any detail of the adapter is one
    #[arg(short, long, value_name = "COLUMN", value_delimiter = ',')]
    pub(super) column: Vec<String>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// id:KEY, name:NAME, owner:LOGIN together with --name, a bare word, or `-` for a secret
    #[arg(value_name = "SELECTOR")]
    pub(super) selector: String,
    /// The name that goes with owner:LOGIN
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which tokens
    #[arg(value_name = "SELECTOR", required = true)]
    pub(super) selectors: Vec<String>,
    /// The name that goes with owner:LOGIN
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Why; asked for on a terminal
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// The ticket that asks for it
    #[arg(long, value_name = "TICKET")]
    pub(super) ticket: Option<String>,
    /// Remove the rows for good instead of expiring; the records stay
    #[arg(long)]
    pub(super) delete: bool,
    /// The key of a token that may be deleted without asking; once for each
    #[arg(long, value_name = "KEY", requires = "delete")]
    pub(super) confirm: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Do the work, roll it back, and tell what it would have done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Change exactly N tokens, or nothing
    #[arg(long, value_name = "N")]
    pub(super) expect: Option<usize>,
    /// Leave the application's own audit log alone
    #[arg(long)]
    pub(super) no_app_audit: bool,
    /// The application's user on whose behalf: login, email or id
    #[arg(long, value_name = "USER", conflicts_with = "no_app_audit")]
    pub(super) app_actor: Option<String>,
    /// How to write the receipt
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    pub(super) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List operations, newest first
    #[command(
        name = "ls",
        visible_alias = "list",
        after_help = "Example:\n  breakglass audit ls --since 2d --outcome refused"
    )]
    List(AuditListArgs),
    /// Show one operation with every row that it changed
    #[command(after_help = "Example:\n  breakglass audit show 0199c0de")]
    Show(AuditShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct AuditListArgs {
    /// Not before a time, or so long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) since: Option<When>,
    /// Before a time, or so long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) until: Option<When>,
    /// Only of this database role, operating system's user or application's user
    #[arg(long, value_name = "NAME")]
    pub(super) actor: Option<String>,
    /// Only this action
    #[arg(long, value_parser = action_parser())]
    pub(super) action: Option<Action>,
    /// Only with this outcome
    #[arg(long, value_parser = outcome_parser())]
    pub(super) outcome: Option<Outcome>,
    /// Only those that changed the token with this key or name
    #[arg(long, value_name = "KEY|NAME")]
    pub(super) token: Option<String>,
    /// Only those that changed a token of this owner: login or id
    #[arg(long, value_name = "OWNER")]
    pub(super) owner: Option<String>,
    /// At most so many; 0 is all
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(super) limit: u32,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

fn action_parser() -> impl clap::builder::TypedValueParser<Value = Action> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(["expire", "delete"]).map(|word| {
        if word == "delete" {
            Action::Delete
        } else {
            Action::Expire
        }
    })
}

fn outcome_parser() -> impl clap::builder::TypedValueParser<Value = Outcome> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(["applied", "unchanged", "refused", "failed"]).map(|word| match word
        .as_str()
    {
        "applied" => Outcome::Applied,
        "unchanged" => Outcome::Unchanged,
        "refused" => Outcome::Refused,
        _ => Outcome::Failed,
    })
}

#[derive(Debug, Args)]
pub(super) struct AuditShowArgs {
    /// The operation's id, or the beginning of it
    #[arg(value_name = "OPERATION")]
    pub(super) operation: String,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: SingleFormat,
}

#[derive(Debug, Args)]
pub(super) struct Adapters {
    #[command(subcommand)]
    pub(super) command: AdaptersCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum AdaptersCommand {
    /// List the adapters, and which one fits the database if there is one to ask
    #[command(name = "ls", visible_alias = "list")]
    List,
    /// Show one adapter
    #[command(after_help = "Example:\n  breakglass adapters show coder --sql")]
    Show(AdapterShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct AdapterShowArgs {
    /// The adapter's name
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Print every statement that it leads to on the database that is connected to
    #[arg(long)]
    pub(super) sql: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  breakglass init --operator-role breakglass_operator")]
pub(super) struct Init {
    /// Make this role if it is missing (NOLOGIN), and grant it the least that works
    #[arg(long, value_name = "NAME")]
    pub(super) operator_role: Option<String>,
    /// Let the role delete tokens
    #[arg(long, requires = "operator_role")]
    pub(super) allow_delete: bool,
    /// Let the role read the stored hash, to verify a pasted secret
    #[arg(long, requires = "operator_role")]
    pub(super) allow_secret_check: bool,
    /// Print the SQL and run nothing
    #[arg(long)]
    pub(super) print: bool,
    /// Take rights from an existing role that breakglass never granted anything to
    #[arg(short, long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Leave the database up at the end until Ctrl-C
    #[arg(long)]
    pub(super) keep: bool,
}

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

impl Cli {
    /// Whether errors are to be JSON.
    pub(super) fn wants_json(&self) -> bool {
        match &self.command {
            Command::Tokens(tokens) => match &tokens.command {
                TokensCommand::List(list) => matches!(list.output, Format::Json | Format::Jsonl),
                TokensCommand::Show(show) => show.output == SingleFormat::Json,
                TokensCommand::Remove(remove) => remove.output == SingleFormat::Json,
            },
            Command::Audit(audit) => match &audit.command {
                AuditCommand::List(list) => matches!(list.output, Format::Json | Format::Jsonl),
                AuditCommand::Show(show) => show.output == SingleFormat::Json,
            },
            Command::Adapters(_)
            | Command::Init(_)
            | Command::Demo(_)
            | Command::Completions(_)
            | Command::Man => false,
        }
    }
}

impl RemoveArgs {
    /// What is asked for.
    pub(super) fn action(&self) -> Action {
        if self.delete {
            Action::Delete
        } else {
            Action::Expire
        }
    }
}
