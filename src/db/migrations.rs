//! Breakglass's own schema: what is installed, and installing it.
//!
//! refinery takes no lock and opens a transaction a migration; here everything runs in one
//! transaction of ours under an advisory lock, so that two at once are safe and a failing
//! migration leaves nothing.

use refinery::Runner;
use refinery_core::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::{Client, Row};

use super::change::roll_back;
use super::interrupt::UnderWay;
use super::parameter::Parameter;
use super::session::Session;
use super::sqlstate::{Error, Kind};
use super::wire::Wire;

mod embedded {
    refinery::embed_migrations!("migrations");
}

const BEGIN: &str = include_str!("../../sql/session/begin.sql");
const CLOSED_PATH: &str = include_str!("../../sql/session/closed_path.sql");
const COMMIT: &str = include_str!("../../sql/session/commit.sql");
const LOCK: &str = include_str!("../../sql/install/lock.sql");
const CREATE_SCHEMA: &str = include_str!("../../sql/install/create_schema.sql");
const SCHEMA_EXISTS: &str = include_str!("../../sql/install/schema_exists.sql");
const HISTORY: &str = include_str!("../../sql/install/history.sql");

/// refinery puts it into its statements as it is; it never comes from an operator.
const HISTORY_TABLE: &str = "breakglass.schema_history";

/// The version of the schema that this build works with.
pub const MIGRATED_VERSION: i32 = 4;

/// What of the schema is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// Nothing.
    No,
    /// What this build works with.
    Current,
    /// An older version: `init` brings it up.
    Older(i32),
    /// A version of a later build: this one must not write to it.
    Newer(i32),
    /// A migration that is not the one of this build.
    Divergent(String),
}

fn runner() -> Runner {
    let mut runner = embedded::migrations::runner()
        .set_grouped(true)
        .set_abort_divergent(true)
        .set_abort_missing(true);
    runner.set_migration_table_name(HISTORY_TABLE);
    runner
}

/// Reads which migrations were applied.
///
/// # Errors
///
/// When the server does not answer, or the role may not read the history.
pub async fn installed(session: &Session) -> Result<Installed, Error> {
    let rows = match session.read(HISTORY, &[]).await {
        Ok(rows) => rows,
        Err(error) if error.kind() == Some(Kind::Missing) => return Ok(Installed::No),
        Err(error) => return Err(error),
    };
    let ours = runner();
    let ours = ours.get_migrations();
    let mut highest = 0;
    for row in &rows {
        let version: i32 = row.try_get("version")?;
        let checksum: String = row.try_get("checksum")?;
        highest = highest.max(version);
        if let Some(known) = ours.iter().find(|known| known.version() == version)
            && known.checksum().to_string() != checksum
        {
            return Ok(Installed::Divergent(known.to_string()));
        }
    }
    Ok(match highest {
        0 => Installed::No,
        found if found > MIGRATED_VERSION => Installed::Newer(found),
        found if found < MIGRATED_VERSION => Installed::Older(found),
        _ => Installed::Current,
    })
}

/// An installation whose COMMIT has not been sent.
#[derive(Debug)]
#[must_use = "an installation that is not committed is rolled back with its connection"]
pub struct Installation<'a> {
    session: &'a Session,
    applied: Vec<String>,
}

impl<'a> Installation<'a> {
    /// Installs or brings up the schema and then runs the further statements, all in one
    /// transaction under a lock.
    ///
    /// # Errors
    ///
    /// When the server refuses any of it; nothing of it remains then.
    pub async fn begin(session: &'a Session, further: &[String]) -> Result<Self, Error> {
        session.may_write()?;
        let deadline = session.limits.deadline();
        let worked = async {
            tokio::time::timeout(deadline, work(session, further))
                .await
                .unwrap_or(Err(Error::Deadline(deadline)))
        };
        match session.interruptible(worked).await {
            Ok(applied) => Ok(Self { session, applied }),
            Err(error) if error.is_unanswered() => Err(error),
            Err(error) => {
                give_up(session).await;
                Err(error)
            }
        }
    }

    /// Looks at what stands there now, before anybody else can see it.
    ///
    /// # Errors
    ///
    /// When the server refuses, or does not answer in time.
    pub async fn query(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let wire = self.session.wire()?;
        let answer = wire.client.query_typed(statement, parameters);
        let answer = self.session.within(self.session.limits.deadline(), answer);
        self.session.interruptible(answer).await
    }

    /// Makes it permanent, and returns the migrations that were applied.
    ///
    /// # Errors
    ///
    /// When the server does not confirm it.
    pub async fn commit(self) -> Result<Vec<String>, Error> {
        let _committing = self.session.interrupt.begin(UnderWay::Installation);
        let wire = self.session.wire()?;
        wire.commits();
        let committed = wire.client.execute_typed(COMMIT, &[]);
        self.session
            .within(self.session.limits.deadline(), committed)
            .await?;
        wire.ended();
        Ok(self.applied)
    }

    /// Undoes it.
    pub async fn roll_back(self) {
        give_up(self.session).await;
    }
}

