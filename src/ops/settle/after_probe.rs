//! Looking once more when the application was asked, and did not refuse: the window was over long
//! before that, and what it is asked about may have been written back meanwhile.

use uuid::Uuid;

use super::look::{Look, Looking};
use crate::model::{ProbeReport, Settled, TokenVerdict, Verdict};
use crate::ops::observe::observe;
use crate::ops::planned::Planned;
use crate::ops::restore::restored_since;

/// Looks at the rows on a fresh connection, and puts it on record. Nothing is killed again: whoever
/// reads of it decides with what is told of the application.
pub(in crate::ops) async fn look_after_probe(
    planned: &Planned,
    operation: Uuid,
    seen: (Verdict, Settled),
    report: &mut ProbeReport,
) -> (Verdict, Settled) {
    let (before, mut settled) = seen;
    let looked = Looking::new(&planned.desk, &planned.plan).look(true).await;
    let mut found = match looked {
        Ok(look) => {
            settled.watched_until = Some(look.at);
            let back = restored_since(&planned.desk, operation, &look.alive).await;
            let whose = back.unwrap_or_default().into_values().next();
            match whose {
                Some(whose) => every(planned, Verdict::Restored, &whose),
                None => judge(planned, &look),
            }
        }
        Err(error) => {
            let why = format!("could not be read after the application was asked: {error}");
            every(planned, Verdict::Unknown, &why)
        }
    };
    // The verdict is told in any case; without its record it is one that nobody can look up.
    if let Err(unrecorded) = observe(&planned.desk, operation, found.iter()).await {
        for seen in found.iter_mut().filter(|it| it.verdict == Verdict::Dead) {
            seen.verdict = Verdict::Unknown;
            seen.detail = format!("{}, which could not be recorded: {unrecorded}", seen.detail);
        }
    }
    found.retain(|seen| seen.verdict != Verdict::Dead);
    let Some(worst) = found.first().map(|seen| seen.verdict) else {
        return (before, settled);
    };
    if matches!(worst, Verdict::Resurrected | Verdict::Restored) {
        // The row is what the application takes, and nothing else needs to be in the way.
        report.in_the_way.clear();
    }
    if before == Verdict::Resurrected {
        return (before, settled);
    }
    let keys: Vec<&str> = found.iter().map(|seen| seen.key.as_str()).collect();
    settled.advice = match worst {
        Verdict::Resurrected => Some(planned.adviser().when_late(&keys)),
        _ => planned.adviser().advice(operation, worst, &found),
    };
    settled.unsettled = found;
    (worst, settled)
}

/// What a look says of the one token that is asked about, and what dies with it.
fn judge(planned: &Planned, look: &Look) -> Vec<TokenVerdict> {
    const WHEN: &str = "after the application was asked";
    if let Some(alive) = look.alive.first() {
        let detail = format!("{} {WHEN}", alive.detail);
        return every(planned, Verdict::Resurrected, &detail);
    }
    if !look.missing.is_empty() {
        let detail = format!("the row is not there any more {WHEN}");
        return every(planned, Verdict::Unknown, &detail);
    }
    let state = look.dead.first().map(|(_, state)| state.to_string());
    let state = state.unwrap_or_else(|| "dead".to_owned());
    every(planned, Verdict::Dead, &format!("{state} {WHEN}"))
}

fn every(planned: &Planned, verdict: Verdict, detail: &str) -> Vec<TokenVerdict> {
    let tokens = planned.plan.tokens.iter();
    tokens
        .map(|planned| TokenVerdict {
            key: planned.token.key.clone(),
            verdict,
            detail: detail.to_owned(),
        })
        .collect()
}
