//! What the role may do too little of, verb by verb, and who may do too much to the log.

use tokio_postgres::types::Type;

use super::Scope;
use super::objects::{Aspect, Object};
use super::schema;
use crate::adapter::{Bound, ForeignKey, Relation, Sql};
use crate::db::{self, Identity, Session};
use crate::model::{Ability, Code, Finding};
use crate::ops::grants::{OperatorRole, TableGrant};

const LOG_RIGHTS: &str = include_str!("../../../sql/doctor/log_rights.sql");

/// The tables of the log that every change needs.
const NEEDED: [&str; 4] = ["operation", "change", "observation", schema::HISTORY];

/// The table of plans that wait, which is no part of the log.
const PLANS: &str = "plan";

/// What breakglass does, as far as privileges tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    Expire,
    /// Giving an end in the future.
    Schedule,
    Delete,
    /// Counting what a delete takes along.
    Count,
    Audit,
    /// What further tables of the log are for.
    FurtherAudit,
    /// Plans that wait to be applied.
    Plans,
    /// The application's own log.
    ApplicationLog,
}

/// A privilege that the role lacks.
#[derive(Clone, Debug)]
pub(super) struct Lack {
    pub(super) verb: Verb,
    /// In words: `select (a, b)`.
    privilege: String,
    /// The same as it is typed.
    quoted: String,
    /// `schema.table`, or `schema x`.
    on: String,
    quoted_on: String,
}

impl Lack {
    fn new(verb: Verb, privilege: &str, columns: &[&str], schema: &str, table: &str) -> Self {
        let list = |names: Vec<String>| {
            if names.is_empty() {
                String::new()
            } else {
                format!(" ({})", names.join(", "))
            }
        };
        let plain = columns.iter().map(|column| (*column).to_owned()).collect();
        let idents = columns
            .iter()
            .map(|column| Sql::ident(column).to_string())
            .collect();
        Self {
            verb,
            privilege: format!("{privilege}{}", list(plain)),
            quoted: format!("{privilege}{}", list(idents)),
            on: format!("{schema}.{table}"),
            quoted_on: Sql::table(schema, table).to_string(),
        }
    }

    fn usage(verb: Verb, schema: &str) -> Self {
        Self {
            verb,
            privilege: "usage".to_owned(),
            quoted: "usage".to_owned(),
            on: format!("schema {schema}"),
            quoted_on: format!("schema {}", Sql::ident(schema)),
        }
    }

    fn words(&self) -> String {
        format!("{} on {}", self.privilege, self.on)
    }
}

/// Every privilege that the role lacks for anything, by the grants that `init` would give.
pub(super) fn lacking(
    bound: Option<&Bound>,
    references: &[ForeignKey],
    objects: &[Object],
) -> Vec<Lack> {
    let whole = OperatorRole {
        name: String::new(),
        allow_delete: true,
        allow_secret_check: false,
    };
    let mut lacks = Vec::new();
    let unusable = objects
        .iter()
        .any(|object| object.aspect == Aspect::Schema && !object.may_select);
    if unusable {
        lacks.push(Lack::usage(Verb::Audit, "breakglass"));
    }
    for grant in whole.grants(bound, &[]) {
        if grant.schema == "breakglass" {
            lacks.extend(lacking_ours(&grant, objects));
        } else if let Some(bound) = bound {
            lacks.extend(lacking_theirs(&grant, bound));
        }
    }
    if let Some(bound) = bound {
        for relation in bound.written().chain(&bound.owner) {
            if !relation.may_use_schema
                && !lacks
                    .iter()
                    .any(|lack| lack.on == format!("schema {}", relation.schema))
            {
                lacks.push(Lack::usage(Verb::List, &relation.schema));
            }
        }
    }
    add_references(&mut lacks, references);
    lacks
}

