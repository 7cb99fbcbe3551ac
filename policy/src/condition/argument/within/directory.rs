//! Directories: `.`, `..` and `//` are resolved in the text, as the shell's `cd` does.

use super::{Truth, begins};
use crate::shape::Fault;

/// A directory, by its segments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Directory(Box<[Box<str>]>);

// === impl Directory ===

impl Directory {
    /// Reads an absolute path, written without detours.
    pub(super) fn new(text: &str) -> Result<Self, Fault> {
        let path = resolved(text).ok_or_else(|| {
            Fault::new(
                format!("`{}` is no absolute path", text.escape_debug()),
                "write a path that begins with `/`, without backslashes and control characters",
            )
        })?;
        if text.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Fault::new(
                format!("`{text}` takes a detour"),
                format!("write `/{}`", path.join("/")),
            ));
        }
        Ok(Self(path.into_iter().map(Box::from).collect()))
    }

    /// Whether a path lies in it; it lies in itself.
    pub(super) fn truth(&self, text: &str) -> Truth {
        resolved(text).map_or(Truth::Maybe, |path| begins(&path, &self.0))
    }
}

/// The segments of an absolute path. Above the root is the root.
fn resolved(text: &str) -> Option<Vec<&str>> {
    let odd = |c: char| c.is_control() || c == '\\';
    if !text.starts_with('/') || text.contains(odd) {
        return None;
    }
    let mut path = Vec::new();
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(path.pop()),
            name => path.push(name),
        }
    }
    Some(path)
}
