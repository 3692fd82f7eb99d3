//! The words and numbers that parameters take.

use std::time::Duration;

use super::error::{ConninfoError, Origin};
use super::parameters::Parameters;

/// Whether and how a connection is secured, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never with TLS.
    Disable,
    /// First without TLS; with it when the server refuses.
    Allow,
    /// First with TLS; without it when that does not work.
    Prefer,
    /// With TLS; the server's certificate is checked only where a root certificate file exists.
    Require,
    /// With TLS; the server's certificate must come from a trusted authority.
    VerifyCa,
    /// With TLS; the certificate must be trusted and be the host's.
    VerifyFull,
}

/// How TLS is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslNegotiation {
    /// The server is asked first.
    Postgres,
    /// TLS from the first byte (PostgreSQL 17 and later).
    Direct,
}

/// Whether the login is bound to the TLS connection that it is made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where both sides can.
    Prefer,
    /// Always, or the connection is given up.
    Require,
}

/// Which kind of server will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    /// Any server.
    Any,
    /// One whose sessions can write by default.
    ReadWrite,
    /// One whose sessions cannot, or not by default.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is in recovery.
    Standby,
    /// One that is in recovery, or any where there is none.
    PreferStandby,
}

/// In which order several hosts are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadBalanceHosts {
    /// As given.
    Disable,
    /// By chance.
    Random,
}

/// Whether a client certificate is shown to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslCertMode {
    /// Never.
    Disable,
    /// When the server asks and there is one.
    Allow,
    /// Always, or the connection is given up.
    Require,
}

