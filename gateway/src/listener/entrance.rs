//! The agents' side of a listener: Host and Origin, then the path, then the door.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

use super::edge::{Edge, Invited};
use super::http::Handler;
use super::pressure::{Pressure, Room};
use super::route::{Route, route};
use super::{Door, Visit, cors};
use crate::pipeline::inbound::{Inbound, Peer};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Shut;

/// Stands before a door.
#[derive(Debug)]
pub(crate) struct Entrance<D> {
    pub(crate) door: Arc<D>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pressure: Arc<Pressure>,
}

/// The listener's own words, or the door's.
pub(crate) type Answer<B> = Either<Full<Bytes>, B>;

// === impl Entrance ===

impl<D: Door> Entrance<D> {
    async fn pass(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        invited: &Invited,
    ) -> Response<Answer<D::Body>> {
        match route(request.method(), request.uri()) {
            Route::Endpoint(server) => {
                let (head, body) = request.into_parts();
                let inbound = Inbound {
                    server,
                    head,
                    body,
                    peer,
                };
                self.door.call(inbound).await.map(Either::Right)
            }
            Route::Place(place) => {
                let (head, body) = request.into_parts();
                let visit = Visit {
                    place,
                    head,
                    body,
                    peer,
                };
                self.door.visit(visit).await.map(Either::Right)
            }
            Route::Options
                if invited.origin().is_some() && cors::is_preflight(request.headers()) =>
            {
                let mut answer = Response::new(Either::Left(Full::default()));
                *answer.status_mut() = StatusCode::NO_CONTENT;
                cors::allow(request.headers(), answer.headers_mut());
                answer
            }
            Route::Options | Route::WrongMethod => self.shut(Shut::Method),
            Route::Nowhere => self.shut(Shut::Path),
        }
    }

    fn shut(&self, why: Shut) -> Response<Answer<D::Body>> {
        self.metrics.shut.count(why);
        refusal(why).map(Either::Left)
    }
}

impl<D: Door> Handler for Entrance<D> {
    type Body = Answer<D::Body>;

    fn edge(&self) -> Arc<Edge> {
        self.door.edge()
    }

    fn let_in(&self, method: &Method) -> Result<Option<Room>, Shut> {
        let room = self.pressure.enter(method, &self.door.edge().bounds);
        room.map(Some).ok_or(Shut::Overload)
    }

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Response<Self::Body> {
        let edge = self.door.edge();
        let (head, body) = request.into_parts();
        let invited = match edge.admit(&head) {
            Ok(invited) => invited,
            Err(why) => return self.shut(why),
        };
        let request = Request::from_parts(head, body);
        let mut answer = self.pass(request, peer, &invited).await;
        if !edge.origins.is_empty() {
            cors::name(invited.origin(), answer.headers_mut());
        }
        answer
    }
}

/// What a request gets that never reached a door.
pub(crate) fn refusal(why: Shut) -> Response<Full<Bytes>> {
    let (status, text) = match why {
        Shut::Host => (StatusCode::FORBIDDEN, "this is not a host served here\n"),
        Shut::Origin => (StatusCode::FORBIDDEN, "this origin is not allowed here\n"),
        Shut::Path => (StatusCode::NOT_FOUND, "there is nothing here\n"),
        Shut::Method => (
            StatusCode::METHOD_NOT_ALLOWED,
            "this method is not for this path\n",
        ),
        Shut::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many connections\n"),
        Shut::Overload => (StatusCode::SERVICE_UNAVAILABLE, "too many calls\n"),
        Shut::Framing | Shut::Slow | Shut::Tls => (StatusCode::BAD_REQUEST, "bad request\n"),
    };
    let mut answer = plain(status, text);
    let more = match why {
        Shut::Method => Some((ALLOW, "GET, POST, DELETE")),
        Shut::Full | Shut::Overload => Some((RETRY_AFTER, "1")),
        _ => None,
    };
    if let Some((name, value)) = more {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// A short text.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
