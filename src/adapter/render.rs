//! An adapter that fits, as the statements under `sql/tokens`.

use minijinja::{Error, Value};

use super::bound::{Bound, Misfit};
use super::cascade::counted;
use super::catalogue::{ForeignKey, Relation};
use super::expression::{digest, texts};
use super::file::Companion;
use super::key::{key_text, matching_rows};
use super::quote::{Sql, sql};
use super::record::add_audit;
use super::secret::KeyShape;
use super::template::{Context, nested, render};
use super::with::With;
use crate::model::Action;

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// The key.
    Key,
    /// The human name.
    Label,
    /// The owner's login.
    Owner,
    /// When it was made.
    Created,
    /// When it was last used.
    LastUsed,
    /// When it ends.
    Expires,
}

impl SortKey {
    /// Every key, in the order of a table's columns.
    pub const ALL: [Self; 6] = [
        Self::Key,
        Self::Label,
        Self::Owner,
        Self::Created,
        Self::LastUsed,
        Self::Expires,
    ];

    /// The key of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == word)
    }

    /// The word that stands in a cursor.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Label => "name",
            Self::Owner => "owner",
            Self::Created => "created",
            Self::LastUsed => "last_used",
            Self::Expires => "expires",
        }
    }
}

/// Why a statement could not be rendered: a defect of the adapter or of a template.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A rule names a column that does not suit it.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A template asks for what nobody gave.
    #[error("cannot render a statement")]
    Template(#[from] Error),
}

/// The statements that an adapter leads to on one database.
#[derive(Debug)]
pub struct Statements<'a> {
    pub(super) bound: &'a Bound,
}

impl<'a> Statements<'a> {
    /// The statements of this adapter.
    #[must_use]
    pub fn new(bound: &'a Bound) -> Self {
        Self { bound }
    }

