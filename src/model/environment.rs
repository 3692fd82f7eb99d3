//! What a target is: production, staging.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a target is, for the eye.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The colour that it is shown in, on a terminal that has colours.
    pub colour: Option<Colour>,
}

/// The colours that every terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// Red.
    Red,
    /// Green.
    Green,
    /// Yellow.
    Yellow,
    /// Blue.
    Blue,
    /// Magenta.
    Magenta,
    /// Cyan.
    Cyan,
    /// White.
    White,
}

impl Colour {
    /// All of them, with their names.
    pub const NAMED: [(&'static str, Self); 7] = [
        ("red", Self::Red),
        ("green", Self::Green),
        ("yellow", Self::Yellow),
        ("blue", Self::Blue),
        ("magenta", Self::Magenta),
        ("cyan", Self::Cyan),
        ("white", Self::White),
    ];

    /// The colour of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::NAMED.iter().find(|(known, _)| *known == name);
        found.map(|(_, colour)| *colour)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMED.iter().find(|(_, colour)| *colour == self);
        found.map_or("", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::Colour;

    #[test]
    fn a_colour_has_one_name() {
        for (name, colour) in Colour::NAMED {
            assert_eq!((Colour::named(name), colour.name()), (Some(colour), name));
            assert_eq!(serde_json::to_value(colour).unwrap(), name);
        }
        assert_eq!(Colour::named("mauve"), None);
    }
}
