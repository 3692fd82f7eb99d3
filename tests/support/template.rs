//! The databases that tests start from. Each is made once a process, when the first test wants it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::TestDatabase;

/// A database that tests get a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// Nothing in it.
    Empty,
    /// Coder since v2.28, with the users and keys of the demo.
    Coder,
    /// Coder v0.23 to v2.26: `scope`, no OAuth2 apps.
    CoderV0_23,
    /// Coder v2.27: scopes and allow lists, which may be empty.
    CoderV2_27,
    /// Django REST framework's authtoken: the key is the secret.
    Django,
    /// Nobody's: quoted names, another schema, a switch, Unix seconds.
    Inhouse,
}

impl Template {
    pub(crate) const ALL: [Self; 6] = [
        Self::Empty,
        Self::Coder,
        Self::CoderV0_23,
        Self::CoderV2_27,
        Self::Django,
        Self::Inhouse,
    ];

    /// Its name as a database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Coder => "coder",
            Self::CoderV0_23 => "coder_v0_23",
            Self::CoderV2_27 => "coder_v2_27",
            Self::Django => "django",
            Self::Inhouse => "inhouse",
        }
    }

    /// The files that are loaded into it, below the project's directory.
    pub(crate) fn files(self) -> &'static [&'static str] {
        match self {
            Self::Empty => &[],
            Self::Coder => &["sql/demo/coder.sql", "sql/demo/seed.sql"],
            Self::CoderV0_23 => &["tests/fixtures/coder/v0_23.sql"],
            Self::CoderV2_27 => &["tests/fixtures/coder/v2_27.sql"],
            Self::Django => &["tests/fixtures/django.sql"],
            Self::Inhouse => &["tests/fixtures/inhouse.sql"],
        }
    }
}

/// Makes a database that others are copied from, unless it was made before.
pub(super) fn once(name: &'static str, prepare: impl FnOnce()) {
    static MADE: Mutex<BTreeMap<&str, Arc<OnceLock<()>>>> = Mutex::new(BTreeMap::new());
    let slot = {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(name).or_default())
    };
    slot.get_or_init(prepare);
}

/// Makes the shared cluster's database of a template, unless it was made before.
pub(super) fn ensure(template: Template) {
    once(template.name(), || {
        let database = TestDatabase::to_copy(template.name(), None);
        for file in template.files() {
            database.load(file);
        }
        database.close();
    });
}
