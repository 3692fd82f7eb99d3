//! Reading breakglass's own audit log.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::batch::RunState;
use super::cursor::{self, Place};
use super::error::Error;
use super::log::Log;
use crate::db::{self, Installed, Kind, Session, installed};
use crate::model::{
    Actor, ApplicationAudit, Caller, Cause, Change, Cursor, DatabaseIdentity, Deed, History,
    JSON_SCHEMA, Observation, Operation, OperationPage, Outcome, Owner, SignalRecord, SignalResult,
    Verdict,
};

const LIST: &str = include_str!("../../sql/audit/list.sql");
const SHOW: &str = include_str!("../../sql/audit/show.sql");
const FIND: &str = include_str!("../../sql/audit/find.sql");
const LATEST: &str = include_str!("../../sql/audit/latest.sql");
const CHANGES: &str = include_str!("../../sql/audit/changes.sql");
const SIGNAL: &str = include_str!("../../sql/audit/signal.sql");
const CAUSED: &str = include_str!("../../sql/audit/caused.sql");
const OBSERVATIONS: &str = include_str!("../../sql/audit/observations.sql");
const CAUSED_BY_RUN: &str = include_str!("../../sql/audit/caused_by_run.sql");
const SURVIVORS: &str = include_str!("../../sql/audit/survivors.sql");

/// So many operations that a run caused, and tokens of it that were not seen dead, are told at most.
const OF_RUN: i64 = 10_000;

/// What operations are sorted by, in a cursor: when they were, and their ids where that is equal.
const ORDER: &str = "occurred_at";

/// Which operations are wanted. What is `None` is not filtered by.
#[derive(Clone, Debug, Default)]
pub struct ListOperations {
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// Database role, HTTP principal, operating system's user or the application's.
    pub actor: Option<String>,
    /// What it did.
    pub action: Option<Deed>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Key or label of a row that it changed.
    pub token: Option<String>,
    /// Tables and keys of rows that must die with that token: what changed them names no token.
    pub companions: Vec<(String, String)>,
    /// Key or login of such a row's owner.
    pub owner: Option<String>,
    /// Also the batches of runs that were done. They are always among those that changed a token.
    pub batches: bool,
    /// At most so many; `None` is all. One more is asked for, so that a cut can be told.
    pub limit: Option<u32>,
    /// Only what comes after a page of the same list.
    pub after: Option<Cursor>,
}

/// A request for one operation, by its id or the beginning of it.
#[derive(Clone, Debug)]
pub struct ShowOperation {
    /// The id, or its beginning.
    pub id: String,
}

impl ListOperations {
    /// Runs it, newest first.
    ///
    /// # Errors
    ///
    /// When nothing is installed, or the database refuses.
    pub async fn run(&self, log: &Log<'_>) -> Result<Vec<Operation>, Error> {
        require_installed(log.session).await?;
        self.read(log).await
    }

    /// The same, where the caller knows that the log is there.
    pub(super) async fn read(&self, log: &Log<'_>) -> Result<Vec<Operation>, Error> {
        let limit = self.limit.map(|limit| i64::from(limit) + 1);
        let (action, outcome) = (
            self.action.map(Deed::as_str),
            self.outcome.map(Outcome::as_str),
        );
        let batches = self.batches || self.token.is_some() || self.owner.is_some();
        let (time, id) = self.place()?.unzip();
        let scope = log.parameters();
        let (tables, keys) = columns(&self.companions);
        let mut parameters = scope.after(&[
            (&self.since, Type::TIMESTAMPTZ),
            (&self.until, Type::TIMESTAMPTZ),
            (&self.actor, Type::TEXT),
            (&action, Type::TEXT),
            (&outcome, Type::TEXT),
            (&self.token, Type::TEXT),
            (&self.owner, Type::TEXT),
            (&limit, Type::INT8),
            (&batches, Type::BOOL),
            (&tables, Type::TEXT_ARRAY),
            (&keys, Type::TEXT_ARRAY),
        ]);
        parameters.extend([(&time as &_, Type::TIMESTAMPTZ), (&id as &_, Type::UUID)]);
        let list = with_columns(LIST);
        let rows = log.session.read(&list, &parameters).await?;
        operations(log, &rows)
    }

