//! What a leak held: each secret once, with its places.
//!
//! A secret is known again by a digest of it, so that nothing of its own stays. Per secret some 150
//! bytes are kept, and 40 per place; how many places are kept is bounded, how many there were is
//! counted.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::finder::Finder;
use super::place::Around;
use crate::adapter::{SecretParts, SecretShape};
use crate::model::{Hit, HitVerdict, Place, Side, Token, hex};

/// No place comes next.
const NONE: u32 = u32::MAX;

/// How a secret is known again: half of its sha256.
type Print = [u8; 16];

/// The secrets of a leak, in the order in which they were first seen.
#[derive(Debug)]
pub struct Leak {
    known: HashMap<Print, u32>,
    entries: Vec<Entry>,
    /// Keys of the entries, one behind the other.
    keys: String,
    /// Digests of the entries, likewise.
    digests: Vec<u8>,
    spots: Vec<Spot>,
    arounds: Vec<Named>,
    interned: HashMap<Named, u32>,
    /// Places that are kept of one secret, and of all.
    places_of_one: usize,
    bytes: u64,
    occurrences: u64,
}

/// Places that are kept of all secrets together: 40 MB.
const PLACES: usize = 1_000_000;

#[derive(Debug)]
struct Entry {
    key: Option<(usize, u32)>,
    digest: Option<(usize, u32)>,
    last_four: [char; 4],
    first: u32,
    last: u32,
    kept: u32,
    occurrences: u64,
}

/// A place that is kept, and the next of the same secret.
#[derive(Debug)]
struct Spot {
    offset: u64,
    line: u64,
    column: u64,
    named: u32,
    side: Option<Side>,
    next: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Named {
    path: Option<Box<str>>,
    commit: Option<Box<str>>,
}

/// One secret, without itself.
#[derive(Clone, Copy, Debug)]
pub struct Secret<'a> {
    leak: &'a Leak,
    entry: &'a Entry,
}

impl Leak {
    pub(super) fn new(places_of_one: usize) -> Self {
        Self {
            known: HashMap::new(),
            entries: Vec::new(),
            keys: String::new(),
            digests: Vec::new(),
            spots: Vec::new(),
            arounds: Vec::new(),
            interned: HashMap::new(),
            places_of_one,
            bytes: 0,
            occurrences: 0,
        }
    }

    /// How many different secrets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes were read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How often a secret stood in them.
    #[must_use]
    pub fn occurrences(&self) -> u64 {
        self.occurrences
    }

    /// One secret, by its number in the order of the leak.
    #[must_use]
    pub fn secret(&self, number: usize) -> Option<Secret<'_>> {
        let entry = self.entries.get(number)?;
        Some(Secret { leak: self, entry })
    }

    pub(super) fn read(&mut self, bytes: u64) {
        self.bytes = bytes;
    }

    /// The number of a secret, which is new or known; `None` where it is none after all.
    pub(super) fn number(&mut self, secret: &[u8], shape: &SecretShape<'_>) -> Option<u32> {
        let digest = Sha256::digest(secret);
        let print = Print::try_from(digest.get(..16)?).ok()?;
        if let Some(&number) = self.known.get(&print) {
            return Some(number);
        }
        let text = std::str::from_utf8(secret).ok()?;
        let SecretParts { key, digest } = shape.read(text)?;
        let number = u32::try_from(self.entries.len()).ok()?;
        let mut last_four = ['\0'; 4];
        for (place, c) in last_four.iter_mut().rev().zip(text.chars().rev()) {
            *place = c;
        }
        let key = key.map(|key| {
            let start = self.keys.len();
            self.keys.push_str(&key);
            (start, length(key.len()))
        });
        let digest = digest.map(|digest| {
            let bytes = unhex(&digest);
            let start = self.digests.len();
            self.digests.extend_from_slice(&bytes);
            (start, length(bytes.len()))
        });
        self.entries.push(Entry {
            key,
            digest,
            last_four,
            first: NONE,
            last: NONE,
            kept: 0,
            occurrences: 0,
        });
        self.known.insert(print, number);
        Some(number)
    }

    /// Notes one more place of a secret.
    pub(super) fn place(&mut self, number: u32, offset: u64, around: &Around, mask: Mask<'_>) {
        self.occurrences += 1;
        let is_full = self.spots.len() >= PLACES;
        let places_of_one = self.places_of_one;
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        entry.occurrences += 1;
        // The first place of a secret is always kept.
        if entry.kept > 0 && (is_full || entry.kept as usize >= places_of_one) {
            return;
        }
        let (Ok(spot), false) = (
            u32::try_from(self.spots.len()),
            self.spots.len() >= NONE as usize,
        ) else {
            return;
        };
        entry.kept += 1;
        let previous = std::mem::replace(&mut entry.last, spot);
        if previous == NONE {
            entry.first = spot;
        } else if let Some(previous) = self.spots.get_mut(previous as usize) {
            previous.next = spot;
        }
        let named = self.intern(around, mask);
        self.spots.push(Spot {
            offset,
            line: around.line.unwrap_or(0),
            column: around.column.unwrap_or(0),
            named,
            side: around.side,
            next: NONE,
        });
    }

    fn intern(&mut self, around: &Around, mask: Mask<'_>) -> u32 {
        let masked = |text: Option<&str>| text.map(|text| mask.text(text).into_boxed_str());
        let named = Named {
            path: masked(around.path.as_ref().map(|text| text.as_str())),
            commit: masked(around.commit.as_ref().map(|text| text.as_str())),
        };
        if let Some(&known) = self.interned.get(&named) {
            return known;
        }
        let number = length(self.arounds.len());
        self.arounds.push(named.clone());
        self.interned.insert(named, number);
        number
    }
}

