//! What `[servers.NAME]` says of what is there.

use crate::diagnostic::Diagnostic;
use crate::document::{Datum, Table};
use crate::keys;
use crate::model::{Effect, Egress, Label, Said, Server, Shelf, SubjectPattern};
use crate::shape;

/// The server; of its table this crate owns a few keys only.
pub(super) fn read(table: Option<&Table>, diagnostics: &mut Vec<Diagnostic>) -> Server {
    let Some(table) = table else {
        return Server::default();
    };
    for key in &keys::SERVER {
        if let Some(entry) = table.get(key.name) {
            diagnostics.extend(shape::check_entry(key, entry));
        }
    }
    let own = said(table);
    let nothing = Server::default();
    Server {
        egress: own.egress.unwrap_or(nothing.egress),
        label: own.label.unwrap_or(nothing.label),
        untrusted: own.untrusted.unwrap_or(nothing.untrusted),
        tools: shelf(table.table("tools")),
        resources: shelf(table.table("resources")),
        prompts: shelf(table.table("prompts")),
        methods: shelf(table.table("methods")),
    }
}

fn shelf(table: Option<&Table>) -> Shelf {
    let mut shelf = Shelf::default();
    for (name, entry) in table.into_iter().flat_map(Table::iter) {
        if let Some((pattern, table)) = SubjectPattern::new(name).zip(entry.value.table()) {
            shelf.put(pattern, said(table));
        }
    }
    shelf
}

fn said(table: &Table) -> Said {
    Said {
        effect: table.text("effect").and_then(Effect::parse),
        label: table.text("label").and_then(Label::parse),
        egress: table.text("egress").and_then(Egress::parse),
        untrusted: match table.value("untrusted").map(|value| &value.datum) {
            Some(Datum::Bool(untrusted)) => Some(*untrusted),
            _ => None,
        },
        cost: match table.value("cost").map(|value| &value.datum) {
            Some(Datum::Integer(cost)) => u64::try_from(*cost).ok(),
            _ => None,
        },
    }
}
