//! From what a client sends to the requests of the operations, the same that the command line builds.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::account;
use super::app::App;
use super::caller::Caller;
use super::problem::Refused;
use crate::adapter::SecretParts;
use crate::model::wire::{
    Candidate, ChangeRequest, FilterWords, NamedToken, PlanRequest, RestoreWanted, Sender,
    SweptTokens,
};
use crate::model::{self, Action, PlanFile};
use crate::ops::{
    Context, Ends, Error, Filter, FromFile, Kinds, Moment, PlanError, Request, Restore, Selector,
    Swept,
};

/// How long an answer may wait for what is seen after the commit, in milliseconds: as the description says.
const LONGEST_SETTLE_MS: u32 = 60_000;

/// Which tokens, and what is to become of them.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) action: Action,
    pub(super) selectors: Vec<Selector>,
    pub(super) owner: Option<String>,
    pub(super) restore: Option<Restore>,
    pub(super) ends_at: Option<Ends>,
    pub(super) expect: Option<usize>,
    pub(super) max_rows: Option<usize>,
}

impl Wanted {
    /// One token by its key.
    pub(super) fn one(action: Action, key: &str) -> Self {
        Self {
            selectors: vec![Selector::Id(key.to_owned())],
            ..Self::of(action)
        }
    }

    /// An operation that is taken back.
    pub(super) fn restore(operation: &str, force: bool) -> Self {
        let restore = Restore {
            operation: Some(operation.to_owned()),
            force,
        };
        Self {
            restore: Some(restore),
            ..Self::of(Action::Restore)
        }
    }

    fn of(action: Action) -> Self {
        Self {
            action,
            selectors: Vec::new(),
            owner: None,
            restore: None,
            ends_at: None,
            expect: None,
            max_rows: None,
        }
    }

    /// What a plan is asked for; beside it what goes with the change.
    ///
    /// # Errors
    ///
    /// When tokens are named in no way, or in two.
    pub(super) fn planned(request: PlanRequest) -> Result<(Self, ChangeRequest), Refused> {
        let PlanRequest {
            action,
            tokens,
            owner,
            filter: words,
            everything_of,
            swept,
            plan_file,
            pinned_digest,
            restore,
            at,
            in_ms,
            expect,
            max_rows,
            mut change,
        } = request;
        let mut ways: Vec<Vec<Selector>> = Vec::new();
        if !tokens.is_empty() {
            ways.push(tokens.into_iter().map(selector).collect());
        }
        if let Some(words) = words {
            let otherwise = if words.owner.is_some() {
                Kinds::All
            } else {
                Kinds::Default
            };
            ways.push(vec![Selector::Filtered(filter(words, otherwise)?)]);
        }
        ways.extend(everything_of.map(|owner| vec![Selector::Owner(owner)]));
        ways.extend(swept.map(|swept| vec![Selector::Swept(chosen(swept))]));
        let mut action = action;
        let mut ends_at = ends(at, in_ms.map(Duration::from_millis))?;
        if let Some(file) = plan_file {
            let file = file.unedited().map_err(|error| {
                let name = "the body".to_owned();
                Refused::from(Error::Plan(PlanError::File { name, error }))
            })?;
            if action != file.action {
                return Err(Refused::usage("`action` is another than the plan file's"));
            }
            action = file.action;
            ends_at = file.ends_at.map(Ends::At);
            of_file(&mut change, &file);
            ways.push(vec![Selector::FromFile(FromFile::new(file, pinned_digest))]);
        }
        let restores = restore.as_ref().is_some_and(|it| it.operation.is_some());
        if restore.is_some() != (action == Action::Restore) {
            return Err(Refused::usage(
                "`restore` goes with the action `restore`, and with no other",
            ));
        }
        let selectors = only_way(ways, restores)?;
        let wanted = Self {
            action,
            selectors,
            owner,
            restore: restore.map(|RestoreWanted { operation, force }| Restore { operation, force }),
            ends_at,
            expect,
            max_rows,
        };
        Ok((wanted, change))
    }