fn lacking_ours(grant: &TableGrant, objects: &[Object]) -> Vec<Lack> {
    let columns = || {
        objects.iter().filter(|object| {
            object.aspect == Aspect::Column && object.is_ours() && object.relation == grant.table
        })
    };
    let verb = match grant.table.as_str() {
        table if NEEDED.contains(&table) => Verb::Audit,
        PLANS => Verb::Plans,
        _ => Verb::FurtherAudit,
    };
    let mut lacks = Vec::new();
    let lack = |privilege, columns: &[&str]| {
        Lack::new(verb, privilege, columns, "breakglass", &grant.table)
    };
    if columns().any(|column| !column.may_select) {
        lacks.push(lack("select", &[]));
    }
    for (privilege, wanted) in &grant.columns {
        let missing: Vec<&str> = columns()
            .filter(|column| wanted.contains(&column.name) && !column.may_insert)
            .map(|column| column.name.as_str())
            .collect();
        if !missing.is_empty() {
            lacks.push(lack(privilege, &missing));
        }
    }
    let mut tables = objects
        .iter()
        .filter(|object| object.is_ours() && object.relation == grant.table);
    let may_not_delete =
        tables.any(|object| object.aspect == Aspect::Table && !object.may_delete());
    if grant.whole.contains(&"delete") && may_not_delete {
        lacks.push(lack("delete", &[]));
    }
    lacks
}

fn lacking_theirs(grant: &TableGrant, bound: &Bound) -> Vec<Lack> {
    let is_it =
        |relation: &&Relation| relation.schema == grant.schema && relation.name == grant.table;
    let listed = bound.written().chain(&bound.owner).find(is_it);
    let further = bound.audit.iter().chain(&bound.actor).chain(&bound.release);
    let Some(relation) = listed.or_else(|| further.into_iter().find(is_it)) else {
        return Vec::new();
    };
    let mut lacks = Vec::new();
    if !relation.may_delete && grant.whole.contains(&"delete") {
        lacks.push(Lack::new(
            Verb::Delete,
            "delete",
            &[],
            &grant.schema,
            &grant.table,
        ));
    }
    for (privilege, columns) in &grant.columns {
        let missing: Vec<&str> = columns
            .iter()
            .filter(|name| {
                let column = relation.columns.get(*name);
                column.is_some_and(|column| match *privilege {
                    "select" => !column.may_select,
                    "update" => !column.may_update,
                    _ => !column.may_insert,
                })
            })
            .map(String::as_str)
            .collect();
        let verb = match *privilege {
            "select" if listed.is_some() => Verb::List,
            // Looked up for --app-actor and the release; neither is needed for a write.
            "select" => continue,
            "update" => Verb::Expire,
            _ => Verb::ApplicationLog,
        };
        let later = bound.set_only_later(relation);
        let (later, missing): (Vec<&str>, Vec<&str>) = missing
            .into_iter()
            .partition(|name| verb == Verb::Expire && later.iter().any(|column| column == name));
        for (verb, missing) in [(verb, missing), (Verb::Schedule, later)] {
            if !missing.is_empty() {
                let (schema, table) = (&grant.schema, &grant.table);
                lacks.push(Lack::new(verb, privilege, &missing, schema, table));
            }
        }
    }
    lacks
}

fn add_references(lacks: &mut Vec<Lack>, references: &[ForeignKey]) {
    for key in references {
        if !key.may_count {
            let columns: Vec<&str> = key.columns.iter().map(String::as_str).collect();
            let lack = Lack::new(Verb::Count, "select", &columns, &key.schema, &key.relation);
            // A companion's is missed by every verb.
            if !lacks.iter().any(|known| known.words() == lack.words()) {
                lacks.push(lack);
            }
        }
        add_references(lacks, &key.further);
    }
}

