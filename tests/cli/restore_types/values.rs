//! Values of every type, at random and at the edges, as the type's input reads them.

/// `SplitMix64`: the same values for the same seed, everywhere.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(i128::from(high) - i128::from(low)).unwrap_or(u64::MAX);
        let step = i128::from(self.below(width.saturating_add(1).max(1)));
        i64::try_from(i128::from(low) + step).unwrap_or(low)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of[at]
    }

    /// A double of any exponent, and a float that is one.
    fn double(&mut self) -> String {
        let edges = [
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "5e-324",
            "1.7976931348623157e308",
            "0.1",
        ];
        match self.below(4) {
            0 => self.one(&edges).to_owned(),
            _ => format!("{:e}", f64::from_bits(self.next())).replace("inf", "Infinity"),
        }
    }

    fn float(&mut self) -> String {
        let edges = [
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "1e-45",
            "3.4028235e38",
            "0.1",
        ];
        if self.below(4) == 0 {
            return self.one(&edges).to_owned();
        }
        let bits = u32::try_from(self.next() >> 32).unwrap_or(0);
        format!("{:e}", f32::from_bits(bits)).replace("inf", "Infinity")
    }

    /// A number for geometry: whole, so that sums of it are exact.
    fn small(&mut self) -> i64 {
        self.between(-1_000_000, 1_000_000)
    }

    fn digits(&mut self, count: u64) -> String {
        (0..count)
            .map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0)))
            .collect()
    }

    fn hex(&mut self, bytes: u64) -> String {
        (0..bytes)
            .map(|_| format!("{:02x}", self.below(256)))
            .collect::<Vec<_>>()
            .concat()
    }

    fn bits(&mut self, count: u64) -> String {
        (0..count)
            .map(|_| if self.below(2) == 0 { '0' } else { '1' })
            .collect()
    }

    /// Text of so many characters at most: quotes, braces, blanks, every alphabet.
    pub(super) fn text(&mut self, longest: u64) -> String {
        const CHARACTERS: [char; 32] = [
            'a',
            'Z',
            '0',
            ' ',
            '\'',
            '"',
            '\\',
            '{',
            '}',
            '(',
            ')',
            '[',
            ']',
            ',',
            ';',
            ':',
            '\n',
            '\t',
            '\r',
            '\u{1}',
            '\u{7f}',
            'é',
            'ß',
            'Ω',
            'я',
            '日',
            '\u{200f}',
            '\u{301}',
            '🔑',
            '\u{10ffff}',
            '$',
            '%',
        ];
        let words = [
            "", "NULL", "null", " ", "''", "\\N", "\\\\", "{}", "$$", "--", "true",
        ];
        if self.below(5) == 0 {
            let word = self.one(&words);
            return word
                .chars()
                .take(usize::try_from(longest).unwrap_or(0))
                .collect();
        }
        let length = self.below(longest + 1);
        let one = |random: &mut Self| CHARACTERS[usize::try_from(random.below(32)).unwrap_or(0)];
        (0..length).map(|_| one(self)).collect()
    }

    fn moment(&mut self) -> String {
        let (year, month, day) = (
            self.between(1, 4_700),
            self.between(1, 12),
            self.between(1, 28),
        );
        format!("{year:04}-{month:02}-{day:02} {}", self.clock())
    }

    fn clock(&mut self) -> String {
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        format!("{hour:02}:{minute:02}:{second:02}.{}", self.digits(6))
    }

    fn era(&mut self) -> &'static str {
        if self.below(4) == 0 { " BC" } else { "" }
    }

    fn interval(&mut self) -> String {
        let edges = [
            "178000000 years",
            "-178000000 years",
            "-00:00:00.000001",
            "1 mon -1 days",
            "0",
            "2147483647 days",
        ];
        if self.below(4) == 0 {
            return self.one(&edges).to_owned();
        }
        let (months, days) = (self.between(-99_999, 99_999), self.between(-99_999, 99_999));
        let microseconds = self.between(-999_999_999_999_999, 999_999_999_999_999);
        format!("{months} mons {days} days {microseconds} microseconds")
    }

    fn numeric(&mut self) -> String {
        let edges = [
            "NaN", "0.000", "-0.0", "1e-300", "1e300", "0.10", "1.0", "100",
        ];
        if self.below(3) == 0 {
            return self.one(&edges).to_owned();
        }
        let (whole, scale) = (self.below(60) + 1, self.below(60));
        let sign = self.one(&["", "-"]);
        let whole = self.digits(whole);
        format!("{sign}{whole}.{}", self.digits(scale))
    }

    fn json(&mut self) -> String {
        let text = serde_json::Value::String(self.text(12)).to_string();
        let number = self.small();
        match self.below(7) {
            0 => text,
            1 => "null".to_owned(),
            2 => format!(" [ 1,\t{text} , null, [ ] ]"),
            3 => format!("{{\"b\" : {number}, \"a\":{text}, \"b\":1.50}}"),
            4 => format!("{number}.500"),
            5 => "{}".to_owned(),
            _ => "\"\\u00e9 \\\" \\\\ \"".to_owned(),
        }
    }

    /// A range of two ends that a function makes, the lower first.
    fn range(&mut self, ends: [String; 2]) -> String {
        let [low, high] = ends;
        match self.below(7) {
            0 => "empty".to_owned(),
            1 => "(,)".to_owned(),
            2 => format!("[\"{low}\",)"),
            3 => format!("(,\"{high}\"]"),
            4 => format!("[\"{low}\",\"{high}\"]"),
            5 => format!("(\"{low}\",\"{high}\")"),
            _ => format!("[\"{low}\",\"{high}\")"),
        }
    }

    fn ends(&mut self, name: &str, part: i64) -> [String; 2] {
        let (low, high) = (
            self.between(0, 900) + part * 2_000,
            self.between(950, 1_900) + part * 2_000,
        );
        match name {
            "num" => [
                format!("{low}.{}", self.digits(9)),
                format!("{high}.{}", self.digits(3)),
            ],
            "date" => [
                format!("{:04}-02-28", low + 1),
                format!("{:04}-03-01", high + 1),
            ],
            "ts" => [
                format!("{:04}-02-28 {}", low + 1, self.clock()),
                format!("{:04}-03-01 {}", high + 1, self.clock()),
            ],
            "tstz" => [
                format!("{:04}-02-28 {}+05", low + 1, self.clock()),
                format!("{:04}-03-01 {}-07", high + 1, self.clock()),
            ],
            _ => [low.to_string(), high.to_string()],
        }
    }
}

