//! `tokens ls` and `tokens show`.

use std::io::Write as _;

use clap::{Args, ValueEnum};
use futures_util::{Stream, StreamExt as _};

use super::Run;
use super::exit::Exit;
use super::failure::Failure;
use super::filter::FilterArgs;
use super::format::{Format, SingleFormat};
use super::reading::{selectors, warn_of_secrets};
use crate::adapter::SortKey;
use crate::model::{ShownDocument, Token};
use crate::ops::{Kinds, ListTokens, ShowToken};
use crate::view::{self, Clock, Column, CsvWriter, ListWriter};

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
    #[command(flatten)]
    pub(super) filter: FilterArgs,
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

/// Lists tokens.
pub(super) async fn list(run: &mut Run, args: &ListArgs) -> Result<Exit, Failure> {
    let way = run.connecting.way(&run.interrupt)?;
    args.filter.refuse_secrets(&way)?;
    let opened = way.open(run).await?;
    let filter = args.filter.filter(Kinds::Default);
    let has_several = opened.has_several(&filter.kinds)?;
    let columns = columns(args, &opened.details(), has_several)?;
    let (sort, largest_first) = match args.sort {
        Sort::Key => (SortKey::Key, false),
        Sort::Name => (SortKey::Label, false),
        Sort::Owner => (SortKey::Owner, false),
        Sort::Created => (SortKey::Created, true),
        Sort::LastUsed => (SortKey::LastUsed, true),
        Sort::Expires => (SortKey::Expires, false),
    };
    let request = ListTokens {
        filter,
        sort,
        descending: largest_first != args.reverse,
        limit: (args.limit > 0).then_some(args.limit),
        after: None,
    };
    let mut limited = Limited {
        tokens: opened.list(&request).await?,
        left: request.limit,
        truncated: false,
    };
    let written = match args.output {
        Format::Table => table(run, opened.clock(), &mut limited, &columns).await,
        Format::Json => json(run, &mut limited).await,
        Format::Jsonl => jsonl(run, &mut limited).await,
        Format::Csv => csv(run, &mut limited, columns).await,
    };
    // Who reads has gone away; the server would go on until it has something to say.
    if let Err(Failure::Output(_)) = written {
        opened.abandon().await;
    }
    let written = written?;
    if limited.truncated && args.output != Format::Json {
        run.screen.warn(&format!(
            "there are more than {written} tokens; --limit shows more, --limit 0 all"
        ));
    }
    Ok(Exit::Done)
}

fn columns(args: &ListArgs, details: &[String], kinds: bool) -> Result<Vec<Column>, Failure> {
    if args.column.is_empty() {
        return Ok(if args.output == Format::Csv {
            Column::for_csv()
        } else {
            Column::for_table(kinds)
        });
    }
    args.column
        .iter()
        .map(|name| Column::named(name, details))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::Usage {
            message: error.to_string(),
            hint: None,
        })
}

/// A stream that ends at its limit and knows whether there was more.
struct Limited<S> {
    tokens: S,
    left: Option<u32>,
    truncated: bool,
}

impl<S: Stream<Item = Result<Token, Failure>> + Unpin> Limited<S> {
    async fn next(&mut self) -> Result<Option<Token>, Failure> {
        let Some(token) = self.tokens.next().await.transpose()? else {
            return Ok(None);
        };
        match &mut self.left {
            Some(0) => {
                self.truncated = true;
                Ok(None)
            }
            Some(left) => {
                *left -= 1;
                Ok(Some(token))
            }
            None => Ok(Some(token)),
        }
    }
}

async fn table<S>(
    run: &Run,
    clock: Clock,
    tokens: &mut Limited<S>,
    columns: &[Column],
) -> Result<usize, Failure>
where
    S: Stream<Item = Result<Token, Failure>> + Unpin,
{
    let mut collected = Vec::new();
    while let Some(token) = tokens.next().await? {
        collected.push(token);
    }
    if collected.is_empty() {
        run.screen
            .note("no tokens; dead ones need --include-expired, other kinds --kind all");
        return Ok(0);
    }
    let mut out = run.screen.data();
    view::tokens_table(&mut out, &collected, columns, clock, run.screen.width())?;
    out.flush()?;
    Ok(collected.len())
}

async fn json<S>(run: &Run, tokens: &mut Limited<S>) -> Result<usize, Failure>
where
    S: Stream<Item = Result<Token, Failure>> + Unpin,
{
    let mut out = run.screen.data();
    let mut list = ListWriter::begin(&mut out, "tokens")?;
    let mut written = 0;
    while let Some(token) = tokens.next().await? {
        list.member(&mut out, &token)?;
        written += 1;
    }
    list.end(&mut out, tokens.truncated)?;
    out.flush()?;
    Ok(written)
}

async fn jsonl<S>(run: &Run, tokens: &mut Limited<S>) -> Result<usize, Failure>
where
    S: Stream<Item = Result<Token, Failure>> + Unpin,
{
    let mut out = run.screen.data();
    let mut written = 0;
    while let Some(token) = tokens.next().await? {
        view::line(&mut out, &token)?;
        written += 1;
    }
    out.flush()?;
    Ok(written)
}

async fn csv<S>(run: &Run, tokens: &mut Limited<S>, columns: Vec<Column>) -> Result<usize, Failure>
where
    S: Stream<Item = Result<Token, Failure>> + Unpin,
{
    let mut out = CsvWriter::begin(run.screen.data(), columns, run.screen.is_terminal())?;
    let mut written = 0;
    while let Some(token) = tokens.next().await? {
        out.token(&token)?;
        written += 1;
    }
    out.end()?;
    Ok(written)
}

/// Shows one token.
pub(super) async fn show(run: &mut Run, args: &ShowArgs) -> Result<Exit, Failure> {
    let way = run.connecting.way(&run.interrupt)?;
    warn_of_secrets(run, &way, std::slice::from_ref(&args.selector));
    let named = selectors(
        run,
        std::slice::from_ref(&args.selector),
        args.name.as_ref(),
    )
    .await?;
    let [selector] = named.selectors.as_slice() else {
        return Err(Failure::usage(
            "give exactly one token to show",
            "see `breakglass tokens ls`",
        ));
    };
    let opened = way.open(run).await?;
    let request = ShowToken {
        selector: selector.clone(),
        owner: named.owner,
    };
    let shown = opened.show(request).await?;
    let mut out = run.screen.data();
    match args.output {
        SingleFormat::Table => view::token(&mut out, &shown, opened.clock())?,
        SingleFormat::Json => view::document(&mut out, &ShownDocument::from(shown))?,
    }
    out.flush()?;
    Ok(Exit::Done)
}
