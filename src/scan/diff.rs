//! Where one is in a diff: commit, file, line, and on which side.
//!
//! Read as git writes it: the numbers of a hunk's head say how many lines belong to it, so that a
//! removed line `-- x`, which stands there as `--- x`, is not taken for the name of a file.

use zeroize::{Zeroize as _, Zeroizing};

use super::path::path_of;
use super::place::{Around, Seen};
use crate::model::Side;

/// Of a line so much is kept; a path is not longer.
const KEPT: usize = 1 << 13;

/// Follows a diff.
#[derive(Debug, Default)]
pub(super) struct Diff {
    commit: Option<Zeroizing<String>>,
    old_path: Option<Zeroizing<String>>,
    new_path: Option<Zeroizing<String>>,
    hunk: Option<Hunk>,
    /// The beginning of the line that one is in.
    line: Zeroizing<Vec<u8>>,
    /// Bytes of it so far.
    column: u64,
}

/// A hunk and what is left of it.
#[derive(Clone, Copy, Debug)]
struct Hunk {
    /// Marks before each line: 1, more in the diff of a merge.
    marks: usize,
    old_line: u64,
    new_line: u64,
    old_left: u64,
    new_left: u64,
}

impl Diff {
    pub(super) fn advance(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            self.column += text.len() as u64;
            // Inside of a hunk only the marks say anything.
            let kept = self.hunk.map_or(KEPT, |hunk| hunk.marks.max(16));
            let room = kept.saturating_sub(self.line.len()).min(text.len());
            self.line
                .extend_from_slice(text.get(..room).unwrap_or_default());
            if ends {
                self.end_line();
                self.line.zeroize();
                self.column = 0;
            }
        }
    }

    pub(super) fn here(&self) -> Seen {
        let column = Some(self.column + 1);
        let commit = self.commit.clone();
        let Some(hunk) = self.hunk else {
            if self.names_ids() {
                return Seen::Id;
            }
            return Seen::Here(Around {
                commit,
                ..Around::default()
            });
        };
        let side = self.side(hunk.marks);
        let removed = side == Side::Removed;
        Seen::Here(Around {
            path: if removed {
                self.old_path.clone()
            } else {
                self.new_path.clone()
            },
            commit,
            // Of several parents it is not said in which the line stood, and where.
            line: match (removed, hunk.marks) {
                (false, _) => Some(hunk.new_line),
                (true, 1) => Some(hunk.old_line),
                (true, _) => None,
            },
            column: column.map(|column| column.saturating_sub(hunk.marks as u64)),
            side: Some(side),
        })
    }

    /// Whether the line is one of those in which ids of commits and blobs stand.
    fn names_ids(&self) -> bool {
        let words: [&[u8]; 5] = [b"commit ", b"index ", b"From ", b"Merge: ", b"similarity "];
        words.iter().any(|words| self.line.starts_with(words))
    }

    fn side(&self, marks: usize) -> Side {
        let marks = self
            .line
            .get(..marks.min(self.line.len()))
            .unwrap_or_default();
        if marks.contains(&b'-') {
            Side::Removed
        } else if marks.contains(&b'+') {
            Side::Added
        } else {
            Side::Context
        }
    }

    fn end_line(&mut self) {
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if let Some(hunk) = self.hunk
            && self.is_of(hunk)
        {
            self.hunk = self.after_line_of(hunk);
            return;
        }
        self.hunk = None;
        if !self.is_head() {
            return;
        }
        let line = std::mem::take(&mut *self.line);
        let line = Zeroizing::new(line);
        let text = Zeroizing::new(String::from_utf8_lossy(&line).into_owned());
        self.read_head(&text);
    }

    /// Whether the line belongs to the hunk that was not at its end. A merge's counts are those of
    /// several files, so its hunk ends where something else begins; so does one that was cut.
    fn is_of(&self, hunk: Hunk) -> bool {
        let marks = self.line.get(..hunk.marks.min(self.line.len()));
        let is_mark = |byte: &u8| matches!(byte, b' ' | b'+' | b'-' | b'\\');
        let is_other =
            hunk.marks > 1 && (self.line.starts_with(b"--- ") || self.line.starts_with(b"+++ "));
        !is_other && marks.is_none_or(|marks| marks.first().is_none_or(is_mark))
    }

    /// The hunk after one more line of it; `None` behind its last.
    fn after_line_of(&self, mut hunk: Hunk) -> Option<Hunk> {
        if self.line.first() == Some(&b'\\') {
            return Some(hunk);
        }
        if hunk.marks > 1 {
            if self.side(hunk.marks) != Side::Removed {
                hunk.new_line += 1;
            }
            return Some(hunk);
        }
        match self.side(1) {
            Side::Added => {
                hunk.new_line += 1;
                hunk.new_left = hunk.new_left.saturating_sub(1);
            }
            Side::Removed => {
                hunk.old_line += 1;
                hunk.old_left = hunk.old_left.saturating_sub(1);
            }
            Side::Context => {
                hunk.new_line += 1;
                hunk.old_line += 1;
                hunk.new_left = hunk.new_left.saturating_sub(1);
                hunk.old_left = hunk.old_left.saturating_sub(1);
            }
        }
        (hunk.old_left + hunk.new_left > 0).then_some(hunk)
    }

    fn is_head(&self) -> bool {
        let heads: [&[u8]; 7] = [
            b"diff ", b"commit ", b"From ", b"--- ", b"+++ ", b"@@", b"rename ",
        ];
        heads.iter().any(|head| self.line.starts_with(head))
    }

    fn read_head(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("commit ").or(line.strip_prefix("From ")) {
            let word = rest.split_whitespace().next().unwrap_or_default();
            if matches!(word.len(), 7..=64) && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                self.commit = Some(Zeroizing::new(word.to_owned()));
                self.old_path = None;
                self.new_path = None;
            }
        } else if line.starts_with("diff ") {
            self.old_path = None;
            self.new_path = None;
        } else if let Some(name) = line.strip_prefix("--- ") {
            self.old_path = path_of(name);
        } else if let Some(name) = line.strip_prefix("+++ ") {
            self.new_path = path_of(name);
        } else if line.starts_with("@@") {
            self.hunk = hunk_of(line);
        }
    }
}

