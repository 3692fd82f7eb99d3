//! Pages of lists: what a cursor is good for, and what is refused.

use std::time::{Duration, Instant};

use breakglass::adapter::SortKey;
use breakglass::db::Parameter;
use breakglass::model::{Cursor, JSON_SCHEMA, OperationPage, TokenPage};
use breakglass::ops::{Class, Context, Desk, Error, Filter, ListOperations, ListTokens, MAX_PAGE};
use serde_json::Value;
use tokio_postgres::types::Type;

use super::{bound, database};
use crate::support::scoped::{context, open, wait};
use crate::support::{Template, TestDatabase};

fn everything(limit: Option<u32>) -> ListTokens {
    ListTokens {
        filter: Filter {
            include_expired: true,
            ..Filter::everything()
        },
        sort: SortKey::Key,
        descending: false,
        limit,
        after: None,
    }
}

fn page(context: &Context, request: &ListTokens) -> Result<TokenPage, Error> {
    wait(request.page(&open(context)))
}

fn keys(page: &TokenPage) -> Vec<&str> {
    page.tokens.iter().map(|token| token.key.as_str()).collect()
}

#[test]
fn a_page_is_the_document_of_a_list_and_says_where_it_ended() {
    let database = database();
    let context = context(&database);
    let first = page(&context, &everything(Some(2))).expect("there are some");
    let output = database.breakglass();
    let output = output.args([
        "tokens",
        "ls",
        "--kind",
        "all",
        "--include-expired",
        "--limit",
        "2",
        "-o",
        "json",
    ]);
    let output = output.run();
    output.success();
    let listed: TokenPage = serde_json::from_str(&output.stdout).expect("it is the same");
    assert_eq!((listed.schema, listed.truncated), (JSON_SCHEMA, true));
    assert_eq!((&listed.tokens, &listed.next), (&first.tokens, &None));
    assert!(first.truncated && first.as_of.is_some());
    assert_eq!(first.records_use, Some(true));
    let next = ListTokens {
        after: first.next.clone(),
        ..everything(Some(2))
    };
    let second = page(&context, &next).expect("it goes on");
    let whole = page(&context, &everything(Some(4))).expect("there are some");
    assert_eq!([keys(&first), keys(&second)].concat(), keys(&whole));
    // A last page that is full has nothing behind it.
    let of_one = ListTokens {
        filter: Filter {
            owner: Some("ci-runner".to_owned()),
            ..everything(None).filter
        },
        ..everything(Some(4))
    };
    let last = page(&context, &of_one).expect("there are four");
    assert_eq!(
        (last.tokens.len(), last.truncated, last.next),
        (4, false, None)
    );
}

#[test]
fn pages_are_of_what_there_is_for_the_caller() {
    let database = database();
    let mine = bound(&database, Some("ci-runner"), None);
    let mut request = everything(Some(3));
    let first = page(&mine, &request).expect("there are four");
    assert_eq!((first.tokens.len(), first.truncated), (3, true));
    request.after = first.next;
    let second = page(&mine, &request).expect("there is another");
    assert_eq!((second.tokens.len(), second.truncated), (1, false));
    // A cursor of somebody else's page is a place, and no key to their rows.
    let mira = bound(&database, Some("mira"), None);
    let others = page(&mira, &everything(Some(1))).expect("there are some");
    request.after = others.next;
    let behind = page(&mine, &request).expect("it is a place in the same order");
    assert!(behind.tokens.iter().all(|token| mine.scope.holds(token)));
}

