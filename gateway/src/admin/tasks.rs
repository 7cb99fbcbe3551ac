//! `/tasks` at the operators' port: every principal's tasks, to see, open and end.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{Board, typed};
use crate::audit::{Deed, event};
use crate::listener::read_body;
use crate::pipeline::Refusal;
use crate::task::{Unopened, Wish, spoken_for};

type Answer = Response<Full<Bytes>>;

/// A wish is a few lines.
const WISH_MOST: usize = 16 * 1024;

/// The id in a path under `/tasks`; none outside of it.
pub(super) fn path(path: &str) -> Option<Option<&str>> {
    match path.strip_prefix("/tasks")? {
        "" => Some(None),
        rest => rest.strip_prefix('/').map(Some),
    }
}

/// Answers an operator.
pub(super) async fn answer<B: Board>(
    board: &B,
    id: Option<String>,
    address: IpAddr,
    request: Request<Incoming>,
) -> Answer {
    let tasks = board.tasks();
    match (request.method(), id) {
        (&Method::GET, None) => said(StatusCode::OK, &json!({ "tasks": tasks.list(None) })),
        (&Method::POST, None) => open(board, address, request.into_body()).await,
        (&Method::GET, Some(id)) => match tasks.show(&id, None).await {
            Ok(view) => said(StatusCode::OK, &json!(view)),
            Err(refusal) => refused(&refusal),
        },
        (&Method::DELETE, Some(id)) => {
            let deed = event::deed(Deed::EndTask, &id, address);
            if tasks.show(&id, None).await.is_ok() && board.ledger().write(deed).await.is_err() {
                return unrecorded();
            }
            match tasks.close(&id, None).await {
                Ok(view) => {
                    tracing::info!(task = id, "task closed by an operator");
                    said(StatusCode::OK, &json!(view))
                }
                Err(refusal) => refused(&refusal),
            }
        }
        (_, id) => {
            let mut answer = fault(
                StatusCode::METHOD_NOT_ALLOWED,
                "this method is not for this path",
            );
            let allowed = match id {
                None => "GET, POST",
                Some(_) => "GET, DELETE",
            };
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(allowed));
            answer
        }
    }
}

async fn open<B: Board>(board: &B, address: IpAddr, body: Incoming) -> Answer {
    let (terms, agents) = board.terms();
    let deadline = board.edge().deadlines.body;
    let Ok(body) = read_body(body, WISH_MOST, deadline).await else {
        return fault(StatusCode::BAD_REQUEST, "the body did not come whole");
    };
    let wish: Wish = match serde_json::from_slice(&body) {
        Ok(wish) => wish,
        Err(why) => {
            return fault(
                StatusCode::BAD_REQUEST,
                &format!("no wish for a task: {why}"),
            );
        }
    };
    let agent = wish.agent.as_deref().map(Arc::<str>::from);
    let Some(agent) = agent.filter(|agent| agents.contains(agent)) else {
        return fault(
            StatusCode::BAD_REQUEST,
            "`agent` must name a registered agent",
        );
    };
    let caller = spoken_for(&agent, &wish);
    let deed = event::deed(Deed::OpenTask, &agent, address);
    if board.ledger().write(deed).await.is_err() {
        return unrecorded();
    }
    match board.tasks().open(&caller, None, &wish, &terms).await {
        Ok(view) => said(StatusCode::CREATED, &json!(view)),
        Err(Unopened::Wish(why)) => fault(StatusCode::BAD_REQUEST, why),
        Err(Unopened::Many) => fault(
            StatusCode::TOO_MANY_REQUESTS,
            "the principal has too many open tasks",
        ),
        Err(Unopened::Store(why)) => {
            tracing::error!("a task cannot be kept: {why}");
            fault(
                StatusCode::SERVICE_UNAVAILABLE,
                "the task cannot be kept; the log says why",
            )
        }
    }
}

pub(super) fn unrecorded() -> Answer {
    fault(
        StatusCode::SERVICE_UNAVAILABLE,
        "what operators do must be on record, and nothing can be written; the log says why",
    )
}

fn refused(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::TaskUnknown => fault(StatusCode::NOT_FOUND, "no such task is open"),
        refusal => fault(StatusCode::SERVICE_UNAVAILABLE, &refusal.reason()),
    }
}

pub(super) fn fault(status: StatusCode, why: &str) -> Answer {
    said(status, &json!({ "error": why }))
}

pub(super) fn said(status: StatusCode, value: &Value) -> Answer {
    typed(status, "application/json", value.to_string())
}
