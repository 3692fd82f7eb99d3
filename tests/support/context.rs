//! What an operation is given, for tests that call the library.

use breakglass::adapter::{Choice, builtin};
use breakglass::db::conninfo::{Parameters, Settings, Surroundings};
use breakglass::db::{Database, Interrupt, Limits};
use breakglass::ops::{Context, Policy, Scope};

use super::TestDatabase;

impl TestDatabase {
    /// What a role works with that said nothing further.
    pub(crate) fn context(&self, role: &str) -> Context {
        let parameters = Parameters::parse(&self.conninfo(role));
        let around = Surroundings {
            variable: &|_| None,
            exists: &|_| false,
            read: &|_| Err(std::io::ErrorKind::NotFound.into()),
            os_user: None,
            home: None,
            socket_directories: &[],
        };
        let settings = Settings::resolve(parameters.expect("it is a connection string"), &around);
        let settings = settings.expect("it is whole");
        Context {
            database: Database::new(settings, Limits::default(), Interrupt::default()),
            adapters: builtin().expect("they load"),
            choice: Choice::default(),
            policy: Policy::default(),
            detected: None,
            scope: Scope::default(),
        }
    }
}
