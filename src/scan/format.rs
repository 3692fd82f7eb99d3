//! What kind of leak it is.

use memchr::memmem;

/// How a leak is written. Whichever it is, every byte is looked at; the format tells only where a
/// secret stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text or a log, or anything else.
    Text,
    /// What `git diff`, `git show`, `git log -p` and `git format-patch` write.
    Diff,
    /// A JSON report of gitleaks.
    Gitleaks,
    /// What `trufflehog --json` writes: an object a line.
    Trufflehog,
    /// SARIF 2.1.0, of any tool.
    Sarif,
}

/// Bytes at the beginning that tell the format.
pub(super) const HEAD: usize = 1 << 16;

impl Format {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Diff => "diff",
            Self::Gitleaks => "gitleaks",
            Self::Trufflehog => "trufflehog",
            Self::Sarif => "sarif",
        }
    }

    /// The format of what begins like this.
    pub(super) fn detect(head: &[u8]) -> Self {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let text = head.trim_ascii_start();
        let has = |words: &str| memmem::find(text, words.as_bytes()).is_some();
        let is_list = text.first() == Some(&b'[');
        if is_list && has("\"RuleID\"") && has("\"StartLine\"") {
            return Self::Gitleaks;
        }
        if text.first() == Some(&b'{') {
            if has("\"SourceMetadata\"") && has("\"DetectorName\"") {
                return Self::Trufflehog;
            }
            if has("\"runs\"") && has("\"version\"") {
                return Self::Sarif;
            }
        }
        let mut lines = head.split(|&byte| byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let next = lines.peek().copied().unwrap_or_default();
            let is_bare = line.starts_with(b"--- ") && next.starts_with(b"+++ ");
            let is_headed = ["diff --git ", "diff --cc ", "diff --combined "]
                .iter()
                .any(|words| line.starts_with(words.as_bytes()));
            if is_bare || is_headed {
                return Self::Diff;
            }
        }
        Self::Text
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn the_beginning_tells_the_format() {
        for (head, format) in [
            ("", Format::Text),
            ("2026-08-21 GET / 200", Format::Text),
            ("[1, 2]", Format::Text),
            ("{\"level\":\"info\"}", Format::Text),
            (
                " [ {\"RuleID\": \"x\", \"StartLine\": 1}]",
                Format::Gitleaks,
            ),
            ("\u{feff}{\"version\":\"2.1.0\",\"runs\":[]}", Format::Sarif),
            (
                "{\"level\":\"info-0\"}\n{\"SourceMetadata\":{},\"DetectorName\":\"x\"}",
                Format::Trufflehog,
            ),
            ("commit 1\n\n  x\n\ndiff --git a/x b/x\n", Format::Diff),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n", Format::Diff),
            ("--- a/x\nand so on\n", Format::Text),
        ] {
            assert_eq!(Format::detect(head.as_bytes()), format, "{head}");
        }
    }
}