/// What the role may do of what breakglass does.
pub(super) fn abilities(lacks: &[Lack], bound: Option<&Bound>) -> Vec<Ability> {
    let Some(bound) = bound else {
        return Vec::new();
    };
    let verbs: [(&str, &[Verb]); 5] = [
        ("list", &[Verb::List]),
        ("expire", &[Verb::List, Verb::Expire, Verb::Audit]),
        (
            "schedule",
            &[Verb::List, Verb::Expire, Verb::Schedule, Verb::Audit],
        ),
        ("delete", &[Verb::List, Verb::Delete, Verb::Audit]),
        ("audit", &[Verb::Audit]),
    ];
    let known = |verb: &str| match verb {
        "expire" => bound.adapter.expire.is_some(),
        "schedule" => bound.adapter.expire_at().is_some(),
        _ => true,
    };
    verbs
        .into_iter()
        .filter(|(verb, _)| known(verb))
        .map(|(verb, needed)| {
            let missing = lacks.iter().filter(|lack| needed.contains(&lack.verb));
            let missing: Vec<String> = missing.map(Lack::words).collect();
            Ability {
                verb: verb.to_owned(),
                granted: missing.is_empty(),
                missing,
            }
        })
        .collect()
}

/// The lacks that matter to what is to be done.
pub(super) fn missing(lacks: &[Lack], scope: Scope, role: &str) -> Vec<Finding> {
    lacks
        .iter()
        .filter_map(|lack| {
            let (found, why) = weigh(lack, scope)?;
            Some(lacked(lack, found, why, role))
        })
        .collect()
}

/// The lacks that matter to an end in the future alone.
pub(super) fn missing_for_later(lacks: &[Lack], role: &str) -> Vec<Finding> {
    let lacks = lacks.iter().filter(|lack| lack.verb == Verb::Schedule);
    let why = "an end in the future would not stick without it; an expire at once needs it not";
    lacks
        .map(|lack| {
            let found = Finding::blocks(Code::MissingPrivilege, lack.on.clone());
            lacked(lack, found, why, role)
        })
        .collect()
}

fn lacked(lack: &Lack, found: Finding, why: &str, role: &str) -> Finding {
    let to = Sql::ident(role);
    let flags = if matches!(lack.verb, Verb::Delete | Verb::Count) {
        " --allow-delete"
    } else {
        ""
    };
    found
        .what(format!("role `{role}` lacks {}", lack.words()))
        .why(why)
        .remedy(format!("`grant {} on {} to {to}`, or make it a member of the role that `breakglass init --operator-role ROLE{flags}` prepares", lack.quoted, lack.quoted_on))
}

fn weigh(lack: &Lack, scope: Scope) -> Option<(Finding, &'static str)> {
    let blocks = || Finding::blocks(Code::MissingPrivilege, lack.on.clone());
    let warns = || Finding::warns(Code::MissingPrivilege, lack.on.clone());
    Some(match lack.verb {
        Verb::List => (
            blocks(),
            "a token cannot be found or shown without it, and what is not shown is not changed",
        ),
        Verb::Expire if scope.expire => (blocks(), "a token cannot be expired without it"),
        Verb::Audit => (
            blocks(),
            "a change cannot be recorded or looked up without it, and nothing is changed unrecorded",
        ),
        // Installed without deletes is how most roles are.
        Verb::Delete if scope.delete => (blocks(), "a token cannot be deleted without it"),
        Verb::Count if scope.delete => (
            warns(),
            "how many rows of that table a delete takes along cannot be told before it is done",
        ),
        Verb::FurtherAudit => (
            warns(),
            "what is recorded there cannot be; tokens are killed without it",
        ),
        Verb::Plans => (
            warns(),
            "a plan that was made over HTTP cannot wait there to be applied; tokens are killed without it",
        ),
        Verb::ApplicationLog => (
            warns(),
            "the application's own audit log will not show the change; breakglass's does",
        ),
        // Looked at where such an end is asked for.
        Verb::Expire | Verb::Schedule | Verb::Delete | Verb::Count => return None,
    })
}