    /// The request of an operation.
    ///
    /// # Errors
    ///
    /// When nothing says why, or a text that would be recorded holds a secret.
    pub(super) fn request(
        self,
        app: &App,
        caller: &Caller,
        (id, digest): (Uuid, String),
        change: ChangeRequest,
    ) -> Result<Request, Refused> {
        let ChangeRequest {
            reason,
            ticket,
            dry_run,
            settle_ms,
            no_app_audit,
            app_actor,
            leave_companions,
            sender,
        } = change;
        if settle_ms.is_some_and(|ms| ms > LONGEST_SETTLE_MS) {
            return Err(Refused::usage(format!(
                "`settle_ms` is more than {LONGEST_SETTLE_MS}: nobody waits for an answer so long"
            )));
        }
        let given = reason.filter(|reason| !reason.trim().is_empty());
        let reason = given.ok_or_else(|| {
            Refused::usage("nothing says why")
                .hint("send a `reason` in the body, or the header X-Breakglass-Reason")
        })?;
        self.refuse_secrets(
            app.context(),
            [Some(&reason), ticket.as_ref(), app_actor.as_ref()],
        )?;
        let most = caller.principal().max_rows.unwrap_or(usize::MAX);
        let most = most
            .min(app.limits().rows)
            .min(self.max_rows.unwrap_or(usize::MAX));
        let Sender { os_user, host } = sender;
        Ok(Request {
            id,
            parent: None,
            batch: None,
            action: self.action,
            restore: self.restore,
            ends_at: self.ends_at,
            selectors: self.selectors,
            owner: self.owner,
            expect: self.expect,
            max_rows: most,
            leave_companions,
            reason,
            ticket,
            settle: settle_ms.map(|ms| Duration::from_millis(ms.into())),
            dry_run,
            application_audit: !no_app_audit,
            app_actor,
            os_user: caller.os_user(os_user),
            host,
            caller: Some(caller.on_record(digest)),
        })
    }

    /// Refuses texts that would be sent or recorded with a secret in them.
    fn refuse_secrets(
        &self,
        context: &Context,
        texts: [Option<&String>; 3],
    ) -> Result<(), Refused> {
        let names = ["reason", "ticket", "app_actor"];
        let own = names.into_iter().zip(texts);
        let owner = ("owner", self.owner.as_ref());
        let filters = self.selectors.iter().flat_map(|selector| match selector {
            Selector::Filtered(filter) => vec![
                ("filter.owner", filter.owner.as_ref()),
                ("filter.name", filter.name.as_ref()),
            ],
            Selector::Owner(name) => vec![("everything_of", Some(name))],
            _ => Vec::new(),
        });
        for (name, text) in own.chain([owner]).chain(filters) {
            if text.is_some_and(|text| context.holds_secret(text)) {
                return Err(Refused::secret_in(name));
            }
        }
        Ok(())
    }
}

/// What a plan file says of a change holds, unless the client says otherwise.
fn of_file(change: &mut ChangeRequest, file: &PlanFile) {
    if change.reason.is_none() {
        change.reason.clone_from(&file.reason);
    }
    if change.ticket.is_none() {
        change.ticket.clone_from(&file.ticket);
    }
    change.no_app_audit |= !file.application_audit;
    if change.app_actor.is_none() && !change.no_app_audit {
        change.app_actor.clone_from(&file.app_actor);
    }
    change.leave_companions = file.leaves_companions;
}

/// The one way in which tokens are named; those of an operation that is taken back name themselves.
fn only_way(ways: Vec<Vec<Selector>>, restores: bool) -> Result<Vec<Selector>, Refused> {
    let mut ways = ways.into_iter();
    match (ways.next(), ways.next(), restores) {
        (Some(selectors), None, false) => Ok(selectors),
        (None, None, true) => Ok(Vec::new()),
        (None, _, _) => Err(Refused::usage("no token is named")),
        (Some(_), _, _) => Err(Refused::usage(
            "tokens are named in more than one way: by `tokens`, `filter`, `everything_of`, `swept`, `plan_file` or `restore.operation`",
        )),
    }
}

