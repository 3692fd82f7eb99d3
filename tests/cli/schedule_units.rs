//! Ends in the future in every unit that a column can hold one in, with every word for never.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::remove::{Before, remove};
use crate::support::{Template, TestDatabase};

/// A file for the table `ends`, whose end is in this unit, and whose `slides` is lowered to 10.
fn file(unit: &str, never: Option<&str>) -> (TempDir, String) {
    let never = never.map_or_else(String::new, |never| format!("never = \"{never}\""));
    let text = format!(
        r#"
name = "ends"
title = "a table of any unit"
verified_against = "2026-11"

[detect]
all_of = ["ends.ends"]

[token]
table = "ends"
key = "id"
default_kind = "token"

[[kind]]
name = "token"
title = "token"

[times.expires]
column = "ends"
unit = "{unit}"
{never}

[[dead]]
state = "expired"
column = "ends"
when = "past"

[expire.set]
ends = "now_minus_1s"

[expire.at]
set = {{ ends = "at", slides = {{ at_most = 10 }} }}
note = "it slides"
"#
    );
    let directory = TempDir::new().expect("/tmp is writable");
    let path = directory.path().join("adapter.toml");
    fs::write(&path, text).expect("it can be written");
    let path = path.display().to_string();
    (directory, path)
}

/// Rows whose ends are these, with `slides` beside them.
fn with(column: &str, rows: &str) -> TestDatabase {
    let database = TestDatabase::new(Template::Empty);
    database.execute(&format!(
        "create table ends (id int primary key, ends {column}, slides int); \
         insert into ends (id, ends, slides) values {rows}"
    ));
    database.breakglass().arg("init").run().success();
    database
}

/// 2040-01-02 03:04:05 UTC.
const AT: &str = "2040-01-02T03:04:05Z";

