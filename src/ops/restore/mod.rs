//! Putting back what an operation set: which operation, its rows as they were left and as they are,
//! and what of that makes a plan. `read_back` sees that it holds, `retold` is for telling it again.

mod read_back;
mod restored_since;
mod retold;
mod rows;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::assemble::{Found, companions};
use super::audit::{ShowOperation, latest_of, require_installed};
use super::desk::Desk;
use super::error::Error;
use super::policy::Policy;
use super::request::{Known, Request, Restore};
use super::resolve::{find_rows, resolve};
use super::token_row::TokenRow;
use super::unrestorable::Unrestorable;
use crate::adapter::Columns;
use crate::db;
use crate::model::{
    Action, Cause, CompanionRow, Deed, Effect, Operation, Outcome, Plan, PlannedToken, PutBack,
    RowNote, SecretCheck, TakenBack,
};

pub(super) use read_back::{advice, explain, read_back, worst};
pub(super) use restored_since::restored_since;
pub(super) use retold::{Restored, was_gone};
use rows::{Fate, Left, Row, look, noted};

/// Finds the operation and its rows, and refuses what cannot or must not be put back.
///
/// # Errors
///
/// When nothing can be restored, a row changed since, or the database refuses.
pub(super) async fn find(
    request: &mut Request,
    desk: &Desk,
    policy: &Policy,
    known: &mut Known,
    application_audit: bool,
) -> Result<Found, Error> {
    let Some(Restore { operation, force }) = request.restore.clone() else {
        return Err(Error::NoSuchOperation(String::new()));
    };
    require_installed(&desk.session).await?;
    let (asked, (operation, only)) = match operation {
        Some(id) => {
            known.selector = format!("operation:{id}");
            let show = ShowOperation { id: id.clone() };
            (Some(id), (show.only(&desk.log()).await?, None))
        }
        None => (None, latest(request, desk, known).await?),
    };
    known.selector = match &only {
        Some(key) => format!("operation:{} id:{key}", operation.id),
        None => format!("operation:{}", operation.id),
    };
    request.parent = Some((operation.id, Cause::Restore));
    check(&operation)?;
    let left = left(desk, &operation, request.max_rows).await?;
    if left.iter().any(|left| !left.is_in(&desk.scope)) {
        // Applied again to what is not the caller's, or a batch of it was.
        return Err(match only {
            Some(key) => Unrestorable::NeverChanged(key).into(),
            None => Error::NoSuchOperation(asked.unwrap_or_default()),
        });
    }
    let columns = columns(desk, &left).map_err(|error| of_another(&operation, desk, error))?;
    let rows = look(desk, &columns, left, only.as_deref(), force).await?;
    let taken_back = taken_back(&operation, &rows);
    refuse_changed(&operation, &rows, force)?;
    let plan = plan(desk, rows).await?;
    check_size(request, policy, &plan)?;
    known.plan_digest = Some(plan.digest());
    known.planned = Some(plan.tokens.len());
    let statement = statement(desk, operation.id, &columns, application_audit)?;
    Ok(Found {
        plan,
        left: Vec::new(),
        statement,
        columns,
        taken_back: Some(taken_back),
    })
}

/// The latest operation that changed the selected token, and its key. A token whose row is gone is
/// still in the log.
async fn latest(
    request: &Request,
    desk: &Desk,
    known: &mut Known,
) -> Result<(Operation, Option<String>), Error> {
    let Request {
        selectors, owner, ..
    } = request;
    let found = resolve(desk, selectors, owner.as_deref(), request.max_rows).await;
    let keys: Vec<String> = match found {
        Ok(resolved) => {
            known.selector = resolved.selector;
            let rows = resolved.rows.into_iter();
            rows.map(|(row, _check)| row.token.key).collect()
        }
        Err(Error::NoSuchToken(words)) => {
            let shape = desk.statements().key_shape();
            let named = request.selectors.iter().filter_map(|it| it.key(&shape));
            let keys: Vec<String> = named.collect();
            if keys.is_empty() {
                return Err(Error::NoSuchToken(words));
            }
            keys
        }
        Err(error) => return Err(error),
    };
    let [key] = keys.as_slice() else {
        return Err(Error::NoSuchToken(known.selector.clone()));
    };
    // It may have ended nothing but what must die with the token.
    let theirs = companions(desk, &keys).await?.into_iter();
    let mut rows: Vec<(String, String)> = theirs.map(|row| (row.relation, row.key)).collect();
    rows.push((desk.bound.token.display_name(), key.clone()));
    let operation = latest_of(&desk.log(), &rows).await?;
    match operation {
        Some(operation) => Ok((operation, Some(key.clone()))),
        None => Err(Unrestorable::NeverChanged(key.clone()).into()),
    }
}