    /// Reads one page of it: `limit` operations at most, which must be said, and where the next one
    /// begins. An operation stands where its transaction began, so one that took long may come to stand
    /// among those of a page that was read already.
    ///
    /// # Errors
    ///
    /// Those of `run`, a cursor of another list, and a limit that is none, or more than
    /// [`MAX_PAGE`](super::MAX_PAGE).
    pub async fn page(&self, log: &Log<'_>) -> Result<OperationPage, Error> {
        let size = cursor::size(self.limit)?;
        let mut operations = self.run(log).await?;
        let truncated = operations.len() > size;
        operations.truncate(size);
        let next = operations.last().filter(|_| truncated).map(|last| {
            let time = last.occurred_at.as_ref();
            Place {
                sort: ORDER.to_owned(),
                descending: true,
                value: time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true)),
                key: last.id.to_string(),
            }
            .cursor()
        });
        Ok(OperationPage {
            schema: JSON_SCHEMA,
            operations,
            truncated,
            next,
            as_of: log.as_of,
        })
    }

    /// When the operation was that the page before ended with, and its id.
    fn place(&self) -> Result<Option<(DateTime<Utc>, Uuid)>, Error> {
        let Some(cursor) = &self.after else {
            return Ok(None);
        };
        let Place { value, key, .. } = Place::read(cursor, ORDER, true)?;
        let time = value.and_then(|time| DateTime::parse_from_rfc3339(&time).ok());
        let place = time
            .map(|time| time.to_utc())
            .zip(Uuid::parse_str(&key).ok());
        place.map(Some).ok_or_else(cursor::unreadable)
    }
}

impl ShowOperation {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// When not exactly one operation begins so.
    pub async fn run(&self, log: &Log<'_>) -> Result<History, Error> {
        History::read(self.only(log).await?, log).await
    }

    /// The operation without what it changed, and all that is recorded of it.
    ///
    /// # Errors
    ///
    /// When not exactly one operation begins so.
    pub(super) async fn only(&self, log: &Log<'_>) -> Result<Operation, Error> {
        require_installed(log.session).await?;
        let id = self.id.to_ascii_lowercase();
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
            return Err(Error::NoSuchOperation(self.id.clone()));
        }
        let show = with_columns(SHOW);
        let scope = log.parameters();
        let parameters = scope.after(&[(&id, Type::TEXT)]);
        let rows = log.session.read(&show, &parameters).await?;
        match rows.as_slice() {
            [row] => Ok(operation_of(row)?),
            [] => Err(Error::NoSuchOperation(self.id.clone())),
            _ => Err(Error::AmbiguousOperation(self.id.clone())),
        }
    }
}