fn selector(named: NamedToken) -> Selector {
    match named {
        NamedToken::Id(key) => Selector::Id(key),
        NamedToken::Name(name) => Selector::Name(name),
        NamedToken::Word(word) => Selector::Word(word.expose().to_owned()),
        NamedToken::Secret(secret) => Selector::Pasted(Zeroizing::new(secret.expose().to_owned())),
    }
}

impl From<NamedToken> for Selector {
    fn from(named: NamedToken) -> Self {
        selector(named)
    }
}

fn chosen(swept: SweptTokens) -> Swept {
    let SweptTokens { candidates, chosen } = swept;
    Swept {
        candidates,
        chosen: chosen.into_iter().map(parts).collect(),
    }
}

/// What a candidate leads to.
pub(super) fn parts(candidate: Candidate) -> SecretParts {
    let Candidate { key, digest } = candidate;
    SecretParts { key, digest }
}

/// An end in the future.
pub(super) fn ends(
    at: Option<DateTime<Utc>>,
    ahead: Option<Duration>,
) -> Result<Option<Ends>, Refused> {
    match (at, ahead) {
        (None, None) => Ok(None),
        (Some(time), None) => Ok(Some(Ends::At(time))),
        (None, Some(length)) => Ok(Some(Ends::In(length))),
        (Some(_), Some(_)) => Err(Refused::usage(
            "an end is given twice, as a time and as a distance",
        )),
    }
}

/// The filter that words mean; `otherwise` are the kinds where none is named.
pub(super) fn filter(words: FilterWords, otherwise: Kinds) -> Result<Filter, Refused> {
    let FilterWords {
        include_expired,
        kind,
        owner,
        name,
        unused_for,
        expires_within,
        expires_after,
        created_before,
        created_after,
    } = words;
    let kinds = kind.map(|kinds| kinds.split(',').map(str::to_owned).collect::<Vec<_>>());
    Ok(Filter {
        include_expired,
        kinds: Kinds::of(&kinds.unwrap_or_default(), otherwise),
        owner,
        name,
        unused_for: length("unused_for", unused_for)?,
        expires_within: length("expires_within", expires_within)?,
        expires_after: moment("expires_after", expires_after)?,
        created_before: moment("created_before", created_before)?,
        created_after: moment("created_after", created_after)?,
    })
}

fn length(name: &str, text: Option<String>) -> Result<Option<Duration>, Refused> {
    let read = text
        .map(|text| humantime::parse_duration(&text))
        .transpose();
    read.map_err(|error| Refused::usage(format!("`{name}`: {error}; give a duration such as 90d")))
}

fn moment(name: &str, text: Option<String>) -> Result<Option<Moment>, Refused> {
    let Some(text) = text else {
        return Ok(None);
    };
    if let Ok(time) = DateTime::parse_from_rfc3339(&text) {
        return Ok(Some(Moment::At(time.to_utc())));
    }
    let away = humantime::parse_duration(&text);
    away.map(|length| Some(Moment::Away(length)))
        .map_err(|_neither| {
            Refused::usage(format!(
                "`{name}` is neither a time such as 2026-08-01T00:00:00Z nor a duration such as 90d"
            ))
        })
}

impl Caller {
    /// The user that calls: where the kernel tells, the one that it tells, and what else the client says.
    fn os_user(&self, said: Option<String>) -> Option<String> {
        let Some(uid) = self.uid() else {
            return said;
        };
        let name = account::name(uid);
        Some(match said {
            Some(said) if said != name => format!("{name}, says {said}"),
            _ => name,
        })
    }
}

/// What a request is told from others by: a retry must ask for the same.
pub(super) fn digest(method: &str, path: &str, body: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    model::hex(&hash.finalize())
}
