//! The gateway's own doors beside the calls: its documents, open to all, and a principal's own tasks.

use super::body::Body;
use super::refusal::Refusal;
use super::reply::{self, Asker};
use super::trail::Trail;
use super::{CALL, Pipeline, refuse};
use crate::audit::{CallId, Ending};
use crate::forward::Shared;
use crate::identity::{self, Caller, Proven, Resource, now};
use crate::listener::{Document, Place, Visit, read_body};
use crate::snapshot::Snapshot;
use crate::task::{Task, Terms, Unopened, Wish, hop_header};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// A wish is a few lines.
const WISH_MOST: usize = 16 * 1024;

/// Answers a visit.
pub(super) async fn answer(pipeline: &Pipeline, visit: Visit) -> Response<Body> {
    let snapshot = pipeline.shared.live.snapshot();
    let mut answer = match visit.place {
        Place::Document(ref document) => document_of(&snapshot, document),
        Place::Tasks(_) => tasks(pipeline, &snapshot, visit).await,
    };
    let fresh = HeaderValue::from_static("no-store");
    answer.headers_mut().entry(CACHE_CONTROL).or_insert(fresh);
    answer
}

/// A principal's own tasks, whatever is asked of them, and on record.
async fn tasks(pipeline: &Pipeline, snapshot: &Snapshot, visit: Visit) -> Response<Body> {
    let call = CallId::new();
    let address = visit.peer.address.ip();
    let mut trail = pipeline.open(call, snapshot, &Arc::default(), address);
    trail.amend(|record| {
        record.method = Some(format!("{} /tasks", visit.head.method).into());
        if let Place::Tasks(Some(id)) = &visit.place {
            record.target = Some(id.clone());
        }
    });
    trail.came(&visit.head);
    let served = served(pipeline, snapshot, visit, &mut trail).await;
    let mut answer = match served {
        Ok(answer) => match trail.close(Ending::Answered).await {
            Ok(()) => answer,
            Err(refusal) => reply::refuse(&refusal, &Asker::default()),
        },
        Err(refusal) => refuse(&refusal, &Asker::default(), trail).await,
    };
    if let Some(id) = call.header() {
        answer.headers_mut().insert(CALL, id);
    }
    answer
}

async fn served(
    pipeline: &Pipeline,
    snapshot: &Snapshot,
    visit: Visit,
    trail: &mut Trail,
) -> Result<Response<Body>, Refusal> {
    trail.place()?;
    let hearing = pipeline.hearing();
    let resource = Resource::Gateway;
    let proven = identity::prove(&visit.head, &visit.peer, resource, snapshot, hearing).await?;
    trail.amend(|record| record.identify(&proven.caller));
    own_tasks(&pipeline.shared, snapshot, proven, visit).await
}

/// What the gateway says of itself; nothing of it depends on who asks.
fn document_of(snapshot: &Snapshot, document: &Document) -> Response<Body> {
    let found = match document {
        Document::Keys => Some(snapshot.published.clone()),
        Document::Resource(None) => identity::protected_resource(snapshot, Resource::Gateway),
        Document::Resource(Some(server)) => {
            identity::protected_resource(snapshot, Resource::Endpoint(server))
        }
        Document::Issuer => return issuer(snapshot),
    };
    match found {
        Some(document) => {
            let mut answer = shown(StatusCode::OK, &document);
            let lasting = HeaderValue::from_static("public, max-age=300");
            answer.headers_mut().insert(CACHE_CONTROL, lasting);
            answer
        }
        None => nothing(),
    }
}

fn issuer(snapshot: &Snapshot) -> Response<Body> {
    let to = identity::authorization_server(snapshot);
    let Some(to) = to.and_then(|to| HeaderValue::from_str(&to).ok()) else {
        return nothing();
    };
    let mut answer = reply::plain(StatusCode::FOUND, Body::empty());
    answer.headers_mut().insert(LOCATION, to);
    answer
}

/// A principal's own tasks: no other's can be seen, opened or ended here.
async fn own_tasks(
    shared: &Shared,
    snapshot: &Snapshot,
    proven: Proven,
    visit: Visit,
) -> Result<Response<Body>, Refusal> {
    let Visit {
        place, head, body, ..
    } = visit;
    let caller = proven.caller;
    let own = Some(&*caller.principal);
    let id = match place {
        Place::Tasks(id) => id,
        Place::Document(_) => None,
    };
    shared.tasks.admit(&caller.principal.agent)?;
    let parent = parent(shared, snapshot, &caller, &head).await?;
    Ok(match (&head.method, id) {
        (&Method::GET, None) => {
            let list = shared.tasks.list(own);
            shown(StatusCode::OK, &json!({ "tasks": list }))
        }
        (&Method::GET, Some(id)) => {
            let view = shared.tasks.show(&id, own).await?;
            shown(StatusCode::OK, &json!(view))
        }
        (&Method::DELETE, Some(id)) => {
            let view = shared.tasks.close(&id, own).await?;
            shown(StatusCode::OK, &json!(view))
        }
        (&Method::POST, None) => {
            let deadline = snapshot.config.gateway.deadlines.body;
            let body = read_body(body, WISH_MOST, deadline)
                .await
                .map_err(Refusal::Body)?;
            if let Some(wanted) = proven.content {
                identity::same_body(wanted, &body, snapshot, Resource::Gateway)?;
            }
            open(shared, snapshot, &caller, (parent.as_ref(), &body)).await?
        }
        _ => wrong_method(),
    })
}

/// The task of the agent that called this one, where the request proves it.
async fn parent(
    shared: &Shared,
    snapshot: &Snapshot,
    caller: &Caller,
    head: &http::request::Parts,
) -> Result<Option<Arc<Task>>, Refusal> {
    let Some(token) = hop_header(&head.headers)? else {
        return Ok(None);
    };
    let agent = &caller.principal.agent;
    let hop = shared.tasks.follow(token, snapshot, agent, now());
    hop.await.map(|hop| Some(hop.task))
}

async fn open(
    shared: &Shared,
    snapshot: &Snapshot,
    caller: &Caller,
    (parent, body): (Option<&Arc<Task>>, &Bytes),
) -> Result<Response<Body>, Refusal> {
    let wish = match body.is_empty() {
        true => Wish::default(),
        false => serde_json::from_slice(body).map_err(|_| {
            Refusal::Invalid("a task is opened with `purpose`, `deadline`, `idle` or nothing")
        })?,
    };
    if wish.agent.is_some() || wish.subject.is_some() || wish.user.is_some() {
        return Err(Refusal::Invalid("a task opened here is the caller's own"));
    }
    let most = Terms::of(&snapshot.config.gateway.deadlines);
    match shared.tasks.open(caller, parent, &wish, &most).await {
        Ok(view) => Ok(shown(StatusCode::CREATED, &json!(view))),
        Err(Unopened::Wish(why)) => Err(Refusal::Invalid(why)),
        Err(Unopened::Many) => Err(Refusal::TasksFull),
        Err(Unopened::Store(why)) => {
            tracing::error!("a task cannot be kept: {why}");
            Err(Refusal::Unkept)
        }
    }
}

fn shown(status: StatusCode, value: &Value) -> Response<Body> {
    reply::json(status, Bytes::from(value.to_string()))
}

fn nothing() -> Response<Body> {
    let text = Bytes::from_static(b"there is nothing here\n");
    reply::plain(StatusCode::NOT_FOUND, Body::whole(text))
}

fn wrong_method() -> Response<Body> {
    let text = Bytes::from_static(b"this method is not for this path\n");
    reply::plain(StatusCode::METHOD_NOT_ALLOWED, Body::whole(text))
}
