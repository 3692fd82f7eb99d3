//! The row in the application's own audit log that the application would have written.

use minijinja::Value;

use super::audit::{ApplicationAudit, AuditValue, Diff, Known, RecordNames};
use super::bound::Bound;
use super::catalogue::Relation;
use super::quote::{Sql, sql};
use super::template::{Context, nested};
use crate::model::Action;

/// Adds `application_audit` and the columns that its diff compares to a statement's context;
/// nothing of it where it is not wanted.
pub(super) fn add_audit(bound: &Bound, context: &mut Context, action: Action, wanted: bool) {
    let (Some(audit), Some(relation), true) =
        (&bound.adapter.application_audit, &bound.audit, wanted)
    else {
        context.insert("application_audit", Value::from(false));
        context.insert("diff", Value::from(Vec::<Value>::new()));
        return;
    };
    let compared = compared_columns(audit, action);
    let diff: Vec<Value> = compared
        .iter()
        .enumerate()
        .map(|(place, column)| {
            nested([
                ("alias", sql!("diff_{place}").into()),
                ("expression", json_text(&bound.token, column).into()),
            ])
        })
        .collect();
    let columns = Sql::join(audit.columns.keys().map(|column| Sql::ident(column)), ", ");
    let values = audit.columns.iter().map(|(column, value)| {
        let type_name = relation
            .columns
            .get(column)
            .map_or("text", |column| &column.type_name);
        let type_name = Sql::type_name(type_name);
        let expression = audit_value(audit, value, action, &compared);
        sql!("({expression})::text::{type_name}")
    });
    let values = Sql::join(values, ",\n         ");
    context.insert("diff", Value::from(diff));
    context.insert(
        "application_audit",
        nested([
            ("table", Sql::table(&relation.schema, &relation.name).into()),
            ("columns", columns.into()),
            ("values", values.into()),
        ]),
    );
}

fn compared_columns(audit: &ApplicationAudit, action: Action) -> Vec<String> {
    match (&audit.diff, action) {
        (None, _) => Vec::new(),
        // What the application writes when somebody sets a new end.
        (Some(diff), Action::Expire | Action::Restore) => diff.expire.clone(),
        (Some(diff), Action::Delete) => diff.delete.keys().cloned().collect(),
    }
}

/// A column as the text that the application's JSON has: times in RFC 3339 with `Z`.
fn json_text(relation: &Relation, column: &str) -> Sql {
    let type_name = relation
        .columns
        .get(column)
        .map(|column| column.type_name.as_str());
    let column = Sql::column("t", column);
    if type_name == Some("timestamp with time zone") {
        sql!("replace(to_jsonb({column}) #>> '{{}}', '+00:00', 'Z')")
    } else {
        sql!("{column}::text")
    }
}

fn audit_value(
    audit: &ApplicationAudit,
    value: &AuditValue,
    action: Action,
    compared: &[String],
) -> Sql {
    let AuditValue {
        value,
        text,
        expire,
        delete,
        default,
    } = value;
    let constant = match action {
        Action::Expire | Action::Restore => expire.as_ref(),
        Action::Delete => delete.as_ref(),
    };
    if let Some(text) = constant.or(text.as_ref()) {
        return Sql::literal(text);
    }
    let Some(known) = value else {
        return Sql::text("null");
    };
    let known = match known {
        Known::RandomUuid => Sql::text("gen_random_uuid()"),
        Known::Now => Sql::text("now()"),
        Known::ActorId => Sql::text("request.app_actor_id"),
        Known::ClientAddress => Sql::text("inet_client_addr()"),
        Known::OwnerId => Sql::text("same.owner_id"),
        Known::Label => Sql::text("coalesce(same.label, '')"),
        Known::Key => Sql::text("same.key"),
        Known::OperationId => Sql::text("request.id"),
        Known::Diff => audit.diff.as_ref().map_or_else(
            || Sql::text("'{}'"),
            |diff| diff_object(diff, action, compared),
        ),
        Known::Record => audit
            .record
            .as_ref()
            .map_or_else(|| Sql::text("'{}'"), record_object),
    };
    match default {
        Some(default) => {
            let default = Sql::literal(default);
            sql!("coalesce(({known})::text, {default})")
        }
        None => known,
    }
}

fn diff_object(diff: &Diff, action: Action, compared: &[String]) -> Sql {
    let (old, new) = (Sql::literal(&diff.old), Sql::literal(&diff.new));
    let extra = Sql::join(
        diff.extra.iter().map(|(name, value)| {
            let name = Sql::literal(name);
            sql!(", {name}, {value}")
        }),
        "",
    );
    let members = compared.iter().enumerate().map(|(place, column)| {
        let after = match (action, diff.delete.get(column)) {
            (Action::Delete, Some(gone)) => Sql::literal(gone),
            _ => sql!("changed.diff_{place}"),
        };
        let column = Sql::literal(column);
        sql!("{column}, jsonb_build_object({old}, same.diff_{place}, {new}, {after}{extra})")
    });
    let members = Sql::join(members, ", ");
    sql!("jsonb_build_object({members})")
}

fn record_object(names: &RecordNames) -> Sql {
    let RecordNames {
        key,
        operation_id,
        actor,
        reason,
        ticket,
    } = names;
    let member = |name: &String, value: &'static str| {
        let name = Sql::literal(name);
        sql!("{name}, {value}")
    };
    let members = Sql::join(
        [
            member(key, "same.key"),
            member(operation_id, "request.id"),
            member(
                actor,
                "concat_ws(' as ', coalesce(request.http_principal, request.os_user), session_user)",
            ),
            member(reason, "request.reason"),
            member(ticket, "request.ticket"),
        ],
        ", ",
    );
    sql!("jsonb_strip_nulls(jsonb_build_object({members}))")
}
