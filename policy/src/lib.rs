//! Pure decisions: TOML text in, decisions and diagnostics out.

/// A compiled policy.
#[derive(Debug)]
pub struct Policy;
