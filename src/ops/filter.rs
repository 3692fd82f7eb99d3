//! Which tokens are meant, by what they are: the same words for a list and for a change.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio_postgres::types::{ToSql, Type};

use super::error::Error;
use super::scope::Scope;
use crate::adapter::Bound;
use crate::db;

/// The kinds that are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// The adapter's default kind.
    #[default]
    Default,
    /// Every kind.
    All,
    /// These.
    Named(Vec<String>),
}

impl Kinds {
    /// Reads what `--kind` was given; `all` is every kind, and `otherwise` holds where there is none.
    #[must_use]
    pub fn of(words: &[String], otherwise: Self) -> Self {
        if words.is_empty() {
            otherwise
        } else if words.iter().any(|word| word == "all") {
            Self::All
        } else {
            Self::Named(words.to_vec())
        }
    }

    /// The names; `None` is every kind.
    ///
    /// # Errors
    ///
    /// When the adapter knows one of them not.
    pub fn names(&self, bound: &Bound) -> Result<Option<Vec<String>>, Error> {
        let adapter = &bound.adapter;
        let named = match self {
            Self::Default => return Ok(Some(vec![adapter.token.default_kind.clone()])),
            Self::All => return Ok(None),
            Self::Named(named) => named,
        };
        let mut known: Vec<String> = adapter.kinds.iter().map(|kind| kind.name.clone()).collect();
        known.dedup();
        match named.iter().find(|kind| !known.contains(kind)) {
            None => Ok(Some(named.clone())),
            Some(unknown) => Err(Error::UnknownKind {
                kind: unknown.clone(),
                adapter: adapter.name.clone(),
                known,
            }),
        }
    }
}

/// A moment, or a distance from the database's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This one.
    At(DateTime<Utc>),
    /// So long before now, or after it, as the filter says.
    Away(Duration),
}

impl Moment {
    /// So long ago, by the database's clock.
    fn ago(self, as_of: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Away(distance) => as_of
                .checked_sub_signed(delta(distance))
                .unwrap_or(DateTime::UNIX_EPOCH),
        }
    }

    /// In so long, by the database's clock.
    fn ahead(self, as_of: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Away(distance) => as_of
                .checked_add_signed(delta(distance))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }

    fn words(self) -> String {
        match self {
            Self::At(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::Away(distance) => duration_words(distance),
        }
    }
}

fn delta(distance: Duration) -> TimeDelta {
    TimeDelta::from_std(distance).unwrap_or(TimeDelta::MAX)
}

/// Which tokens are wanted. What is `None` is not filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Also those that are dead.
    pub include_expired: bool,
    /// Kinds.
    pub kinds: Kinds,
    /// Owner's key, login or email.
    pub owner: Option<String>,
    /// Label, with `*` and `?`.
    pub name: Option<String>,
    /// Not used for so long.
    pub unused_for: Option<Duration>,
    /// Ends within so long.
    pub expires_within: Option<Duration>,
    /// Ends later than this, or never; a distance is ahead of now.
    pub expires_after: Option<Moment>,
    /// Made before this; a distance is back from now.
    pub created_before: Option<Moment>,
    /// Made at this time or later; a distance is back from now.
    pub created_after: Option<Moment>,
}

/// The values of `sql/tokens/filtered.sql`, `$1` to `$11`. Whoever adds to them counts on from there.
pub(super) type Values = Vec<(Box<dyn ToSql + Sync + Send>, Type)>;

/// The same for a statement that is not streamed.
pub(super) fn borrowed(values: &Values) -> Vec<db::Parameter<'_>> {
    values
        .iter()
        .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
        .collect()
}

