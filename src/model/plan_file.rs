//! A plan that is kept: what one operator saw, for another one to carry out, and nothing else.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::strict_json::{Strict, digest};
use super::{Action, Cascade, CompanionRow, PlannedToken};

/// The number in every plan file. It grows whenever a plan would be read otherwise than it was
/// meant: another number is refused, not guessed at.
pub const PLAN_FILE_SCHEMA: u32 = 1;

/// What a plan file holds. It never holds a secret, nor the hash of one unless the hash *is* the
/// key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// [`PLAN_FILE_SCHEMA`]; also what tells a plan file from any other document.
    pub plan_file: u32,
    /// sha256 in hex over everything else, see [`PlanFile::seal`].
    pub digest: String,
    /// The id under which it was planned. Nothing is recorded under it.
    pub operation: Uuid,
    /// Who planned it.
    pub planned_by: Planner,
    /// When, by the database's clock.
    pub planned_at: DateTime<Utc>,
    /// The last moment at which it may be carried out, by the database's clock.
    pub valid_until: DateTime<Utc>,
    /// Version of breakglass that wrote it.
    pub tool_version: String,
    /// The database that it belongs to.
    pub database: PlannedDatabase,
    /// The adapter that read the rows.
    pub adapter: PlannedAdapter,
    /// Expire or delete.
    pub action: Action,
    /// For an expire with an end in the future: that end.
    pub ends_at: Option<DateTime<Utc>>,
    /// How the tokens were named, without any secret.
    pub selector: String,
    /// Whether a filter led to them: then their number has to be said, as it would have been at once.
    #[serde(default, skip_serializing_if = "is_false")]
    pub filtered: bool,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
    /// Whether the application's own audit log is to be written where it can be.
    pub application_audit: bool,
    /// The application's user on whose behalf, as it was typed.
    pub app_actor: Option<String>,
    /// The tokens, in key order.
    pub tokens: Vec<PlannedToken>,
    /// The live companions that die with them.
    pub companions: Vec<CompanionRow>,
    /// Whether companions are left as they are, the live ones too.
    pub leaves_companions: bool,
    /// For a delete: what the catalogue says it takes along.
    pub cascades: Vec<Cascade>,
}

/// A plan of named tokens is as it was before there was anything to tell.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(filtered: &bool) -> bool {
    !*filtered
}

/// Who planned, as told by the client, and the role that read the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Planner {
    /// The operating system's user.
    pub os_user: Option<String>,
    /// The client's host name.
    pub host: Option<String>,
    /// The database role.
    pub db_role: String,
}

/// The database that a plan belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedDatabase {
    /// The cluster's identifier, made by initdb.
    pub system_identifier: String,
    /// The database's name.
    pub name: String,
}

/// The adapter that read the rows of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedAdapter {
    /// Its name.
    pub name: String,
    /// sha256 in hex of its data file: another file may have the same name.
    pub sha256: String,
    /// The schema of the application's tables.
    pub schema: String,
}

/// Why a text is not a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// It is not JSON, or names a member twice.
    #[error("is not valid JSON: {0}")]
    Syntax(String),
    /// It is another document.
    #[error("is not a plan file: {0}")]
    NotAPlan(&'static str),
    /// It was written by another breakglass, in another form.
    #[error("has schema {found}, and this breakglass reads {PLAN_FILE_SCHEMA}")]
    Schema {
        /// Its number.
        found: String,
        /// Which version wrote it, where that is told.
        tool_version: Option<String>,
    },
    /// It does not say what it said when it was written.
    #[error("was edited: what it holds has digest {found}, and it says {told}")]
    Edited {
        /// The digest that stands in it.
        told: String,
        /// The digest of what it holds.
        found: String,
    },
    /// It has a digest of its own, and yet is nothing that breakglass writes.
    #[error("does not hold a plan: {0}")]
    Content(String),
}

impl PlanFile {
    /// Puts in the digest of everything else. [`PlanFile::read`] takes no other.
    #[must_use]
    pub fn seal(mut self) -> Self {
        self.digest = digest(self.rest());
        self
    }

    /// Everything but the digest.
    fn rest(&self) -> Value {
        let mut all = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(members) = &mut all {
            members.shift_remove("digest");
        }
        all
    }

    /// Reads a plan, and believes it only as a whole: with its own digest, and with nothing in it
    /// that would be passed over.
    ///
    /// # Errors
    ///
    /// When it is none, was edited, or has another schema number.
    pub fn read(text: &[u8]) -> Result<Self, PlanFileError> {
        use PlanFileError::{Content, Edited, NotAPlan, Schema, Syntax};
        let Strict(mut all) =
            serde_json::from_slice(text).map_err(|error| Syntax(error.to_string()))?;
        let Value::Object(members) = &mut all else {
            return Err(NotAPlan("it is no object"));
        };
        let schema = members
            .get("plan_file")
            .ok_or(NotAPlan("it has no `plan_file`, the schema number of one"))?;
        if *schema != PLAN_FILE_SCHEMA {
            let tool_version = members.get("tool_version").and_then(Value::as_str);
            return Err(Schema {
                found: schema.to_string(),
                tool_version: tool_version.map(str::to_owned),
            });
        }
        let Some(Value::String(told)) = members.shift_remove("digest") else {
            return Err(NotAPlan("it has no `digest`"));
        };
        let found = digest(all.clone());
        if told != found {
            return Err(Edited { told, found });
        }
        let plan: Self =
            serde_json::from_slice(text).map_err(|error| Content(error.to_string()))?;
        // What some inner type would not look at was seen by whoever approved the digest.
        if plan.rest() != all {
            let why = "it has members that this version of breakglass does not know";
            return Err(Content(why.to_owned()));
        }
        plan.check().map_err(|why| Content(why.to_owned()))?;
        Ok(plan)
    }

    /// The same, where it says what its digest stands for: one that came as a part of something else.
    ///
    /// # Errors
    ///
    /// When it was edited, has another schema number, or holds no plan.
    pub fn unedited(self) -> Result<Self, PlanFileError> {
        if self.plan_file != PLAN_FILE_SCHEMA {
            return Err(PlanFileError::Schema {
                found: self.plan_file.to_string(),
                tool_version: Some(self.tool_version),
            });
        }
        let found = digest(self.rest());
        if self.digest != found {
            let told = self.digest;
            return Err(PlanFileError::Edited { told, found });
        }
        let checked = self.check();
        checked.map_err(|why| PlanFileError::Content(why.to_owned()))?;
        Ok(self)
    }

    /// What the types alone cannot say.
    fn check(&self) -> Result<(), &'static str> {
        if !matches!(self.action, Action::Expire | Action::Delete) {
            return Err("its action is none that a plan can have");
        }
        let whole_seconds = |end: DateTime<Utc>| end.timestamp_subsec_nanos() == 0;
        match (self.action, self.ends_at) {
            (Action::Delete, Some(_)) => return Err("it deletes, and yet has an end"),
            (_, Some(end)) if !whole_seconds(end) => return Err("its end is no whole second"),
            (_, None | Some(_)) => {}
        }
        if self.tokens.is_empty() {
            return Err("it names no token");
        }
        let mut keys = std::collections::HashSet::new();
        if !self
            .tokens
            .iter()
            .all(|planned| keys.insert(planned.token.key.as_str()))
        {
            return Err("it names a token twice");
        }
        if !self
            .companions
            .iter()
            .all(|companion| keys.contains(companion.token.as_str()))
        {
            return Err("it names a companion of a token that it does not name");
        }
        Ok(())
    }
}
