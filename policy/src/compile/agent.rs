//! `[agents.NAME]`.

use std::collections::{BTreeMap, HashSet};

use toml::value::{Datetime, Offset, Time};

use super::unknown_name;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::{Datum, Entry, Table, Value};
use crate::model::{Agent, Lifecycle, Matcher, Pattern, ServerName, SubjectPattern, Who};

/// The agent, as far as it can be read; what cannot be is already reported or is here.
pub(super) fn read(
    entry: &Entry,
    servers: &HashSet<ServerName>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Agent> {
    let table = entry.value.table()?;
    let envelope = table.table("envelope");
    let tools = envelope
        .map(|envelope| envelope.items("tools"))
        .unwrap_or_default();
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
        envelope: patterns(tools, servers, diagnostics),
        hops: envelope.and_then(hops).unwrap_or(1),
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
    items: &[Value],
    servers: &HashSet<ServerName>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for item in items {
        // A text that is no pattern was reported when the shape was checked.
        let Some(pattern) = item.text().and_then(|text| Pattern::new(text).ok()) else {
            continue;
        };
        if let Some(server) = pattern.server().filter(|server| !servers.contains(*server)) {
            let known = servers.iter().map(ServerName::as_str);
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

/// Seconds since the epoch. A date is its first instant in UTC: at that day the agent is out.
fn instant(value: &Value, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
    let Datum::Date(date) = value.datum else {
        return None;
    };
    let seconds = match date {
        Datetime {
            date: Some(date),
            time: None,
            ..
        } => Some(days(date) * 86_400),
        Datetime {
            date: Some(date),
            time: Some(time),
            offset: Some(offset),
        } => {
            let minutes = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i64::from(minutes),
            };
            Some(days(date) * 86_400 + seconds(time) - minutes * 60)
        }
        _ => None,
    };
    if seconds.is_none() {
        let message = format!("`{date}` does not say which instant it is");
        diagnostics.push(
            Diagnostic::error(Code::InvalidValue, value.span, message)
                .help("write a date such as `2027-06-30`, or a date and time with an offset such as `2027-06-30T18:00:00Z`"),
        );
    }
    seconds
}

fn seconds(time: Time) -> i64 {
    i64::from(time.hour) * 3_600
        + i64::from(time.minute) * 60
        + i64::from(time.second.unwrap_or_default())
}

/// Days since 1970-01-01, in the proleptic Gregorian calendar; years counted from March, so that the
/// leap day is the last of its year.
fn days(date: toml::value::Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let since_march = (month + 9) % 12;
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}
