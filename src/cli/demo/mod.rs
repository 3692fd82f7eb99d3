//! demo
use super::Run;
use super::args::Demo;
use super::exit::Exit;
use super::failure::Failure;

pub(super) async fn run(_run: &mut Run, _args: &Demo) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
