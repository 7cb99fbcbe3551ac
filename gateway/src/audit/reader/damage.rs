//! What could not be read: counted, and the first of it told with file and line.

use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// So many are told one by one.
const TOLD: usize = 20;

/// What could not be read of some records.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    count: u64,
    first: Vec<Damaged>,
}

/// One line that is no record.
#[derive(Debug)]
struct Damaged {
    file: String,
    /// From 1; 0: the file itself cannot be read.
    line: u64,
    why: String,
}

// === impl Damage ===

impl Damage {
    /// Notes one more.
    pub(super) fn note(&mut self, file: &Path, line: u64, why: String) {
        self.count += 1;
        if self.first.len() < TOLD {
            let file = file.display().to_string();
            self.first.push(Damaged { file, line, why });
        }
    }

    /// With that of another log.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(TOLD);
        self
    }

    /// As data.
    pub(crate) fn json(&self) -> Value {
        let first = self.first.iter();
        let first = first.map(|one| json!({ "file": one.file, "line": one.line, "why": one.why }));
        json!({ "lines": self.count, "first": first.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Damage {
    /// One line each; nothing where nothing is damaged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Damaged { file, line, why } in &self.first {
            match line {
                0 => writeln!(f, "{file}: {why}")?,
                line => writeln!(f, "{file}:{line}: no record: {why}")?,
            }
        }
        let told = u64::try_from(self.first.len()).unwrap_or(u64::MAX);
        match self.count.saturating_sub(told) {
            0 => Ok(()),
            more => writeln!(f, "and {more} more lines that are no records"),
        }
    }
}
