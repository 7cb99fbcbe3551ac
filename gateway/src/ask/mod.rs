//! Stage 2, what is asked: reads the body once and strictly, and sorts it into one message, a batch, or the two
//! bodiless operations of the transport.
//!
//! The caller is proven before this stage reads a byte. What it returns means the same to every parser, so the very
//! bytes it read are what later stages judge and forward.

mod batch;
mod mirror;
mod said;

pub(crate) use mirror::{Mirrors, named};
pub(crate) use said::Said;

use crate::identity::{Caller, Identified, Principal, Proven, Resource, same_body};
use crate::listener::body::read_body;
use crate::pipeline::{Asker, Evidence, HeadFault, Inbound, Record, Refusal};
use crate::snapshot::{Server, Snapshot};
use adapters::wire::revision::Era;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method as Verb};
use std::sync::Arc;

/// What was read of a proven caller's request: sound, but not yet held against the rules of its era. Made only by
/// [`read`].
#[derive(Debug)]
pub(crate) struct Read {
    asked: Asked,
}

/// One thing a proven caller asks. Made only by [`check`].
#[derive(Debug)]
pub(crate) struct Asked {
    context: Context,
    ask: Ask,
}

/// What every stage needs of a request, shared by the items of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) caller: Caller,
    /// As the path names it.
    pub(crate) name: Arc<str>,
    /// None where no such server is configured.
    pub(crate) server: Option<Arc<Server>>,
    /// The request's headers as they came: each stage reads from them what it is entitled to.
    pub(crate) headers: Arc<HeaderMap>,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A JSON-RPC message. Boxed: it goes through every stage.
    Say(Box<Said>),
    /// The legacy GET stream.
    Listen,
    /// The end of a legacy session.
    End,
}

/// One or many.
#[derive(Debug)]
pub(crate) enum Reading {
    /// What every revision but one sends.
    One(Read),
    /// A 2025-03-26 batch: each item is a call of its own.
    Batch(Vec<Read>),
}

/// Headers that say who, which session or what is meant: twice is a contradiction.
const SINGLE: [&str; 11] = [
    "authorization",
    "dpop",
    "txn-token",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "last-event-id",
    "content-type",
    "content-encoding",
    "origin",
];

/// Reads what the caller asks.
///
/// # Errors
///
/// A [`Refusal`] for every body that is not one unambiguous message of this era.
pub(crate) async fn read(identified: Identified) -> Result<Reading, Refusal> {
    let (inbound, snapshot, proven) = identified.into_parts();
    let Proven { caller, content } = proven;
    let Inbound {
        server: name,
        head,
        body,
        ..
    } = inbound;
    single(&head.headers)?;
    let server = snapshot.servers.get(&name).cloned();
    let context = Context {
        snapshot,
        caller,
        name,
        server,
        headers: Arc::new(head.headers),
    };
    match head.method {
        Verb::GET => Ok(Reading::One(Read::new(context, Ask::Listen))),
        Verb::DELETE => Ok(Reading::One(Read::new(context, Ask::End))),
        _ => {
            media(&context.headers)?;
            let gateway = &context.snapshot.config.gateway;
            let body = read_body(body, gateway.bounds.body, gateway.deadlines.body)
                .await
                .map_err(Refusal::Body)?;
            if let Some(wanted) = content {
                let endpoint = Resource::Endpoint(&context.name);
                same_body(wanted, &body, &context.snapshot, endpoint)?;
            }
            sort(context, body)
        }
    }
}

/// Holds what was read against the rules of its method and era, and against the headers that repeat it.
///
/// # Errors
///
/// A method outside the table, a message in the wrong dress, a header that says something else.
pub(crate) fn check(read: Read, mirrors: &Mirrors) -> Result<Asked, Refusal> {
    let asked = read.asked;
    if let Some(said) = asked.said() {
        said.check(&asked.context.headers)?;
        mirrors.check(&asked.context, said)?;
    }
    Ok(asked)
}

