//! How a URL of ours begins.

/// What libpq takes for a URL.
pub(super) const PREFIXES: [&str; 2] = ["postgresql://", "postgres://"];

/// Tells whether a text is a URL of ours.
pub(super) fn is_uri(text: &str) -> bool {
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}
