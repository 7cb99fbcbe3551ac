//! What the gateway writes into a request's `_meta`: the hop token for a server that is an agent, the trace context for
//! all. One insertion for all new keys; everything else in `_meta` stays as it was written.

use crate::ask::Said;
use crate::pipeline::Outgoing;
use adapters::wire::splice::Edit;
use adapters::wire::{Class, Member, Span, array, text};
use std::fmt::Write as _;

/// The edits of one message; a message without `params` gets none.
pub(super) fn edits(said: &Said, hop: Option<&str>, outgoing: Option<&Outgoing>) -> Vec<Edit> {
    let mut change = Change {
        said,
        edits: Vec::new(),
        keys: String::new(),
        cuts: Vec::new(),
    };
    if let Some(token) = hop {
        change.key("dev.hopgate/hop", token);
    }
    if let Some(outgoing) = outgoing.filter(|_| said.class() == Class::Request) {
        change.trace(outgoing);
    }
    change.finish()
}

/// Changes to one message's `_meta`.
struct Change<'a> {
    said: &'a Said,
    edits: Vec<Edit>,
    /// New members, each with a comma behind it.
    keys: String,
    /// Members that go.
    cuts: Vec<&'static str>,
}

// === impl Change ===

impl Change<'_> {
    fn trace(&mut self, outgoing: &Outgoing) {
        let span = |member| self.said.message.span(member);
        let [parent, state, baggage] = [
            Member::MetaTraceparent,
            Member::MetaTracestate,
            Member::MetaBaggage,
        ]
        .map(span);
        if outgoing.replaces(parent.is_some()) {
            let context = &outgoing.context;
            self.put(parent, "traceparent", context.traceparent().as_str());
            match (&context.state, state) {
                (Some(own), state) => self.put(state, "tracestate", own),
                (None, Some(_)) => self.cuts.push("tracestate"),
                (None, None) => {}
            }
        }
        if let Some(span) = baggage {
            let raw = span.of(&self.said.body);
            let inbound = (raw.first() == Some(&b'"')).then(|| text::unescape(raw));
            match inbound.and_then(|inbound| outgoing.baggage.pass(&inbound)) {
                Some(kept) => self.edits.push(Edit::replace(span, text::quote(&kept))),
                None => self.cuts.push("baggage"),
            }
        }
    }

    /// Sets a member, in its place where it has one.
    fn put(&mut self, place: Option<Span>, name: &str, value: &str) {
        match place {
            Some(span) => self.edits.push(Edit::replace(span, text::quote(value))),
            None => self.key(name, value),
        }
    }

    fn key(&mut self, name: &str, value: &str) {
        // A text that cannot be written to does not exist.
        let _ = write!(self.keys, "\"{name}\":{},", text::quote(value));
    }

    fn finish(mut self) -> Vec<Edit> {
        let (body, message) = (&self.said.body, &self.said.message);
        let Some(meta) = message.span(Member::Meta) else {
            if let Some(params) = message
                .span(Member::Params)
                .filter(|_| !self.keys.is_empty())
            {
                let keys = self.keys.trim_end_matches(',');
                let comma = if is_empty(params, body) { "" } else { "," };
                let meta = format!("\"_meta\":{{{keys}}}{comma}");
                self.edits.push(Edit::insert(params.inside(), meta));
            }
            return self.edits;
        };
        let mut left = !is_empty(meta, body);
        if !self.cuts.is_empty() {
            let members = array::members(body, meta);
            let goes = |key: Span| self.cuts.iter().any(|name| text::says(key.of(body), name));
            let gone: Vec<bool> = members.iter().map(|(key, _)| goes(*key)).collect();
            left = gone.contains(&false);
            self.edits.extend(cut(&members, &gone));
        }
        if !self.keys.is_empty() {
            if !left {
                self.keys.pop();
            }
            self.edits.push(Edit::insert(meta.inside(), self.keys));
        }
        self.edits
    }
}

fn is_empty(object: Span, body: &[u8]) -> bool {
    let inside = object.of(body).get(1..).unwrap_or_default();
    inside.trim_ascii_start().first() == Some(&b'}')
}

/// Takes members out, each run of them with the comma behind it, or before it where it is the last.
fn cut(members: &[(Span, Span)], gone: &[bool]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut run: Option<usize> = None;
    for at in 0..=members.len() {
        match (gone.get(at).copied().unwrap_or(false), run) {
            (true, None) => run = Some(at),
            (false, Some(first)) => {
                run = None;
                let key = |at: usize| members.get(at).map(|(key, _)| key.range().start);
                let value = |at: usize| members.get(at).map(|(_, value)| value.range().end);
                let before = first.checked_sub(1).and_then(value);
                let (from, to) = match (key(at), before) {
                    (Some(next), _) => (key(first), Some(next)),
                    (None, before) => (before.or(key(first)), value(at.saturating_sub(1))),
                };
                if let (Some(from), Some(to)) = (from, to) {
                    edits.push(Edit::remove(Span::new(from, to)));
                }
            }
            _ => {}
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapters::wire::splice;
    use bytes::Bytes;

    /// Every choice of members goes, and what is left is the object without them.
    #[test]
    fn any_members_can_go() {
        let body = Bytes::from_static(br#"{ "a":1 ,"b" : [2] , "c":{} }"#);
        let whole = Span::new(0, body.len());
        let members = array::members(&body, whole);
        for choice in 0..8_u8 {
            let gone: Vec<bool> = (0..3).map(|at| choice & (1 << at) != 0).collect();
            let left = splice::apply(&body, cut(&members, &gone));
            let left: serde_json::Value = serde_json::from_slice(&left).unwrap();
            let names: Vec<&String> = left.as_object().unwrap().keys().collect();
            let kept = ["a", "b", "c"]
                .into_iter()
                .zip(&gone)
                .filter(|(_, gone)| !**gone);
            assert_eq!(
                names,
                kept.map(|(name, _)| name).collect::<Vec<_>>(),
                "{choice}"
            );
        }
    }
}