fn sort(context: Context, body: Bytes) -> Result<Reading, Refusal> {
    let bounds = &context.snapshot.scan_bounds;
    if adapters::wire::is_batch(&body) {
        return batch::read(context, &body);
    }
    let message = adapters::wire::read(&body, bounds).map_err(Refusal::Malformed)?;
    let said = Said::new(body, message, bounds, &context.headers)?;
    Ok(Reading::One(Read::new(context, Ask::Say(Box::new(said)))))
}

fn single(headers: &HeaderMap) -> Result<(), Refusal> {
    // A request with as many names as values repeats nothing: the ordinary case costs one comparison.
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    for name in SINGLE {
        if headers.get_all(name).iter().nth(1).is_some() {
            return Err(match name {
                "mcp-protocol-version" | "mcp-method" | "mcp-name" => {
                    Refusal::HeaderMismatch(format!("`{name}` came more than once"))
                }
                _ => Refusal::Head(HeadFault::Repeated(name)),
            });
        }
    }
    Ok(())
}

fn media(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::Head(HeadFault::Encoding));
    }
    let value = headers
        .get(CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes)
        .unwrap_or_default();
    if value == b"application/json" || is_json(value) {
        return Ok(());
    }
    Err(Refusal::Head(HeadFault::MediaType))
}

/// `application/json`, with no parameter but `charset=utf-8`.
pub(crate) fn is_json(value: &[u8]) -> bool {
    is_media(value, b"application/json")
}

/// One media type in any letter case, with no parameter but `charset=utf-8`.
pub(crate) fn is_media(value: &[u8], media: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case(media))
        && parts.all(|part| {
            part.eq_ignore_ascii_case(b"charset=utf-8")
                || part.eq_ignore_ascii_case(b"charset=\"utf-8\"")
        })
}

// === impl Context ===

impl Context {
    /// Who calls.
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.caller.principal
    }
}

// === impl Read ===

impl Read {
    fn new(context: Context, ask: Ask) -> Self {
        Self {
            asked: Asked { context, ask },
        }
    }

    /// What every stage needs of the request.
    pub(crate) fn context(&self) -> &Context {
        &self.asked.context
    }

    /// What was read.
    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// What an answer has to name.
    pub(crate) fn asker(&self) -> Asker {
        self.asked.said().map(Asker::of).unwrap_or_default()
    }
}

impl Evidence for Read {
    fn note(&self, record: &mut Record) {
        self.asked.note(record);
    }
}

// === impl Asked ===

impl Asked {
    /// What every stage needs of the request.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// What is asked.
    pub(crate) fn ask(&self) -> &Ask {
        &self.ask
    }

    /// The message, where it is one.
    pub(crate) fn said(&self) -> Option<&Said> {
        match &self.ask {
            Ask::Say(said) => Some(said),
            Ask::Listen | Ask::End => None,
        }
    }

    /// Which era's rules hold for this request.
    pub(crate) fn era(&self) -> Era {
        self.said().map_or(Era::Legacy, |said| said.era)
    }
}

impl Evidence for Reading {
    fn note(&self, record: &mut Record) {
        if let Self::One(read) = self {
            read.note(record);
        }
    }
}

impl Evidence for Asked {
    fn note(&self, record: &mut Record) {
        match &self.ask {
            Ask::Say(said) => {
                record.method = said.named();
                record.said = true;
                record.asked = said.method;
                record.revision = said.revision(&self.context.headers);
                record.bytes_in = said.body.len() as u64;
                if let Some(target) = said.label() {
                    record.names(&target);
                }
                record.arguments = said.recorded(self.context.snapshot.config.audit.arguments);
            }
            Ask::Listen => record.method = Some("GET".into()),
            Ask::End => record.method = Some("DELETE".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn only_json_is_json() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
        ] {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/jsonp",
            "application/json; charset=utf-16",
            "application/json, text/html",
        ] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
    }
}
