//! Reads limits and budgets out of tables whose shape was checked, and reports what contradicts itself.

use std::sync::Arc;
use std::time::Duration;

use super::{Allowance, Budget, LIMITS_MOST, Limit, Per, Queue, Rate, StoreDown};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Datum, Table, Value};
use crate::keys;

/// The longest a burst may take to come back: what nobody will see come back is a budget, not a rate.
const RECOVERY_MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The limits of a table, under its key `limit`: one or a list of them.
pub fn limits(table: &Table, diagnostics: &mut Vec<Diagnostic>) -> Vec<Arc<Limit>> {
    let items = table.items("limit");
    if let Some(value) = items.get(LIMITS_MOST) {
        let message = format!("more than {LIMITS_MOST} limits in one list");
        diagnostics.push(
            Diagnostic::error(Code::InvalidValue, value.span, message)
                .help("put some of them on another rule"),
        );
    }
    let read = |value: &Value| limit(value, diagnostics);
    items.iter().filter_map(read).map(Arc::new).collect()
}

/// The budget of an envelope.
pub fn budget(envelope: &Table, diagnostics: &mut Vec<Diagnostic>) -> Option<Arc<Budget>> {
    let value = envelope.value("budget")?;
    let table = value.table()?;
    let said = ["task", "day"].map(|key| table.value(key));
    // An empty table says nothing, and is taken for something.
    let empty = |value: &Value| {
        value
            .table()
            .is_some_and(|table| table.iter().next().is_none())
    };
    for (place, help) in [
        (
            Some(value),
            "add `task = { calls = 200 }` or `day = { calls = 5000 }`",
        ),
        (said[0], "add one of `calls`, `bytes`, `minutes` and `cost`"),
        (said[1], "add one of `calls`, `bytes`, `minutes` and `cost`"),
    ] {
        if let Some(value) = place.filter(|value| empty(value)) {
            let one = Diagnostic::error(Code::MissingKey, value.span, "this bounds nothing");
            diagnostics.push(one.help(help));
        }
    }
    let [task, day] = said.map(|value| value.and_then(Value::table).map(allowance));
    Some(Arc::new(Budget {
        task: task.unwrap_or_default(),
        day: day.unwrap_or_default(),
    }))
}

fn allowance(table: &Table) -> Allowance {
    let minutes = integer(table, "minutes").map(|minutes| Duration::from_secs(minutes * 60));
    Allowance {
        calls: integer(table, "calls"),
        bytes: table.text("bytes").and_then(keys::size),
        time: minutes,
        cost: integer(table, "cost"),
    }
}

/// What cannot be read was reported when the shape was checked.
fn limit(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Limit> {
    let table = value.table()?;
    if table.get("rate").is_none() {
        if let Some(burst) = table.get("burst") {
            diagnostics.push(
                Diagnostic::error(Code::Conflict, burst.key, "`burst` without `rate`")
                    .help("add `rate = \"60/min\"`, or take `burst` out"),
            );
        } else if table.get("concurrency").is_none() {
            let message = "a limit needs `rate` or `concurrency`";
            diagnostics.push(
                Diagnostic::error(Code::MissingKey, value.span, message)
                    .help("add `rate = \"60/min\"` or `concurrency = 4`"),
            );
        }
    }
    let local = matches!(
        table.value("local").map(|value| &value.datum),
        Some(Datum::Bool(true))
    );
    if let Some(entry) = table.get("store_down").filter(|_| local) {
        let message = "a limit that is `local` asks no store";
        diagnostics.push(
            Diagnostic::error(Code::Conflict, entry.key, message)
                .help("take out `store_down` or `local`"),
        );
    }
    Some(Limit {
        rate: rate(table, diagnostics),
        concurrency: count(table, "concurrency"),
        per: table
            .text("per")
            .and_then(Per::parse)
            .unwrap_or(Per::Subject),
        queue: table.table("queue").and_then(queue),
        local,
        store_down: match table.text("store_down") {
            Some("deny") => StoreDown::Deny,
            _ => StoreDown::Share,
        },
    })
}

fn rate(table: &Table, diagnostics: &mut Vec<Diagnostic>) -> Option<Rate> {
    let said = table.value("rate")?;
    let own = Rate::parse(said.text()?)?;
    let Some(burst) = count(table, "burst") else {
        return Some(own);
    };
    let rate = Rate { burst, ..own };
    if rate.recovery() > RECOVERY_MOST {
        let place = table.value("burst").map_or(said.span, |value| value.span);
        let message = format!("a burst of {burst} takes more than a year to come back");
        diagnostics.push(
            Diagnostic::error(Code::InvalidValue, place, message)
                .also(said.span, "at this rate")
                .help("make the burst smaller or the rate larger"),
        );
    }
    Some(rate)
}

fn queue(table: &Table) -> Option<Queue> {
    Some(Queue {
        size: count(table, "size")?,
        wait: keys::duration(table.text("wait")?)?,
    })
}

fn count(table: &Table, key: &str) -> Option<u32> {
    u32::try_from(integer(table, key)?).ok()
}

fn integer(table: &Table, key: &str) -> Option<u64> {
    match table.value(key)?.datum {
        Datum::Integer(number) => u64::try_from(number).ok(),
        _ => None,
    }
}
