//! A million keys, held close together.

/// Keys in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    text: String,
    /// Where each ends in the text.
    ends: Vec<usize>,
}

impl Keys {
    pub(super) fn push(&mut self, key: &str) {
        self.text.push_str(key);
        self.ends.push(self.text.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }

    pub(super) fn first(&self) -> Option<&str> {
        self.get(0)
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.get(self.len().checked_sub(1)?)
    }

    /// So many of them from a place on, or those that there are.
    pub(super) fn slice(&self, from: usize, many: usize) -> impl Iterator<Item = &str> {
        let until = from.saturating_add(many).min(self.len());
        (from..until).filter_map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn keys_come_out_as_they_went_in() {
        let mut keys = Keys::default();
        assert_eq!((keys.first(), keys.last()), (None, None));
        for key in ["a", "", "größer", "z"] {
            keys.push(key);
        }
        assert_eq!((keys.first(), keys.last()), (Some("a"), Some("z")));
        assert_eq!(keys.slice(1, 2).collect::<Vec<_>>(), ["", "größer"]);
        assert_eq!(keys.slice(3, 9).collect::<Vec<_>>(), ["z"]);
        assert_eq!(keys.slice(4, 1).count(), 0);
    }
}
