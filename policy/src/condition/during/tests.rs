//! Days, hours, midnight, and the two nights on which clocks are changed.

use chrono::DateTime;

use super::{DURING, During, Truth};
use crate::diagnostic::Report;
use crate::document::{Document, Source};
use crate::model::Now;
use crate::shape::{Key, Shape, check_entry};

const KEY: Key = Key::new("during", Shape::Table(DURING), "");

fn read(text: &str) -> (Option<During>, Report) {
    let source = Source::new("p", format!("during = {text}\n"));
    let (document, mut found) = Document::read(vec![source.clone()]);
    let root = document.unwrap().root;
    let entry = root.get("during").unwrap();
    found.extend(check_entry(&KEY, entry));
    let during = During::read(entry, &mut found);
    (during, Report::new(vec![source], found))
}

/// Holds at these instants, and at these not.
fn check(text: &str, within: &[&str], without: &[&str]) {
    let (during, report) = read(text);
    assert!(report.is_empty(), "{}", report.human(false));
    let during = during.unwrap();
    for (times, expected) in [(within, Truth::Yes), (without, Truth::No)] {
        for time in times {
            let instant = DateTime::parse_from_rfc3339(time).unwrap();
            let found = during.truth(Now(instant.timestamp()));
            assert_eq!(found, expected, "{text} at {time}");
        }
    }
}

