//! Diagnostics as machines read them: plain data, lines and columns counted from one.

use super::{Diagnostic, Severity, Span};
use crate::document::Source;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// The published name of the kind.
    pub code: &'static str,
    /// What is wrong.
    pub message: &'a str,
    /// Where, the place itself first.
    pub places: Vec<Place<'a>>,
    /// How to mend it.
    pub help: Option<&'a str>,
}

/// A range in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file.
    pub file: &'a str,
    /// Counted from one.
    pub line: usize,
    /// In characters, counted from one.
    pub column: usize,
    /// The line of the end.
    pub end_line: usize,
    /// One past the last character.
    pub end_column: usize,
    /// What is there.
    pub text: &'a str,
    /// What to say about it.
    pub label: &'a str,
}

pub(super) fn records<'a>(sources: &'a [Source], diagnostics: &'a [Diagnostic]) -> Vec<Record<'a>> {
    diagnostics
        .iter()
        .map(|diagnostic| record(sources, diagnostic))
        .collect()
}

/// Where a span is, with nothing to say about it.
pub(super) fn place_of(sources: &[Source], span: Span) -> Option<Place<'_>> {
    Some(place(sources.get(span.source)?, span, ""))
}

fn record<'a>(sources: &'a [Source], diagnostic: &'a Diagnostic) -> Record<'a> {
    let places = diagnostic.labels.iter().filter_map(|label| {
        let source = sources.get(label.span.source)?;
        Some(place(source, label.span, &label.text))
    });
    Record {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        code: diagnostic.code.name(),
        message: &diagnostic.message,
        places: places.collect(),
        help: diagnostic.help.as_deref(),
    }
}

fn place<'a>(source: &'a Source, span: Span, label: &'a str) -> Place<'a> {
    let (line, column) = position(&source.text, span.start);
    let (end_line, end_column) = position(&source.text, span.end);
    let text = source.text.get(span.start..span.end).unwrap_or_default();
    Place {
        file: &source.name,
        line,
        column,
        end_line,
        end_column,
        text,
        label,
    }
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}
