//! The arguments of a test: TOML as the JSON text a call would bring.

use crate::diagnostic::Span;
use crate::document::{Datum, Table, Value};

/// The object a table is, its numbers as they are written.
///
/// # Errors
///
/// Where a number stands that JSON does not have.
pub(super) fn object(table: &Table) -> Result<String, Span> {
    let members = table.iter().map(|(key, entry)| {
        let value = value(&entry.value)?;
        Ok(format!("{}:{value}", string(key)))
    });
    let members: Vec<String> = members.collect::<Result<_, _>>()?;
    Ok(format!("{{{}}}", members.join(",")))
}

fn value(value: &Value) -> Result<String, Span> {
    Ok(match &value.datum {
        Datum::Text(text) => string(text),
        Datum::Integer(number) => number.to_string(),
        Datum::Float(number) if number.ends_with("inf") || number.ends_with("nan") => {
            return Err(value.span);
        }
        Datum::Float(number) => {
            let digits = number.replace('_', "");
            digits.strip_prefix('+').unwrap_or(&digits).to_owned()
        }
        Datum::Bool(yes) => yes.to_string(),
        // JSON has no dates; callers send them as strings.
        Datum::Date(date) => string(&date.to_string()),
        Datum::List(items) => {
            let items = items.iter().map(self::value);
            format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        Datum::Table(table) => object(table)?,
    })
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
