//! An answer in hand: checked to be one, its handles sealed, a list cut to what the caller may see.

use super::plain::error;
use super::{Call, Shared, seals};
use crate::audit::{Ending, Listed};
use crate::authorize::Sight;
use crate::pipeline::UpstreamFault;
use crate::telemetry::fault::Fault;
use adapters::wire::answer::{AnswerFlaw, Facts, Options, Reader};
use adapters::wire::list::{self, ListKind};
use adapters::wire::revision::Revision;
use adapters::wire::splice;
use adapters::wire::{Method, header};
use bytes::Bytes;

/// A whole answer as the caller gets it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Bytes,
    pub(super) ending: Ending,
    /// What was cut, where it is a list.
    pub(super) listed: Option<Listed>,
}

/// How far an answer to this method is read.
pub(super) fn options(call: &Call, method: Option<Method>) -> Options {
    let bounds = &call
        .authorized
        .bound()
        .asked()
        .context()
        .snapshot
        .config
        .gateway
        .bounds;
    Options {
        limit: bounds.answer,
        // On a resumed stream the request may be unknown here: then every list is looked for.
        whole: list_kind(method).is_some() || matches!(method, Some(Method::Initialize) | None),
    }
}

/// Reads an answer that is in hand as a whole.
///
/// # Errors
///
/// What makes it no answer to this request.
pub(super) fn whole(
    call: &Call,
    shared: &Shared,
    method: Option<Method>,
    id: &[u8],
    data: &Bytes,
) -> Result<Read, UpstreamFault> {
    let mut reader = Reader::new(id, options(call, method));
    let digest = seals::digest(call);
    let mut seal = |handle, own: &str| {
        seals::seal(call, digest.as_ref().map(<[u8; 32]>::as_slice), handle, own)
    };
    let mut out = Vec::with_capacity(1);
    reader
        .feed(data.clone(), &mut seal, &mut out)
        .map_err(fault)?;
    let facts = reader.finish(&mut out).map_err(fault)?;
    let bytes = splice::join(out);
    let ending = match facts.is_error {
        true => {
            let none = UpstreamFault::Answer("holds an error that is none");
            Ending::ServerError(error(call, &bytes).ok_or(none)?)
        }
        false => ending(&facts),
    };
    Ok(finish(call, shared, method, (bytes, ending)))
}

/// Does what the method asks for with a whole answer.
pub(super) fn finish(
    call: &Call,
    shared: &Shared,
    method: Option<Method>,
    (bytes, ending): (Bytes, Ending),
) -> Read {
    let mut read = Read {
        bytes,
        ending,
        listed: None,
    };
    if ending != Ending::Answered {
        return read;
    }
    if method == Some(Method::Initialize) {
        negotiate(call, &read.bytes, shared);
    }
    // On a resumed stream the request may be unknown here, and every list is then looked for.
    for kind in ListKind::ALL {
        if method.is_none() || list_kind(method) == Some(kind) {
            filter(call, shared, kind, &mut read);
        }
    }
    read
}

/// How the call ended, by what its answer says; what an error says of itself is left out.
pub(super) fn ending(facts: &Facts) -> Ending {
    match (facts.is_error, facts.tool_error) {
        (true, _) => Ending::ServerError(Fault::Other),
        (false, true) => Ending::ServerError(Fault::Tool),
        (false, false) => Ending::Answered,
    }
}

/// What makes an answer no answer, in the operator's words.
pub(super) fn fault(flaw: AnswerFlaw) -> UpstreamFault {
    match flaw {
        AnswerFlaw::TooLarge => UpstreamFault::TooLarge,
        other => UpstreamFault::Answer(other.reason()),
    }
}

/// The list a method answers with.
pub(super) fn list_kind(method: Option<Method>) -> Option<ListKind> {
    match method? {
        Method::ToolsList => Some(ListKind::Tools),
        Method::PromptsList => Some(ListKind::Prompts),
        Method::ResourcesList => Some(ListKind::Resources),
        Method::ResourcesTemplatesList => Some(ListKind::ResourceTemplates),
        _ => None,
    }
}

fn filter(call: &Call, shared: &Shared, kind: ListKind, read: &mut Read) {
    let bound = call.authorized.bound();
    let context = bound.asked().context();
    let sight = Sight::of(bound);
    let mut annotated = Vec::new();
    let cut = list::filter(&read.bytes, kind, |item| {
        let shown = sight.lists(kind, &item.name);
        if shown && kind == ListKind::Tools {
            annotated.push((
                Box::from(&*item.name),
                header::annotations(item.raw).unwrap_or_default(),
            ));
        }
        shown
    });
    if kind == ListKind::Tools && !annotated.is_empty() {
        shared.mirrors.show(context, annotated);
    }
    read.bytes = cut.bytes;
    if cut.kept + cut.removed > 0 || list_kind(call.method()) == Some(kind) {
        let none = Listed {
            shown: 0,
            hidden: 0,
        };
        let listed = read.listed.get_or_insert(none);
        listed.shown += cut.kept;
        listed.hidden += cut.removed;
    }
}

/// Remembers which revision `initialize` negotiated: only one of them has batches.
fn negotiate(call: &Call, bytes: &Bytes, shared: &Shared) {
    let Some(session) = &call.begun else {
        return;
    };
    let answer: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let version = answer
        .pointer("/result/protocolVersion")
        .and_then(serde_json::Value::as_str);
    if let Some(revision) = version.and_then(Revision::parse) {
        shared.tasks.negotiate(session, revision);
    }
}
