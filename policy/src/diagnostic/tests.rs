//! Mistakes as people and machines read them.

use super::{Code, Diagnostic, Report, Span};
use crate::Source;

fn report() -> Report {
    let text = "a = 1\npassword = \"hunter2\"\n";
    let span = |start: usize, end: usize| Span {
        source: 0,
        start,
        end,
    };
    let diagnostics = vec![
        Diagnostic::error(
            Code::LiteralSecret,
            span(17, 26),
            "a secret is written into the file",
        )
        .help("take it out"),
        Diagnostic::warning(Code::NoOwner, span(0, 1), "nobody answers for it"),
    ];
    Report::new(vec![Source::new("f.toml", text)], diagnostics)
}

#[test]
fn people_see_file_line_underline_and_mend() {
    let text = report().human(false);
    for part in [
        "f.toml:2:12",
        "^^^^^^^^^",
        "take it out",
        "error[literal-secret]",
        "warning[no-owner]",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_secret_is_never_shown() {
    assert!(!report().human(false).contains("hunter2"));
    assert!(report().records().iter().all(|record| {
        record
            .places
            .iter()
            .all(|place| !place.text.contains("hunter2"))
    }));
}

#[test]
fn machines_see_lines_and_columns() {
    let report = report();
    let records = report.records();
    assert_eq!((report.errors(), report.warnings()), (1, 1));
    assert_eq!(
        (records[0].code, records[0].severity),
        ("no-owner", "warning")
    );
    let place = &records[1].places[0];
    assert_eq!((place.line, place.column, place.end_column), (2, 12, 21));
}

#[test]
fn a_span_of_nowhere_brings_nothing_down() {
    let far = Span {
        source: 0,
        start: 1_000,
        end: 2_000,
    };
    let inside = Span {
        source: 0,
        start: 1,
        end: 2,
    };
    let none = Span {
        source: 9,
        start: 0,
        end: 1,
    };
    for span in [far, inside, none] {
        let report = Report::new(
            vec![Source::new("f", "é")],
            vec![Diagnostic::error(Code::Syntax, span, "x")],
        );
        assert!(report.human(false).contains('x'));
        assert_eq!(report.records().len(), 1);
    }
}
