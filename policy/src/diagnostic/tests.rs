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

#[test]
fn secrets_beside_a_mistake_are_not_shown_either() {
    let lines = [
        "state = { redis = \"rediss://me:hunter2@cache/0\" }",
        "state = { redis = 'rediss://hunter2@cache?x=1' } # \u{e9}",
        "x = { password = \"hunter2\" }",
        "x = { \"api-key\" = 'hunter2' }",
        "clientSecret=\"hunter2",
        "a = \"b@c\"\nx = { admin_token=\t\"hunter2\"}",
    ];
    for line in lines {
        let whole = Span {
            source: 0,
            start: 0,
            end: line.len(),
        };
        let one = Diagnostic::error(Code::NotInThisVersion, whole, "not in this version");
        let report = Report::new(vec![Source::new("f", line)], vec![one]);
        assert!(!report.human(false).contains("hunter2"), "{line}");
        assert!(report.human(false).contains("***"), "{line}");
        assert_eq!(report.records()[0].places[0].text.len(), line.len());
    }
    let plain = "admin_token = { file = \"a.token\" }\nurl = \"https://a.example/@me\"\n";
    let report = Report::new(vec![Source::new("f", plain)], Vec::new());
    assert_eq!(&*report.sources[0].text, plain);
}
