//! What happens when the wire or the server fails: the answer and the tables agree every time.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

mod commit;
mod detected;
mod failover;
mod layers;
mod pool;
mod pool_waiting;
mod pooler;
mod promises;
mod proxy;
mod replays;
mod runs;
mod server;
mod settle;
mod targets;
