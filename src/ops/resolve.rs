//! Selectors to rows: what was named, and what a pasted secret proves.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::filter::{Filter, borrowed};
use super::owners::{closure, find_owner};
use super::selector::{Reading, Selector};
use super::sweep::find_swept;
use super::token_row::TokenRow;
use super::verify::{check, compare, may_read_secret};
use super::wording;
use crate::adapter::{KeyShape, SecretParts, SortKey};
use crate::model::{SecretCheck, Token};

/// The rows that were named, in key order, and how.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) rows: Vec<(TokenRow, SecretCheck)>,
    pub(super) selector: String,
    /// Whether there are more, which were not read.
    pub(super) cut: bool,
}

/// How the selectors may be told before anything was looked up: no bare word as text.
pub(super) fn describe(desk: &Desk, selectors: &[Selector], owner: Option<&str>) -> String {
    let (secrets, keys) = (desk.secret_shape(), desk.statements().key_shape());
    let words = selectors.iter().map(|selector| match selector {
        Selector::Filtered(filter) => describe_filter(desk, filter),
        selector => {
            let reading = selector.read(secrets.as_ref(), &keys);
            selector.describe(&reading, false)
        }
    });
    join(owner, words)
}

pub(super) fn describe_filter(desk: &Desk, filter: &Filter) -> String {
    let secrets = desk.secret_shape();
    filter.describe(&desk.bound, |value| {
        secrets.as_ref().is_some_and(|shape| shape.is_in(value))
    })
}

fn join(owner: Option<&str>, words: impl Iterator<Item = String>) -> String {
    let owner = owner.map(|owner| format!("owner:{owner}"));
    owner.into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Finds the row of every selector. Of what a filter lets through one row more than `most` is read
/// at most, so that whoever asks can tell that there are too many.
///
/// # Errors
///
/// When one names no row, or several, or its secret is not the row's own.
pub(super) async fn resolve(
    desk: &Desk,
    selectors: &[Selector],
    owner: Option<&str>,
    most: usize,
) -> Result<Resolved, Error> {
    match selectors {
        [Selector::Swept(swept)] => {
            return Ok(Resolved {
                rows: find_swept(desk, swept).await?,
                selector: swept.describe(),
                cut: false,
            });
        }
        [Selector::Filtered(filter)] => {
            let rows = find_filtered(desk, filter, most).await?;
            return Ok(Resolved {
                cut: rows.len() > most,
                rows: rows
                    .into_iter()
                    .map(|row| (row, SecretCheck::NotGiven))
                    .collect(),
                selector: describe_filter(desk, filter),
            });
        }
        [Selector::Owner(name)] => return find_of_owner(desk, name, most).await,
        _ => {}
    }
    let keys = desk.statements().key_shape();
    let mut readings = read_all(desk, selectors)?;
    look_up_secrets(desk, &mut readings).await?;
    let rows = find(desk, &readings, owner).await?;
    let mut chosen: BTreeMap<String, (TokenRow, SecretCheck)> = BTreeMap::new();
    let by_word = ByWord::of(&rows);
    let mut words = Vec::new();
    let mut given = Vec::new();
    for (selector, reading) in selectors.iter().zip(&readings) {
        let mut matching = by_word.candidates(reading);
        matching.retain(|row| names(desk, &keys, reading, owner, &row.token));
        let row = match matching.as_slice() {
            [row] => *row,
            [] => return Err(Error::NoSuchToken(selector.describe(reading, false))),
            several => {
                let found = several.iter().map(|row| row.token.clone()).collect();
                return Err(Error::Ambiguous {
                    selector: selector.describe(reading, true),
                    as_of: desk.identity.as_of,
                    records_use: desk.bound.records_use(),
                    found,
                });
            }
        };
        words.push(selector.describe(reading, true));
        let check = check(desk, reading, &row.token.key, &mut given);
        let entry = chosen
            .entry(row.token.key.clone())
            .or_insert_with(|| (row.clone(), check));
        if check == SecretCheck::NotVerified {
            entry.1 = check;
        }
    }
    compare(desk, &given).await?;
    Ok(Resolved {
        rows: chosen.into_values().collect(),
        selector: join(owner, words.into_iter()),
        cut: false,
    })
}

/// What each selector turned out to be, decided without the database.
///
/// # Errors
///
/// When one is a secret that was cut, or was pasted and is none.
fn read_all(desk: &Desk, selectors: &[Selector]) -> Result<Vec<Reading>, Error> {
    let (secrets, keys) = (desk.secret_shape(), desk.statements().key_shape());
    let mut readings = Vec::new();
    for selector in selectors {
        let reading = selector.read(secrets.as_ref(), &keys);
        let shape = || {
            secrets
                .as_ref()
                .map(|shape| shape.words().to_owned())
                .unwrap_or_default()
        };
        match reading {
            Reading::Damaged => {
                return Err(Error::DamagedSecret {
                    length: selector.length(),
                    shape: shape(),
                });
            }
            Reading::NoSecret => {
                return Err(Error::NotASecret {
                    length: selector.length(),
                    shape: shape(),
                });
            }
            Reading::Secret(_) | Reading::Words { .. } | Reading::Many => readings.push(reading),
        }
    }
    Ok(readings)
}

/// The rows that a filter lets through, in key order, `most` and one more of them at most.
///
/// # Errors
///
/// When there are none, or its owner is more than one.
async fn find_filtered(desk: &Desk, filter: &Filter, most: usize) -> Result<Vec<TokenRow>, Error> {
    let statement = desk.statements().list(SortKey::Key, false)?;
    let mut values = filter.values(&desk.bound, desk.identity.as_of, &desk.scope)?;
    values.push((Box::new(one_more(most)), Type::INT8));
    let found = desk.session.read(&statement, &borrowed(&values)).await?;
    let name = &desk.bound.adapter.name;
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        rows.push(TokenRow::read(row, name)?);
    }
    if rows.is_empty() {
        return Err(Error::NothingMatches(describe_filter(desk, filter)));
    }
    if let Some(owner) = &filter.owner {
        one_owner(owner, &rows)?;
    }
    // The database's own order depends on its collation.
    rows.sort_unstable_by(|one, other| one.token.key.cmp(&other.token.key));
    Ok(rows)
}

