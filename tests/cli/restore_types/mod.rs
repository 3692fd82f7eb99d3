//! What is put back is what stood there, bit for bit: every type that Postgres has for a column that
//! an adapter can set, at random and at the edges, under settings that change how values are written.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

mod columns;
mod values;

use std::fmt::Write as _;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use self::values::{Random, array, value};
use super::restore::latest;
use crate::support::{Template, TestDatabase};

/// Rows of a table, each with a value of every type.
const ROWS: usize = 24;

/// Columns of a table: what an adapter sets has to fit into one call of a function.
const COLUMNS: usize = 24;

/// How the values of a column are made.
#[derive(Clone, Debug)]
enum Make {
    /// As those of a type.
    Of(String),
    /// As arrays of a type's, with this between the elements.
    Array(Box<Self>, String),
    /// Text of so many characters.
    Text(u64),
    /// One of these.
    One(&'static [&'static str]),
    /// A composite value.
    Pair,
}

/// A column: its type, its values, and what an expire sets it to (null, else a constant).
#[derive(Clone, Debug)]
struct Column {
    type_name: String,
    make: Make,
    constant: Option<&'static str>,
}

impl Column {
    fn new(type_name: &str, make: Make) -> Self {
        Self {
            type_name: type_name.to_owned(),
            make,
            constant: None,
        }
    }

    fn array_of(self) -> Self {
        Self::new(
            &format!("{}[]", self.type_name),
            Make::Array(Box::new(self.make), ",".to_owned()),
        )
    }
}

impl Make {
    fn value(&self, random: &mut Random) -> String {
        match self {
            Self::Of(name) => value(name, random).unwrap(),
            Self::Array(of, delimiter) => array(random, delimiter, |random| of.value(random)),
            Self::Text(longest) => random.text(*longest),
            Self::One(of) => of[usize::try_from(random.below(of.len() as u64)).unwrap()].to_owned(),
            Self::Pair => {
                let text = random.text(9).replace('\\', "\\\\").replace('"', "\"\"");
                let number = value("numeric", random).unwrap();
                format!("(,\"{text}\",\"{{{number},NULL}}\",\"2026-01-02 03:04:05.6+07\")")
            }
        }
    }
}

/// A seed that is printed, so that what failed can be tried again.
fn seed() -> u64 {
    let given = std::env::var_os("BREAKGLASS_SEED");
    let given = given.map(|seed| seed.to_str().unwrap().parse().expect("a number"));
    given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) ^ now.as_secs()
    })
}

fn installed() -> TestDatabase {
    TestDatabase::prepared("restore_types", Template::Empty, |database| {
        for extension in [
            "citext",
            "cube",
            "earthdistance",
            "hstore",
            "intarray",
            "isn",
            "lo",
            "ltree",
            "seg",
        ] {
            let is_there = "select exists (select from pg_available_extensions where name = ";
            if database.value(&format!("{is_there}'{extension}')")) == "t" {
                database.execute(&format!("create extension {extension}"));
            }
        }
        database.execute(
            r#"create schema "Odd";
               create table "Odd".bag (id integer primary key, live boolean not null);
               create type "Odd".mood as enum ('live', 'o''brien \ "gone"', 'a,b', ' ');
               create domain "Odd".word as varchar(8) check (value <> 'never');
               create domain "Odd".padded as bpchar;
               create domain "Odd".fixed as character(4);
               create domain "Odd".ints as integer[];
               create domain "Odd".js as json;
               create domain "Odd".jsb as jsonb;
               create domain "Odd".moody as "Odd".mood;
               create domain "Odd".nested as "Odd".word check (value <> 'no');
               create domain "Odd".sure as text not null;
               create type "Odd".pair as (a integer, "b c" text, d numeric[], e timestamptz);
               create domain "Odd".pairs as "Odd".pair;
               create type "Odd".floats as range (subtype = float8)"#,
        );
        database.breakglass().arg("init").run().success();
    })
}

