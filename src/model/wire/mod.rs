//! What a client of the server mode sends. What it gets back are the types of the command line's JSON.

mod change;
mod filter;
mod plan;
mod query;
mod sweep;

pub use change::{
    ApplyRequest, ChangeRequest, DeclineRequest, DeleteRequest, ExpireRequest, RestoreRequest,
    Sender,
};
pub use filter::FilterWords;
pub use plan::{LookupRequest, NamedToken, PlanRequest, RestoreWanted, Secret, SweptTokens};
pub use query::{DoctorQuery, OperationQuery, SortWord, TokenQuery};
pub use sweep::{Candidate, CandidateVerdict, SweepAnswer, SweepRequest, Verdicts};
