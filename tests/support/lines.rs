//! What a running process prints, while it runs.

use std::path::PathBuf;

/// A file another process appends to.
#[derive(Debug, Clone)]
pub struct Lines(pub PathBuf);

// === impl Lines ===

impl Lines {
    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.0).unwrap_or_default()).into_owned()
    }

    /// Waits for a line that holds `what`.
    pub async fn wait(&self, what: &str) {
        crate::eventually(what, || self.text().contains(what)).await;
    }
}
