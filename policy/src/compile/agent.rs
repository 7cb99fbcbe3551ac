//! `[agents.NAME]`.

use std::collections::BTreeMap;

use super::group::{Groups, Kind};
use super::instant::instant;
use super::{Servers, suggested, unknown_name};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Datum, Entry, Table, Value};
use crate::keys;
use crate::limit;
use crate::model::{
    Agent, Effect, Effects, Envelope, Label, Lifecycle, Matcher, Pattern, ServerName,
    SubjectPattern, Who,
};

/// The agent, as far as it can be read; what cannot be is already reported or is here.
pub(super) fn read(
    entry: &Entry,
    groups: &Groups<'_>,
    servers: &Servers,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Agent> {
    let table = entry.value.table()?;
    let state = match table.text("state") {
        None | Some("active") => Lifecycle::Active,
        Some("suspended") => Lifecycle::Suspended,
        Some("retired") => Lifecycle::Retired,
        Some(_) => Lifecycle::Proposed,
    };
    Some(Agent {
        owner: table.text("owner").map(str::to_owned),
        purpose: table.text("purpose").map(str::to_owned),
        state,
        expires: table
            .value("expires")
            .and_then(|value| instant(value, diagnostics)),
        identity: table.items("identity").iter().filter_map(matcher).collect(),
        requires_chain: flag(table, "requires_chain"),
        envelope: envelope(table.table("envelope"), groups, servers, diagnostics),
        span: entry.key,
    })
}

/// Who may be this agent. What cannot be read was reported when the shape was checked.
fn matcher(item: &Value) -> Option<Matcher> {
    let who = match item.table() {
        None => Who::parse(item.text()?)?,
        Some(table) => {
            let claims = table.table("claims").into_iter().flat_map(Table::iter);
            let claims: BTreeMap<_, _> = claims
                .filter_map(|(name, entry)| {
                    let claim = SubjectPattern::new(entry.value.text()?)?;
                    Some((name.to_owned(), claim))
                })
                .collect();
            Who::Subject {
                source: table.text("source")?.to_owned(),
                subject: SubjectPattern::new(table.text("subject")?)?,
                claims,
            }
        }
    };
    Some(Matcher {
        who,
        span: item.span,
    })
}

/// Without an envelope, nothing.
fn envelope(
    table: Option<&Table>,
    groups: &Groups<'_>,
    servers: &Servers,
    diagnostics: &mut Vec<Diagnostic>,
) -> Envelope {
    let tools = table.map(|table| groups.items(Kind::Tools, table.items("tools"), diagnostics));
    let effects = table.and_then(|table| table.value("effects"));
    let label = table.and_then(|table| table.text("clearance"));
    Envelope {
        tools: patterns(&tools.unwrap_or_default(), servers, diagnostics),
        effects: match effects {
            Some(value) => self::effects(value.items()),
            None => [Effect::Read].into_iter().collect(),
        },
        clearance: label.and_then(Label::parse).unwrap_or(Label::Internal),
        hops: table.and_then(hops).unwrap_or(1),
        life: table.and_then(life),
        limits: table.map_or_else(Vec::new, |table| limit::limits(table, diagnostics)),
        budget: table.and_then(|table| limit::budget(table, diagnostics)),
    }
}

/// The seconds a lease may live at the most.
pub(super) fn life(table: &Table) -> Option<u64> {
    let life = keys::duration(table.text("credential_ttl")?)?;
    Some(life.as_secs())
}

/// The effects of a list.
pub(super) fn effects(items: &[Value]) -> Effects {
    let effects = items.iter().filter_map(Value::text);
    effects.filter_map(Effect::parse).collect()
}

fn flag(table: &Table, key: &str) -> bool {
    table
        .value(key)
        .is_some_and(|value| value.datum == Datum::Bool(true))
}

fn hops(envelope: &Table) -> Option<usize> {
    match envelope.value("hops")?.datum {
        Datum::Integer(hops) => usize::try_from(hops).ok(),
        _ => None,
    }
}

/// The patterns of a list; one that names a server which is not there is reported.
pub(super) fn patterns(
    items: &[&Value],
    servers: &Servers,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for item in items {
        // A text that is no pattern was reported when the shape was checked.
        let Some(pattern) = item.text().and_then(|text| Pattern::new(text).ok()) else {
            continue;
        };
        if let Some(server) = pattern
            .server()
            .filter(|server| !servers.contains_key(*server))
        {
            let known = servers.keys().map(ServerName::as_str);
            let known = known.take(suggested(diagnostics));
            diagnostics.push(unknown_name(
                "server",
                server,
                server_span(item, server),
                known,
            ));
        }
        patterns.push(pattern);
    }
    patterns
}

/// The server inside the quotes of a pattern; the whole value where the quotes are of another kind.
fn server_span(item: &Value, server: &str) -> Span {
    let start = item.span.start + 1;
    let end = start + server.len();
    if end < item.span.end {
        Span {
            start,
            end,
            ..item.span
        }
    } else {
        item.span
    }
}
