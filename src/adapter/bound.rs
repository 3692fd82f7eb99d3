//! An adapter that was held against the catalogue: every name in it exists, with a type that
//! its rules can work on.

use super::catalogue::{Catalogue, Column, Relation};
use super::file::{Adapter, Companion, Dead, Expire, Kind, Set, Time, Unit, When};
use super::release::Quirk;

/// A name of the adapter that the database lacks, or a type that does not suit its rule.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misfit(pub String);

/// An adapter and the tables that it found.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The data file.
    pub adapter: Adapter,
    /// The token table.
    pub token: Relation,
    /// The owners' table.
    pub owner: Option<Relation>,
    /// The companions whose tables exist.
    pub companions: Vec<(Companion, Relation)>,
    /// The application's own audit log, when its table exists.
    pub audit: Option<Relation>,
    /// The table in which `--app-actor` is looked up.
    pub actor: Option<Relation>,
    /// The table of the release's number, when it exists.
    pub release: Option<Relation>,
    /// The quirks that its tables and columns allow.
    pub quirks: Vec<Quirk>,
}

impl Bound {
    /// Holds every name of the adapter against the catalogue.
    ///
    /// # Errors
    ///
    /// The first name that is missing, or whose type does not suit.
    pub(super) fn new(
        adapter: Adapter,
        catalogue: &Catalogue,
        schema: &str,
    ) -> Result<Self, Misfit> {
        let find = |table: &str| {
            catalogue
                .relation(schema, table)
                .cloned()
                .ok_or_else(|| Misfit(format!("there is no table {schema}.{table}")))
        };
        let token = find(&adapter.token.table)?;
        let owner = adapter
            .owner
            .as_ref()
            .map(|owner| find(&owner.table))
            .transpose()?;
        let mut companions = Vec::new();
        for companion in &adapter.companions {
            match find(&companion.table) {
                Ok(relation) => companions.push((companion.clone(), relation)),
                Err(_absent) if companion.optional => {}
                Err(misfit) => return Err(misfit),
            }
        }
        let audit = adapter.application_audit.as_ref().and_then(|audit| {
            let relation = catalogue.relation(schema, &audit.table)?;
            audit
                .columns
                .keys()
                .all(|column| relation.columns.contains_key(column))
                .then(|| relation.clone())
        });
        let actor = adapter
            .application_audit
            .as_ref()
            .and_then(|audit| audit.actor.as_ref())
            .and_then(|actor| catalogue.relation(schema, &actor.table).cloned());
        let release = adapter.release_relation(catalogue, schema)?;
        let quirks = adapter.fitting_quirks(catalogue, schema);
        let bound = Self {
            adapter,
            token,
            owner,
            companions,
            audit,
            actor,
            release,
            quirks,
        };
        bound.check()?;
        Ok(bound)
    }

    fn check(&self) -> Result<(), Misfit> {
        if !matches!(self.token.kind.as_str(), "r" | "p") {
            return Err(Misfit(format!(
                "{} is not a table",
                self.token.display_name()
            )));
        }
        for column in self.tracked() {
            require(&self.token, &column)?;
            if self.is_secret(&column) {
                return Err(Misfit(format!(
                    "column {column} is secret and cannot be shown or compared"
                )));
            }
        }
        require(&self.token, &self.adapter.token.key)?;
        if let (Some(owner), Some(relation)) = (&self.adapter.owner, &self.owner) {
            require(relation, &owner.key)?;
            require(relation, &owner.login)?;
            for column in owner.email.iter().chain(&owner.details) {
                require(relation, column)?;
            }
        }
        for time in self.times().into_iter().flatten() {
            check_unit(&self.token, time)?;
        }
        self.check_rules(&self.token, &self.adapter.dead)?;
        if let Some(expire) = &self.adapter.expire {
            for (column, set) in &expire.set {
                self.check_set(&self.token, column, set)?;
            }
            self.check_expire_at(&self.token, expire)?;
        }
        for (companion, relation) in &self.companions {
            require(relation, &companion.key)?;
            require(relation, &companion.token)?;
            self.check_rules(relation, &companion.dead)?;
            for (column, set) in &companion.expire.set {
                self.check_set(relation, column, set)?;
            }
            self.check_expire_at(relation, &companion.expire)?;
        }
        Ok(())
    }

