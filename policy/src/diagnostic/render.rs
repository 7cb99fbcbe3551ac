//! Diagnostics as people read them: file, line, underline, mend.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label, Severity};
use crate::document::Source;

/// Every diagnostic, an empty line between two.
pub(super) fn human(sources: &[Source], diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&renderer.render(&[group(sources, diagnostic)]));
        out.push('\n');
    }
    out
}

fn group<'a>(sources: &'a [Source], diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.name());
    let mut group = Group::with_title(title);
    let primary = diagnostic.labels.first().map(|label| label.span);
    let mut shown: Vec<usize> = Vec::new();
    for label in &diagnostic.labels {
        let source = label.span.source;
        if shown.contains(&source) {
            continue;
        }
        shown.push(source);
        let Some(text) = sources.get(source) else {
            continue;
        };
        let here = diagnostic
            .labels
            .iter()
            .filter(|label| label.span.source == source);
        let annotations = here.map(|label| {
            let kind = if Some(label.span) == primary {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            kind.span(span(text, label))
                .label((!label.text.is_empty()).then_some(label.text.as_str()))
        });
        group = group.element(
            Snippet::source(&*text.text)
                .path(&*text.name)
                .annotations(annotations),
        );
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// Spans of odd input are clamped, so that no diagnostic can bring the renderer down.
fn span(source: &Source, label: &Label) -> std::ops::Range<usize> {
    let start = floor(&source.text, label.span.start);
    start..floor(&source.text, label.span.end).max(start)
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