async fn work(session: &Session, further: &[String]) -> Result<Vec<String>, Error> {
    let wire = session.wire()?;
    let client = &wire.client;
    let settings = session.limits.settings();
    let refused = |error| wire.error(&error);
    wire.begun();
    client.execute_typed(BEGIN, &[]).await.map_err(refused)?;
    client
        .execute_typed(CLOSED_PATH, &[])
        .await
        .map_err(refused)?;
    wire.limited(&settings.parameters())
        .await
        .map_err(refused)?;
    client.query_typed(LOCK, &[]).await.map_err(refused)?;
    let applied = migrate(wire).await?;
    for statement in further {
        client
            .execute_typed(statement, &[])
            .await
            .map_err(refused)?;
    }
    Ok(applied)
}

/// Whether it worked is of no matter: the transaction ends with the connection at the latest.
async fn give_up(session: &Session) {
    let _ended = roll_back(session).await.is_ok();
}

async fn migrate(wire: &Wire) -> Result<Vec<String>, Error> {
    let mut inside = Inside {
        wire,
        refused: None,
    };
    // A role without CREATE on the database may not even say "if not exists".
    if !inside.schema_exists().await? {
        wire.client
            .execute_typed(CREATE_SCHEMA, &[])
            .await
            .map_err(|error| wire.error(&error))?;
    }
    match runner().run_async(&mut inside).await {
        Ok(report) => Ok(report
            .applied_migrations()
            .iter()
            .map(ToString::to_string)
            .collect()),
        Err(error) => Err(inside
            .refused
            .take()
            .unwrap_or_else(|| Error::Answer(error.to_string()))),
    }
}

/// The statements that bring up a schema of a version (0 where there is none), as text for a DBA to
/// read and run.
///
/// # Errors
///
/// When the migrations cannot be rendered.
pub(crate) async fn script(version: i32) -> Result<Vec<String>, Error> {
    let mut transcript = Transcript {
        version,
        statements: Vec::new(),
    };
    runner()
        .run_async(&mut transcript)
        .await
        .map_err(|error| Error::Answer(error.to_string()))?;
    let mut statements = vec![LOCK.to_owned(), CREATE_SCHEMA.to_owned()];
    statements.append(&mut transcript.statements);
    Ok(statements)
}

/// refinery's work inside a transaction that is ours.
struct Inside<'a> {
    wire: &'a Wire,
    refused: Option<Error>,
}

impl Inside<'_> {
    async fn schema_exists(&self) -> Result<bool, Error> {
        let rows = self
            .wire
            .client
            .query_typed(SCHEMA_EXISTS, &[])
            .await
            .map_err(|error| self.wire.error(&error))?;
        Ok(!rows.is_empty())
    }

    fn keep(&mut self, error: tokio_postgres::Error) -> tokio_postgres::Error {
        self.refused = Some(self.wire.error(&error));
        error
    }
}

impl AsyncTransaction for Inside<'_> {
    type Error = tokio_postgres::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let mut count = 0;
        for query in queries {
            let client: &Client = &self.wire.client;
            #[expect(
                clippy::disallowed_methods,
                reason = "a migration is a file of several statements"
            )]
            let ran = client.batch_execute(query).await;
            if let Err(error) = ran {
                return Err(self.keep(error));
            }
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Inside<'_> {
    async fn query(&mut self, query: &str) -> Result<Vec<Migration>, Self::Error> {
        let rows = match self.wire.client.query_typed(query, &[]).await {
            Ok(rows) => rows,
            Err(error) => return Err(self.keep(error)),
        };
        rows.iter()
            .map(|row| {
                let applied_on: String = row.try_get(2)?;
                let checksum: String = row.try_get(3)?;
                // A row that we cannot read differs from every migration, and is refused as such.
                Ok(Migration::applied(
                    row.try_get(0)?,
                    row.try_get(1)?,
                    OffsetDateTime::parse(&applied_on, &Rfc3339)
                        .unwrap_or(OffsetDateTime::UNIX_EPOCH),
                    checksum.parse().unwrap_or(0),
                ))
            })
            .collect()
    }
}

impl AsyncMigrate for Inside<'_> {}

/// What an installation on a schema of this version would run.
struct Transcript {
    version: i32,
    statements: Vec<String>,
}

impl AsyncTransaction for Transcript {
    type Error = std::convert::Infallible;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let before = self.statements.len();
        self.statements.extend(queries.map(str::to_owned));
        Ok(self.statements.len() - before)
    }
}

impl AsyncQuery<Vec<Migration>> for Transcript {
    async fn query(&mut self, _query: &str) -> Result<Vec<Migration>, Self::Error> {
        let ours = runner();
        let there = ours
            .get_migrations()
            .iter()
            .filter(|migration| migration.version() <= self.version);
        Ok(there
            .map(|migration| {
                Migration::applied(
                    migration.version(),
                    migration.name().to_owned(),
                    OffsetDateTime::UNIX_EPOCH,
                    migration.checksum(),
                )
            })
            .collect())
    }
}

impl AsyncMigrate for Transcript {}
