//! Which kind of server will do: `target_session_attrs`.
//!
//! The server is asked, every time. libpq trusts `in_hot_standby` and
//! `default_transaction_read_only` where they were reported, but behind a pooler they may be what
//! another connection was told before a failover. The statements are typed and unnamed, so that a
//! pooler does not get in the way.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio_postgres::{Client, Error};

use super::connection::Connection;
use crate::db::conninfo::TargetSessionAttrs;

const IN_RECOVERY: &str = include_str!("../../../sql/session/in_recovery.sql");
const READ_ONLY: &str = include_str!("../../../sql/session/read_only.sql");

/// What is wanted of a server in one pass over them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Recovery { wanted: bool },
    ReadOnly { wanted: bool },
}

/// The passes over the servers, one after the other until one finds a server.
pub(super) fn kinds(attributes: TargetSessionAttrs) -> &'static [Kind] {
    match attributes {
        TargetSessionAttrs::Any => &[Kind::Any],
        TargetSessionAttrs::ReadWrite => &[Kind::ReadOnly { wanted: false }],
        TargetSessionAttrs::ReadOnly => &[Kind::ReadOnly { wanted: true }],
        TargetSessionAttrs::Primary => &[Kind::Recovery { wanted: false }],
        TargetSessionAttrs::Standby => &[Kind::Recovery { wanted: true }],
        TargetSessionAttrs::PreferStandby => &[Kind::Recovery { wanted: true }, Kind::Any],
    }
}

impl Kind {
    /// Asks the server what it is; the answer is what is wrong with it.
    pub(super) async fn check(
        self,
        client: &Client,
        connection: &mut Connection,
    ) -> Result<Option<&'static str>, Error> {
        let (question, wanted) = match self {
            Self::Any => return Ok(None),
            Self::Recovery { wanted } => (IN_RECOVERY, wanted),
            Self::ReadOnly { wanted } => (READ_ONLY, wanted),
        };
        let found = ask(question, client, connection).await?;
        Ok((found != wanted).then_some(match self {
            Self::Recovery { wanted: true } => "it is a primary",
            Self::Recovery { wanted: false } => "it is a standby",
            Self::ReadOnly { wanted: true } => "its sessions can write",
            Self::ReadOnly { wanted: false } | Self::Any => "its sessions are read-only",
        }))
    }
}

/// Asks for one truth value; the connection, which nobody else drives yet, is driven meanwhile.
async fn ask(question: &str, client: &Client, connection: &mut Connection) -> Result<bool, Error> {
    let mut answer = pin!(client.query_typed(question, &[]));
    let rows = poll_fn(|context| {
        let mut is_open = true;
        while is_open {
            match connection.poll_message(context) {
                Poll::Ready(Some(Ok(_notice))) => {}
                // The answer then says that the connection is closed; this says why.
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) | Poll::Pending => is_open = false,
            }
        }
        answer.as_mut().poll(context)
    })
    .await?;
    rows.first().map_or(Ok(false), |row| row.try_get(0))
}
