//! Looking at rows: what a test compares before and after.

use std::collections::BTreeMap;

use serde_json::Value;

use super::TestDatabase;

impl TestDatabase {
    /// The whole row of a key in Coder's `api_keys`, as JSON text.
    #[track_caller]
    pub(crate) fn token_row(&self, key: &str) -> String {
        assert!(self.has_token(key), "there is no key {key}");
        self.value(&format!(
            "select to_json(k) from api_keys as k where id = {}",
            quoted(key)
        ))
    }

    /// Whether Coder's `api_keys` has a key.
    pub(crate) fn has_token(&self, key: &str) -> bool {
        self.value(&format!(
            "select exists (select from api_keys where id = {})",
            quoted(key)
        )) == "t"
    }

    /// Whether coderd would take a key: it is there and not past its end.
    pub(crate) fn is_alive(&self, key: &str) -> bool {
        let condition = format!("id = {} and not expires_at < now()", quoted(key));
        self.value(&format!(
            "select exists (select from api_keys where {condition})"
        )) == "t"
    }

    /// Every row of every table that is not breakglass's own, as JSON text under the table's name:
    /// equal before and after when an application was left alone.
    pub(crate) fn application_rows(&self) -> BTreeMap<String, Vec<String>> {
        let tables = "select format('%I.%I', schemaname, tablename) from pg_tables \
                      where schemaname not in ('pg_catalog', 'information_schema', 'breakglass')";
        let rows_of = |table: String| {
            let rows = self.query(&format!(
                "select to_json(t)::text from {table} as t order by 1"
            ));
            (table, rows.into_iter().flatten().flatten().collect())
        };
        self.query(tables)
            .into_iter()
            .flatten()
            .flatten()
            .map(rows_of)
            .collect()
    }

    /// The rows of `breakglass.operation` in their order; none when it is not installed.
    pub(crate) fn operations(&self) -> Vec<Value> {
        self.recorded("operation", "occurred_at, id")
    }

    /// The one operation that there is.
    #[track_caller]
    pub(crate) fn operation(&self) -> Value {
        match <[_; 1]>::try_from(self.operations()) {
            Ok([operation]) => operation,
            Err(operations) => panic!("not one operation but {operations:#?}"),
        }
    }

    /// The rows of `breakglass.change` by operation and key; none when it is not installed.
    pub(crate) fn changes(&self) -> Vec<Value> {
        self.recorded("change", "operation_id, relation, key")
    }

    /// The rows of `breakglass.observation` in their order; none when it is not installed.
    pub(crate) fn observations(&self) -> Vec<Value> {
        self.recorded("observation", "id")
    }

    /// The rows of Coder's `audit_logs` in their order.
    pub(crate) fn audit_logs(&self) -> Vec<Value> {
        self.rows("audit_logs", "time, id")
    }

    fn recorded(&self, table: &str, order: &str) -> Vec<Value> {
        let table = format!("breakglass.{table}");
        if self.value(&format!("select to_regclass('{table}') is null")) == "t" {
            return Vec::new();
        }
        self.rows(&table, order)
    }

    fn rows(&self, table: &str, order: &str) -> Vec<Value> {
        let rows = self.query(&format!(
            "select to_json(t) from {table} as t order by {order}"
        ));
        let parse = |text: String| serde_json::from_str(&text).expect("the server writes JSON");
        rows.into_iter().flatten().flatten().map(parse).collect()
    }
}

/// A text as a literal of SQL, under `standard_conforming_strings`.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
