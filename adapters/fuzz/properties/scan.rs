//! What the scanner admits every parser admits, and reads as the same tree; what it calls no JSON nobody admits.

use adapters::wire::scan::{Bounds, FlawKind};
use adapters::wire::{Class, Member, Message, Span, array, is_batch, read, read_batch, text};
use bytes::Bytes;
use serde_json::{Map, Value};

/// Bounds that small inputs can hit.
pub const BOUNDS: Bounds = Bounds {
    depth: 32,
    members: 200,
    number: 64,
};

const PATHS: &[(Member, &str)] = &[
    (Member::Jsonrpc, "/jsonrpc"),
    (Member::Id, "/id"),
    (Member::Method, "/method"),
    (Member::Params, "/params"),
    (Member::Result, "/result"),
    (Member::Error, "/error"),
    (Member::ErrorCode, "/error/code"),
    (Member::ErrorMessage, "/error/message"),
    (Member::Name, "/params/name"),
    (Member::Uri, "/params/uri"),
    (Member::Arguments, "/params/arguments"),
    (Member::RequestState, "/params/requestState"),
    (Member::InputResponses, "/params/inputResponses"),
    (Member::TaskId, "/params/taskId"),
    (Member::RequestId, "/params/requestId"),
    (Member::ProgressToken, "/params/progressToken"),
    (Member::ProtocolVersion, "/params/protocolVersion"),
    (Member::Ref, "/params/ref"),
    (Member::RefName, "/params/ref/name"),
    (Member::RefUri, "/params/ref/uri"),
    (Member::Notifications, "/params/notifications"),
    (
        Member::ResourceSubscriptions,
        "/params/notifications/resourceSubscriptions",
    ),
    (Member::TaskIds, "/params/notifications/taskIds"),
    (
        Member::MetaProtocolVersion,
        "/params/_meta/io.modelcontextprotocol~1protocolVersion",
    ),
    (
        Member::MetaClientCapabilities,
        "/params/_meta/io.modelcontextprotocol~1clientCapabilities",
    ),
    (
        Member::MetaLogLevel,
        "/params/_meta/io.modelcontextprotocol~1logLevel",
    ),
    (Member::MetaProgressToken, "/params/_meta/progressToken"),
    (Member::MetaTraceparent, "/params/_meta/traceparent"),
];

/// Runs the property.
pub fn hold(data: &[u8]) {
    if is_batch(data) {
        batch(data);
        return;
    }
    let theirs = serde_json::from_slice::<Value>(data);
    let message = match read(data, &BOUNDS) {
        Ok(message) => message,
        Err(flaw) => return refused(flaw.kind(), &theirs),
    };
    assert!(
        !flaw_text_echoes(data),
        "a flaw's text holds none of the input"
    );
    if let Some(theirs) = agreed(theirs) {
        let whole = Span::new(
            data.len() - data.trim_ascii_start().len(),
            data.trim_ascii_end().len(),
        );
        assert_eq!(tree(data, whole), theirs);
        spans(&message, data, &theirs);
        shape(&message, &theirs);
        without(&message, data, theirs);
    }
}

fn flaw_text_echoes(data: &[u8]) -> bool {
    let tight = Bounds {
        depth: 1,
        members: 1,
        number: 1,
    };
    read(data, &tight).is_err_and(|flaw| flaw.to_string().len() > 80)
}

/// The other parser's tree; none where it only cannot hold a number, which the scanner passes on as text.
fn agreed(theirs: serde_json::Result<Value>) -> Option<Value> {
    match theirs {
        Ok(theirs) => Some(theirs),
        Err(error) => {
            assert!(
                error.to_string().starts_with("number out of range"),
                "{error}"
            );
            None
        }
    }
}

fn refused(kind: FlawKind, theirs: &serde_json::Result<Value>) {
    let no_json = matches!(
        kind,
        FlawKind::Encoding | FlawKind::Syntax | FlawKind::Trailing | FlawKind::Escape
    );
    assert!(!no_json || theirs.is_err(), "{kind:?}");
}

fn batch(data: &[u8]) {
    let Ok(items) = read_batch(data, &BOUNDS, 16) else {
        return;
    };
    assert!((1..=16).contains(&items.len()));
    let theirs: Vec<Value> = items
        .iter()
        .filter_map(|(span, _)| serde_json::from_slice(span.of(data)).ok())
        .collect();
    if let Some(whole) = agreed(serde_json::from_slice::<Value>(data)) {
        assert_eq!(whole, Value::Array(theirs));
    }
}

/// The tree as positions tell it.
fn tree(body: &[u8], span: Span) -> Value {
    match span.of(body).first() {
        Some(b'{') => {
            let members = array::members(body, span);
            let count = members.len();
            let object: Map<String, Value> = members
                .into_iter()
                .map(|(key, value)| {
                    let name = text::unescape(key.of(body)).into_owned();
                    (name, tree(body, value))
                })
                .collect();
            assert_eq!(object.len(), count, "no member twice");
            Value::Object(object)
        }
        Some(b'[') => {
            let elements = array::elements(body, span);
            Value::Array(elements.into_iter().map(|one| tree(body, one)).collect())
        }
        Some(b'"') => Value::String(text::unescape(span.of(body)).into_owned()),
        _ => serde_json::from_slice(span.of(body)).unwrap(),
    }
}

fn spans(message: &Message, data: &[u8], theirs: &Value) {
    for (member, path) in PATHS {
        let ours = message.slice(*member, data).map(|raw| {
            assert!(raw.len() == raw.trim_ascii().len());
            serde_json::from_slice::<Value>(raw).unwrap()
        });
        // A response has its `_meta` in the result.
        let in_result = path.replacen("/params/_meta/", "/result/_meta/", 1);
        let theirs = theirs.pointer(path).or_else(|| theirs.pointer(&in_result));
        assert_eq!(ours.as_ref(), theirs, "{path}");
    }
}

fn shape(message: &Message, theirs: &Value) {
    let has = |name| theirs.get(name).is_some();
    let id = theirs.get("id");
    assert_eq!(theirs.get("jsonrpc"), Some(&Value::from("2.0")));
    match message.class() {
        Class::Request => assert!(has("method") && id.is_some()),
        Class::Notification => assert!(has("method") && id.is_none()),
        Class::Result => assert!(has("result") && id.is_some()),
        Class::Error => assert!(has("error")),
    }
    let kinds = ["method", "result", "error"]
        .into_iter()
        .filter(|name| has(name));
    assert_eq!(kinds.count(), 1);
    let fits = |id: &Value| id.is_string() || id.is_number();
    assert!(id.is_none_or(|id| fits(id) || (id.is_null() && message.class() == Class::Error)));
    assert!(theirs.get("params").is_none_or(Value::is_object));
}

/// Without the gateway's keys a message says the same otherwise.
fn without(message: &Message, data: &[u8], mut theirs: Value) {
    let Some(left) = message.without_gateway_keys(&Bytes::copy_from_slice(data)) else {
        return;
    };
    for place in ["params", "result"] {
        let meta = theirs
            .get_mut(place)
            .and_then(|params| params.get_mut("_meta"));
        if let Some(meta) = meta.and_then(Value::as_object_mut) {
            meta.retain(|key, _| !key.starts_with("dev.hopgate/"));
        }
    }
    assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), theirs);
    assert!(
        read(&left, &BOUNDS)
            .unwrap()
            .without_gateway_keys(&left)
            .is_none()
    );
}
