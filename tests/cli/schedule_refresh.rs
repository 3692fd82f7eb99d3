//! coderd's own refresh against an end in the future: with `lifetime_seconds` lowered no use of the
//! key ever extends it, and without it does, so the test can fail.

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::remove::{coder, remove};
use crate::support::TestDatabase;

/// An hour in the microseconds that coderd's times have.
const HOUR: i64 = 3_600_000_000;

/// A key as coderd reads it. Times are microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    last_used: i64,
    expires_at: i64,
    lifetime_seconds: i64,
}

impl Key {
    /// One request at `now`: whether it is let in, and what it writes back. The conditions are those
    /// of `ValidateAPIKey`: expired if strictly before now; a use is written once an hour, with the
    /// end that was read; the end is pushed ahead when it is at most the lifetime less an hour away.
    fn used(self, now: i64) -> Option<Self> {
        if self.expires_at < now {
            return None;
        }
        let mut key = self;
        if now - key.last_used > HOUR {
            key.last_used = now;
        }
        let lifetime = key.lifetime_seconds * 1_000_000;
        if key.expires_at - now <= lifetime - HOUR {
            key.expires_at = now + lifetime;
        }
        Some(key)
    }

    /// What `--at` makes of it.
    fn ending(self, end: i64, at_most: i64) -> Self {
        Self {
            expires_at: self.expires_at.min(end),
            lifetime_seconds: self.lifetime_seconds.min(at_most),
            ..self
        }
    }
}

