//! The flags that say which tokens are meant by what they are: the same words for `tokens ls` and
//! for `tokens rm`.

use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::failure::Failure;
use super::reading::refuse_secrets;
use super::way::Way;
use super::when::When;
use crate::ops::{Filter, Kinds, Moment};

#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(super) struct FilterArgs {
    /// Dead tokens too
    #[arg(long)]
    pub(super) include_expired: bool,
    /// Only tokens of this owner: login, email or id
    #[arg(long, value_name = "OWNER", value_parser = NonEmptyStringValueParser::new())]
    pub(super) owner: Option<String>,
    /// Only these kinds, or `all`; if not given the adapter's default kind, and for `tokens rm --owner` all
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(super) kind: Vec<String>,
    /// Only tokens with such a name; `*` and `?` match as in a shell
    #[arg(long, value_name = "GLOB", value_parser = NonEmptyStringValueParser::new())]
    pub(super) name: Option<String>,
    /// Only tokens that were not used for so long, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) unused_for: Option<Duration>,
    /// Only tokens that end within so long, such as 7d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) expires_within: Option<Duration>,
    /// Only tokens that end after a time, or in more than so long, and those that never end
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) expires_after: Option<When>,
    /// Only tokens that were made before a time, or so long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) created_before: Option<When>,
    /// Only tokens that were made at a time or later, or since so long ago
    #[arg(long, value_name = "TIME|DURATION")]
    pub(super) created_after: Option<When>,
}

impl FilterArgs {
    /// The filter; `otherwise` are the kinds where none is named.
    pub(super) fn filter(&self, otherwise: Kinds) -> Filter {
        let Self {
            include_expired,
            owner,
            kind,
            name,
            unused_for,
            expires_within,
            expires_after,
            created_before,
            created_after,
        } = self;
        Filter {
            include_expired: *include_expired,
            kinds: Kinds::of(kind, otherwise),
            owner: owner.clone(),
            name: name.clone(),
            unused_for: *unused_for,
            expires_within: *expires_within,
            expires_after: expires_after.map(Moment::from),
            created_before: created_before.map(Moment::from),
            created_after: created_after.map(Moment::from),
        }
    }

    /// Refuses words that would be sent or recorded with a secret in them.
    pub(super) fn refuse_secrets(&self, way: &Way) -> Result<(), Failure> {
        refuse_secrets(way, "--name", self.name.as_deref())?;
        refuse_secrets(way, "--owner", self.owner.as_deref())
    }
}
