//! The wire is cut after every single byte, of the server's stream and of the client's.

use crate::bench::Setup;
use crate::sweep::Sweep;
use crate::wire::{Cut, Stream};

#[test]
fn a_wire_cut_after_any_byte_of_the_server_is_told_as_it_is() {
    every_byte_of(Stream::Server);
}

#[test]
fn a_wire_cut_after_any_byte_of_the_client_is_told_as_it_is() {
    every_byte_of(Stream::Client);
}

/// Cuts after byte 0, 1, 2, … until the program has ended before the cut could come: every other
/// cut closes, every other resets.
fn every_byte_of(stream: Stream) {
    let step = step();
    let swept = Sweep::new(Setup::EXPIRE)
        .until_uncut()
        .run(|n| Some(vec![Cut::of(stream, n * step)]));
    swept.print(&format!("every {step}. byte of the {stream:?}'s stream"));
    // A stream without a change in it would prove nothing.
    for code in [1, 3, 5] {
        assert!(swept.exits.contains_key(&Some(code)), "{swept}");
    }
    assert!(swept.points() * step > 10_000, "{swept}");
}

/// 1 for all of them; else an odd number, so that both ends of a wire come about.
fn step() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is for those who run the tests"
    )]
    let step = std::env::var("BREAKGLASS_CUT_EVERY").ok();
    let step = step.map_or(Ok(DEFAULT_STEP), |step| step.parse());
    step.expect("BREAKGLASS_CUT_EVERY is a number")
}

/// All of them take some 40 minutes on two cores.
const DEFAULT_STEP: usize = 23;
