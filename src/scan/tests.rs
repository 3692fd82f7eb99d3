//! Scanning whole texts: what is found does not depend on how they are read.

use std::io::{self, Read};

use proptest::prelude::*;

use super::{Format, Leak, Options, Progress, scan};
use crate::adapter::{Adapter, SecretShape, builtin};

const TOKEN: &str = "aB3dE5gH7j-abcdefghijklmnopqrstuv";
const OTHER: &str = "0000000000-ABCDEFGHIJKLMNOPQRSTUV";
const KEY: &str = "c09577d8d8811e0c040906623091d9e9f028e092";

fn adapter(name: &str) -> Adapter {
    let mut known = builtin().unwrap().into_iter();
    known.find(|adapter| adapter.name == name).unwrap()
}

/// A reader that gives so many bytes at once.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.1.min(into.len()).min(self.0.len());
        let (now, later) = self.0.split_at(size);
        into[..size].copy_from_slice(now);
        self.0 = later;
        Ok(size)
    }
}

fn swept(adapter_name: &str, text: &[u8], chunk: usize, format: Option<Format>) -> (Leak, Format) {
    let adapter = adapter(adapter_name);
    let shape = SecretShape::of(&adapter).unwrap();
    let options = Options {
        format,
        chunk,
        ..Options::default()
    };
    let progress = Progress::default();
    scan(&mut Slow(text, chunk), &shape, options, &progress).unwrap()
}

/// Last four characters and places.
type Told = Vec<(String, Vec<(u64, Option<u64>, Option<u64>)>)>;

fn told(leak: &Leak) -> Told {
    (0..leak.len())
        .filter_map(|number| leak.secret(number))
        .map(|secret| {
            let places = secret.places(None).into_iter();
            let places = places.map(|place| (place.offset, place.line, place.column));
            (secret.last_four(), places.collect())
        })
        .collect()
}

#[test]
fn a_secret_across_any_border_of_chunks_is_found() {
    for (name, secret) in [("coder", TOKEN), ("django-rest-framework", KEY)] {
        // Longer than the head that tells the format, so that small chunks follow it.
        for chunk in [1, 2, 3, 7, 40, 41, 64] {
            for at in 0..=chunk + 48 {
                let before = (1 << 16) + at;
                let mut text = vec![b'.'; before];
                text.extend_from_slice(secret.as_bytes());
                text.extend_from_slice(b"!tail of the text");
                let (leak, _) = swept(name, &text, chunk, None);
                let place = (before as u64, Some(1), Some(before as u64 + 1));
                let wanted = vec![(secret[secret.len() - 4..].to_owned(), vec![place])];
                assert_eq!(told(&leak), wanted, "{name} {chunk} {at}");
            }
        }
    }
}

#[test]
fn binary_bytes_and_the_ends_of_the_text_hide_nothing() {
    let mut text = TOKEN.as_bytes().to_vec();
    text.extend_from_slice(b"\0\xff\xfe\x80\n\0");
    text.extend_from_slice(OTHER.as_bytes());
    let (leak, format) = swept("coder", &text, 5, None);
    assert_eq!(format, Format::Text);
    let places = vec![
        ("stuv".to_owned(), vec![(0, Some(1), Some(1))]),
        ("STUV".to_owned(), vec![(39, Some(2), Some(2))]),
    ];
    assert_eq!(told(&leak), places);
    assert_eq!([leak.bytes(), leak.occurrences()], [72, 2]);
}

#[test]
fn a_secret_that_stands_often_is_one_with_bounded_places() {
    let text = format!("{TOKEN}\n").repeat(250);
    let (leak, _) = swept("coder", text.as_bytes(), 1 << 18, None);
    let secret = leak.secret(0).unwrap();
    assert_eq!([leak.len(), secret.places(None).len()], [1, 100]);
    assert_eq!([leak.occurrences(), secret.occurrences()], [250, 250]);
    assert_eq!(secret.places(None)[99].line, Some(100));
    assert!(!format!("{leak:?}").contains("abcdefghijklmnopqrstuv"));
}

proptest! {
    #[test]
    fn what_is_found_is_what_the_pattern_matches(
        pieces in prop::collection::vec(prop_oneof![
            Just(TOKEN.to_owned()), Just(OTHER.to_owned()), Just("-".to_owned()),
            Just("\n".to_owned()), "[0-9A-Za-z -]{0,40}",
        ], 0..12),
        chunk in 1_usize..100,
    ) {
        let text = pieces.concat();
        let pattern = regex::Regex::new("[0-9A-Za-z]{10}-[0-9A-Za-z]{22}").unwrap();
        let (leak, _) = swept("coder", text.as_bytes(), chunk, Some(Format::Text));
        let mut found: Vec<u64> = told(&leak)
            .into_iter()
            .flat_map(|(_, places)| places.into_iter().map(|place| place.0))
            .collect();
        found.sort_unstable();
        let wanted: Vec<u64> = pattern.find_iter(&text).map(|found| found.start() as u64).collect();
        prop_assert_eq!(found, wanted);
    }
}