    fn check_rules(&self, relation: &Relation, rules: &[Dead]) -> Result<(), Misfit> {
        for rule in rules {
            require(relation, &rule.column)?;
            match rule.when {
                When::Past => {
                    self.unit(relation, &rule.column)?;
                }
                When::True | When::False => require_type(relation, &rule.column, "boolean")?,
                When::GtZero => require_number(relation, &rule.column)?,
                When::NotNull | When::Null | When::Eq | When::NotEq => {}
            }
        }
        Ok(())
    }

    fn check_set(&self, relation: &Relation, column: &str, set: &Set) -> Result<(), Misfit> {
        match set {
            Set::Flag(_) => require_type(relation, column, "boolean"),
            Set::Word(_) => self.unit(relation, column).map(|_unit| ()),
            Set::Text(_) => require(relation, column),
            Set::Null(_) if relation.column(column)?.not_null => Err(Misfit(format!(
                "{}.{column} refuses null",
                relation.display_name()
            ))),
            Set::Null(_) => Ok(()),
        }
    }

    /// How a column holds its time: as the adapter says, else as its type says.
    pub(super) fn unit(&self, relation: &Relation, column: &str) -> Result<Unit, Misfit> {
        let told = self
            .times()
            .into_iter()
            .flatten()
            .find(|time| relation.name == self.token.name && time.column == column);
        if let Some(time) = told {
            return Ok(time.unit);
        }
        match type_of(relation, column)? {
            "timestamp with time zone" => Ok(Unit::Timestamptz),
            "timestamp without time zone" => Ok(Unit::Utc),
            "date" => Ok(Unit::Date),
            other => Err(Misfit(format!(
                "{}.{column} is {other}: say its unit under [times]",
                relation.display_name()
            ))),
        }
    }

    /// Created, last used, expires; each where the adapter has it.
    pub(super) fn times(&self) -> [Option<&Time>; 3] {
        let times = &self.adapter.times;
        [
            times.created.as_ref(),
            times.last_used.as_ref(),
            times.expires.as_ref(),
        ]
    }

    /// Whether the application records when a token was last used.
    #[must_use]
    pub fn records_use(&self) -> bool {
        self.adapter.times.last_used.is_some()
    }

    /// Whether the adapter marks a column of the token table as secret.
    #[must_use]
    pub fn is_secret(&self, column: &str) -> bool {
        let verify = self
            .adapter
            .secret
            .as_ref()
            .and_then(|secret| secret.verify.as_ref());
        (self.adapter.token.key_is_secret && column == self.adapter.token.key)
            || verify.is_some_and(|verify| verify.column == column)
    }

    /// The column of the stored hash, if the adapter has one.
    #[must_use]
    pub fn secret_column(&self) -> Option<&str> {
        let verify = self.adapter.secret.as_ref()?.verify.as_ref()?;
        Some(&verify.column)
    }

