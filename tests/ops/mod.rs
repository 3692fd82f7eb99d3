//! What a server can do that the command line cannot: the library's operations, called by name.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper that cannot go on fails the test that called it, and what was measured is told"
)]

mod paging;
mod paging_at_random;
mod scope;
mod scope_audit;
mod scope_files;

use breakglass::ops::{Context, Scope};

use crate::support::scoped::{context, open, wait};
use crate::support::{Template, TestDatabase};

/// A Coder database with the log.
fn database() -> TestDatabase {
    TestDatabase::prepared("operations", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// A caller who is bound to an owner, or to kinds, or both.
fn bound(database: &TestDatabase, owner: Option<&str>, kinds: Option<&[&str]>) -> Context {
    let context = context(database);
    let kinds: Option<Vec<String>> =
        kinds.map(|kinds| kinds.iter().map(|&kind| kind.to_owned()).collect());
    let desk = open(&context);
    let scope = wait(Scope::resolve(&desk, owner, kinds.as_deref()));
    let scope = scope.unwrap_or_else(|error| panic!("{error}"));
    Context { scope, ..context }
}
