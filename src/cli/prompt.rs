//! Asking a person. Every prompt ends at once on Ctrl-C, with the terminal as it was.

use dialoguer::console::Term;
use dialoguer::theme::SimpleTheme;
use dialoguer::{Input, Password};

use super::failure::Failure;
use crate::db::Interrupt;

/// Asks a question whose answer is No unless somebody types yes.
#[expect(clippy::disallowed_types, reason = "the one place that asks")]
pub(super) async fn confirm(interrupt: &Interrupt, question: &str) -> Result<bool, Failure> {
    let question = question.to_owned();
    ask(interrupt, move || {
        dialoguer::Confirm::with_theme(&SimpleTheme)
            .with_prompt(question)
            .default(false)
            .wait_for_newline(true)
            .interact_on(&Term::stderr())
    })
    .await
}

/// Asks for a line; an empty one is refused.
pub(super) async fn line(interrupt: &Interrupt, question: &str) -> Result<String, Failure> {
    let question = question.to_owned();
    ask(interrupt, move || {
        Input::<String>::with_theme(&SimpleTheme)
            .with_prompt(question)
            .validate_with(|text: &String| {
                if text.trim().is_empty() {
                    Err("say something")
                } else {
                    Ok(())
                }
            })
            .interact_on(&Term::stderr())
    })
    .await
}

/// Asks for a line that may be empty.
pub(super) async fn any_line(interrupt: &Interrupt, question: &str) -> Result<String, Failure> {
    let question = question.to_owned();
    ask(interrupt, move || {
        Input::<String>::with_theme(&SimpleTheme)
            .with_prompt(question)
            .allow_empty(true)
            .interact_on(&Term::stderr())
    })
    .await
}

/// Asks for a secret, which is not shown.
pub(super) async fn secret(interrupt: &Interrupt, question: &str) -> Result<String, Failure> {
    let question = question.to_owned();
    ask(interrupt, move || {
        Password::with_theme(&SimpleTheme)
            .with_prompt(question)
            .interact_on(&Term::stderr())
    })
    .await
}

async fn ask<T: Send + 'static>(
    interrupt: &Interrupt,
    prompt: impl FnOnce() -> Result<T, dialoguer::Error> + Send + 'static,
) -> Result<T, Failure> {
    let before = terminal::Mode::read();
    let asked = tokio::task::spawn_blocking(prompt);
    let answer = tokio::select! {
        answer = asked => answer,
        () = interrupt.raised() => {
            // The thread still waits for a key; the terminal must not.
            before.restore();
            // What is said next begins on a line of its own.
            let _moved = Term::stderr().write_line("").is_ok();
            return Err(Failure::Interrupted);
        }
    };
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(dialoguer::Error::IO(error))) if error.kind() == std::io::ErrorKind::Interrupted => {
            before.restore();
            let _moved = Term::stderr().write_line("").is_ok();
            Err(Failure::Interrupted)
        }
        Ok(Err(dialoguer::Error::IO(error))) => Err(anyhow::Error::new(error)
            .context("cannot ask on this terminal")
            .into()),
        Err(error) => Err(anyhow::Error::new(error)
            .context("cannot ask on this terminal")
            .into()),
    }
}

mod terminal {
    //! The terminal's mode, so that an interrupted prompt leaves it as it was.

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    pub(super) struct Mode(Option<Termios>);

    impl Mode {
        pub(super) fn read() -> Self {
            Self(tcgetattr(std::io::stdin()).ok())
        }

        pub(super) fn restore(&self) {
            if let Some(mode) = &self.0 {
                let _restored = tcsetattr(std::io::stdin(), OptionalActions::Now, mode).is_ok();
            }
            // A prompt may have hidden the cursor.
            let _shown = dialoguer::console::Term::stderr().show_cursor().is_ok();
        }
    }
}
