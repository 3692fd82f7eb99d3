//! Installing breakglass's own schema, and giving an operator role the least that works.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::desk::Context;
use super::error::Error;
use super::grants::{OperatorRole, TableGrant, create_role, grant_schema};
use crate::adapter::{Bound, ForeignKey, detect};
use crate::db::{self, Identity, Installed, Kind, Session, installed, referencing, script};

const RIGHTS: &str = include_str!("../../sql/install/rights.sql");
const ROLE_PRIVILEGES: &str = include_str!("../../sql/install/role_privileges.sql");
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

/// What the server says about the one who installs, and about the role.
struct Rights {
    may_create_schema: bool,
    schema_exists: bool,
    owns_schema: bool,
    may_create_role: bool,
    role_exists: bool,
    role_is_superuser: bool,
    role_is_ours: bool,
    me: String,
    database_owner: String,
}

impl Rights {
    async fn read(session: &Session, role: Option<&str>) -> Result<Self, db::Error> {
        let rows = session.read(RIGHTS, &[(&role, Type::TEXT)]).await?;
        let row = rows
            .first()
            .ok_or_else(|| db::Error::Answer("no rights".to_owned()))?;
        Ok(Self {
            may_create_schema: row.try_get("may_create_schema")?,
            schema_exists: row.try_get("schema_exists")?,
            owns_schema: row.try_get("owns_schema")?,
            may_create_role: row.try_get("may_create_role")?,
            role_exists: row.try_get("role_exists")?,
            role_is_superuser: row.try_get("role_is_superuser")?,
            role_is_ours: row.try_get("role_is_ours")?,
            me: row.try_get("me")?,
            database_owner: row.try_get("database_owner")?,
        })
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
        if identity.in_recovery {
            return Err(Error::Standby);
        }
        let status = installed(&session).await;
        if let Ok(found @ (Installed::Newer(_) | Installed::Divergent(_))) = status {
            return Err(Error::NotInstalled(found));
        }
        let name = self.role.as_ref().map(|role| role.name.as_str());
        let rights = Rights::read(&session, name).await?;
        if matches!(status, Ok(Installed::Current)) && self.role.is_none() {
            let adapter = context
                .detect(&session)
                .await
                .ok()
                .map(|bound| bound.adapter.name);
            return Ok(InstallReport {
                adapter,
                ..InstallReport::default()
            });
        }
        rights.check(&identity, name)?;
        let (bound, references) = self.tables(context, &session).await?;
        let mut report = InstallReport {
            adapter: bound.as_ref().map(|bound| bound.adapter.name.clone()),
            ..InstallReport::default()
        };
        let mut statements = Vec::new();
        let mut grants = Vec::new();
        let mut before = BTreeSet::new();
        if let Some(role) = &self.role {
            grants = role.grants(bound.as_ref(), &references);
            if rights.role_exists {
                before = privileges(&session, &role.name, &grants).await?;
            }
            let excess = before
                .difference(&described(&grants))
                .cloned()
                .collect::<Vec<_>>();
            rights.check_role(&role.name, bound.as_ref())?;
            if !self.adopt {
                rights.check_ours(&role.name, &excess)?;
            }
            statements = grant_statements(role, !rights.role_exists, bound.as_ref(), &grants)?;
            report.created_role = !rights.role_exists;
        }
        report.applied = db::install(&session, &statements)
            .await
            .map_err(|error| rights.explain(&identity, error))?;
        if let Some(role) = &self.role {
            let after = privileges(&session, &role.name, &grants).await?;
            check_granted(role, &grants, &after, &rights)?;
            report.granted = after.difference(&before).cloned().collect();
            report.revoked = before.difference(&after).cloned().collect();
            report.notes = notes(&session, role, bound.as_ref()).await?;
        }
        Ok(report)
    }

    /// The statements of an installation from nothing, as a script for a DBA to read and run.
    ///
    /// # Errors
    ///
    /// When there is no connection, or the operator role needs an adapter and none fits.
    pub async fn script(&self, context: &Context) -> Result<Vec<String>, Error> {
        let (session, _identity) = context.connect().await?;
        let mut statements = match installed(&session).await {
            Ok(Installed::Current) => Vec::new(),
            _ => script().await?,
        };
        let (bound, references) = self.tables(context, &session).await?;
        if let Some(role) = &self.role {
            let rights = Rights::read(&session, Some(&role.name)).await?;
            let grants = role.grants(bound.as_ref(), &references);
            statements.extend(grant_statements(
                role,
                !rights.role_exists,
                bound.as_ref(),
                &grants,
            )?);
        }
        Ok(statements)
    }

