//! What a kill does not reach, and how to ask the application: the words for it in a data file,
//! and what they come to for the tokens of a plan.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::command::KeyPattern;
use super::file::Adapter;
use crate::model::{Action, CachePlace, Flush, HeaderTemplate, Token, Unreached, What};

/// Something that was made from a token and lives on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survivor {
    /// The actions that it concerns: `expire`, `delete`.
    pub on: Vec<Action>,
    /// What it is.
    pub what: Option<What>,
    /// The kinds of token that it concerns; every kind where none is named.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// How long it lives after the token at most.
    #[serde(default, deserialize_with = "duration")]
    pub lasts: Option<Duration>,
    /// The sentence.
    pub text: String,
}

/// What remembers that a token was good, and is asked before the table is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Where it is.
    #[serde(rename = "where")]
    pub place: CachePlace,
    /// The actions that it concerns; both where none is named.
    #[serde(default = "every_action")]
    pub on: Vec<Action>,
    /// The kinds of token that it concerns; every kind where none is named.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// How long it remembers; for ever where that is not said.
    #[serde(default, deserialize_with = "duration")]
    pub lasts: Option<Duration>,
    /// Whether every use of the token begins that time again.
    #[serde(default)]
    pub sliding: bool,
    /// How it forgets.
    pub flush: Flush,
    /// The key in Redis, with `{key}`, `{owner}` and `{label}`.
    pub redis_key: Option<String>,
    /// A sentence of its own.
    pub text: Option<String>,
}

/// How to ask the application whether it takes a secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeDefaults {
    /// The header, with `{}` where the secret goes.
    pub header: Option<String>,
    /// The path to ask for.
    pub path: Option<String>,
}

fn every_action() -> Vec<Action> {
    vec![Action::Expire, Action::Delete]
}

fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    match humantime::parse_duration(&text) {
        Ok(duration) if !duration.is_zero() => Ok(Some(duration)),
        Ok(_) => Err(serde::de::Error::custom("`lasts` is longer than nothing")),
        Err(_) => Err(serde::de::Error::custom(
            "`lasts` is a duration such as 60s, 10m or 1h",
        )),
    }
}

impl Adapter {
    /// What the types of these words cannot say.
    pub(super) fn check_unreached(&self) -> Result<(), String> {
        let of_survivors = self.survivors.iter().map(|survivor| &survivor.kinds);
        let of_caches = self.caches.iter().map(|cache| &cache.kinds);
        for kind in of_survivors.chain(of_caches).flatten() {
            if !self.kinds.iter().any(|known| known.name == *kind) {
                return Err(format!("kinds: there is no [[kind]] named `{kind}`"));
            }
        }
        for cache in &self.caches {
            self.check_cache(cache)?;
        }
        if let Some(header) = &self.probe.header {
            HeaderTemplate::parse(header).map_err(|why| format!("probe.header: {why}"))?;
        }
        let printable = |byte: u8| byte.is_ascii_graphic();
        if let Some(path) = &self.probe.path
            && !(path.starts_with('/') && path.bytes().all(printable) && !path.contains('#'))
        {
            return Err(
                "probe.path: it begins with `/` and is of printable ASCII characters".to_owned(),
            );
        }
        Ok(())
    }

    fn check_cache(&self, cache: &Cache) -> Result<(), String> {
        if cache.on.is_empty() {
            return Err("[[cache]]: `on` names no action".to_owned());
        }
        if cache.lasts.is_none() && (cache.sliding || cache.flush == Flush::Wait) {
            return Err(
                "[[cache]]: say with `lasts` how long it remembers, as it is to be waited for or \
                 `sliding`"
                    .to_owned(),
            );
        }
        if cache.flush == Flush::RedisDel && cache.place != CachePlace::Redis {
            return Err("[[cache]]: flush = \"redis_del\" is for where = \"redis\"".to_owned());
        }
        match (&cache.redis_key, cache.flush) {
            (Some(pattern), Flush::RedisDel) => KeyPattern::parse(pattern)
                .and_then(|pattern| pattern.check(self))
                .map_err(|why| format!("redis_key: {why}")),
            (None, Flush::RedisDel) => {
                Err("[[cache]]: flush = \"redis_del\" needs a redis_key".to_owned())
            }
            (Some(_), Flush::Wait | Flush::Restart) => {
                Err("[[cache]]: a redis_key goes with flush = \"redis_del\"".to_owned())
            }
            (None, Flush::Wait | Flush::Restart) => Ok(()),
        }
    }

