//! How far a long reading has come, on one line of a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::scan::Progress;

/// Shorter readings need none.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line that is written over.
pub(super) struct Meter {
    wanted: bool,
    shown: bool,
    started: Instant,
    /// Bytes that there are, where that is known.
    total: Option<u64>,
}

impl Meter {
    /// How often it is looked at.
    pub(super) const PACE: Duration = Duration::from_millis(200);

    pub(super) fn new(talks: bool, file: Option<&str>) -> Self {
        let wanted = talks && io::stderr().is_terminal();
        let metadata = file.filter(|_| wanted).map(std::fs::metadata);
        let total = metadata
            .and_then(Result::ok)
            .filter(std::fs::Metadata::is_file);
        Self {
            wanted,
            shown: false,
            started: Instant::now(),
            total: total.map(|file| file.len()),
        }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        let passed = self.started.elapsed();
        if !self.wanted || passed < PATIENCE {
            return;
        }
        let bytes = progress.bytes.load(Ordering::Relaxed);
        let secrets = progress.secrets.load(Ordering::Relaxed);
        let rate = bytes * 1000 / u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
        let of = self.total.map(|total| format!(" of {}", size(total)));
        let line = format!(
            "\r\u{1b}[Kread {}{}, {}/s, {secrets} secrets",
            size(bytes),
            of.unwrap_or_default(),
            size(rate)
        );
        self.shown = write(&line);
    }

    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _cleared = write("\r\u{1b}[K");
        }
    }
}

fn write(text: &str) -> bool {
    let mut out = io::stderr().lock();
    write!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// `1.2 GiB`.
fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_the_largest_unit() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size((1 << 30) * 3), "3.0 GiB");
    }
}
