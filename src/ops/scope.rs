//! What a caller may see and touch: everything, or only the tokens of one owner, or of some kinds.
//!
//! A token outside the scope does not exist for the caller, and no answer tells it from one that never
//! was. The statements that find tokens hold to the scope by themselves, so that what is counted, cut or
//! ambiguous is right; [`Desk::check_scope`] looks at a plan once more before anybody sees it.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::filter::Kinds;
use super::owners::find_owner;
use super::resolve::find_rows;
use crate::db::Parameter;
use crate::model::{Plan, Token};

/// Which tokens there are for a caller. The command line has all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The owner's key, exactly; `None` is everybody. Where the adapter knows no owners, a key is
    /// nobody's.
    pub owner: Option<String>,
    /// Kinds of the adapter; `None` is every kind.
    pub kinds: Option<Vec<String>>,
}

impl Scope {
    /// The scope of a caller that is bound to an owner, named by key, login or email, or to kinds.
    ///
    /// # Errors
    ///
    /// When the word means no owner or several, the adapter knows none, or has not all of these kinds.
    pub async fn resolve(
        desk: &Desk,
        owner: Option<&str>,
        kinds: Option<&[String]>,
    ) -> Result<Self, Error> {
        let kinds = match kinds {
            Some(kinds) => Kinds::Named(kinds.to_vec()).names(&desk.bound)?,
            None => None,
        };
        let owner = match owner {
            Some(word) => Some(find_owner(desk, word).await?.owner.id),
            None => None,
        };
        Ok(Self { owner, kinds })
    }

    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there is such a token for the caller.
    #[must_use]
    pub fn holds(&self, token: &Token) -> bool {
        let Self { owner, kinds } = self;
        let is_theirs = owner.as_ref().is_none_or(|key| {
            let owner = token.owner.as_ref();
            owner.is_some_and(|owner| owner.id == *key)
        });
        is_theirs && kinds.as_ref().is_none_or(|it| it.contains(&token.kind))
    }

    /// What goes into a statement that finds tokens: the owner's key, and the kinds.
    pub(super) fn parameters(&self) -> [Parameter<'_>; 2] {
        [(&self.owner, Type::TEXT), (&self.kinds, Type::TEXT_ARRAY)]
    }

    /// Refuses a run of batches to a bound caller: its record names the keys of all of them, and
    /// belongs to nobody.
    ///
    /// # Errors
    ///
    /// When the caller is bound.
    pub(super) fn check_run(&self) -> Result<(), Error> {
        if self.is_open() {
            Ok(())
        } else {
            Err(Error::BoundCaller)
        }
    }
}

impl Desk {
    /// Those of some tokens that there are for the caller.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub(super) async fn in_scope(&self, keys: &[String]) -> Result<BTreeSet<String>, Error> {
        if keys.is_empty() {
            return Ok(BTreeSet::new());
        }
        let found = find_rows(self, keys, &[], None).await?;
        let held = found.into_iter().filter(|row| self.scope.holds(&row.token));
        Ok(held.map(|row| row.token.key).collect())
    }

    /// Refuses a plan of a token that there is not for the caller, as one whose token has gone. Nothing
    /// should lead here: it is looked at once more whatever made the plan.
    ///
    /// # Errors
    ///
    /// When there is one, or the database refuses.
    pub(super) async fn check_scope(&self, plan: &Plan) -> Result<(), Error> {
        if self.scope.is_open() {
            return Ok(());
        }
        let concerned: Vec<String> = concerned(plan).into_iter().cloned().collect();
        let held = self.in_scope(&concerned).await?;
        let outside = outside(&self.scope, plan, &held).into_iter();
        let gone: Vec<String> = outside
            .map(|key| format!("token `{key}` is gone"))
            .collect();
        if gone.is_empty() {
            Ok(())
        } else {
            Err(Error::ChangedSinceShown(gone))
        }
    }
}

/// The keys of all tokens that a plan is about: its own, and those of its companions and of the rows
/// that it puts back.
fn concerned(plan: &Plan) -> BTreeSet<&String> {
    let tokens = plan.tokens.iter().map(|planned| &planned.token.key);
    let companions = plan.companions.iter().map(|companion| &companion.token);
    let put_back = plan.put_back.iter().map(|row| &row.token);
    tokens.chain(companions).chain(put_back).collect()
}

