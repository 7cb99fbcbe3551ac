//! Any text is read, compiled and linted without a panic; what is wrong is told, at a place that is in the text.

use policy::lint::lint;
use policy::{Document, Report, Source, compile};

/// Runs the property.
pub fn hold(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // Several files as well as one: a form feed, which TOML does not take, stands between them.
    let sources: Vec<Source> = text
        .split('\u{c}')
        .map(|text| Source::new("fuzz", text))
        .collect();
    let report = report(&sources);
    for record in report.records() {
        assert!(
            record
                .places
                .iter()
                .all(|place| place.line > 0 && place.column > 0)
        );
    }
    for span in report
        .diagnostics()
        .iter()
        .filter_map(policy::Diagnostic::span)
    {
        let text = &sources[span.source].text;
        assert!(span.start <= span.end && span.end <= text.len(), "{span:?}");
    }
    assert_eq!(
        report.human(false),
        self::report(&sources).human(false),
        "told the same twice"
    );
}

fn report(sources: &[Source]) -> Report {
    let (document, mut found) = Document::read(sources.to_vec());
    match document {
        None => assert!(!found.is_empty(), "refused, and nothing is said"),
        Some(document) => {
            let (policy, more) = compile(&document);
            found.extend(more);
            found.extend(lint(&document, &policy));
        }
    }
    Report::new(sources.to_vec(), found)
}
