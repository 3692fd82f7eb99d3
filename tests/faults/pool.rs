//! A pool's connections: what is clean is used again, what is not never is, and what died is
//! replaced before anybody notices.

use std::time::{Duration, Instant};

use breakglass::db::{Change, Database, Identity, Interrupt, Isolation, Limits};
use breakglass::model::{Code, Fitness};
use breakglass::ops::{Class, Context, Doctor, Error, Filter, Kinds, ListTokens, Policy};
use breakglass::{adapter::SortKey, db};
use futures_util::{StreamExt as _, TryStreamExt as _};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::support::seed::{HOT, RELEASE};
use crate::support::{Standby, Template, TestDatabase, library, private_cluster};

/// Backends of ours that run something, or hold a transaction open.
const BUSY: &str = "select count(*) from pg_stat_activity
                     where datname = current_database() and pid <> pg_backend_pid()
                       and application_name <> 'breakglass tests' and state <> 'idle'";

/// Makes every change of a token take long, while its row is locked.
const SLOW: &str = "create function public.slow() returns trigger language plpgsql as
                      $$ begin perform pg_sleep(20); return new; end $$;
                    create trigger slow before update on public.api_keys
                       for each row execute function public.slow()";

/// What runs the requests of a server.
pub(super) fn server() -> Runtime {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all();
    runtime.build().expect("a runtime can be made")
}