/// A value of a type by its name in the catalogue; `None` where this file knows none, which fails the
/// test that asks.
pub(super) fn value(name: &str, r: &mut Random) -> Option<String> {
    if let Some(of) = name
        .strip_suffix("multirange")
        .or(name.strip_suffix("range"))
    {
        let of = match of {
            "int4" | "int8" => "int",
            other => other,
        };
        if !["int", "num", "date", "ts", "tstz"].contains(&of) {
            return None;
        }
        if name.ends_with("multirange") {
            let count = r.below(4);
            let parts = (0..count).map(|part| {
                let ends = r.ends(of, i64::try_from(part).unwrap_or(0));
                format!("[\"{}\",\"{}\")", ends[0], ends[1])
            });
            let parts: Vec<String> = parts.collect();
            return Some(format!("{{{}}}", parts.join(",")));
        }
        let ends = r.ends(of, 0);
        return Some(r.range(ends));
    }
    simple(name, r)
        .or_else(|| structured(name, r))
        .or_else(|| contributed(name, r))
}

#[expect(clippy::too_many_lines, reason = "a table: a line a type")]
fn simple(name: &str, r: &mut Random) -> Option<String> {
    Some(match name {
        "bool" => r.one(&["true", "false"]).to_owned(),
        "bytea" => {
            let length = r.below(20);
            format!("\\x{}", r.hex(length))
        }
        "char" => r
            .one(&["", "a", "'", "\\", "\"", " ", "{", "\u{1}", "\u{7f}"])
            .to_owned(),
        "name" => r.text(15),
        "int2" => r
            .between(i64::from(i16::MIN), i64::from(i16::MAX))
            .to_string(),
        "int4" => r
            .between(i64::from(i32::MIN), i64::from(i32::MAX))
            .to_string(),
        "int8" => match r.below(4) {
            0 => i64::MIN.to_string(),
            1 => i64::MAX.to_string(),
            _ => i64::from_ne_bytes(r.next().to_ne_bytes()).to_string(),
        },
        "oid" | "xid" | "cid" | "lo" => r.below(1 << 32).to_string(),
        "xid8" => r.next().to_string(),
        "int2vector" => format!("{} -1 0", r.between(-32_768, 32_767)),
        "oidvector" => format!("{} 0 4294967295", r.below(1 << 32)),
        "tid" => format!("({},{})", r.below(1 << 32), r.below(1 << 16)),
        "text" | "varchar" | "refcursor" | "citext" => r.text(40),
        "bpchar" => format!(
            "{}{}",
            r.text(10),
            " ".repeat(usize::try_from(r.below(5)).unwrap_or(0))
        ),
        "float4" => r.float(),
        "float8" => r.double(),
        "numeric" => r.numeric(),
        "money" => match r.below(4) {
            0 => "-92233720368547758.08".to_owned(),
            1 => "92233720368547758.07".to_owned(),
            _ => format!("{}.{}", r.small(), r.digits(2)),
        },
        "date" => match r.below(6) {
            0 => r
                .one(&["infinity", "-infinity", "4714-11-24 BC", "5874897-12-31"])
                .to_owned(),
            _ => format!(
                "{:04}-{:02}-{:02}{}",
                r.between(1, 4_700),
                r.between(1, 12),
                r.between(1, 28),
                r.era()
            ),
        },
        "time" => match r.below(4) {
            0 => r
                .one(&["24:00:00", "00:00:00", "23:59:59.999999"])
                .to_owned(),
            _ => r.clock(),
        },
        "timetz" => match r.below(4) {
            0 => r
                .one(&["24:00:00+15:59:59", "00:00:00-15:59:59"])
                .to_owned(),
            _ => format!("{}{}", r.clock(), r.one(&["+00", "-03:30", "+05:45:12"])),
        },
        "timestamp" => match r.below(5) {
            0 => r
                .one(&[
                    "infinity",
                    "-infinity",
                    "4714-11-24 00:00:00 BC",
                    "294276-12-31 23:59:59.999999",
                ])
                .to_owned(),
            _ => format!("{}{}", r.moment(), r.era()),
        },
        "timestamptz" => match r.below(5) {
            0 => r
                .one(&[
                    "infinity",
                    "-infinity",
                    "4714-11-24 00:00:00+00 BC",
                    "294276-12-31 23:59:59.999999+00",
                ])
                .to_owned(),
            _ => format!(
                "{}{}{}",
                r.moment(),
                r.one(&["+00", "-11", "+05:45"]),
                r.era()
            ),
        },
        "interval" => r.interval(),
        "bit" => r.bits(1),
        "varbit" => {
            let length = r.below(40);
            r.bits(length)
        }
        "uuid" => r.hex(16),
        "pg_lsn" => format!("{:X}/{:X}", r.below(1 << 32), r.below(1 << 32)),
        "inet" => match r.below(4) {
            0 => r
                .one(&["::1", "0.0.0.0/0", "::ffff:1.2.3.4/128", "fe80::1/64"])
                .to_owned(),
            _ => format!(
                "{}.{}.0.{}/{}",
                r.below(256),
                r.below(256),
                r.below(256),
                r.below(33)
            ),
        },
        "cidr" => r
            .one(&[
                "10.0.0.0/8",
                "0.0.0.0/0",
                "192.168.1.7/32",
                "2001:db8::/32",
                "::/0",
            ])
            .to_owned(),
        "macaddr" => r.hex(6),
        "macaddr8" => r.hex(8),
        "regproc" => r.one(&["now", "-", "1397", "4294967295"]).to_owned(),
        "regprocedure" => r.one(&["abs(integer)", "-", "4294967295"]).to_owned(),
        "regoper" => r.one(&["0", "96", "4294967295"]).to_owned(),
        "regoperator" => r.one(&["+(integer,integer)", "0", "4294967295"]).to_owned(),
        "regclass" => r
            .one(&["pg_class", "-", "\"Odd\".bag", "4294967295"])
            .to_owned(),
        "regcollation" => r.one(&["\"C\"", "-", "4294967295"]).to_owned(),
        "regtype" => r
            .one(&["integer[]", "-", "\"Odd\".mood", "timestamp with time zone"])
            .to_owned(),
        "regrole" => r.one(&["postgres", "-", "4294967295"]).to_owned(),
        "regnamespace" => r.one(&["pg_catalog", "-", "\"Odd\""]).to_owned(),
        "regconfig" => r.one(&["simple", "-", "english"]).to_owned(),
        "regdictionary" => r.one(&["simple", "-"]).to_owned(),
        _ => return None,
    })
}

