//! Reads records one after the other, and says each in a line for people.

use crate::audit::journal::{Disk as _, Folder, Log, name, number};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

/// A record, and the log it is from.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) log: &'static str,
    pub(super) said: Value,
}

/// What does not help people who read one record.
const LEFT_OUT: [&str; 4] = ["at", "kind", "seq", "hash"];

/// The numbers of a log's segments, in order.
pub(super) fn segments(folder: &Path, log: &str) -> std::io::Result<Vec<u32>> {
    let names = Folder::reading(folder).list(log)?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Every record of a log whose line holds the text, where there is one. A log that cannot be read is said and left out;
/// so is the rest of a line that is being written.
pub(super) fn each(
    folder: &Path,
    log: &'static str,
    wanted: impl Fn(&[u8]) -> bool,
    mut take: impl FnMut(Record),
) {
    let out = |error: std::io::Error| {
        eprintln!("hopgate: `{log}` is left out: {error}");
    };
    let numbers = match segments(folder, log) {
        Ok(numbers) => numbers,
        Err(error) => return out(error),
    };
    for number in numbers {
        let bytes = match Folder::reading(folder).read(&format!("{log}/{}", name(number))) {
            Ok(bytes) => bytes,
            Err(error) => return out(error),
        };
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| wanted(line))
        {
            if let Ok(said) = serde_json::from_slice(line) {
                take(Record { log, said });
            }
        }
    }
}

/// All that the logs say of these calls, in order.
pub(super) fn of_calls(folder: &Path, calls: &HashSet<String>) -> Vec<Record> {
    let mut found = Vec::new();
    for log in Log::ALL {
        each(folder, log.name(), holds(r#""call":""#), |record| {
            if record.text("call").is_some_and(|call| calls.contains(call)) {
                found.push(record);
            }
        });
    }
    // Stable: records of one instant stay in the order of their log.
    found.sort_by(|one, other| one.text("at").cmp(&other.text("at")));
    found
}

/// Whether a line holds a text.
pub(super) fn holds(text: &str) -> impl Fn(&[u8]) -> bool {
    let finder = memchr::memmem::Finder::new(text.as_bytes()).into_owned();
    move |line: &[u8]| finder.find(line).is_some()
}

// === impl Record ===

impl Record {
    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.said.get(name).and_then(Value::as_str)
    }

    /// One line for people: nothing in it steers their terminal.
    pub(super) fn human(&self) -> String {
        let text = |name| self.text(name).unwrap_or("-");
        let mut line = format!(
            "{}  {:<9}  {:<9}",
            shown(text("at")),
            self.log,
            shown(text("kind"))
        );
        for (name, value) in self.said.as_object().into_iter().flatten() {
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            // A text that cannot be written to does not exist.
            let _ = match value {
                Value::String(text) => write!(line, "  {}={}", shown(name), shown(text)),
                other => write!(line, "  {}={}", shown(name), shown(&other.to_string())),
            };
        }
        line.push('\n');
        line
    }

    /// For programs: the record, and which log it is from.
    pub(super) fn machine(&self) -> Value {
        let mut said = self.said.clone();
        if let Some(members) = said.as_object_mut() {
            members.insert("log".to_owned(), Value::from(self.log));
        }
        said
    }
}

/// A text that somebody else chose, as it can be printed.
pub(super) fn shown(text: &str) -> String {
    crate::cli::printable(text)
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn lists_stay_readable_and_terminals_unmoved() {
        assert_eq!(shown("[\"a rule\"]"), "[\"a rule\"]");
        assert_eq!(shown("\u{1b}[31m\u{9b}\n"), "\\u{1b}[31m\\u{9b}\\n");
    }
}
