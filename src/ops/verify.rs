//! Whether pasted secrets are their rows' own.

use std::collections::HashMap;

use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::selector::Reading;
use crate::db;
use crate::model::SecretCheck;

/// Whether the role may read what the application stores of a secret.
pub(super) fn may_read_secret(desk: &Desk) -> bool {
    let column = desk
        .bound
        .secret_column()
        .and_then(|column| desk.bound.token.columns.get(column));
    column.is_some_and(|column| column.may_select)
}

/// What a selector proves of its row. A secret that can be compared with the stored hash joins
/// those that are `given`, each as key and digest, and counts as verified until they are compared.
pub(super) fn check<'a>(
    desk: &Desk,
    reading: &'a Reading,
    key: &str,
    given: &mut Vec<(String, &'a str)>,
) -> SecretCheck {
    let Reading::Secret(parts) = reading else {
        return SecretCheck::NotGiven;
    };
    // Where the key is the digest of the secret, finding the row was the comparison.
    let Some(digest) = &parts.digest else {
        return SecretCheck::Verified;
    };
    if !may_read_secret(desk) {
        return SecretCheck::NotVerified;
    }
    given.push((key.to_owned(), digest));
    SecretCheck::Verified
}

/// Compares pasted secrets with the stored hashes, all in one round trip.
///
/// # Errors
///
/// When one is not its row's own.
pub(super) async fn compare(desk: &Desk, given: &[(String, &str)]) -> Result<(), Error> {
    if given.is_empty() {
        return Ok(());
    }
    let wrong = |key: &String| Error::WrongSecret { key: key.clone() };
    let Some(statement) = desk.statements().verify()? else {
        return Ok(());
    };
    let keys: Vec<&String> = given.iter().map(|(key, _)| key).collect();
    let digests: Vec<&str> = given.iter().map(|(_, digest)| *digest).collect();
    let parameters: [db::Parameter<'_>; 2] =
        [(&keys, Type::TEXT_ARRAY), (&digests, Type::TEXT_ARRAY)];
    let mut verified: HashMap<String, bool> = HashMap::new();
    for row in desk.session.read(&statement, &parameters).await? {
        let key = row.try_get("key").map_err(db::Error::from)?;
        let same: Option<bool> = row.try_get("verified").map_err(db::Error::from)?;
        // Two secrets for one row cannot both be its own.
        let all = verified.entry(key).or_insert(true);
        *all = *all && same == Some(true);
    }
    match keys.iter().find(|key| verified.get(**key) != Some(&true)) {
        None => Ok(()),
        Some(key) => Err(wrong(key)),
    }
}
