//! Judges one event of a stream: the answer it waits for, a message tied to it, or something the caller must not see.

use super::events::Events;
use super::{answer, seals};
use crate::audit::{Decided, Ending};
use crate::authorize::{Sight, Verdict};
use crate::snapshot::Snapshot;
use crate::task::seal::Kind;
use adapters::wire::answer::{Heard, hear};
use adapters::wire::revision::Era;
use adapters::wire::sse::Event;
use adapters::wire::{Class, Member, Message, Method, array, text};
use bytes::Bytes;
use policy::Decision;
use std::sync::Arc;
use tokio::time::Instant;

/// What becomes of an event.
#[derive(Debug)]
pub(super) enum Judged {
    /// It goes on.
    Pass(Bytes),
    /// It goes on, and it was the answer.
    Final(Bytes, Ending),
    /// It does not; its id, if it had one, still does, so that a resuming client does not ask for it again.
    Withhold(Option<Bytes>),
    /// The stream is over for this caller.
    End,
}

/// Whether the stream's caller may still reach anything on its server.
pub(super) fn reaches(events: &Events) -> bool {
    let snapshot = events.shared.live.snapshot();
    let bound = events.call.authorized.bound();
    heard(events) && Sight::of(bound).under(&snapshot).reaches()
}

/// Whether the other gateways, where there are others, have been heard lately and have nothing against its agent.
fn heard(events: &Events) -> bool {
    let context = events.call.authorized.bound().asked().context();
    let agent = &context.principal().agent;
    events.shared.tasks.admit(agent).is_ok()
}

/// Judges one event.
pub(super) fn event(events: &mut Events, event: Event) -> Judged {
    let event = sealed_id(events, event);
    if !event.is_message() {
        return withhold(&event);
    }
    // An event without data only tells an id: the priming events of resumable streams.
    if event.data().is_empty() {
        return Judged::Pass(event.into_bytes());
    }
    if event.data().first() == Some(&b'[') {
        return batch(events, &event);
    }
    let data = event.data().clone();
    match message(events, &data) {
        Spoken::Pass(None) => Judged::Pass(event.into_bytes()),
        Spoken::Pass(Some(data)) => Judged::Pass(event.with_data(&data)),
        Spoken::Final(None, ending) => Judged::Final(event.into_bytes(), ending),
        Spoken::Final(Some(data), ending) => Judged::Final(event.with_data(&data), ending),
        Spoken::Withhold => withhold(&event),
        Spoken::End => Judged::End,
    }
}

/// A message's verdict, with its bytes where they changed.
enum Spoken {
    Pass(Option<Bytes>),
    Final(Option<Bytes>, Ending),
    Withhold,
    End,
}

fn withhold(event: &Event) -> Judged {
    Judged::Withhold(event.id_alone())
}

/// Without a session, event ids are the handle that resumes a stream, so they are sealed.
fn sealed_id(events: &Events, event: Event) -> Event {
    let bound = events.call.authorized.bound();
    let Some(session) = bound.session() else {
        return event;
    };
    match event.id() {
        Some(id) if session.upstream_id.is_none() && !id.is_empty() => {
            let keys = &bound.asked().context().snapshot.keys;
            let sealed = keys.seal(bound.owner(), Kind::Event, id);
            event.with_id(sealed.unwrap_or_default().as_bytes())
        }
        _ => event,
    }
}

/// A 2025-03-26 server may put several messages into one event: each is judged, and each goes on alone.
fn batch(events: &mut Events, event: &Event) -> Judged {
    let data = event.data().clone();
    let mut passed: Vec<Bytes> = Vec::new();
    let mut ended = None;
    for span in array::top(&data) {
        let item = data.slice(span.range());
        match message(events, &item) {
            Spoken::Pass(changed) => passed.push(changed.unwrap_or(item)),
            Spoken::Final(..) if ended.is_some() => events.withheld += 1,
            Spoken::Final(changed, ending) => {
                ended = Some(ending);
                passed.push(changed.unwrap_or(item));
            }
            Spoken::Withhold => events.withheld += 1,
            Spoken::End => return Judged::End,
        }
    }
    let Some((last, first)) = passed.split_last() else {
        return withhold(event);
    };
    // The id goes with the last: who resumes after it has seen them all.
    let mut bytes: Vec<Bytes> = first
        .iter()
        .map(|data| adapters::wire::sse::event(data))
        .collect();
    bytes.push(event.clone().with_data(last));
    let bytes = adapters::wire::splice::join(bytes);
    ended.map_or(Judged::Pass(bytes.clone()), |ending| {
        Judged::Final(bytes, ending)
    })
}

