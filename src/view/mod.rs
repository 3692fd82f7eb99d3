//! What people and programs see: tables, JSON, JSON lines, CSV.
//!
//! A view writes to what it is given and knows no database. Values that come from rows are
//! escaped before a terminal sees them.

mod batch;
mod blocker;
mod column;
mod csv;
mod escape;
mod finding;
mod history;
mod json;
mod operations;
mod owner;
mod plan;
mod plan_file;
mod receipt;
mod restore;
mod settled;
mod statement;
mod sweep;
mod table;
mod target;
mod time;
mod token;
mod unreached;

pub use self::csv::CsvWriter;
pub use batch::{failed_line, run_left, run_plan, run_receipt};
pub use blocker::{blockers, signal};
pub use column::{Column, UnknownColumn, shown_key};
pub use escape::visible;
pub use finding::diagnosis;
pub use history::operation;
pub use json::{Error as JsonError, ListWriter, document, line};
pub use operations::{operations_csv, operations_table};
pub use owner::{access, access_csv, access_lines};
pub use plan::plan;
pub use plan_file::{PlanWritten, plan_file};
pub use receipt::receipt;
pub use statement::{adapter, adapters};
pub use sweep::{SweepStyle, SweepWriter};
pub use table::tokens_table;
pub use target::{banner, targets_csv, targets_table};
pub use time::Clock;
pub use token::{candidates, token};
