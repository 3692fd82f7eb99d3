//! Installing breakglass's own schema, and giving an operator role the least that works.

use std::collections::BTreeSet;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::desk::Context;
use super::error::Error;
use super::grants::{OperatorRole, TableGrant, create_role, grant_schema};
use super::rights::Rights;
use super::watch::watched;
use crate::adapter::{Bound, ForeignKey, detect};
use crate::db::{self, Installation, Installed, Session, installed, referencing, script};

const ROLE_PRIVILEGES: &str = include_str!("../../sql/install/role_privileges.sql");
/// SQLSTATE of a role that exists already.
const DUPLICATE: &str = "42710";

/// Attempts at an installation that met another one.
const ATTEMPTS: usize = 5;

const EXCESS: &str = include_str!("../../sql/install/excess.sql");

/// A request to install.
#[derive(Clone, Debug)]
pub struct Install {
    /// The role that is to be the operators', if any.
    pub role: Option<OperatorRole>,
    /// Take rights from a role that breakglass has never granted anything to.
    pub adopt: bool,
}

/// What an installation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstallReport {
    /// Migrations that were applied; none when the schema was current.
    pub applied: Vec<String>,
    /// The adapter that fits the database, if any.
    pub adapter: Option<String>,
    /// Whether the role was made.
    pub created_role: bool,
    /// What the role has now and had not before, a table and privilege each.
    pub granted: Vec<String>,
    /// What was taken from it.
    pub revoked: Vec<String>,
    /// What the operator should know.
    pub notes: Vec<String>,
}

/// What was found before anything was done.
struct Ground {
    /// `None` where the history may not be read.
    status: Option<Installed>,
    rights: Rights,
    bound: Option<Bound>,
    grants: Vec<TableGrant>,
    before: BTreeSet<String>,
}

impl Ground {
    fn report(&self) -> InstallReport {
        InstallReport {
            adapter: self.bound.as_ref().map(|bound| bound.adapter.name.clone()),
            ..InstallReport::default()
        }
    }
}

impl Install {
    /// Runs it, in one transaction.
    ///
    /// # Errors
    ///
    /// When the role that runs it may not, when the schema is of a later or another build, or
    /// when the operator role that was named is not fit to be one.
    pub async fn run(&self, context: &Context) -> Result<InstallReport, Error> {
        let (session, identity) = context.connect().await?;
        session.may_write()?;
        if identity.in_recovery {
            return Err(Error::Standby);
        }
        let mut attempt = 1;
        loop {
            let ground = self.look(context, &session).await?;
            if ground.status == Some(Installed::Current) && self.role.is_none() {
                return Ok(ground.report());
            }
            ground
                .rights
                .check(&identity, self.role.as_ref().map(|role| role.name.as_str()))?;
            let work = self.attempt(&session, &ground);
            match watched(&context.database, &session, work).await {
                // Roles belong to the whole cluster, where our lock does not reach: somebody
                // made this one in the meantime.
                Err(Error::Database(db::Error::Server(error)))
                    if error.code == DUPLICATE && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(Error::Database(error)) => return Err(ground.rights.explain(&identity, error)),
                ended => return ended,
            }
        }
    }

    /// The statements of what is missing, as a script for a DBA to read and run.
    ///
    /// # Errors
    ///
    /// As [`Install::run`], but for the rights of the role that asks.
    pub async fn script(&self, context: &Context) -> Result<Vec<String>, Error> {
        let (session, _identity) = context.connect().await?;
        let ground = self.look(context, &session).await?;
        let mut statements = match ground.status {
            Some(Installed::Current) => Vec::new(),
            Some(Installed::Older(version)) => script(version).await?,
            _ => script(0).await?,
        };
        statements.extend(self.statements(&ground)?);
        Ok(statements)
    }

