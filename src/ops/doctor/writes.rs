//! What stands in the way of a write to the application's tables: triggers, rules, checks, and
//! publications.

use super::Scope;
use super::objects::{Event, Object};
use crate::adapter::{Bound, Relation};
use crate::model::{Code, Finding};

/// Triggers and rules on the tables that a change writes to.
pub(super) fn rewriting(bound: &Bound, objects: &[Object], scope: Scope) -> Vec<Finding> {
    let set: Vec<String> = bound
        .adapter
        .expire
        .iter()
        .flat_map(|expire| expire.set.keys().cloned())
        .collect();
    let mut findings = Vec::new();
    if scope.expire {
        findings.extend(on(bound, objects, &bound.token, Event::Update, &set));
    }
    if scope.delete {
        findings.extend(on(bound, objects, &bound.token, Event::Delete, &[]));
    }
    for (companion, relation) in &bound.companions {
        let set: Vec<String> = companion.expire.set.keys().cloned().collect();
        findings.extend(on(bound, objects, relation, Event::Update, &set));
    }
    if let Some(relation) = &bound.audit {
        findings.extend(on(bound, objects, relation, Event::Insert, &[]));
    }
    findings.dedup();
    findings
}

/// The same for what only an end in the future sets.
pub(super) fn rewriting_later(bound: &Bound, objects: &[Object]) -> Vec<Finding> {
    let written = bound.written();
    written
        .flat_map(|relation| {
            let set = bound.set_only_later(relation);
            on(bound, objects, relation, Event::Update, &set)
        })
        .collect()
}

/// What one event meets on one table.
fn on(
    bound: &Bound,
    objects: &[Object],
    relation: &Relation,
    event: Event,
    set: &[String],
) -> Vec<Finding> {
    let objects = objects.iter().filter(|object| object.is_of(relation));
    let table = relation.display_name();
    objects
        .filter_map(|object| {
            if object.replaces(event) {
                Some(rule(object, &table, event))
            } else if object.fires_on(event, set) && !bound.adapter.triggers.contains(&object.name)
            {
                Some(trigger(object, &table, event))
            } else if object.checks(event, set) {
                Some(check(object, &table))
            } else if object.publishes_blindly(event) {
                Some(publication(object, &table, event))
            } else {
                None
            }
        })
        .collect()
}

fn rule(object: &Object, table: &str, event: Event) -> Finding {
    let (name, verb) = (&object.name, event.as_str());
    Finding::blocks(Code::Rule, table)
        .what(format!("rule {name} on {table} stands in for an {verb}").replace("an delete", "a delete"))
        .why("Postgres refuses a statement that changes and records at once on a table with such a rule")
        .remedy(format!("look at it with `\\d {table}` in psql, and have its owner disable or drop it"))
}

fn trigger(object: &Object, table: &str, event: Event) -> Finding {
    let verb = event.as_str();
    let trigger = format!("trigger {} on {table}", object.name);
    let look = format!(
        "read its function: `\\d {table}` in psql; try with `breakglass tokens rm SELECTOR --dry-run`"
    );
    if object.can_rewrite() {
        Finding::warns(Code::Trigger, table)
            .what(format!(
                "{trigger} runs before each row's {verb}, and can change or swallow it"
            ))
            .why("a change that was swallowed is noticed and rolled back: then the token lives on")
            .remedy(look)
    } else if object.waits_for_commit() {
        Finding::warns(Code::DeferredTrigger, table)
            .what(format!("{trigger} runs at the COMMIT of an {verb}").replace("an delete", "a delete"))
            .why("it can refuse the change at its very end, and a dry run, which is rolled back, never gets there")
            .remedy(format!("read its function: `\\d {table}` in psql"))
    } else {
        Finding::notes(Code::Trigger, table)
            .what(format!("{trigger} runs at an {verb}").replace("an delete", "a delete"))
            .why("it can refuse the change, or write the token back to life; the read-back would see that")
            .remedy(look)
    }
}

fn check(object: &Object, table: &str) -> Finding {
    let name = &object.name;
    Finding::warns(Code::CheckConstraint, table)
        .what(format!("constraint {name} on {table} looks at a column that an expire sets"))
        .why("a row that would break it is refused by the database, and then nothing of the change happens")
        .remedy(format!("read it: `\\d {table}` in psql; try with `breakglass tokens rm SELECTOR --dry-run`"))
}

fn publication(object: &Object, table: &str, event: Event) -> Finding {
    let (name, verb) = (&object.name, event.as_str());
    Finding::blocks(Code::ReplicaIdentity, table)
        .what(format!("publication {name} publishes every {verb} of {table}, which has no replica identity"))
        .why(format!("Postgres refuses every {verb} of such a table, the application's too"))
        .remedy(format!("have its owner run `alter table {table} replica identity full`, or take it out of the publication"))
}
