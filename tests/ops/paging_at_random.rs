//! Random tables, full of nulls and of values that are equal: pages put together are the list.

use breakglass::adapter::{Adapter, SortKey, load};
use breakglass::model::{Deed, Operation};
use breakglass::ops::{Desk, Filter, ListOperations, ListTokens};
use fastrand::Rng;
use futures_util::TryStreamExt as _;
use uuid::Uuid;

use super::database;
use crate::support::scoped::{context, open, wait, with_adapters};
use crate::support::{Template, TestDatabase};

/// A table whose columns may all be null, and whose types a case may choose.
const TABLES: &str = "
create type mood as enum ('sad', 'fine', 'bad', 'Great');
create domain handle as text;
create table people (id integer primary key, login LOGIN);
create table keys (id KEY primary key, label LABEL, person integer, made timestamptz, used timestamp,
                   ends bigint, enabled boolean not null default true);
";

const ADAPTER: &str = r#"
name = "paged"
title = "Pages"
verified_against = "2026"
[detect]
all_of = ["keys.person", "people.login"]
[token]
table = "keys"
key = "id"
KEY_IS_SECRET
label = "label"
default_kind = "key"
[[kind]]
name = "key"
title = "a key"
[owner]
column = "person"
table = "people"
key = "id"
login = "login"
[times.created]
column = "made"
unit = "timestamptz"
[times.last_used]
column = "used"
unit = "utc"
[times.expires]
column = "ends"
unit = "milliseconds"
[[dead]]
state = "disabled"
column = "enabled"
when = "false"
[expire.set]
enabled = false
"#;

/// The types of key, label and login; whether the key is the secret.
const CASES: [(&str, &str, &str, bool); 6] = [
    ("text", "text", "text", false),
    ("bigint", "varchar(9)", "handle", false),
    ("uuid", "mood", "varchar", false),
    ("text", "char(9)", "mood", true),
    ("handle", "handle", "\"char\"", false),
    ("numeric", "name", "text collate \"POSIX\"", false),
];

const SORTS: [SortKey; 6] = [
    SortKey::Key,
    SortKey::Label,
    SortKey::Owner,
    SortKey::Created,
    SortKey::LastUsed,
    SortKey::Expires,
];

#[test]
fn pages_of_tokens_put_together_are_the_list() {
    let mut random = random();
    for case in CASES {
        let (key, label, login, is_secret) = case;
        let database = TestDatabase::new(Template::Empty);
        let tables = TABLES.replace("LOGIN", login).replace("LABEL", label);
        database.execute(&tables.replace("KEY", key));
        let context = with_adapters(&database, vec![adapter(is_secret)]);
        for _table in 0..2 {
            database.execute("truncate keys, people");
            fill(&database, &mut random, case);
            let desk = open(&context);
            for sort in SORTS {
                for descending in [false, true] {
                    let size = random.u32(1..=7);
                    let whole = list(&desk, sort, descending);
                    let pages = pages(&desk, sort, descending, size);
                    assert_eq!(pages, whole, "{case:?} {sort:?} {descending} by {size}");
                }
            }
        }
    }
}

/// Random, and the same again with the seed that is printed.
fn random() -> Rng {
    let seed = std::env::var_os("BREAKGLASS_SEED");
    let seed = seed.and_then(|seed| seed.to_str().and_then(|seed| seed.parse().ok()));
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("BREAKGLASS_SEED={seed}");
    Rng::with_seed(seed)
}

fn adapter(is_secret: bool) -> Adapter {
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("there is room");
    let is_secret = if is_secret {
        "key_is_secret = true"
    } else {
        ""
    };
    std::fs::write(file.path(), ADAPTER.replace("KEY_IS_SECRET", is_secret))
        .expect("there is room");
    load(file.path()).unwrap_or_else(|error| panic!("{error}"))
}

fn pick<'a>(random: &mut Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(..from.len())]
}