#[test]
fn days_and_hours() {
    // 2026-11-23 is a Monday.
    check(
        "{ days = [\"mon-fri\", \"sun\"], from = \"08:00\", to = \"18:00\" }",
        &[
            "2026-11-23T08:00:00Z",
            "2026-11-27T17:59:59Z",
            "2026-11-29T12:00:00Z",
        ],
        &[
            "2026-11-23T07:59:59Z",
            "2026-11-23T18:00:00Z",
            "2026-11-28T12:00:00Z",
        ],
    );
    check(
        "{ days = \"fri-mon\" }",
        &[
            "2026-11-27T00:00:00Z",
            "2026-11-28T12:00:00Z",
            "2026-11-29T12:00:00Z",
            "2026-11-30T23:59:59Z",
        ],
        &["2026-11-26T23:59:59Z", "2026-12-01T00:00:00Z"],
    );
    check(
        "{ from = \"12:00\" }",
        &["2026-11-23T12:00:00Z", "2026-11-23T23:59:59Z"],
        &["2026-11-23T11:59:59Z"],
    );
    check(
        "{ to = \"24:00\" }",
        &[
            "2026-11-23T23:59:59Z",
            "2026-11-23T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ],
        &[],
    );
    check(
        "{ days = \"thu\" }",
        &["1970-01-01T00:00:00Z"],
        &["1969-12-31T23:59:59Z"],
    );
}

#[test]
fn a_span_over_midnight_belongs_to_the_day_it_begins() {
    check(
        "{ days = \"fri\", from = \"22:00\", to = \"06:00\" }",
        &["2026-11-27T22:00:00Z", "2026-11-28T05:59:59Z"],
        &[
            "2026-11-27T05:00:00Z",
            "2026-11-27T21:59:59Z",
            "2026-11-28T06:00:00Z",
            "2026-11-28T22:00:00Z",
        ],
    );
    check(
        "{ days = \"sun\", from = \"18:00\", to = \"00:00\" }",
        &["2026-11-29T18:00:00Z", "2026-11-29T23:59:59Z"],
        &["2026-11-30T00:00:00Z", "2026-11-29T17:59:59Z"],
    );
}

#[test]
fn clocks_go_forward_and_back() {
    // On 2026-03-29 the clocks of Berlin jump from 02:00 to 03:00, at 01:00 UTC.
    check(
        "{ days = \"sun\", from = \"02:30\", to = \"04:00\", zone = \"Europe/Berlin\" }",
        &[
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:59:59Z",
            "2026-03-22T01:30:00Z",
            "2026-04-05T00:30:00Z",
        ],
        &[
            "2026-03-29T00:59:59Z",
            "2026-03-29T02:00:00Z",
            "2026-03-22T01:29:59Z",
        ],
    );
    // On 2026-10-25 they show the hour from 02:00 twice: from 00:00 and from 01:00 UTC.
    check(
        "{ from = \"02:00\", to = \"02:30\", zone = \"Europe/Berlin\" }",
        &["2026-10-25T00:00:00Z", "2026-10-25T01:29:59Z"],
        &[
            "2026-10-24T23:59:59Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00Z",
        ],
    );
    // The day is the zone's: in Auckland it is Monday already.
    check(
        "{ days = \"mon\", zone = \"Pacific/Auckland\" }",
        &["2026-11-22T11:00:00Z"],
        &["2026-11-22T10:59:59Z"],
    );
}

#[test]
fn telling_the_hour_allocates_nothing() {
    let during =
        read("{ days = \"mon-fri\", from = \"22:00\", to = \"06:00\", zone = \"Europe/Berlin\" }");
    let during = during.0.unwrap();
    for second in [0, 1_774_746_000, 4_000_000_000, 200_000_000_000] {
        let count = allocation_counter::measure(|| {
            std::hint::black_box(during.truth(Now(second)));
        });
        assert_eq!(count.count_total, 0, "{second}");
    }
}

#[test]
fn of_no_calendar_nobody_can_tell() {
    let during = read("{ days = \"mon-sun\", zone = \"Europe/Berlin\" }")
        .0
        .unwrap();
    for second in [i64::MIN, i64::MAX] {
        assert_eq!(during.truth(Now(second)), Truth::Maybe);
    }
    for second in [*super::CALENDAR.start(), *super::CALENDAR.end()] {
        assert_eq!(during.truth(Now(second)), Truth::Yes);
    }
}

/// One mistake: its code, what is underlined, and a part of how to mend it.
fn case(text: &str, code: &str, at: &str, help: &str) {
    let (during, report) = read(text);
    let [one] = &report.records()[..] else {
        panic!("{text}\n{}", report.human(false));
    };
    assert_eq!((one.code, one.places[0].text), (code, at), "{text}");
    let found = report.diagnostics()[0].help.clone().unwrap_or_default();
    assert!(found.contains(help), "{text}: {found}");
    assert!(during.is_none(), "{text}");
}

#[test]
fn what_is_refused() {
    case("{}", "invalid-value", "{}", "`days`");
    case(
        "{ zone = \"UTC\" }",
        "invalid-value",
        "{ zone = \"UTC\" }",
        "`days`",
    );
    case(
        "{ days = \"monday\" }",
        "invalid-value",
        "\"monday\"",
        "`mon`",
    );
    case(
        "{ days = [\"mon\", \"fri-sit\"] }",
        "invalid-value",
        "\"fri-sit\"",
        "`sat`",
    );
    case("{ days = \"mon-\" }", "invalid-value", "\"mon-\"", "one of");
    for time in [
        "8:00", "08:60", "24:01", "25:00", "08:00:00", "+8:00", "0800", "",
    ] {
        let time = format!("\"{time}\"");
        case(
            &format!("{{ to = {time} }}"),
            "invalid-value",
            &time,
            "two digits",
        );
    }
    case(
        "{ from = \"24:00\", to = \"10:00\" }",
        "invalid-value",
        "\"24:00\"",
        "00:00",
    );
    case(
        "{ from = \"08:00\", to = \"08:00\" }",
        "conflict",
        "\"08:00\"",
        "leave both out",
    );
    case("{ to = \"00:00\" }", "conflict", "\"00:00\"", "24:00");
    case(
        "{ days = \"mon\", zone = \"Europe/Berln\" }",
        "unknown-name",
        "\"Europe/Berln\"",
        "`Europe/Berlin`",
    );
    case(
        "{ days = \"mon\", zone = \"Etc/Unknown\" }",
        "unknown-name",
        "\"Etc/Unknown\"",
        "",
    );
    case(
        "{ days = \"mon\", zone = \"../etc/passwd\" }",
        "unknown-name",
        "\"../etc/passwd\"",
        "IANA",
    );
}