impl Filter {
    /// Everything that there is.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            kinds: Kinds::All,
            ..Self::default()
        }
    }

    /// What goes into a statement.
    ///
    /// # Errors
    ///
    /// When it asks for a kind or a time that this application does not have.
    pub(super) fn values(
        &self,
        bound: &Bound,
        as_of: DateTime<Utc>,
        scope: &Scope,
    ) -> Result<Values, Error> {
        self.check(bound)?;
        let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs_f64());
        let Self {
            include_expired,
            kinds,
            owner,
            name,
            unused_for,
            expires_within,
            expires_after,
            created_before,
            created_after,
        } = self;
        Ok(vec![
            (Box::new(*include_expired), Type::BOOL),
            (Box::new(kinds.names(bound)?), Type::TEXT_ARRAY),
            (Box::new(owner.clone()), Type::TEXT),
            (Box::new(name.as_deref().map(like_pattern)), Type::TEXT),
            (Box::new(seconds(*unused_for)), Type::FLOAT8),
            (Box::new(seconds(*expires_within)), Type::FLOAT8),
            (
                Box::new(expires_after.map(|moment| moment.ahead(as_of))),
                Type::TIMESTAMPTZ,
            ),
            (
                Box::new(created_before.map(|moment| moment.ago(as_of))),
                Type::TIMESTAMPTZ,
            ),
            (
                Box::new(created_after.map(|moment| moment.ago(as_of))),
                Type::TIMESTAMPTZ,
            ),
            (Box::new(scope.owner.clone()), Type::TEXT),
            (Box::new(scope.kinds.clone()), Type::TEXT_ARRAY),
        ])
    }

    /// A filter by what is not recorded would let nothing through, or everything.
    fn check(&self, bound: &Bound) -> Result<(), Error> {
        let missing = |what, flags| {
            Err(Error::NotKept {
                title: bound.adapter.title.clone(),
                what,
                flags,
            })
        };
        if self.unused_for.is_some() && !bound.records_use() {
            return missing("when a token was last used", "--unused-for");
        }
        let by_making = self.created_before.is_some() || self.created_after.is_some();
        if by_making && bound.adapter.times.created.is_none() {
            return missing(
                "when a token was made",
                "--created-before and --created-after",
            );
        }
        Ok(())
    }

    /// How it is told and recorded: in the words of the command line, with every kind named.
    ///
    /// A value of which `hides` says so is left out of it.
    pub(super) fn describe(&self, bound: &Bound, hides: impl Fn(&str) -> bool) -> String {
        let Self {
            include_expired,
            kinds,
            owner,
            name,
            unused_for,
            expires_within,
            expires_after,
            created_before,
            created_after,
        } = self;
        let kinds = match kinds {
            Kinds::Default => bound.adapter.token.default_kind.clone(),
            Kinds::All
                if *self
                    == Self {
                        include_expired: *include_expired,
                        ..Self::everything()
                    } =>
            {
                return if *include_expired {
                    "--all --include-expired"
                } else {
                    "--all"
                }
                .to_owned();
            }
            Kinds::All => "all".to_owned(),
            Kinds::Named(names) => names.join(","),
        };
        let moment = |moment: &Option<Moment>| moment.map(Moment::words);
        let length = |length: &Option<Duration>| length.map(duration_words);
        let mut words = String::new();
        for (flag, value) in [
            ("--owner", owner.clone()),
            ("--kind", Some(kinds)),
            ("--name", name.clone()),
            ("--unused-for", length(unused_for)),
            ("--expires-within", length(expires_within)),
            ("--expires-after", moment(expires_after)),
            ("--created-before", moment(created_before)),
            ("--created-after", moment(created_after)),
        ] {
            let Some(value) = value else { continue };
            let value = if hides(&value) {
                "(a secret)".to_owned()
            } else {
                shell_word(&value)
            };
            let gap = if words.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _written = write!(words, "{gap}{flag} {value}");
        }
        if *include_expired {
            words.push_str(" --include-expired");
        }
        words
    }
}

/// The command that lists what a filter, as it was described, lets through.
pub(super) fn list_command(described: &str) -> String {
    let words = match described.strip_prefix("--all") {
        Some(rest) => format!("--kind all{rest}"),
        None => described.to_owned(),
    };
    format!("breakglass tokens ls {words}")
}

/// A length of time in its largest unit that holds it: `90d`, and not so many months and days.
pub(super) fn duration_words(length: Duration) -> String {
    let seconds = length.as_secs();
    if length.subsec_nanos() > 0 {
        return humantime::format_duration(length).to_string();
    }
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let fitting = units
        .iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    let (unit, letter) = fitting.copied().unwrap_or((1, "s"));
    format!("{}{letter}", seconds / unit)
}

/// A value as a shell would have to be given it.
fn shell_word(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

/// `*` and `?` as LIKE has them; everything else as it is.
fn like_pattern(glob: &str) -> String {
    let mut pattern = String::with_capacity(glob.len());
    for c in glob.chars() {
        match c {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            _ => pattern.push(c),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration_words, like_pattern, shell_word};

    #[test]
    fn a_glob_matches_what_it_says_and_nothing_else() {
        assert_eq!(like_pattern("ci-*"), "ci-%");
        assert_eq!(like_pattern("a_b%c\\d?"), "a\\_b\\%c\\\\d_");
    }

    #[test]
    fn a_length_of_time_is_told_as_it_was_typed() {
        for text in ["90d", "36h", "90m", "45s", "0s"] {
            assert_eq!(
                duration_words(humantime::parse_duration(text).unwrap()),
                text
            );
        }
        assert_eq!(duration_words(Duration::from_millis(1500)), "1s 500ms");
    }

    #[test]
    fn a_value_is_told_as_a_shell_takes_it() {
        assert_eq!(shell_word("ci-runner"), "ci-runner");
        assert_eq!(shell_word("ci-*"), "'ci-*'");
        assert_eq!(shell_word("o'neil"), "'o'\\''neil'");
        assert_eq!(shell_word(""), "''");
    }
}