/// A role that no grant restrains.
pub(super) fn superuser(identity: &Identity) -> Option<Finding> {
    identity.superuser.then(|| {
        Finding::warns(Code::Superuser, format!("role {}", identity.role))
            .what(format!("role `{}` is a superuser", identity.role))
            .why("no grant restrains it: it could switch off the log's triggers and rewrite who killed what")
            .remedy("`breakglass init --operator-role breakglass_operator`, and log in as a member of that role")
    })
}

/// Who could rewrite the log, or will be able to.
pub(super) async fn log_rights(
    session: &Session,
    identity: &Identity,
    bound: Option<&Bound>,
) -> Result<Vec<Finding>, db::Error> {
    let owner = bound.map(|bound| bound.token.owner.as_str());
    let own = schema::tables();
    let parameters: [db::Parameter<'_>; 2] = [(&owner, Type::TEXT), (&own, Type::TEXT_ARRAY)];
    let rows = session.read(LOG_RIGHTS, &parameters).await?;
    let mut findings = Vec::new();
    for row in rows {
        let text = |name| -> Result<String, db::Error> { Ok(row.try_get(name)?) };
        let (aspect, relation, who) = (text("aspect")?, text("relation")?, text("who")?);
        let mine: bool = row.try_get("mine")?;
        match aspect.as_str() {
            "owner" => {
                if mine && !identity.superuser {
                    findings.push(owns_log(&identity.role, &who));
                }
                let application = text("owner")?;
                if !application.is_empty() {
                    findings.push(application_owns_log(&application, &who));
                }
            }
            "table" => findings.push(log_writable(&relation, &who, &text("privileges")?, mine)),
            _ => findings.push(default_privileges(
                &who,
                &text("privileges")?,
                &text("owner")?,
            )),
        }
    }
    Ok(findings)
}

fn owns_log(role: &str, owner: &str) -> Finding {
    Finding::warns(Code::OwnsLog, "schema breakglass")
        .what(format!("role `{role}` is, or is a member of, {owner}, the owner of the log"))
        .why("an owner can switch off the triggers that keep the log as it was written")
        .remedy("operate as a member of the role that `breakglass init --operator-role` prepares, and of no owner")
}

fn application_owns_log(application: &str, owner: &str) -> Finding {
    Finding::warns(Code::ApplicationOwnsLog, "schema breakglass")
        .what(format!("the application's role `{application}` is, or is a member of, {owner}, the owner of the log"))
        .why("whoever has taken over the application can rewrite who killed its tokens")
        .remedy("`alter schema breakglass owner to dba`, and the same for its tables, with a role of the DBAs")
}

fn log_writable(relation: &str, who: &str, privileges: &str, mine: bool) -> Finding {
    let through = if mine { ", and so can this role" } else { "" };
    let why = if relation == PLANS {
        "a plan that waits is to be what was shown: more than adding one and taking it away lets somebody change it"
    } else {
        "the log is to be read and added to, column by column: more lets somebody forge or rewrite it"
    };
    Finding::warns(Code::LogWritable, format!("breakglass.{relation}"))
        .what(format!("{who} may {privileges} on breakglass.{relation}{through}"))
        .why(why)
        .remedy(format!("`revoke {} on breakglass.{relation} from {who}`, and `breakglass init --operator-role` again", whole(privileges)))
}

/// Privileges as REVOKE wants them: a column goes with its table.
fn whole(privileges: &str) -> String {
    let mut names: Vec<&str> = privileges
        .split(", ")
        .filter_map(|privilege| privilege.split(' ').next())
        .collect();
    names.dedup();
    names.join(", ")
}

fn default_privileges(who: &str, privileges: &str, owner: &str) -> Finding {
    Finding::warns(Code::DefaultPrivileges, format!("role {owner}"))
        .what(format!("by default privileges of {owner}, {who} may {privileges} on every table that it makes"))
        .why("the next migration's tables of the log would be open to forgery from the start")
        .remedy(format!("`alter default privileges for role {owner} revoke {privileges} on tables from {who}`; `\\ddp` in psql shows which schema they are for"))
}