    /// Everything that has to be known before, and every reason to refuse.
    async fn look(&self, context: &Context, session: &Session) -> Result<Ground, Error> {
        // A role that may not read the history finds out from the installation itself.
        let status = installed(session).await.ok();
        if let Some(found @ (Installed::Newer(_) | Installed::Divergent(_))) = status {
            return Err(Error::NotInstalled(found));
        }
        let name = self.role.as_ref().map(|role| role.name.as_str());
        let (bound, references) = self.tables(context, session).await?;
        let owner = bound.as_ref().map(|bound| bound.token.owner.as_str());
        let rights = Rights::read(session, name, owner).await?;
        let mut ground = Ground {
            status,
            rights,
            bound,
            grants: Vec::new(),
            before: BTreeSet::new(),
        };
        let Some(role) = &self.role else {
            return Ok(ground);
        };
        ground.grants = role.grants(ground.bound.as_ref(), &references);
        let asked = Asked::new(role, &ground.grants);
        ground.before = privileges(&session.read(ROLE_PRIVILEGES, &asked.parameters()).await?)?;
        // Where nothing is needed and nothing was given, nothing has to be touched.
        let before = &ground.before;
        ground.grants.retain(|grant| {
            let table = format!(" on {}.{}", grant.schema, grant.table);
            !grant.is_empty() || before.iter().any(|privilege| privilege.ends_with(&table))
        });
        let excess: Vec<String> = ground
            .before
            .difference(&described(&ground.grants))
            .cloned()
            .collect();
        ground
            .rights
            .check_role(&role.name, ground.bound.as_ref())?;
        if !self.adopt {
            ground.rights.check_ours(&role.name, &excess)?;
        }
        Ok(ground)
    }

    fn statements(&self, ground: &Ground) -> Result<Vec<String>, Error> {
        match &self.role {
            None => Ok(Vec::new()),
            Some(role) => grant_statements(
                role,
                !ground.rights.role_exists,
                ground.bound.as_ref(),
                &ground.grants,
            ),
        }
    }

    async fn attempt(&self, session: &Session, ground: &Ground) -> Result<InstallReport, Error> {
        let mut report = ground.report();
        let installation = Installation::begin(session, &self.statements(ground)?).await?;
        let Some(role) = &self.role else {
            report.applied = installation.commit().await?;
            return Ok(report);
        };
        let asked = Asked::new(role, &ground.grants);
        let after = privileges(
            &installation
                .query(ROLE_PRIVILEGES, &asked.parameters())
                .await?,
        )?;
        if let Err(missing) = check_granted(role, &ground.grants, &after, &ground.rights) {
            installation.roll_back().await;
            return Err(missing);
        }
        report.applied = installation.commit().await?;
        report.created_role = !ground.rights.role_exists;
        report.granted = after.difference(&ground.before).cloned().collect();
        report.revoked = ground.before.difference(&after).cloned().collect();
        report.notes = notes(session, role, &ground.rights, ground.bound.as_ref()).await?;
        Ok(report)
    }

    /// The application's tables. Without an operator role they matter to nobody yet.
    async fn tables(
        &self,
        context: &Context,
        session: &Session,
    ) -> Result<(Option<Bound>, Vec<ForeignKey>), Error> {
        match (context.detect_anew(session).await, &self.role) {
            (Ok(bound), Some(_)) => {
                let references = referencing(session, &bound.token).await?;
                Ok((Some(bound), references))
            }
            (Ok(bound), None) => Ok((Some(bound), Vec::new())),
            (Err(Error::Detect(detect::Error::None(_) | detect::Error::Several(_))), None) => {
                Ok((None, Vec::new()))
            }
            (Err(error), _) => Err(error),
        }
    }
}

fn grant_statements(
    role: &OperatorRole,
    create: bool,
    bound: Option<&Bound>,
    grants: &[TableGrant],
) -> Result<Vec<String>, Error> {
    let mut statements = Vec::new();
    if create {
        statements.push(create_role(&role.name)?);
    }
    let mut schemas: Vec<&str> = grants
        .iter()
        .filter(|grant| !grant.is_empty())
        .map(|grant| grant.schema.as_str())
        .collect();
    schemas.extend(bound.map(|bound| bound.token.schema.as_str()));
    schemas.sort_unstable();
    schemas.dedup();
    for schema in schemas {
        statements.extend(grant_schema(schema, &role.name)?);
    }
    for grant in grants {
        statements.extend(grant.statements(&role.name)?);
    }
    Ok(statements)
}

