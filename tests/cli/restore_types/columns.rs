//! Rows of several columns of which some changed since, and columns whose type was changed.

use serde_json::json;

use super::super::remove::{Before, REASON};
use super::super::restore::latest;
use super::{Column, Make, adapter, installed};
use crate::support::TestDatabase;
use crate::support::run::Output;

/// A bag with the columns c0 (text) and c1 (timestamptz) beside the switch `live`, an expire of its two
/// rows, and how to go on.
fn expired(database: &TestDatabase) -> (tempfile::TempDir, String) {
    let column = |type_name: &str| Column::new(type_name, Make::Text(0));
    let (directory, path) = adapter(&[column("text"), column("timestamptz")]);
    database.execute(
        "alter table \"Odd\".bag add column c0 text, add column c1 timestamptz; \
         insert into \"Odd\".bag values (1, true, 'one', '2031-01-01 12:00:00+00'), (2, true, 'two', null)",
    );
    run(database, &path, &["tokens", "rm", "id:1", "id:2"]).success();
    (directory, path)
}

fn run(database: &TestDatabase, path: &str, words: &[&str]) -> Output {
    let invocation = database.breakglass().args(words.to_vec());
    let rest = ["--yes", "--reason", REASON, "--adapter-file", path];
    invocation.args(rest).run()
}

fn bag(database: &TestDatabase) -> String {
    database.value("select json_agg(b order by id) from \"Odd\".bag as b")
}

#[test]
fn force_puts_back_the_columns_that_are_as_they_were_left_and_no_others() {
    let database = installed();
    let (_directory, path) = expired(&database);
    let expired = latest(&database);
    database.execute("update \"Odd\".bag set c0 = 'mine' where id = 1");
    let before = Before::of(&database);
    let output = run(&database, &path, &["restore", &expired]);
    output
        .code(1)
        .says("changed since: token `1` (c0: null -> mine)");
    before.plus(
        &database,
        "refused",
        "changed since: token `1` (c0: null -> mine)",
    );
    let output = run(&database, &path, &["restore", &expired, "--force"]);
    output
        .success()
        .says("keeps what changed since in token 1: c0: null -> mine");
    assert!(
        output
            .stdout
            .contains("keeps what changed since in token 1: c0: null -> mine"),
        "{output}"
    );
    assert_eq!(
        bag(&database).replace([' ', '\n'], ""),
        "[{\"id\":1,\"live\":true,\"c0\":\"mine\",\"c1\":\"2031-01-01T12:00:00+00:00\"},\
         {\"id\":2,\"live\":true,\"c0\":\"two\",\"c1\":null}]"
    );
    // The record has what was written and nothing else, so taking it back leaves c0 alone again.
    let forced = latest(&database);
    let of_one = database
        .changes()
        .into_iter()
        .find(|change| change["operation_id"] == json!(forced) && change["key"] == "1");
    let of_one = of_one.unwrap();
    assert_eq!(of_one["before"], json!({"live": "false", "c1": null}));
    assert_eq!(
        of_one["after"],
        json!({"live": "true", "c1": "2031-01-01 12:00:00+00"})
    );
    run(&database, &path, &["restore", &forced]).success();
    assert_eq!(
        database.value("select row(live, c0, c1)::text from \"Odd\".bag where id = 1"),
        "(f,mine,)"
    );
}

#[test]
fn a_type_that_would_change_or_refuse_the_value_is_refused_by_name() {
    let database = installed();
    let (_directory, path) = expired(&database);
    let expired = latest(&database);
    for (type_name, using, error) in [
        (
            "timestamp",
            "c1",
            "cannot be put back: Odd.bag.c1 is timestamp without time zone now, in which \
             `2031-01-01 12:00:00+00` would be `2031-01-01 12:00:00`",
        ),
        (
            "integer",
            "null",
            "cannot be put back: Odd.bag.c1 is integer now, which cannot hold what stood there: \
             invalid input syntax for type integer",
        ),
        (
            "date",
            "null",
            "Odd.bag.c1 is date now, in which `2031-01-01 12:00:00+00` would be `2031-01-01`",
        ),
    ] {
        database.execute(&format!(
            "alter table \"Odd\".bag alter column c1 type {type_name} using {using}::{type_name}"
        ));
        let before = Before::of(&database);
        let output = run(&database, &path, &["restore", &expired]);
        output.code(1).says(error);
        before.plus(&database, "refused", error);
        database.execute("alter table \"Odd\".bag alter column c1 type timestamptz using null");
    }
    // A text holds it as it is.
    database.execute("alter table \"Odd\".bag alter column c1 type text");
    run(&database, &path, &["restore", &expired]).success();
    assert_eq!(
        database.value("select c1 from \"Odd\".bag where id = 1"),
        "2031-01-01 12:00:00+00"
    );
}

/// Functions of the same name on a role's path are nobody's business.
#[test]
fn a_domain_that_refuses_the_old_value_by_now_is_told_by_its_constraint() {
    let database = installed();
    let (_directory, path) = expired(&database);
    let expired = latest(&database);
    database.execute(
        "create domain \"Odd\".later as text constraint not_one check (value <> 'one'); \
         alter table \"Odd\".bag alter column c0 type \"Odd\".later",
    );
    let before = Before::of(&database);
    let error = "violates check constraint \"not_one\"";
    run(&database, &path, &["restore", &expired])
        .code(1)
        .says(error);
    before.plus(&database, "failed", error);
}
