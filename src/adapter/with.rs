//! What a change takes along.

/// What a change takes along with the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// Their companions, such as refresh tokens.
    Companions,
    /// Nothing but what the database's own foreign keys say.
    Nothing,
}

impl With {
    /// Whether companions are left as they are.
    #[must_use]
    pub fn unless(leaves_companions: bool) -> Self {
        if leaves_companions {
            Self::Nothing
        } else {
            Self::Companions
        }
    }

    /// What is left of the companions.
    pub(super) fn of<T>(self, companions: Vec<T>) -> Vec<T> {
        match self {
            Self::Companions => companions,
            Self::Nothing => Vec::new(),
        }
    }
}
