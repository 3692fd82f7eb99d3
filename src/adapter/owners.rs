//! The statements under `sql/owners`: who a word means, and what lets an owner in.

use super::bound::Bound;
use super::quote::{Sql, sql};
use super::render::{RenderError, Statements};
use super::template::{Context, nested, render};

impl Bound {
    /// Whether those that the application's audit log names as actors are the owners of tokens, by
    /// the same key.
    #[must_use]
    pub fn actors_are_owners(&self) -> bool {
        let audit = self.adapter.application_audit.as_ref();
        let actor = audit.and_then(|audit| audit.actor.as_ref());
        let owner = self.adapter.owner.as_ref();
        let keys = actor
            .map(|actor| &actor.key)
            .zip(owner.map(|owner| &owner.key));
        self.actor == self.owner && keys.is_some_and(|(actor, owner)| actor == owner)
    }
}

impl Statements<'_> {
    /// `sql/owners/find.sql`; `None` where the owners' table is not there, or may not be read.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn owners_find(&self) -> Result<Option<String>, RenderError> {
        let (Some(owner), Some(relation)) = (&self.bound.adapter.owner, &self.bound.owner) else {
            return Ok(None);
        };
        let column = |name: &String| Sql::column("o", name);
        let text = |name: &String| {
            let column = column(name);
            sql!("{column}::text")
        };
        let email = owner.email.as_ref().map(text);
        let details = owner.details.iter().map(|name| {
            let (label, column) = (Sql::literal(name), column(name));
            sql!("{label}, to_jsonb({column})")
        });
        let details = Sql::join(details, ", ");
        let found = nested([
            ("id", text(&owner.key).into()),
            ("login", text(&owner.login).into()),
            (
                "email",
                email.unwrap_or_else(|| Sql::text("null::text")).into(),
            ),
            ("details", sql!("jsonb_build_object({details})").into()),
            ("table", Sql::table(&relation.schema, &relation.name).into()),
        ]);
        let context = Context::from([("found", found)]);
        Ok(Some(render("owners/find.sql", &context)?))
    }

    /// `sql/owners/closure.sql`.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn owners_closure(&self) -> Result<String, RenderError> {
        let mut context = self.context()?;
        let companions = self.bound.companions.iter().collect::<Vec<_>>();
        context.insert("companions", self.companion_values(&companions)?);
        Ok(render("owners/closure.sql", &context)?)
    }
}
