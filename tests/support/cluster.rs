//! The servers: one that all tests share, and one of its own for a test that kills it.
//!
//! Neither is ever stopped here when the process ends: the launcher's own guard does that, however
//! the process ended.

use std::sync::{LazyLock, OnceLock};
use std::thread;

use breakglass::cluster::{self, Binaries, Cluster, Options, Search};
use tokio::runtime::{Builder, Handle};

/// The server of this machine.
static BINARIES: LazyLock<Binaries> = LazyLock::new(|| {
    let search = Search::from_environment().expect("the environment can be read");
    cluster::find(&search, &mut announce).unwrap_or_else(|error| panic!("{error}"))
});

#[expect(clippy::print_stderr, reason = "a server that is fetched is no secret")]
fn announce(line: &str) {
    eprintln!("{line}");
}

/// The data directory that every cluster is a copy of.
static DATA: LazyLock<cluster::Template> =
    LazyLock::new(|| cluster::Template::new(&BINARIES).expect("initdb works"));

/// The cluster that all tests share; each has a database of its own in it.
pub(crate) fn shared_cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(private_cluster)
}

/// A cluster of a test's own, to be killed, restarted and filled as it likes.
pub(crate) fn private_cluster() -> Cluster {
    start(&options())
}

/// The same, with lines of a `pg_hba.conf`.
pub(crate) fn private_cluster_with_logins(hba: &str) -> Cluster {
    start(&Options {
        hba: Some(hba.to_owned()),
        ..options()
    })
}

/// A cluster with a system identifier of its own: the others are copies of one.
pub(crate) fn foreign_cluster() -> Cluster {
    Cluster::start(&BINARIES, &options()).expect("a throw-away Postgres starts")
}

fn start(options: &Options) -> Cluster {
    DATA.start(options).expect("a throw-away Postgres starts")
}

/// The settings of every cluster; a standby must allow what its primary does.
pub(super) fn options() -> Options {
    let setting = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let settings = [
        // Its workers would hold on to a template that is about to be copied.
        ("autovacuum", "off"),
        ("max_connections", "200"),
        ("max_prepared_transactions", "10"),
        ("log_statement", "all"),
        ("log_line_prefix", "%m %d %a [%p] "),
    ];
    Options {
        settings: settings.map(setting).into(),
        ..Options::default()
    }
}

/// The runtime behind every connection of the tests, on a thread of its own.
pub(crate) fn runtime() -> &'static Handle {
    static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let handle = runtime.handle().clone();
        let drive = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new()
            .name("connections".to_owned())
            .spawn(drive)
            .expect("threads start");
        handle
    });
    &RUNTIME
}
