//! What is particular about a database and its adapter, for a client that sees neither.

use super::desk::{Context, Desk};
use super::error::Error;
use crate::adapter::SecretShape;
use crate::model::{About, JSON_SCHEMA, PlannedAdapter};

/// A request for that.
#[derive(Clone, Debug)]
pub struct TellAbout {
    /// Whom it is told.
    pub principal: String,
}

impl TellAbout {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// When there is no connection, or not exactly one adapter fits.
    pub async fn run(self, context: &Context) -> Result<About, Error> {
        let desk = context.open().await?;
        let Desk {
            identity, bound, ..
        } = &desk;
        let adapter = &bound.adapter;
        let mut kinds: Vec<String> = adapter.kinds.iter().map(|kind| kind.name.clone()).collect();
        kinds.dedup();
        let shape = SecretShape::of(adapter);
        Ok(About {
            schema: JSON_SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            principal: self.principal,
            identity: identity.line(),
            role: identity.role.clone(),
            as_of: identity.as_of,
            adapter: PlannedAdapter {
                name: adapter.name.clone(),
                sha256: adapter.sha256.clone(),
                schema: bound.token.schema.clone(),
            },
            title: adapter.title.clone(),
            records_use: bound.records_use(),
            details: bound.detail_names(),
            kinds,
            default_kind: adapter.token.default_kind.clone(),
            secret_pattern: shape.map(|shape| shape.pattern().to_owned()),
            target: context.policy.target.clone(),
            environment: context.policy.environment.clone(),
        })
    }
}
