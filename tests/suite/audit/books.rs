//! The books of a gateway, balanced: what must hold of its records whatever has happened to its calls.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use tests::records::{text, verify};
use tests::{Gateway, Records};

/// What is on record of one call.
#[derive(Debug, Default)]
struct Entry<'a> {
    intent: Option<&'a Value>,
    opened: Option<&'a Value>,
    outcome: Option<&'a Value>,
    decisions: Vec<&'a Value>,
}

/// Stops a gateway as operators do, balances its books, and gives them.
pub(super) async fn close(gateway: &mut Gateway) -> Records {
    if gateway.exited().is_none() {
        assert_eq!(gateway.terminate().await.code(), Some(0));
    }
    let records = books(gateway);
    let (_, said) = verify(&gateway.place);
    for log in said["logs"].as_array().expect("logs") {
        assert_eq!(log["unsealed"], 0, "a clean stop seals everything: {said}");
    }
    let last = records.log("decisions").last().expect("a record");
    assert_eq!(text(last, "kind"), "stop", "{last}");
    records
}

/// Balances the books of a gateway that has no open call.
pub(super) fn books(gateway: &Gateway) -> Records {
    let (whole, said) = verify(&gateway.place);
    assert!(whole, "{said}");
    let records = Records::read(&gateway.place);
    let entries = entries(&records);
    for (call, entry) in &entries {
        balance(call, entry);
        joined(call, entry, &entries);
    }
    for list in records.kind("decisions", "list") {
        let entry = entries.get(text(list, "call"));
        assert!(entry.is_some_and(|entry| entry.outcome.is_some()), "{list}");
    }
    records
}

/// What is on record of each call; panics where something is there twice.
fn entries(records: &Records) -> HashMap<&str, Entry<'_>> {
    let mut entries: HashMap<&str, Entry<'_>> = HashMap::new();
    for record in records.log("calls") {
        let call = text(record, "call");
        let place = |entry: &mut Option<_>| {
            assert!(entry.is_none(), "twice: {record}");
            *entry = Some(record);
        };
        match text(record, "kind") {
            "intent" => place(&mut entries.entry(call).or_default().intent),
            "opened" => place(&mut entries.entry(call).or_default().opened),
            "outcome" => place(&mut entries.entry(call).or_default().outcome),
            _ => assert_eq!(call, "", "{record}"),
        }
    }
    for decision in records.kind("decisions", "decision") {
        let call = text(decision, "call");
        let entry = entries.entry(call).or_default();
        entry.decisions.push(decision);
    }
    entries
}

/// One outcome, after everything else; one decision, and that an allow, before anything is sent.
fn balance(call: &str, entry: &Entry<'_>) {
    let seq = |record: Option<&Value>| record.map(|one| one["seq"].as_u64().expect("seq"));
    let outcome = entry
        .outcome
        .unwrap_or_else(|| panic!("no outcome of {call}: {entry:?}"));
    let end = seq(entry.outcome);
    assert!(
        entry.intent.is_none() || seq(entry.intent) < end,
        "{entry:?}"
    );
    assert!(entry.decisions.len() <= 1, "decided twice: {entry:?}");
    if entry.opened.is_some() {
        assert!(entry.intent.is_some(), "opened unasked: {entry:?}");
        assert!(
            seq(entry.intent) < seq(entry.opened) && seq(entry.opened) < end,
            "{entry:?}"
        );
    }
    if outcome["sent"] == true {
        assert!(entry.intent.is_some(), "sent without an intent: {entry:?}");
    }
    let decision = entry.decisions.first().map(|one| text(one, "decision"));
    if entry.intent.is_some() {
        assert_eq!(decision, Some("allow"), "{entry:?}");
    }
    if matches!(text(outcome, "refused"), "rule" | "unknown") {
        assert!(matches!(decision, Some("deny" | "ask")), "{entry:?}");
    }
    assert_eq!(
        text(outcome, "ending") == "refused",
        !text(outcome, "refused").is_empty(),
        "{outcome}"
    );
}

/// The logs share ids, and what one says of an id the other does not contradict.
fn joined(call: &str, entry: &Entry<'_>, entries: &HashMap<&str, Entry<'_>>) {
    let who = entry.intent.or(entry.outcome).expect("who and what");
    assert_eq!(call.len(), 32, "{call}");
    assert!(
        !text(who, "snapshot").is_empty() && !text(who, "address").is_empty(),
        "{who}"
    );
    for decision in &entry.decisions {
        for name in ["task", "snapshot"] {
            assert_eq!(text(decision, name), text(who, name), "{decision} {who}");
        }
    }
    let parent = text(who, "parent");
    assert!(parent.is_empty() || entries.contains_key(parent), "{who}");
    if let (Some(_), Some(outcome)) = (entry.intent, entry.outcome) {
        assert!(outcome.get("agent").is_none(), "said twice: {outcome}");
    }
}

/// The calls of these records, by how they ended.
pub(super) fn endings(records: &Records) -> HashMap<String, usize> {
    let mut endings = HashMap::new();
    for outcome in records.kind("calls", "outcome") {
        *endings
            .entry(text(outcome, "ending").to_owned())
            .or_default() += 1;
    }
    endings
}

/// The ids of the calls with an intent.
pub(super) fn intents(records: &Records) -> HashSet<&str> {
    let all = records.kind("calls", "intent").into_iter();
    all.map(|record| text(record, "call")).collect()
}
