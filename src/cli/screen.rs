//! Standard output for data, standard error for talk.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use super::exit::Exit;
use super::failure::{Failure, OnRecord};
use super::terminal;
use crate::db::Warnings;
use crate::model::{Candidates, Recorded};
use crate::ops::Teller;
use crate::view::{Clock, JsonError, blockers, candidates, visible};

/// What the operator sees. A program that asked for JSON gets data on standard output, and on
/// standard error either nothing or one error object.
pub(super) struct Screen {
    json: bool,
    wants_colours: bool,
    warnings: Vec<String>,
    /// Warnings of the connections, which come while an operation runs.
    connections: Warnings,
}

impl Screen {
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "two answers that the caller has as booleans"
    )]
    pub(super) fn new(json: bool, wants_colours: bool, connections: Warnings) -> Self {
        Self {
            json,
            wants_colours,
            warnings: Vec::new(),
            connections,
        }
    }

    /// Whether a person can be asked.
    #[expect(
        clippy::unused_self,
        reason = "what can be asked belongs to the screen"
    )]
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// The width of tables on standard output; `None` when nobody looks.
    #[expect(clippy::unused_self, reason = "the width belongs to the screen")]
    pub(super) fn width(&self) -> Option<u16> {
        io::stdout().is_terminal().then(terminal::width)
    }

    /// The width of tables on standard error.
    #[expect(clippy::unused_self, reason = "the width belongs to the screen")]
    pub(super) fn talk_width(&self) -> Option<u16> {
        io::stderr().is_terminal().then(terminal::width)
    }

    /// Whether talk has colours.
    pub(super) fn paints(&self) -> bool {
        self.wants_colours && io::stderr().is_terminal()
    }

    /// Whether standard output is a terminal.
    #[expect(clippy::unused_self, reason = "the terminal belongs to the screen")]
    pub(super) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Where data goes.
    #[expect(clippy::unused_self, reason = "the output belongs to the screen")]
    pub(super) fn data(&self) -> BufWriter<io::StdoutLock<'static>> {
        BufWriter::with_capacity(1 << 16, io::stdout().lock())
    }

    /// Whether talk is wanted.
    pub(super) fn talks(&self) -> bool {
        !self.json
    }

    /// Talks, unless a program listens. Talk that nobody hears is not an error.
    pub(super) fn talk(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.talks() {
            self.say(write);
        }
    }

    /// Says what was heard of the connections, and then this.
    fn say(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut out = BufWriter::new(io::stderr().lock());
        let heard = tell_warnings(&mut out, self.connections.take());
        let _heard = heard
            .and_then(|()| write(&mut out))
            .and_then(|()| out.flush())
            .is_ok();
    }

    /// Talks to whoever is asked something, else as [`Screen::talk`].
    pub(super) fn show(&self, asked: bool, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if asked {
            self.say(write);
        } else {
            self.talk(write);
        }
    }

    /// One line of talk.
    pub(super) fn note(&self, text: &str) {
        self.talk(|out| writeln!(out, "{}", visible(text)));
    }

    /// For what is told while an operation runs: lines of talk, unless a program listens.
    pub(super) fn teller(&self) -> Teller {
        let talks = self.talks();
        Teller::new(move |text| {
            if talks {
                let _heard = writeln!(io::stderr(), "{}", visible(text)).is_ok();
            }
        })
    }

    /// A warning: said at once to a person, kept for the end for a program.
    pub(super) fn warn(&mut self, text: &str) {
        if self.json {
            self.warnings.push(text.to_owned());
        } else {
            self.note(&format!("warning: {text}"));
        }
    }

    /// Says the warnings that were kept; after success they cannot be taken for an error.
    pub(super) fn flush_warnings(&mut self) {
        self.warnings.extend(self.connections.take());
        let _heard = tell_warnings(&mut io::stderr(), self.warnings.drain(..)).is_ok();
    }

    /// Tells why a command failed.
    pub(super) fn fail(&mut self, failure: &Failure) -> Exit {
        let exit = failure.exit();
        if exit == Exit::Done {
            return exit;
        }
        self.warnings.extend(self.connections.take());
        let width = self.talk_width();
        let mut out = BufWriter::new(io::stderr().lock());
        let told = if self.json {
            let error = JsonError {
                code: failure.code().to_owned(),
                message: failure.message(),
                hint: failure.hint(),
                operation: failure.operation(),
                blockers: failure.blockers().to_vec(),
                warnings: std::mem::take(&mut self.warnings),
            };
            error.write(&mut out)
        } else {
            tell_warnings(&mut out, self.warnings.drain(..))
                .and_then(|()| tell(&mut out, failure, width))
        };
        let _heard = told.and_then(|()| out.flush()).is_ok();
        exit
    }
}

fn tell_warnings(
    out: &mut dyn Write,
    warnings: impl IntoIterator<Item = String>,
) -> io::Result<()> {
    for warning in warnings {
        writeln!(out, "warning: {}", visible(&warning))?;
    }
    Ok(())
}

fn tell(out: &mut dyn Write, failure: &Failure, width: Option<u16>) -> io::Result<()> {
    writeln!(out, "error: {}", visible(&failure.message()))?;
    blockers(out, failure.blockers())?;
    if let Some(Candidates {
        as_of,
        records_use,
        tokens,
    }) = failure.candidates()
    {
        let clock = Clock { as_of, records_use };
        candidates(out, &tokens, clock, width)?;
    }
    if let Some(hint) = failure.hint() {
        writeln!(out, "hint: {}", visible(&hint))?;
    }
    if let Some(OnRecord {
        operation,
        recorded,
        undone,
    }) = failure.on_record()
    {
        if undone && !failure.message().contains("nothing was changed") {
            writeln!(out, "nothing was changed")?;
        }
        match recorded {
            Recorded::Recorded => writeln!(out, "recorded as {operation}")?,
            Recorded::NotWanted => {}
            Recorded::Impossible(why) => writeln!(out, "nothing was recorded: {}", visible(why))?,
            Recorded::Unknown(why) => {
                writeln!(
                    out,
                    "whether it is on record is not known: {}",
                    visible(why)
                )?;
            }
        }
    }
    Ok(())
}