/// The versions of TLS that there are to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// Words with their meaning; `None` marks a word that libpq knows and this program does not.
type Words<T> = [(&'static str, Option<T>)];

/// Reads the typed values out of a set of parameters.
pub(super) struct Values<'p>(pub(super) &'p Parameters);

impl Values<'_> {
    pub(super) fn sslmode(&self) -> Result<Option<SslMode>, ConninfoError> {
        let words = [
            ("disable", Some(SslMode::Disable)),
            ("allow", Some(SslMode::Allow)),
            ("prefer", Some(SslMode::Prefer)),
            ("require", Some(SslMode::Require)),
            ("verify-ca", Some(SslMode::VerifyCa)),
            ("verify-full", Some(SslMode::VerifyFull)),
        ];
        let expected = "disable, allow, prefer, require, verify-ca or verify-full";
        self.word("sslmode", &words, expected)
    }

    pub(super) fn sslnegotiation(&self) -> Result<SslNegotiation, ConninfoError> {
        let words = [
            ("postgres", Some(SslNegotiation::Postgres)),
            ("direct", Some(SslNegotiation::Direct)),
        ];
        let value = self.word("sslnegotiation", &words, "postgres or direct")?;
        Ok(value.unwrap_or(SslNegotiation::Postgres))
    }

    pub(super) fn channel_binding(&self) -> Result<ChannelBinding, ConninfoError> {
        let words = [
            ("disable", Some(ChannelBinding::Disable)),
            ("prefer", Some(ChannelBinding::Prefer)),
            ("require", Some(ChannelBinding::Require)),
        ];
        let value = self.word("channel_binding", &words, "disable, prefer or require")?;
        Ok(value.unwrap_or(ChannelBinding::Prefer))
    }

    pub(super) fn target_session_attrs(&self) -> Result<TargetSessionAttrs, ConninfoError> {
        let words = [
            ("any", Some(TargetSessionAttrs::Any)),
            ("read-write", Some(TargetSessionAttrs::ReadWrite)),
            ("read-only", Some(TargetSessionAttrs::ReadOnly)),
            ("primary", Some(TargetSessionAttrs::Primary)),
            ("standby", Some(TargetSessionAttrs::Standby)),
            ("prefer-standby", Some(TargetSessionAttrs::PreferStandby)),
        ];
        let expected = "any, read-write, read-only, primary, standby or prefer-standby";
        let value = self.word("target_session_attrs", &words, expected)?;
        Ok(value.unwrap_or(TargetSessionAttrs::Any))
    }

    pub(super) fn load_balance_hosts(&self) -> Result<LoadBalanceHosts, ConninfoError> {
        let words = [
            ("disable", Some(LoadBalanceHosts::Disable)),
            ("random", Some(LoadBalanceHosts::Random)),
        ];
        let value = self.word("load_balance_hosts", &words, "disable or random")?;
        Ok(value.unwrap_or(LoadBalanceHosts::Disable))
    }

    pub(super) fn sslcertmode(&self) -> Result<SslCertMode, ConninfoError> {
        let words = [
            ("disable", Some(SslCertMode::Disable)),
            ("allow", Some(SslCertMode::Allow)),
            ("require", Some(SslCertMode::Require)),
        ];
        let value = self.word("sslcertmode", &words, "disable, allow or require")?;
        Ok(value.unwrap_or(SslCertMode::Allow))
    }

    /// A protocol version; `None` where nothing was said. As libpq, whatever the case.
    ///
    /// What is older than rustls speaks is no lower bound to it, and cannot be an upper one.
    pub(super) fn tls_version(&self, keyword: &str) -> Result<Option<TlsVersion>, ConninfoError> {
        let Some((text, origin)) = self.0.get_with_origin(keyword) else {
            return Ok(None);
        };
        let is_lower_bound = keyword == "ssl_min_protocol_version";
        match text.to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "tlsv1.3" => Ok(Some(TlsVersion::V1_3)),
            "tlsv1.2" => Ok(Some(TlsVersion::V1_2)),
            "tlsv1" | "tlsv1.1" if is_lower_bound => Ok(Some(TlsVersion::V1_2)),
            "tlsv1" => Err(not_yet(origin, "TLSv1")),
            "tlsv1.1" => Err(not_yet(origin, "TLSv1.1")),
            _ => Err(ConninfoError::Value {
                origin: origin.clone(),
                expected: "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3",
            }),
        }
    }

    /// Whether the host's name is sent in the handshake.
    pub(super) fn sslsni(&self) -> Result<bool, ConninfoError> {
        let words = [("1", Some(true)), ("0", Some(false)), ("", Some(false))];
        Ok(self.word("sslsni", &words, "0 or 1")?.unwrap_or(true))
    }

    /// A text, where an empty one counts as none.
    pub(super) fn text(&self, keyword: &str) -> Option<String> {
        self.0
            .get(keyword)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// Seconds, where nothing and less than nothing are the same.
    pub(super) fn seconds(&self, keyword: &str) -> Result<Option<Duration>, ConninfoError> {
        let seconds = self.number(keyword, "a number of seconds")?;
        Ok(seconds.map(|seconds| Duration::from_secs(at_least_zero(seconds))))
    }

    /// Milliseconds, where nothing and less than nothing are the same.
    pub(super) fn milliseconds(&self, keyword: &str) -> Result<Option<Duration>, ConninfoError> {
        let milliseconds = self.number(keyword, "a number of milliseconds")?;
        Ok(milliseconds.map(|milliseconds| Duration::from_millis(at_least_zero(milliseconds))))
    }

    /// A whole number as C's `strtol` reads it, with blanks around it.
    pub(super) fn number(
        &self,
        keyword: &str,
        expected: &'static str,
    ) -> Result<Option<i32>, ConninfoError> {
        let Some((text, origin)) = self.0.get_with_origin(keyword) else {
            return Ok(None);
        };
        whole_number(text)
            .map(Some)
            .ok_or_else(|| ConninfoError::Value {
                origin: origin.clone(),
                expected,
            })
    }

    fn word<T: Copy>(
        &self,
        keyword: &str,
        words: &Words<T>,
        expected: &'static str,
    ) -> Result<Option<T>, ConninfoError> {
        let Some((text, origin)) = self.0.get_with_origin(keyword) else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, Some(meaning))) => Ok(Some(*meaning)),
            Some((value, None)) => Err(not_yet(origin, value)),
            None => Err(ConninfoError::Value {
                origin: origin.clone(),
                expected,
            }),
        }
    }
}

/// Where a value came from, for an error about it.
pub(super) fn origin_of(parameters: &Parameters, keyword: &'static str) -> Origin {
    let found = parameters.get_with_origin(keyword);
    found.map_or(Origin::Parameter(keyword), |(_, origin)| origin.clone())
}

fn not_yet(origin: &Origin, value: &'static str) -> ConninfoError {
    let origin = origin.clone();
    ConninfoError::ValueNotSupportedYet { origin, value }
}

pub(super) fn whole_number(text: &str) -> Option<i32> {
    text.trim_ascii().parse().ok()
}

fn at_least_zero(number: i32) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
