//! The least that an operator role needs, as grants: what `init --operator-role` gives, and what
//! it takes away.

use crate::adapter::{
    Bound, Context as Names, ForeignKey, Relation, RenderError, Sql, fill, install,
};

/// The role that is to be the operators', and how much it may.
#[derive(Clone, Debug)]
pub struct OperatorRole {
    /// Its name.
    pub name: String,
    /// Whether it may delete.
    pub allow_delete: bool,
    /// Whether it may read the column of the stored hash, to verify a pasted secret.
    pub allow_secret_check: bool,
}

/// Some privileges on one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableGrant {
    pub(super) schema: String,
    pub(super) table: String,
    /// Privileges on some columns: `select`, `insert` or `update`.
    pub(super) columns: Vec<(&'static str, Vec<String>)>,
    /// Privileges on the whole table.
    pub(super) whole: Vec<&'static str>,
}

/// Columns of the audit log that the role may fill in. The others come from defaults, so that it
/// cannot forge them.
const OPERATION_COLUMNS: [&str; 37] = [
    "id",
    "parent_id",
    "cause",
    "action",
    "outcome",
    "adapter",
    "os_user",
    "host",
    "app_actor",
    "reason",
    "ticket",
    "selector",
    "plan_digest",
    "planned",
    "matched",
    "changed",
    "unchanged",
    "still_alive",
    "companions_planned",
    "companions_dead",
    "companions_changed",
    "cascades",
    "application_audit",
    "secret_verified",
    "error",
    "tool_version",
    "server_host",
    "server_port",
    "system_identifier",
    "ends_at",
    "batch",
    "error_code",
    "http_principal",
    "http_credential",
    "http_peer",
    "http_request_id",
    "http_request_digest",
];
const CHANGE_COLUMNS: [&str; 11] = [
    "operation_id",
    "relation",
    "key",
    "kind",
    "label",
    "owner_id",
    "owner_login",
    "state_before",
    "state_after",
    "before",
    "after",
];
const SIGNAL_COLUMNS: [&str; 10] = [
    "operation_id",
    "pid",
    "backend_start",
    "transaction_start",
    "role",
    "application",
    "client_address",
    "backend_type",
    "state",
    "signal",
];
const SIGNAL_RESULT_COLUMNS: [&str; 3] = ["operation_id", "result", "detail"];
const BATCH_COLUMNS: [&str; 3] = ["operation_id", "number", "keys"];
/// Plans that wait are no record: they go when they are applied, declined or over.
const PLAN_COLUMNS: [&str; 5] = [
    "operation_id",
    "digest",
    "principal",
    "expires_at",
    "content",
];
const OBSERVATION_COLUMNS: [&str; 4] = ["operation_id", "key", "verdict", "detail"];

impl OperatorRole {
    /// What the role needs on the tables of an adapter and of breakglass.
    pub(super) fn grants(
        &self,
        bound: Option<&Bound>,
        references: &[ForeignKey],
    ) -> Vec<TableGrant> {
        let mut grants = own_tables();
        if let Some(bound) = bound {
            self.add_token_table(&mut grants, bound);
            add_other_tables(&mut grants, bound);
            add_references(&mut grants, references, self.allow_delete);
        }
        merge(grants)
    }

    fn add_token_table(&self, grants: &mut Vec<TableGrant>, bound: &Bound) {
        let table = &bound.adapter.token;
        let mut select = bound.tracked();
        select.push(table.key.clone());
        if self.allow_secret_check {
            select.extend(bound.secret_column().map(str::to_owned));
        }
        let mut columns = vec![("select", select)];
        columns.extend(
            bound
                .adapter
                .expire
                .iter()
                .map(|expire| ("update", expire.columns())),
        );
        let whole = if self.allow_delete {
            vec!["delete"]
        } else {
            Vec::new()
        };
        grants.push(TableGrant::new(&bound.token, columns, whole));
    }
}

fn own_tables() -> Vec<TableGrant> {
    let own = |table: &str, columns: &[&str], whole: Vec<&'static str>| TableGrant {
        schema: "breakglass".to_owned(),
        table: table.to_owned(),
        columns: if columns.is_empty() {
            Vec::new()
        } else {
            vec![(
                "insert",
                columns.iter().map(|column| (*column).to_owned()).collect(),
            )]
        },
        whole,
    };
    vec![
        own("operation", &OPERATION_COLUMNS, vec!["select"]),
        own("change", &CHANGE_COLUMNS, vec!["select"]),
        own("observation", &OBSERVATION_COLUMNS, vec!["select"]),
        own("signal", &SIGNAL_COLUMNS, vec!["select"]),
        own("signal_result", &SIGNAL_RESULT_COLUMNS, vec!["select"]),
        own("batch", &BATCH_COLUMNS, vec!["select"]),
        own("plan", &PLAN_COLUMNS, vec!["select", "delete"]),
        own("schema_history", &[], vec!["select"]),
    ]
}