    /// The application's tables. Without an operator role they matter to nobody yet.
    async fn tables(
        &self,
        context: &Context,
        session: &Session,
    ) -> Result<(Option<Bound>, Vec<ForeignKey>), Error> {
        match (context.detect(session).await, &self.role) {
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

impl Rights {
    fn check(&self, identity: &Identity, role: Option<&str>) -> Result<(), Error> {
        let (me, database, owner) = (&self.me, &identity.database.name, &self.database_owner);
        if self.schema_exists && !self.owns_schema {
            return Err(Error::MayNotInstall(format!(
                "role `{me}` does not own schema breakglass: run `breakglass init` as its owner"
            )));
        }
        if !self.schema_exists && !self.may_create_schema {
            return Err(Error::MayNotInstall(format!(
                "role `{me}` may not create a schema in database `{database}`: ask its owner `{owner}` to run \
                 `breakglass init`, or for `grant create on database {database} to {me}`"
            )));
        }
        if let (Some(role), false, false) = (role, self.role_exists, self.may_create_role) {
            return Err(Error::MayNotInstall(format!(
                "role `{me}` may not create roles: ask a superuser for `create role {role} nologin`, and run this again"
            )));
        }
        Ok(())
    }

    /// Refuses a role that no grant restrains.
    fn check_role(&self, name: &str, bound: Option<&Bound>) -> Result<(), Error> {
        if self.role_is_superuser {
            return Err(Error::UnfitRole(format!(
                "role `{name}` is a superuser, whom no grant restrains: name another"
            )));
        }
        match bound {
            Some(bound) if bound.token.owner == name => Err(Error::UnfitRole(format!(
                "role `{name}` owns {}, so no grant restrains it: name another",
                bound.token.display_name()
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses to take rights from a role that may be the application's own.
    fn check_ours(&self, name: &str, excess: &[String]) -> Result<(), Error> {
        if !self.role_exists || self.role_is_ours || excess.is_empty() {
            return Ok(());
        }
        Err(Error::UnfitRole(format!(
            "role `{name}` exists, breakglass has never granted it anything, and it would lose {}: \
             it looks like an application's role; name another, or add --yes to take these rights \
             from it",
            excess.join(", ")
        )))
    }

    fn explain(&self, identity: &Identity, error: db::Error) -> Error {
        if error.kind() != Some(Kind::Permission) {
            return error.into();
        }
        Error::MayNotInstall(format!(
            "role `{}` may not do all of this in database `{}` ({error}): ask the tables' owner, or a superuser, \
             to run the same `breakglass init`; `--print` shows what it runs",
            self.me, identity.database.name
        ))
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
    statements.extend(grant_schema("breakglass", &role.name)?);
    if let Some(bound) = bound {
        statements.extend(grant_schema(&bound.token.schema, &role.name)?);
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

/// What the role was granted itself on the tables of these grants.
async fn privileges(
    session: &Session,
    role: &str,
    grants: &[TableGrant],
) -> Result<BTreeSet<String>, db::Error> {
    let schemas: Vec<&str> = grants.iter().map(|grant| grant.schema.as_str()).collect();
    let tables: Vec<&str> = grants.iter().map(|grant| grant.table.as_str()).collect();
    let parameters: [db::Parameter<'_>; 3] = [
        (&role, Type::TEXT),
        (&schemas, Type::TEXT_ARRAY),
        (&tables, Type::TEXT_ARRAY),
    ];
    let rows = session.read(ROLE_PRIVILEGES, &parameters).await?;
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
    bound: Option<&Bound>,
) -> Result<Vec<String>, db::Error> {
    let name = &role.name;
    let mut notes = vec![
        format!("make an operator a member: `grant {name} to alice`"),
        format!(
            "to see who holds a lock, `grant pg_read_all_stats to {name}`: it helps, it is not needed, and it was not granted"
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
