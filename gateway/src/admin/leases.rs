//! `/leases` at the operators' port: what credentials are out, for whom and until when; and the end of them.

use super::tasks::{fault, said, unrecorded};
use super::{Answer, Board};
use crate::audit::{Deed, event};
use crate::credentials::Whose;
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use std::net::IpAddr;
use uuid::Uuid;

/// What follows `/leases` in a path; none outside of it.
pub(super) fn path(path: &str) -> Option<Option<&str>> {
    match path.strip_prefix("/leases")? {
        "" => Some(None),
        rest => rest.strip_prefix('/').map(Some),
    }
}

/// Answers an operator: GET lists, DELETE of `/leases`, `/leases/ID` or `/leases?agent=NAME` revokes.
pub(super) async fn answer<B: Board>(
    board: &B,
    id: Option<String>,
    address: IpAddr,
    request: &Request<Incoming>,
) -> Answer {
    match *request.method() {
        Method::GET if id.is_none() => {
            let views = board.leases().views();
            said(StatusCode::OK, &json!({ "leases": views }))
        }
        Method::DELETE => match whose(id, request.uri().query()) {
            Ok(whose) => revoke(board, &whose, address).await,
            Err(why) => fault(StatusCode::BAD_REQUEST, why),
        },
        _ => {
            let mut answer = fault(
                StatusCode::METHOD_NOT_ALLOWED,
                "this method is not for this path",
            );
            let allowed = if id.is_some() {
                "DELETE"
            } else {
                "GET, DELETE"
            };
            let allowed = HeaderValue::from_static(allowed);
            answer.headers_mut().insert(ALLOW, allowed);
            answer
        }
    }
}

async fn revoke<B: Board>(board: &B, whose: &Whose, address: IpAddr) -> Answer {
    let whom = match whose {
        Whose::Lease(id) => id.simple().to_string(),
        Whose::Agent(agent) => agent.clone(),
        Whose::All => "all".to_owned(),
    };
    let deed = event::deed(Deed::RevokeLeases, &whom, address);
    if board.ledger().write(deed).await.is_err() {
        return unrecorded();
    }
    let many = board.leases().revoke(whose);
    tracing::info!(whose = whom, many, "leases revoked by an operator");
    match (whose, many) {
        (Whose::Lease(_), 0) => fault(StatusCode::NOT_FOUND, "no such lease is live"),
        _ => said(StatusCode::OK, &json!({ "revoking": many })),
    }
}

fn whose(id: Option<String>, query: Option<&str>) -> Result<Whose, &'static str> {
    match (id, query) {
        (None, None) => Ok(Whose::All),
        (Some(id), None) => match Uuid::try_parse(&id) {
            Ok(id) => Ok(Whose::Lease(id)),
            Err(_) => Err("this is no id of a lease"),
        },
        (None, Some(query)) => {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            match (pairs.next(), pairs.next()) {
                (Some((name, agent)), None) if name == "agent" => {
                    Ok(Whose::Agent(agent.into_owned()))
                }
                _ => Err("only `agent` can be asked for"),
            }
        }
        (Some(_), Some(_)) => Err("either an id or an agent"),
    }
}
