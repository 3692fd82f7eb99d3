//! The reading of a leak: on a thread of its own, told of on the terminal, ended by Ctrl-C.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::SweepArgs;
use crate::adapter::{Adapter, SecretShape};
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::meter::Meter;
use crate::scan::{self, Leak, Progress};

/// How long a reader is waited for that is to stop.
const STOPPING: Duration = Duration::from_millis(200);

/// Reads the leak on a thread of its own, and shows how far it has come.
pub(super) async fn read(
    run: &Run,
    args: &SweepArgs,
    input: Option<&str>,
    adapter: &Adapter,
) -> Result<(Leak, scan::Format), Failure> {
    let file = input.is_some().then(|| args.file.clone());
    let (options, adapter) = (args.options(), adapter.clone());
    let progress = Arc::new(Progress::default());
    let mut meter = Meter::new(run.screen.talks(), file.as_deref());
    let seen = Arc::clone(&progress);
    let mut reading = tokio::task::spawn_blocking(move || {
        let mut from: Box<dyn Read> = match file {
            Some(path) => Box::new(std::fs::File::open(Path::new(&path))?),
            None => Box::new(io::stdin().lock()),
        };
        let shape = SecretShape::of(&adapter).ok_or(scan::Error::Pattern)?;
        scan::scan(&mut *from, &shape, options, &seen)
    });
    let done = loop {
        tokio::select! {
            done = &mut reading => break done,
            () = run.interrupt.raised() => {
                progress.stop.store(true, Ordering::Relaxed);
                let _stopped = tokio::time::timeout(STOPPING, reading).await.is_ok();
                meter.clear();
                return Err(Failure::Interrupted);
            }
            () = tokio::time::sleep(Meter::PACE) => meter.show(&progress),
        }
    };
    meter.clear();
    let name = input.unwrap_or("standard input");
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(scan::Error::Io(error))) => Err(Failure::usage(
            format!("cannot read {name}: {error}"),
            "give the file that leaked, or `-` for standard input",
        )),
        Ok(Err(scan::Error::Stopped)) => Err(Failure::Interrupted),
        Ok(Err(error @ scan::Error::Pattern)) => Err(anyhow::Error::new(error).into()),
        Err(error) => Err(anyhow::Error::new(error).into()),
    }
}