/// A column of every type of the catalogue whose input takes a value, and one of its arrays.
fn catalogue(database: &TestDatabase) -> Vec<Column> {
    let rows = database.query(
        "select t.typname, format_type(t.oid, -1), e.typdelim, \
                format('%I.%I', n.nspname, t.typname), t.typarray <> 0 \
           from pg_type as t join pg_namespace as n on n.oid = t.typnamespace \
           join pg_type as e on e.oid = t.oid \
          where t.typtype in ('b', 'r', 'm') and n.nspname in ('pg_catalog', 'public') \
            and not exists (select from pg_type as element where element.typarray = t.oid) \
       order by t.typname",
    );
    let mut columns = Vec::new();
    for row in rows {
        let row: Vec<String> = row.into_iter().map(Option::unwrap).collect();
        let [name, type_name, delimiter, quoted, has_array] = row.try_into().unwrap();
        if value(&name, &mut Random::new(0)).is_none() {
            // No value of it can be written, so none can be set.
            let refusal = database.session().refusal(&format!("select '1'::{quoted}"));
            // Feature not supported; hstore's index type says that it is not implemented.
            let takes_none = ["0A000", "XX000"].contains(&refusal.as_str());
            assert!(takes_none, "there are no values for type {name}: {refusal}");
            continue;
        }
        columns.push(Column::new(&type_name, Make::Of(name.clone())));
        if has_array == "t" {
            let make = match name.as_str() {
                // Written as names, and not each is the only one of its name.
                "regproc" => Make::One(&["now", "-"]),
                "regoper" => Make::One(&["0"]),
                "regclass" => Make::One(&["pg_class", "-"]),
                "regtype" => Make::One(&["integer[]", "-"]),
                // A role, a schema and a collation of this number may not be there.
                _ => Make::Of(name.clone()),
            };
            let make = Make::Array(Box::new(make), delimiter);
            columns.push(Column::new(&format!("{type_name}[]"), make));
        }
    }
    columns
}

/// Types with lengths, and of an operator's own.
fn special() -> Vec<Column> {
    const MOMENTS: &[&str] = &[
        "2026-01-02 03:04:05.987654",
        "0044-03-15 12:00:00.5 BC",
        "infinity",
    ];
    const NUMBERS: &[&str] = &["1.5", "-99.9", "0", "NaN", "12.34"];
    const CLOCKS: &[&str] = &["03:04:05.987654", "00:00:00"];
    const SPANS: &[&str] = &["1 year 2 mons", "-3 days 04:05:06.789", "0"];
    const BITS: &[&str] = &["101", "000", "111"];
    let one = |type_name: &str, of: &'static [&'static str]| Column::new(type_name, Make::One(of));
    let of = |type_name: &str, name: &str| Column::new(type_name, Make::Of(name.to_owned()));
    let text = |type_name: &str, longest| Column::new(type_name, Make::Text(longest));
    let moods: &[&str] = &["live", "o'brien \\ \"gone\"", "a,b", " "];
    let mut columns = vec![
        text("varchar(7)", 7),
        text("character(5)", 5),
        text("varchar(3)", 3).array_of(),
        text("character(4)", 4).array_of(),
        one("numeric(10,3)", NUMBERS),
        one("numeric(12)", NUMBERS),
        one("numeric(6,2)", NUMBERS).array_of(),
        one("bit(3)", BITS),
        one("bit varying(5)", BITS),
        one("bit(3)", BITS).array_of(),
        one("timestamp(0)", MOMENTS),
        one("timestamptz(3)", MOMENTS),
        one("timestamp(1)", MOMENTS).array_of(),
        one("time(2)", CLOCKS),
        one("timetz(1)", CLOCKS),
        one("interval(2)", SPANS),
        one("interval year to month", SPANS),
        one("interval day to second(3)", SPANS),
        one("\"Odd\".mood", moods),
        one("\"Odd\".mood", moods).array_of(),
        one("\"Odd\".moody", moods),
        text("\"Odd\".word", 8),
        text("\"Odd\".word", 8).array_of(),
        text("\"Odd\".nested", 8),
        of("\"Odd\".padded", "bpchar"),
        text("\"Odd\".fixed", 4),
        of("\"Odd\".js", "json"),
        of("\"Odd\".jsb", "jsonb"),
        of("\"Odd\".js", "json").array_of(),
        Column::new("\"Odd\".ints", of("integer", "int4").array_of().make),
        Column::new("\"Odd\".pair", Make::Pair),
        Column::new("\"Odd\".pair", Make::Pair).array_of(),
        Column::new("\"Odd\".pairs", Make::Pair),
        one(
            "\"Odd\".floats",
            &["[-0,1e-300)", "(,Infinity]", "empty", "[0.1,NaN]"],
        ),
        one("\"Odd\".floats", &["[-0,1e-300)", "empty"]).array_of(),
    ];
    columns.push(Column {
        constant: Some("gone \u{a0}'"),
        ..text("\"Odd\".sure", 20)
    });
    columns.push(Column {
        constant: Some("o'brien \\ \"gone\""),
        ..one("\"Odd\".mood", moods)
    });
    columns.push(Column {
        constant: Some("{\"b\" : 1.0,\t\"b\":\"\\\\\"}"),
        ..of("json", "json")
    });
    columns
}

