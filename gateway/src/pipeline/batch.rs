//! A 2025-03-26 batch: every item goes the whole way as a call of its own, and a refusal is that item's error.
//!
//! The answer is one array when all answers are plain, else one event each, in the order they were asked.

use super::reply::{self, json, plain};
use super::{Asker, Body, Pipeline, Refusal, Trail, refuse};
use crate::ask::Read;
use crate::audit::CallId;
use crate::forward::{Content, Forwarded};
use adapters::wire::revision::Revision;
use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use std::net::IpAddr;

/// What becomes of an item's answer.
#[derive(Debug)]
enum Part {
    /// Nothing: it was a notification or a response.
    None,
    /// One message.
    Whole(Bytes),
    /// Events.
    Events(Body),
}

/// Answers a batch.
pub(super) async fn answer(
    pipeline: &Pipeline,
    items: Vec<Read>,
    origin: (CallId, IpAddr),
    trail: Trail,
) -> Response<Body> {
    let negotiated = match items.first() {
        Some(first) => pipeline.shared.tasks.negotiated(first.context()).await,
        None => Ok(None),
    };
    match negotiated {
        Ok(None | Some(Revision::V2025_03_26)) => {}
        Ok(Some(_)) => {
            let refusal = Refusal::Invalid("only revision 2025-03-26 has batches");
            return refuse(&refusal, &Asker::default(), trail).await;
        }
        Err(refusal) => return refuse(&refusal, &Asker::default(), trail).await,
    }
    let mut parts = Vec::with_capacity(items.len());
    for read in items {
        parts.push(item(pipeline, read, origin).await);
    }
    trail.divide();
    join(parts)
}

async fn item(pipeline: &Pipeline, read: Read, (request, address): (CallId, IpAddr)) -> Part {
    let context = read.context();
    let mut trail = pipeline.open(CallId::new(), &context.snapshot, &context.name, address);
    trail.amend(|record| {
        record.request = Some(request);
        record.identify(&context.caller);
    });
    trail.note(&read);
    let asker = read.asker();
    let answered = match trail.place() {
        Ok(()) => pipeline.run(read, &mut trail).await,
        Err(refusal) => Err(refusal),
    };
    let part = match answered {
        Ok(forwarded) => part(forwarded, trail).await,
        Err(refusal) => {
            trail.amend(|record| record.refuse(&refusal));
            trail.close(refusal.ending()).await.and(Err(refusal))
        }
    };
    part.unwrap_or_else(|refusal| reply::message(&refusal, &asker).map_or(Part::None, Part::Whole))
}

/// One item's answer, once its record stands.
async fn part(forwarded: Forwarded, mut trail: Trail) -> Result<Part, Refusal> {
    let (_, content) = forwarded.into_parts();
    match content {
        Content::Whole(whole) => {
            let bytes = adapters::wire::splice::join(whole.chunks);
            trail.amend(|record| {
                record.bytes_out = bytes.len() as u64;
                record.list(whole.listed);
            });
            trail.close(whole.ending).await?;
            Ok(match bytes.is_empty() {
                true => Part::None,
                false => Part::Whole(bytes),
            })
        }
        Content::Relay(relay) => {
            trail.opened().await?;
            Ok(Part::Events(Body::relay(relay, trail)))
        }
    }
}

fn join(parts: Vec<Part>) -> Response<Body> {
    let answers: Vec<Part> = parts
        .into_iter()
        .filter(|part| !matches!(part, Part::None))
        .collect();
    if answers.is_empty() {
        return plain(StatusCode::ACCEPTED, Body::empty());
    }
    if answers.iter().all(|part| matches!(part, Part::Whole(_))) {
        return json(StatusCode::OK, array(answers));
    }
    let bodies = answers.into_iter().filter_map(|part| match part {
        Part::None => None,
        Part::Whole(bytes) => Some(Body::whole(adapters::wire::sse::event(&bytes))),
        Part::Events(body) => Some(body),
    });
    let mut response = plain(StatusCode::OK, Body::series(bodies));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn array(parts: Vec<Part>) -> Bytes {
    let mut array = BytesMut::from(&b"["[..]);
    for part in parts {
        if let Part::Whole(bytes) = part {
            if array.len() > 1 {
                array.extend_from_slice(b",");
            }
            array.extend_from_slice(&bytes);
        }
    }
    array.extend_from_slice(b"]");
    array.freeze()
}
