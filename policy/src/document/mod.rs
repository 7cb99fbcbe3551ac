//! Several texts read into one tree that remembers where everything was written.

mod merge;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Span};

/// One text and the name under which it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Usually a path.
    pub name: Arc<str>,
    /// TOML.
    pub text: Arc<str>,
}

/// All sources as one tree.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// In reading order: the main file, then what it includes.
    pub sources: Vec<Source>,
    /// The merged tables.
    pub root: Table,
}

/// A table: keys with their places and values, in order of name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    entries: BTreeMap<String, Entry>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key is written.
    pub key: Span,
    /// What it has.
    pub value: Value,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Where; for a table with a header, the header.
    pub span: Span,
    /// What.
    pub datum: Datum,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// `"…"`.
    Text(String),
    /// `1`.
    Integer(i64),
    /// `1.5`, as written: as a binary float it would no longer be what was meant.
    Float(Box<str>),
    /// `true`.
    Bool(bool),
    /// A date, a time or both.
    Date(toml::value::Datetime),
    /// `[…]` or `[[…]]`.
    List(Vec<Value>),
    /// `{…}` or `[…]`.
    Table(Table),
}

// === impl Source ===

impl Source {
    /// A text under a name.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }
}

// === impl Document ===

impl Document {
    /// Reads and merges the sources. Without a `Document` the texts are not TOML and nothing else can be said.
    pub fn read(sources: Vec<Source>) -> (Option<Self>, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let tables: Vec<Option<Table>> = sources
            .iter()
            .enumerate()
            .map(|(number, source)| read::read(number, &source.text, &mut diagnostics))
            .collect();
        let Some(tables) = tables.into_iter().collect::<Option<Vec<Table>>>() else {
            return (None, diagnostics);
        };
        let root = merge::merge(tables, &mut diagnostics);
        (Some(Self { sources, root }), diagnostics)
    }

    /// Reads one source, for what must be known before the others can be found.
    pub fn read_one(number: usize, source: &Source) -> (Option<Table>, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let table = read::read(number, &source.text, &mut diagnostics);
        (table, diagnostics)
    }
}

// === impl Table ===

impl Table {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.get(key).map(|entry| &entry.value)
    }

    /// The text of a key, if it is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.text()
    }

    /// The table of a key, if it is one.
    pub fn table(&self, key: &str) -> Option<&Table> {
        self.value(key)?.table()
    }

    /// The items of a key: of a list all, of anything else itself, of nothing none.
    pub fn items(&self, key: &str) -> &[Value] {
        self.value(key).map(Value::items).unwrap_or_default()
    }

    /// Every key with its entry, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .map(|(key, entry)| (key.as_str(), entry))
    }
}

// === impl Value ===

impl Value {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.datum {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The table, if it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.datum {
            Datum::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Of a list its items, of anything else itself.
    pub fn items(&self) -> &[Self] {
        match &self.datum {
            Datum::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.datum {
            Datum::Text(_) => "a string",
            Datum::Integer(_) => "an integer",
            Datum::Float(_) => "a float",
            Datum::Bool(_) => "a boolean",
            Datum::Date(_) => "a date or time",
            Datum::List(_) => "a list",
            Datum::Table(_) => "a table",
        }
    }
}
