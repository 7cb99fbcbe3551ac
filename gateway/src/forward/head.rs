//! Reads the head of an answer: what kind of answer it is, and which of its headers the caller may have.
//!
//! A well-formed JSON-RPC answer is the server's own, whatever its status; every other body is an upstream failure and
//! is never shown. A server's 401 and 403 speak of its own authorization, never of the caller's.

use super::echo::{self, Searched};
use super::era::Speaks;
use super::events::Events;
use super::{Call, Content, Forwarded, Relay, Shared, plain};
use crate::ask::{Ask, is_media};
use crate::audit::Ending;
use crate::pipeline::{Refusal, UpstreamFault};
use crate::task::seal::Kind;
use adapters::upstream::ReplyBody;
use adapters::wire::revision::Era;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

/// The media types an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Other,
}

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// Passed to the caller as they come.
const PASSED: [HeaderName; 3] = [
    CACHE_CONTROL,
    RETRY_AFTER,
    HeaderName::from_static("mcp-protocol-version"),
];

/// Turns the server's answer into the call's.
///
/// # Errors
///
/// [`Refusal::UpstreamFailed`], [`Refusal::SessionUnknown`] where the server has ended the session, the refusals of an
/// era it does not speak, and [`Refusal::TimedOut`].
pub(super) async fn read(
    call: Call,
    response: Response<ReplyBody>,
    shared: &Shared,
) -> Result<Forwarded, Refusal> {
    let (head, body) = response.into_parts();
    let mut body = Searched::new(&call, body);
    let encoding = head.headers.get(CONTENT_ENCODING);
    if echo::holds(&call, &head.headers) {
        let fault = call.betrayed();
        return Err(failed(call, fault));
    }
    if encoding.is_some_and(|value| value.as_bytes() != b"identity") {
        return Err(failed(call, UpstreamFault::Encoding));
    }
    let media = media(&head.headers);
    if !is_read(&call, head.status, media) {
        let fault = UpstreamFault::Status(head.status.as_u16());
        let fault = body.unread(&call, fault).await;
        if let UpstreamFault::Echo = fault {
            return Err(failed(call, fault));
        }
    }
    match call.authorized.bound().asked().ask() {
        Ask::Say(_) if call.id().is_some() => answer(call, head, body, media, shared).await,
        Ask::Say(_) => accepted(call, head, body, media).await,
        Ask::Listen => listening(call, head, body, media, shared).await,
        Ask::End => ended(call, &head, shared),
    }
}

/// Whether somebody will read the body of such an answer.
fn is_read(call: &Call, status: StatusCode, media: Media) -> bool {
    let turned_away = matches!(status.as_u16(), 401 | 403 | 405) || status.is_redirection();
    match call.authorized.bound().asked().ask() {
        Ask::Say(_) if call.id().is_some() && media == Media::Json => {
            !turned_away || status == StatusCode::METHOD_NOT_ALLOWED
        }
        Ask::Say(_) | Ask::Listen if media == Media::Json => {
            !turned_away && status.is_client_error()
        }
        Ask::Say(_) | Ask::Listen => media == Media::Events && status == StatusCode::OK,
        Ask::End => false,
    }
}

/// The answer to a request.
async fn answer(
    call: Call,
    head: Parts,
    body: Searched,
    media: Media,
    shared: &Shared,
) -> Result<Forwarded, Refusal> {
    let status = head.status;
    if status.is_redirection() || status.is_informational() || matches!(status.as_u16(), 401 | 403)
    {
        return Err(failed(call, UpstreamFault::Status(status.as_u16())));
    }
    match media {
        Media::Events if status == StatusCode::OK => {
            let mut call = call;
            let headers = headers(&mut call, &head, shared);
            let slot = call.places.stream.is_none();
            if slot {
                let most = call
                    .authorized
                    .bound()
                    .asked()
                    .context()
                    .snapshot
                    .config
                    .gateway
                    .bounds
                    .streams;
                call.places.stream = shared.limits.slot(most);
            }
            Ok(stream(call, headers, body, shared))
        }
        Media::Json => {
            let mut call = call;
            let headers = headers(&mut call, &head, shared);
            match plain::read(call, status, body, shared).await {
                Ok(content) => Ok(Forwarded {
                    head: parts(status, headers),
                    content,
                }),
                Err((call, fault)) => Err(unusable(call, status, fault, shared).await),
            }
        }
        Media::Events | Media::Other => {
            let fault = match status.is_success() {
                true => UpstreamFault::MediaType,
                false => UpstreamFault::Status(status.as_u16()),
            };
            Err(unusable(call, status, fault, shared).await)
        }
    }
}

/// An answer nobody can use: perhaps the session is over, perhaps the server does not speak this era.
async fn unusable(
    call: Call,
    status: StatusCode,
    fault: UpstreamFault,
    shared: &Shared,
) -> Refusal {
    call.closed();
    if let UpstreamFault::Echo = fault {
        return Refusal::UpstreamFailed(fault);
    }
    let bound = call.authorized.bound();
    if let Some(session) = bound
        .session()
        .filter(|session| session.upstream_id.is_some())
        && status == StatusCode::NOT_FOUND
    {
        shared.tasks.forget(session);
        return Refusal::SessionUnknown;
    }
    if status.is_client_error() {
        let server = call.authorized.server();
        match (bound.asked().era(), bound.initializes()) {
            (Era::Modern, _) if server.eras.ask(&call).await == Some(Speaks::Legacy) => {
                return Refusal::ServerIsLegacy;
            }
            (Era::Legacy, true) if server.eras.ask(&call).await == Some(Speaks::Modern) => {
                return Refusal::ServerIsModern;
            }
            _ => {}
        }
    }
    match fault {
        UpstreamFault::Late => Refusal::TimedOut,
        fault => Refusal::UpstreamFailed(fault),
    }
}