#[test]
fn a_page_has_a_size() {
    let database = database();
    let context = context(&database);
    for limit in [None, Some(0), Some(MAX_PAGE + 1)] {
        let error = page(&context, &everything(limit)).expect_err("it has none");
        assert_eq!(error.to_string(), "a page has from 1 to 5000 rows");
        assert_eq!((error.code(), error.class()), ("page_size", Class::Usage));
        let request = ListOperations {
            limit,
            ..ListOperations::default()
        };
        let error = wait(request.page(&open(&context).log())).expect_err("it has none");
        assert_eq!(error.code(), "page_size");
    }
    let all = page(&context, &everything(Some(MAX_PAGE))).expect("it is the most");
    assert!(!all.truncated);
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let database = database();
    let context = context(&database);
    let by_key = page(&context, &everything(Some(2)))
        .expect("there are some")
        .next;
    let by_name = ListTokens {
        sort: SortKey::Label,
        ..everything(Some(2))
    };
    let by_name = page(&context, &by_name).expect("there are some").next;
    let refused = |request: ListTokens| {
        let error = page(&context, &request).expect_err("it is another");
        assert_eq!(
            (error.code(), error.class()),
            ("cursor", Class::Usage),
            "{error}"
        );
        assert!(error.hint().is_some());
        // Nor does the stream take it.
        let desk = open(&context);
        let streamed = wait(async { request.run(&desk).await.map(|_rows| ()) });
        assert_eq!(streamed.expect_err("it is another").code(), "cursor");
        error.to_string()
    };
    let otherwise = "the cursor is not one of this list: it is of a list that is sorted otherwise";
    let of = |after: &Option<Cursor>| ListTokens {
        after: after.clone(),
        ..everything(Some(2))
    };
    assert_eq!(refused(of(&by_name)), otherwise);
    let backwards = ListTokens {
        descending: true,
        ..of(&by_key)
    };
    assert_eq!(refused(backwards), otherwise);
    let rubbish = "the cursor is not one of this list: it is none that a page ended with";
    for text in ["", "rubbish", "e30", "5", "\u{0}"] {
        assert_eq!(refused(of(&Some(Cursor::new(text)))), rubbish);
    }
    let operations = |after: &Option<Cursor>| {
        let request = ListOperations {
            limit: Some(1),
            after: after.clone(),
            ..ListOperations::default()
        };
        wait(request.page(&open(&context).log())).expect_err("it is another")
    };
    assert_eq!(operations(&by_key).to_string(), otherwise);
    for written in [
        r#"{"sort":"occurred_at","descending":true,"value":"yesterday","key":"5"}"#,
        r#"{"sort":"occurred_at","descending":true,"value":null,"key":"5"}"#,
        "{}",
    ] {
        assert_eq!(operations(&Some(encoded(written))).to_string(), rubbish);
    }
}

/// A cursor that somebody wrote by hand.
fn encoded(json: &str) -> Cursor {
    use base64::Engine as _;
    Cursor::new(base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(json))
}

