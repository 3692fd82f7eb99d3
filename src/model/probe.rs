//! Asking the application itself: in which header the secret goes, and what came of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What stands for the secret.
const PLACE: &str = "{}";

/// The header of a probe, such as `Authorization: Bearer {}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTemplate {
    /// The header's name.
    pub name: String,
    /// What stands before the secret.
    pub before: String,
    /// What stands after it.
    pub after: String,
}

/// Headers that say how a message is framed or for whom it is, so that no secret goes there.
const FRAMING: [&str; 8] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

impl HeaderTemplate {
    /// Reads `NAME: VALUE` with exactly one `{}` in the value.
    ///
    /// # Errors
    ///
    /// With what is wrong, in words that do not repeat the template: it may hold a secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, value) = text
            .split_once(':')
            .ok_or("give it as 'NAME: VALUE', with `{}` where the secret goes")?;
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err("what stands before the colon is not the name of a header");
        }
        if FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
            return Err("a secret does not go into a header that frames the request");
        }
        let value = value.trim();
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err("a header's value is of printable ASCII characters");
        }
        let (before, after) = value
            .split_once(PLACE)
            .ok_or("there is no `{}` in it, where the secret goes")?;
        if after.contains(PLACE) {
            return Err("there is more than one `{}` in it, and the secret goes to one place");
        }
        Ok(Self {
            name: name.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }
}

impl fmt::Display for HeaderTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            before,
            after,
        } = self;
        write!(f, "{name}: {before}{PLACE}{after}")
    }
}

/// What the application's last word on the secret was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeVerdict {
    /// It answered 401 or 403 after the change.
    Refused,
    /// It still took the secret when the time was over.
    Accepted,
    /// Neither was seen, or what was seen proves nothing.
    Unknown,
}

/// What came of asking the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeReport {
    /// Where it was asked, without a query.
    pub url: String,
    /// The status before the change; `None` where there was no answer.
    pub status_before: Option<u16>,
    /// The last status after the change; `None` where there was none, and for a dry run.
    pub status: Option<u16>,
    /// From the COMMIT to the refusal, in milliseconds; `None` where there was none.
    pub after_ms: Option<u64>,
    /// How often it was asked after the change.
    pub attempts: u32,
    /// What to make of it; `None` for a dry run, which asks before only.
    pub verdict: Option<ProbeVerdict>,
    /// The same in words.
    pub detail: String,
    /// What kept the secret working for a while, as far as the adapter knows of it.
    pub in_the_way: Vec<String>,
}

impl ProbeReport {
    /// Whether it leaves open that the application takes the secret.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.verdict
            .is_some_and(|verdict| verdict != ProbeVerdict::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::HeaderTemplate;

    #[test]
    fn a_template_is_a_name_and_a_value_with_one_place() {
        let header = HeaderTemplate::parse("Authorization: Token {}").unwrap();
        assert_eq!(
            (
                header.name.as_str(),
                header.before.as_str(),
                header.after.as_str()
            ),
            ("Authorization", "Token ", "")
        );
        assert_eq!(header.to_string(), "Authorization: Token {}");
        let cookie = HeaderTemplate::parse("Cookie:a={}; b=c").unwrap();
        assert_eq!(
            (cookie.before.as_str(), cookie.after.as_str()),
            ("a=", "; b=c")
        );
        for (wrong, why) in [
            ("Authorization {}", "'NAME: VALUE'"),
            (": {}", "not the name"),
            ("Auth orization: {}", "not the name"),
            ("{}: x", "not the name"),
            ("Authorization: Token", "no `{}`"),
            ("Authorization: {} {}", "more than one"),
            ("Authorization: {}\r\nX: y", "printable"),
            ("Authorization: é{}", "printable"),
            ("content-LENGTH: {}", "frames"),
        ] {
            let error = HeaderTemplate::parse(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
