//! A group nobody names.

use std::collections::BTreeSet;

use super::{View, envelope};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Table, Value};

pub(super) const DOCS: &str =
    "A group that no rule, envelope or used group names: whoever edits it changes nothing.";

pub(super) fn run(view: &View<'_>) -> Vec<Diagnostic> {
    let groups = view.document.root.table("groups");
    let mut used = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    let rows = view.document.root.items("rules").iter();
    for rule in rows.filter_map(Value::table) {
        for key in ["agents", "tools", "on_behalf_of"] {
            open.extend(named(rule.items(key)));
        }
    }
    for (_, agent) in view.tables_of("agents") {
        open.extend(named(envelope(agent)));
    }
    while let Some(name) = open.pop() {
        if !used.insert(name) {
            continue;
        }
        let group = groups.and_then(|groups| groups.table(name));
        for (_, entry) in group.into_iter().flat_map(Table::iter) {
            open.extend(named(entry.value.items()));
        }
    }
    let unused = view
        .tables_of("groups")
        .filter(|(name, _)| !used.contains(name));
    unused
        .map(|(name, entry)| {
            let message = format!("nothing names the group `{name}`");
            Diagnostic::warning(Code::UnusedGroup, entry.key, message)
                .help(format!("write `@{name}` in a rule, or remove the group"))
        })
        .collect()
}

fn named(items: &[Value]) -> impl Iterator<Item = &str> {
    let texts = items.iter().filter_map(Value::text);
    texts.filter_map(|text| text.strip_prefix('@'))
}
