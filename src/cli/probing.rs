//! `--probe`: where to ask the application, and the secret to ask with.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Run;
use super::failure::Failure;
use super::prompt;
use super::reading::{Named, input, refuse_secrets};
use super::way::Way;
use crate::ops::{ProbeWanted, Selector};
use crate::probe::{Secret, Target};

/// The least that an application is given to answer.
const SHORTEST: Duration = Duration::from_secs(1);

/// How the application is asked whether it takes the secret.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ProbeArgs {
    /// Ask the application itself with the secret until it answers 401 or 403; without a path the
    /// adapter's
    #[arg(long, value_name = "URL")]
    pub(super) probe: Option<String>,
    /// The header of the probe; `{}` stands for the secret [default: the adapter's]
    #[arg(long, value_name = "NAME: VALUE", requires = "probe")]
    pub(super) probe_header: Option<String>,
    /// Ask so long after the change [default: 60s, and what the adapter's caches last, 10m at most]
    #[arg(long, value_name = "DURATION", requires = "probe", value_parser = patience)]
    pub(super) probe_timeout: Option<Duration>,
    /// The authorities of the application's certificate, instead of the operating system's
    #[arg(long, value_name = "FILE", requires = "probe")]
    pub(super) probe_ca: Option<PathBuf>,
    /// Let the secret travel in clear to an http:// URL on another machine
    #[arg(long, requires = "probe")]
    pub(super) probe_insecure: bool,
}

impl ProbeArgs {
    /// Reads the flags; what is wrong with them is said before anything is connected to.
    pub(super) fn target(&self, way: &Way) -> Result<Option<Target>, Failure> {
        let Some(url) = &self.probe else {
            return Ok(None);
        };
        refuse_secrets(way, "--probe", Some(url))?;
        refuse_secrets(way, "--probe-header", self.probe_header.as_deref())?;
        let target = Target::new(
            url,
            self.probe_header.as_deref(),
            self.probe_ca.as_deref(),
            self.probe_insecure,
        );
        target.map(Some).map_err(|error| Failure::Usage {
            hint: error.hint().map(str::to_owned),
            message: error.to_string(),
        })
    }

    /// Whether the secret will be read from standard input, besides what the selectors read.
    pub(super) fn reads_input(&self) -> bool {
        self.probe.is_some() && !std::io::stdin().is_terminal()
    }

    /// The secret to ask with: the pasted selector, else one that is asked for or read.
    pub(super) async fn wanted(
        &self,
        run: &Run,
        target: Target,
        named: &Named,
    ) -> Result<ProbeWanted, Failure> {
        let pasted: Vec<&str> = named
            .selectors
            .iter()
            .filter_map(|selector| match selector {
                Selector::Pasted(secret) => Some(secret.as_str()),
                _ => None,
            })
            .collect();
        let secret = match pasted.as_slice() {
            [] => one_secret(run).await?,
            [secret] => Secret::new(secret),
            several => return Err(too_many(several.len())),
        };
        Ok(ProbeWanted {
            target,
            secret,
            timeout: self.probe_timeout,
            teller: run.screen.teller(),
        })
    }
}

/// A duration that is long enough for one answer.
fn patience(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration >= SHORTEST => Ok(duration),
        Ok(_) => Err("one second is the least".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn too_many(number: usize) -> Failure {
    Failure::usage(
        format!("--probe asks with one secret, and standard input holds {number}"),
        "give one secret; without --probe several may be pasted",
    )
}

/// A secret that names no token: from a prompt, else standard input.
async fn one_secret(run: &Run) -> Result<Secret, Failure> {
    if std::io::stdin().is_terminal() {
        loop {
            let question = "secret for the probe (not shown)";
            let secret = prompt::secret(&run.interrupt, question).await?;
            if !secret.is_empty() {
                return Ok(Secret::new(&secret));
            }
        }
    }
    let text = input(run).await?;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match lines.as_slice() {
        [secret] => Ok(Secret::new(secret)),
        [] => Err(Failure::usage(
            "--probe needs the token's secret, and standard input is empty",
            "pipe the secret in, or give it on a terminal, where it is asked for",
        )),
        several => Err(too_many(several.len())),
    }
}
