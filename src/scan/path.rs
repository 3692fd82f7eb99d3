//! Names of files as a diff writes them.

use zeroize::Zeroizing;

/// A file's name without git's `a/` or `b/`, without what `diff` puts behind a tab, and with git's
/// escapes resolved; `None` for /dev/null.
pub(super) fn path_of(name: &str) -> Option<Zeroizing<String>> {
    let quoted = name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let name = match quoted {
        Some(quoted) => unquote(quoted),
        None => Zeroizing::new(name.split('\t').next().unwrap_or_default().to_owned()),
    };
    if *name == "/dev/null" {
        return None;
    }
    let bare = match name.as_bytes() {
        [b'a' | b'b' | b'c' | b'i' | b'o' | b'w', b'/', ..] => name.get(2..).unwrap_or_default(),
        _ => name.as_str(),
    };
    Some(Zeroizing::new(bare.to_owned()))
}

/// A name in C's escapes.
fn unquote(quoted: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(quoted.len()));
    let mut rest = quoted.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let mut octal = 0_u32;
        let mut digits = 0;
        while digits < 3
            && let Some(digit) = rest.peek().and_then(|byte| char::from(*byte).to_digit(8))
        {
            octal = octal * 8 + digit;
            digits += 1;
            rest.next();
        }
        if digits > 0 {
            bytes.push(u8::try_from(octal).unwrap_or(b'?'));
        } else if let Some(letter) = rest.next() {
            bytes.push(match letter {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                other => other,
            });
        }
    }
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn names_are_read_as_git_writes_them() {
        let name = |text: &str| path_of(text).map(|name| name.to_string());
        assert_eq!(name("b/src/x.rs"), Some("src/x.rs".to_owned()));
        assert_eq!(
            name("src/x.rs\t2026-08-21 10:00"),
            Some("src/x.rs".to_owned())
        );
        assert_eq!(name(r#""b/a\tb\"c\\d""#), Some("a\tb\"c\\d".to_owned()));
        assert_eq!(name("/dev/null"), None);
    }
}
