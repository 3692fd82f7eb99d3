//! Bearer tokens: made here, shown once, and kept by the file as a digest.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::ring;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::model::hex;

/// What a token begins with, so that scanners of secrets find it.
const PREFIX: &str = "breakglass_";

/// Random bytes in a token.
const BYTES: usize = 32;

/// A bearer token. Neither `Debug` nor anything else but [`BearerToken::expose`] shows it.
pub struct BearerToken(Zeroizing<String>);

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken")
    }
}

impl BearerToken {
    /// Makes a new one of 256 random bits.
    ///
    /// # Errors
    ///
    /// When the operating system has no randomness.
    pub fn generate() -> Result<Self, rustls::crypto::GetRandomFailed> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        ring::default_provider()
            .secure_random
            .fill(bytes.as_mut_slice())?;
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
        Ok(Self(Zeroizing::new(format!("{PREFIX}{}", text.as_str()))))
    }

    /// One that was sent.
    #[must_use]
    pub fn received(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The token itself, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the file keeps of it.
    #[must_use]
    pub fn digest(&self) -> BearerDigest {
        BearerDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// sha256 of a bearer token. 256 random bits need no salt and no slow hash.
#[derive(Clone, Copy, Debug)]
pub struct BearerDigest([u8; 32]);

impl BearerDigest {
    /// Whether it is the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for BearerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for BearerDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a sha256 in 64 hexadecimal digits"))
    }
}

fn read(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
