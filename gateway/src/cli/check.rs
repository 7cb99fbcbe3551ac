//! `hopgate check`: every mistake of the configuration at once.

use super::Format;
use crate::config::load;
use policy::Report;
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

/// Checks a configuration. Exit codes: 0 none, 1 some.
pub(super) fn run(path: &Path, format: Format) -> ExitCode {
    let report = match load(path) {
        Ok(loaded) => loaded.report,
        Err(broken) => broken.report,
    };
    match format {
        Format::Human => super::print(&human(&report, std::io::stdout().is_terminal())),
        Format::Json => super::print(&format!("{}\n", machine(&report))),
    }
    if report.errors() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// For people, with a count at the end.
pub(super) fn human(report: &Report, colour: bool) -> String {
    let mistakes = report.human(colour);
    let gap = if mistakes.is_empty() { "" } else { "\n" };
    format!(
        "{mistakes}{gap}{}, {}\n",
        count(report.errors(), "error"),
        count(report.warnings(), "warning")
    )
}

fn count(number: usize, what: &str) -> String {
    let many = if number == 1 { "" } else { "s" };
    format!("{number} {what}{many}")
}

/// For programs.
pub(super) fn machine(report: &Report) -> Value {
    let records = report.records();
    let diagnostics = records.iter().map(|record| {
        let places = record.places.iter().map(|place| {
            json!({ "file": place.file, "line": place.line, "column": place.column, "end_line": place.end_line,
                "end_column": place.end_column, "text": place.text, "label": place.label })
        });
        json!({ "severity": record.severity, "code": record.code, "message": record.message,
            "places": places.collect::<Vec<_>>(), "help": record.help })
    });
    json!({ "errors": report.errors(), "warnings": report.warnings(), "diagnostics": diagnostics.collect::<Vec<_>>() })
}
