//! JSON as it streams by: where in it one is, and the few values that a report's record is known by.
//!
//! A parser would hold whole findings in memory that nobody wipes, secrets included. This one keeps
//! names of members, and values only where somebody wants them.

use zeroize::{Zeroize as _, Zeroizing};

/// Deeper than any report; what is deeper is passed over.
const DEEPEST: usize = 64;
/// The longest value that is kept: a path.
const KEPT: usize = 1 << 13;
/// The longest name of a member that is kept.
const NAME: usize = 40;

/// One array or object that is open.
#[derive(Debug, Default)]
pub(super) struct Level {
    is_array: bool,
    name: Vec<u8>,
}

impl Level {
    /// The member that one is in.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Between values.
    #[default]
    Between,
    /// In a string; the flag is whether a backslash came just before.
    Text(bool),
    /// In a number or word.
    Word,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// A value ended, that of the innermost level's member. A text is as it stands there, without
    /// its quotes.
    Value(&'a [u8]),
    /// An array or object ended; the depth is that inside of it.
    End(usize),
}

/// Follows JSON, one document or many.
#[derive(Debug, Default)]
pub(super) struct Json {
    levels: Vec<Level>,
    /// Levels that are too deep to be kept.
    deeper: usize,
    at: At,
    /// Whether the string is a member's name.
    is_name: bool,
    /// Whether the next string of an object is a name.
    wants_name: bool,
    value: Zeroizing<Vec<u8>>,
}

impl Json {
    /// The arrays and objects that are open, the innermost last.
    pub(super) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Goes on by some bytes.
    pub(super) fn advance(&mut self, bytes: &[u8], mut happened: impl FnMut(&[Level], Event<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            match self.at {
                At::Text(true) => {
                    self.keep(&[byte]);
                    self.at = At::Text(false);
                    rest = after;
                }
                At::Text(false) => {
                    let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    let (text, tail) = rest.split_at(end);
                    self.keep(text);
                    rest = tail;
                    match tail.split_first() {
                        Some((b'"', after)) => {
                            self.end_text(&mut happened);
                            rest = after;
                        }
                        Some((escape, after)) => {
                            self.keep(&[*escape]);
                            self.at = At::Text(true);
                            rest = after;
                        }
                        None => {}
                    }
                }
                At::Between | At::Word => {
                    self.outside(byte, &mut happened);
                    rest = after;
                }
            }
        }
    }

    fn outside(&mut self, byte: u8, happened: &mut impl FnMut(&[Level], Event<'_>)) {
        let is_structure = matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"');
        if is_structure || byte.is_ascii_whitespace() {
            if self.at == At::Word {
                self.end_value(happened);
            }
        } else {
            self.at = At::Word;
            self.keep(&[byte]);
            return;
        }
        match byte {
            b'{' | b'[' => self.open(byte == b'['),
            b'}' | b']' => self.close(happened),
            b',' => self.wants_name = self.is_in_object(),
            b':' => self.wants_name = false,
            b'"' => {
                self.is_name = self.wants_name && self.is_in_object();
                self.at = At::Text(false);
            }
            _ => {}
        }
    }

    fn is_in_object(&self) -> bool {
        self.levels.last().is_some_and(|level| !level.is_array)
    }

    fn open(&mut self, is_array: bool) {
        if self.levels.len() < DEEPEST {
            self.levels.push(Level {
                is_array,
                name: Vec::new(),
            });
        } else {
            self.deeper += 1;
        }
        self.wants_name = !is_array;
    }

    fn close(&mut self, happened: &mut impl FnMut(&[Level], Event<'_>)) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else {
            happened(&self.levels, Event::End(self.levels.len()));
            self.levels.pop();
        }
        self.wants_name = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let most = if self.is_name { NAME } else { KEPT };
        let room = most.saturating_sub(self.value.len()).min(bytes.len());
        self.value
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn end_text(&mut self, happened: &mut impl FnMut(&[Level], Event<'_>)) {
        if self.is_name {
            if let (Some(level), 0) = (self.levels.last_mut(), self.deeper) {
                level.name.clear();
                level.name.extend_from_slice(&self.value);
            }
            self.value.zeroize();
            self.is_name = false;
            self.at = At::Between;
        } else {
            self.end_value(happened);
        }
    }

    fn end_value(&mut self, happened: &mut impl FnMut(&[Level], Event<'_>)) {
        if self.deeper == 0 {
            happened(&self.levels, Event::Value(&self.value));
        }
        self.value.zeroize();
        self.at = At::Between;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Event, Json};

    /// Every value with the names that lead to it.
    fn values(text: &str, size: usize) -> Vec<(String, String)> {
        let mut parser = Json::default();
        let mut found = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            parser.advance(piece, |levels, event| {
                if let Event::Value(value) = event {
                    let path: Vec<_> = levels
                        .iter()
                        .map(|level| String::from_utf8_lossy(level.name()).into_owned())
                        .collect();
                    found.push((path.join("."), String::from_utf8_lossy(value).into_owned()));
                }
            });
        }
        assert!(parser.levels().is_empty());
        found
    }

    /// The same by a parser.
    fn expected(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
        let below = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::Object(_) | Value::Array(_) => expected(value, &below(name), found),
                        other => found.push((below(name), text_of(other))),
                    }
                }
            }
            Value::Array(members) => {
                for value in members {
                    // An array's level has no name, but stands in the path.
                    match value {
                        Value::Object(_) | Value::Array(_) => expected(value, &below(""), found),
                        other => found.push((below(""), text_of(other))),
                    }
                }
            }
            other => found.push((path.to_owned(), text_of(other))),
        }
    }

    fn text_of(value: &Value) -> String {
        let text = value.to_string();
        match value {
            Value::String(_) => text[1..text.len() - 1].to_owned(),
            _ => text,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~\u{e4}\n\"\\\\]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..5).prop_map(Value::from),
                prop::collection::hash_map("[a-z]{1,6}", inner, 1..5)
                    .prop_map(|members| json!(members)),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_seen_under_its_names(inner in any_json(), size in 1_usize..40) {
            // In an object, so that every path begins with a name.
            let value = json!({ "top": inner });
            let mut wanted = Vec::new();
            expected(&value, "", &mut wanted);
            prop_assert_eq!(values(&value.to_string(), size), wanted.clone());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(values(&pretty, size), wanted);
        }

        #[test]
        fn whatever_comes_is_no_reason_to_stop(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut parser = Json::default();
            parser.advance(&bytes, |_, _| {});
        }
    }

    #[test]
    fn depth_is_no_way_to_exhaust_memory() {
        let mut parser = Json::default();
        let deep = vec![b'['; 1_000_000];
        parser.advance(&deep, |_, _| {});
        assert_eq!(parser.levels().len(), super::DEEPEST);
        parser.advance(&vec![b']'; 1_000_000], |_, _| {});
        assert!(parser.levels().is_empty());
    }
}