fn message(events: &mut Events, data: &Bytes) -> Spoken {
    let bounds = &events
        .call
        .authorized
        .bound()
        .asked()
        .context()
        .snapshot
        .scan_bounds;
    match hear(data, bounds) {
        Ok(Heard::Answer { id }) => answered(events, data, &id),
        Ok(Heard::Message(message)) => unasked(events, data, &message),
        // A message that means nothing certain is not passed on, and an answer is still waited for.
        Err(_) => Spoken::Withhold,
    }
}

/// A response of the server: to this request, or on a resumed stream to one that is open in this session.
fn answered(events: &mut Events, data: &Bytes, id: &[u8]) -> Spoken {
    let own = events
        .call
        .id()
        .is_some_and(|expected| adapters::wire::same_id(expected, id));
    if own && events.answered.is_some() {
        // An answer is given once: nobody would find a second one on record.
        return Spoken::Withhold;
    }
    let method = if own {
        events.call.method()
    } else {
        let bound = events.call.authorized.bound();
        let resumes = bound.last_event().is_some();
        let open = bound.session().and_then(|session| session.memory.close(id));
        if !events.call.listens() || (open.is_none() && !resumes) {
            return Spoken::Withhold;
        }
        // One id may have been used twice: whatever it was asked for, every list in it is looked for.
        None
    };
    let Ok(read) = answer::whole(&events.call, &events.shared, method, id, data) else {
        return Spoken::Withhold;
    };
    match (own, read.listed) {
        (true, listed) => events.listed = listed,
        (false, Some(listed)) => events.withheld += listed.hidden,
        (false, None) => {}
    }
    let changed = (read.bytes.as_ptr() != data.as_ptr() || read.bytes.len() != data.len())
        .then_some(read.bytes);
    if own {
        Spoken::Final(changed, read.ending)
    } else {
        Spoken::Pass(changed)
    }
}

/// A notification or a request of the server.
fn unasked(events: &mut Events, data: &Bytes, message: &Message) -> Spoken {
    let snapshot = events.shared.live.snapshot();
    let bound = events.call.authorized.bound();
    let sight = Sight::of(bound).under(&snapshot);
    if events.call.authorized.opens_stream() && !(heard(events) && sight.reaches()) {
        return Spoken::End;
    }
    let method = message
        .slice(Member::Method, data)
        .and_then(|raw| Method::from_name(&text::unescape(raw)));
    if message.class() == Class::Notification {
        let uri = message.slice(Member::Uri, data).map(text::unescape);
        return match sight.hears(method, uri.as_deref()) {
            Verdict::Pass => Spoken::Pass(seals::of_message(&events.call, message, data)),
            Verdict::Withhold => Spoken::Withhold,
        };
    }
    let Some(id) = message.slice(Member::Id, data) else {
        return Spoken::Withhold;
    };
    let Some(session) = bound.session() else {
        // In the modern era a server sends no requests.
        return Spoken::Withhold;
    };
    let decision = sight.asks(method);
    let told = tell(events, sight, (method, decision.as_ref()), &snapshot);
    match decision.filter(|_| told) {
        Some(Decision::Allow(_)) => {
            let progress = message.slice(Member::MetaProgressToken, data);
            let telling = events.shared.tasks.asks(session, (id, progress), method);
            events.telling.extend(telling);
            let changed = seals::of_message(&events.call, message, data);
            events.waiting.get_or_insert_with(Instant::now);
            Spoken::Pass(changed)
        }
        _ => {
            decline(events, data.slice_ref(id));
            Spoken::Withhold
        }
    }
}

/// Puts on record what is decided of a server's request to its client; without a record it does not go on.
fn tell(
    events: &Events,
    sight: Sight<'_>,
    (method, decision): (Option<Method>, Option<&Decision>),
    snapshot: &Snapshot,
) -> bool {
    let (Some(method), Some(decision)) = (method, decision) else {
        return true;
    };
    // A ping asks nothing.
    if method == Method::Ping {
        return true;
    }
    let decided = Decided::of(decision, sight.touched());
    let call = (events.call.number, &**events.call.authorized.bound().task());
    let digest = &snapshot.config.digest;
    let told = events
        .shared
        .ledger
        .asks(call, digest, method.name(), &decided);
    told.is_ok()
}

/// Tells the server that its request reaches nobody, so that it does not wait for ever.
fn decline(events: &Events, id: Bytes) {
    let bound = events.call.authorized.bound();
    debug_assert!(
        bound.asked().era() == Era::Legacy,
        "only legacy servers ask"
    );
    let exchange = events.call.dress(super::request::decline(bound, &id));
    let upstream = Arc::clone(events.call.upstream());
    let deadline = events.call.deadline;
    tokio::spawn(async move {
        // Whether the server takes the answer is its affair; the client never saw the question.
        let _ = tokio::time::timeout_at(deadline, upstream.exchange(exchange)).await;
    });
}
