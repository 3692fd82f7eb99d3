//! `--cancel-blocker`: signalling a session that holds a lock in the way, on record before it is
//! sent and with its result afterwards.

use serde_json::{Map, Value, json};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::desk::Context;
use super::error::Error;
use super::request::{Request, caller_columns};
use crate::db::{self, Change, Identity, Isolation, Kind, Session};
use crate::model::{Blocker, Cause, Deed, Outcome, Signal, SignalResult, Signalled};

const ANNOUNCE: &str = include_str!("../../sql/audit/announce.sql");
const RECORD: &str = include_str!("../../sql/audit/record.sql");
const RESULT: &str = include_str!("../../sql/audit/signal_result.sql");
const SIGNAL: &str = include_str!("../../sql/session/signal.sql");

/// A request to signal one session, for the sake of an operation that waited for it.
#[derive(Clone, Copy, Debug)]
pub struct CancelBlocker<'a> {
    /// The operation that waited.
    pub blocked: &'a Request,
    /// Who is in its way.
    pub blocker: &'a Blocker,
}

impl CancelBlocker<'_> {
    /// Records what is about to be done, does it, and records what came of it.
    ///
    /// # Errors
    ///
    /// When nothing was sent: the blocker cannot be aimed at, or the record was not written.
    pub async fn run(&self, context: &Context) -> Result<Signalled, Error> {
        let signal = self.signal()?;
        let (session, identity) = context.connect_beside().await?;
        let operation = Uuid::now_v7();
        self.announce(&session, &identity, operation, signal)
            .await?;
        // Announced, so whatever happens now has to be told, also after a Ctrl-C.
        let (result, detail) = self.send(&session, signal).await;
        drop(session);
        let recorded =
            record_result(context, &identity, operation, result, detail.as_deref()).await;
        Ok(Signalled {
            operation,
            signal,
            result,
            detail,
            recorded: recorded.is_ok(),
        })
    }

    /// What would be sent.
    ///
    /// # Errors
    ///
    /// When the blocker is not a session, may not be looked into, or is in no state that a signal
    /// would end.
    pub fn signal(&self) -> Result<Signal, Error> {
        let name = self.blocker.name();
        self.blocker.signal().ok_or_else(|| {
            let why = if self.blocker.gid.is_some() {
                "it has no session; roll it back by its name"
            } else if self.blocker.hidden {
                "this role may not look into it, so it cannot be aimed at"
            } else {
                "it is neither active nor idle in a transaction"
            };
            Error::NotSignallable { name, why }
        })
    }

    /// Records that somebody said no, or named somebody else.
    ///
    /// # Errors
    ///
    /// When it could not be recorded.
    pub async fn refuse(&self, context: &Context, why: &Error) -> Result<Uuid, Error> {
        let (session, identity) = context.connect_beside().await?;
        let operation = Uuid::now_v7();
        let mut record = self.record(&identity, operation, Outcome::Refused);
        record.insert("error".to_owned(), why.to_string().into());
        record.insert("error_code".to_owned(), why.code().into());
        let record = Value::Object(record);
        let parameters = [(&record as &_, Type::JSONB)];
        let change =
            Change::apply(&session, &identity, Isolation::Latest, RECORD, &parameters).await?;
        let proof = change.recorded_alone()??;
        change.commit(proof).await.map_err(db::Error::from)?;
        Ok(operation)
    }

    /// In a transaction that has ended before the signal is sent: what was done stands on record,
    /// whatever becomes of us.
    async fn announce(
        &self,
        session: &Session,
        identity: &Identity,
        operation: Uuid,
        signal: Signal,
    ) -> Result<(), Error> {
        let Blocker {
            pid,
            role,
            application,
            client,
            state,
            backend_type,
            backend_start,
            transaction_start,
            ..
        } = self.blocker;
        let target = json!({
            "pid": pid,
            "backend_start": backend_start,
            "transaction_start": transaction_start,
            "role": role,
            "application": application,
            "client_address": client,
            "backend_type": backend_type,
            "state": state,
            "signal": signal.as_str(),
        });
        let record = Value::Object(self.record(identity, operation, Outcome::Announced));
        let parameters = [(&record as &_, Type::JSONB), (&target as &_, Type::JSONB)];
        let change =
            Change::apply(session, identity, Isolation::Latest, ANNOUNCE, &parameters).await?;
        let proof = change.recorded_signal()??;
        Ok(change.commit(proof).await.map_err(db::Error::from)?)
    }

    async fn send(&self, session: &Session, signal: Signal) -> (SignalResult, Option<String>) {
        let Blocker {
            pid,
            backend_start,
            transaction_start,
            ..
        } = self.blocker;
        let signal = signal.as_str();
        let parameters = [
            (pid as &_, Type::INT4),
            (backend_start as &_, Type::TIMESTAMPTZ),
            (transaction_start as &_, Type::TIMESTAMPTZ),
            (&signal as &_, Type::TEXT),
        ];
        match session.read(SIGNAL, &parameters).await {
            Ok(rows) => {
                let sent = rows.first().map(|row| row.try_get::<_, bool>("sent"));
                match sent {
                    Some(Ok(true)) => (SignalResult::Sent, None),
                    Some(Ok(false)) | None => (SignalResult::Gone, None),
                    Some(Err(error)) => (SignalResult::Failed, Some(error.to_string())),
                }
            }
            Err(error) if error.kind() == Some(Kind::Permission) => {
                (SignalResult::Refused, Some(error.to_string()))
            }
            Err(error) => (SignalResult::Failed, Some(error.to_string())),
        }
    }

    fn record(&self, identity: &Identity, id: Uuid, outcome: Outcome) -> Map<String, Value> {
        let Request {
            id: parent,
            reason,
            ticket,
            os_user,
            host,
            caller,
            ..
        } = self.blocked;
        let database = &identity.database;
        let record = json!({
            "id": id,
            "parent_id": parent,
            "cause": Cause::Blocked,
            "action": Deed::CancelBlocker.as_str(),
            "outcome": outcome.as_str(),
            "os_user": os_user,
            "host": host,
            "reason": reason,
            "ticket": ticket,
            "selector": self.blocker.name(),
            "tool_version": env!("CARGO_PKG_VERSION"),
            "server_host": database.host,
            "server_port": database.port,
            "system_identifier": database.system_identifier,
        });
        let mut record = match record {
            Value::Object(record) => record,
            _ => Map::new(),
        };
        record.extend(caller_columns(caller.as_ref()));
        record
    }
}

async fn record_result(
    context: &Context,
    identity: &Identity,
    operation: Uuid,
    result: SignalResult,
    detail: Option<&str>,
) -> Result<(), Error> {
    let session = context.database.uninterrupted().another_session().await?;
    let result = result.as_str();
    let parameters = [
        (&operation as &_, Type::UUID),
        (&result as &_, Type::TEXT),
        (&detail as &_, Type::TEXT),
    ];
    let change = Change::apply(&session, identity, Isolation::Latest, RESULT, &parameters).await?;
    let proof = change.recorded_observations(1)??;
    Ok(change.commit(proof).await.map_err(db::Error::from)?)
}
