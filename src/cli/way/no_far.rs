//! What stands for a server in a build without the client: nobody. A server that is named all the same
//! is refused, since the command would go to some database instead.

#![expect(
    clippy::unused_async,
    reason = "the same calls as a server's, which wait for it"
)]

use clap::Args;
use futures_util::stream::LocalBoxStream;

use super::SaidOfServer;
use super::reading::{Read, WantedOperations};
use crate::adapter::Adapter;
use crate::cli::failure::Failure;
use crate::db::Interrupt;
use crate::model::{
    About, Access, Diagnosis, History, Hit, Operation, Proposal, Receipt, Shown, Token,
};
use crate::ops::{Doctor, Error, Kinds, ListTokens, Policy, Request, ShowOwner, ShowToken, Sweep};

/// No flags.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct ServerArgs {
    #[arg(skip)]
    pub(in crate::cli) server: Option<String>,
}

impl ServerArgs {
    #[expect(clippy::unused_self, reason = "there is no flag")]
    pub(in crate::cli) fn given(&self) -> Option<&'static str> {
        None
    }
}

/// Nobody.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Far {}

/// Nothing of nobody.
#[derive(Debug)]
pub(in crate::cli) enum FarOpened {}

/// No plan of nobody.
#[derive(Debug)]
pub(in crate::cli) enum FarPlan {}

impl Far {
    pub(super) fn new(
        _said: SaidOfServer,
        _args: &ServerArgs,
        _interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        Err(Failure::usage(
            "BREAKGLASS_SERVER names a server, and this breakglass was built without its client",
            "unset it, or use a build with the feature `client`",
        ))
    }

    pub(super) fn adapters(&self) -> &[Adapter] {
        match *self {}
    }

    pub(super) fn policy(&self) -> &Policy {
        match *self {}
    }

    pub(super) fn cannot(&self, _what: &str) -> Failure {
        match *self {}
    }

    pub(super) async fn open(&self) -> Result<FarOpened, Failure> {
        match *self {}
    }

    pub(super) async fn access(&self, _request: &ShowOwner) -> Result<Access, Failure> {
        match *self {}
    }

    pub(super) async fn operations(
        &self,
        _wanted: WantedOperations,
    ) -> Result<Read<Vec<Operation>>, Failure> {
        match *self {}
    }

    pub(super) async fn history(&self, _id: &str) -> Result<Read<History>, Failure> {
        match *self {}
    }

    pub(super) async fn diagnose(&self, _doctor: Doctor) -> Result<Diagnosis, Failure> {
        match *self {}
    }

    pub(super) async fn plan(&self, _request: Request) -> Result<FarPlan, Failure> {
        match *self {}
    }
}

impl FarOpened {
    pub(super) fn far(&self) -> &Far {
        match *self {}
    }

    pub(super) fn about(&self) -> &About {
        match *self {}
    }

    pub(super) fn adapter(&self) -> Result<&Adapter, Failure> {
        match *self {}
    }

    pub(super) fn names(&self, _kinds: &Kinds) -> Result<Option<Vec<String>>, Failure> {
        match *self {}
    }

    pub(super) async fn list<'a>(
        &'a self,
        _request: &'a ListTokens,
    ) -> Result<LocalBoxStream<'a, Result<Token, Failure>>, Failure> {
        match *self {}
    }

    pub(super) async fn show(&self, _request: ShowToken) -> Result<Shown, Failure> {
        match *self {}
    }

    pub(super) fn judge<'a>(
        &'a self,
        _sweep: &'a Sweep,
    ) -> LocalBoxStream<'a, Result<Hit, Failure>> {
        match *self {}
    }
}

impl FarPlan {
    pub(super) fn proposal(&self) -> Proposal {
        match *self {}
    }

    pub(in crate::cli) async fn carry_out(self) -> Result<Receipt, Failure> {
        match self {}
    }

    pub(super) async fn decline(self, _error: Error) -> Failure {
        match self {}
    }
}
