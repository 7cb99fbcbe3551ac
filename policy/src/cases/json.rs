//! The arguments of a test: TOML as the JSON text a call would bring.

use crate::diagnostic::Span;
use crate::document::{Datum, Table, Value};

/// The object a table is; `source` is the text it was read from, so that numbers stay as they are written.
///
/// # Errors
///
/// Where a number stands that JSON does not have.
pub(super) fn object(table: &Table, source: &str) -> Result<String, Span> {
    let mut text = String::from("{");
    for (number, (key, entry)) in table.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        text.push_str(&string(key));
        text.push(':');
        text.push_str(&value(&entry.value, source)?);
    }
    text.push('}');
    Ok(text)
}

fn value(value: &Value, source: &str) -> Result<String, Span> {
    Ok(match &value.datum {
        Datum::Text(text) => string(text),
        Datum::Integer(number) => number.to_string(),
        Datum::Float(number) if number.is_nan() || is_infinite(value, source) => {
            return Err(value.span);
        }
        Datum::Float(_) => literal(value, source),
        Datum::Bool(yes) => yes.to_string(),
        // JSON has no dates; callers send them as strings.
        Datum::Date(date) => string(&date.to_string()),
        Datum::List(items) => {
            let items = items.iter().map(|item| self::value(item, source));
            format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        Datum::Table(table) => object(table, source)?,
    })
}

/// A float as it is written: read as one, it might be another number.
fn literal(value: &Value, source: &str) -> String {
    let written = source.get(value.span.start..value.span.end);
    let digits = written.unwrap_or_default().replace('_', "");
    digits.strip_prefix('+').unwrap_or(&digits).to_owned()
}

/// What is written as infinity, not what is only too large for a float.
fn is_infinite(value: &Value, source: &str) -> bool {
    literal(value, source).ends_with("inf")
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