fn structured(name: &str, r: &mut Random) -> Option<String> {
    Some(match name {
        "json" | "jsonb" => r.json(),
        "jsonpath" => r
            .one(&[
                "$",
                "strict $.\"a b\"[*] ? (@ > 1.50)",
                "$.a.datetime() ? (@.x like_regex \"^'\")",
            ])
            .to_owned(),
        "xml" => r
            .one(&[
                "",
                "text",
                "a<b c='d\"'/> ]]&gt; &#233;",
                "<?xml version=\"1.0\"?><a/>",
                "<a xmlns='urn:x'> <b/></a>",
            ])
            .to_owned(),
        "point" => format!("({},{})", r.double(), r.double()),
        "lseg" => format!(
            "[({},{}),({},{})]",
            r.small(),
            r.double(),
            r.small(),
            r.small()
        ),
        "box" => format!(
            "({},{}),({},{})",
            r.small(),
            r.small(),
            r.small(),
            r.small()
        ),
        "line" => format!("{{{},{},{}}}", r.between(1, 99), r.small(), r.small()),
        "path" => match r.below(2) {
            0 => format!("[({},{}),(0.1,-0)]", r.small(), r.double()),
            _ => format!("(({},{}),(1e-300,2))", r.small(), r.double()),
        },
        "polygon" => format!(
            "(({},{}),({},{}),(0,0))",
            r.small(),
            r.small(),
            r.small(),
            r.small()
        ),
        "circle" => format!("<({},{}),{}>", r.double(), r.small(), r.between(0, 99)),
        "tsvector" => format!(
            "'a {}':1A,2B,{} b 'c''d':16383 'e\\\\f'",
            r.digits(3),
            r.between(3, 999)
        ),
        "tsquery" => r
            .one(&["", "'a b' & !( 'c''d':*AB | x ) <3> y", "!!a", "'\\\\'"])
            .to_owned(),
        "txid_snapshot" | "pg_snapshot" => {
            let low = r.below(1 << 40) + 1;
            format!("{low}:{}:{low},{}", low + 9, low + 3)
        }
        "aclitem" => r
            .one(&[
                "=r/postgres",
                "postgres=arwdDxt/postgres",
                "postgres=a*r*/postgres",
            ])
            .to_owned(),
        _ => return None,
    })
}

