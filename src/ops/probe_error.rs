//! Why the application cannot be asked as was wanted.

use crate::probe::TargetError;

/// Why not. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A probe asks with the secret of one token.
    #[error("--probe asks with the secret of one token, and the plan has {0}")]
    OfMany(usize),
    /// A probe asks right after the change.
    #[error("--probe asks right after the change, and the token is to end later")]
    Later,
    /// A plan that waits for its yes keeps no secret to ask with.
    #[error("a plan that is kept cannot ask the application: the secret is not kept with it")]
    Held,
    /// The secret belongs to another token.
    #[error("the secret for --probe is not that of token `{key}`")]
    OfAnother {
        /// The planned token.
        key: String,
    },
    /// What was given as the secret is none.
    #[error(
        "the secret for --probe ({length} characters) is no secret of this application, which has {shape}"
    )]
    NotASecret {
        /// How long it is.
        length: usize,
        /// How its secrets look.
        shape: String,
    },
    /// It cannot be asked there.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl ProbeError {
    /// A word for programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::OfAnother { .. } => "wrong_secret",
            Self::NotASecret { .. } => "not_a_secret",
            Self::OfMany(_) | Self::Later | Self::Held | Self::Target(_) => "bad_probe",
        }
    }

    /// What to type next.
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::OfMany(_) => {
                Some("name one token, best by pasting its secret: `tokens rm - --probe URL`")
            }
            Self::Held => Some("leave the probe out, or plan and apply in one go"),
            Self::Later => Some("ask the application when the time has come"),
            Self::OfAnother { .. } | Self::NotASecret { .. } => {
                Some("give the secret of this very token, or leave out --probe")
            }
            Self::Target(error) => error.hint(),
        }
    }
}
