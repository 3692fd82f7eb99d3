//! Why a plan file is not written or not carried out, and what to do then.

use chrono::{DateTime, Utc};

use crate::model::PlanFileError;

/// Why a plan file is not written, or not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It cannot be read as a plan.
    #[error("plan file `{name}` {error}")]
    File {
        /// The file.
        name: String,
        /// Why.
        error: PlanFileError,
    },
    /// Nothing tells one cluster from another, so the plan would fit all of them.
    #[error(
        "role `{role}` may not ask which cluster this is, and a plan file belongs to one cluster"
    )]
    ClusterNotTold {
        /// The role.
        role: String,
    },
    /// It belongs to another database.
    #[error("the plan is of {planned}, and this is {found}")]
    OtherDatabase {
        /// The plan's.
        planned: String,
        /// The one that answers.
        found: String,
    },
    /// It was made with another adapter.
    #[error("the plan was made with {planned}, and here is {found}")]
    OtherAdapter {
        /// The plan's.
        planned: String,
        /// The one here.
        found: String,
    },
    /// `--digest` names another plan.
    #[error("--digest pins {pinned}, and the plan has {found}")]
    OtherDigest {
        /// What was pinned.
        pinned: String,
        /// The plan's.
        found: String,
    },
    /// It was held by another version.
    #[error("the plan was made by breakglass {planned}, and this is {found}")]
    OtherVersion {
        /// The plan's.
        planned: String,
        /// This one.
        found: &'static str,
    },
    /// Its time is over.
    #[error("the plan was valid until {until}, and the database's clock says {now}")]
    Expired {
        /// The last moment.
        until: DateTime<Utc>,
        /// Now.
        now: DateTime<Utc>,
    },
}

impl PlanError {
    /// Whether the command line or a file on it is wrong.
    pub(in crate::ops) fn is_usage(&self) -> bool {
        match self {
            Self::File { error, .. } => !matches!(error, PlanFileError::Edited { .. }),
            _ => false,
        }
    }

    /// Whether the plan is of the database that answered, as far as can be known.
    pub(in crate::ops) fn is_of_this_database(&self) -> bool {
        !matches!(
            self,
            Self::File { .. } | Self::OtherDatabase { .. } | Self::ClusterNotTold { .. }
        )
    }

    /// A word for programs.
    pub(in crate::ops) fn code(&self) -> &'static str {
        match self {
            Self::File {
                error: PlanFileError::Edited { .. },
                ..
            } => "plan_edited",
            Self::File { .. } => "bad_plan_file",
            Self::ClusterNotTold { .. } => "cluster_not_told",
            Self::OtherDatabase { .. } => "plan_of_other_database",
            Self::OtherAdapter { .. } => "plan_of_other_adapter",
            Self::OtherDigest { .. } => "plan_not_pinned",
            Self::OtherVersion { .. } => "plan_of_other_version",
            Self::Expired { .. } => "plan_expired",
        }
    }

    /// What to type next.
    pub(in crate::ops) fn hint(&self) -> String {
        match self {
            Self::File {
                error: PlanFileError::Schema { tool_version, .. },
                ..
            } => {
                let version = tool_version.as_deref().unwrap_or("?");
                format!("use the breakglass that wrote it (version {version}), or plan again with this one")
            }
            Self::File {
                error: PlanFileError::Edited { .. },
                ..
            } => "get the file as it was written, or plan again: `tokens rm … --plan-file FILE`"
                .to_owned(),
            Self::File { .. } => {
                "give a file that `breakglass tokens rm … --plan-file FILE` wrote".to_owned()
            }
            Self::ClusterNotTold { .. } => {
                "run `grant execute on function pg_control_system() to ROLE` there".to_owned()
            }
            Self::OtherDatabase { .. } => {
                "connect to the plan's database, or plan again on this one".to_owned()
            }
            Self::OtherAdapter { .. } => {
                "use the same breakglass, `--adapter-file` and `--schema` as the planner, or plan again"
                    .to_owned()
            }
            Self::OtherDigest { .. } => {
                "get the plan that was approved, or have this one approved".to_owned()
            }
            Self::OtherVersion { .. } => "plan again with this one".to_owned(),
            Self::Expired { .. } => {
                "plan again: `tokens rm … --plan-file FILE`; --valid-for gives it more time"
                    .to_owned()
            }
        }
    }
}
