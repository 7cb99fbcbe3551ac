//! Opens the handles a request brings back: `requestState`, MCP task ids, and the task a message says it relates to.
//!
//! The server gets its own bytes. A handle that was not sealed here, for this caller and server, ends the call.

use super::seal::{Kind, Owner};
use super::state;
use crate::ask::{Asked, Said};
use crate::pipeline::Refusal;
use crate::telemetry::trace::TraceContext;
use adapters::wire::revision::Era;
use adapters::wire::splice::Edit;
use adapters::wire::{Member, Method, Span, array, text};
use aws_lc_rs::digest::{Context as Hash, SHA256};
use serde_json::Value;

/// What opening changes.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// In the body.
    pub(super) edits: Vec<Edit>,
    /// `Mcp-Name` for the server, where it repeats a handle.
    pub(super) name: Option<String>,
    /// Where the call stands whose `requestState` this is.
    pub(super) resumed: Option<TraceContext>,
}

/// Opens every handle in the message.
///
/// # Errors
///
/// [`Refusal::HandleUnknown`] for the first that does not open.
pub(super) fn open(asked: &Asked) -> Result<Opened, Refusal> {
    let mut opened = Opened::default();
    let Some(said) = asked.said() else {
        return Ok(opened);
    };
    let opener = Opener { asked, said };
    if let Some(span) = said.message.span(Member::RequestState)
        && said.era == Era::Modern
        && carries_state(said.method)
    {
        let digest = digest(said);
        let (edit, trace) = opener.open_state(span, &digest)?;
        opened.edits.push(edit);
        opened.resumed = trace;
    }
    if let Some(span) = said.message.span(Member::TaskId) {
        let (edit, own) = opener.open(span, Kind::Task, "taskId")?;
        opened.edits.push(edit);
        opened.name = Some(own);
    }
    if let Some(span) = said.message.span(Member::MetaRelatedTaskId) {
        opened
            .edits
            .push(opener.open(span, Kind::Task, "taskId")?.0);
    }
    if let Some(span) = said.message.span(Member::TaskIds) {
        for element in array::elements(&said.body, span) {
            opened
                .edits
                .push(opener.open(element, Kind::Task, "taskIds")?.0);
        }
    }
    Ok(opened)
}

/// Requests whose retry brings `requestState` back.
fn carries_state(method: Option<Method>) -> bool {
    matches!(
        method,
        Some(Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead)
    )
}

/// What a `requestState` is bound to: the method and what the request asks for, whatever the spelling of its JSON.
pub(crate) fn digest(said: &Said) -> [u8; 32] {
    let mut hash = Hash::new(&SHA256);
    for member in [Member::Method, Member::Name, Member::Uri, Member::Arguments] {
        let value: Value = said
            .raw(member)
            .and_then(|raw| serde_json::from_slice(raw).ok())
            .unwrap_or(Value::Null);
        hash.update(value.to_string().as_bytes());
        hash.update(&[0]);
    }
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

struct Opener<'a> {
    asked: &'a Asked,
    said: &'a Said,
}

// === impl Opener ===

impl Opener<'_> {
    fn open(
        &self,
        span: Span,
        kind: Kind<'_>,
        which: &'static str,
    ) -> Result<(Edit, String), Refusal> {
        let own = self.unseal(span, kind, which)?;
        let own = String::from_utf8(own).map_err(|_| Refusal::HandleUnknown(which))?;
        Ok((Edit::replace(span, text::quote(&own)), own))
    }

    /// A `requestState`, and where the call stands that it was given to.
    fn open_state(
        &self,
        span: Span,
        digest: &[u8],
    ) -> Result<(Edit, Option<TraceContext>), Refusal> {
        let which = "requestState";
        let sealed = self.unseal(span, Kind::State(digest), which)?;
        let unknown = || Refusal::HandleUnknown(which);
        let (trace, own) = state::read(&sealed).ok_or_else(unknown)?;
        let own = std::str::from_utf8(own).map_err(|_| unknown())?;
        Ok((Edit::replace(span, text::quote(own)), trace))
    }

    fn unseal(&self, span: Span, kind: Kind<'_>, which: &'static str) -> Result<Vec<u8>, Refusal> {
        let context = self.asked.context();
        let raw = span.of(&self.said.body);
        let unknown = || Refusal::HandleUnknown(which);
        if raw.first() != Some(&b'"') {
            return Err(unknown());
        }
        let owner = Owner {
            principal: context.principal(),
            server: &context.name,
        };
        let keys = &context.snapshot.keys;
        keys.open(owner, kind, &text::unescape(raw))
            .ok_or_else(unknown)
    }
}
