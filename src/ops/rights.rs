//! Who may install, and who may be the operator role.

use tokio_postgres::types::Type;

use super::error::Error;
use crate::adapter::Bound;
use crate::db::{self, Identity, Kind, Session};

const RIGHTS: &str = include_str!("../../sql/install/rights.sql");

/// What the server says about the one who installs, and about the role.
pub(super) struct Rights {
    may_create_schema: bool,
    schema_exists: bool,
    owns_schema: bool,
    may_create_role: bool,
    pub(super) role_exists: bool,
    role_owns_tokens: bool,
    role_owns_log: bool,
    log_is_the_applications: bool,
    role_is_superuser: bool,
    role_is_ours: bool,
    pub(super) me: String,
    database_owner: String,
    /// The role's name as it has to be typed.
    pub(super) quoted_role: String,
}

impl Rights {
    pub(super) async fn read(
        session: &Session,
        role: Option<&str>,
        tokens_owner: Option<&str>,
    ) -> Result<Self, db::Error> {
        let rows = session
            .read(RIGHTS, &[(&role, Type::TEXT), (&tokens_owner, Type::TEXT)])
            .await?;
        let row = rows
            .first()
            .ok_or_else(|| db::Error::Answer("no rights".to_owned()))?;
        Ok(Self {
            may_create_schema: row.try_get("may_create_schema")?,
            schema_exists: row.try_get("schema_exists")?,
            owns_schema: row.try_get("owns_schema")?,
            may_create_role: row.try_get("may_create_role")?,
            role_exists: row.try_get("role_exists")?,
            role_owns_tokens: row.try_get("role_owns_tokens")?,
            role_owns_log: row.try_get("role_owns_log")?,
            log_is_the_applications: row.try_get("log_is_the_applications")?,
            role_is_superuser: row.try_get("role_is_superuser")?,
            role_is_ours: row.try_get("role_is_ours")?,
            me: row.try_get("me")?,
            database_owner: row.try_get("database_owner")?,
            quoted_role: row.try_get("quoted_role")?,
        })
    }
}

impl Rights {
    pub(super) fn check(&self, identity: &Identity, role: Option<&str>) -> Result<(), Error> {
        let (me, database, owner) = (&self.me, &identity.database.name, &self.database_owner);
        if self.schema_exists && !self.owns_schema {
            return Err(Error::MayNotInstall(format!(
                "role `{me}` does not own schema breakglass: run `breakglass init` as its owner"
            )));
        }
        if self.log_is_the_applications {
            return Err(Error::MayNotInstall(
                "schema breakglass belongs to the application's own role, which could rewrite the \
                 log: `alter schema breakglass owner to` another role, and its tables, first"
                    .to_owned(),
            ));
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
    pub(super) fn check_role(&self, name: &str, bound: Option<&Bound>) -> Result<(), Error> {
        if self.role_is_superuser {
            return Err(Error::UnfitRole(format!(
                "role `{name}` is a superuser, whom no grant restrains: name another"
            )));
        }
        if self.role_owns_log {
            return Err(Error::UnfitRole(format!(
                "role `{name}` is, or is a member of, the owner of schema breakglass, who can \
                 rewrite the log: name another"
            )));
        }
        match bound {
            Some(bound) if self.role_owns_tokens => Err(Error::UnfitRole(format!(
                "role `{name}` owns {}, so no grant restrains it: name another",
                bound.token.display_name()
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses to take rights from a role that may be the application's own.
    pub(super) fn check_ours(&self, name: &str, excess: &[String]) -> Result<(), Error> {
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

    pub(super) fn explain(&self, identity: &Identity, error: db::Error) -> Error {
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
