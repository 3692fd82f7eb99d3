//! The journal of the tables against the audit log, and both against what the operators were told.

use std::collections::BTreeSet;

use breakglass::model::{Action, Outcome, Verdict};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::application::Write;
use crate::operator::{Done, Ended, must_be_recorded};
use crate::world::{Universe, World};

/// What breakglass wrote and did not record, but for the rows that a recorded delete took along.
const UNRECORDED: &str = "
select j.relation || ' ' || j.key || ' ' || j.verb from simulation.journal as j
 where j.universe = $1 and j.who <> 'coderd'
   and not exists (select from breakglass.change as c
                    where c.xid = j.xid and c.relation = j.relation and c.key = j.key)
   and not (j.verb = 'DELETE' and j.relation = 'public.oauth2_provider_app_tokens'
            and exists (select from breakglass.operation as o where o.xid = j.xid and o.action = 'delete'))";

/// What it recorded and did not write, or wrote otherwise.
const UNREAL: &str = "
select c.relation || ' ' || c.key || ': ' || c.before::text || ' -> ' || coalesce(c.after::text, 'gone')
  from breakglass.change as c
  left join simulation.journal as j on j.xid = c.xid and j.relation = c.relation and j.key = c.key
 where (c.key like $1 || '%' or j.universe = $1)
   and (j.id is null or j.who = 'coderd'
        or (c.after is null) <> (j.new is null)
        or exists (select from jsonb_each_text(c.before) as b
                    where j.old ? b.key and j.old ->> b.key is distinct from b.value)
        or exists (select from jsonb_each_text(c.after) as a
                    where j.new ? a.key and j.new ->> a.key is distinct from a.value))";

/// Which rows an operation changed, tokens and companions, by the log; its re-applies are its own.
const CHANGED: &str = "
select c.key from breakglass.change as c where c.operation_id = $1";

const OUTCOME: &str = "
select outcome, planned, changed,
       (select count(*) from breakglass.change as c
         where c.operation_id = o.id and c.relation = 'public.api_keys')::integer as rows
  from breakglass.operation as o where id = $1";

const ALIVE: &str = "
select k.id from api_keys as k where k.id like $1 || '%' and k.expires_at > now()";

/// Holds a schedule against the promises; what happened in it, or what is wrong.
pub(crate) async fn judge(
    universe: &Universe<'_>,
    done: &[Done],
    writes: &[Write],
) -> Result<Vec<&'static str>, String> {
    let client = universe.world.application().await;
    for (what, sql) in [("unrecorded", UNRECORDED), ("recorded, not so", UNREAL)] {
        let rows = client.query(sql, &[&universe.prefix]).await;
        let rows = rows.map_err(|error| format!("{what}: {error:?}"))?;
        let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if !rows.is_empty() {
            return Err(format!("{what}: {rows:?}\n{done:#?}\n{writes:#?}"));
        }
    }
    let alive = client.query(ALIVE, &[&universe.prefix]).await;
    let alive = alive.map_err(|error| format!("{error:?}"))?;
    let alive: BTreeSet<String> = alive.iter().map(|row| row.get(0)).collect();
    let mut happened: Vec<&'static str> = writes.iter().map(|write| write.what).collect();
    for each in done {
        happened.push(each.name());
        happened.extend(each.verdict());
        if matches!(each.ended, Ended::Done(_)) {
            happened.push(each.way);
        }
        if each.killed_again() {
            happened.push("killed again");
        }
        if let Some(lie) = lie(&client, each, &alive, done, writes).await {
            return Err(format!("{lie}\n{each:#?}\n{writes:#?}"));
        }
    }
    Ok(happened)
}

async fn lie(
    client: &Client,
    each: &Done,
    alive: &BTreeSet<String>,
    done: &[Done],
    writes: &[Write],
) -> Option<String> {
    let changed = keys(client, CHANGED, each.id).await;
    if let Some(stray) = changed
        .iter()
        .find(|key| !each.planned.contains(key) && !each.companions.contains(key))
    {
        return Some(format!("{stray} was changed and never planned"));
    }
    let recorded = client.query_opt(OUTCOME, &[&each.id]).await;
    let recorded = recorded.expect("it is read");
    let (outcome, counted) = match &recorded {
        Some(row) => {
            let (changed, rows): (Option<i32>, i32) = (row.get("changed"), row.get("rows"));
            (
                row.get::<_, String>("outcome"),
                changed.unwrap_or_default() == rows,
            )
        }
        None => ("nothing".to_owned(), true),
    };
    if !counted {
        return Some("the operation counts other rows than it has".to_owned());
    }
    match &each.ended {
        Ended::NotYet => Some("it never ended".to_owned()),
        Ended::Done(receipt) => {
            let told = receipt.operation.outcome;
            let expected = match told {
                Outcome::Planned => "nothing",
                other => other.as_str(),
            };
            if outcome != expected {
                return Some(format!("told {told}, recorded {outcome}"));
            }
            if told == Outcome::Planned {
                return None;
            }
            let told: BTreeSet<String> = receipt
                .changes
                .iter()
                .map(|change| change.key.clone())
                .collect();
            if told != changed {
                return Some(format!("told {told:?}, recorded {changed:?}"));
            }
            (receipt.verdict == Some(Verdict::Dead))
                .then(|| falsely_dead(each, alive, done, writes))
                .flatten()
        }
        Ended::Refused(refusal) => {
            let expected = if must_be_recorded(refusal) {
                ["refused", "failed"].as_slice()
            } else {
                ["nothing"].as_slice()
            };
            if !expected.contains(&outcome.as_str()) {
                return Some(format!("refused, and recorded as {outcome}"));
            }
            (!changed.is_empty()).then(|| format!("refused, and changed {changed:?}"))
        }
    }
}

/// A token that was called dead and lives needs somebody who wrote it back after it was looked at for
/// the last time, or a restore that did.
fn falsely_dead(
    each: &Done,
    alive: &BTreeSet<String>,
    done: &[Done],
    writes: &[Write],
) -> Option<String> {
    // The last look is later than this, since the COMMIT is.
    let looked = each.begun + each.settle;
    let stray = each.planned.iter().find(|key| {
        let written = writes
            .iter()
            .any(|write| write.key == **key && write.acknowledged > looked);
        let restored = done.iter().any(|other| {
            other.action == Action::Restore && other.planned.contains(key) && other.over > looked
        });
        alive.contains(*key) && !written && !restored
    })?;
    Some(format!(
        "{stray} was called dead, lives, and nobody wrote it back"
    ))
}

async fn keys(client: &Client, sql: &str, id: Uuid) -> BTreeSet<String> {
    let rows = client.query(sql, &[&id]).await.expect("it is read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// After everything: no write of anybody but the application outside of the universes.
pub(crate) fn unclaimed(world: &World) {
    let stray = "select count(*) from simulation.journal where universe !~ '^s[0-9]{6}$' and who <> 'coderd'";
    assert_eq!(
        world.database.value(stray),
        "0",
        "rows of nobody's plan were touched"
    );
}
