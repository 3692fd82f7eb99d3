//! Where a secret's shape may stand in some bytes.
//!
//! Most shapes are a fixed row of classes, `[0-9A-Za-z]{10}-[0-9A-Za-z]{22}`. A regular expression
//! tries such a row at every byte. Here its rarest part (the `-`) is searched for by the processor's
//! widest instructions, and only what stands around it is looked at. A row of one class, `[0-9a-f]{40}`,
//! has no such part: the byte at its end is looked at first, and one that is not of the class rules
//! out all that a secret could begin at before it. Anything else is left to a regular expression.

use memchr::{memchr, memchr2, memchr3, memmem};
use regex::bytes::Regex;
use regex_syntax::ParserBuilder;

use super::class::{Class, LONGEST, flatten, is_in};

/// Bytes before a secret that are looked at: the longest escape, `\u003d`.
pub(super) const CONTEXT: usize = 6;

/// Finds the places where a shape fits.
#[derive(Debug)]
pub(super) struct Finder {
    way: Way,
    longest: usize,
}

#[derive(Debug)]
enum Way {
    /// A row of classes, one of which is rare.
    Anchored(Row, Anchor),
    /// So many bytes of one class.
    Run { class: Box<Class>, length: usize },
    /// Anything else.
    Pattern(Regex),
}

/// The rarest part of a row, and where in it that stands.
#[derive(Debug)]
struct Anchor {
    at: usize,
    needle: Needle,
}

#[derive(Debug)]
enum Needle {
    One(u8),
    Two(u8, u8),
    Three(u8, u8, u8),
    Literal(Box<memmem::Finder<'static>>),
}

/// Classes by place; equal ones are one table.
#[derive(Debug)]
struct Row {
    tables: Vec<Class>,
    places: Vec<usize>,
}

/// Where a secret stands in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Finder {
    /// The finder of a pattern, which may be fenced by `^` and `$`; `None` where it is none.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
        let hir = ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(pattern)
            .ok()?;
        let longest = hir.properties().maximum_len();
        let longest = longest.unwrap_or(LONGEST).clamp(1, LONGEST);
        let mut classes = Vec::new();
        let is_row = flatten(&hir, &mut classes).is_some() && !classes.is_empty();
        let way = if is_row {
            Way::of_row(&classes, pattern)
        } else {
            Way::of_pattern(pattern)
        };
        Some(Self { way: way?, longest })
    }

    /// The most bytes of a secret.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The next secret that begins in `from..limit`. Where `limit` is not the end of the text, at
    /// least [`Finder::longest`] bytes and one more follow it.
    pub(super) fn find(&self, text: &[u8], from: usize, limit: usize) -> Option<Span> {
        match &self.way {
            Way::Anchored(row, anchor) => row.find(anchor, text, from, limit),
            Way::Run { class, length } => find_run(class, *length, text, from, limit),
            Way::Pattern(pattern) => pattern
                .find_at(text, from)
                .filter(|found| found.start() < limit && !found.is_empty())
                .map(|found| Span {
                    start: found.start(),
                    end: found.end(),
                }),
        }
    }
}

impl Way {
    fn of_row(classes: &[Class], pattern: &str) -> Option<Self> {
        let row = Row::new(classes);
        if let Some((at, needle)) = anchor(classes) {
            return Some(Self::Anchored(row, Anchor { at, needle }));
        }
        match <[Class; 1]>::try_from(row.tables) {
            Ok([class]) => Some(Self::Run {
                class: Box::new(class),
                length: classes.len(),
            }),
            Err(_several) => Self::of_pattern(pattern),
        }
    }

    fn of_pattern(pattern: &str) -> Option<Self> {
        let fenced = format!(r"(?-u:\b)(?:{pattern})(?-u:\b)");
        Regex::new(&fenced).ok().map(Self::Pattern)
    }
}

