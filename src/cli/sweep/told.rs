//! What is told of a sweep, on standard output and beside it.

use std::io;

use super::SweepArgs;
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::format::Format;
use crate::cli::way::Opened;
use crate::model::{Hit, Receipt, SweepHead, SweepSummary};
use crate::view::{SweepStyle, SweepWriter};

/// What is written, to whoever still reads it.
pub(super) struct Told<'a> {
    writer: Option<SweepWriter<'a>>,
    /// Whether something is done afterwards, which a reader who went away must not prevent.
    goes_on: bool,
}

impl Told<'_> {
    pub(super) fn begin(run: &Run, args: &SweepArgs, goes_on: bool) -> Result<Self, Failure> {
        let style = match args.output {
            Format::Table => SweepStyle::Table(run.screen.width()),
            Format::Json => SweepStyle::Json,
            Format::Jsonl => SweepStyle::Jsonl,
            Format::Csv => SweepStyle::Csv {
                terminal: run.screen.is_terminal(),
            },
        };
        let mut told = Self {
            writer: None,
            goes_on,
        };
        let begun = SweepWriter::begin(Box::new(run.screen.data()), style);
        told.writer = told.heard(begun)?;
        Ok(told)
    }

    fn heard<T>(&self, written: io::Result<T>) -> Result<Option<T>, Failure> {
        match written {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.goes_on && error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn hit(&mut self, hit: &Hit) -> Result<(), Failure> {
        if let Some(writer) = &mut self.writer {
            let written = writer.hit(hit);
            if self.heard(written)?.is_none() {
                self.writer = None;
            }
        }
        Ok(())
    }

    pub(super) fn summary(
        &mut self,
        run: &mut Run,
        head: &SweepHead,
        opened: &Opened,
    ) -> Result<(), Failure> {
        let left_out = match &mut self.writer {
            Some(writer) => {
                let written = writer.summary(head);
                self.heard(written)?
            }
            None => None,
        };
        match left_out {
            None => self.writer = None,
            Some(0) => {}
            Some(more) => run.screen.warn(&format!(
                "{more} more are not shown; `-o jsonl` writes them all"
            )),
        }
        let summary = &head.summary;
        run.screen.note(&summary_line(head));
        if summary.secrets == 0 && head.format != "text" && head.format != "diff" {
            run.screen
                .note("note: a report that was written with its secrets redacted holds none");
        }
        if summary.not_verified > 0 {
            run.screen.warn(&format!(
                "{} of them could not be compared: role {} may not read the stored hash",
                summary.not_verified,
                opened.role()
            ));
        }
        Ok(())
    }

    pub(super) fn end(self, receipt: Option<&Receipt>) -> io::Result<()> {
        match self.writer {
            Some(writer) => writer.end(receipt),
            None => Ok(()),
        }
    }
}

/// `read 1.2 GiB as text: 33 places of 12 secrets: 3 live, 1 wrong secret, 2 dead, 6 unknown`.
fn summary_line(head: &SweepHead) -> String {
    let SweepSummary {
        bytes,
        occurrences,
        secrets,
        live,
        wrong_secret,
        dead,
        unknown,
        not_verified: _,
    } = head.summary;
    let plural = |number: u64| if number == 1 { "" } else { "s" };
    let read = format!("read {bytes} byte{} as {}", plural(bytes), head.format);
    if secrets == 0 {
        return format!(
            "{read}: nothing of the shape of a secret of {}",
            head.adapter
        );
    }
    format!(
        "{read}: {occurrences} place{} of {secrets} secret{}: {live} live, \
         {wrong_secret} wrong secret, {dead} dead, {unknown} unknown",
        plural(occurrences),
        plural(secrets)
    )
}