    /// `sql/tokens/find.sql`.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn find(&self) -> Result<String, RenderError> {
        Ok(render("tokens/find.sql", &self.context()?)?)
    }

    /// `sql/tokens/keys.sql`.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn keys(&self) -> Result<String, RenderError> {
        Ok(render("tokens/keys.sql", &self.context()?)?)
    }

    /// `sql/tokens/verify.sql`; `None` where there is no stored hash to compare with.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn verify(&self) -> Result<Option<String>, RenderError> {
        self.with_digest("tokens/verify.sql")
    }

    /// `sql/tokens/lookup.sql`; `None` where a secret leads to its row by itself.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn lookup(&self) -> Result<Option<String>, RenderError> {
        // A secret that carries its row's key, or is it, needs no looking up.
        let carries_key = self
            .bound
            .adapter
            .secret
            .as_ref()
            .is_some_and(|secret| secret.key_part.is_some());
        if carries_key || self.bound.adapter.token.key_is_secret {
            return Ok(None);
        }
        self.with_digest("tokens/lookup.sql")
    }

    /// `sql/tokens/sweep.sql`, with the comparison of stored hashes or, where the role may not read
    /// them, without; `None` where that leaves nothing to find a row by.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn sweep(&self, compares: bool) -> Result<Option<String>, RenderError> {
        let adapter = &self.bound.adapter;
        let Some(secret) = &adapter.secret else {
            return Ok(None);
        };
        let mut context = self.context()?;
        let stored = secret
            .verify
            .as_ref()
            .filter(|_| compares)
            .map(|verify| digest(&verify.column, verify.hash, verify.encoding));
        let by_key = adapter.token.key_is_secret || secret.key_part.is_some();
        let (verified, leads_here) = match (&stored, by_key) {
            (Some(stored), true) if !adapter.token.key_is_secret => (
                sql!("coalesce({stored} = given.digest, false)"),
                self.sweep_by_key(),
            ),
            // Where the key is the secret, finding the row was the comparison.
            (_, true) if adapter.token.key_is_secret => (Sql::text("true"), self.sweep_by_key()),
            (_, true) => (Sql::text("null::boolean"), self.sweep_by_key()),
            (Some(stored), false) => (Sql::text("true"), sql!("{stored} = given.digest")),
            (None, false) => return Ok(None),
        };
        context.insert("verified", verified.into());
        context.insert("leads_here", leads_here.into());
        Ok(Some(render("tokens/sweep.sql", &context)?))
    }

    /// A row of the token table is that of a given key, found through the key's index where there
    /// is one.
    fn sweep_by_key(&self) -> Sql {
        let key = key_text(self.bound);
        if self.sweep_scans() {
            return sql!("{key} = given.key");
        }
        let among = matching_rows(self.bound, "$1");
        sql!("{key} = given.key and {among}")
    }

    /// Whether every sweep reads the whole table, since nothing but a digest of each row leads to it.
    #[must_use]
    pub fn sweep_scans(&self) -> bool {
        let secret = self.bound.adapter.secret.as_ref();
        self.bound.adapter.token.key_is_secret
            || secret.is_none_or(|secret| secret.key_part.is_none())
    }

    /// `sql/tokens/companions.sql`; `None` where the adapter has no companions here.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn companions(&self) -> Result<Option<String>, RenderError> {
        if self.bound.companions.is_empty() {
            return Ok(None);
        }
        let mut context = self.context()?;
        context.insert(
            "companions",
            self.companion_values(&self.bound.companions.iter().collect::<Vec<_>>())?,
        );
        Ok(Some(render("tokens/companions.sql", &context)?))
    }

    /// `sql/tokens/alive.sql`, which also says of which cluster the answer is, where the role may ask.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn alive(&self, knows_cluster: bool, with: With) -> Result<String, RenderError> {
        let mut context = self.context()?;
        let companions = with.of(self.bound.companions.iter().collect());
        context.insert("companions", self.companion_values(&companions)?);
        context.insert("knows_cluster", Value::from(knows_cluster));
        context.insert("later", Value::from(false));
        Ok(render("tokens/alive.sql", &context)?)
    }

    /// `sql/tokens/cascades.sql`; `None` where nothing references the token table.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn cascades(&self, keys: &[ForeignKey]) -> Result<Option<String>, RenderError> {
        if keys.is_empty() {
            return Ok(None);
        }
        let counted: Vec<Value> = counted(self.bound, keys, "$1")
            .into_iter()
            .map(|counted| {
                nested([
                    ("relation", Sql::literal(&counted.relation).into()),
                    ("constraint", Sql::literal(&counted.constraint).into()),
                    ("on_delete", Sql::literal(&counted.on_delete).into()),
                    ("count", counted.count.into()),
                ])
            })
            .collect();
        let context = Context::from([("cascades", Value::from(counted))]);
        Ok(Some(render("tokens/cascades.sql", &context)?))
    }

    /// `sql/tokens/expire.sql`, with the application's own audit row or without; `None` where only
    /// a delete kills.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn expire(
        &self,
        application_audit: bool,
        with: With,
    ) -> Result<Option<String>, RenderError> {
        let Some(expire) = &self.bound.adapter.expire else {
            return Ok(None);
        };
        let mut context = self.context()?;
        context.insert(
            "set",
            self.assignments(&self.bound.token, &expire.set)?.into(),
        );
        context.insert(
            "set_before",
            texts(
                &self.bound.token,
                "t",
                &expire.set.keys().cloned().collect::<Vec<_>>(),
            )
            .into(),
        );
        context.insert(
            "companions",
            self.companion_values(&with.of(self.bound.companions.iter().collect()))?,
        );
        context.insert("cascaded", Sql::text("null::jsonb").into());
        context.insert("restoring", Value::from(false));
        add_audit(self.bound, &mut context, Action::Expire, application_audit);
        Ok(Some(render("tokens/expire.sql", &context)?))
    }

    /// `sql/tokens/delete.sql`. A companion whose foreign key cascades goes with its token; any
    /// other is expired.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn delete(
        &self,
        keys: &[ForeignKey],
        application_audit: bool,
        with: With,
    ) -> Result<String, RenderError> {
        let mut context = self.context()?;
        let left = with.of(self.left_by_delete(keys));
        context.insert("companions", self.companion_values(&left)?);
        context.insert(
            "tracked",
            texts(&self.bound.token, "t", &self.bound.tracked()).into(),
        );
        let objects = counted(self.bound, keys, "$4").into_iter().map(|counted| {
            let (relation, constraint) = (Sql::literal(&counted.relation), Sql::literal(&counted.constraint));
            let (on_delete, count) = (Sql::literal(&counted.on_delete), counted.count);
            sql!("jsonb_build_object('relation', {relation}, 'constraint', {constraint}, 'on_delete', {on_delete}, 'rows', {count})")
        });
        let objects = Sql::join(objects, ", ");
        context.insert("cascaded", sql!("jsonb_build_array({objects})").into());
        context.insert("restoring", Value::from(false));
        add_audit(self.bound, &mut context, Action::Delete, application_audit);
        Ok(render("tokens/delete.sql", &context)?)
    }

    /// `sql/tokens/actor.sql`; `None` where the application keeps no users that it could name.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn actor(&self) -> Result<Option<String>, RenderError> {
        let actor = self
            .bound
            .adapter
            .application_audit
            .as_ref()
            .and_then(|audit| audit.actor.as_ref());
        let (Some(actor), Some(relation)) = (actor, &self.bound.actor) else {
            return Ok(None);
        };
        let as_text = |name: &String| {
            let column = Sql::column("t", name);
            sql!("{column}::text")
        };
        let context = Context::from([
            ("table", Sql::table(&relation.schema, &relation.name).into()),
            ("key", as_text(&actor.key).into()),
            ("login", as_text(&actor.login).into()),
            (
                "email",
                actor
                    .email
                    .as_ref()
                    .map_or_else(|| Sql::text("null"), as_text)
                    .into(),
            ),
        ]);
        Ok(Some(render("tokens/actor.sql", &context)?))
    }

    /// `sql/doctor/release.sql`; `None` where the application keeps no number here.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn release(&self) -> Result<Option<String>, RenderError> {
        let (Some(release), Some(relation)) = (&self.bound.adapter.release, &self.bound.release)
        else {
            return Ok(None);
        };
        let context = Context::from([
            ("table", Sql::table(&relation.schema, &relation.name).into()),
            ("column", Sql::ident(&release.column).into()),
        ]);
        Ok(Some(render("doctor/release.sql", &context)?))
    }

    /// The companions that a delete does not take along by itself.
    #[must_use]
    pub fn left_by_delete(&self, keys: &[ForeignKey]) -> Vec<&'a (Companion, Relation)> {
        let cascades = |relation: &Relation| {
            keys.iter().any(|key| {
                key.on_delete == "cascade"
                    && key.schema == relation.schema
                    && key.relation == relation.name
            })
        };
        self.bound
            .companions
            .iter()
            .filter(|(_, relation)| !cascades(relation))
            .collect()
    }

    /// Whether a word can be a key of this table, and how a key is written.
    #[must_use]
    pub fn key_shape(&self) -> KeyShape {
        KeyShape::of(self.bound)
    }

    fn with_digest(&self, name: &str) -> Result<Option<String>, RenderError> {
        let Some(verify) = self
            .bound
            .adapter
            .secret
            .as_ref()
            .and_then(|secret| secret.verify.as_ref())
        else {
            return Ok(None);
        };
        let mut context = self.context()?;
        context.insert(
            "digest",
            digest(&verify.column, verify.hash, verify.encoding).into(),
        );
        Ok(Some(render(name, &context)?))
    }
}
