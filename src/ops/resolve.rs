//! Selectors to rows: what was named, and what a pasted secret proves.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::selector::{Reading, Selector};
use super::sweep::find_swept;
use super::token_row::TokenRow;
use crate::adapter::{KeyShape, SecretParts};
use crate::model::{SecretCheck, Token};

/// The rows that were named, in key order, and how.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) rows: Vec<(TokenRow, SecretCheck)>,
    pub(super) selector: String,
}

/// How the selectors may be told before anything was looked up: no bare word as text.
pub(super) fn describe(desk: &Desk, selectors: &[Selector], owner: Option<&str>) -> String {
    let (secrets, keys) = (desk.secret_shape(), desk.statements().key_shape());
    let words = selectors.iter().map(|selector| {
        let reading = selector.read(secrets.as_ref(), &keys);
        selector.describe(&reading, false)
    });
    join(owner, words)
}

fn join(owner: Option<&str>, words: impl Iterator<Item = String>) -> String {
    let owner = owner.map(|owner| format!("owner:{owner}"));
    owner.into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Finds the row of every selector.
///
/// # Errors
///
/// When one names no row, or several, or its secret is not the row's own.
pub(super) async fn resolve(
    desk: &Desk,
    selectors: &[Selector],
    owner: Option<&str>,
) -> Result<Resolved, Error> {
    if let [Selector::Swept(swept)] = selectors {
        return Ok(Resolved {
            rows: find_swept(desk, swept).await?,
            selector: swept.describe(),
        });
    }
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
            Reading::Secret(_) | Reading::Words { .. } | Reading::Swept => readings.push(reading),
        }
    }
    look_up_secrets(desk, &mut readings).await?;
    let rows = find(desk, &readings, owner).await?;
    let mut chosen: BTreeMap<String, (TokenRow, SecretCheck)> = BTreeMap::new();
    let mut words = Vec::new();
    for (selector, reading) in selectors.iter().zip(&readings) {
        let matching: Vec<&TokenRow> = rows
            .iter()
            .filter(|row| names(desk, &keys, reading, owner, &row.token))
            .collect();
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
        let check = verify(desk, reading, &row.token.key).await?;
        let entry = chosen
            .entry(row.token.key.clone())
            .or_insert_with(|| (row.clone(), check));
        if check == SecretCheck::NotVerified {
            entry.1 = check;
        }
    }
    Ok(Resolved {
        rows: chosen.into_values().collect(),
        selector: join(owner, words.into_iter()),
    })
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
        Reading::Damaged | Reading::NoSecret | Reading::Swept => false,
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
    let rows = desk
        .session
        .read(&lookup, &[(&digests, Type::TEXT_ARRAY)])
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
            Reading::Damaged | Reading::NoSecret | Reading::Swept => {}
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
    let parameters: [crate::db::Parameter<'_>; 4] = [
        (&some(keys), Type::TEXT_ARRAY),
        (&some(labels), Type::TEXT_ARRAY),
        (&kinds, Type::TEXT_ARRAY),
        (&owner, Type::TEXT),
    ];
    let rows = desk.session.read(&find, &parameters).await?;
    let name = &desk.bound.adapter.name;
    Ok(rows
        .iter()
        .map(|row| TokenRow::read(row, name))
        .collect::<Result<_, _>>()?)
}

/// Whether the role may read what the application stores of a secret.
pub(super) fn may_read_secret(desk: &Desk) -> bool {
    let column = desk
        .bound
        .secret_column()
        .and_then(|column| desk.bound.token.columns.get(column));
    column.is_some_and(|column| column.may_select)
}

/// Compares a pasted secret with the stored hash, where the role may.
pub(super) async fn verify(
    desk: &Desk,
    reading: &Reading,
    key: &str,
) -> Result<SecretCheck, Error> {
    let Reading::Secret(parts) = reading else {
        return Ok(SecretCheck::NotGiven);
    };
    // Where the key is the digest of the secret, finding the row was the comparison.
    let Some(digest) = &parts.digest else {
        return Ok(SecretCheck::Verified);
    };
    if !may_read_secret(desk) {
        return Ok(SecretCheck::NotVerified);
    }
    let Some(statement) = desk.statements().verify()? else {
        return Ok(SecretCheck::NotVerified);
    };
    let (keys, digests) = (vec![key], vec![digest.as_str()]);
    let rows = desk
        .session
        .read(
            &statement,
            &[(&keys, Type::TEXT_ARRAY), (&digests, Type::TEXT_ARRAY)],
        )
        .await?;
    let verified = rows
        .first()
        .map(|row| row.try_get::<_, Option<bool>>("verified"))
        .transpose();
    match verified.map_err(crate::db::Error::from)?.flatten() {
        Some(true) => Ok(SecretCheck::Verified),
        Some(false) | None => Err(Error::WrongSecret {
            key: key.to_owned(),
        }),
    }
}
