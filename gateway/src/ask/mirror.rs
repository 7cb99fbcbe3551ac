//! Headers that repeat what a modern body says: checked against it, never trusted, and made anew for the server.
//!
//! `Mcp-Param-*` can only be checked where the caller has been shown the tool's definition: what a list answer
//! annotated is remembered for that caller, server and tool.

use super::{Context, Said};
use crate::pipeline::{HeadFault, Refusal};
use adapters::wire::header::{self, Annotation};
use adapters::wire::{Class, Member, Method, text};
use http::{HeaderMap, HeaderValue};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Holds the mirrored headers of a modern message against its body.
///
/// # Errors
///
/// [`Refusal::HeaderMismatch`] where one is missing or says something else.
pub(super) fn check(said: &Said, headers: &HeaderMap) -> Result<(), Refusal> {
    // What a notification's headers should say is undefined in this revision, so nothing is asked of them.
    if said.class() != Class::Request {
        return Ok(());
    }
    let Some(version) = said.raw(Member::MetaProtocolVersion) else {
        return Err(Refusal::Invalid(
            "`_meta` must name `io.modelcontextprotocol/protocolVersion`",
        ));
    };
    agree(
        "MCP-Protocol-Version",
        headers.get("mcp-protocol-version"),
        version,
        Encoded::No,
    )?;
    if version != MODERN {
        return Err(Refusal::RevisionUnknown(
            text::unescape(version).into_owned(),
        ));
    }
    let capabilities = said.raw(Member::MetaClientCapabilities);
    if capabilities.is_none_or(|raw| raw.first() != Some(&b'{')) {
        return Err(Refusal::Invalid(
            "`_meta` must name `io.modelcontextprotocol/clientCapabilities`",
        ));
    }
    let method = said.raw(Member::Method).unwrap_or_default();
    agree("Mcp-Method", headers.get("mcp-method"), method, Encoded::No)?;
    match named(said) {
        Some(raw) => agree("Mcp-Name", headers.get("mcp-name"), raw, Encoded::Perhaps),
        None => Ok(()),
    }
}

/// The one revision without `initialize` that is spoken here, as the body says it.
const MODERN: &[u8] = b"\"2026-07-28\"";

/// The member that `Mcp-Name` repeats.
pub(crate) fn named(said: &Said) -> Option<&[u8]> {
    match said.method? {
        Method::ToolsCall | Method::PromptsGet => said.raw(Member::Name),
        Method::ResourcesRead => said.raw(Member::Uri),
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => said.raw(Member::TaskId),
        _ => None,
    }
}

/// Whether a header's value may be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoded {
    No,
    Perhaps,
}

fn agree(
    name: &'static str,
    value: Option<&HeaderValue>,
    body: &[u8],
    encoded: Encoded,
) -> Result<(), Refusal> {
    let Some(value) = value.map(HeaderValue::as_bytes) else {
        return Err(Refusal::HeaderMismatch(format!("`{name}` is missing")));
    };
    let agrees = match encoded {
        Encoded::Perhaps => header::agrees(value, body),
        Encoded::No => text::unescape(body).as_bytes() == value && body.first() == Some(&b'"'),
    };
    if agrees {
        return Ok(());
    }
    Err(Refusal::HeaderMismatch(format!(
        "`{name}` and the body say different things"
    )))
}

/// What a tool's definition mirrors into headers.
type Annotations = Arc<[Annotation]>;

/// What each caller was last shown of the tools' mirrored parameters.
#[derive(Debug, Default)]
pub(crate) struct Mirrors {
    shown: Mutex<HashMap<Shown, HashMap<Box<str>, Annotations>>>,
}

/// To whom, of which server.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shown {
    agent: Arc<str>,
    subject: Arc<str>,
    server: Arc<str>,
}

/// Callers times servers remembered; beyond it the memory begins anew, which only means headers pass unjudged again.
const SHOWN_MOST: usize = 10_000;

// === impl Mirrors ===

impl Mirrors {
    /// Remembers what a list answer annotated.
    pub(crate) fn show(&self, context: &Context, tools: Vec<(Box<str>, Vec<Annotation>)>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Shown::of(context);
        if tools.iter().all(|(_, annotations)| annotations.is_empty()) && !shown.contains_key(&key)
        {
            return;
        }
        if shown.len() >= SHOWN_MOST {
            shown.clear();
        }
        let known = shown.entry(key).or_default();
        for (tool, annotations) in tools {
            known.insert(tool, Arc::from(annotations));
        }
    }

    /// Checks the mirrored parameters of a call, where the caller was shown what the tool mirrors.
    ///
    /// # Errors
    ///
    /// [`Refusal::HeaderMismatch`] where a recognised one is missing, malformed or says something else.
    pub(crate) fn check(&self, context: &Context, said: &Said) -> Result<(), Refusal> {
        if said.method != Some(Method::ToolsCall) {
            return Ok(());
        }
        let Some(tool) = said.text(Member::Name) else {
            return Ok(());
        };
        let annotations = {
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.is_empty() {
                return Ok(());
            }
            match shown
                .get(&Shown::of(context))
                .and_then(|tools| tools.get(&*tool))
            {
                Some(annotations) => Arc::clone(annotations),
                None => return Ok(()),
            }
        };
        let arguments = said.raw(Member::Arguments).unwrap_or(b"{}");
        for annotation in &*annotations {
            let name = annotation.header_name();
            if context.headers.get_all(name).iter().nth(1).is_some() {
                return Err(Refusal::Head(HeadFault::Repeated("mcp-param-*")));
            }
            let value = context.headers.get(name).map(HeaderValue::as_bytes);
            if !annotation.agrees(value, arguments) {
                return Err(Refusal::HeaderMismatch(format!(
                    "`{name}` and the argument it repeats say different things"
                )));
            }
        }
        Ok(())
    }
}

// === impl Shown ===

impl Shown {
    fn of(context: &Context) -> Self {
        Self {
            agent: Arc::clone(&context.principal().agent),
            subject: Arc::clone(&context.principal().subject),
            server: Arc::clone(&context.name),
        }
    }
}
