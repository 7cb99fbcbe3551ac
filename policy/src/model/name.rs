//! Names of agents, servers and rules, each its own type so that they cannot be mixed up.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

const LONGEST: usize = 64;
const LONGEST_TITLE: usize = 200;

/// `[agents.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(Arc<str>);

/// `[servers.NAME]`; also a segment of the path agents call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(Arc<str>);

/// `name` of a rule: a short sentence, shown in records and refusals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(Arc<str>);

/// Whether a text can name an agent or a server: letters, digits, `-` and `_`, a letter or digit first.
pub fn well_formed(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && text.len() <= LONGEST
}

// === impl AgentName ===

impl AgentName {
    /// The name, if the text is well formed.
    pub fn new(text: &str) -> Option<Self> {
        well_formed(text).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

// === impl ServerName ===

impl ServerName {
    /// The name, if the text is well formed.
    pub fn new(text: &str) -> Option<Self> {
        well_formed(text).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl RuleName ===

impl RuleName {
    /// The name, if the text is short, one line and not empty.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.trim().is_empty()
            && text.len() <= LONGEST_TITLE
            && !text.chars().any(char::is_control);
        fits.then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Borrow<str> for AgentName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ServerName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