#[test]
fn a_value_that_the_database_cannot_read_is_the_cursors() {
    let database = database();
    let context = context(&database);
    for (sort, name, value) in [
        (SortKey::Created, "created", r#""when""#),
        (SortKey::Expires, "expires", r#""2026-13-01""#),
        (SortKey::Label, "name", r#""\u0000""#),
    ] {
        let json = format!(r#"{{"sort":"{name}","descending":false,"value":{value},"key":"a"}}"#);
        let request = ListTokens {
            sort,
            after: Some(encoded(&json)),
            ..everything(Some(2))
        };
        let error = page(&context, &request).expect_err("no row has it");
        assert_eq!(error.code(), "cursor", "{error}");
    }
}

#[test]
fn what_is_not_recorded_sorts_nothing() {
    let database = TestDatabase::new(Template::Django);
    let request = ListTokens {
        sort: SortKey::LastUsed,
        ..everything(Some(2))
    };
    let error = page(&context(&database), &request).expect_err("it is not kept");
    assert_eq!((error.code(), error.class()), ("not_kept", Class::Usage));
}

/// How the server would read a page by key.
fn explained(desk: &Desk, descending: bool) -> Value {
    let statement = desk.statements().page_after(SortKey::Key, descending);
    let statement = format!(
        "explain (format json) {}",
        statement.expect("it can be rendered")
    );
    let (none, all, limit, key) = (None::<String>, true, 1001_i64, "b000000500");
    let (kinds, seconds, time) = (
        None::<Vec<String>>,
        None::<f64>,
        None::<chrono::DateTime<chrono::Utc>>,
    );
    let parameters: Vec<Parameter<'_>> = vec![
        (&all, Type::BOOL),
        (&kinds, Type::TEXT_ARRAY),
        (&none, Type::TEXT),
        (&none, Type::TEXT),
        (&seconds, Type::FLOAT8),
        (&seconds, Type::FLOAT8),
        (&time, Type::TIMESTAMPTZ),
        (&time, Type::TIMESTAMPTZ),
        (&time, Type::TIMESTAMPTZ),
        (&none, Type::TEXT),
        (&kinds, Type::TEXT_ARRAY),
        (&limit, Type::INT8),
        (&key, Type::TEXT),
        (&none, Type::TEXT),
    ];
    let rows = wait(desk.session.read(&statement, &parameters));
    let rows = rows.unwrap_or_else(|error| panic!("{error}"));
    rows[0].try_get(0).expect("it is a plan")
}

#[test]
fn pages_by_key_go_on_in_the_index_and_take_the_same_time_each() {
    let rows: usize = std::env::var_os("BREAKGLASS_PAGE_ROWS")
        .and_then(|rows| rows.to_str().and_then(|rows| rows.parse().ok()))
        .unwrap_or(20_000);
    let database = database();
    database.add_tokens(rows);
    database.execute("analyze api_keys");
    let desk = open(&context(&database));
    for descending in [false, true] {
        let plan = explained(&desk, descending).to_string();
        assert!(
            plan.contains("\"Index Cond\":\"(id ") && !plan.contains("\"Sort\""),
            "{plan}"
        );
        let mut request = ListTokens {
            descending,
            ..everything(Some(1000))
        };
        let (mut seen, mut times): (usize, Vec<Duration>) = (0, Vec::new());
        loop {
            let begun = Instant::now();
            let page = wait(request.page(&desk)).unwrap_or_else(|error| panic!("{error}"));
            times.push(begun.elapsed());
            seen += page.tokens.len();
            if page.next.is_none() {
                break;
            }
            request.after = page.next;
        }
        assert!(seen >= rows, "{seen}");
        let median = |times: &[Duration]| {
            let mut times = times.to_vec();
            times.sort_unstable();
            times[times.len() / 2]
        };
        let tenth = (times.len() / 10).max(1);
        let (first, last) = (
            median(&times[..tenth]),
            median(&times[times.len() - tenth..]),
        );
        println!(
            "{} pages of 1000, descending {descending}: first {first:?}, last {last:?}, all {:?}",
            times.len(),
            times.iter().sum::<Duration>()
        );
        assert!(
            last < first * 10 + Duration::from_millis(50),
            "{first:?}, then {last:?}"
        );
    }
}

#[test]
fn operations_are_told_in_pages() {
    let database = database();
    database.execute(
        "insert into breakglass.operation (id, occurred_at, action, outcome, selector, error, tool_version) \
         select gen_random_uuid(), now() - n / 3 * interval '1 microsecond', 'expire', 'refused', 'x', 'no', '1' \
           from generate_series(1, 10) as n",
    );
    let desk = open(&context(&database));
    let mut request = ListOperations {
        limit: Some(4),
        ..ListOperations::default()
    };
    let mut pages: Vec<OperationPage> = Vec::new();
    loop {
        let page = wait(request.page(&desk.log())).unwrap_or_else(|error| panic!("{error}"));
        request.after.clone_from(&page.next);
        pages.push(page);
        if request.after.is_none() {
            break;
        }
    }
    let lengths: Vec<usize> = pages.iter().map(|page| page.operations.len()).collect();
    assert_eq!(lengths, [4, 4, 2]);
    assert!(
        pages
            .iter()
            .all(|page| page.as_of.is_some() && page.schema == JSON_SCHEMA)
    );
    let ids = pages
        .iter()
        .flat_map(|page| &page.operations)
        .map(|it| it.id.to_string());
    let wanted = "select id::text from breakglass.operation order by occurred_at desc, id desc";
    let wanted: Vec<String> = database
        .query(wanted)
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert_eq!(ids.collect::<Vec<_>>(), wanted);
    let output = database
        .breakglass()
        .args(["audit", "ls", "--limit", "4", "-o", "json"])
        .run();
    output.success();
    let listed: OperationPage = serde_json::from_str(&output.stdout).expect("it is the same");
    assert_eq!(listed.operations, pages[0].operations);
    assert!(listed.truncated && listed.next.is_none());
}
