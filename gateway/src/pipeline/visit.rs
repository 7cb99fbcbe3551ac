//! The gateway's own doors beside the calls: its documents, open to all, and a principal's own tasks.

use super::CALL;
use super::body::Body;
use super::refusal::Refusal;
use super::reply::{self, Asker};
use crate::audit::CallId;
use crate::forward::Shared;
use crate::identity::{self, Caller, Proven, Resource, Tokens, now};
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
pub(super) async fn answer(shared: &Shared, tokens: &Tokens, visit: Visit) -> Response<Body> {
    let snapshot = shared.live.snapshot();
    let mut answer = match visit.place {
        Place::Document(ref document) => document_of(&snapshot, document),
        Place::Tasks(_) => tasks(shared, tokens, &snapshot, visit).await,
    };
    let fresh = HeaderValue::from_static("no-store");
    answer.headers_mut().entry(CACHE_CONTROL).or_insert(fresh);
    answer
}

/// A principal's own tasks, whatever is asked of them; a refusal is told to operators with who asked.
async fn tasks(
    shared: &Shared,
    tokens: &Tokens,
    snapshot: &Snapshot,
    visit: Visit,
) -> Response<Body> {
    let call = CallId::new();
    let resource = Resource::Gateway;
    let proven = identity::prove(&visit.head, &visit.peer, resource, snapshot, tokens).await;
    let (caller, served) = match proven {
        Ok(proven) => {
            let caller = proven.caller.clone();
            (
                Some(caller),
                own_tasks(shared, snapshot, proven, visit).await,
            )
        }
        Err(refusal) => (None, Err(refusal)),
    };
    let mut answer = served.unwrap_or_else(|refusal| {
        let who = caller.as_ref().map(|caller| &caller.principal);
        tracing::info!(target: "hopgate::call", call = %call, agent = who.map(|who| &*who.agent),
            subject = who.map(|who| &*who.subject), refused = refusal.kind().name(), reason = refusal.reason(),
            "visit refused");
        reply::refuse(&refusal, &Asker::default())
    });
    if let Some(id) = call.header() {
        answer.headers_mut().insert(CALL, id);
    }
    answer
}

/// What the gateway says of itself; nothing of it depends on who asks.
fn document_of(snapshot: &Snapshot, document: &Document) -> Response<Body> {
    let found = match document {
        Document::Keys => Some(snapshot.keys.published()),
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
    let parent = parent(shared, snapshot, &caller, &head)?;
    Ok(match (&head.method, id) {
        (&Method::GET, None) => {
            let list = shared.tasks.list(own);
            shown(StatusCode::OK, &json!({ "tasks": list }))
        }
        (&Method::GET, Some(id)) => {
            let view = shared.tasks.show(&id, own).ok_or(Refusal::TaskUnknown)?;
            shown(StatusCode::OK, &json!(view))
        }
        (&Method::DELETE, Some(id)) => {
            let view = shared.tasks.close(&id, own).await;
            shown(StatusCode::OK, &json!(view.ok_or(Refusal::TaskUnknown)?))
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
fn parent(
    shared: &Shared,
    snapshot: &Snapshot,
    caller: &Caller,
    head: &http::request::Parts,
) -> Result<Option<Arc<Task>>, Refusal> {
    let token = hop_header(&head.headers)?;
    token
        .map(|token| {
            shared
                .tasks
                .follow(token, snapshot, &caller.principal.agent, now())
        })
        .transpose()
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
