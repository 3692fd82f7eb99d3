//! `audit ls` and `audit show`.

use std::io::Write as _;

use serde::Serialize;

use super::Run;
use super::args::{AuditCommand, AuditListArgs, AuditShowArgs, Format, SingleFormat};
use super::exit::Exit;
use super::failure::Failure;
use crate::model::{Change, JSON_SCHEMA, Observation, Operation};
use crate::ops::{History, ListOperations, ShowOperation};
use crate::view::{self, Clock, ListWriter};

/// Runs a command about the audit log.
pub(super) async fn run(run: &mut Run, command: AuditCommand) -> Result<Exit, Failure> {
    match command {
        AuditCommand::List(args) => list(run, &args).await,
        AuditCommand::Show(args) => show(run, &args).await,
    }
}

async fn list(run: &mut Run, args: &AuditListArgs) -> Result<Exit, Failure> {
    let (session, identity) = run.connecting.context(&run.interrupt)?.connect().await?;
    let request = ListOperations {
        since: args.since.map(|when| when.resolve(identity.as_of)),
        until: args.until.map(|when| when.resolve(identity.as_of)),
        actor: args.actor.clone(),
        action: args.action,
        outcome: args.outcome,
        token: args.token.clone(),
        owner: args.owner.clone(),
        limit: (args.limit > 0).then_some(args.limit),
    };
    let mut operations = request.run(&session).await?;
    let limit = request.limit.map_or(usize::MAX, |limit| limit as usize);
    let truncated = operations.len() > limit;
    operations.truncate(limit);
    let mut out = run.screen.data();
    match args.output {
        Format::Table if operations.is_empty() => run.screen.note("no operations"),
        Format::Table => view::operations_table(
            &mut out,
            &operations,
            Clock {
                as_of: identity.as_of,
            },
            run.screen.width(),
        )?,
        Format::Json => {
            let mut list = ListWriter::begin(&mut out, "operations")?;
            for operation in &operations {
                list.member(&mut out, operation)?;
            }
            list.end(&mut out, truncated)?;
        }
        Format::Jsonl => {
            for operation in &operations {
                view::line(&mut out, operation)?;
            }
        }
        Format::Csv => view::operations_csv(&mut out, &operations, run.screen.is_terminal())?,
    }
    out.flush()?;
    if truncated && args.output != Format::Json {
        run.screen.warn(&format!(
            "there are more than {limit} operations; --limit shows more, --limit 0 all"
        ));
    }
    Ok(Exit::Done)
}

async fn show(run: &mut Run, args: &AuditShowArgs) -> Result<Exit, Failure> {
    let (session, identity) = run.connecting.context(&run.interrupt)?.connect().await?;
    let history = ShowOperation {
        id: args.operation.clone(),
    }
    .run(&session)
    .await?;
    let mut out = run.screen.data();
    match args.output {
        SingleFormat::Table => view::operation(
            &mut out,
            &history,
            Clock {
                as_of: identity.as_of,
            },
        )?,
        SingleFormat::Json => {
            let History {
                operation,
                changes,
                observations,
            } = &history;
            view::document(
                &mut out,
                &Document {
                    schema: JSON_SCHEMA,
                    operation,
                    changes,
                    observations,
                },
            )?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    operation: &'a Operation,
    changes: &'a [Change],
    observations: &'a [Observation],
}
