//! Where one is in a secret scanner's report: which finding, and where it says that it was found.

use zeroize::Zeroizing;

use super::format::Format;
use super::json::{Event, Json, Level};
use super::place::{Around, Seen};

/// Follows a report.
#[derive(Debug)]
pub(super) struct Report {
    format: Format,
    json: Json,
    around: Around,
    /// The page of the finding, where no file is named.
    link: Option<Zeroizing<String>>,
}

/// What a member of a finding says of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Path,
    Link,
    Commit,
    Line,
    Column,
}

impl Report {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            json: Json::default(),
            around: Around::default(),
            link: None,
        }
    }

    pub(super) fn advance(&mut self, bytes: &[u8], mut told: impl FnMut(Around)) {
        let Self {
            format,
            json,
            around,
            link,
        } = self;
        json.advance(bytes, |levels, event| match event {
            Event::Value(value) => {
                if let Some(field) = field(*format, levels) {
                    note(around, link, field, value);
                }
            }
            Event::End(depth) => {
                if is_finding(*format, levels, depth) {
                    let link = link.take();
                    around.path = around.path.take().or(link);
                    told(std::mem::take(around));
                }
            }
        });
    }

    pub(super) fn here(&self) -> Seen {
        let levels = self.json.levels();
        let ids: [&[u8]; 5] = [
            b"Commit",
            b"Fingerprint",
            b"commit",
            b"commitSha",
            b"revisionId",
        ];
        let name = levels.last().map(Level::name).unwrap_or_default();
        if ids.contains(&name) {
            return Seen::Id;
        }
        let depth = finding_depth(self.format);
        let outer = levels.get(..depth).unwrap_or_default();
        if is_finding(self.format, outer, depth) {
            Seen::Later
        } else {
            Seen::Here(Around::default())
        }
    }

    pub(super) fn around(&self) -> Around {
        self.around.clone()
    }
}

/// How deep inside of the document one is in a finding.
fn finding_depth(format: Format) -> usize {
    match format {
        Format::Gitleaks => 2,
        Format::Sarif => 5,
        Format::Text | Format::Diff | Format::Trufflehog => 1,
    }
}

/// Whether the innermost of these levels is a finding.
fn is_finding(format: Format, levels: &[Level], depth: usize) -> bool {
    if depth != finding_depth(format) || levels.len() != depth {
        return false;
    }
    let kinds = levels.iter().map(Level::is_array);
    match format {
        Format::Gitleaks => kinds.eq([true, false]),
        Format::Trufflehog => kinds.eq([false]),
        Format::Sarif => {
            let name = |level: usize| levels.get(level).map(Level::name).unwrap_or_default();
            kinds.eq([false, true, false, true, false])
                && name(0) == b"runs"
                && name(2) == b"results"
        }
        Format::Text | Format::Diff => false,
    }
}

/// What the value at this place tells.
fn field(format: Format, levels: &[Level]) -> Option<Field> {
    let depth = finding_depth(format);
    if !is_finding(format, levels.get(..depth)?, depth) {
        return None;
    }
    let names: Vec<&[u8]> = levels.iter().skip(depth - 1).map(Level::name).collect();
    match (format, names.as_slice()) {
        (Format::Gitleaks, [name]) => match *name {
            b"File" => Some(Field::Path),
            b"Commit" => Some(Field::Commit),
            b"StartLine" => Some(Field::Line),
            b"StartColumn" => Some(Field::Column),
            _ => None,
        },
        (Format::Trufflehog, [b"SourceMetadata", b"Data", _, name]) => match *name {
            b"file" | b"path" | b"filename" => Some(Field::Path),
            b"link" => Some(Field::Link),
            b"commit" => Some(Field::Commit),
            b"line" => Some(Field::Line),
            _ => None,
        },
        (Format::Sarif, [b"partialFingerprints", b"commitSha"]) => Some(Field::Commit),
        (Format::Sarif, [b"locations", _, b"physicalLocation", part, name]) => {
            match (*part, *name) {
                (b"artifactLocation", b"uri") => Some(Field::Path),
                (b"region", b"startLine") => Some(Field::Line),
                (b"region", b"startColumn") => Some(Field::Column),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Keeps it, the first of several: a finding's first location is its own.
fn note(around: &mut Around, link: &mut Option<Zeroizing<String>>, field: Field, value: &[u8]) {
    let text = || {
        // Written by a JSON writer, so read by a reader; as it stands where it is cut.
        let mut quoted = Zeroizing::new(Vec::with_capacity(value.len() + 2));
        quoted.push(b'"');
        quoted.extend_from_slice(value);
        quoted.push(b'"');
        let read = serde_json::from_slice::<String>(&quoted);
        let text = read.unwrap_or_else(|_cut| String::from_utf8_lossy(value).into_owned());
        (!text.is_empty()).then(|| Zeroizing::new(text))
    };
    let number = || {
        std::str::from_utf8(value)
            .ok()?
            .parse()
            .ok()
            .filter(|&number: &u64| number > 0)
    };
    match field {
        Field::Path if around.path.is_none() => around.path = text(),
        Field::Link if link.is_none() => *link = text(),
        Field::Commit if around.commit.is_none() => around.commit = text(),
        Field::Line if around.line.is_none() => around.line = number(),
        Field::Column if around.column.is_none() => around.column = number(),
        Field::Path | Field::Link | Field::Commit | Field::Line | Field::Column => {}
    }
}
