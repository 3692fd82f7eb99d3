//! The notable keys of sql/demo/seed.sql, and the secrets of all of them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// The hot one: `build-cache` of the service account `ci-runner`; its label is nobody else's.
pub(crate) const HOT: &str = "d4o6FQe5QT";
/// `release` of the service account `release-bot`; its label is nobody else's either.
pub(crate) const RELEASE: &str = "r1zx5DiipR";
/// `ci` of mira, expired; further `ci` belong to eight others.
pub(crate) const EXPIRED: &str = "IkQxiy6zav";
/// `deploy-bot` of ci-runner; there is one of release-bot and of seven others.
pub(crate) const DUPLICATE: &str = "Zr7nGJLxcC";
/// Access key of Backstage or Grafana for grace; its refresh token is alive.
pub(crate) const OAUTH: &str = "z8vWfGZaE2";
/// Access key for jasmin, expired, while its refresh token is alive.
pub(crate) const OAUTH_EXPIRED: &str = "rM0xE8OKfH";
/// Browser session of mira.
pub(crate) const SESSION: &str = "WXA64uphbS";
/// Made by `coder login`, of mira.
pub(crate) const CLI_AUTH: &str = "xzJ3bFPG9s";
/// Behind a subdomain app, of jasmin.
pub(crate) const APP_CONNECT: &str = "YzL5W5d5Rt";
/// Of a workspace of alina, who has two.
pub(crate) const WORKSPACE: &str = "a3TMNdxL2k";
/// Of Coder's chat, for gabor.
pub(crate) const CHAT_GATEWAY: &str = "AQVYbltrdm";
/// `vscode` of nadia, never used, as releases since v2.32 write that: 1970-01-01.
pub(crate) const UNUSED: &str = "Ifc3cU7txY";
/// `laptop` of hanna, never used, as older releases wrote that: 0001-01-01.
pub(crate) const UNUSED_OLD: &str = "Whsl7vzJ8L";

/// The secret part of a key, by the rule that seed.sql states.
pub(crate) fn secret_of(key: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(format!("secret of {key}")));
    hash[..22].replace('+', "x").replace('/', "Y")
}

/// The whole token: what its holder sends.
pub(crate) fn token_of(key: &str) -> String {
    format!("{key}-{}", secret_of(key))
}
