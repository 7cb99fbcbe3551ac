//! A 2025-03-26 batch: every item goes the whole way as a call of its own, and a refusal is that item's error.
//!
//! The answer is one array when all answers are plain, else one event each, in the order they were asked.

use super::reply::{self, json, plain};
use super::{Asker, Body, Evidence as _, Pipeline, Refusal, Trail, refuse};
use crate::ask::Read;
use crate::audit::{CallId, Ending};
use crate::forward::Part;
use adapters::wire::revision::Revision;
use bytes::{Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use std::sync::Arc;

/// Answers a batch.
pub(super) async fn answer(pipeline: &Pipeline, items: Vec<Read>, trail: Trail) -> Response<Body> {
    let negotiated = match items.first() {
        Some(first) => pipeline.shared.tasks.negotiated(first.context()),
        None => Ok(None),
    };
    match negotiated {
        Ok(None | Some(Revision::V2025_03_26)) => {}
        Ok(Some(_)) => {
            let refusal = Refusal::Invalid("only revision 2025-03-26 has batches");
            return refuse(&refusal, &Asker::default(), trail);
        }
        Err(refusal) => return refuse(&refusal, &Asker::default(), trail),
    }
    let mut parts = Vec::with_capacity(items.len());
    for read in items {
        parts.push(item(pipeline, read).await);
    }
    trail.close(Ending::Answered);
    join(parts)
}

async fn item(pipeline: &Pipeline, read: Read) -> Part {
    let context = read.context();
    let mut trail = pipeline.open(CallId::new(), &context.snapshot, &context.name);
    trail.amend(|record| {
        record.principal = Some(Arc::clone(context.principal()));
        read.note(record);
    });
    let asker = read.asker();
    match pipeline.run(read, &mut trail).await {
        Ok(forwarded) => forwarded.into_part(trail).await,
        Err(refusal) => {
            let message = reply::message(&refusal, &asker);
            // The record and the item's error; the response it makes is for calls that stand alone.
            drop(refuse(&refusal, &asker, trail));
            message.map_or(Part::None, Part::Whole)
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
