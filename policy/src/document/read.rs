//! One text into one tree. A syntax error ends the text; a key given twice does not.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Datum, Entry, Table, Value};
use crate::diagnostic::{Code, Diagnostic, Span};

const DUPLICATE: &str = "duplicate key";

/// Of so many keys given twice it is said where they were given first; each costs a walk over the whole text.
const FIRSTS_MOST: usize = 100;

/// The tree, or nothing where the text is not TOML.
pub(super) fn read(source: usize, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let span = |range: std::ops::Range<usize>| Span {
        source,
        start: range.start,
        end: range.end,
    };
    let mut reading = Reading {
        source,
        diagnostics: Vec::new(),
    };
    let table = reading.table(table.into_inner());
    // What follows a syntax error is mostly its echo.
    if let Some(error) = errors.iter().find(|error| error.message() != DUPLICATE) {
        let message = error.message().trim_end_matches('.').replace('\n', ", ");
        let at = span(error.span().unwrap_or(0..0));
        diagnostics
            .push(Diagnostic::error(Code::Syntax, at, message).help("the file must be TOML 1.1"));
        return None;
    }
    for (number, error) in errors.iter().enumerate() {
        let at = span(error.span().unwrap_or(0..0));
        let key = text.get(at.start..at.end).unwrap_or_default();
        let mut one = Diagnostic::error(Code::Duplicate, at, format!("`{key}` is given twice"))
            .labelled("again here");
        if number < FIRSTS_MOST
            && let Some(first) = first(text, &table, key, at)
        {
            one = one.also(first, "first here");
        }
        diagnostics.push(one.help("remove or rename one of them"));
    }
    diagnostics.append(&mut reading.diagnostics);
    Some(table)
}

struct Reading {
    source: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Reading {
    fn table(&mut self, table: DeTable<'_>) -> Table {
        let entries = table.into_iter().map(|(key, value)| {
            let span = self.span(&key);
            (
                key.into_inner().into_owned(),
                Entry {
                    key: span,
                    value: self.value(value),
                },
            )
        });
        Table {
            entries: entries.collect(),
        }
    }

    fn value(&mut self, value: Spanned<DeValue<'_>>) -> Value {
        let span = self.span(&value);
        let datum = match value.into_inner() {
            DeValue::String(text) => Datum::Text(text.into_owned()),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Datum::Integer(number),
                    Err(_) => {
                        let message = format!("`{}` is too large", number.as_str());
                        self.diagnostics
                            .push(Diagnostic::error(Code::InvalidValue, span, message).help(
                                "an integer has 64 bits; where any number may stand, write it with `.0`",
                            ));
                        Datum::Integer(0)
                    }
                }
            }
            DeValue::Float(number) => Datum::Float(number.as_str().into()),
            DeValue::Boolean(yes) => Datum::Bool(yes),
            DeValue::Datetime(date) => Datum::Date(date),
            DeValue::Array(items) => {
                Datum::List(items.into_iter().map(|item| self.value(item)).collect())
            }
            DeValue::Table(table) => Datum::Table(self.table(table)),
        };
        Value { span, datum }
    }

    fn span<T>(&self, spanned: &Spanned<T>) -> Span {
        let range = spanned.span();
        Span {
            source: self.source,
            start: range.start,
            end: range.end,
        }
    }
}

/// Where a key was given first. The parser does not say, and of two equal headers keeps the second:
/// so the nearest earlier line with the same header, else the nearest earlier key of that name.
fn first(text: &str, table: &Table, key: &str, again: Span) -> Option<Span> {
    let line_start = text.get(..again.start)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..)?.lines().next()?.trim();
    if line.starts_with('[') {
        let header = line.split_inclusive(']').next()?;
        let at = text.get(..line_start)?.rfind(header)?;
        let start = at + header.find(key)?;
        return Some(Span {
            source: again.source,
            start,
            end: start + key.len(),
        });
    }
    let mut earlier = Vec::new();
    places(table, key.trim_matches(['"', '\'']), &mut earlier);
    earlier
        .into_iter()
        .filter(|place| place.start < again.start)
        .max()
}

fn places(table: &Table, wanted: &str, found: &mut Vec<Span>) {
    for (key, entry) in table.iter() {
        if key == wanted {
            found.push(entry.key);
        }
        for item in entry.value.items() {
            if let Some(inner) = item.table() {
                places(inner, wanted, found);
            }
        }
    }
}