/// Few values, so that many are equal.
fn fill(
    database: &TestDatabase,
    random: &mut Rng,
    (key, label, login, _): (&str, &str, &str, bool),
) {
    let texts: &[&str] = &[
        "null", "''", "'a'", "'A'", "'b'", "'\u{e4}'", "'z y'", "'\"\\'",
    ];
    let moods: &[&str] = &["null", "'sad'", "'fine'", "'bad'", "'Great'"];
    let bytes: &[&str] = &["null", "''", "'a'", "'A'", "'b'"];
    let of_type = |name: &str| match name {
        "mood" => moods,
        "\"char\"" => bytes,
        _ => texts,
    };
    let times = [
        "null",
        "'infinity'",
        "'-infinity'",
        "'2026-01-02 03:04:05.000001'",
        "'2026-01-02 03:04:05.000002'",
        "'1970-01-01'",
        "'0001-01-01'",
        "'12026-01-01'",
    ];
    let ends = [
        "null",
        "0",
        "1767323045001",
        "1767323045002",
        "9223372036854775807",
        "-9223372036854775808",
        "-1",
    ];
    let mut sql = Vec::new();
    for id in 1..=4 {
        let login = pick(random, of_type(login));
        sql.push(format!("insert into people values ({id}, {login}); "));
    }
    for place in 0..random.u64(0..40) {
        let key = match key {
            "uuid" => Uuid::from_u64_pair(random.u64(..), place).to_string(),
            "bigint" | "numeric" => (random.i64(-1000..1000) * 100
                + i64::try_from(place).unwrap_or_default())
            .to_string(),
            _ => format!("{}{place}", pick(random, &["k", "K", "\u{e4}", ""])),
        };
        let label = pick(random, of_type(label));
        // The fifth has no row.
        let person = pick(random, &["null", "1", "2", "3", "4", "5"]);
        let (made, used) = (pick(random, &times), pick(random, &times));
        let ends = pick(random, &ends);
        sql.push(format!(
            "insert into keys values ('{key}', {label}, {person}, {made}, {used}, {ends}); "
        ));
    }
    database.execute(&sql.concat());
}

fn request(sort: SortKey, descending: bool, limit: Option<u32>) -> ListTokens {
    ListTokens {
        filter: Filter {
            include_expired: true,
            ..Filter::everything()
        },
        sort,
        descending,
        limit,
        after: None,
    }
}

fn list(desk: &Desk, sort: SortKey, descending: bool) -> Vec<String> {
    let request = request(sort, descending, None);
    let keys = wait(async {
        let tokens = request.run(desk).await?;
        let keys = tokens.map_ok(|token| token.key).try_collect().await?;
        Ok(keys)
    });
    keys.unwrap_or_else(|error: breakglass::ops::Error| panic!("{error}"))
}

fn pages(desk: &Desk, sort: SortKey, descending: bool, size: u32) -> Vec<String> {
    let mut request = request(sort, descending, Some(size));
    let mut keys = Vec::new();
    loop {
        let page = wait(request.page(desk)).unwrap_or_else(|error| panic!("{sort:?}: {error}"));
        assert_eq!(page.next.is_some(), page.truncated);
        assert!(page.tokens.len() <= size as usize);
        keys.extend(page.tokens.into_iter().map(|token| token.key));
        let Some(next) = page.next else { return keys };
        request.after = Some(next);
    }
}

#[test]
fn pages_of_operations_put_together_are_the_log() {
    let mut random = random();
    let database = database();
    for _log in 0..4 {
        let times = [
            "2026-01-02 03:04:05.000001Z",
            "2026-01-02 03:04:05.000002Z",
            "2026-01-02 03:04:06Z",
            "1999-12-31Z",
        ];
        let mut sql = Vec::new();
        for _operation in 0..random.usize(0..12) {
            let (time, action) = (
                pick(&mut random, &times),
                pick(&mut random, &["expire", "delete"]),
            );
            let id = Uuid::from_u64_pair(random.u64(..), random.u64(..));
            sql.push(format!(
                "insert into breakglass.operation (id, occurred_at, action, outcome, selector, error, tool_version) \
                 values ('{id}', '{time}', '{action}', 'refused', 'x', 'no', '1'); "
            ));
        }
        database.execute(&sql.concat());
        let desk = open(&context(&database));
        for action in [None, Some(Deed::Delete)] {
            let request = ListOperations {
                action,
                ..ListOperations::default()
            };
            let whole = wait(request.run(&desk.log()));
            let whole = whole.unwrap_or_else(|error| panic!("{error}"));
            for size in 1..=7 {
                let found = pages_of_log(&desk, request.clone(), size);
                assert_eq!(found, whole, "by {size}");
            }
        }
    }
}

fn pages_of_log(desk: &Desk, mut request: ListOperations, size: u32) -> Vec<Operation> {
    request.limit = Some(size);
    let mut found = Vec::new();
    loop {
        let page = wait(request.page(&desk.log())).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(page.next.is_some(), page.truncated);
        found.extend(page.operations);
        let Some(next) = page.next else { return found };
        request.after = Some(next);
    }
}