impl Secret<'_> {
    /// What it leads to.
    #[must_use]
    pub fn parts(&self) -> SecretParts {
        SecretParts {
            key: self.key().map(str::to_owned),
            digest: self.digest(),
        }
    }

    /// The key that it carries.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let (start, length) = self.entry.key?;
        self.leak.keys.get(start..start + length as usize)
    }

    /// What the application stores of it, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        let (start, length) = self.entry.digest?;
        let bytes = self.leak.digests.get(start..start + length as usize)?;
        Some(hex(bytes))
    }

    /// Its last four characters.
    #[must_use]
    pub fn last_four(&self) -> String {
        let last = self.entry.last_four.iter();
        last.filter(|&&c| c != '\0').collect()
    }

    /// How often it stood in the leak.
    #[must_use]
    pub fn occurrences(&self) -> u64 {
        self.entry.occurrences
    }

    /// The same with what it is worth; `input` is the file that was read.
    #[must_use]
    pub fn hit(
        &self,
        input: Option<&str>,
        verdict: HitVerdict,
        verified: Option<bool>,
        token: Option<Token>,
    ) -> Hit {
        let key = token.as_ref().map(|token| token.key.as_str());
        Hit {
            verdict,
            key: key.or(self.key()).map(str::to_owned),
            last_four: self.last_four(),
            verified,
            token,
            occurrences: self.occurrences(),
            places: self.places(input),
        }
    }

    /// Where, as far as that was kept; `input` is the file that was read.
    #[must_use]
    pub fn places(&self, input: Option<&str>) -> Vec<Place> {
        let mut places = Vec::with_capacity(self.entry.kept as usize);
        let mut next = self.entry.first;
        while let Some(spot) = self.leak.spots.get(next as usize) {
            next = spot.next;
            let named = self.leak.arounds.get(spot.named as usize);
            let text = |text: Option<&Box<str>>| text.map(ToString::to_string);
            let path = text(named.and_then(|named| named.path.as_ref()));
            places.push(Place {
                path: path.or_else(|| input.map(str::to_owned)),
                line: (spot.line > 0).then_some(spot.line),
                column: (spot.column > 0).then_some(spot.column),
                commit: text(named.and_then(|named| named.commit.as_ref())),
                side: spot.side,
                offset: spot.offset,
            });
        }
        places
    }
}

/// Takes secrets out of texts that name places: a path may hold one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask<'a> {
    pub(super) finder: &'a Finder,
}

impl Mask<'_> {
    /// The text with only the last four characters of every secret in it.
    pub(super) fn text(self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut done = 0;
        while let Some(found) = self.finder.find(text.as_bytes(), done, text.len()) {
            let secret = text.get(found.start..found.end).unwrap_or_default();
            let tail = secret.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
            masked.push_str(text.get(done..found.start).unwrap_or_default());
            masked.push('…');
            masked.push_str(secret.get(tail..).unwrap_or_default());
            done = found.end;
        }
        masked.push_str(text.get(done..).unwrap_or_default());
        masked
    }
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NONE)
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .filter_map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}
