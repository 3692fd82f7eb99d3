//! JSON that is believed only as a whole: no member is named twice, and one digest stands for all
//! of it however it is written.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use super::hex;

/// The largest number below which every whole one has a double of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value in which no object names a member twice: of two, a reader sees the one and a program
/// the other.
pub(super) struct Strict(pub(super) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(member)) = members.next_element()? {
            array.push(member);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "the member {name:?} stands there twice"
                )));
            }
            let Strict(member) = members.next_value()?;
            object.insert(name, member);
        }
        Ok(Value::Object(object))
    }
}

/// sha256 in hex of a value in its canonical form: members in the order of their names, no blanks,
/// no escape that is not needed, and a whole number without a point. How it was written does not
/// matter; what it says does.
pub(super) fn digest(mut value: Value) -> String {
    value.sort_all_objects();
    spell_numbers(&mut value);
    hex(&Sha256::digest(value.to_string()))
}

fn spell_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Value::Array(members) => members.iter_mut().for_each(spell_numbers),
        Value::Object(members) => members.values_mut().for_each(spell_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// `1.0` and `1e0` as `1`. Beyond 2⁵³ a double stands for several numbers, and stays one.
fn whole(number: &Number) -> Option<Number> {
    let double = number.as_f64().filter(|_| number.is_f64())?;
    let is_whole = double.fract() == 0.0 && double.abs() <= EXACT;
    // A zero below zero is told from zero.
    if !is_whole || (double == 0.0 && double.is_sign_negative()) {
        return None;
    }
    format!("{double:.0}").parse::<i64>().ok().map(Number::from)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Strict, digest};

    fn digest_of(text: &str) -> String {
        let Strict(value) = serde_json::from_str(text).unwrap();
        digest(value)
    }

    #[test]
    fn how_it_is_written_does_not_matter() {
        let one = digest_of("{\"a\":[1,\"\u{e9}\u{1f600}/\"],\"b\":{\"c\":null,\"d\":0.5}}");
        for same in [
            "{ \"b\": {\"d\":5e-1, \"c\":null},\n\t\"a\": [1.0, \"\\u00e9\\uD83D\\ude00\\/\"] }",
            "{\"\\u0061\":[1e0,\"\u{e9}\u{1f600}/\"],\"b\":{\"c\":null,\"d\":0.50}}",
        ] {
            assert_eq!(digest_of(same), one, "{same}");
        }
    }

    #[test]
    fn what_it_says_does() {
        let texts = [
            "null",
            "false",
            "true",
            "0",
            "-0",
            "1",
            "-1",
            "1.5",
            "1.5000000000000002",
            "\"\"",
            "\"0\"",
            "\"1\"",
            "\"null\"",
            "[]",
            "[null]",
            "[1,2]",
            "[2,1]",
            "[[1],2]",
            "[[1,2]]",
            "{}",
            "{\"a\":null}",
            "{\"a\":\"\"}",
            "{\"A\":\"\"}",
            "{\"a\":{\"b\":1}}",
            "{\"a\":{},\"b\":1}",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "1e301",
            "\"a\\u0000\"",
            "\"a\"",
            "\"\u{e9}\"",
            "\"e\u{301}\"",
        ];
        let mut digests: Vec<String> = texts.iter().map(|text| digest_of(text)).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), texts.len());
    }

    #[test]
    fn a_double_survives_being_written() {
        for double in [0.1, 1.0 / 3.0, 5e-324, f64::MAX, 123_456_789.123_456_79] {
            let text = Value::from(double).to_string();
            let again: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(again.as_f64(), Some(double), "{text}");
        }
    }

    #[test]
    fn a_member_that_stands_there_twice_is_refused_with_its_place() {
        let told = |text: &str| {
            let read: Result<Strict, _> = serde_json::from_str(text);
            read.map(|_read| ()).unwrap_err().to_string()
        };
        assert_eq!(
            told("{\"a\":\n[{\"b\":1,\"\\u0062\":1}]}"),
            "the member \"b\" stands there twice at line 2 column 16"
        );
        assert!(told("{\"a\":1,\"a\":1}").contains("twice"));
    }
}
