//! The request as the server gets it: the validated bytes with their edits spliced in, and headers of an allow-list.
//!
//! Nothing a client sends to identify itself passes, nor anything hop-by-hop; what mirrors the body is made anew.

use super::{Call, meta};
use crate::ask::{Ask, Asked, named};
use crate::authorize::Authorized;
use crate::credentials::Attached;
use crate::pipeline::Outgoing;
use crate::task::{Bound, Carrying, HOP};
use adapters::upstream::Exchange;
use adapters::wire::revision::Era;
use adapters::wire::splice::{self, Edit};
use adapters::wire::{Member, code, header, text};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb};

/// Passed on as they come; none of them says who calls.
const PASSED: [HeaderName; 5] = [
    ACCEPT,
    USER_AGENT,
    TRACEPARENT,
    TRACESTATE,
    HeaderName::from_static("mcp-protocol-version"),
];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// Makes the exchange of an authorized call.
pub(super) fn exchange(call: &Call) -> Exchange {
    let asked = call.authorized.bound().asked();
    let hop = call.carrying.as_ref().map(Carrying::token);
    let outgoing = call.outgoing.as_ref();
    let mut headers = headers(&call.authorized);
    if let Some(outgoing) = outgoing {
        trace(outgoing, asked, &mut headers);
    }
    if let Some(value) = hop.and_then(|token| HeaderValue::from_str(token).ok()) {
        headers.insert(HeaderName::from_static(HOP), value);
    }
    call.dress(Exchange {
        method: verb(asked.ask()),
        headers,
        body: body(call, hop, outgoing),
        carried: None,
    })
}

fn verb(ask: &Ask) -> Verb {
    match ask {
        Ask::Say(_) => Verb::POST,
        Ask::Listen => Verb::GET,
        Ask::End => Verb::DELETE,
    }
}

/// The headers of the call's trace, in place of the caller's.
fn trace(outgoing: &Outgoing, asked: &Asked, to: &mut HeaderMap) {
    let text = |text: &str| HeaderValue::from_str(text).ok();
    let from = &asked.context().headers;
    let baggage = from.get(BAGGAGE).and_then(|value| value.to_str().ok());
    let baggage = baggage.and_then(|inbound| outgoing.baggage.pass(inbound));
    let context = &outgoing.context;
    let state = context.state.as_deref();
    for (name, value) in [
        (TRACEPARENT, text(context.traceparent().as_str())),
        (TRACESTATE, state.and_then(text)),
        (BAGGAGE, baggage.as_deref().and_then(text)),
    ] {
        match value {
            Some(value) => drop(to.insert(name, value)),
            None => drop(to.remove(name)),
        }
    }
}

fn body(call: &Call, hop: Option<&str>, outgoing: Option<&Outgoing>) -> Bytes {
    let bound = call.authorized.bound();
    let Some(said) = bound.asked().said() else {
        return Bytes::new();
    };
    let argument = call.attached.iter().filter_map(Attached::argument);
    let edits: Vec<Edit> = bound
        .edits()
        .iter()
        .chain(call.authorized.cuts())
        .chain(argument)
        .cloned()
        .chain(meta::edits(said, hop, outgoing))
        .collect();
    splice::apply(&said.body, edits)
}

fn headers(call: &Authorized) -> HeaderMap {
    let bound = call.bound();
    let asked = bound.asked();
    let from = &asked.context().headers;
    let mut to = HeaderMap::with_capacity(12);
    for name in PASSED {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
    if let Some(id) = bound
        .session()
        .and_then(|session| session.upstream_id.as_ref())
    {
        to.insert(HeaderName::from_static("mcp-session-id"), id.clone());
    }
    if let Some(id) = bound.last_event() {
        to.insert(HeaderName::from_static("last-event-id"), id.clone());
    }
    if asked.said().is_some() {
        to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in &**from {
        if name.as_str().starts_with("mcp-param-") {
            to.append(name.clone(), value.clone());
        }
    }
    if asked.era() == Era::Modern {
        mirror(call, asked, &mut to);
    }
    to
}

/// The headers that repeat the body, from the body.
fn mirror(call: &Authorized, asked: &Asked, to: &mut HeaderMap) {
    let Some(said) = asked.said() else {
        return;
    };
    let method = match said.method {
        Some(method) => Some(HeaderValue::from_static(method.name())),
        None => said
            .text(Member::Method)
            .and_then(|method| HeaderValue::from_str(&method).ok()),
    };
    if let Some(method) = method {
        to.insert(HeaderName::from_static("mcp-method"), method);
    }
    let name = match call.bound().opened_name() {
        Some(own) => Some(header::encode(own)),
        None => named(said).map(|raw| header::encode(&text::unescape(raw)).into_owned().into()),
    };
    if let Some(value) = name.and_then(|name| HeaderValue::from_str(&name).ok()) {
        to.insert(HeaderName::from_static("mcp-name"), value);
    }
}

/// The answer to a request of the server that its client will not see.
pub(super) fn decline(bound: &Bound, id: &Bytes) -> Exchange {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
    let version = HeaderName::from_static("mcp-protocol-version");
    if let Some(value) = bound.asked().context().headers.get(&version) {
        headers.insert(version, value.clone());
    }
    if let Some(id) = bound
        .session()
        .and_then(|session| session.upstream_id.as_ref())
    {
        headers.insert(HeaderName::from_static("mcp-session-id"), id.clone());
    }
    let id = String::from_utf8_lossy(id);
    let body = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{},\"message\":\"The client cannot be asked this\"}}}}",
        code::METHOD_NOT_FOUND
    );
    Exchange {
        method: Verb::POST,
        headers,
        body: Bytes::from(body),
        carried: None,
    }
}
