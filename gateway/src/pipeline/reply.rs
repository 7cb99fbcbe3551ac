//! The one table: what the caller sees of each refusal. Reasons stay in the record.
//!
//! Codes of our own are -31000 less an HTTP status, outside the range JSON-RPC and MCP reserve.

use super::body::Body;
use super::refusal::{HeadFault, Refusal, UpstreamFault};
use crate::listener::BodyFault;
use crate::telemetry::fault::Fault;
use adapters::upstream::UpstreamError;
use adapters::wire::revision::{Era, Revision};
use adapters::wire::{Method, code, text};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// What is known of the request when it is refused: as little as the stage that refused had learnt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asker {
    /// The raw JSON id; none for notifications, responses, and before the body was read.
    pub(crate) id: Option<Bytes>,
    /// What it asked.
    pub(crate) method: Option<Method>,
    /// Whether the message was one that gets an answer.
    pub(crate) modern: bool,
}

/// What the caller sees: a status, and a JSON-RPC error or a tool result that says it failed.
struct Shown {
    status: StatusCode,
    code: i64,
    message: String,
    /// Raw JSON of `error.data`.
    data: Option<String>,
}

/// Answers a refused request.
pub(crate) fn refuse(refusal: &Refusal, asker: &Asker) -> Response<Body> {
    if let Refusal::Unasked(_) = refusal {
        return plain(StatusCode::ACCEPTED, Body::empty());
    }
    if let (Refusal::Denied(denial), Some(Method::ToolsCall), Some(id)) =
        (refusal, asker.method, &asker.id)
    {
        return json(
            StatusCode::OK,
            tool_error(id, (&denial.message, None), asker.modern),
        );
    }
    let shown = show(refusal, asker);
    let mut response = json(shown.status, error(&shown, asker.id.as_deref()));
    let headers = response.headers_mut();
    match refusal {
        Refusal::Unproven(_, challenge) | Refusal::ScopesMissing { challenge, .. } => {
            challenge.put(headers);
        }
        Refusal::VerbUnknown => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        Refusal::Limited(limited) => limited.put(headers),
        Refusal::StreamsFull
        | Refusal::TasksFull
        | Refusal::Uncounted(_)
        | Refusal::Draining
        | Refusal::Unshared(_)
        | Refusal::Flooding
        | Refusal::Uncredentialed { passing: true, .. }
        | Refusal::Unrecorded => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

/// The refusal of one message as a JSON-RPC error alone: an item of a batch, or an event of a stream.
pub(crate) fn message(refusal: &Refusal, asker: &Asker) -> Option<Bytes> {
    let id = asker.id.as_deref()?;
    match (refusal, asker.method) {
        (Refusal::Denied(denial), Some(Method::ToolsCall)) => {
            return Some(tool_error(id, (&denial.message, None), asker.modern));
        }
        // There is no status any more that could say it, and a model can wait.
        (Refusal::Limited(limited), Some(Method::ToolsCall)) => {
            let facts = limited.facts();
            let said = (&*limited.message(), Some(&*facts));
            return Some(tool_error(id, said, asker.modern));
        }
        _ => {}
    }
    Some(error(&show(refusal, asker), Some(id)))
}

/// What went wrong, as the caller is told.
pub(super) fn fault(refusal: &Refusal, method: Option<Method>) -> Fault {
    match (refusal, method) {
        (Refusal::Denied(_), Some(Method::ToolsCall)) => Fault::Tool,
        _ => Fault::Code(show(refusal, &Asker::default()).code),
    }
}

fn show(refusal: &Refusal, asker: &Asker) -> Shown {
    let at = |status: StatusCode, message: &str| own(status, message);
    match refusal {
        Refusal::Unproven(..) => at(StatusCode::UNAUTHORIZED, "Unauthorized"),
        Refusal::AgentUnavailable(_) | Refusal::ChainMissing | Refusal::ChainTooDeep { .. } => {
            at(StatusCode::FORBIDDEN, "Forbidden")
        }
        Refusal::ScopesMissing { .. } => at(StatusCode::FORBIDDEN, "Insufficient scope"),
        Refusal::ChainUnknown(_) => at(StatusCode::NOT_FOUND, "Chain not found"),
        Refusal::TaskUnknown => at(StatusCode::NOT_FOUND, "Task not found"),
        Refusal::Unkept | Refusal::Unshared(_) | Refusal::Unrecorded | Refusal::Uncounted(_) => {
            own(UNAVAILABLE, "Not available")
        }
        Refusal::TaskOver(_) => at(StatusCode::GONE, "The task has ended"),
        Refusal::ServerUnknown => at(StatusCode::NOT_FOUND, "Not found"),
        Refusal::SessionUnknown => at(StatusCode::NOT_FOUND, "Session not found"),
        Refusal::Malformed(flaw) => coded(StatusCode::BAD_REQUEST, flaw.code(), flaw.to_string()),
        Refusal::Invalid(why) => coded(
            StatusCode::BAD_REQUEST,
            invalid(why, asker),
            format!("Invalid request: {why}"),
        ),
        Refusal::ParamMissing(which) => coded(
            StatusCode::OK,
            code::INVALID_PARAMS,
            format!("Invalid params: `{which}`"),
        ),
        Refusal::HeaderMismatch(what) => coded(
            StatusCode::BAD_REQUEST,
            code::HEADER_MISMATCH,
            format!("Header mismatch: {what}"),
        ),
        Refusal::Head(fault) => at(head_status(*fault), &fault.to_string()),
        Refusal::Body(fault) => at(body_status(*fault), &fault.to_string()),
        Refusal::RevisionUnknown(version) => revision(version),
        Refusal::VerbUnknown => at(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        Refusal::MethodUnknown => method_unknown(asker),
        Refusal::HandleUnknown(which) => coded(
            StatusCode::OK,
            code::INVALID_PARAMS,
            format!("Invalid params: unknown `{which}`"),
        ),
        Refusal::ToolUnknown(name) => coded(
            StatusCode::OK,
            code::INVALID_PARAMS,
            format!("Unknown tool: {name}"),
        ),
        Refusal::PromptUnknown(name) => coded(
            StatusCode::OK,
            code::INVALID_PARAMS,
            format!("Unknown prompt: {name}"),
        ),
        Refusal::ResourceUnknown(uri) => resource(uri, asker),
        Refusal::Denied(denial) => own(StatusCode::OK, &denial.message).with_code(-31_403),
        Refusal::ServerIsLegacy | Refusal::ServerIsModern => era(refusal),
        Refusal::TasksFull => busy("Too many open tasks"),
        Refusal::StreamsFull => busy("Too many open streams"),
        Refusal::Limited(limited) => Shown {
            data: Some(limited.facts()),
            ..busy(&limited.message())
        },
        Refusal::Flooding => busy("Too many requests"),
        Refusal::Draining => own(UNAVAILABLE, "Shutting down"),
        Refusal::Uncredentialed { passing, .. } => uncredentialed(*passing),
        Refusal::UpstreamFailed(fault) => upstream(fault),
        Refusal::TimedOut => at(
            StatusCode::GATEWAY_TIMEOUT,
            "The upstream server did not answer in time",
        ),
        Refusal::Unasked(_) => at(StatusCode::ACCEPTED, ""),
    }
}

fn method_unknown(asker: &Asker) -> Shown {
    let status = match asker.modern {
        true => StatusCode::NOT_FOUND,
        false => StatusCode::OK,
    };
    coded(
        status,
        code::METHOD_NOT_FOUND,
        "Method not found".to_owned(),
    )
}

fn uncredentialed(passing: bool) -> Shown {
    let status = match passing {
        true => UNAVAILABLE,
        false => StatusCode::BAD_GATEWAY,
    };
    own(status, "The upstream server's credential is not available")
}

const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

fn busy(message: &str) -> Shown {
    own(StatusCode::TOO_MANY_REQUESTS, message)
}

/// A modern request without its required `_meta` is one with bad params; everything else is a bad request.
fn invalid(why: &str, asker: &Asker) -> i64 {
    if asker.modern && why.starts_with("`_meta`") {
        code::INVALID_PARAMS
    } else {
        code::INVALID_REQUEST
    }
}

/// The spec's own answers to a pair that cannot speak: for the dual-era client any error of no modern code says
/// "legacy", and a legacy client learns the revisions it would need.
fn era(refusal: &Refusal) -> Shown {
    if matches!(refusal, Refusal::ServerIsLegacy) {
        return coded(
            StatusCode::BAD_REQUEST,
            code::INVALID_REQUEST,
            "This server speaks revisions up to 2025-11-25: open with `initialize`".to_owned(),
        );
    }
    let modern = Revision::V2026_07_28.as_str();
    Shown {
        data: Some(format!(
            "{{\"supported\":[\"{modern}\"],\"requested\":\"initialize\"}}"
        )),
        ..coded(
            StatusCode::BAD_REQUEST,
            code::UNSUPPORTED_PROTOCOL_VERSION,
            format!("This server speaks only revision {modern}, which has no `initialize`"),
        )
    }
}

fn revision(version: &str) -> Shown {
    let supported = Revision::V2026_07_28.as_str();
    let requested = text::quote(version);
    Shown {
        data: Some(format!(
            "{{\"supported\":[\"{supported}\"],\"requested\":{requested}}}"
        )),
        ..coded(
            StatusCode::BAD_REQUEST,
            code::UNSUPPORTED_PROTOCOL_VERSION,
            "Unsupported protocol version".to_owned(),
        )
    }
}

fn resource(uri: &str, asker: &Asker) -> Shown {
    Shown {
        data: Some(format!("{{\"uri\":{}}}", text::quote(uri))),
        ..coded(
            StatusCode::OK,
            not_found(asker),
            "Resource not found".to_owned(),
        )
    }
}

fn upstream(fault: &UpstreamFault) -> Shown {
    match fault {
        UpstreamFault::Exchange(UpstreamError::Refused(_)) => own(
            StatusCode::BAD_GATEWAY,
            "The upstream server may not be reached",
        ),
        UpstreamFault::Exchange(_) => own(
            StatusCode::BAD_GATEWAY,
            "The upstream server could not be reached",
        ),
        UpstreamFault::Status(_)
        | UpstreamFault::MediaType
        | UpstreamFault::Encoding
        | UpstreamFault::Answer(_)
        | UpstreamFault::TooLarge
        | UpstreamFault::Late
        | UpstreamFault::Echo => own(
            StatusCode::BAD_GATEWAY,
            "The upstream server gave no usable answer",
        ),
    }
}

fn head_status(fault: HeadFault) -> StatusCode {
    match fault {
        HeadFault::MediaType | HeadFault::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        HeadFault::Repeated(_) | HeadFault::Value(_) => StatusCode::BAD_REQUEST,
    }
}

fn body_status(fault: BodyFault) -> StatusCode {
    match fault {
        BodyFault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyFault::Slow => StatusCode::REQUEST_TIMEOUT,
        BodyFault::Broken => StatusCode::BAD_REQUEST,
    }
}

fn not_found(asker: &Asker) -> i64 {
    if asker.modern {
        code::INVALID_PARAMS
    } else {
        code::RESOURCE_NOT_FOUND
    }
}

fn own(status: StatusCode, message: &str) -> Shown {
    coded(
        status,
        -31_000 - i64::from(status.as_u16()),
        message.to_owned(),
    )
}

fn coded(status: StatusCode, code: i64, message: String) -> Shown {
    Shown {
        status,
        code,
        message,
        data: None,
    }
}

/// A tool result that says it failed, so that a model can correct itself; with the facts of a limit.
fn tool_error(id: &[u8], (message, facts): (&str, Option<&str>), modern: bool) -> Bytes {
    let kind = if modern {
        "\"resultType\":\"complete\","
    } else {
        ""
    };
    let message = text::quote(message);
    let facts = facts.map_or(String::new(), |facts| {
        format!(",\"_meta\":{{\"dev.hopgate/limit\":{facts}}}")
    });
    let id = String::from_utf8_lossy(id);
    Bytes::from(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{{kind}\"content\":[{{\"type\":\"text\",\"text\":{message}}}],\"isError\":true{facts}}}}}"
    ))
}

fn error(shown: &Shown, id: Option<&[u8]>) -> Bytes {
    let id = id.map_or("null".into(), String::from_utf8_lossy);
    let message = text::quote(&shown.message);
    let data = shown
        .data
        .as_ref()
        .map_or(String::new(), |data| format!(",\"data\":{data}"));
    Bytes::from(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{},\"message\":{message}{data}}}}}",
        shown.code
    ))
}

/// A JSON answer of the gateway's own.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = plain(status, Body::whole(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer without headers.
pub(crate) fn plain(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

// === impl Asker ===

impl Asker {
    /// What a sound message tells of itself.
    pub(crate) fn of(said: &crate::ask::Said) -> Self {
        Self {
            id: said.answerable_id(),
            method: said.method,
            modern: said.era == Era::Modern,
        }
    }
}

impl Shown {
    fn with_code(self, code: i64) -> Self {
        Self { code, ..self }
    }
}