/// The file of a table with these columns.
fn adapter(columns: &[Column]) -> (TempDir, String) {
    let mut text =
        "name = \"bag\"\ntitle = \"a bag\"\nverified_against = \"2026\"\nschema = \"Odd\"\n\
                    [detect]\nall_of = [\"bag.live:boolean\"]\n\
                    [token]\ntable = \"bag\"\nkey = \"id\"\ndefault_kind = \"token\"\n\
                    [[kind]]\nname = \"token\"\ntitle = \"token\"\n\
                    [[dead]]\nstate = \"disabled\"\ncolumn = \"live\"\nwhen = \"false\"\n\
                    [expire.set]\nlive = false\n"
            .to_owned();
    for (place, column) in columns.iter().enumerate() {
        match column.constant {
            None => writeln!(text, "c{place} = {{ null = true }}").unwrap(),
            Some(constant) => {
                let constant = serde_json::Value::String(constant.to_owned());
                writeln!(text, "c{place} = {{ text = {constant} }}").unwrap();
            }
        }
    }
    let directory = TempDir::new().expect("/tmp is writable");
    let path = directory.path().join("bag.toml");
    fs::write(&path, text).expect("it can be written");
    (directory, path.display().to_string())
}

/// Makes the table anew, with a value of each column in every row, and a copy of it.
fn fill(database: &TestDatabase, columns: &[Column], random: &mut Random) {
    let definitions = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let default = column
                .constant
                .map(|_| " default 'live'")
                .filter(|_| column.type_name.contains("sure"));
            format!(
                ", c{place} {}{}",
                column.type_name,
                default.unwrap_or_default()
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let mut sql = format!(
        "drop table if exists \"Odd\".kept; drop table \"Odd\".bag; \
         create table \"Odd\".bag (id integer primary key, live boolean not null{definitions});"
    );
    for id in 1..=ROWS {
        let values = columns
            .iter()
            .map(|column| {
                if column.constant.is_none() && random.below(8) == 0 {
                    return ", null".to_owned();
                }
                format!(", '{}'", column.make.value(random).replace('\'', "''"))
            })
            .collect::<Vec<_>>()
            .concat();
        writeln!(sql, "insert into \"Odd\".bag values ({id}, true{values});").unwrap();
    }
    sql.push_str("create table \"Odd\".kept as table \"Odd\".bag");
    database.execute(&sql);
}

/// Settings that change how values are written and read.
fn hostile(database: &TestDatabase, which: usize) {
    let settings: [&[&str]; 3] = [
        &[
            "datestyle = 'German'",
            "timezone = 'Asia/Kathmandu'",
            "intervalstyle = 'sql_standard'",
            "extra_float_digits = -15",
            "bytea_output = 'escape'",
            "xmlbinary = 'hex'",
            "xmloption = 'document'",
            "array_nulls = off",
            "quote_all_identifiers = on",
            "standard_conforming_strings = off",
            "transform_null_equals = on",
            "search_path = 'Odd', public",
            "default_transaction_isolation = 'serializable'",
        ],
        &[
            "datestyle = 'SQL, DMY'",
            "timezone = 'America/St_Johns'",
            "intervalstyle = 'iso_8601'",
            "extra_float_digits = 0",
            "array_nulls = off",
            "search_path = ''",
            "bytea_output = 'escape'",
        ],
        &[],
    ];
    let name = database.name();
    let mut sql = format!("alter database {name} reset all");
    for setting in settings[which] {
        write!(sql, "; alter database {name} set {setting}").unwrap();
    }
    // A locale that writes money in another way, where the system has one.
    let locale = database.query(
        "select collcollate from pg_collation where collprovider = 'c' \
           and collcollate ~ '^(de|fr|ja|sv)_' order by 1 limit 1",
    );
    if let (Some(Some(locale)), 0) = (locale.into_iter().flatten().next(), which) {
        write!(sql, "; alter database {name} set lc_monetary = '{locale}'").unwrap();
    }
    database.execute(&sql);
}

/// The columns that are not the same to the last bit as in the copy, by image and as they are sent.
fn differences(database: &TestDatabase, columns: &[Column]) -> Vec<String> {
    let sends = database.query(
        "select a.attname \
           from pg_attribute as a join pg_type as t on t.oid = a.atttypid \
           left join pg_type as e on e.oid = t.typelem \
          where a.attrelid = '\"Odd\".bag'::regclass and a.attnum > 0 and t.typsend <> 0 \
            and (t.typlen <> -1 or t.typelem = 0 or e.typsend <> 0)",
    );
    let is_sent = |name: &str| sends.iter().any(|row| row[0].as_deref() == Some(name));
    let checks: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let name = format!("c{place}");
            let image = format!("not (row(b.{name})::record *= row(k.{name})::record)");
            let bytes = |alias: &str| format!("record_send(row({alias}.{name})::record)");
            let sent = is_sent(&name).then(|| format!(" or {} <> {}", bytes("b"), bytes("k")));
            let type_name = column.type_name.replace('\'', "''");
            format!(
                "select '{type_name} of row ' || id || ': ' || coalesce(k.{name}::text, 'null') || ' became ' || coalesce(b.{name}::text, 'null') \
                   from \"Odd\".bag as b join \"Odd\".kept as k using (id) where {image}{}",
                sent.unwrap_or_default()
            )
        })
        .collect();
    let rows = database.query(&checks.join(" union all "));
    rows.into_iter().flatten().flatten().collect()
}

