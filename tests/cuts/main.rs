//! The wire cut at every single byte: the tool's answer and the tables agree every time.
//!
//! A binary of its own, because it runs the program some ten thousand times. `BREAKGLASS_CUT_EVERY=1`
//! tries every single byte, as `.ci/run` does.
//!
//! - `wire`: a proxy that counts what passes and cuts at a number.
//! - `bench`: a token, the program on the wire, and what its answer is held against.
//! - `sweep`: many such runs at once.
//! - `every_byte`, `boundaries`: where it is cut.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

mod bench;
mod boundaries;
mod every_byte;
#[expect(dead_code, unused_imports, reason = "the other tests need more of it")]
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod wire;