/// `@@ -1,4 +1,5 @@`, or for a merge `@@@ -1,4 -1,3 +1,5 @@@`.
fn hunk_of(line: &str) -> Option<Hunk> {
    let marks = line.bytes().take_while(|&byte| byte == b'@').count() - 1;
    let range = |word: &str| -> Option<(u64, u64)> {
        let (start, count) = word.split_once(',').unwrap_or((word, "1"));
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    let mut words = line.split_whitespace().skip(1);
    let (old_line, old_left) = range(words.next()?.strip_prefix('-')?)?;
    let last = words.take(marks).find_map(|word| word.strip_prefix('+'))?;
    let (new_line, new_left) = range(last)?;
    let is_empty = marks == 1 && old_left + new_left == 0;
    (marks > 0 && !is_empty).then_some(Hunk {
        marks,
        old_line,
        new_line,
        old_left,
        new_left,
    })
}

#[cfg(test)]
mod tests {
    use super::{Diff, Seen};
    use crate::model::Side;

    type Known = (
        Option<String>,
        Option<u64>,
        Option<u64>,
        Option<Side>,
        Option<String>,
    );

    /// What is known at `text`, wherever the pieces that are fed end.
    fn at(diff: &str, text: &str) -> Known {
        let place = diff.find(text).unwrap();
        let mut seen: Vec<Known> = Vec::new();
        for size in [1, 2, 7, 64, place.max(1)] {
            let mut tracker = Diff::default();
            for piece in diff.as_bytes()[..place].chunks(size) {
                tracker.advance(piece);
            }
            let Seen::Here(around) = tracker.here() else {
                panic!("an id");
            };
            let own = |text: Option<zeroize::Zeroizing<String>>| text.map(|text| text.to_string());
            seen.push((
                own(around.path),
                around.line,
                around.column,
                around.side,
                own(around.commit),
            ));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
        seen.remove(0)
    }

    const LOG: &str = "\
commit 9fceb02d0ae598e95dc970b74767f19372d61af8 (HEAD -> main)
Author: Mira <mira@example.com>

    Rotate MESSAGE

diff --git a/deploy/env b/deploy/prod env
similarity index 90%
rename from deploy/env
rename to deploy/prod env
index 83db48f..bf2a1c3 100644
--- a/deploy/env\t
+++ b/deploy/prod env\t
@@ -3,4 +3,4 @@ section
 three
--- OLD
+++ NEW
 five KEPT
-six
+
\\ No newline at end of file
diff --git \"a/p\\303\\244th\" \"b/p\\303\\244th\"
--- /dev/null
+++ \"b/p\\303\\244th\"
@@ -0,0 +1 @@
+ONLY
commit 1111111111111111111111111111111111111111
    SECOND
";

    #[test]
    fn a_line_is_told_with_its_commit_file_and_side() {
        let first = Some("9fceb02d0ae598e95dc970b74767f19372d61af8".to_owned());
        let path = |path: &str| Some(path.to_owned());
        assert_eq!(at(LOG, "MESSAGE"), (None, None, None, None, first.clone()));
        assert_eq!(
            at(LOG, "OLD"),
            (
                path("deploy/env"),
                Some(4),
                Some(4),
                Some(Side::Removed),
                first.clone()
            )
        );
        assert_eq!(
            at(LOG, "NEW"),
            (
                path("deploy/prod env"),
                Some(4),
                Some(4),
                Some(Side::Added),
                first.clone()
            )
        );
        assert_eq!(
            at(LOG, "KEPT"),
            (
                path("deploy/prod env"),
                Some(5),
                Some(6),
                Some(Side::Context),
                first.clone()
            )
        );
        assert_eq!(
            at(LOG, "ONLY"),
            (path("päth"), Some(1), Some(1), Some(Side::Added), first)
        );
        assert_eq!(at(LOG, "SECOND").4, Some("1".repeat(40)));
    }

    #[test]
    fn a_merge_is_told_as_far_as_it_says() {
        let merge = "diff --cc x\n--- a/x\n+++ b/x\n@@@ -1,2 -1,2 +1,3 @@@\n  one\n+ OURS\n -GONE\n++BOTH\n";
        let told = |text: &str| {
            let (_, line, column, side, _) = at(merge, text);
            (line, column, side)
        };
        assert_eq!(told("OURS"), (Some(2), Some(1), Some(Side::Added)));
        assert_eq!(told("GONE"), (None, Some(1), Some(Side::Removed)));
        assert_eq!(told("BOTH"), (Some(3), Some(1), Some(Side::Added)));
    }

    #[test]
    fn ids_are_not_secrets() {
        for head in ["commit ", "index ", "From "] {
            let mut tracker = Diff::default();
            tracker.advance(head.as_bytes());
            assert!(matches!(tracker.here(), Seen::Id), "{head}");
        }
    }
}