fn add_other_tables(grants: &mut Vec<TableGrant>, bound: &Bound) {
    if let (Some(release), Some(relation)) = (&bound.adapter.release, &bound.release) {
        let columns = vec![("select", vec![release.column.clone()])];
        grants.push(TableGrant::new(relation, columns, Vec::new()));
    }
    if let (Some(owner), Some(relation)) = (&bound.adapter.owner, &bound.owner) {
        let mut columns = vec![owner.key.clone(), owner.login.clone()];
        columns.extend(owner.email.clone());
        columns.extend(owner.details.clone());
        grants.push(TableGrant::new(
            relation,
            vec![("select", columns)],
            Vec::new(),
        ));
    }
    for (companion, relation) in &bound.companions {
        let mut select = vec![companion.key.clone(), companion.token.clone()];
        select.extend(companion.dead.iter().map(|rule| rule.column.clone()));
        let update = companion.expire.columns();
        select.extend(update.iter().cloned());
        grants.push(TableGrant::new(
            relation,
            vec![("select", select), ("update", update)],
            Vec::new(),
        ));
    }
    if let (Some(audit), Some(relation)) = (&bound.adapter.application_audit, &bound.audit) {
        let columns = audit.columns.keys().cloned().collect();
        grants.push(TableGrant::new(
            relation,
            vec![("insert", columns)],
            Vec::new(),
        ));
        if let (Some(actor), Some(relation)) = (&audit.actor, &bound.actor) {
            let mut columns = vec![actor.key.clone(), actor.login.clone()];
            columns.extend(actor.email.clone());
            grants.push(TableGrant::new(
                relation,
                vec![("select", columns)],
                Vec::new(),
            ));
        }
    }
}

/// Counting what a delete takes along needs the referencing columns. Without deletes nothing is
/// needed there, and what an earlier run gave is taken back.
fn add_references(grants: &mut Vec<TableGrant>, references: &[ForeignKey], allow_delete: bool) {
    for key in references {
        let mut columns = Vec::new();
        if allow_delete {
            columns.extend(key.columns.iter().cloned());
            columns.extend(
                key.further
                    .iter()
                    .flat_map(|further| further.referenced.clone()),
            );
        }
        grants.push(TableGrant {
            schema: key.schema.clone(),
            table: key.relation.clone(),
            columns: vec![("select", columns)],
            whole: Vec::new(),
        });
        add_references(grants, &key.further, allow_delete);
    }
}

/// One entry a table.
fn merge(grants: Vec<TableGrant>) -> Vec<TableGrant> {
    let mut merged: Vec<TableGrant> = Vec::new();
    for grant in grants {
        let entry = merged
            .iter_mut()
            .find(|entry| entry.schema == grant.schema && entry.table == grant.table);
        let Some(entry) = entry else {
            merged.push(grant);
            continue;
        };
        entry.whole.extend(grant.whole);
        for (privilege, columns) in grant.columns {
            match entry
                .columns
                .iter_mut()
                .find(|(known, _)| *known == privilege)
            {
                Some((_, known)) => known.extend(columns),
                None => entry.columns.push((privilege, columns)),
            }
        }
    }
    for grant in &mut merged {
        for (_, columns) in &mut grant.columns {
            columns.sort_unstable();
            columns.dedup();
        }
        grant.columns.retain(|(_, columns)| !columns.is_empty());
    }
    merged
}

impl TableGrant {
    fn new(
        relation: &Relation,
        columns: Vec<(&'static str, Vec<String>)>,
        whole: Vec<&'static str>,
    ) -> Self {
        Self {
            schema: relation.schema.clone(),
            table: relation.name.clone(),
            columns,
            whole,
        }
    }

    /// Whether it only takes away.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.whole.is_empty()
    }

    /// The privileges in the words of the catalogue: `select (a)`, one a column.
    pub(super) fn privileges(&self) -> Vec<String> {
        let columns = self.columns.iter().flat_map(|(privilege, columns)| {
            columns
                .iter()
                .map(move |column| format!("{privilege} ({column})"))
        });
        self.whole
            .iter()
            .map(|privilege| (*privilege).to_owned())
            .chain(columns)
            .collect()
    }

    /// The statements that leave the role with exactly this on the table.
    pub(super) fn statements(&self, role: &str) -> Result<Vec<String>, RenderError> {
        let table = Sql::table(&self.schema, &self.table);
        let names = |more: Vec<(&'static str, Sql)>| -> Names {
            let base = [("table", table.clone()), ("role", Sql::ident(role))];
            base.into_iter()
                .chain(more)
                .map(|(name, sql)| (name, sql.into()))
                .collect()
        };
        let mut statements = vec![fill(install::REVOKE_TABLE, &names(Vec::new()))?];
        for privilege in &self.whole {
            statements.push(fill(
                install::GRANT_TABLE,
                &names(vec![("privileges", Sql::text(*privilege))]),
            )?);
        }
        for (privilege, columns) in &self.columns {
            let columns = Sql::join(columns.iter().map(|column| Sql::ident(column)), ", ");
            let more = vec![("privilege", Sql::text(*privilege)), ("columns", columns)];
            statements.push(fill(install::GRANT_COLUMNS, &names(more))?);
        }
        Ok(statements)
    }
}

/// The statement that makes the role.
pub(super) fn create_role(role: &str) -> Result<String, RenderError> {
    let names = Names::from([("role", Sql::ident(role).into())]);
    Ok(fill(install::CREATE_ROLE, &names)?)
}

/// The statements that let the role use a schema, and nothing more.
pub(super) fn grant_schema(schema: &str, role: &str) -> Result<[String; 2], RenderError> {
    let names = Names::from([
        ("schema", Sql::ident(schema).into()),
        ("role", Sql::ident(role).into()),
    ]);
    Ok([
        fill(install::REVOKE_SCHEMA, &names)?,
        fill(install::GRANT_SCHEMA, &names)?,
    ])
}
