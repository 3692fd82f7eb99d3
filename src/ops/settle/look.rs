//! One look at the tokens, on a connection that is opened again when it was cut.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Expected;
use crate::adapter::With;
use crate::db::{self, Database, Identity, Session};
use crate::model::{Plan, State};
use crate::ops::desk::Desk;
use crate::ops::error::Error;

/// Asks the database about the tokens of a plan.
#[derive(Debug)]
pub(in crate::ops) struct Looking<'a> {
    desk: &'a Desk,
    plan: &'a Plan,
    /// Also after a Ctrl-C: the change stands, and what became of it must be told.
    database: Database,
    /// Never the session that wrote. One of a pool is given back after every look.
    session: Option<Session>,
    statement: Option<String>,
    keys: Vec<String>,
    expected: Expected,
    /// Whether the keys are those of the plan, whose companions are known.
    is_planned: bool,
}

/// What one look saw.
#[derive(Debug)]
pub(in crate::ops) struct Look {
    /// When, by the database's clock.
    pub(super) at: DateTime<Utc>,
    /// Tokens that are alive.
    pub(in crate::ops) alive: Vec<Sighting>,
    /// Tokens whose rows should be there, and are not.
    pub(in crate::ops) missing: Vec<String>,
    /// Where every token was asked for: the states of those that are dead.
    pub(super) dead: Vec<(String, State)>,
}

/// A token that was seen alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ops) struct Sighting {
    /// Its key.
    pub(in crate::ops) key: String,
    /// What is alive: the token itself, or which companion of it.
    pub(in crate::ops) detail: String,
    /// Name and key of the companion that it is, if it is one.
    pub(super) companion: Option<(String, String)>,
}

impl Sighting {
    /// The key of the very row that is alive.
    pub(in crate::ops) fn row_key(&self) -> &str {
        let companion = self.companion.as_ref();
        companion.map_or(self.key.as_str(), |(_, key)| key.as_str())
    }

    /// What the adapter calls it, where it is a companion.
    pub(in crate::ops) fn companion_name(&self) -> Option<&str> {
        self.companion.as_ref().map(|(name, _)| name.as_str())
    }
}

impl<'a> Looking<'a> {
    pub(in crate::ops) fn new(desk: &'a Desk, plan: &'a Plan) -> Self {
        Self {
            desk,
            plan,
            database: desk.database.uninterrupted(),
            session: None,
            statement: None,
            keys: plan
                .tokens
                .iter()
                .map(|planned| planned.token.key.clone())
                .collect(),
            expected: plan.action.into(),
            is_planned: true,
        }
    }

    /// Looks at other tokens, which the same was done to.
    pub(in crate::ops) fn turn_to(&mut self, keys: Vec<String>) {
        self.keys = keys;
        self.is_planned = false;
    }

    /// Looks at every token, or has only those answered that are not as expected.
    ///
    /// # Errors
    ///
    /// When there is no answer, or it is not that of the database that was changed. The next look
    /// is on another connection then.
    pub(in crate::ops) async fn look(&mut self, whole: bool) -> Result<Look, Error> {
        let mut session = match self.session.take() {
            Some(session) if !session.is_closed() => session,
            _ => self.open().await?,
        };
        let look = self.read(&session, whole).await?;
        session.give_back();
        self.session = Some(session);
        Ok(look)
    }

    /// Ends what is under way: a look that nobody waits for any more.
    pub(super) fn hang_up(&mut self) {
        self.session = None;
    }

    async fn open(&self) -> Result<Session, Error> {
        let session = self.database.another_session().await?;
        let identity = Identity::read(&session).await?;
        // A row that is not there proves nothing where it never was, or has not arrived yet.
        self.desk.check_same(&identity)?;
        Ok(session)
    }

