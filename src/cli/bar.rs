//! How far a run of batches has come: a bar on a terminal, a JSON line each else.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::model::{RunEvent, RunLine};
use crate::view::{self, failed_line, visible};

/// Lines that only say how far it has come are not told more often.
const PACE: Duration = Duration::from_secs(1);

/// The bar, what is done of how much, and the rest in words.
const TEMPLATE: &str = "{bar:20} {human_pos} of {human_len} tokens{msg}";

/// What shows it.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    told: Option<Instant>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self {
            bar: io::stderr().is_terminal().then(bar),
            told: None,
        }
    }

    /// Shows how far it has come. Talk that nobody hears is not an error.
    pub(super) fn tell(&mut self, line: &RunLine) {
        match &self.bar {
            Some(bar) => draw(bar, line),
            None => self.write(line),
        }
    }

    fn write(&mut self, line: &RunLine) {
        if !self.is_due(line) {
            return;
        }
        let mut out = io::stderr().lock();
        let _heard = view::line(&mut out, line)
            .and_then(|()| out.flush())
            .is_ok();
    }

    /// Whether a line is told: all are, but those that only say that it goes on, and come too often.
    fn is_due(&mut self, line: &RunLine) -> bool {
        let passing = matches!(line.event, RunEvent::Batch { .. });
        let last = line.done.is_complete();
        if passing && !last && self.told.is_some_and(|told| told.elapsed() < PACE) {
            return false;
        }
        if passing {
            self.told = Some(Instant::now());
        }
        true
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    // The template is ours; one that is wrong would leave indicatif's own.
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn draw(bar: &ProgressBar, line: &RunLine) {
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    bar.set_length(number(line.done.tokens));
    bar.set_position(number(line.done.tokens_done));
    match &line.event {
        RunEvent::End => return bar.finish_and_clear(),
        RunEvent::Failed(failed) => bar.println(visible(&failed_line(failed))),
        RunEvent::Reconnect { error } => {
            bar.println(visible(&format!("{error}; connecting again")));
        }
        RunEvent::Begin | RunEvent::Batch { .. } | RunEvent::Lag { .. } | RunEvent::LastLook => {}
    }
    bar.set_message(words(line));
}

/// The rate, the rest, what failed, and what is waited for.
fn words(line: &RunLine) -> String {
    let mut words = String::new();
    if let (Some(rate), Some(seconds)) = (line.tokens_per_second, line.eta_seconds) {
        let rest = humantime::format_duration(Duration::from_secs(seconds));
        add(&mut words, format_args!(", {rate:.0}/s, {rest} left"));
    }
    if line.done.batches_failed > 0 {
        add(
            &mut words,
            format_args!(", {} batches failed", line.done.batches_failed),
        );
    }
    match &line.event {
        RunEvent::Lag {
            standby,
            lag_seconds,
            ..
        } => add(
            &mut words,
            format_args!(
                ", waiting for standby {}, {lag_seconds:.1} s behind",
                visible(standby)
            ),
        ),
        RunEvent::LastLook => words.push_str(", looking at all of them once more"),
        _ => {}
    }
    words
}

/// Writing to a String cannot fail.
fn add(words: &mut String, text: fmt::Arguments<'_>) {
    let _written = fmt::Write::write_fmt(words, text);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Bar;
    use crate::model::{JSON_SCHEMA, RunEvent, RunLine, RunProgress};

    fn line(event: RunEvent) -> RunLine {
        RunLine {
            schema: JSON_SCHEMA,
            operation: None,
            event,
            done: RunProgress {
                batches: 9,
                ..RunProgress::default()
            },
            tokens_per_second: None,
            eta_seconds: None,
        }
    }

    #[test]
    fn what_a_run_waits_for_is_always_told_and_that_it_goes_on_is_not() {
        let mut bar = Bar {
            bar: None,
            told: None,
        };
        let batch = || RunEvent::Batch {
            batch: 1,
            by: Uuid::nil(),
        };
        assert!(bar.is_due(&line(batch())));
        assert!(!bar.is_due(&line(batch())));
        for _each in 0..2 {
            let error = "the connection broke".to_owned();
            assert!(bar.is_due(&line(RunEvent::Reconnect { error })));
            let behind = RunEvent::Lag {
                standby: "one".to_owned(),
                lag_seconds: 9.0,
                max_lag_seconds: 1.0,
            };
            assert!(bar.is_due(&line(behind)));
        }
        assert!(!bar.is_due(&line(batch())));
    }
}
