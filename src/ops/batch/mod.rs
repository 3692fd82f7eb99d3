//! A run of batches: many tokens, a transaction for each some thousand of them.
//!
//! The run itself is an operation that touches no token and says which tokens each batch has
//! (`plan`, `begin`). Every batch is an operation with that parent (`run`, `one`), planned anew right
//! before it, so a run can be cut at any point and gone on with by whoever is there: the audit log
//! says what is done (`state`), and does not take a batch twice. `lag` waits for standbys, and
//! `last_look` sees that all are dead when it is over.

mod begin;
mod keys;
mod lag;
mod last_look;
mod one;
mod plan;
mod run;
mod state;
mod told;

pub use plan::PlannedRun;
pub use run::{Ended, Pace, Run};
pub(super) use state::RunState;