/// Everything that lets an owner in, in key order, `most` and one more row of it at most.
///
/// # Errors
///
/// When the owner is nobody or several, or nothing of theirs is alive.
async fn find_of_owner(desk: &Desk, name: &str, most: usize) -> Result<Resolved, Error> {
    let owner = find_owner(desk, name).await?.owner;
    let rows = closure(desk, &owner.id, one_more(most)).await?;
    if rows.is_empty() {
        return Err(Error::NothingOfOwner(name.to_owned()));
    }
    let login = owner.login.unwrap_or_else(|| name.to_owned());
    Ok(Resolved {
        cut: rows.len() > most,
        rows: rows
            .into_iter()
            .map(|row| (row, SecretCheck::NotGiven))
            .collect(),
        selector: format!("everything of owner {login} ({})", owner.id),
    })
}

/// A limit that lets one row too many through; `None` is no limit.
fn one_more(most: usize) -> Option<i64> {
    i64::try_from(most)
        .ok()
        .and_then(|most| most.checked_add(1))
}

/// A login may be somebody else's address: nobody means to end the tokens of both.
pub(super) fn one_owner(owner: &str, rows: &[TokenRow]) -> Result<(), Error> {
    let mut found: BTreeMap<&str, &Token> = BTreeMap::new();
    for TokenRow { token, .. } in rows {
        if let Some(owner) = &token.owner {
            found.entry(&owner.id).or_insert(token);
        }
    }
    if found.len() < 2 {
        return Ok(());
    }
    Err(Error::AmbiguousOwner {
        owner: owner.to_owned(),
        found: found.into_values().map(about_owner).collect(),
    })
}

/// The owner of a token, with the details that the adapter shows of it.
fn about_owner(token: &Token) -> String {
    let details = token.details.iter();
    let details = details
        .filter_map(|(name, value)| Some((name.strip_prefix("owner_")?.to_owned(), value.clone())));
    let owner = token.owner.as_ref();
    owner
        .map(|owner| wording::owner(owner, &details.collect()))
        .unwrap_or_default()
}

/// Rows by what can name them.
struct ByWord<'a> {
    keys: BTreeMap<&'a str, &'a TokenRow>,
    labels: HashMap<&'a str, Vec<&'a TokenRow>>,
}

impl<'a> ByWord<'a> {
    fn of(rows: &'a [TokenRow]) -> Self {
        let keys = rows.iter().map(|row| (row.token.key.as_str(), row));
        let mut labels: HashMap<&str, Vec<&TokenRow>> = HashMap::new();
        for row in rows {
            if let Some(label) = &row.token.label {
                labels.entry(label).or_default().push(row);
            }
        }
        Self {
            keys: keys.collect(),
            labels,
        }
    }