/// Refuses an operation that set nothing, or after which nothing is left to be set.
fn check(operation: &Operation) -> Result<(), Error> {
    let why = match (operation.action, operation.outcome) {
        (Deed::CancelBlocker, _) => "it signalled a session, and changed no row",
        (_, Outcome::Refused) => "it was refused, and changed nothing",
        (_, Outcome::Failed) => "it failed, and changed nothing",
        (_, Outcome::Announced | Outcome::Planned) => "it changed nothing",
        (Deed::Delete, _) => {
            "it is a delete: the rows are gone, and only their shown columns are on record"
        }
        (Deed::Expire | Deed::Restore, _) => return Ok(()),
    };
    Err(not_restorable(operation, why))
}

fn not_restorable(operation: &Operation, why: &'static str) -> Error {
    Unrestorable::Nothing {
        operation: operation.id,
        why,
    }
    .into()
}

/// The rows that it changed, with its batches and what was applied again: at most so many tokens, and
/// as many of each kind of companion.
async fn left(desk: &Desk, operation: &Operation, most: usize) -> Result<Vec<Left>, Error> {
    let rows_at_most = most.saturating_mul(1 + desk.bound.companions.len());
    let limit = i64::try_from(rows_at_most.saturating_add(1)).unwrap_or(i64::MAX);
    let parameters: [db::Parameter<'_>; 2] = [(&operation.id, Type::UUID), (&limit, Type::INT8)];
    let rows = desk
        .session
        .read(&desk.statements().left()?, &parameters)
        .await?;
    if rows.is_empty() {
        return Err(not_restorable(operation, "it changed nothing"));
    }
    let is_cut = rows.len() > rows_at_most;
    let rows = rows.iter().map(|row| Left::read(row, &desk.bound));
    let rows: Vec<Left> = rows.collect::<Result<_, _>>()?;
    let tokens = rows.iter().filter(|row| row.companion.is_none()).count();
    if is_cut || tokens > most {
        return Err(Unrestorable::TooMany {
            operation: operation.id,
            most,
            batches: operation.outcome == Outcome::Begun,
        }
        .into());
    }
    Ok(rows)
}

/// The columns that are in question, by table.
fn columns(desk: &Desk, left: &[Left]) -> Result<Columns, Error> {
    let settable = desk.bound.settable();
    let mut columns = Columns::new();
    let mut others = Vec::new();
    for row in left {
        for column in row.before.keys() {
            match check_column(desk, &settable, &row.relation, column) {
                Ok(()) => {
                    let known = columns.entry(row.relation.clone()).or_default();
                    if !known.contains(column) {
                        known.push(column.clone());
                    }
                }
                Err(other) if others.contains(&other) => {}
                Err(other) => others.push(other),
            }
        }
    }
    if others.is_empty() {
        Ok(columns)
    } else {
        Err(Unrestorable::OtherColumns(others).into())
    }
}

/// Whether a column may be put back. The log could name others than an expire sets: whoever may
/// insert into it could have written that.
fn check_column(
    desk: &Desk,
    settable: &Columns,
    relation: &str,
    column: &str,
) -> Result<(), String> {
    let bound = &desk.bound;
    let allowed = settable.get(relation);
    if allowed.is_some_and(|allowed| allowed.iter().any(|name| name == column)) {
        return Ok(());
    }
    let (name, adapter) = (format!("{relation}.{column}"), &bound.adapter.name);
    Err(if bound.type_of_column(relation, column).is_some() {
        format!("{name} is not a column that adapter `{adapter}` sets")
    } else {
        format!("{name} is not there any more, or not of adapter `{adapter}`")
    })
}

/// The statement of a restore, where its columns may be put back: also of one that was planned before.
///
/// # Errors
///
/// When they may not, or the adapter sets none.
pub(super) fn statement(
    desk: &Desk,
    operation: Uuid,
    columns: &Columns,
    application_audit: bool,
) -> Result<String, Error> {
    let settable = desk.bound.settable();
    let named = columns
        .iter()
        .flat_map(|(relation, names)| names.iter().map(move |name| (relation, name)));
    let others: Vec<String> = named
        .filter_map(|(relation, name)| check_column(desk, &settable, relation, name).err())
        .collect();
    if !others.is_empty() {
        return Err(Unrestorable::OtherColumns(others).into());
    }
    let statement = desk.statements().restore(columns, application_audit)?;
    let why = "this adapter sets no column";
    statement.ok_or_else(|| Unrestorable::Nothing { operation, why }.into())
}

/// What is particular about the rows.
fn taken_back(operation: &Operation, rows: &[Row]) -> TakenBack {
    let with = |fate: fn(&Row) -> bool| -> Vec<RowNote> {
        rows.iter().filter(|row| fate(row)).map(noted).collect()
    };
    TakenBack {
        operation: operation.id,
        action: operation.action,
        occurred_at: operation.occurred_at,
        gone: with(|row| row.fate == Fate::Gone),
        skipped: with(|row| row.fate == Fate::Changed),
        kept: with(|row| row.fate == Fate::Stands && !row.differences.is_empty()),
        dead: Vec::new(),
    }
}

/// Refuses where nothing is left to be put back, and rows that changed since.
fn refuse_changed(operation: &Operation, rows: &[Row], force: bool) -> Result<(), Error> {
    if rows.is_empty() {
        return Err(not_restorable(
            operation,
            "it changed nothing of this token",
        ));
    }
    let differences: Vec<String> = rows.iter().filter_map(Row::difference).collect();
    let stands = rows.iter().any(|row| row.fate == Fate::Stands);
    let may_go_on = force && stands;
    if !differences.is_empty() && !may_go_on {
        return Err(Unrestorable::ChangedSince {
            differences,
            // Offered only where it would write something.
            nothing_left: force || !rows.iter().any(Row::can_be_put_back),
        }
        .into());
    }
    if !stands {
        let names = rows.iter().map(Row::name).collect();
        return Err(Unrestorable::AllGone(names).into());
    }
    Ok(())
}

fn check_size(request: &Request, policy: &Policy, plan: &Plan) -> Result<(), Error> {
    let found = plan.tokens.len();
    if let Some(expected) = request.expect.filter(|expected| *expected != found) {
        return Err(Error::Expected { expected, found });
    }
    let checked = request.check_size(policy, found, false);
    checked.map_err(|error| match error {
        Error::TooManyRows {
            planned,
            cut,
            most,
            target,
            restores: _,
        } => Error::TooManyRows {
            planned,
            cut,
            most,
            target,
            restores: true,
        },
        error => error,
    })
}

/// Columns that are not those of this adapter may be those of the one that the operation was done with.
fn of_another(operation: &Operation, desk: &Desk, error: Error) -> Error {
    match (error, &operation.adapter) {
        (Error::Unrestorable(Unrestorable::OtherColumns(columns)), Some(adapter))
            if *adapter != desk.bound.adapter.name =>
        {
            Unrestorable::OtherAdapter {
                columns,
                adapter: adapter.clone(),
            }
            .into()
        }
        (error, _) => error,
    }
}

/// The rows that are there, with everything that the statement compares.
async fn plan(desk: &Desk, rows: Vec<Row>) -> Result<Plan, Error> {
    let rows: Vec<Row> = rows
        .into_iter()
        .filter(|row| row.fate == Fate::Stands)
        .collect();
    let of = |companion: bool| -> Vec<String> {
        let rows = rows
            .iter()
            .filter(|row| row.left.companion.is_some() == companion);
        rows.map(|row| row.token.clone()).collect()
    };
    let own_rows = rows.iter().filter(|row| row.left.companion.is_none());
    let changed: HashSet<&str> = own_rows
        .filter(|row| !row.before.is_empty())
        .map(|row| row.left.key.as_str())
        .collect();
    let own = of(false);
    let found = if own.is_empty() {
        Vec::new()
    } else {
        find_rows(desk, &own, &[], None).await?
    };
    let by_key: HashMap<&str, &TokenRow> = found
        .iter()
        .map(|row| (row.token.key.as_str(), row))
        .collect();
    let mut tokens = Vec::new();
    for key in &own {
        let row = by_key.get(key.as_str());
        let row = row.ok_or_else(|| {
            Error::ChangedSinceShown(vec![format!("token `{key}` has gone just now")])
        })?;
        tokens.push(PlannedToken {
            token: row.token.clone(),
            effect: if changed.contains(key.as_str()) {
                Effect::Change
            } else {
                Effect::Unchanged
            },
            fixed: row.fixed.clone(),
            vital: row.vital.clone(),
            secret: SecretCheck::NotGiven,
        });
    }
    let theirs = of(true);
    let mut companions: Vec<CompanionRow> = if theirs.is_empty() {
        Vec::new()
    } else {
        companions(desk, &theirs).await?
    };
    companions.retain(|companion| {
        rows.iter().any(|row| {
            row.left.relation == companion.relation
                && row.left.companion.as_ref() == Some(&companion.name)
                && row.left.key == companion.key
        })
    });
    Ok(Plan {
        action: Action::Restore,
        ends_at: None,
        adapter: desk.bound.adapter.name.clone(),
        tokens,
        companions,
        leaves_companions: false,
        cascades: Vec::new(),
        put_back: rows.into_iter().map(put_back).collect(),
    })
}

fn put_back(row: Row) -> PutBack {
    let after: Map<String, Value> = row
        .before
        .keys()
        .filter_map(|column| Some((column.clone(), row.left.after.get(column)?.clone())))
        .collect();
    PutBack {
        relation: row.left.relation,
        companion: row.left.companion,
        key: row.left.key,
        token: row.token,
        before: row.before,
        after,
        state_before: row.left.state_before,
        state: row.state,
        ends_at: row.ends_at,
    }
}
