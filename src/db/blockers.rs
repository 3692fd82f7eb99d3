//! Asking who holds the locks that a backend waits for.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::session::Session;
use super::sqlstate::Error;
use crate::model::{Blocker, blockers};

const BLOCKERS: &str = include_str!("../../sql/session/blockers.sql");

impl Session {
    /// Who holds the locks that the backend `pid` waits for, roots first; nobody where it does not
    /// wait.
    ///
    /// # Errors
    ///
    /// When the server refuses, or does not answer in time.
    pub async fn blockers(&self, pid: i32) -> Result<Vec<Blocker>, Error> {
        let rows = self.read(BLOCKERS, &[(&pid, Type::INT4)]).await?;
        let mut ours = Vec::new();
        let mut found = Vec::new();
        for row in &rows {
            let (blocker, blocks) = blocker_of(row)?;
            if blocker.pid == Some(pid) {
                ours = blocker.waits_for;
            } else {
                found.push((blocker, blocks));
            }
        }
        Ok(blockers(pid, &ours, found))
    }
}

/// A row, and whom it blocks where it is a prepared transaction.
fn blocker_of(row: &Row) -> Result<(Blocker, Vec<i32>), Error> {
    let blocks: Option<Vec<i32>> = row.try_get("blocks")?;
    let blocker = Blocker {
        pid: row.try_get("pid")?,
        gid: row.try_get("gid")?,
        root: false,
        waits_for: row.try_get("waits_for")?,
        role: row.try_get("role")?,
        application: row.try_get("application")?,
        client: row.try_get("client")?,
        database: row.try_get("database")?,
        state: row.try_get("state")?,
        wait_event: row.try_get("wait_event")?,
        backend_type: row.try_get("backend_type")?,
        query_seconds: row.try_get("query_seconds")?,
        transaction_seconds: row.try_get("transaction_seconds")?,
        backend_start: row.try_get("backend_start")?,
        transaction_start: row.try_get("transaction_start")?,
        hidden: row.try_get("hidden")?,
        chain: None,
        command: None,
    };
    Ok((blocker, blocks.unwrap_or_default()))
}
