//! `[audit]` from the tree.

use crate::config::audit::{Arguments, Audit, Durability};
use crate::config::{Target, form};
use policy::document::{Datum, Table};

/// What the table says, with the defaults for what it does not.
pub(super) fn audit(table: Option<&Table>, checkpoints: Option<Target>) -> Audit {
    let otherwise = Audit::default();
    let Some(table) = table else {
        return otherwise;
    };
    let refusals = match table.value("refusals").map(|value| &value.datum) {
        Some(Datum::Integer(number)) => u32::try_from(*number).ok(),
        _ => None,
    };
    let segment = table.text("segment").and_then(form::size);
    Audit {
        durability: match table.text("durability") {
            Some("power") => Durability::Power,
            _ => Durability::Process,
        },
        arguments: match table.text("arguments") {
            Some("full") => Arguments::Full,
            Some("none") => Arguments::None,
            _ => Arguments::Digest,
        },
        refusals: refusals.unwrap_or(otherwise.refusals),
        segment: segment.map_or(otherwise.segment, |bytes| bytes as u64),
        age: table
            .text("age")
            .and_then(form::duration)
            .unwrap_or(otherwise.age),
        otlp: table.value("otlp").map(|value| &value.datum) == Some(&Datum::Bool(true)),
        checkpoints,
    }
}