/// Columns of rows that an expire has not set.
fn still_set(database: &TestDatabase, columns: &[Column]) -> usize {
    let nulls: Vec<String> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.constant.is_none())
        .map(|(place, _)| format!("num_nonnulls(c{place})"))
        .collect();
    let sum = if nulls.is_empty() {
        "0".to_owned()
    } else {
        nulls.join(" + ")
    };
    let count = database.value(&format!("select sum({sum} + live::int) from \"Odd\".bag"));
    count.parse().unwrap()
}

/// Expires every row, takes that back, takes the restore back, and that again; each time under other
/// settings. The values make the way through the log as what was before and as what was left.
fn back_and_forth(database: &TestDatabase, columns: &[Column]) {
    let (_directory, path) = adapter(columns);
    let run = |words: &[&str]| {
        let invocation = database.breakglass().args(words.to_vec());
        let rest = ["--yes", "--reason", "why", "--adapter-file", &path];
        invocation.args(rest).run()
    };
    let types: Vec<&str> = columns
        .iter()
        .map(|column| column.type_name.as_str())
        .collect();
    let keys: Vec<String> = (1..=ROWS).map(|id| format!("id:{id}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    hostile(database, 0);
    let output = run(&[&["tokens", "rm"], &keys[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{types:?}\n{output}");
    assert_eq!(still_set(database, columns), 0, "{types:?}");
    for round in [1, 0, 2] {
        hostile(database, round);
        let output = run(&["restore", &latest(database), "--expect", &ROWS.to_string()]);
        assert_eq!(output.status.code(), Some(0), "{types:?}\n{output}");
        if round == 0 {
            assert_eq!(still_set(database, columns), 0, "{types:?}");
        } else {
            let others = differences(database, columns);
            assert!(others.is_empty(), "{others:#?}");
        }
    }
    let restores =
        database.value("select count(*) from breakglass.observation where verdict = 'restored'");
    assert_ne!(restores, "0");
}

#[test]
fn every_type_is_put_back_bit_for_bit_whatever_the_defaults_are() {
    let seed = seed();
    let mut random = Random::new(seed);
    let database = installed();
    let mut columns = catalogue(&database);
    columns.extend(special());
    println!(
        "BREAKGLASS_SEED={seed}: {} types, {} values",
        columns.len(),
        columns.len() * ROWS
    );
    assert!(columns.len() > 150, "{} types only", columns.len());
    for columns in columns.chunks(COLUMNS) {
        fill(&database, columns, &mut random);
        back_and_forth(&database, columns);
        hostile(&database, 2);
    }
}