/// The answer to a notification or a response.
async fn accepted(
    call: Call,
    head: Parts,
    body: Searched,
    media: Media,
) -> Result<Forwarded, Refusal> {
    let status = head.status;
    if status.is_success() {
        return Ok(empty(
            StatusCode::ACCEPTED,
            HeaderMap::new(),
            Ending::Answered,
        ));
    }
    if media == Media::Json && status.is_client_error() && !matches!(status.as_u16(), 401 | 403) {
        return match plain::read_error(&call, body).await {
            Ok(content) => Ok(Forwarded {
                head: parts(status, json()),
                content,
            }),
            Err(fault) => Err(Refusal::UpstreamFailed(fault)),
        };
    }
    if status == StatusCode::NOT_FOUND && in_session(&call) {
        return Err(Refusal::SessionUnknown);
    }
    Err(Refusal::UpstreamFailed(UpstreamFault::Status(
        status.as_u16(),
    )))
}

/// The answer to a GET: a stream, or no stream here.
async fn listening(
    call: Call,
    head: Parts,
    body: Searched,
    media: Media,
    shared: &Shared,
) -> Result<Forwarded, Refusal> {
    let status = head.status;
    match (status, media) {
        (StatusCode::OK, Media::Events) => {
            let mut call = call;
            let headers = headers(&mut call, &head, shared);
            Ok(stream(call, headers, body, shared))
        }
        (StatusCode::METHOD_NOT_ALLOWED, _) => Ok(not_allowed(&head)),
        (StatusCode::NOT_FOUND, _) if in_session(&call) => Err(Refusal::SessionUnknown),
        (_, Media::Json) if status.is_client_error() && !matches!(status.as_u16(), 401 | 403) => {
            match plain::read_error(&call, body).await {
                Ok(content) => Ok(Forwarded {
                    head: parts(status, json()),
                    content,
                }),
                Err(fault) => Err(Refusal::UpstreamFailed(fault)),
            }
        }
        (StatusCode::OK, _) => Err(Refusal::UpstreamFailed(UpstreamFault::MediaType)),
        _ => Err(Refusal::UpstreamFailed(UpstreamFault::Status(
            status.as_u16(),
        ))),
    }
}

/// The answer to a DELETE.
fn ended(call: Call, head: &Parts, shared: &Shared) -> Result<Forwarded, Refusal> {
    let status = head.status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        return Ok(not_allowed(head));
    }
    if (status.is_success() || status == StatusCode::NOT_FOUND)
        && let Some(session) = call.authorized.bound().session()
    {
        shared.tasks.forget(session);
    }
    match status {
        StatusCode::NOT_FOUND => Err(Refusal::SessionUnknown),
        _ if status.is_success() => Ok(empty(status, HeaderMap::new(), Ending::Answered)),
        _ => Err(Refusal::UpstreamFailed(UpstreamFault::Status(
            status.as_u16(),
        ))),
    }
}

fn stream(call: Call, mut headers: HeaderMap, body: Searched, shared: &Shared) -> Forwarded {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    let session = call.authorized.bound().session();
    if let (Some(session), Some(outgoing)) = (session, call.traced()) {
        session.memory.streams(&outgoing.context);
    }
    let events = Events::new(call, body, shared.clone());
    Forwarded {
        head: parts(StatusCode::OK, headers),
        content: Content::Relay(Relay::Events(Box::new(events))),
    }
}

/// The headers the caller may have, the session id sealed for its owner.
fn headers(call: &mut Call, head: &Parts, shared: &Shared) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(8);
    for name in PASSED {
        if let Some(value) = head.headers.get(&name) {
            to.insert(name, value.clone());
        }
    }
    let bound = call.authorized.bound();
    if let Some(own) = head
        .headers
        .get(SESSION)
        .filter(|_| bound.asked().era() == Era::Legacy)
    {
        let owner = bound.owner();
        let keys = &bound.asked().context().snapshot.keys;
        let sealed = keys.seal(owner, Kind::Session, own.as_bytes());
        if let Some(value) = sealed.and_then(|sealed| HeaderValue::from_str(&sealed).ok()) {
            call.begun = Some(shared.tasks.begin(owner, own));
            to.insert(SESSION, value);
        }
    }
    to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    to
}

fn media(headers: &HeaderMap) -> Media {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    match (values.next().map(HeaderValue::as_bytes), values.next()) {
        (Some(value), None) if is_media(value, b"application/json") => Media::Json,
        (Some(value), None) if is_media(value, b"text/event-stream") => Media::Events,
        _ => Media::Other,
    }
}

fn in_session(call: &Call) -> bool {
    call.authorized
        .bound()
        .session()
        .is_some_and(|session| session.upstream_id.is_some())
}

fn failed(call: Call, fault: UpstreamFault) -> Refusal {
    call.closed();
    Refusal::UpstreamFailed(fault)
}

fn not_allowed(head: &Parts) -> Forwarded {
    let mut headers = HeaderMap::new();
    if let Some(allow) = head.headers.get(ALLOW) {
        headers.insert(ALLOW, allow.clone());
    }
    empty(head.status, headers, Ending::Answered)
}

fn empty(status: StatusCode, headers: HeaderMap, ending: Ending) -> Forwarded {
    Forwarded {
        head: parts(status, headers),
        content: Content::whole(Vec::new(), ending),
    }
}

fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn parts(status: StatusCode, headers: HeaderMap) -> Parts {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.headers = headers;
    parts
}
