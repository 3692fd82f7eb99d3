//! Where something stands: what a format's reader tells of a byte.

use zeroize::Zeroizing;

use super::diff::Diff;
use super::format::Format;
use super::report::Report;
use crate::model::Side;

/// What is known of where a secret stood. Texts may hold a secret and are masked before they are
/// kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    pub(super) path: Option<Zeroizing<String>>,
    pub(super) commit: Option<Zeroizing<String>>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
    pub(super) side: Option<Side>,
}

/// What a tracker says of a secret that begins where it has come to.
#[derive(Debug)]
pub(super) enum Seen {
    /// It stands here.
    Here(Around),
    /// Its record is not at its end, which tells more.
    Later,
    /// It is a commit's id, which only looks like a secret.
    Id,
}

/// Follows a text and knows where in it one is.
#[derive(Debug)]
pub(super) enum Tracker {
    Text(Lines),
    Diff(Box<Diff>),
    Report(Box<Report>),
}

impl Tracker {
    pub(super) fn new(format: Format) -> Self {
        match format {
            Format::Text => Self::Text(Lines::default()),
            Format::Diff => Self::Diff(Box::default()),
            Format::Gitleaks | Format::Trufflehog | Format::Sarif => {
                Self::Report(Box::new(Report::new(format)))
            }
        }
    }

    /// Goes on by some bytes. What a record that ended in them tells of the secrets in it is given
    /// to `told`, as many times as records ended.
    pub(super) fn advance(&mut self, bytes: &[u8], told: impl FnMut(Around)) {
        match self {
            Self::Text(lines) => lines.advance(bytes),
            Self::Diff(diff) => diff.advance(bytes),
            Self::Report(report) => report.advance(bytes, told),
        }
    }

    /// What is known of the byte that comes next.
    pub(super) fn here(&self) -> Seen {
        match self {
            Self::Text(lines) => Seen::Here(lines.here()),
            Self::Diff(diff) => diff.here(),
            Self::Report(report) => report.here(),
        }
    }

    /// What is known of a record that never ended.
    pub(super) fn cut(&self) -> Around {
        match self {
            Self::Report(report) => report.around(),
            Self::Text(_) | Self::Diff(_) => Around::default(),
        }
    }
}

/// Counts lines, which end in a line feed, and bytes in them.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Line feeds so far.
    lines: u64,
    /// Bytes since the last one.
    column: u64,
}

impl Lines {
    fn advance(&mut self, bytes: &[u8]) {
        match memchr::memrchr(b'\n', bytes) {
            None => self.column += bytes.len() as u64,
            Some(last) => {
                self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
                self.column = (bytes.len() - last - 1) as u64;
            }
        }
    }

    fn here(&self) -> Around {
        Around {
            line: Some(self.lines + 1),
            column: Some(self.column + 1),
            ..Around::default()
        }
    }
}
