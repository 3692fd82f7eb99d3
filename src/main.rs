//! The operator's binary: parse, run, print one error, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    breakglass::cli::main()
}
