//! Several trees into one: tables of the root grow together, lists of tables too, nothing else may meet.

use std::collections::btree_map;

use super::{Datum, Entry, Table};
use crate::diagnostic::{Code, Diagnostic};

/// The merged root.
pub(super) fn merge(tables: Vec<Table>, diagnostics: &mut Vec<Diagnostic>) -> Table {
    let mut root = Table::default();
    for table in tables {
        for (key, entry) in table.entries {
            match root.entries.entry(key) {
                btree_map::Entry::Vacant(place) => {
                    place.insert(entry);
                }
                btree_map::Entry::Occupied(mut place) => {
                    grow(place.key().clone(), place.get_mut(), entry, diagnostics)
                }
            }
        }
    }
    root
}

fn grow(key: String, first: &mut Entry, again: Entry, diagnostics: &mut Vec<Diagnostic>) {
    match (&mut first.value.datum, again.value.datum) {
        (Datum::Table(first), Datum::Table(more)) => {
            for (name, entry) in more.entries {
                match first.entries.entry(name) {
                    btree_map::Entry::Vacant(place) => {
                        place.insert(entry);
                    }
                    btree_map::Entry::Occupied(place) => {
                        let name = format!("{key}.{}", place.key());
                        diagnostics.push(twice(&name, place.get(), &entry));
                    }
                }
            }
        }
        (Datum::List(first), Datum::List(more))
            if first.iter().chain(&more).all(|item| item.table().is_some()) =>
        {
            first.extend(more);
        }
        (_, datum) => {
            let again = Entry {
                value: super::Value {
                    span: again.value.span,
                    datum,
                },
                key: again.key,
            };
            diagnostics.push(twice(&key, first, &again));
        }
    }
}

fn twice(name: &str, first: &Entry, again: &Entry) -> Diagnostic {
    Diagnostic::error(
        Code::Duplicate,
        again.key,
        format!("`{name}` is given twice"),
    )
    .labelled("again here")
    .also(first.key, "first here")
    .help("remove or rename one of them")
}
