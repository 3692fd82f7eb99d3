//! What the adapter knows of this release of the application.

use crate::adapter::{Bound, Quirk, Statements};
use crate::db::Session;
use crate::model::{Code, Finding, Severity};
use crate::ops::error::Error;

/// The quirks that concern the release that is here.
pub(super) async fn quirks(session: &Session, bound: &Bound) -> Result<Vec<Finding>, Error> {
    if bound.quirks.is_empty() {
        return Ok(Vec::new());
    }
    let asked = bound.quirks.iter().any(Quirk::asks_for_number);
    let mut findings = Vec::new();
    let mut number = None;
    if let (true, Some(statement)) = (asked, Statements::new(bound).release()?) {
        let readable = bound.release.as_ref().zip(bound.adapter.release.as_ref());
        let (table, column) = readable
            .map(|(relation, release)| (relation.display_name(), release.column.clone()))
            .unwrap_or_default();
        let readable = readable.is_some_and(|(relation, release)| {
            let column = relation.columns.get(&release.column);
            relation.may_use_schema && column.is_some_and(|column| column.may_select)
        });
        if readable {
            let rows = session.read(&statement, &[]).await?;
            let row = rows.first().map(|row| row.try_get("release")).transpose();
            number = row.map_err(crate::db::Error::from)?.flatten();
        } else {
            findings.push(super::could_not_look(
                &format!("the release of {}", bound.adapter.title),
                &format!("select ({column}) on {table}"),
            ));
        }
    }
    for quirk in bound.quirks.iter().filter(|quirk| quirk.concerns(number)) {
        let found = match quirk.severity {
            Severity::Notes => Finding::notes(Code::ReleaseQuirk, quirk.name.clone()),
            Severity::Warns | Severity::Blocks => {
                Finding::warns(Code::ReleaseQuirk, quirk.name.clone())
            }
        };
        findings.push(
            found
                .what(quirk.what.clone())
                .why(quirk.why.clone())
                .remedy(quirk.remedy.clone()),
        );
    }
    Ok(findings)
}
