//! Asking a person. Every prompt ends at once on Ctrl-C, with the terminal as it was.
//!
//! The questions are worded by dialoguer. The answers are read as lines, here: dialoguer reads
//! keys with the terminal in raw mode, and a Ctrl-C that comes just before leaves it so.

use std::io::{self, BufRead as _, Write as _};

use dialoguer::theme::{SimpleTheme, Theme as _};
use zeroize::Zeroizing;

use super::exit;
use super::failure::Failure;
use super::terminal::Mode;
use crate::db::Interrupt;
use crate::view::visible;

/// Asks a question whose answer is No unless somebody types yes.
pub(super) async fn confirm(interrupt: &Interrupt, question: &str) -> Result<bool, Failure> {
    let mut text = String::new();
    let worded = SimpleTheme.format_confirm_prompt(&mut text, &visible(question), Some(false));
    let question = worded_or(&text, question, worded.is_ok());
    let answer = ask(interrupt, question, Typing::Shown).await?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a line; an empty one is asked for again.
pub(super) async fn line(interrupt: &Interrupt, question: &str) -> Result<String, Failure> {
    loop {
        let answer = any_line(interrupt, question).await?;
        if !answer.is_empty() {
            return Ok(answer);
        }
    }
}

/// Asks for a line that may be empty.
pub(super) async fn any_line(interrupt: &Interrupt, question: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let worded = SimpleTheme.format_input_prompt(&mut text, &visible(question), None);
    let answer = ask(
        interrupt,
        worded_or(&text, question, worded.is_ok()),
        Typing::Shown,
    );
    Ok(answer.await?.as_str().to_owned())
}

/// Asks for a secret, which is not shown, and wiped when it is dropped.
pub(super) async fn secret(
    interrupt: &Interrupt,
    question: &str,
) -> Result<Zeroizing<String>, Failure> {
    let mut text = String::new();
    let worded = SimpleTheme.format_password_prompt(&mut text, &visible(question));
    ask(
        interrupt,
        worded_or(&text, question, worded.is_ok()),
        Typing::Hidden,
    )
    .await
}

/// The theme's words; the bare question should it have none.
fn worded_or(text: &str, question: &str, is_worded: bool) -> String {
    if is_worded {
        text.to_owned()
    } else {
        format!("{}: ", visible(question))
    }
}

/// What a terminal takes for a line: room for it, so that growing leaves no copies.
const LONGEST: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typing {
    Shown,
    Hidden,
}

async fn ask(
    interrupt: &Interrupt,
    question: String,
    typing: Typing,
) -> Result<Zeroizing<String>, Failure> {
    let mode = Mode::read();
    // Before the question stands there: what is pasted the moment it appears would else be seen.
    if typing == Typing::Hidden {
        mode.hide_typing();
    }
    let asked = tokio::task::spawn_blocking(move || {
        let mut out = io::stderr();
        write!(out, "{question}")?;
        out.flush()?;
        let mut line = Zeroizing::new(String::with_capacity(LONGEST));
        match io::stdin().lock().read_line(&mut line)? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            _ => Ok(Zeroizing::new(line.trim().to_owned())),
        }
    });
    let answer = tokio::select! {
        answer = asked => answer,
        // The thread still waits for a line; the terminal must not.
        () = interrupt.raised() => {
            mode.restore();
            exit::after_interrupt().await;
            end_line();
            return Err(Failure::Interrupted);
        }
    };
    mode.restore();
    if typing == Typing::Hidden {
        end_line();
    }
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        // Ctrl-D: nobody is there to answer.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            end_line();
            Err(Failure::Interrupted)
        }
        Ok(Err(error)) => Err(anyhow::Error::new(error)
            .context("cannot ask on this terminal")
            .into()),
        Err(error) => Err(anyhow::Error::new(error)
            .context("cannot ask on this terminal")
            .into()),
    }
}

/// What is said next begins on a line of its own.
fn end_line() {
    let _moved = writeln!(io::stderr()).is_ok();
}
