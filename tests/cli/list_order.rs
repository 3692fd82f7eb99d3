//! `tokens ls`: in which order, how many, and the cases that upstream tests.

use std::collections::BTreeSet;

use super::list::{keys, keys_where, ls};
use crate::support::{Template, TestDatabase, seed};

/// Upstream's `TestTokensListExpired`: four cases.
mod as_upstream {
    use super::*;

    #[test]
    fn hides_expired_by_default() {
        let database = TestDatabase::new(Template::Coder);
        let output = ls(&database, &[]);
        output.success();
        assert!(output.stdout.contains(seed::HOT), "{output}");
        output.never_says(seed::EXPIRED);
    }

    #[test]
    fn shows_expired_with_the_flag() {
        let database = TestDatabase::new(Template::Coder);
        let output = ls(&database, &["--include-expired"]);
        output.success();
        let line = output
            .stdout
            .lines()
            .find(|line| line.starts_with(seed::EXPIRED));
        let line = line.expect("the expired token has a line");
        assert!(
            line.contains(" expired ") && line.contains(" mira "),
            "{line}"
        );
        assert!(output.stdout.contains(seed::HOT));
    }

    #[test]
    fn json_respects_the_filter() {
        let database = TestDatabase::new(Template::Coder);
        for (flags, wanted) in [(&[][..], false), (&["--include-expired"], true)] {
            let output = ls(&database, &[&["-o", "json"], flags].concat());
            output.success();
            let document = output.json();
            let tokens = document["tokens"].as_array().expect("tokens is a list");
            let expired = tokens.iter().find(|token| token["key"] == seed::EXPIRED);
            assert_eq!(expired.is_some(), wanted);
            assert!(expired.is_none_or(|token| token["state"] == "expired"));
            assert!(tokens.iter().any(|token| token["key"] == seed::HOT));
        }
    }

    #[test]
    fn everybodys_tokens_are_there_with_the_flag() {
        let database = TestDatabase::new(Template::Coder);
        let output = ls(&database, &["-o", "jsonl", "--include-expired"]);
        output.success();
        let owners: BTreeSet<String> = output
            .json_lines()
            .iter()
            .map(|token| {
                token["owner"]["login"]
                    .as_str()
                    .expect("a login")
                    .to_owned()
            })
            .collect();
        let wanted = "select count(distinct user_id) from api_keys where login_type = 'token'";
        assert_eq!(owners.len().to_string(), database.value(wanted));
    }
}

#[test]
fn every_order_is_the_servers_own_in_both_directions() {
    let database = TestDatabase::new(Template::Coder);
    let used = "case when k.last_used > 'epoch' then k.last_used end";
    for (sort, order, reversed) in [
        ("key", "k.id", "k.id desc"),
        ("name", "k.token_name, k.id", "k.token_name desc, k.id"),
        ("owner", "u.username, k.id", "u.username desc, k.id"),
        ("created", "k.created_at desc, k.id", "k.created_at, k.id"),
        (
            "last-used",
            &format!("{used} desc nulls last, k.id"),
            &format!("{used} nulls last, k.id"),
        ),
        ("expires", "k.expires_at, k.id", "k.expires_at desc, k.id"),
    ] {
        let condition = "k.login_type = 'token'";
        let shown = keys(&database, &["--include-expired", "--sort", sort]);
        assert_eq!(shown, keys_where(&database, condition, order), "{sort}");
        let shown = keys(
            &database,
            &["--include-expired", "--reverse", "--sort", sort],
        );
        assert_eq!(shown, keys_where(&database, condition, reversed), "{sort}");
    }
}

#[test]
fn a_cut_list_says_so_in_every_format() {
    let database = TestDatabase::new(Template::Coder);
    let warning = "warning: there are more than 3 tokens; --limit shows more, --limit 0 all\n";
    for (format, lines) in [("table", 4), ("csv", 4), ("jsonl", 3)] {
        let output = ls(&database, &["--limit", "3", "-o", format]);
        output.success();
        assert_eq!(output.stdout.lines().count(), lines, "{output}");
        assert_eq!(output.stderr, warning, "{format}");
    }
    let output = ls(&database, &["--limit", "3", "-o", "json"]);
    output.success();
    assert_eq!(output.json()["truncated"], true);
    assert_eq!(output.json()["tokens"].as_array().map(Vec::len), Some(3));
    assert_eq!(output.stderr, "");
}

#[test]
fn a_list_that_just_fits_is_not_cut() {
    let database = TestDatabase::new(Template::Coder);
    for limit in ["94", "0", "95"] {
        let output = ls(&database, &["--limit", limit, "-o", "json"]);
        output.success();
        assert_eq!(output.json()["truncated"], false, "{limit}");
        assert_eq!(output.json()["tokens"].as_array().map(Vec::len), Some(94));
        let output = ls(&database, &["--limit", limit]);
        output.success();
        assert_eq!(output.stderr, "", "{limit}");
    }
}

#[test]
fn five_hundred_is_the_limit_and_nought_is_none() {
    let database = TestDatabase::new(Template::Coder);
    database.execute(
        "insert into api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, \
                               updated_at, login_type, token_name, scopes, allow_list) \
         select 'more' || lpad(n::text, 6, '0'), '', (select id from users where username = 'mira'), \
                'epoch', now() + interval '1 day', now(), now(), 'token', 'more ' || n, \
                '{coder:all}', '{*:*}' \
           from generate_series(1, 500) as n",
    );
    let output = ls(&database, &["-o", "jsonl"]);
    output.success().says("there are more than 500 tokens");
    assert_eq!(output.json_lines().len(), 500);
    let output = ls(&database, &["-o", "jsonl", "--limit", "0"]);
    output.success();
    assert_eq!(output.json_lines().len(), 594);
    assert_eq!(output.stderr, "");
}
