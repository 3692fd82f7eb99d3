//! From the requests of the operations to what goes over the wire.

use std::time::Duration;

use chrono::SecondsFormat;

use crate::adapter::SecretParts;
use crate::model::wire::{
    Candidate, ChangeRequest, FilterWords, NamedToken, PlanRequest, RestoreWanted, Secret, Sender,
    SweptTokens, TokenQuery,
};
use crate::ops::{Ends, Filter, Kinds, ListTokens, Moment, Request, Restore, Selector, Swept};

/// Tokens on a page at most.
const PAGE: u32 = 5_000;

/// Which tokens, in which order.
pub(super) fn query(request: &ListTokens) -> TokenQuery {
    let ListTokens {
        filter,
        sort,
        descending,
        limit,
        after: _,
    } = request;
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
    } = words(filter);
    // One more than wanted, so that a cut can be told.
    let page = limit.map_or(PAGE, |limit| limit.saturating_add(1).min(PAGE));
    TokenQuery {
        include_expired,
        kind,
        owner,
        name,
        unused_for,
        expires_within,
        expires_after,
        created_before,
        created_after,
        sort: Some(sort.as_str().to_owned()),
        descending: *descending,
        limit: Some(page),
        after: None,
    }
}

/// A filter in words.
fn words(filter: &Filter) -> FilterWords {
    let Filter {
        include_expired,
        kinds,
        owner,
        name,
        unused_for,
        expires_within,
        expires_after,
        created_before,
        created_after,
    } = filter;
    let length = |length: Duration| humantime::format_duration(length).to_string();
    let moment = |moment: Moment| match moment {
        Moment::At(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        Moment::Away(distance) => length(distance),
    };
    FilterWords {
        include_expired: *include_expired,
        kind: match kinds {
            Kinds::Default => None,
            Kinds::All => Some("all".to_owned()),
            Kinds::Named(kinds) => Some(kinds.join(",")),
        },
        owner: owner.clone(),
        name: name.clone(),
        unused_for: unused_for.map(length),
        expires_within: expires_within.map(length),
        expires_after: expires_after.map(moment),
        created_before: created_before.map(moment),
        created_after: created_after.map(moment),
    }
}

/// One token, as it was named; `None` for what names many.
pub(super) fn named(selector: &Selector) -> Option<NamedToken> {
    match selector {
        Selector::Id(key) => Some(NamedToken::Id(key.clone())),
        Selector::Name(name) => Some(NamedToken::Name(name.clone())),
        Selector::Word(word) => Some(NamedToken::Word(Secret::new(word))),
        Selector::Pasted(secret) => Some(NamedToken::Secret(Secret::new(secret))),
        Selector::Swept(_) | Selector::FromFile(_) | Selector::Filtered(_) | Selector::Owner(_) => {
            None
        }
    }
}

/// What a secret leads to.
pub(super) fn candidate(parts: SecretParts) -> Candidate {
    let SecretParts { key, digest } = parts;
    Candidate { key, digest }
}

fn swept(swept: &Swept) -> SweptTokens {
    let Swept { candidates, chosen } = swept;
    SweptTokens {
        candidates: *candidates,
        chosen: chosen.iter().cloned().map(candidate).collect(),
    }
}

/// A change that is to be planned.
pub(super) fn plan_request(request: Request) -> PlanRequest {
    let Request {
        id: _,
        parent: _,
        batch: _,
        action,
        restore,
        ends_at,
        selectors,
        owner,
        expect,
        max_rows,
        leave_companions,
        reason,
        ticket,
        settle,
        dry_run,
        application_audit,
        app_actor,
        os_user,
        host,
        // The server knows who calls.
        caller: _,
    } = request;
    let ms = |length: Duration| u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
    let (at, in_ms) = match ends_at {
        None => (None, None),
        Some(Ends::At(time)) => (Some(time), None),
        Some(Ends::In(length)) => (
            None,
            Some(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)),
        ),
    };
    let wanted = PlanRequest {
        action,
        tokens: Vec::new(),
        owner,
        filter: None,
        everything_of: None,
        swept: None,
        plan_file: None,
        pinned_digest: None,
        restore: restore.map(|Restore { operation, force }| RestoreWanted { operation, force }),
        at,
        in_ms,
        expect,
        max_rows: Some(max_rows),
        change: ChangeRequest {
            reason: Some(reason),
            ticket,
            dry_run,
            settle_ms: settle.map(ms),
            no_app_audit: !application_audit,
            app_actor,
            leave_companions,
            sender: Sender { os_user, host },
        },
    };
    with_selectors(wanted, selectors)
}

/// Says which tokens, in the one way in which they were named.
fn with_selectors(wanted: PlanRequest, selectors: Vec<Selector>) -> PlanRequest {
    match <[Selector; 1]>::try_from(selectors) {
        Ok([Selector::Filtered(filter)]) => PlanRequest {
            filter: Some(words(&filter)),
            ..wanted
        },
        Ok([Selector::Owner(owner)]) => PlanRequest {
            everything_of: Some(owner),
            ..wanted
        },
        Ok([Selector::Swept(chosen)]) => PlanRequest {
            swept: Some(swept(&chosen)),
            ..wanted
        },
        Ok([Selector::FromFile(file)]) => {
            let (plan, pinned) = file.into_parts();
            PlanRequest {
                plan_file: Some(plan),
                pinned_digest: pinned,
                // They are the file's.
                at: None,
                in_ms: None,
                ..wanted
            }
        }
        Ok([selector]) => PlanRequest {
            tokens: named(&selector).into_iter().collect(),
            ..wanted
        },
        Err(selectors) => PlanRequest {
            tokens: selectors.iter().filter_map(named).collect(),
            ..wanted
        },
    }
}
