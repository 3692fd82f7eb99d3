//! The types of an adapter's data file that describe the application's own audit log.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The application's own audit log, and the row that the application would have written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationAudit {
    /// Its table.
    pub table: String,
    /// Where `--app-actor` is looked up.
    pub actor: Option<ActorTable>,
    /// What stands in each column.
    pub columns: BTreeMap<String, AuditValue>,
    /// The shape of the column with before and after.
    pub diff: Option<Diff>,
    /// Names in the column that takes further fields.
    pub record: Option<RecordNames>,
}

/// Where the application's users are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorTable {
    /// Their table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// Its login column.
    pub login: String,
    /// Its e-mail column.
    pub email: Option<String>,
}

/// What stands in a column of the application's audit log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditValue {
    /// Something known at the time.
    pub value: Option<Known>,
    /// A constant.
    pub text: Option<String>,
    /// A constant for an expire.
    pub expire: Option<String>,
    /// A constant for a delete.
    pub delete: Option<String>,
    /// What stands in for a known value that is missing.
    pub default: Option<String>,
}

/// Something known at the time of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// A new uuid for each row.
    RandomUuid,
    /// Time of the transaction.
    Now,
    /// Key of the user named with `--app-actor`.
    ActorId,
    /// The client's address as the server sees it.
    ClientAddress,
    /// The token's owner.
    OwnerId,
    /// The token's human name.
    Label,
    /// The token's key.
    Key,
    /// Before and after, in the shape of `diff`.
    Diff,
    /// The further fields of `record`, as one JSON object.
    Record,
    /// The operation's id.
    OperationId,
}

/// The shape of before and after.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diff {
    /// Name of the value before.
    pub old: String,
    /// Name of the value after.
    pub new: String,
    /// Constants beside them.
    #[serde(default)]
    pub extra: BTreeMap<String, bool>,
    /// Columns that an expire reports.
    pub expire: Vec<String>,
    /// Columns that a delete reports, each with what stands for gone.
    pub delete: BTreeMap<String, String>,
}

/// Names in the column that takes further fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordNames {
    /// Name of the token's key.
    pub key: String,
    /// Name of the operation's id.
    pub operation_id: String,
    /// Name of who did it.
    pub actor: String,
    /// Name of why.
    pub reason: String,
    /// Name of the ticket.
    pub ticket: String,
}
