//! A streaming standby of a cluster, made with `pg_basebackup`, to be promoted by a test.

use std::thread;
use std::time::{Duration, Instant};

use breakglass::cluster::Cluster;

use super::TestDatabase;
use super::cluster::options;

/// How long the standby may take to catch up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A standby; it ends with the value, or with the process of the tests however that ends.
pub(crate) struct Standby {
    cluster: Cluster,
}

impl Standby {
    /// Makes a standby of a cluster and waits until the two stream.
    pub(crate) fn of(primary: &Cluster) -> Self {
        let program = primary.binaries().directory().join("pg_basebackup");
        assert!(
            program.is_file(),
            "there is no `{}`: apt-get install postgresql",
            program.display()
        );
        let standby = Self {
            cluster: primary.standby(&options()).expect("a standby starts"),
        };
        standby.catch_up(primary);
        standby
    }

    /// Its server.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Its copy of a database of the primary.
    pub(crate) fn database(&self, name: &str) -> TestDatabase {
        TestDatabase::existing(&self.cluster, name)
    }

    /// Waits until everything that the primary has written by now can be read here.
    pub(crate) fn catch_up(&self, primary: &Cluster) {
        let written = TestDatabase::existing(primary, "postgres")
            .session()
            .value("select pg_current_wal_flush_lsn()");
        let here = self.database("postgres");
        let replayed =
            format!("select coalesce(pg_last_wal_replay_lsn() >= '{written}'::pg_lsn, false)");
        let start = Instant::now();
        while here.value(&replayed) != "t" {
            assert!(
                start.elapsed() < PATIENCE,
                "not at {written} within {PATIENCE:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Makes it a primary of its own; returns when it can be written.
    pub(crate) fn promote(&self) {
        let promoted = self
            .database("postgres")
            .value("select pg_promote(true, 60)");
        assert_eq!(promoted, "t", "the standby was promoted");
    }
}
