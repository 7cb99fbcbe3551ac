//! `during`: days and hours.

use crate::diagnostic::Diagnostic;
use crate::document::Table;
use crate::model::Now;

/// Days of the week and hours of the day, in one time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct During {}

// === impl During ===

impl During {
    /// Reads `during = { … }`.
    pub(crate) fn read(table: &Table, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let _ = (table, diagnostics);
        Some(Self {})
    }

    /// Whether the instant lies within.
    pub fn holds(&self, now: Now) -> bool {
        let _ = now;
        false
    }
}
