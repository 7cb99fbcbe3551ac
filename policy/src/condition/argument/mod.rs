//! `args`: conditions of one argument each, by its path.

use crate::diagnostic::Diagnostic;
use crate::document::Entry;
use crate::json::Json;

use super::Truth;

/// What one argument must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    path: Box<str>,
}

// === impl Argument ===

impl Argument {
    /// Reads `args."path" = { … }`.
    pub(crate) fn read(
        path: &str,
        entry: &Entry,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let _ = (entry, diagnostics);
        Some(Self { path: path.into() })
    }

    /// As written.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the arguments of a call are so.
    pub fn truth(&self, arguments: Option<Json<'_>>) -> Truth {
        let _ = arguments;
        Truth::Maybe
    }
}