    /// The kinds whose conditions name columns that exist.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.adapter.kinds.iter().filter(|kind| {
            kind.when
                .iter()
                .all(|condition| self.token.columns.contains_key(&condition.column))
        })
    }

    /// Detail columns that exist in this release of the application.
    pub(super) fn details(&self) -> impl Iterator<Item = &String> {
        self.adapter
            .token
            .details
            .iter()
            .filter(|column| self.has(column))
    }

    /// The names of all details that a token of this database has.
    #[must_use]
    pub fn detail_names(&self) -> Vec<String> {
        let owner = self.adapter.owner.iter().flat_map(|owner| &owner.details);
        self.details()
            .cloned()
            .chain(owner.map(|column| format!("owner_{column}")))
            .collect()
    }

    fn has(&self, column: &str) -> bool {
        !self
            .adapter
            .token
            .optional
            .iter()
            .any(|optional| optional == column)
            || self.token.columns.contains_key(column)
    }

    /// The columns that hold an end as a time of day without a zone, or as a day; with their tables.
    #[must_use]
    pub fn zoneless(&self) -> Vec<String> {
        let own = self.vital().into_iter().map(|column| (&self.token, column));
        let companions = self.companions.iter().flat_map(|(companion, relation)| {
            let dead = companion.dead.iter().map(|rule| rule.column.clone());
            let set = companion.expire.columns();
            dead.chain(set).map(move |column| (relation, column))
        });
        let mut found: Vec<String> = own
            .chain(companions)
            .filter(|(relation, column)| {
                let column = relation.columns.get(column);
                column.is_some_and(|column| {
                    matches!(
                        column.type_name.as_str(),
                        "timestamp without time zone" | "date"
                    )
                })
            })
            .map(|(relation, column)| format!("{}.{column}", relation.display_name()))
            .collect();
        found.dedup();
        found
    }

    /// The token table and the companions' tables: those that a change writes to.
    pub fn written(&self) -> impl Iterator<Item = &Relation> {
        std::iter::once(&self.token).chain(self.companions.iter().map(|(_, relation)| relation))
    }

    /// Columns that decide over life and death: compared, unless the row is dead by now.
    #[must_use]
    pub fn vital(&self) -> Vec<String> {
        let adapter = &self.adapter;
        let mut columns: Vec<String> = adapter
            .dead
            .iter()
            .map(|rule| rule.column.clone())
            .collect();
        columns.extend(adapter.expire.iter().flat_map(Expire::columns));
        columns.extend(adapter.times.expires.iter().map(|time| time.column.clone()));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Columns that must be as they were shown.
    #[must_use]
    pub fn fixed(&self) -> Vec<String> {
        let adapter = &self.adapter;
        let vital = self.vital();
        let mut columns: Vec<String> = self.details().cloned().collect();
        columns.extend(adapter.token.label.clone());
        columns.extend(adapter.owner.iter().map(|owner| owner.column.clone()));
        columns.extend(adapter.times.created.iter().map(|time| time.column.clone()));
        columns.extend(
            self.kinds()
                .flat_map(|kind| kind.when.iter().map(|condition| condition.column.clone())),
        );
        columns.retain(|column| !vital.contains(column) && !adapter.token.moving.contains(column));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Every column that is read, besides the key and the secret; a delete records them.
    #[must_use]
    pub fn tracked(&self) -> Vec<String> {
        let mut columns = self.fixed();
        columns.extend(self.vital());
        columns.extend(self.details().cloned());
        columns.extend(
            self.adapter
                .times
                .last_used
                .iter()
                .map(|time| time.column.clone()),
        );
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

impl Relation {
    /// The column of this name.
    pub(super) fn column(&self, name: &str) -> Result<&Column, Misfit> {
        self.columns
            .get(name)
            .ok_or_else(|| Misfit(format!("{} has no column {name}", self.display_name())))
    }
}

fn type_of<'a>(relation: &'a Relation, column: &str) -> Result<&'a str, Misfit> {
    Ok(&relation.column(column)?.type_name)
}

fn require(relation: &Relation, column: &str) -> Result<(), Misfit> {
    type_of(relation, column).map(|_type| ())
}

fn require_type(relation: &Relation, column: &str, wanted: &str) -> Result<(), Misfit> {
    let found = type_of(relation, column)?;
    if found == wanted {
        return Ok(());
    }
    Err(Misfit(format!(
        "{}.{column} is {found}, not {wanted}",
        relation.display_name()
    )))
}

fn check_unit(relation: &Relation, time: &Time) -> Result<(), Misfit> {
    match time.unit {
        Unit::Timestamptz => require_type(relation, &time.column, "timestamp with time zone"),
        Unit::Utc => require_type(relation, &time.column, "timestamp without time zone"),
        Unit::Date => require_type(relation, &time.column, "date"),
        Unit::Seconds | Unit::Milliseconds => match type_of(relation, &time.column)? {
            "bigint" | "integer" | "numeric" => Ok(()),
            found => Err(Misfit(format!(
                "{}.{} is {found}, not an integer",
                relation.display_name(),
                time.column
            ))),
        },
    }
}

fn require_number(relation: &Relation, column: &str) -> Result<(), Misfit> {
    match type_of(relation, column)? {
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => Ok(()),
        found => Err(Misfit(format!(
            "{}.{column} is {found}, not a number",
            relation.display_name()
        ))),
    }
}
