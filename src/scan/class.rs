//! A pattern as a row of classes of bytes, where it is one.

use regex_syntax::hir::{Class as HirClass, Hir, HirKind};

/// The longest row that is worth a table each, and the longest secret of a pattern without an end.
pub(super) const LONGEST: usize = 1024;

/// Which bytes may stand at one place.
pub(super) type Class = [bool; 256];

/// The classes of a pattern that is a row of them.
pub(super) fn flatten(hir: &Hir, classes: &mut Vec<Class>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => {
            for &byte in &literal.0 {
                classes.push(class_of([(byte, byte)]));
            }
        }
        HirKind::Class(HirClass::Bytes(class)) => {
            classes.push(class_of(
                class
                    .ranges()
                    .iter()
                    .map(|range| (range.start(), range.end())),
            ));
        }
        HirKind::Class(HirClass::Unicode(class)) => {
            let ranges = class.ranges().iter().map(|range| {
                let ascii = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
                Some((ascii(range.start())?, ascii(range.end())?))
            });
            classes.push(class_of(ranges.collect::<Option<Vec<_>>>()?));
        }
        HirKind::Capture(capture) => flatten(&capture.sub, classes)?,
        HirKind::Concat(parts) => {
            for part in parts {
                flatten(part, classes)?;
            }
        }
        HirKind::Repetition(repetition) if repetition.max == Some(repetition.min) => {
            for _ in 0..repetition.min {
                flatten(&repetition.sub, classes)?;
                if classes.len() > LONGEST {
                    return None;
                }
            }
        }
        HirKind::Repetition(_) | HirKind::Look(_) | HirKind::Alternation(_) => return None,
    }
    Some(())
}

fn class_of(ranges: impl IntoIterator<Item = (u8, u8)>) -> Class {
    let mut class = [false; 256];
    for (first, last) in ranges {
        for byte in first..=last {
            if let Some(member) = class.get_mut(usize::from(byte)) {
                *member = true;
            }
        }
    }
    class
}

pub(super) fn is_in(class: &Class, byte: u8) -> bool {
    class.get(usize::from(byte)).copied().unwrap_or(false)
}
