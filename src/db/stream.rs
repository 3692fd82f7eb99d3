//! Reading rows as they arrive.

use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{BoxFuture, MaybeDone, maybe_done, poll_fn};
use futures_util::stream::unfold;
use futures_util::{FutureExt as _, Stream, TryStreamExt as _};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};

use super::cancel::CANCEL_LIMIT;
use super::interrupt::UnderWay;
use super::session::{BEGIN_READ, CLOSED_PATH, ROLLBACK, Session};
use super::sqlstate::Error;
use super::wire::Wire;

/// `statement_timeout` of a stream: it runs for as long as somebody reads, who may be slow.
const STREAM_LIMIT: &str = "4h";

/// The answer to the end of a stream's transaction, which was sent with its beginning.
type End<'a> = MaybeDone<BoxFuture<'a, Result<u64, tokio_postgres::Error>>>;

/// What of a stream has not been read.
struct Rows<'a> {
    rows: Pin<Box<RowStream>>,
    end: End<'a>,
}

impl Session {
    /// Runs one reading statement, with the rows as they arrive: flat memory, whatever their number.
    ///
    /// The session reads nothing else before all of them are read. Then its transaction has ended.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or does not answer in time: neither at first, nor from one row
    /// to the next. The time that the reader takes does not count.
    pub async fn stream<'a>(
        &'a self,
        statement: &str,
        parameters: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
    ) -> Result<impl Stream<Item = Result<Row, Error>> + Send + use<'a>, Error> {
        let wire = self.wire()?;
        let mut settings = self.limits.settings();
        STREAM_LIMIT.clone_into(&mut settings.statement);
        let limits = settings.parameters();
        let borrowed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
            .iter()
            .map(|(value, type_)| (&**value as &(dyn ToSql + Sync), type_.clone()))
            .collect();
        let answer = async {
            wire.begun();
            let mut end: End<'a> = maybe_done(wire.client.execute_typed(ROLLBACK, &[]).boxed());
            let (begun, closed, limited, rows, ()) = tokio::join!(
                wire.client.execute_typed(BEGIN_READ, &[]),
                wire.client.execute_typed(CLOSED_PATH, &[]),
                wire.limited(&limits),
                wire.client.query_typed_raw(statement, borrowed),
                // Behind the rows, so that nobody has to come back for it.
                queue(&mut end),
            );
            let opened = begun.and(closed).and(limited.map(|()| 0)).and(rows);
            match opened {
                Ok(rows) => Ok(Rows {
                    rows: Box::pin(rows),
                    end,
                }),
                Err(error) => {
                    answered(wire, end).await;
                    Err(error)
                }
            }
        };
        // On the heap: it is large, and part of whatever awaits it.
        let answer = self.within(self.limits.deadline(), Box::pin(answer));
        let rows = self.noticed(self.interruptible(answer).await)?;
        Ok(unfold(Some(rows), |rows| self.next_row(rows)))
    }

    /// The next row of a stream, and the rest of it.
    async fn next_row<'a>(
        &'a self,
        rows: Option<Rows<'a>>,
    ) -> Option<(Result<Row, Error>, Option<Rows<'a>>)> {
        let mut rows = rows?;
        let next = {
            let _running = self.interrupt.begin(UnderWay::Statement);
            tokio::select! {
                biased;
                () = self.interrupt.raised() => Err(self.end_early(rows.rows.as_mut()).await),
                // A stream runs for as long as somebody reads; the next row has the limit of a statement.
                next = self.within(self.limits.statement, rows.rows.try_next()) => match next {
                    Err(late @ Error::Deadline(_)) => {
                        let _cancelled = self.end_early(rows.rows.as_mut()).await;
                        Err(late)
                    }
                    next => next,
                },
            }
        };
        match next {
            Ok(Some(row)) => Some((Ok(row), Some(rows))),
            Ok(None) => {
                self.ended(rows.end).await;
                None
            }
            Err(error) => {
                if !error.is_unanswered() {
                    self.ended(rows.end).await;
                }
                Some((Err(error), None))
            }
        }
    }

    /// Waits for the end of a stream's transaction. Where it does not come in time, nobody else gets
    /// the connection.
    async fn ended(&self, end: End<'_>) {
        let Ok(wire) = self.wire() else { return };
        let ended = answered(wire, end);
        let _in_time = tokio::time::timeout(CANCEL_LIMIT, ended).await.is_ok();
    }

    /// Cancels a stream and reads what is on its way, up to the server's last word.
    async fn end_early(&self, mut rows: Pin<&mut RowStream>) -> Error {
        let ended = async {
            loop {
                match rows.try_next().await {
                    Ok(Some(_unread)) => {}
                    Ok(None) => return true,
                    Err(error) => return error.as_db_error().is_some(),
                }
            }
        };
        Error::Cancelled {
            confirmed: self.cancel(ended).await,
        }
    }
}

/// Sends a statement behind those that were sent; its answer is for later.
async fn queue(end: &mut End<'_>) {
    poll_fn(|context| {
        let _not_yet = Pin::new(&mut *end).poll(context).is_pending();
        Poll::Ready(())
    })
    .await;
}

/// Awaits the end of a stream's transaction.
async fn answered(wire: &Wire, mut end: End<'_>) {
    (&mut end).await;
    if let Some(Ok(_count)) = Pin::new(&mut end).take_output() {
        wire.ended();
    }
}
