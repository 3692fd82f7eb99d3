//! The command that makes Redis forget a token: printed for the operator, never run.

use std::fmt::Write as _;

use super::file::Adapter;
use crate::model::Token;

/// A key in Redis with places for what is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Key,
    Owner,
    Label,
}

impl KeyPattern {
    /// Reads `session:{key}`. `{{` and `}}` are braces, which Redis Cluster's hash tags need.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let (name, after) = brace
                    .strip_prefix('{')
                    .and_then(|named| named.split_once('}'))
                    .ok_or(
                        "a `{` or `}` stands alone; a brace of the key itself is written twice",
                    )?;
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(match name {
                    "key" => Piece::Key,
                    "owner" => Piece::Owner,
                    "label" => Piece::Label,
                    // Nothing else, so that no column that holds a secret can be named.
                    other => {
                        return Err(format!(
                            "`{{{other}}}` is none of {{key}}, {{owner}} and {{label}}"
                        ));
                    }
                });
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        if pieces.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self(pieces))
    }

    /// Whether the adapter knows what the places are for.
    pub(super) fn check(&self, adapter: &Adapter) -> Result<(), String> {
        if self.0.contains(&Piece::Label) && adapter.token.label.is_none() {
            return Err("{label}: the [token] section names no label".to_owned());
        }
        if self.0.contains(&Piece::Owner) && adapter.owner.is_none() {
            return Err("{owner}: there is no [owner] section".to_owned());
        }
        Ok(())
    }

    /// The command for a token; `None` where it has not what the key wants.
    pub(super) fn command(&self, token: &Token) -> Option<String> {
        let mut key = String::new();
        for piece in &self.0 {
            key.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Key => &token.key,
                Piece::Owner => &token.owner.as_ref()?.id,
                Piece::Label => token.label.as_deref()?,
            });
        }
        Some(format!("redis-cli DEL {}", quoted(&key)))
    }
}

/// One word for a shell, whatever is in it. What a terminal would obey or hide is spelt out, in the
/// form that bash, zsh and POSIX 2024 read (`$'…'`, octal, which ends after three digits).
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    if word.chars().all(is_plain) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            c if is_plain(c) => text.push(c),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a String cannot fail.
                    let _written = write!(text, "\\{byte:03o}");
                }
            }
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::{KeyPattern, quoted};

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in [
            "session:abc",
            "'; rm -rf /",
            "$(id) `id` \"x\" \\ * ? ~ !",
            "two\nlines\r\tand \u{1b}[2J",
            "turned \u{202e} round '\\' \u{9b}7",
            "Zoë – 日本",
            "\\",
            "",
            "-n",
            "1\u{1}7",
        ] {
            let command = format!("printf %s. {}", quoted(word));
            assert!(
                !command.contains(['\n', '\u{1b}', '\u{202e}', '\u{9b}']),
                "{command}"
            );
            let output = std::process::Command::new("bash")
                .args(["-c", &command])
                .output()
                .unwrap();
            assert_eq!(output.stderr, b"", "{command}");
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("{word}.")
            );
        }
    }

    #[test]
    fn placeholders_are_three() {
        assert!(KeyPattern::parse("a:{key}:{{tag}}:{owner}/{label}").is_ok());
        for (wrong, why) in [
            ("{hashed_secret}", "`{hashed_secret}` is none of"),
            ("{Key}", "none of"),
            ("{}", "`{}` is none of"),
            ("a{key", "stands alone"),
            ("a}", "stands alone"),
            ("", "empty"),
        ] {
            let error = KeyPattern::parse(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