fn described(grants: &[TableGrant]) -> BTreeSet<String> {
    grants
        .iter()
        .flat_map(|grant| {
            grant
                .privileges()
                .into_iter()
                .map(|privilege| describe(&grant.schema, &grant.table, &privilege))
        })
        .collect()
}

fn describe(schema: &str, table: &str, privilege: &str) -> String {
    format!("{privilege} on {schema}.{table}")
}

/// The parameters of `sql/install/role_privileges.sql`.
struct Asked {
    role: String,
    schemas: Vec<String>,
    tables: Vec<String>,
}

impl Asked {
    fn new(role: &OperatorRole, grants: &[TableGrant]) -> Self {
        let tables = grants
            .iter()
            .map(|grant| (grant.schema.clone(), grant.table.clone()));
        let (schemas, tables) = tables.unzip();
        Self {
            role: role.name.clone(),
            schemas,
            tables,
        }
    }

    fn parameters(&self) -> [db::Parameter<'_>; 3] {
        [
            (&self.role, Type::TEXT),
            (&self.schemas, Type::TEXT_ARRAY),
            (&self.tables, Type::TEXT_ARRAY),
        ]
    }
}

/// What the role was granted itself on the tables of these grants.
fn privileges(rows: &[Row]) -> Result<BTreeSet<String>, db::Error> {
    rows.iter()
        .map(|row| {
            let (schema, table, privilege): (String, String, String) = (
                row.try_get("schema")?,
                row.try_get("relation")?,
                row.try_get("privilege")?,
            );
            Ok(describe(&schema, &table, &privilege))
        })
        .collect()
}

/// GRANT by somebody who may not grant is only a warning to Postgres; here it is an error.
fn check_granted(
    role: &OperatorRole,
    grants: &[TableGrant],
    after: &BTreeSet<String>,
    rights: &Rights,
) -> Result<(), Error> {
    let wanted = described(grants);
    let missing: Vec<&str> = wanted.difference(after).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::MayNotInstall(format!(
        "role `{}` could not grant {} to `{}`: run this as the tables' owner",
        rights.me,
        missing.join(", "),
        role.name
    )))
}

async fn notes(
    session: &Session,
    role: &OperatorRole,
    rights: &Rights,
    bound: Option<&Bound>,
) -> Result<Vec<String>, db::Error> {
    let (name, typed) = (&role.name, &rights.quoted_role);
    let member = if name == "alice" { "bob" } else { "alice" };
    let mut notes = vec![
        format!("make an operator a member: `grant {typed} to {member}`"),
        format!(
            "to see who holds a lock, `grant pg_read_all_stats to {typed}`: it helps, it is not needed, and it was not granted"
        ),
        format!(
            "to end who holds a lock with --cancel-blocker, `grant pg_signal_backend to {typed}`: it was not granted"
        ),
    ];
    if let Some(bound) = bound {
        let table = &bound.adapter.token;
        if table.key_is_secret {
            notes.push(format!(
                "the key of {} is itself the secret: the role can read secrets, because finding a row needs it",
                bound.token.display_name()
            ));
        } else if let (Some(column), false) = (bound.secret_column(), role.allow_secret_check) {
            notes.push(format!("a pasted secret will not be verified: {column} is not readable; --allow-secret-check grants it"));
        }
        if !role.allow_delete {
            let needed = if bound.adapter.expire.is_none() {
                ", which is the only way to kill a token here"
            } else {
                ""
            };
            notes.push(format!(
                "the role may not delete{needed}; --allow-delete grants it"
            ));
        }
    }
    for row in session.read(EXCESS, &[(&name, Type::TEXT)]).await? {
        let (relation, privileges): (String, String) =
            (row.try_get("relation")?, row.try_get("privileges")?);
        notes.push(format!("warning: role `{name}` still has {privileges} on breakglass.{relation}, through PUBLIC or another role"));
    }
    Ok(notes)
}