    /// The rows that a selector may mean, in key order: those whose key begins so, since the
    /// beginning of a digest names it, and those with that label.
    fn candidates(&self, reading: &Reading) -> Vec<&'a TokenRow> {
        let (key, label) = match reading {
            Reading::Secret(parts) => (parts.key.as_deref(), None),
            Reading::Words { key, label } => (key.as_deref(), label.as_deref()),
            Reading::Damaged | Reading::NoSecret | Reading::Many => (None, None),
        };
        let labelled = label.and_then(|label| self.labels.get(label));
        let mut found: Vec<&TokenRow> = labelled.cloned().unwrap_or_default();
        if let Some(key) = key {
            let from = self
                .keys
                .range::<str, _>((Bound::Included(key), Bound::Unbounded));
            let with_it = from.take_while(|(name, _)| name.starts_with(key));
            found.extend(with_it.map(|(_, row)| *row));
        }
        found.sort_unstable_by(|one, other| one.token.key.cmp(&other.token.key));
        found.dedup_by(|one, other| one.token.key == other.token.key);
        found
    }
}

/// Whether a row is what a selector means: a key names its row whatever the kind, a label means
/// the default kind.
fn names(
    desk: &Desk,
    keys: &KeyShape,
    reading: &Reading,
    owner: Option<&str>,
    token: &Token,
) -> bool {
    match reading {
        Reading::Secret(parts) => parts.key.as_ref() == Some(&token.key),
        Reading::Words { key, label } => {
            key.as_ref().is_some_and(|key| keys.names(key, &token.key))
                || (label.is_some()
                    && *label == token.label
                    && token.kind == desk.bound.adapter.token.default_kind
                    && owner.is_none_or(|owner| is_owner(owner, token)))
        }
        Reading::Damaged | Reading::NoSecret | Reading::Many => false,
    }
}

fn is_owner(name: &str, token: &Token) -> bool {
    token.owner.as_ref().is_some_and(|owner| {
        let same = |text: &Option<String>| {
            text.as_ref()
                .is_some_and(|text| text.to_lowercase() == name.to_lowercase())
        };
        owner.id == name || same(&owner.login) || same(&owner.email)
    })
}

/// Turns secrets that do not carry their row's key into keys, by their digests.
async fn look_up_secrets(desk: &Desk, readings: &mut [Reading]) -> Result<(), Error> {
    let digests: Vec<String> = readings
        .iter()
        .filter_map(|reading| match reading {
            Reading::Secret(SecretParts { key: None, digest }) => digest.clone(),
            _ => None,
        })
        .collect();
    if digests.is_empty() {
        return Ok(());
    }
    let Some(lookup) = desk.statements().lookup()? else {
        return Ok(());
    };
    if !may_read_secret(desk) {
        return Err(Error::SecretNotReadable {
            role: desk.identity.role.clone(),
            column: desk.bound.secret_column().unwrap_or_default().to_owned(),
        });
    }
    let [owner, kinds] = desk.scope.parameters();
    let rows = desk
        .session
        .read(&lookup, &[(&digests, Type::TEXT_ARRAY), owner, kinds])
        .await?;
    let mut found: HashMap<String, String> = HashMap::new();
    for row in rows {
        let key = row.try_get("key").map_err(crate::db::Error::from)?;
        found.insert(row.try_get("digest").map_err(crate::db::Error::from)?, key);
    }
    for reading in readings {
        if let Reading::Secret(parts) = reading
            && parts.key.is_none()
        {
            parts.key = parts
                .digest
                .as_ref()
                .and_then(|digest| found.get(digest).cloned());
        }
    }
    Ok(())
}

async fn find(
    desk: &Desk,
    readings: &[Reading],
    owner: Option<&str>,
) -> Result<Vec<TokenRow>, Error> {
    let mut keys = Vec::new();
    let mut labels = Vec::new();
    for reading in readings {
        match reading {
            Reading::Secret(parts) => keys.extend(parts.key.clone()),
            Reading::Words { key, label } => {
                keys.extend(key.clone());
                labels.extend(label.clone());
            }
            Reading::Damaged | Reading::NoSecret | Reading::Many => {}
        }
    }
    find_rows(desk, &keys, &labels, owner).await
}

/// The rows with these keys, and those of the default kind with these labels.
pub(super) async fn find_rows(
    desk: &Desk,
    keys: &[String],
    labels: &[String],
    owner: Option<&str>,
) -> Result<Vec<TokenRow>, Error> {
    let some = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
    let kinds = vec![desk.bound.adapter.token.default_kind.clone()];
    let find = desk.statements().find()?;
    let [owner_key, owner_kinds] = desk.scope.parameters();
    let parameters: [crate::db::Parameter<'_>; 6] = [
        (&some(keys), Type::TEXT_ARRAY),
        (&some(labels), Type::TEXT_ARRAY),
        (&kinds, Type::TEXT_ARRAY),
        (&owner, Type::TEXT),
        owner_key,
        owner_kinds,
    ];
    let rows = desk.session.read(&find, &parameters).await?;
    let name = &desk.bound.adapter.name;
    Ok(rows
        .iter()
        .map(|row| TokenRow::read(row, name))
        .collect::<Result<_, _>>()?)
}
