//! Characters that must not reach a terminal: those that move the cursor, change colours, or turn
//! the reading direction so that a name reads as another.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything invisible or direction-changing spelt out, on one line.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_hidden(c) => {
                // Writing to a String cannot fail.
                let _written = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The same inside of JSON text, where these characters stand in strings only: the value stays
/// as it is, its spelling is one that no terminal obeys.
pub(super) fn json_spelling(json: &str) -> Cow<'_, str> {
    if !json.chars().any(|c| is_hidden(c) && c != '\n') {
        return Cow::Borrowed(json);
    }
    let mut spelt = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hidden(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _written = write!(spelt, "\\u{unit:04x}");
            }
        } else {
            spelt.push(c);
        }
    }
    Cow::Owned(spelt)
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::{json_spelling, visible};

    #[test]
    fn what_a_terminal_would_obey_is_spelt_out() {
        assert_eq!(
            visible("ci\u{1b}[2J\n\u{202e}x"),
            "ci\\u{1b}[2J\\n\\u{202e}x"
        );
        assert_eq!(visible("Zoë – 日本"), "Zoë – 日本");
    }

    #[test]
    fn json_keeps_its_value() {
        let json = serde_json::to_string("a\u{202e}b\u{9b}c").unwrap();
        let spelt = json_spelling(&json);
        assert!(spelt.is_ascii());
        assert_eq!(
            serde_json::from_str::<String>(&spelt).unwrap(),
            "a\u{202e}b\u{9b}c"
        );
    }
}