    async fn read(&mut self, session: &Session, whole: bool) -> Result<Look, Error> {
        let statement = if let Some(statement) = &self.statement {
            statement
        } else {
            let knows_cluster = self.desk.identity.database.system_identifier.is_some();
            let statements = self.desk.statements();
            let with = With::unless(self.plan.leaves_companions);
            let later = match self.plan.ends_at {
                Some(_) => statements.alive_later(knows_cluster, with)?,
                None => None,
            };
            let statement = match later {
                Some(statement) => statement,
                None => statements.alive(knows_cluster, with)?,
            };
            self.statement.insert(statement)
        };
        let gone = self.expected == Expected::Gone;
        let mut parameters: Vec<db::Parameter<'_>> = vec![
            (&self.keys, Type::TEXT_ARRAY),
            (&gone, Type::BOOL),
            (&whole, Type::BOOL),
        ];
        if let Some(end) = &self.plan.ends_at {
            parameters.push((end, Type::TIMESTAMPTZ));
        }
        let rows = session.read(statement, &parameters).await?;
        let mut look = None;
        let (mut alive, mut missing, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            let Some(key) = row
                .try_get::<_, Option<String>>("key")
                .map_err(db::Error::from)?
            else {
                look = Some(self.place(row)?);
                continue;
            };
            match self.judge(row)? {
                Seen::Alive(detail) => alive.push(Sighting {
                    key,
                    detail,
                    companion: None,
                }),
                Seen::Companion {
                    name,
                    row_key,
                    detail,
                } => alive.push(Sighting {
                    key,
                    detail,
                    companion: Some((name, row_key)),
                }),
                Seen::Missing => missing.push(key),
                Seen::Dead(state) => dead.push((key, state)),
                Seen::Gone => {}
            }
        }
        let at = look.ok_or_else(|| db::Error::Answer("a look without its place".to_owned()))?;
        Ok(Look {
            at,
            alive,
            missing,
            dead,
        })
    }

    /// Makes sure that the very statement that looked was answered by the primary of the database
    /// that was changed: behind a pooler it may be another one each time.
    fn place(&self, row: &Row) -> Result<DateTime<Utc>, Error> {
        let shown = &self.desk.identity;
        let text = |column: &str| {
            row.try_get::<_, Option<String>>(column)
                .map_err(db::Error::from)
        };
        let unknown = || "?".to_owned();
        let name = text("name")?.unwrap_or_else(unknown);
        let role = text("role")?.unwrap_or_else(unknown);
        let system_identifier = text("system_identifier")?;
        if name != shown.database.name
            || role != shown.role
            || system_identifier != shown.database.system_identifier
        {
            return Err(Error::from(db::Error::OtherDatabase {
                name,
                role,
                system_identifier: system_identifier.unwrap_or_else(unknown),
            }));
        }
        if row.try_get("in_recovery").map_err(db::Error::from)? {
            return Err(Error::Standby);
        }
        Ok(row.try_get("looked_at").map_err(db::Error::from)?)
    }

    fn judge(&self, row: &Row) -> Result<Seen, db::Error> {
        let state: Option<String> = row.try_get("state")?;
        if let Some(name) = row.try_get::<_, Option<String>>("companion")? {
            let key: String = row.try_get("companion_key")?;
            let known = self.plan.companions.iter();
            let late = self.is_planned && known.clone().all(|planned| planned.key != key);
            let late = if late {
                ", which came after the plan,"
            } else {
                ""
            };
            return Ok(Seen::Companion {
                detail: format!("{name} {key}{late} is alive"),
                name,
                row_key: key,
            });
        }
        let is_dead: Option<bool> = row.try_get("dead")?;
        Ok(match (state, self.expected) {
            (None, Expected::Gone) => Seen::Gone,
            (None, Expected::Dead) => Seen::Missing,
            (Some(_), Expected::Dead) if is_dead != Some(true) => Seen::Alive("active".to_owned()),
            (Some(state), Expected::Dead) => {
                let known = State::from_word(&state);
                Seen::Dead(known.ok_or_else(|| db::Error::Answer(format!("state {state}")))?)
            }
            (Some(state), Expected::Gone) => Seen::Alive(format!("the row is back, {state}")),
        })
    }
}

/// What one row of an answer says.
enum Seen {
    Alive(String),
    Companion {
        name: String,
        row_key: String,
        detail: String,
    },
    Missing,
    Dead(State),
    Gone,
}