/// The rarest part of a row: its longest literal text, else the first place of at most three bytes.
fn anchor(classes: &[Class]) -> Option<(usize, Needle)> {
    let members: Vec<Vec<u8>> = classes
        .iter()
        .map(|class| (0..=u8::MAX).filter(|&byte| is_in(class, byte)).collect())
        .collect();
    let (mut best, mut literal): ((usize, usize), usize) = ((0, 0), 0);
    for (place, bytes) in members.iter().enumerate() {
        literal = if bytes.len() == 1 { literal + 1 } else { 0 };
        if literal > best.1 {
            best = (place + 1 - literal, literal);
        }
    }
    let (at, length) = best;
    if length > 1 {
        let text: Vec<u8> = members
            .iter()
            .skip(at)
            .take(length)
            .flatten()
            .copied()
            .collect();
        let finder = memmem::Finder::new(&text).into_owned();
        return Some((at, Needle::Literal(Box::new(finder))));
    }
    let rare = |wanted: usize| members.iter().position(|bytes| bytes.len() == wanted);
    let at = rare(1).or_else(|| rare(2)).or_else(|| rare(3))?;
    let needle = match members.get(at)?.as_slice() {
        [one] => Needle::One(*one),
        [one, two] => Needle::Two(*one, *two),
        [one, two, three] => Needle::Three(*one, *two, *three),
        _ => return None,
    };
    Some((at, needle))
}

impl Needle {
    fn find(&self, text: &[u8]) -> Option<usize> {
        match self {
            Self::One(one) => memchr(*one, text),
            Self::Two(one, two) => memchr2(*one, *two, text),
            Self::Three(one, two, three) => memchr3(*one, *two, *three, text),
            Self::Literal(finder) => finder.find(text),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::One(_) | Self::Two(..) | Self::Three(..) => 1,
            Self::Literal(finder) => finder.needle().len(),
        }
    }
}

impl Row {
    fn new(classes: &[Class]) -> Self {
        let mut tables: Vec<Class> = Vec::new();
        let mut places = Vec::with_capacity(classes.len());
        for class in classes {
            let known = tables.iter().position(|table| table == class);
            places.push(known.unwrap_or_else(|| {
                tables.push(*class);
                tables.len() - 1
            }));
        }
        Self { tables, places }
    }

    fn find(&self, anchor: &Anchor, text: &[u8], from: usize, limit: usize) -> Option<Span> {
        let Anchor { at, needle } = anchor;
        let length = self.places.len();
        let mut start = from;
        while start < limit {
            // The anchor of a secret that begins before the limit ends before this.
            let end = (limit - 1 + at + needle.len()).min(text.len());
            let found = needle.find(text.get(start + at..end)?)?;
            start += found;
            match text.get(start..start + length) {
                Some(window) if self.fits(window) => {
                    return Some(Span {
                        start,
                        end: start + length,
                    });
                }
                _ => start += 1,
            }
        }
        None
    }

    /// The ends first: what only looks alike differs there more often than beside the anchor.
    fn fits(&self, window: &[u8]) -> bool {
        let fits = |(place, byte): (&usize, &u8)| {
            self.tables
                .get(*place)
                .is_some_and(|class| is_in(class, *byte))
        };
        self.places.last().zip(window.last()).is_some_and(fits)
            && self.places.iter().zip(window).all(fits)
    }
}

/// A run of exactly so many bytes of a class. Of a longer one only the end may be the secret, where
/// an escape (`%3d`, `\x3d`, `\u003d`) makes the difference.
fn find_run(class: &Class, length: usize, text: &[u8], from: usize, limit: usize) -> Option<Span> {
    let mut start = from;
    while start < limit {
        let window = text.get(start..start + length)?;
        if let Some(last) = window.iter().rposition(|&byte| !is_in(class, byte)) {
            start += last + 1;
            continue;
        }
        let rest = text.get(start + length..)?;
        let more = rest.iter().position(|&byte| !is_in(class, byte));
        let end = start + length + more.unwrap_or(rest.len());
        let begin = end - length;
        if begin >= limit {
            return None;
        }
        let before = text.get(..begin)?;
        let is_inside = before.last().is_some_and(|&byte| is_in(class, byte));
        if !is_inside || ends_with_escape(before) {
            return Some(Span { start: begin, end });
        }
        start = end;
    }
    None
}

