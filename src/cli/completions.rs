//! `completions` and `man`.

use std::io::Write as _;

use clap::Args;

use super::Run;
use super::exit::Exit;
use super::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

/// Prints a completion script.
pub(super) fn completions(
    run: &Run,
    mut command: clap::Command,
    args: &Completions,
) -> Result<Exit, Failure> {
    // Rendered first, because the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "breakglass", &mut script);
    let mut out = run.screen.data();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Prints the manual page, the subcommands' after the main one's.
pub(super) fn man(run: &Run, mut command: clap::Command) -> Result<Exit, Failure> {
    let mut out = run.screen.data();
    command.build();
    page(&mut out, &command)?;
    out.flush()?;
    Ok(Exit::Done)
}

fn page(out: &mut dyn std::io::Write, command: &clap::Command) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(out)?;
    for subcommand in command
        .get_subcommands()
        .filter(|subcommand| subcommand.get_name() != "help")
    {
        page(out, subcommand)?;
    }
    Ok(())
}