    /// What an action on these tokens does not kill. `done` is when it was done, for the times at
    /// which things end; without it there are none.
    #[must_use]
    pub fn unreached(
        &self,
        action: Action,
        tokens: &[&Token],
        done: Option<DateTime<Utc>>,
    ) -> Vec<Unreached> {
        let survivors = self.survivors.iter().filter_map(|survivor| {
            let concerned = concerned(&survivor.on, &survivor.kinds, action, tokens);
            (!concerned.is_empty()).then(|| survivor.tell(done))
        });
        let caches = self.caches.iter().filter_map(|cache| {
            let concerned = concerned(&cache.on, &cache.kinds, action, tokens);
            (!concerned.is_empty()).then(|| cache.tell(&concerned, done))
        });
        survivors.chain(caches).collect()
    }
}

impl Adapter {
    /// What an action does not kill of tokens of any kind, in words: where the tokens are too many
    /// to be known at once.
    #[must_use]
    pub fn unreached_of_any(&self, action: Action) -> Vec<String> {
        let survivors = self.survivors.iter();
        let survivors = survivors.filter(|survivor| survivor.on.contains(&action));
        let caches = self
            .caches
            .iter()
            .filter(|cache| cache.on.contains(&action));
        let survivors = survivors.map(|survivor| survivor.text.clone());
        survivors.chain(caches.map(Cache::words)).collect()
    }
}

/// The tokens that a word is about.
fn concerned<'a>(
    on: &[Action],
    kinds: &[String],
    action: Action,
    tokens: &[&'a Token],
) -> Vec<&'a Token> {
    let of_kind = |token: &&&Token| kinds.is_empty() || kinds.contains(&token.kind);
    let tokens = tokens.iter().filter(of_kind).copied();
    tokens.filter(|_| on.contains(&action)).collect()
}

impl Survivor {
    fn tell(&self, done: Option<DateTime<Utc>>) -> Unreached {
        Unreached {
            what: self.what,
            text: self.text.clone(),
            lasts_seconds: self.lasts.map(|lasts| lasts.as_secs()),
            sliding: false,
            until: until(done, self.lasts),
            place: None,
            flush: None,
            commands: Vec::new(),
            without_command: Vec::new(),
        }
    }
}

impl Cache {
    fn tell(&self, tokens: &[&Token], done: Option<DateTime<Utc>>) -> Unreached {
        let mut commands = Vec::new();
        let mut without_command = Vec::new();
        // It was parsed when the file was loaded.
        let pattern = self.redis_key.as_deref();
        if let Some(pattern) = pattern.and_then(|text| KeyPattern::parse(text).ok()) {
            for token in tokens {
                match pattern.command(token) {
                    Some(command) => commands.push(command),
                    None => without_command.push(token.key.clone()),
                }
            }
        }
        Unreached {
            what: Some(What::Cache),
            text: self.words(),
            lasts_seconds: self.lasts.map(|lasts| lasts.as_secs()),
            sliding: self.sliding,
            until: until(done, self.lasts.filter(|_| !self.sliding)),
            place: Some(self.place),
            flush: Some(self.flush),
            commands,
            without_command,
        }
    }

    /// What it is, how long it remembers, and how it forgets.
    #[must_use]
    pub fn words(&self) -> String {
        let cache = match &self.text {
            Some(text) => text.clone(),
            None => format!("{} may still let it in", self.place.name()),
        };
        let time = match (self.lasts, self.sliding) {
            (Some(lasts), false) => format!(" for up to {}", humantime::format_duration(lasts)),
            (Some(lasts), true) => format!(
                ", and {} longer from every use",
                humantime::format_duration(lasts)
            ),
            (None, _) => " for ever".to_owned(),
        };
        let end = match self.flush {
            Flush::Wait => "",
            Flush::Restart => "; a restart of what keeps it makes it forget",
            Flush::RedisDel => "; deleting its key from Redis makes it forget",
        };
        if self.text.is_some() {
            format!("{cache}{end}")
        } else {
            format!("{cache}{time}{end}")
        }
    }
}

/// The end of something that lasts so long, rounded up to a second.
fn until(done: Option<DateTime<Utc>>, lasts: Option<Duration>) -> Option<DateTime<Utc>> {
    let lasts = TimeDelta::from_std(lasts?).ok()?;
    let end = done?.checked_add_signed(lasts)?;
    let whole = DateTime::from_timestamp(end.timestamp(), 0)?;
    if whole == end {
        Some(whole)
    } else {
        whole.checked_add_signed(TimeDelta::seconds(1))
    }
}
