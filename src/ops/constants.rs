//! Holding the constants of an adapter against the types of their columns, which only the database
//! can read.

use super::error::Error;
use crate::adapter::{Bound, Misfit, Statements, detect};
use crate::db::{self, Session};

/// Whether the database takes every constant of the adapter as it is. An adapter without constants
/// asks nothing.
///
/// # Errors
///
/// When the server does not answer; the inner one when a type does not take a constant.
pub(super) async fn taken(
    session: &Session,
    bound: Bound,
) -> Result<Result<Bound, detect::Error>, Error> {
    for constant in Statements::new(&bound).constants()? {
        let misfit = match session.read(&constant.statement, &[]).await {
            Ok(rows) => {
                let fits = rows.first().map(|row| row.try_get("fits"));
                match fits.transpose().map_err(db::Error::from)? {
                    Some(true) => continue,
                    Some(false) | None => constant.misfit("it is too long"),
                }
            }
            Err(db::Error::Server(said)) if is_about_the_value(&said.code) => {
                constant.misfit(&said.message)
            }
            Err(error) => return Err(error.into()),
        };
        return Ok(Err(unfit(&bound, misfit)));
    }
    Ok(Ok(bound))
}

fn unfit(bound: &Bound, misfit: Misfit) -> detect::Error {
    detect::Error::Misfit {
        adapter: bound.adapter.name.clone(),
        misfit,
    }
}

/// Data exceptions, the constraints of a domain, and a type that no text leads to.
fn is_about_the_value(code: &str) -> bool {
    code.starts_with("22") || code.starts_with("23") || code == "42846"
}
