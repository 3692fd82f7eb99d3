//! Requests that each need a second session while they hold one never wait for each other for ever.

use std::time::{Duration, Instant};

use breakglass::db::Limits;
use breakglass::model::Verdict;
use breakglass::ops::{Context, Error, Recording, Request};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::pool::{installed, pooled, server};
use crate::support::library;

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Done,
    NoSuchToken,
    NotAsExpected,
    Locked { holders: usize },
    Otherwise(String),
}

async fn carry_out(context: Context, request: Request) -> Came {
    let refused = match request.plan(&context).await {
        Ok(planned) => match planned.carry_out().await {
            Ok(receipt) if receipt.verdict == Some(Verdict::Dead) => return Came::Done,
            Ok(receipt) => return Came::Otherwise(format!("{receipt:?}")),
            Err(refused) => refused,
        },
        Err(refused) => refused,
    };
    if refused.recording != Recording::Recorded {
        return Came::Otherwise(format!("{refused:?}"));
    }
    match refused.error {
        Error::NoSuchToken(_) => Came::NoSuchToken,
        Error::Expected { .. } => Came::NotAsExpected,
        Error::Locked(locked) => Came::Locked {
            holders: locked.blockers.len(),
        },
        other => Came::Otherwise(other.to_string()),
    }
}

/// Thirty-two requests on two connections: half of them are refused, which is recorded on a second
/// session; some wait for locks, which a second session watches; all are read back on a second one,
/// over a window.
#[test]
fn a_pool_of_two_serves_thirty_two_at_once() {
    let database = installed();
    database.add_tokens(16);
    let limits = Limits {
        lock: Duration::from_secs(1),
        ..Limits::default()
    };
    let conninfo = format!("{} connect_timeout=120", database.conninfo("postgres"));
    let context = library::database(&conninfo, limits).pooled(2);
    let context = library::context(context.expect("it is large enough"));
    let blocker = database.session();
    blocker.execute(
        "begin; select from api_keys where id in ('b000000001', 'b000000002', 'b000000003') for update",
    );
    let window = Duration::from_secs(5);
    let server = server();
    let begun = Instant::now();
    let came: Vec<Came> = server.block_on(async {
        let requests = (0..32).map(|number: u32| {
            let key = format!("b{:09}", number / 2 + 1);
            let request = Request {
                settle: Some(window),
                ..match number % 4 {
                    1 => library::expire("nobody00"),
                    3 => Request {
                        expect: Some(7),
                        ..library::expire(&key)
                    },
                    _ => library::expire(&key),
                }
            };
            tokio::spawn(carry_out(context.clone(), request))
        });
        let requests: Vec<JoinHandle<Came>> = requests.collect();
        let mut came = Vec::new();
        for request in requests {
            let request = timeout(Duration::from_mins(2), request);
            came.push(request.await.expect("it ends").expect("no panic"));
        }
        came
    });
    let took = begun.elapsed();
    blocker.execute("rollback");
    let many = |wanted: &Came| came.iter().filter(|came| *came == wanted).count();
    assert_eq!(many(&Came::Done), 13, "{came:#?}");
    let locked = came
        .iter()
        .filter(|came| matches!(came, Came::Locked { .. }));
    assert_eq!(locked.count(), 3, "{came:#?}");
    assert!(many(&Came::Locked { holders: 1 }) > 0, "{came:#?}");
    assert_eq!(many(&Came::NoSuchToken), 8, "{came:#?}");
    assert_eq!(many(&Came::NotAsExpected), 8, "{came:#?}");
    // Nobody held a session over a window.
    assert!(took < window * 13, "{took:?}");
    assert_eq!(database.operations().len(), 32);
    assert_eq!(database.bulk_alive(), 3);
    let status = context.database.pool_status().expect("it has one");
    assert!(status.open <= 2 && status.waiting == 0, "{status:?}");
}

/// What comes back to life is killed again, by requests that need two sessions themselves.
#[test]
fn a_pool_of_two_kills_again_what_comes_back() {
    let database = installed();
    database.add_tokens(4);
    let context = pooled(&database, "postgres", 2, "connect_timeout=120");
    let server = server();
    let requests: Vec<_> = (1..=4)
        .map(|number| {
            let request = Request {
                settle: Some(Duration::from_secs(2)),
                ..library::expire(&format!("b{number:09}"))
            };
            let context = context.clone();
            server.spawn(async move {
                let planned = request.plan(&context).await.expect("a plan");
                planned.carry_out().await.expect("it is done")
            })
        })
        .collect();
    // Each once, as soon as it is dead.
    database.execute("create table revived (key text)");
    while database.value("select count(*) from revived") != "4" {
        database.execute(
            "with alive as (update api_keys set expires_at = now() + interval '1 day'
                             where id like 'b00000000_' and expires_at < now()
                               and id not in (select key from revived) returning id)
             insert into revived select id from alive",
        );
    }
    for request in requests {
        let receipt = server.block_on(async { timeout(Duration::from_mins(2), request).await });
        let receipt = receipt.expect("it ends").expect("no panic");
        assert_eq!(receipt.verdict, Some(Verdict::Dead), "{receipt:#?}");
        assert_eq!(receipt.settled.reapplied.len(), 1, "{receipt:#?}");
    }
    assert_eq!(database.bulk_alive(), 0);
}
