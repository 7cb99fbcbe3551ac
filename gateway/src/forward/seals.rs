//! Seals the handles in what a server sends: the client gets texts that only its own principal can bring back.

use super::Call;
use crate::task::seal::Kind;
use crate::task::state;
use adapters::wire::answer::Handle;
use adapters::wire::revision::Era;
use adapters::wire::splice::{self, Edit};
use adapters::wire::{Member, Message, text};
use bytes::Bytes;

/// Seals one handle; without randomness nothing is handed out, and the client's retry fails.
pub(super) fn seal(call: &Call, digest: Option<&[u8]>, handle: Handle, own: &str) -> String {
    let bound = call.authorized.bound();
    let keys = &bound.asked().context().snapshot.keys;
    let sealed = match handle {
        Handle::RequestState => {
            let state = state::write(own, call.traced().map(|outgoing| &outgoing.context));
            keys.seal(
                bound.owner(),
                Kind::State(digest.unwrap_or_default()),
                &state,
            )
        }
        Handle::Task => keys.seal(bound.owner(), Kind::Task, own.as_bytes()),
    };
    sealed.unwrap_or_default()
}

/// What a `requestState` in this call's answer is bound to.
pub(super) fn digest(call: &Call) -> Option<[u8; 32]> {
    let asked = call.authorized.bound().asked();
    (asked.era() == Era::Modern)
        .then(|| asked.said().map(crate::task::digest))
        .flatten()
}

/// The task ids of a notification or a server's request, sealed; `None` where it names none.
pub(super) fn of_message(call: &Call, message: &Message, data: &Bytes) -> Option<Bytes> {
    let mut edits = Vec::new();
    for member in [Member::TaskId, Member::MetaRelatedTaskId] {
        if let Some(span) = message.span(member)
            && span.of(data).first() == Some(&b'"')
        {
            let sealed = seal(call, None, Handle::Task, &text::unescape(span.of(data)));
            edits.push(Edit::replace(span, text::quote(&sealed)));
        }
    }
    (!edits.is_empty()).then(|| splice::apply(data, edits))
}