/// Requests at these distances from one another: some at once, some an hour and more apart.
fn steps() -> impl proptest::strategy::Strategy<Value = Vec<i64>> {
    let step = proptest::prop_oneof![
        0..5_000_000_i64,
        0..3 * HOUR,
        proptest::prelude::Just(HOUR),
        0..100 * HOUR,
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_use_extends_an_end_that_was_set(
        idle in 0..30 * HOUR,
        left in 0..1000 * HOUR,
        lifetime_seconds in proptest::prop_oneof![0..7_200_i64, 0..40_000_000_i64, proptest::prelude::Just(3_600)],
        away in 1..500 * HOUR,
        steps in steps(),
    ) {
        let key = Key { last_used: -idle, expires_at: left, lifetime_seconds };
        let mut set = key.ending(away, 3_599);
        let end = set.expires_at;
        let mut now = 0;
        for step in steps {
            now += step;
            match set.used(now) {
                Some(used) => {
                    prop_assert_eq!(used.expires_at, end);
                    prop_assert!(now <= end);
                    set = used;
                }
                None => prop_assert!(now > end),
            }
        }
        // In the very microsecond of the end it is let in, and not extended.
        let last = set.used(end);
        prop_assert_eq!(last.map(|key| key.expires_at), Some(end));
    }
}

/// The same with a lifetime left as it was, and with one second more than is set: both extend.
#[test]
fn with_more_than_that_a_use_does_extend_it() {
    let session = Key {
        last_used: 0,
        expires_at: 23 * HOUR,
        lifetime_seconds: 86_400,
    };
    let end = 2 * HOUR;
    let left_alone = session.ending(end, i64::MAX);
    assert_eq!(left_alone.used(HOUR).unwrap().expires_at, 25 * HOUR);
    // Facts of an hour: exactly 3600 is extended in the microsecond of the end, and in no other.
    let hour = session.ending(end, 3_600);
    assert_eq!(hour.used(end - 1).unwrap().expires_at, end);
    assert_eq!(hour.used(end).unwrap().expires_at, end + HOUR);
    let set = session.ending(end, 3_599);
    assert_eq!(set.used(end).unwrap().expires_at, end);
}

/// `UpdateAPIKeyByID` under these conditions, for every key at once, at a time `$now` on: the same
/// in the database, against rows that breakglass has written.
fn replay(database: &TestDatabase, after: &str) -> String {
    database.value(&format!(
        "with read as ( \
           select id, last_used, expires_at, lifetime_seconds, now() + {after} as now from api_keys \
         ), decided as ( \
           select id, case when now - last_used > interval '1 hour' then now else last_used end as last_used, \
                  case when expires_at - now <= make_interval(secs => lifetime_seconds) - interval '1 hour' \
                       then now + make_interval(secs => lifetime_seconds) else expires_at end as expires_at \
             from read where not expires_at < now \
         ), written as ( \
           update api_keys as k set last_used = d.last_used, expires_at = d.expires_at, ip_address = '10.1.2.3' \
             from decided as d join read as r on r.id = d.id \
            where k.id = d.id and (d.last_used, d.expires_at) is distinct from (r.last_used, r.expires_at) \
           returning k.id) \
         select count(*) from written"
    ))
}

/// Three thousand random keys of all kinds of lifetimes, ended by breakglass, used at random until
/// past their end.
#[test]
fn random_keys_in_the_database_end_when_they_were_to() {
    let database = coder();
    database.execute(
        "insert into api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, updated_at, \
                               login_type, lifetime_seconds, token_name, scopes, allow_list) \
         select 'Rnd' || lpad(n::text, 7, '0'), sha256(convert_to(n::text, 'UTF8')), \
                (select id from users where username = 'mira'), now() - random() * interval '30 hours', \
                now() + interval '3 hours' + random() * random() * interval '60 days', now(), now(), \
                (array['token', 'password', 'oidc', 'github'])[1 + n % 4]::login_type, \
                (array[0, 1800, 3599, 3600, 3601, 7200, 86400, 604800, 31536000])[1 + n % 9], 'rnd-' || n, k.scopes, k.allow_list \
           from generate_series(1, 3000) as n, api_keys as k where k.id = 'd4o6FQe5QT'",
    );
    let keys = database
        .query("select 'id:' || id from api_keys where id like 'Rnd%' and hashtext(id) % 10 <> 0");
    let control = "select count(*) from api_keys where id like 'Rnd%' and hashtext(id) % 10 = 0";
    assert!(database.value(control).parse::<usize>().unwrap() > 200);
    let keys: Vec<String> = keys.into_iter().flatten().flatten().collect();
    assert!(keys.len() > 2_000, "{}", keys.len());
    let mut words: Vec<&str> = keys.iter().map(String::as_str).collect();
    words.extend(["--in", "2h"]);
    let output = remove(&database, &words).run();
    output.success();
    let operation = database.operation();
    assert_eq!(operation["changed"], keys.len());
    let late = "select count(*) from api_keys as k, breakglass.operation as o \
                 where k.id in (select key from breakglass.change) \
                   and (k.expires_at > o.ends_at or k.lifetime_seconds > 3599)";
    let mut uses = 0;
    for minutes in [0, 1, 30, 59, 60, 61, 90, 118, 119] {
        let after = format!("interval '{minutes} minutes'");
        uses += replay(&database, &after).parse::<usize>().unwrap();
        assert_eq!(database.value(late), "0", "{minutes}");
    }
    assert!(uses > 2_000, "{uses} uses were written");
    // In the very microsecond of the end, and after it.
    let end = "((select ends_at from breakglass.operation) - now())";
    replay(&database, end);
    assert_eq!(database.value(late), "0");
    replay(&database, "interval '121 minutes'");
    assert_eq!(database.value(late), "0");
    // Those that were left alone were extended by the same requests.
    let extended = "select count(*) from api_keys where id like 'Rnd%' and hashtext(id) % 10 = 0 \
                     and expires_at - now() > interval '2 hours' and last_used > now()";
    assert!(database.value(extended).parse::<usize>().unwrap() > 100);
}

/// A request that read the row before the change writes the old end back: that is found out at the
/// next look, and the next try lowers the end again.
#[test]
fn a_stale_write_is_seen_and_mended_by_running_it_again() {
    let database = coder();
    let stale = "update api_keys set last_used = now(), expires_at = now() + interval '300 days', \
                        ip_address = '10.1.2.3' where id = 'd4o6FQe5QT'";
    remove(&database, &["build-cache", "--in", "2h"])
        .run()
        .success();
    database.execute(stale);
    let output = remove(&database, &["build-cache", "--in", "2h"]).run();
    output.success().says("will end 1 token at ");
    let change = database.changes().pop().unwrap();
    assert_eq!(change["before"]["lifetime_seconds"], "3599");
    assert_eq!(
        database.value(
            "select expires_at <= now() + interval '2 hours' from api_keys where id = 'd4o6FQe5QT'"
        ),
        "t"
    );
}