/// A database with an audit log.
pub(super) fn installed() -> TestDatabase {
    TestDatabase::prepared("coder_installed_for_faults", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// A context whose sessions come from a pool of so many.
pub(super) fn pooled(database: &TestDatabase, role: &str, size: usize, further: &str) -> Context {
    let conninfo = format!("{} {further}", database.conninfo(role));
    let database = library::database(&conninfo, Limits::default());
    library::context(database.pooled(size).expect("it is large enough"))
}

/// The backend that answers a request.
async fn backend(context: &Context) -> i32 {
    let (_session, identity) = context.connect().await.expect("it answers");
    identity.pid
}

fn list() -> ListTokens {
    ListTokens {
        filter: Filter {
            kinds: Kinds::All,
            include_expired: true,
            ..Filter::default()
        },
        sort: SortKey::Key,
        descending: false,
        limit: None,
        after: None,
    }
}

/// Waits until nothing of ours runs any more, and not for long.
fn wait_until_idle(database: &TestDatabase) {
    let begun = Instant::now();
    while database.value(BUSY) != "0" {
        assert!(begun.elapsed() < Duration::from_secs(1), "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_pool_is_not_smaller_than_what_one_request_needs() {
    let database = library::database("host=/nowhere dbname=d user=u", Limits::default());
    let error = database.pooled(1).expect_err("it is too small");
    assert_eq!(
        error.to_string(),
        "a pool of 1 is too small: whoever changes something needs a second connection, so give 2 \
         at least"
    );
}

#[test]
fn what_is_clean_is_used_again() {
    let database = installed();
    let context = pooled(&database, "postgres", 4, "");
    server().block_on(async {
        let first = backend(&context).await;
        for _ in 0..5 {
            assert_eq!(backend(&context).await, first);
            let desk = context.open().await.expect("it fits");
            let tokens = list().run(&desk).await.expect("it lists");
            let tokens: Vec<_> = tokens.try_collect().await.expect("to the end");
            assert!(tokens.len() > 100);
        }
        // Also after the server refused something.
        let (session, _) = context.connect().await.expect("it answers");
        session.read("select 1/0", &[]).await.expect_err("no");
        drop(session);
        let status = context.database.pool_status().expect("it has one");
        assert_eq!((status.size, status.open, status.idle), (4, 1, 1));
        assert_eq!(backend(&context).await, first);
    });
}

#[test]
fn a_change_needs_two_connections_and_leaves_both_clean() {
    let database = installed();
    let context = pooled(&database, "postgres", 2, "");
    let server = server();
    server.block_on(async {
        for key in [HOT, RELEASE] {
            let planned = library::expire(key).plan(&context).await.expect("a plan");
            planned.carry_out().await.expect("it is done");
        }
        library::expire("nobody00")
            .plan(&context)
            .await
            .unwrap_err();
        let status = context.database.pool_status().expect("it has one");
        assert!(status.open <= 2 && status.open == status.idle, "{status:?}");
    });
    assert!(!database.is_alive(HOT) && !database.is_alive(RELEASE));
    assert_eq!(database.operations().len(), 3);
    assert_eq!(database.value(BUSY), "0");
}

#[test]
fn a_backend_that_is_killed_between_two_requests_is_replaced() {
    let database = installed();
    let context = pooled(&database, "postgres", 2, "");
    let server = server();
    for _ in 0..10 {
        let before = server.block_on(backend(&context));
        database.execute(&format!("select pg_terminate_backend({before})"));
        let after = server.block_on(backend(&context));
        assert_ne!(before, after);
    }
}

#[test]
fn a_change_that_nobody_waits_for_ends_with_its_locks() {
    let database = installed();
    database.execute(SLOW);
    let before = database.token_row(HOT);
    let context = pooled(&database, "postgres", 2, "");
    let server = server();
    let backend_before = server.block_on(async {
        let mut planned = library::expire(HOT).plan(&context).await.expect("a plan");
        let pid = planned.identity().pid;
        let changing = planned.attempt();
        timeout(Duration::from_millis(500), changing)
            .await
            .unwrap_err();
        pid
    });
    wait_until_idle(&database);
    database.execute(&format!(
        "begin; select from api_keys where id = '{HOT}' for update nowait; rollback"
    ));
    assert_ne!(server.block_on(backend(&context)), backend_before);
    assert_eq!(database.token_row(HOT), before);
    assert!(database.operations().is_empty());
}

#[test]
fn a_transaction_that_was_left_open_goes_with_its_connection() {
    let database = installed();
    let context = pooled(&database, "postgres", 2, "");
    let server = server();
    let statement =
        format!("update public.api_keys set token_name = 'x' where id = '{HOT}' returning id");
    let backend_before = server.block_on(async {
        let (session, identity) = context.connect().await.expect("it answers");
        let change = Change::apply(&session, &identity, Isolation::Latest, &statement, &[]);
        drop(change.await.expect("it is changed"));
        identity.pid
    });
    wait_until_idle(&database);
    database.execute(&format!(
        "begin; select from api_keys where id = '{HOT}' for update nowait; rollback"
    ));
    assert_ne!(server.block_on(backend(&context)), backend_before);
    assert_ne!(
        database.value(&format!(
            "select token_name from api_keys where id = '{HOT}'"
        )),
        "x"
    );
}

#[test]
fn a_list_that_is_cut_early_is_ended_on_the_server() {
    let database = installed();
    database.add_tokens(50_000);
    let context = pooled(&database, "postgres", 2, "");
    let server = server();
    let backend_before = server.block_on(async {
        let desk = context.open().await.expect("it fits");
        let mut tokens = Box::pin(list().run(&desk).await.expect("it lists"));
        tokens
            .next()
            .await
            .expect("there are some")
            .expect("it reads");
        desk.identity.pid
    });
    wait_until_idle(&database);
    assert_ne!(server.block_on(backend(&context)), backend_before);
}

#[test]
fn a_server_that_was_restarted_needs_no_new_pool() {
    let mut cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    let context = pooled(&database, "postgres", 8, "");
    let server = server();
    let all = |context: Context| async move {
        let requests = (0..24).map(|_| {
            let context = context.clone();
            tokio::spawn(async move { context.open().await.map(drop) })
        });
        for request in requests.collect::<Vec<_>>() {
            request.await.expect("no panic").expect("it answers");
        }
    };
    server.block_on(all(context.clone()));
    let before = context.database.pool_status().expect("it has one");
    assert!(before.open > 1, "{before:?}");
    cluster.kill().expect("it can be killed");
    let refused = server
        .block_on(context.open())
        .expect_err("nobody is there");
    assert_eq!(refused.class(), Class::NoConnection, "{refused}");
    cluster.restart().expect("it starts again");
    server.block_on(all(context.clone()));
}

/// Processes that stand still until this is dropped.
struct Stopped<'a>(&'a [i32]);

impl<'a> Stopped<'a> {
    fn new(pids: &'a [i32]) -> Self {
        let stopped = Self(pids);
        stopped.signal(Signal::STOP);
        stopped
    }

    fn signal(&self, signal: Signal) {
        for pid in self.0 {
            let pid = Pid::from_raw(*pid).expect("it is one");
            kill_process(pid, signal).expect("it is ours");
        }
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
    }
}

/// A backend that is stopped answers nothing, as one behind a wire that leads nowhere any more.
#[test]
fn silent_connections_cost_one_look_and_no_request() {
    let database = installed();
    let context = pooled(&database, "postgres", 4, "");
    let server = server();
    let pids: Vec<i32> = server.block_on(async {
        let (one, two) = tokio::join!(context.connect(), context.connect());
        let pids = [one, two].map(|opened| opened.expect("it answers").1.pid);
        sleep(Duration::from_millis(2_100)).await;
        pids.into()
    });
    let stopped = Stopped::new(&pids);
    let begun = Instant::now();
    let answered =
        server.block_on(async { timeout(Duration::from_secs(5), backend(&context)).await });
    let took = begun.elapsed();
    drop(stopped);
    assert!(!pids.contains(&answered.expect("in time")));
    assert!(took < Duration::from_millis(1_900), "{took:?}");
}

#[test]
fn who_waits_too_long_for_a_connection_is_told() {
    let database = installed();
    let context = pooled(&database, "postgres", 2, "connect_timeout=2");
    server().block_on(async {
        let _held = context.open().await.expect("it fits");
        let waiting = tokio::spawn({
            let context = context.clone();
            async move { context.open().await.expect_err("there is none") }
        });
        sleep(Duration::from_millis(500)).await;
        assert_eq!(
            context.database.pool_status().expect("it has one").waiting,
            1
        );
        let error = waiting.await.expect("no panic");
        assert_eq!(
            error.to_string(),
            "no session came free within 2 s: all 2 of the pool are in use"
        );
        assert_eq!(
            (error.class(), error.code()),
            (Class::NoConnection, "no_session")
        );
        assert!(error.hint().expect("it has one").contains("--pool-size"));
        assert_eq!(
            context.database.pool_status().expect("it has one").waiting,
            0
        );
        // Whoever holds one gets another.
        let second = context
            .database
            .another_session()
            .await
            .expect("there is one");
        Identity::read(&second).await.expect("it answers");
    });
}

/// The same context for one request.
fn with(context: &Context, interrupt: &Interrupt) -> Context {
    Context {
        database: context.database.with_interrupt(interrupt.clone()),
        ..context.clone()
    }
}

#[test]
fn a_connection_obeys_whoever_holds_it() {
    let database = installed();
    let context = pooled(&database, "postgres", 4, "");
    server().block_on(async {
        let [first, second] = [Interrupt::default(), Interrupt::default()];
        let pid = backend(&with(&context, &first)).await;
        first.raise();
        // Opened for the first, and the second's now.
        let (session, identity) = with(&context, &second).connect().await.expect("it answers");
        assert_eq!(identity.pid, pid);
        let sleeping = session.read("select pg_sleep(1)", &[]);
        let interrupted = async {
            let error = with(&context, &first)
                .connect()
                .await
                .expect_err("it is over");
            assert_eq!(error.class(), Class::Interrupted);
        };
        let (slept, ()) = tokio::join!(sleeping, interrupted);
        slept.expect("nobody interrupted this one");
        let sleeping = session.read("select pg_sleep(20)", &[]);
        let raise = async {
            sleep(Duration::from_millis(300)).await;
            second.raise();
        };
        let (slept, ()) = tokio::join!(sleeping, raise);
        assert!(matches!(
            slept,
            Err(db::Error::Cancelled { confirmed: true })
        ));
        drop(session);
        // A cancel may still be on its way to it.
        assert_ne!(backend(&context).await, pid);
    });
}

#[test]
fn who_waits_for_a_connection_can_be_interrupted() {
    let database = installed();
    let context = pooled(&database, "postgres", 2, "");
    server().block_on(async {
        let _held = context.open().await.expect("it fits");
        let interrupt = Interrupt::default();
        let waiting = with(&context, &interrupt);
        let raise = async {
            sleep(Duration::from_millis(200)).await;
            interrupt.raise();
        };
        let (error, ()) = tokio::join!(waiting.open(), raise);
        assert_eq!(error.expect_err("it is over").class(), Class::Interrupted);
    });
}

#[test]
fn a_pool_is_held_against_the_pin() {
    let database = installed();
    let pin = |identifier: &str| {
        let conninfo = database.conninfo("postgres");
        let pinned = library::database(&conninfo, Limits::default());
        let pinned: Database = pinned.pinned_to(Some(identifier.to_owned()));
        Context {
            policy: Policy {
                target: Some("prod".to_owned()),
                system_identifier: Some(identifier.to_owned()),
                ..Policy::default()
            },
            ..library::context(pinned.pooled(2).expect("it is large enough"))
        }
    };
    let ours = database.value("select system_identifier from pg_control_system()");
    let (right, wrong) = (pin(&ours), pin("7000000000000000001"));
    server().block_on(async {
        let first = backend(&right).await;
        assert_eq!(backend(&right).await, first);
        for _ in 0..3 {
            let error = wrong.open().await.expect_err("it is another");
            assert!(
                matches!(&error, Error::Database(db::Error::OtherCluster { found, .. }) if *found == ours),
                "{error}"
            );
            // Whoever is asked what is wrong says it.
            let diagnosis = Doctor::default().run(&wrong).await.expect("it looks");
            assert_eq!(diagnosis.verdict, Fitness::Unfit);
            let codes = diagnosis.findings.iter().map(|finding| finding.code);
            assert!(codes.into_iter().any(|code| code == Code::OtherCluster));
        }
    });
}

/// The connections to the old place live on, and are not believed.
#[test]
fn a_database_that_moved_is_followed() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    let standby = Standby::of(&cluster);
    let name = tempfile::TempDir::with_prefix("breakglass-name-").expect("it is made");
    let lead_to = |directory: &std::path::Path| {
        let link = name.path().join(".s.PGSQL.5432");
        drop(std::fs::remove_file(&link));
        std::os::unix::fs::symlink(directory.join(".s.PGSQL.5432"), link).expect("it is made");
    };
    let place = database.socket_directory().display().to_string();
    let conninfo = database.conninfo("postgres");
    let conninfo = conninfo.replace(&place, &name.path().display().to_string());
    let context = library::database(&conninfo, Limits::default());
    let context = library::context(context.pooled(4).expect("it is large enough"));
    lead_to(standby.cluster().socket_directory());
    let server = server();
    let is_standby = || server.block_on(async { context.connect().await.unwrap().1.in_recovery });
    assert!(is_standby());
    lead_to(database.socket_directory());
    assert!(!is_standby());
    assert!(!is_standby());
}