impl History {
    /// Everything else that is recorded of an operation.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub(super) async fn read(operation: Operation, log: &Log<'_>) -> Result<Self, Error> {
        let session = log.session;
        let by_id: [db::Parameter<'_>; 1] = [(&operation.id, Type::UUID)];
        let changes = session.read(CHANGES, &by_id).await?;
        let observations = observations_of(session, operation.id).await?;
        // A run may have a hundred thousand batches, and its own summary tells of those. Nobody finds
        // one who is bound.
        let of_run: [db::Parameter<'_>; 2] = [(&operation.id, Type::UUID), (&OF_RUN, Type::INT8)];
        let (caused, survivors) = if operation.outcome == Outcome::Begun {
            let survivors = session.read(SURVIVORS, &of_run).await?;
            let survivors = survivors.iter().map(observation_of);
            (
                session.read(&with_columns(CAUSED_BY_RUN), &of_run).await?,
                Some(survivors.collect::<Result<_, _>>()?),
            )
        } else {
            let scope = log.parameters();
            let caused = with_columns(CAUSED);
            (session.read(&caused, &scope.after(&by_id)).await?, None)
        };
        let signal = match operation.action {
            Deed::CancelBlocker => session.read(SIGNAL, &by_id).await?,
            Deed::Expire | Deed::Delete | Deed::Restore => Vec::new(),
        };
        let run = match operation.outcome {
            Outcome::Begun => Some(RunState::read(session, operation.id).await?),
            _ => None,
        };
        let changes: Vec<Change> = changes.iter().map(change_of).collect::<Result<_, _>>()?;
        Ok(Self {
            observations: log.tell_of(&operation, &changes, observations),
            changes,
            caused: operations(log, &caused)?,
            survivors,
            signal: signal.first().map(signal_of).transpose()?,
            failed: run.as_ref().map(RunState::failures),
            run: run.map(|run| run.progress().clone()),
            operation: log.tell(operation),
        })
    }
}

/// What was seen after an operation, in its order.
///
/// # Errors
///
/// When the database refuses.
pub(super) async fn observations_of(
    session: &Session,
    operation: Uuid,
) -> Result<Vec<Observation>, Error> {
    let by_id: [db::Parameter<'_>; 1] = [(&operation, Type::UUID)];
    let rows = session.read(OBSERVATIONS, &by_id).await?;
    Ok(rows.iter().map(observation_of).collect::<Result<_, _>>()?)
}

/// A request for one operation, by its whole id: whoever asks again under an id wants to know what
/// became of it, and finds who asked first, and for what, in its actor.
#[derive(Clone, Copy, Debug)]
pub struct FindOperation {
    /// The id.
    pub id: Uuid,
}

impl FindOperation {
    /// Runs it; `None` where nothing is recorded under the id.
    ///
    /// # Errors
    ///
    /// When nothing is installed, or the database refuses.
    pub async fn run(self, session: &Session) -> Result<Option<Operation>, Error> {
        let find = with_columns(FIND);
        match session.read(&find, &[(&self.id, Type::UUID)]).await {
            Ok(rows) => Ok(rows.first().map(operation_of).transpose()?),
            // Asked only now, since this is asked before every change.
            Err(error) if error.kind() == Some(Kind::Missing) => {
                require_installed(session).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// That no adapter fits, with the one that an operation on record was done with.
pub(super) fn detect_for(error: Error, operation: &Operation) -> Error {
    match (error, &operation.adapter) {
        (Error::Detect(error), Some(adapter)) => Error::DetectFor {
            error,
            operation: operation.id,
            adapter: adapter.clone(),
        },
        (error, _) => error,
    }
}

/// Tables and keys, each for itself.
fn columns(rows: &[(String, String)]) -> (Vec<&str>, Vec<&str>) {
    let rows = rows.iter();
    rows.map(|(relation, key)| (relation.as_str(), key.as_str()))
        .unzip()
}

/// The latest operation that changed one of some rows, each by its table and key. What was applied again
/// is part of what it was applied for, so that one is found instead.
///
/// # Errors
///
/// When the log cannot be read.
pub(super) async fn latest_of(
    log: &Log<'_>,
    rows: &[(String, String)],
) -> Result<Option<Operation>, Error> {
    let latest = with_columns(LATEST);
    let scope = log.parameters();
    let (tables, keys) = columns(rows);
    let parameters = scope.after(&[(&tables, Type::TEXT_ARRAY), (&keys, Type::TEXT_ARRAY)]);
    let rows = log.session.read(&latest, &parameters).await?;
    Ok(rows.first().map(operation_of).transpose()?)
}

/// Refuses where there is no audit log to read.
///
/// # Errors
///
/// When there is none, it is of another version, or the database does not answer.
pub async fn require_installed(session: &Session) -> Result<(), Error> {
    match installed(session).await? {
        Installed::Current | Installed::Newer(_) => Ok(()),
        other => Err(Error::NotInstalled(other)),
    }
}

fn with_columns(statement: &str) -> String {
    const COLUMNS: &str = include_str!("../../sql/audit/columns.sql");
    const RUN: &str = include_str!("../../sql/audit/run.sql");
    const SCOPED: &str = include_str!("../../sql/audit/scoped.sql");
    statement
        .replace("/* columns */", COLUMNS)
        .replace("/* run */", RUN.trim_end())
        .replace("/* scoped */", SCOPED.trim_end())
}

/// Operations as they are told.
fn operations(log: &Log<'_>, rows: &[Row]) -> Result<Vec<Operation>, Error> {
    let found = rows.iter().map(operation_of);
    let told = found.map(|found| found.map(|operation| log.tell(operation)));
    Ok(told.collect::<Result<_, _>>()?)
}

fn operation_of(row: &Row) -> Result<Operation, db::Error> {
    let id: Uuid = row.try_get("id")?;
    let word = |name: &str| row.try_get::<_, String>(name);
    let cascades: Option<Value> = row.try_get("cascades")?;
    let audit: Option<String> = row.try_get("application_audit")?;
    let port: Option<i32> = row.try_get("server_port")?;
    let cause: Option<String> = row.try_get("cause")?;
    Ok(Operation {
        id,
        parent_id: row.try_get("parent_id")?,
        cause: cause.as_deref().map(enumerated::<Cause>).transpose()?,
        batch: row.try_get("batch")?,
        ends_at: row.try_get("ends_at")?,
        action: enumerated(&word("action")?)?,
        outcome: enumerated(&word("outcome")?)?,
        occurred_at: row.try_get("occurred_at")?,
        adapter: row.try_get("adapter")?,
        actor: Actor {
            os_user: row.try_get("os_user")?,
            host: row.try_get("host")?,
            db_user: row.try_get("db_user")?,
            client_address: row.try_get("client_address")?,
            app_actor: row.try_get("app_actor")?,
            http: caller_of(row)?,
        },
        reason: row.try_get("reason")?,
        ticket: row.try_get("ticket")?,
        selector: row.try_get("selector")?,
        plan_digest: row.try_get("plan_digest")?,
        planned: row.try_get("planned")?,
        matched: row.try_get("matched")?,
        changed: row.try_get("changed")?,
        unchanged: row.try_get("unchanged")?,
        companions_changed: row.try_get("companions_changed")?,
        // A row that somebody wrote by hand must not hide the others.
        cascades: cascades.and_then(|cascades| serde_json::from_value(cascades).ok()),
        application_audit: audit
            .as_deref()
            .map(enumerated::<ApplicationAudit>)
            .transpose()?,
        secret_verified: row.try_get("secret_verified")?,
        error: row.try_get("error")?,
        error_code: row.try_get("error_code")?,
        tool_version: row.try_get("tool_version")?,
        database: DatabaseIdentity {
            host: row.try_get("server_host")?,
            port: port.and_then(|port| u16::try_from(port).ok()),
            name: row.try_get("database_name")?,
            server_version: row.try_get("server_version")?,
            system_identifier: row.try_get("system_identifier")?,
        },
    })
}

/// Whoever asked over HTTP. The record has them whole or not at all.
fn caller_of(row: &Row) -> Result<Option<Caller>, db::Error> {
    let text = |name: &str| row.try_get::<_, Option<String>>(name);
    let whole = (
        text("http_principal")?,
        text("http_credential")?,
        text("http_request_id")?,
        text("http_request_digest")?,
    );
    let (Some(principal), Some(credential), Some(request_id), Some(request_digest)) = whole else {
        return Ok(None);
    };
    Ok(Some(Caller {
        principal,
        credential,
        peer: text("http_peer")?,
        request_id,
        request_digest,
    }))
}

/// A word of the log as the model's enum, by the spelling that serde knows.
pub(super) fn enumerated<T: serde::de::DeserializeOwned>(word: &str) -> Result<T, db::Error> {
    serde_json::from_value(Value::String(word.to_owned()))
        .map_err(|error| db::Error::Answer(error.to_string()))
}

fn change_of(row: &Row) -> Result<Change, db::Error> {
    let owner_id: Option<String> = row.try_get("owner_id")?;
    let object = |value: Value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    };
    let login: Option<String> = row.try_get("owner_login")?;
    Ok(Change {
        relation: row.try_get("relation")?,
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        label: row.try_get("label")?,
        owner: owner_id.map(|id| Owner {
            id,
            login,
            email: None,
        }),
        state_before: row.try_get("state_before")?,
        state_after: row.try_get("state_after")?,
        before: object(row.try_get("before")?).unwrap_or_default(),
        after: row.try_get::<_, Option<Value>>("after")?.and_then(object),
    })
}

fn signal_of(row: &Row) -> Result<SignalRecord, db::Error> {
    let signal: String = row.try_get("signal")?;
    let result: Option<String> = row.try_get("result")?;
    Ok(SignalRecord {
        pid: row.try_get("pid")?,
        backend_start: row.try_get("backend_start")?,
        role: row.try_get("role")?,
        application: row.try_get("application")?,
        client_address: row.try_get("client_address")?,
        backend_type: row.try_get("backend_type")?,
        state: row.try_get("state")?,
        signal: enumerated(&signal)?,
        result: result
            .as_deref()
            .map(enumerated::<SignalResult>)
            .transpose()?,
        detail: row.try_get("detail")?,
        seen_at: row.try_get("seen_at")?,
    })
}

fn observation_of(row: &Row) -> Result<Observation, db::Error> {
    let verdict: String = row.try_get("verdict")?;
    Ok(Observation {
        observed_at: row.try_get("observed_at")?,
        key: row.try_get("key")?,
        verdict: enumerated::<Verdict>(&verdict)?,
        detail: row.try_get("detail")?,
    })
}