/// Those of them that there are not for the caller: by what the plan shows of them, or by the database.
fn outside<'a>(scope: &Scope, plan: &'a Plan, held: &BTreeSet<String>) -> BTreeSet<&'a String> {
    let shown = plan.tokens.iter().map(|planned| &planned.token);
    let strange = shown.filter(|token| !scope.holds(token));
    let strange = strange.map(|token| &token.key);
    let unknown = concerned(plan)
        .into_iter()
        .filter(|key| !held.contains(*key));
    strange.chain(unknown).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, json};

    use super::{Scope, outside};
    use crate::model::{Action, CompanionRow, Effect, Plan, PlannedToken, SecretCheck, Token};

    fn token(key: &str, kind: &str, owner: Option<&str>) -> Token {
        let owner = owner.map(|id| json!({ "id": id, "login": null, "email": null }));
        let token = json!({
            "adapter": "a", "kind": kind, "key": key, "label": null, "owner": owner,
            "state": "active", "created_at": null, "last_used_at": null, "expires_at": null,
            "details": {},
        });
        serde_json::from_value(token).unwrap()
    }

    fn plan(tokens: &[Token], companion_of: &str) -> Plan {
        let planned = |token: &Token| PlannedToken {
            token: token.clone(),
            effect: Effect::Change,
            fixed: Map::new(),
            vital: Map::new(),
            secret: SecretCheck::NotGiven,
        };
        Plan {
            action: Action::Expire,
            ends_at: None,
            adapter: "a".to_owned(),
            tokens: tokens.iter().map(planned).collect(),
            companions: vec![CompanionRow {
                name: "c".to_owned(),
                relation: "public.c".to_owned(),
                key: "1".to_owned(),
                token: companion_of.to_owned(),
                state: "active".to_owned(),
                dead: false,
                vital: Map::new(),
            }],
            leaves_companions: false,
            cascades: Vec::new(),
            put_back: Vec::new(),
        }
    }

    fn scope(owner: Option<&str>, kinds: Option<&[&str]>) -> Scope {
        Scope {
            owner: owner.map(str::to_owned),
            kinds: kinds.map(|kinds| kinds.iter().map(|&kind| kind.to_owned()).collect()),
        }
    }

    #[test]
    fn a_token_is_held_by_owner_and_by_kind() {
        let mine = token("k", "session", Some("7"));
        for (owner, kinds, held) in [
            (None, None, true),
            (Some("7"), None, true),
            (Some("07"), None, false),
            (None, Some(&["token", "session"][..]), true),
            (None, Some(&["token"]), false),
            (None, Some(&[]), false),
            (Some("7"), Some(&["session"]), true),
            (Some("8"), Some(&["session"]), false),
        ] {
            assert_eq!(
                scope(owner, kinds).holds(&mine),
                held,
                "{owner:?} {kinds:?}"
            );
        }
        assert!(!scope(Some("7"), None).holds(&token("k", "session", None)));
    }

    #[test]
    fn nothing_of_a_plan_is_outside_unseen() {
        let keys = |of: BTreeSet<&String>| of.into_iter().cloned().collect::<Vec<_>>();
        let held = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let mine = scope(Some("7"), None);
        let (a, b) = (token("a", "t", Some("7")), token("b", "t", Some("7")));
        let plan_of_mine = plan(&[a.clone(), b], "b");
        assert_eq!(
            keys(outside(&mine, &plan_of_mine, &held)),
            Vec::<String>::new()
        );
        // The database does not know it, or only a companion of it is planned.
        let plan_of_both = plan(&[a.clone(), token("c", "t", Some("7"))], "d");
        assert_eq!(keys(outside(&mine, &plan_of_both, &held)), ["c", "d"]);
        // It is shown as somebody else's, whatever was found.
        let plan_of_others = plan(&[a, token("b", "t", Some("8"))], "a");
        assert_eq!(keys(outside(&mine, &plan_of_others, &held)), ["b"]);
    }
}
