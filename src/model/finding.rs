//! What `doctor` found: what would make a write fail or lie, and what an operator should know
//! before one.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DatabaseIdentity;

/// How much a finding weighs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A write would fail, or its record or receipt would lie.
    Blocks,
    /// A write works; something about it can go wrong, or a guard is off.
    Warns,
    /// A write works; this is not as it usually is.
    Notes,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Warns => "warns",
            Self::Notes => "notes",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// The kinds of finding. Their words are an interface: never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The server is a standby.
    Standby = "standby",
    /// Transactions of this role or database are read-only unless they say otherwise.
    ReadOnlyByDefault = "read_only_by_default",
    /// Another cluster answers than the target pins.
    OtherCluster = "other_cluster",
    /// Triggers do not fire in this role's sessions.
    ReplicationRole = "replication_role",
    /// There is hardly room for another connection.
    ConnectionsShort = "connections_short",
    /// Commits of this role or database do not wait for the disk by default.
    SynchronousCommit = "synchronous_commit",
    /// COMMIT waits for a standby that is not there.
    SynchronousStandbyMissing = "synchronous_standby_missing",
    /// The record is on standbys only after the commit was told.
    RecordNotReplicated = "record_not_replicated",
    /// This machine's clock and the database's differ.
    ClockSkew = "clock_skew",
    /// The connection is in the clear.
    TlsOff = "tls_off",
    /// The connection is encrypted to whoever answered.
    TlsUnverified = "tls_unverified",
    /// A pooler or proxy stands between.
    Pooler = "pooler",
    /// No adapter fits.
    NoAdapter = "no_adapter",
    /// More than one adapter fits.
    SeveralAdapters = "several_adapters",
    /// An adapter recognises the database and refuses it.
    RefusedByAdapter = "refused_by_adapter",
    /// An adapter recognises the database, but its names or types are not there.
    AdapterMisfit = "adapter_misfit",
    /// The token table is a view.
    View = "view",
    /// The token table is on another server.
    ForeignTable = "foreign_table",
    /// The token table is partitioned, or a partition.
    Partitioned = "partitioned",
    /// Other tables inherit from the token table.
    Inherited = "inherited",
    /// Breakglass is not installed.
    NotInstalled = "not_installed",
    /// Its schema is older than this build.
    SchemaOlder = "schema_older",
    /// Its schema is of a later build.
    SchemaNewer = "schema_newer",
    /// Its schema was made by another build.
    SchemaDivergent = "schema_divergent",
    /// Its schema is not what its migrations make.
    SchemaAltered = "schema_altered",
    /// The role lacks a privilege.
    MissingPrivilege = "missing_privilege",
    /// No grant restrains the role.
    Superuser = "superuser",
    /// The role owns the log.
    OwnsLog = "owns_log",
    /// The application's role owns the log.
    ApplicationOwnsLog = "application_owns_log",
    /// Somebody was granted more than reading the log and adding to it.
    LogWritable = "log_writable",
    /// Default privileges would give such rights on the tables of a later migration.
    DefaultPrivileges = "default_privileges",
    /// Row security hides rows.
    RowSecurity = "row_security",
    /// A trigger can rewrite, swallow or undo a write.
    Trigger = "trigger",
    /// A trigger can refuse a write at its COMMIT.
    DeferredTrigger = "deferred_trigger",
    /// A CHECK looks at a column that an expire sets.
    CheckConstraint = "check_constraint",
    /// A table is published without what identifies its rows.
    ReplicaIdentity = "replica_identity",
    /// A rule replaces or refuses a write.
    Rule = "rule",
    /// An expiry column has no time zone, and not everybody here lives in UTC.
    TimeWithoutZone = "time_without_zone",
    /// A delete takes rows of another table along.
    DeleteCascades = "delete_cascades",
    /// A delete changes rows of another table.
    DeleteSetsNull = "delete_sets_null",
    /// Rows of another table can refuse a delete.
    DeleteRestricted = "delete_restricted",
    /// A delete looks through a whole table for rows that point at the token.
    UnindexedForeignKey = "unindexed_foreign_key",
    /// Finding a token looks through the whole table.
    LookupScans = "lookup_scans",
    /// Somebody holds a lock that a write would wait for.
    TableLocked = "table_locked",
    /// Somebody has been writing to the table in one transaction for long.
    LongTransaction = "long_transaction",
    /// The adapter knows something of this release of the application.
    ReleaseQuirk = "release_quirk",
    /// Something could not be looked at.
    CouldNotLook = "could_not_look",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// How much it weighs here; the same kind may weigh more or less elsewhere.
    pub severity: Severity,
    /// The table, role, setting or other thing that it is about.
    pub subject: String,
    /// What was found.
    pub what: String,
    /// Why it matters for killing a token.
    pub why: String,
    /// What to do; a command in backquotes, where there is one.
    pub remedy: String,
}

impl Finding {
    /// A finding that blocks.
    pub(crate) fn blocks(code: Code, subject: impl Into<String>) -> Self {
        Self::new(code, Severity::Blocks, subject)
    }

    /// A finding that warns.
    pub(crate) fn warns(code: Code, subject: impl Into<String>) -> Self {
        Self::new(code, Severity::Warns, subject)
    }

    /// A finding to note.
    pub(crate) fn notes(code: Code, subject: impl Into<String>) -> Self {
        Self::new(code, Severity::Notes, subject)
    }

    fn new(code: Code, severity: Severity, subject: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            subject: subject.into(),
            what: String::new(),
            why: String::new(),
            remedy: String::new(),
        }
    }

    /// What was found.
    pub(crate) fn what(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    /// Why it matters.
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// What to do.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// Whether a write would work and tell the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fitness {
    /// It would.
    Fit,
    /// It would fail, or lie.
    Unfit,
}

/// Whether the role may do one of the things that breakglass does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ability {
    /// `list`, `expire`, `delete` or `audit`.
    pub verb: String,
    /// Whether it may.
    pub granted: bool,
    /// The privileges that it lacks.
    pub missing: Vec<String>,
}

/// Everything that `doctor` found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Diagnosis {
    /// The number of the JSON interface.
    pub schema: u32,
    /// Which database, in one line.
    #[serde(default)]
    pub identity: String,
    /// Which database.
    pub database: DatabaseIdentity,
    /// The role that looked.
    pub role: String,
    /// The adapter that fits, if exactly one does.
    pub adapter: Option<String>,
    /// Whether a write would work and tell the truth.
    pub verdict: Fitness,
    /// What the role may do; empty where no adapter fits.
    pub abilities: Vec<Ability>,
    /// What was found, the heaviest first.
    pub findings: Vec<Finding>,
}
