//! `--server`, and what goes with it.

use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::client::Builder;

/// A server instead of a database.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server, instead of a database")]
pub(in crate::cli) struct ServerArgs {
    /// A `breakglass serve` to work at, by https or on a unix socket; else `BREAKGLASS_SERVER`. Its
    /// token is in `BREAKGLASS_TOKEN`
    #[arg(long, value_name = "https://HOST:PORT|unix:/PATH", global = true)]
    pub(in crate::cli) server: Option<String>,
    /// The file that the token is in, instead of `BREAKGLASS_TOKEN`
    #[arg(long, value_name = "FILE", global = true)]
    server_token_file: Option<PathBuf>,
    /// The authorities of the server's certificate, instead of the operating system's
    #[arg(long, value_name = "FILE", global = true)]
    server_ca: Option<PathBuf>,
    /// A client certificate to show it
    #[arg(long, value_name = "FILE", global = true)]
    server_cert: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", global = true)]
    server_key: Option<PathBuf>,
    /// Let the token travel in clear to an http:// URL on another machine
    #[arg(long, global = true)]
    server_insecure: bool,
}

impl ServerArgs {
    /// The first of the flags that go with a server, where one was given.
    pub(in crate::cli) fn given(&self) -> Option<&'static str> {
        [
            ("--server", self.server.is_some()),
            ("--server-token-file", self.server_token_file.is_some()),
            ("--server-ca", self.server_ca.is_some()),
            ("--server-cert", self.server_cert.is_some()),
            ("--server-key", self.server_key.is_some()),
            ("--server-insecure", self.server_insecure),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// The token: the file's, else the variable's.
    pub(super) fn token(&self, variable: Option<String>) -> Result<Option<String>, Failure> {
        let Some(path) = &self.server_token_file else {
            return Ok(variable);
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(
                format!(
                    "--server-token-file: cannot read `{}`: {error}",
                    path.display()
                ),
                "give the file that `breakglass serve token new > FILE` wrote",
            )
        })?;
        Ok(Some(text))
    }

    /// Hands over the files, the limits, and what is said of the clear.
    pub(super) fn with_files(&self, mut builder: Builder) -> Result<Builder, Failure> {
        if let Some(path) = &self.server_ca {
            builder = builder.ca_file(path);
        }
        builder = match (&self.server_cert, &self.server_key) {
            (Some(certificate), Some(key)) => builder.identity_files(certificate, key),
            (None, None) => builder,
            (certificate, _) => {
                let missing = if certificate.is_some() {
                    "--server-key"
                } else {
                    "--server-cert"
                };
                return Err(Failure::usage(
                    format!(
                        "--server-cert and --server-key go together, and there is no {missing}"
                    ),
                    "give the certificate's file and its key's",
                ));
            }
        };
        if self.server_insecure {
            builder = builder.insecure();
        }
        Ok(builder)
    }
}