/// A unit, the word for never, the column's type, what rows hold before, and what after.
type Case = (
    &'static str,
    Option<&'static str>,
    &'static str,
    [&'static str; 4],
    [&'static str; 4],
);

const UNITS: [Case; 6] = [
    (
        "timestamptz",
        None,
        "timestamptz",
        ["null", "'2050-01-01Z'", "'2035-01-01Z'", "'infinity'"],
        [
            "2040-01-02 03:04:05+00",
            "2040-01-02 03:04:05+00",
            "2035-01-01 00:00:00+00",
            "2040-01-02 03:04:05+00",
        ],
    ),
    (
        "timestamptz",
        Some("epoch"),
        "timestamptz",
        ["'epoch'", "'0001-01-01Z'", "'2035-01-01Z'", "'2050-01-01Z'"],
        [
            "2040-01-02 03:04:05+00",
            "2040-01-02 03:04:05+00",
            "2035-01-01 00:00:00+00",
            "2040-01-02 03:04:05+00",
        ],
    ),
    (
        "utc",
        None,
        "timestamp",
        [
            "null",
            "'2050-01-01'",
            "'2035-01-01'",
            "'2040-01-02 03:04:06'",
        ],
        [
            "2040-01-02 03:04:05",
            "2040-01-02 03:04:05",
            "2035-01-01 00:00:00",
            "2040-01-02 03:04:05",
        ],
    ),
    (
        "seconds",
        Some("zero"),
        "bigint",
        ["0", "9000000000000000000", "2051222400", "2209000000"],
        ["2209086245", "2209086245", "2051222400", "2209000000"],
    ),
    (
        "seconds",
        Some("minus_one"),
        "bigint",
        ["-1", "2209086246", "2051222400", "null"],
        ["2209086245", "2209086245", "2051222400", "2209086245"],
    ),
    (
        "milliseconds",
        None,
        "numeric",
        ["null", "2209086245001", "2051222400000", "2209086246000"],
        [
            "2209086245000",
            "2209086245000",
            "2051222400000",
            "2209086245000",
        ],
    ),
];

/// Never, later, earlier and gone by: what each holds after an end was set.
#[test]
fn the_end_is_set_in_the_units_of_the_columns() {
    for (unit, never, column, values, after) in UNITS {
        // All slide, so that the third, which ends before, has to be stopped too; the fifth ends
        // before and does not slide.
        let [a, b, c, d] = values;
        let database = with(
            column,
            &format!("(1, {a}, 99), (2, {b}, 11), (3, {c}, 99), (4, {d}, null), (5, {c}, 10)"),
        );
        let (_directory, path) = file(unit, never);
        let words = [
            "id:1",
            "id:2",
            "id:3",
            "id:4",
            "id:5",
            "--at",
            AT,
            "--adapter-file",
            &path,
        ];
        let output = remove(&database, &words).env("TZ", "UTC").run();
        output.success().says("note: it slides");
        let rows = "select string_agg(coalesce(ends::text, 'null'), ';' order by id) \
                    from (select id, ends from ends where id < 5) as e, \
                         (select set_config('TimeZone', 'UTC', false)) as z";
        assert_eq!(database.value(rows), after.join(";"), "{unit} {never:?}");
        let slides = "select string_agg(coalesce(slides::text, 'null'), ' ' order by id) from ends";
        assert_eq!(database.value(slides), "10 10 10 null 10", "{unit}");
        let operation = database.operation();
        let fourth = database.changes().iter().any(|change| change["key"] == "4");
        let unchanged = if fourth { 1 } else { 2 };
        assert_eq!(operation["unchanged"], unchanged, "{unit} {never:?}");
        assert_eq!(operation["still_alive"], 0);
        output.says("5: ends by itself at 2035-01-01 00:00:00 +00:00");
        // And at once: by the same rules, all are dead.
        let now = [
            "id:1",
            "id:2",
            "id:3",
            "id:4",
            "id:5",
            "--adapter-file",
            &path,
        ];
        remove(&database, &now).run().success();
    }
}

/// A day cannot hold hours. Rounding down would end it up to a day before, and up too late.
#[test]
fn a_column_of_days_takes_the_beginning_of_one_and_nothing_else() {
    let database = with("date", "(1, '2050-01-01', 5), (2, null, 5)");
    let (_directory, path) = file("date", None);
    let before = Before::of(&database);
    let words = ["id:1", "id:2", "--adapter-file", &path, "--at"];
    let output = remove(&database, &[&words[..], &[AT]].concat()).run();
    output
        .code(1)
        .says("public.ends.ends holds whole days in UTC, so nothing can end at 2040-01-02T03:04:05Z")
        .says("hint: give the beginning of a day in UTC, such as `--at 2040-01-02T00:00:00Z`, which is earlier");
    before.plus(&database, "refused", "holds whole days in UTC");
    let output = remove(&database, &[&words[..], &["2040-01-02T00:00:00Z"]].concat()).run();
    output.success();
    assert_eq!(
        database.value("select string_agg(ends::text, ' ' order by id) from ends"),
        "2040-01-02 2040-01-02"
    );
}

#[test]
fn an_end_that_a_type_cannot_hold_changes_nothing() {
    let database = with("int", "(1, 2000000000, 5)");
    let (_directory, path) = file("seconds", None);
    let words = ["id:1", "--adapter-file", &path, "--in"];
    remove(&database, &[&words[..], &["2h"]].concat())
        .run()
        .success();
    // Never later than it was, so a number beyond 2038 is not even tried.
    let output = remove(&database, &[&words[..], &["50y"]].concat()).run();
    output.success().says("nothing to expire");
}

#[test]
fn a_file_whose_ends_make_no_sense_is_refused() {
    let database = with("bigint", "(1, 0, 5)");
    for (from, to, code, said) in [
        (
            "ends = \"at\",",
            "ends = \"now\",",
            2,
            "expected \"at\" or { at_most = NUMBER }",
        ),
        (
            "{ at_most = 10 }",
            "{ at_most = \"10\" }",
            2,
            "expected \"at\" or { at_most = NUMBER }",
        ),
        (
            "{ at_most = 10 }",
            "{ at_least = 10 }",
            2,
            "expected \"at\" or { at_most = NUMBER }",
        ),
        (
            "ends = \"at\", ",
            "",
            2,
            "an [expire.at] sets no column to \"at\"",
        ),
        ("note = ", "notes = ", 2, "notes"),
        (
            "slides =",
            "glides =",
            1,
            "public.ends has no column glides",
        ),
        (
            "slides =",
            "id = { at_most = 3 }, t =",
            1,
            "public.ends has no column t",
        ),
    ] {
        let (_directory, path) = file("seconds", Some("zero"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let before = database.application_rows();
        let output = remove(&database, &["id:1", "--in", "2h", "--adapter-file", &path]).run();
        output.code(code).says(said);
        assert_eq!(database.application_rows(), before);
    }
}

#[test]
fn the_adapter_says_what_a_later_end_sets() {
    let (_directory, path) = file("seconds", Some("zero"));
    let show = ["adapters", "show", "ends", "--adapter-file", &path];
    let output = crate::support::breakglass().args(show).run();
    output.success();
    assert!(
        output
            .stdout
            .contains("\nfor a later end  ends = that end, slides = at most 10\n"),
        "{output}"
    );
    let database = with("bigint", "(1, 0, 5)");
    let show = [&show[..], &["--sql"]].concat();
    let output = database.breakglass().args(show).run();
    output.success();
    for text in [
        "-- sql/tokens/expire.sql --at\n",
        "-- sql/tokens/alive.sql --at\n",
        "-- sql/tokens/over.sql\n",
        "case when t.\"slides\" > 10 then 10 else t.\"slides\" end",
    ] {
        assert!(output.stdout.contains(text), "{text}");
    }
    assert_eq!(json!(output.stdout.matches("{{").count()), 0);
}
