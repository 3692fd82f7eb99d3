//! Selectors from the command line, and secrets from standard input or a prompt.

use std::io::{IsTerminal as _, Read as _};

use zeroize::Zeroizing;

use super::Run;
use super::failure::Failure;
use super::prompt;
use super::way::Way;
use crate::ops::Selector;

const SECRET_ON_ARGV: &str = "the secret is now in this shell's history and was visible in the process list; `-` reads it from standard input";

/// What the words on the command line name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) selectors: Vec<Selector>,
    pub(super) owner: Option<String>,
}

/// Reads selectors: `owner:` goes with `--name`, `-` is read from standard input or asked for.
pub(super) async fn selectors(
    run: &Run,
    words: &[String],
    name: Option<&String>,
) -> Result<Named, Failure> {
    let mut named = Named {
        selectors: Vec::new(),
        owner: None,
    };
    for word in words {
        if let Some(owner) = word.strip_prefix("owner:") {
            if named.owner.replace(owner.to_owned()).is_some() {
                return Err(Failure::usage(
                    "more than one owner: selector",
                    "run the command once for each owner",
                ));
            }
        } else if word == "-" {
            named
                .selectors
                .extend(pasted(run).await?.into_iter().map(Selector::Pasted));
        } else if word.is_empty() {
            return Err(Failure::usage(
                "an empty selector",
                "give a key, a name, or `-` to paste a secret",
            ));
        } else {
            named.selectors.push(Selector::parse(word));
        }
    }
    match (&named.owner, name) {
        (Some(_), Some(name)) => named.selectors.push(Selector::Name(name.clone())),
        (None, Some(_)) => {
            return Err(Failure::usage(
                "--name goes with owner:LOGIN, and there is none",
                "say whose: `owner:LOGIN --name NAME`; a name by itself is `name:NAME`",
            ));
        }
        (Some(_), None) if named.selectors.is_empty() => {
            return Err(Failure::usage(
                "owner: needs --name",
                "add `--name NAME`, or say `--owner OWNER` for all of theirs",
            ));
        }
        (_, None) => {}
    }
    Ok(named)
}

/// Secrets from a prompt, or one a line from standard input.
async fn pasted(run: &Run) -> Result<Vec<Zeroizing<String>>, Failure> {
    if std::io::stdin().is_terminal() {
        loop {
            let secret = prompt::secret(&run.interrupt, "secret (not shown)").await?;
            if !secret.is_empty() {
                return Ok(vec![secret]);
            }
        }
    }
    let text = input(run).await?;
    let secrets: Vec<Zeroizing<String>> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| Zeroizing::new(line.to_owned()))
        .collect();
    if secrets.is_empty() {
        return Err(Failure::usage(
            "`-` was given, but standard input is empty",
            "pipe the secret in, one a line",
        ));
    }
    Ok(secrets)
}

/// More of standard input than this cannot be secrets.
const LARGEST_INPUT: usize = 1 << 20;

/// Standard input to its end, in memory that is wiped.
pub(super) async fn input(run: &Run) -> Result<Zeroizing<String>, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        // Of its final size at once: growing would leave copies, and so would standard input's own
        // buffer, which is passed by for large reads.
        let mut bytes = Zeroizing::new(vec![0; LARGEST_INPUT]);
        let mut filled = 0;
        let mut input = std::io::stdin().lock();
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match input.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let text = std::str::from_utf8(bytes.get(..filled).unwrap_or_default());
        let text = text.map_err(|_other| std::io::Error::other("it is not UTF-8 text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    });
    let text = tokio::select! {
        text = read => text,
        () = run.interrupt.raised() => return Err(Failure::Interrupted),
    };
    match text {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(Failure::usage(
            format!("cannot read standard input: {error}"),
            "give one secret a line",
        )),
        Err(error) => Err(anyhow::Error::new(error).into()),
    }
}

/// Warns of a secret that was typed on the command line, whatever becomes of the command.
pub(super) fn warn_of_secrets(run: &mut Run, way: &Way, words: &[String]) {
    if words.iter().any(|word| way.holds_secret(word)) {
        run.screen.warn(SECRET_ON_ARGV);
    }
}

/// Refuses a text that would be recorded with a secret in it.
pub(super) fn refuse_secrets(way: &Way, name: &str, text: Option<&str>) -> Result<(), Failure> {
    if !text.is_some_and(|text| way.holds_secret(text)) {
        return Ok(());
    }
    Err(Failure::usage(
        format!(
            "{name} holds something of the shape of a secret, and would be sent or recorded as it is"
        ),
        "say it without the secret; a token's key may be named",
    ))
}
