//! A server: the same operations through the SDK, and its refusals as the database's own.

mod args;
mod failing;
mod judging;
mod opened;
mod plan;
mod reading;
mod wanted;

use super::SaidOfServer;
use crate::adapter::{Adapter, builtin};
use crate::cli::failure::Failure;
use crate::client::{self, BuildError, Client};
use crate::db::Interrupt;
use crate::ops::Policy;

pub(in crate::cli) use args::ServerArgs;
pub(super) use opened::FarOpened;
pub(super) use plan::FarPlan;

/// A server. Nothing is connected to yet.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Far {
    client: Client,
    /// As the operator types it, for hints.
    named: Named,
    adapters: Vec<Adapter>,
    policy: Policy,
    interrupt: Interrupt,
}

/// How the server was named.
#[derive(Clone, Debug)]
enum Named {
    /// By the flag, with this.
    Flag(String),
    /// By the variable, which stays.
    Variable,
}

impl Far {
    /// Makes the client.
    ///
    /// # Errors
    ///
    /// When something of what was given cannot be used.
    pub(super) fn new(
        said: SaidOfServer,
        args: &ServerArgs,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        let SaidOfServer {
            server,
            token,
            connect_timeout,
        } = said;
        let mut builder = args.with_files(Client::builder(&server))?;
        if let Some(token) = args.token(token)? {
            builder = builder.bearer_token(&token);
        }
        if let Some(limit) = connect_timeout {
            builder = builder.connect_timeout(limit);
        }
        let client = builder.build().map_err(|error| unusable(&error))?;
        Ok(Self {
            named: match &args.server {
                Some(_) => Named::Flag(client.server()),
                None => Named::Variable,
            },
            client,
            adapters: builtin()?,
            policy: Policy::default(),
            interrupt: interrupt.clone(),
        })
    }

    /// The adapters that are known here: the server may have others.
    pub(super) fn adapters(&self) -> &[Adapter] {
        &self.adapters
    }

    /// What is demanded here, which is nothing.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What needs the database itself.
    #[expect(clippy::unused_self, reason = "only a server cannot do it")]
    pub(super) fn cannot(&self, what: &str) -> Failure {
        Failure::usage(
            format!("{what} does not go through a server"),
            "leave it out, or run it at the database: `-d URL` instead of `--server`",
        )
    }

    /// The beginning of a command that asks the same server.
    fn command(&self) -> String {
        match &self.named {
            Named::Flag(server) => format!("breakglass --server {server}"),
            Named::Variable => "breakglass".to_owned(),
        }
    }

    /// Waits for what is read, unless the operator presses Ctrl-C.
    async fn read<T>(
        &self,
        reading: impl Future<Output = Result<T, client::Error>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            read = reading => read.map_err(|error| self.failed(error)),
            () = self.interrupt.raised() => Err(Failure::Interrupted),
        }
    }
}

fn unusable(error: &BuildError) -> Failure {
    let hint = match error {
        BuildError::Server | BuildError::UserInServer => {
            "give it as `--server https://HOST[:PORT]` or `--server unix:/PATH`"
        }
        BuildError::InClear => {
            "use https://, or say with --server-insecure that it may be read on its way"
        }
        BuildError::Token => "`breakglass serve token new` prints a token",
        BuildError::File { .. } | BuildError::NoSystemRoots(_) => {
            "give a PEM file: `--server-ca FILE`, or `--server-cert FILE --server-key FILE`"
        }
        BuildError::NoTls => "leave --server-ca, --server-cert and --server-key out",
        BuildError::Tls(_) => "see what the operating system says of its certificates",
    };
    Failure::usage(format!("--server: {error}"), hint)
}
