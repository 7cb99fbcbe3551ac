//! The operators' port: health, readiness, numbers, and which configuration is in force. Nothing changes by GET.
//!
//! Framing, connection bounds and deadlines are the listener's; `/healthz` and `/readyz` answer any Host and need no
//! token (probes have neither), everything else needs both.

mod leases;
mod tasks;
mod token;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::audit::Ledger;
use crate::credentials::Leases;
use crate::listener::{Drain, Edge, Handler, Listener, plain, refusal};
use crate::pipeline::inbound::Peer;
use crate::task::{Tasks, Terms};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Shut;

pub(crate) use token::read as read_token;
pub use token::{FILE as TOKEN_FILE, make as make_token};

/// What the operators' port shows; asked anew for each request.
pub(crate) trait Board: Send + Sync + 'static {
    /// Names and limits of the operators' listener under the current snapshot.
    fn edge(&self) -> Edge;

    /// The file the token is in.
    fn token_file(&self) -> PathBuf;

    /// Whether `/metrics` needs no token.
    fn metrics_open(&self) -> bool;

    /// Whether agents should be sent here, and what is not ready. A server that is down does not belong here.
    fn readiness(&self) -> Readiness;

    /// The configuration in force.
    fn notice(&self) -> Notice;

    /// The tasks.
    fn tasks(&self) -> &Tasks;

    /// The leases.
    fn leases(&self) -> &Leases;

    /// The records: what operators do is on them before it is done.
    fn ledger(&self) -> &Ledger;

    /// What the configuration says of every task, and which agents there are.
    fn terms(&self) -> (Terms, Vec<Arc<str>>);
}

/// `GET /readyz`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Readiness {
    /// Whether agents should be sent here. One thing of many that is not ready does not forbid it.
    pub ready: bool,
    /// What is not ready, one short phrase each.
    pub unready: Vec<String>,
}

/// `GET /config`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Notice {
    /// Counts loaded snapshots.
    pub version: u64,
    /// The snapshot's name in every record.
    pub digest: String,
    /// Seconds since the epoch.
    #[serde(serialize_with = "epoch")]
    pub loaded_at: SystemTime,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// Why the newest files are not in force.
    pub last_error: Option<String>,
    /// Names.
    pub agents: Vec<String>,
    /// Names.
    pub servers: Vec<String>,
}

/// Connections of operators and probes at once; agents' have their own bound.
const CONNECTIONS_MAX: usize = 128;

/// Serves operators until the drain begins.
pub(crate) async fn serve<B: Board>(
    listener: Listener,
    board: B,
    metrics: Arc<Metrics>,
    drain: Drain,
) {
    let desk = Arc::new(Desk { board, metrics });
    // Operators' connections are not clients': they are counted nowhere.
    listener.accept(desk, Arc::default(), drain).await;
}

/// Answers at the operators' port.
#[derive(Debug)]
struct Desk<B> {
    board: B,
    metrics: Arc<Metrics>,
}

type Answer = Response<Full<Bytes>>;

// === impl Desk ===

impl<B: Board> Desk<B> {
    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        edge: Result<(), Shut>,
    ) -> Answer {
        let path = request.uri().path();
        let is_probe = matches!(path, "/healthz" | "/readyz");
        if let (Err(why), false) = (edge, is_probe) {
            return refusal(why);
        }
        if let Some(id) = tasks::path(path) {
            return match self.keep_out(&request) {
                Some(answer) => answer,
                None => {
                    let (id, address) = (id.map(str::to_owned), peer.address.ip());
                    tasks::answer(&self.board, id, address, request).await
                }
            };
        }
        if let Some(whose) = leases::path(path) {
            return match self.keep_out(&request) {
                Some(answer) => answer,
                None => {
                    let (whose, address) = (whose.map(str::to_owned), peer.address.ip());
                    leases::answer(&self.board, whose, address, &request).await
                }
            };
        }
        if !matches!(path, "/healthz" | "/readyz" | "/metrics" | "/config") {
            return refusal(Shut::Path);
        }
        if request.method() != Method::GET {
            let mut answer = plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is for this path\n",
            );
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET"));
            return answer;
        }
        let is_open = is_probe || (path == "/metrics" && self.board.metrics_open());
        if !is_open && let Some(answer) = self.keep_out(&request) {
            return answer;
        }
        match path {
            "/healthz" => plain(StatusCode::OK, "ok\n"),
            "/readyz" => self.readiness(),
            "/metrics" => typed(
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8",
                self.metrics.render(),
            ),
            _ => {
                let notice = serde_json::to_string(&self.board.notice()).unwrap_or_default();
                typed(StatusCode::OK, "application/json", notice)
            }
        }
    }

    fn readiness(&self) -> Answer {
        let readiness = self.board.readiness();
        let status = match readiness.ready {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = serde_json::to_string(&readiness).unwrap_or_default();
        typed(status, "application/json", body)
    }

    /// The answer to who does not carry the token.
    fn keep_out(&self, request: &Request<Incoming>) -> Option<Answer> {
        match token::opens(&self.board.token_file(), request.headers()) {
            Ok(true) => None,
            Ok(false) => {
                let mut answer = plain(
                    StatusCode::UNAUTHORIZED,
                    "this needs the operators' token\n",
                );
                let scheme = HeaderValue::from_static("Bearer");
                answer.headers_mut().insert(WWW_AUTHENTICATE, scheme);
                Some(answer)
            }
            Err(why) => {
                tracing::error!("no operator can get in: {why}");
                let text = "the operators' token cannot be read; the log says why\n";
                Some(plain(StatusCode::SERVICE_UNAVAILABLE, text))
            }
        }
    }
}

impl<B: Board> Handler for Desk<B> {
    type Body = Full<Bytes>;

    fn edge(&self) -> Arc<Edge> {
        let mut edge = self.board.edge();
        edge.bounds.connections = CONNECTIONS_MAX;
        Arc::new(edge)
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Answer {
        let (head, body) = request.into_parts();
        let edge = self.board.edge().admit(&head).map(|_invited| ());
        let request = Request::from_parts(head, body);
        let mut answer = self.answer(request, &peer, edge).await;
        answer
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

fn typed(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut answer = plain(status, text);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn epoch<S: serde::Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    to.serialize_u64(since.as_secs())
}