/// Types that Postgres's own contrib has.
fn contributed(name: &str, r: &mut Random) -> Option<String> {
    let word = |r: &mut Random| {
        let text = r.text(8).replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    };
    Some(match name {
        "hstore" => format!("\"k\"=>NULL, {}=>{}, \"NULL\"=>\"NULL\"", word(r), word(r)),
        "ltree" => r.one(&["", "a", "Top.b_1.C", "1.2.3"]).to_owned(),
        "lquery" => r.one(&["*", "a.*{1,2}.!b|c@*.D%", "Top.*{,3}"]).to_owned(),
        "ltxtquery" => r.one(&["a", "a & !b* | (c@ & D%)"]).to_owned(),
        "cube" => format!(
            "({},{}),({},{})",
            r.double(),
            r.small(),
            r.small(),
            r.small()
        ),
        "earth" => "(6378168, 0, 0)".to_owned(),
        "seg" => r
            .one(&["1.50 .. 2.5", "~6.5", "<3", "5 ..", "-1.0 .. 1.00"])
            .to_owned(),
        "query_int" => r.one(&["1", "1&(2|3)&!4", "!(7)"]).to_owned(),
        "ean13" => "978-0-393-04002-9".to_owned(),
        "isbn" | "isbn13" => "0-393-04002-X".to_owned(),
        "issn" | "issn13" => "1436-4522".to_owned(),
        "ismn" | "ismn13" => "M-2306-7118-7".to_owned(),
        "upc" => "220356483481".to_owned(),
        _ => return None,
    })
}

/// An array of values: several dimensions, bounds of its own, nulls; or none.
pub(super) fn array(
    r: &mut Random,
    delimiter: &str,
    mut element: impl FnMut(&mut Random) -> String,
) -> String {
    let mut one = |r: &mut Random| {
        if r.below(5) == 0 {
            return "NULL".to_owned();
        }
        let text = element(r).replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    };
    let mut row = |r: &mut Random, count: u64| {
        let all: Vec<String> = (0..count).map(|_| one(r)).collect();
        format!("{{{}}}", all.join(delimiter))
    };
    match r.below(5) {
        0 => "{}".to_owned(),
        1 => {
            let (a, b) = (row(r, 2), row(r, 2));
            format!("{{{a}{delimiter}{b}}}")
        }
        2 => format!("[-1:1]={}", row(r, 3)),
        _ => {
            let count = r.below(4) + 1;
            row(r, count)
        }
    }
}
