//! The table of one argument, read; what contradicts itself is refused.

use std::borrow::Cow;

use super::Presence;
use super::decimal::Decimal;
use super::test::{Scalar, Test};
use super::within::Within;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Datum, Entry, Table, Value};
use crate::model::SubjectPattern;

/// Tests that leave nothing to others.
const WHOLE: [&str; 2] = ["in", "is"];

/// Tests only a number can pass.
const NUMBERS: [&str; 2] = ["max", "min"];

/// What is said of an argument; nothing where anything is wrong.
pub(super) fn read(
    entry: &Entry,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Presence, Vec<Test>)> {
    let table = entry.value.table()?;
    let before = diagnostics.len();
    filled(&entry.value, "`{ present = true }`", diagnostics);
    if let Some(value) = table.value("in") {
        filled(value, "at least one value", diagnostics);
    }
    clashes(table, diagnostics);
    order(table, diagnostics);
    if let Some(length) = table.value("length") {
        filled(length, "`min`, `max` or both", diagnostics);
        length
            .table()
            .into_iter()
            .for_each(|length| order(length, diagnostics));
    }
    let tests = tests(table)?;
    let said = |key| table.value(key).map(|value| &value.datum) == Some(&Datum::Bool(true));
    let presence = match (said("present"), said("absent")) {
        (true, _) => Presence::Present,
        (false, true) => Presence::Absent,
        // Whatever stands there instead has been reported already.
        (false, false) if tests.is_empty() => return None,
        (false, false) => Presence::Unsaid,
    };
    (diagnostics.len() == before).then_some((presence, tests))
}

/// An empty list or table asks nothing.
fn filled(value: &Value, write: &str, diagnostics: &mut Vec<Diagnostic>) {
    let what = match &value.datum {
        Datum::List(items) if items.is_empty() => "an empty list",
        Datum::Table(table) if table.iter().next().is_none() => "an empty table",
        _ => return,
    };
    diagnostics.push(
        Diagnostic::error(Code::InvalidValue, value.span, what).help(format!("write {write}")),
    );
}

/// Every two keys that exclude each other.
fn clashes(table: &Table, diagnostics: &mut Vec<Diagnostic>) {
    let entries: Vec<(&str, &Entry)> = table.iter().collect();
    for (at, (one, first)) in entries.iter().enumerate() {
        for (other, second) in entries.iter().skip(at + 1) {
            let Some(help) = clash(one, other) else {
                continue;
            };
            let message = format!("`{one}` and `{other}` exclude each other");
            let (first, second) = (first.key.min(second.key), first.key.max(second.key));
            diagnostics.push(
                Diagnostic::error(Code::Conflict, second, message)
                    .also(first, "excludes it")
                    .help(help),
            );
        }
    }
}

/// Why two tests cannot stand beside each other.
fn clash(one: &str, other: &str) -> Option<&'static str> {
    let either = |names: &[&str]| names.contains(&one) || names.contains(&other);
    let both = |names: &[&str]| names.contains(&one) && names.contains(&other);
    if either(&["absent"]) {
        Some("what is absent can be nothing else: keep one of them")
    } else if either(&["present"]) {
        None
    } else if either(&WHOLE) {
        Some("the listed values say all there is to say: keep one of them")
    } else if either(&NUMBERS) && !both(&NUMBERS) {
        Some("`min` and `max` speak of numbers, the other of what is no number: keep one of them")
    } else {
        None
    }
}

/// The least must not be above the greatest.
fn order(table: &Table, diagnostics: &mut Vec<Diagnostic>) {
    let (Some(min), Some(max)) = (table.value("min"), table.value("max")) else {
        return;
    };
    if number(min)
        .zip(number(max))
        .is_some_and(|(min, max)| min > max)
    {
        diagnostics.push(
            Diagnostic::error(Code::Conflict, min.span, "`min` is above `max`")
                .also(max.span, "the greatest")
                .help("swap them, or leave one out"),
        );
    }
}

/// The tests; nothing where one cannot be read, which has been reported already.
fn tests(table: &Table) -> Option<Vec<Test>> {
    let mut tests = Vec::new();
    match (
        table.value("is"),
        table.value("in").map(|value| &value.datum),
    ) {
        (Some(value), _) => tests.push(Test::OneOf([scalar(value)?].into())),
        (None, Some(Datum::List(items))) => tests.push(Test::OneOf(each(items, scalar)?.into())),
        (None, Some(_)) => return None,
        (None, None) => {}
    }
    if table.get("like").is_some() {
        let pattern = |value: &Value| value.text().and_then(SubjectPattern::new);
        let patterns = each(table.items("like"), pattern)?;
        tests.push(Test::Like(patterns.into()));
    }
    if NUMBERS.iter().any(|key| table.get(key).is_some()) {
        let bound = |key| match table.value(key) {
            Some(value) => number(value).map(Some),
            None => Some(None),
        };
        let (min, max) = (bound("min")?, bound("max")?);
        tests.push(Test::Range { min, max });
    }
    if let Some(value) = table.value("length") {
        tests.push(length(value)?);
    }
    if table.get("within").is_some() {
        let texts = each(table.items("within"), Value::text)?;
        tests.push(Test::Within(Within::new(texts.into_iter()).ok()?));
    }
    Some(tests)
}

/// All of at least one.
fn each<'a, T>(items: &'a [Value], read: impl Fn(&'a Value) -> Option<T>) -> Option<Vec<T>> {
    let read: Option<Vec<T>> = items.iter().map(read).collect();
    read.filter(|read| !read.is_empty())
}

fn length(value: &Value) -> Option<Test> {
    let count = |value: &Value| match value.datum {
        Datum::Integer(count) => usize::try_from(count).ok(),
        _ => None,
    };
    let (min, max) = match value.table() {
        Some(table) => {
            let bound = |key, without| table.value(key).map_or(Some(without), count);
            (bound("min", 0)?, bound("max", usize::MAX)?)
        }
        None => (count(value)?, count(value)?),
    };
    Some(Test::Length { min, max })
}

fn scalar(value: &Value) -> Option<Scalar<'static>> {
    match &value.datum {
        Datum::Text(text) => Some(Scalar::Text(Cow::Owned(text.clone()))),
        Datum::Bool(yes) => Some(Scalar::Bool(*yes)),
        _ => number(value).map(Scalar::Number),
    }
}

fn number(value: &Value) -> Option<Decimal<'static>> {
    match &value.datum {
        Datum::Integer(number) => Decimal::new(&number.to_string()).map(Decimal::into_owned),
        Datum::Float(number) => Decimal::new(number).map(Decimal::into_owned),
        _ => None,
    }
}