/// Whether a text ends with an escaped character whose digits could be taken for the secret's.
fn ends_with_escape(text: &[u8]) -> bool {
    let escapes = [(&b"%"[..], 2), (b"\\x", 2), (b"\\u", 4)];
    escapes.iter().any(|(mark, digits)| {
        text.len().checked_sub(*digits).is_some_and(|cut| {
            let (head, tail) = text.split_at(cut);
            head.ends_with(mark) && tail.iter().all(u8::is_ascii_hexdigit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Finder, Way};

    const CODER: &str = "^[0-9A-Za-z]{10}-[0-9A-Za-z]{22}$";
    const DJANGO: &str = "^[0-9a-f]{40}$";
    const HOUSE: &str = "^svc_[0-9a-f]{32}$";

    fn all(pattern: &str, text: &str) -> Vec<String> {
        let finder = Finder::new(pattern).unwrap();
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(span) = finder.find(bytes, from, bytes.len()) {
            found.push(text[span.start..span.end].to_owned());
            from = span.end;
        }
        found
    }

    #[test]
    fn each_kind_of_shape_has_its_way() {
        let way = |pattern| Finder::new(pattern).unwrap().way;
        assert!(matches!(
            way(CODER),
            Way::Anchored(_, super::Anchor { at: 10, .. })
        ));
        assert!(matches!(
            way(HOUSE),
            Way::Anchored(_, super::Anchor { at: 0, .. })
        ));
        assert!(matches!(way(DJANGO), Way::Run { length: 40, .. }));
        assert!(matches!(way("^[a-z]{3}(x|yy)[0-9]{2,5}$"), Way::Pattern(_)));
        assert!(matches!(way("^[a-z]{3}[0-9]{5}$"), Way::Pattern(_)));
        assert!(Finder::new("[").is_none());
    }

    #[test]
    fn a_row_is_found_whatever_stands_around_it() {
        let token = "aB3dE5gH7j-abcdefghijklmnopqrstuv";
        for text in [
            token.to_owned(),
            format!("Coder-Session-Token: {token}\n"),
            format!(r#"{{"msg":"\n{token}\""}}"#),
            format!("%3D{token}&x"),
            format!("prefix_{token}_suffix"),
            format!("2026-08-21T10:00:00Z 0b9c3c55-8a3f-4a51-ae55-5c5b4c4b6bb6 {token}"),
        ] {
            assert_eq!(all(CODER, &text), [token], "{text}");
        }
        assert_eq!(all(CODER, &format!("{token},{token}")), [token, token]);
        for text in [
            "aB3dE5gH7j-abcdefghijklmnopqrstu",
            "aB3dE5gH7-abcdefghijklmnopqrstuv",
            "aB3dE5gH7j_abcdefghijklmnopqrstuv",
            "----------------------------------",
            "",
            "-",
        ] {
            assert_eq!(all(CODER, text), Vec::<String>::new(), "{text}");
        }
        let house = format!("svc_{}", "0a".repeat(16));
        assert_eq!(all(HOUSE, &format!("svc_svc_{house}")), [house]);
    }

    #[test]
    fn a_run_is_found_when_it_is_as_long_as_the_secret() {
        let key = "c09577d8d8811e0c040906623091d9e9f028e092";
        for text in [
            key.to_owned(),
            format!("Authorization: Token {key}"),
            format!("%20{key}%20"),
            format!(r"\u003d{key}\u0026"),
            format!(r"\x3d{key}"),
            format!("g{key}g"),
        ] {
            assert_eq!(all(DJANGO, &text), [key], "{text}");
        }
        let digest = "1".repeat(64);
        for text in [
            digest.as_str(),
            &key[..39],
            &format!("0{key}"),
            &format!("%2{key}"),
        ] {
            assert_eq!(all(DJANGO, text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(all(DJANGO, &format!("{digest} {key} {digest}")), [key]);
    }

    #[test]
    fn a_pattern_without_a_fixed_length_is_found_between_boundaries() {
        let pattern = "^pat_[a-z]{3,6}$";
        assert_eq!(all(pattern, "x pat_abcd, pat_abcdefg"), ["pat_abcd"]);
    }
}
