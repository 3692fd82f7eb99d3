//! What stands between this machine and the server.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::server::Server;
use crate::db::conninfo::SslMode;
use crate::db::{Database, Identity, Session};
use crate::model::{Code, Finding};

/// Clocks that differ by more are worth a word.
const SKEW: TimeDelta = TimeDelta::seconds(2);
/// By more than this, one of them is not to be believed at all.
const FAR: TimeDelta = TimeDelta::seconds(60);

/// TLS, where the wire leaves this machine.
pub(super) fn tls(session: &Session, database: &Database) -> Option<Finding> {
    let endpoint = session.endpoint()?;
    let is_remote = endpoint
        .address()
        .is_some_and(|address| !address.to_canonical().is_loopback());
    if !is_remote {
        return None;
    }
    let host = endpoint.to_string();
    judge_tls(&host, session.is_encrypted(), database.ssl_mode())
}

fn judge_tls(host: &str, encrypted: bool, mode: SslMode) -> Option<Finding> {
    if !encrypted {
        return Some(
            Finding::warns(Code::TlsOff, host)
                .what("the connection is not encrypted")
                .why("whoever is on the way reads the rows and can change what is sent: the token that is shown need not be the one that dies")
                .remedy("`sslmode=verify-full sslrootcert=…` in the connection string"),
        );
    }
    (mode != SslMode::VerifyFull).then(|| {
        Finding::warns(Code::TlsUnverified, host)
            .what("the connection is encrypted, but not checked to be with this host (sslmode is below verify-full)")
            .why("whoever redirects the name or the route can answer for the server, and a kill would happen nowhere")
            .remedy("`sslmode=verify-full sslrootcert=…` (`sslrootcert=system` for a public authority)")
    })
}

/// A pooler or proxy, and how sure that is.
pub(super) fn pooler(
    session: &Session,
    identity: &Identity,
    server: Option<&Server>,
    login_pid: Option<i32>,
) -> Option<Finding> {
    let pids = [Some(identity.pid), server.map(|server| server.pid)];
    let endpoint = session.endpoint();
    let asked = endpoint
        .filter(|endpoint| endpoint.address().is_some())
        .map(|endpoint| i32::from(endpoint.server().port));
    let port = server.and_then(|server| server.port);
    judge_pooler(&pids, login_pid, asked, port)
}

fn judge_pooler(
    pids: &[Option<i32>; 2],
    login_pid: Option<i32>,
    asked: Option<i32>,
    port: Option<i32>,
) -> Option<Finding> {
    let finding = |what: String| {
        Some(
            Finding::notes(Code::Pooler, "the connection")
                .what(what)
                .why("breakglass works behind a transaction pooler; but who holds a lock, and what Ctrl-C reaches, are told through it")
                .remedy("connect to the server itself where you can: the pooler's configuration names it"),
        )
    };
    match (pids, login_pid) {
        ([Some(first), Some(second)], _) if first != second => finding(
            "two transactions were on two backends: a pooler in transaction or statement mode, for sure".to_owned(),
        ),
        ([Some(first), _], Some(login)) if *first != login => finding(format!(
            "the login named process {login}, and {first} answers: a pooler (PgBouncer) for sure, its mode is not known; transaction mode is fine"
        )),
        _ => match (asked, port) {
            (Some(asked), Some(port)) if asked != port => finding(format!(
                "port {asked} was connected to, and the server listens on {port}: a pooler, proxy or port mapping, perhaps"
            )),
            _ => None,
        },
    }
}

/// When this machine's clock was read, before a question and after its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    pub(super) before: DateTime<Utc>,
    pub(super) took: Duration,
}

/// The difference of the clocks, as far as one round trip can tell it.
pub(super) fn clock(trip: RoundTrip, database: DateTime<Utc>) -> Option<Finding> {
    let took = TimeDelta::from_std(trip.took).ok()?;
    let after = trip.before + took;
    // Within the round trip nobody can tell.
    let (difference, ahead) = if database > after {
        (database - after, true)
    } else if database < trip.before {
        (trip.before - database, false)
    } else {
        return None;
    };
    if difference <= SKEW {
        return None;
    }
    let which = if ahead { "ahead of" } else { "behind" };
    let why = if ahead {
        "an expiry is written by the database's clock: to an application with the right time the token lives on for as long"
    } else {
        "an expiry is written by the database's clock: it ends the token now, but the record has the wrong time"
    };
    let found = if difference > FAR {
        Finding::blocks(Code::ClockSkew, "the clocks")
    } else {
        Finding::warns(Code::ClockSkew, "the clocks")
    };
    Some(
        found
            .what(format!(
                "the database's clock is {} s {which} this machine's",
                (difference.num_milliseconds() + 500) / 1000
            ))
            .why(why)
            .remedy("see which one is wrong (`timedatectl`, `select clock_timestamp()`); where the database is ahead, delete instead of expiring"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};

    use super::{RoundTrip, clock, judge_pooler, judge_tls};
    use crate::db::conninfo::SslMode;
    use crate::model::{Code, Severity};

    #[test]
    fn clocks_are_compared_beyond_what_the_round_trip_hides() {
        let before: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let skew = |seconds: i64, took: u64| {
            let trip = RoundTrip {
                before,
                took: Duration::from_secs(took),
            };
            clock(trip, before + TimeDelta::seconds(seconds)).map(|found| found.severity)
        };
        assert_eq!(skew(0, 0), None);
        assert_eq!(skew(2, 0), None);
        assert_eq!(skew(3, 0), Some(Severity::Warns));
        assert_eq!(skew(-3, 0), Some(Severity::Warns));
        assert_eq!(skew(61, 0), Some(Severity::Blocks));
        assert_eq!(skew(-61, 0), Some(Severity::Blocks));
        assert_eq!(skew(10, 10), None, "a slow answer is no skew");
        assert_eq!(skew(13, 10), Some(Severity::Warns));
    }

    #[test]
    fn encryption_counts_only_with_a_checked_name() {
        let code = |encrypted, mode| judge_tls("h", encrypted, mode).map(|found| found.code);
        assert_eq!(code(false, SslMode::Prefer), Some(Code::TlsOff));
        for weak in [SslMode::Prefer, SslMode::Require, SslMode::VerifyCa] {
            assert_eq!(code(true, weak), Some(Code::TlsUnverified));
        }
        assert_eq!(code(true, SslMode::VerifyFull), None);
    }

    #[test]
    fn a_pooler_is_told_with_how_sure_it_is() {
        let what = |pids, login, asked, port| {
            judge_pooler(&pids, login, asked, port).map(|found| found.what)
        };
        let sure = |told: Option<String>| told.is_some_and(|what| what.contains("for sure"));
        assert!(sure(what([Some(1), Some(2)], Some(1), None, None)));
        assert!(sure(what([Some(1), Some(1)], Some(9), None, None)));
        assert_eq!(
            what([Some(1), Some(1)], Some(1), Some(5432), Some(5432)),
            None
        );
        assert_eq!(what([Some(1), None], None, None, Some(5432)), None);
        let perhaps = what([Some(1), Some(1)], Some(1), Some(6432), Some(5432));
        assert!(perhaps.is_some_and(|what| what.ends_with("perhaps")));
    }
}
