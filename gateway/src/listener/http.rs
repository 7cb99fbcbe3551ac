//! One connection: HTTP/1 behind the filter, or HTTP/2 within tight bounds; ended properly when a drain begins.

use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, Version};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::drain::Drain;
use super::edge::Edge;
use super::entrance::{plain, refusal};
use super::prefilter::{FIELDS_MAX, Filter, HEAD_MAX, Reason, is_lookalike};
use super::pressure::Room;
use super::socket::Socket;
use crate::pipeline::inbound::Peer;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Shut;

/// What answers the requests of a connection.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Its answers' body.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// The listener's part of the current snapshot.
    fn edge(&self) -> Arc<Edge>;

    /// Room for one more request, while it is answered.
    ///
    /// # Errors
    /// Why there is none.
    fn let_in(&self, _method: &Method) -> Result<Option<Room>, Shut> {
        Ok(None)
    }

    /// One request with its answer.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// One client's connection, before its protocol is spoken.
#[derive(Debug)]
pub(crate) struct Connection<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) peer: Peer,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) drain: Drain,
    /// How long the first request's head may take, and each once it has begun.
    pub(crate) patience: Duration,
}

/// How long a connection may rest between requests.
const REST: Duration = Duration::from_secs(300);

type Answer<B> = Response<Either<Full<Bytes>, B>>;
type Answering<B> = Pin<Box<dyn Future<Output = Result<Answer<B>, Infallible>> + Send>>;

// === impl Connection ===

impl<H: Handler> Connection<H> {
    /// Until the client leaves, a request breaks the rules, or a drain ends it.
    pub(crate) async fn http1<T>(self, io: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = Filter::new(Socket::new(io, self.metrics.clone()), self.patience);
        let drain = self.drain.clone();
        let service = service_fn(move |request| self.answer(request));
        let conn = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REST)
            .half_close(false)
            .max_buf_size(HEAD_MAX.saturating_add(16 * 1024))
            .serve_connection(TokioIo::new(io), service);
        let mut conn = pin!(conn);
        tokio::select! {
            biased;
            _ended = conn.as_mut() => return,
            () = drain.begun().cancelled() => conn.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            _ended = conn => {}
            () = drain.cut().cancelled() => {}
        }
    }

    /// As above, for a client that chose h2 in its handshake.
    pub(crate) async fn http2<T>(self, io: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = Socket::new(io, self.metrics.clone());
        let drain = self.drain.clone();
        let patience = self.patience;
        let asked = CancellationToken::new();
        let asking = asked.clone();
        let service = service_fn(move |request| {
            asking.cancel();
            self.answer(request)
        });
        let mut conn = pin!(h2_builder().serve_connection(TokioIo::new(io), service));
        // Who has just come is not told to go before it has asked: it would have come for nothing.
        tokio::select! {
            biased;
            _ended = conn.as_mut() => return,
            () = asked.cancelled() => {}
            () = drain.begun().cancelled() => {}
            () = tokio::time::sleep(patience) => return,
        }
        tokio::select! {
            biased;
            _ended = conn.as_mut() => return,
            () = drain.leaving().cancelled() => conn.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            _ended = conn => {}
            () = drain.cut().cancelled() => {}
        }
    }

    /// Boxed, so that a connection at rest does not keep room for a call.
    fn answer(&self, request: Request<Incoming>) -> Answering<H::Body> {
        let verdict = match request.version() {
            Version::HTTP_2 => check_h2(&request).err(),
            _ if request.method() == Method::TRACE => verdict(request.uri().path()),
            _ => None,
        };
        if let Some(reason) = verdict {
            self.metrics.shut.count(if reason == Reason::Slow {
                Shut::Slow
            } else {
                Shut::Framing
            });
            tracing::debug!(peer = %self.peer.address, reason = reason.name(), "request refused");
            let text = format!("bad request: {}\n", reason.name());
            return at_once(plain(reason.status(), text));
        }
        let drain = self.drain.clone();
        let version = request.version();
        // Before anything is made for it: what is refused for being too much must cost next to nothing.
        let room = match self.handler.let_in(request.method()) {
            Ok(room) => room,
            Err(why) => {
                self.metrics.shut.count(why);
                return at_once(leave(refusal(why), version, &drain));
            }
        };
        let handler = self.handler.clone();
        let peer = self.peer.clone();
        Box::pin(async move {
            let answer = handler.handle(request, peer).await;
            drop(room);
            Ok(leave(answer, version, &drain).map(Either::Right))
        })
    }
}

fn at_once<B: Send + 'static>(answer: Response<Full<Bytes>>) -> Answering<B> {
    Box::pin(std::future::ready(Ok(answer.map(Either::Left))))
}

/// While the gateway is leaving, whoever keeps this connection sends its next request elsewhere. HTTP/2 has a frame for that.
fn leave<B>(mut answer: Response<B>, version: Version, drain: &Drain) -> Response<B> {
    if version != Version::HTTP_2 && drain.leaving().is_cancelled() {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
    }
    answer
}

/// Bounds against floods of resets, settings, headers and pings; a client has little use for more.
fn h2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(16 * 1024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
        .max_frame_size(16 * 1024)
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// The reason the filter put into the path of its own request.
fn verdict(path: &str) -> Option<Reason> {
    path.strip_prefix('/').and_then(Reason::named)
}

/// HTTP/2 frames messages itself; what is left are the rules that are not about framing.
fn check_h2(request: &Request<Incoming>) -> Result<(), Reason> {
    let headers = request.headers();
    if headers.len() > FIELDS_MAX {
        return Err(Reason::Fields);
    }
    if headers
        .keys()
        .any(|name| is_lookalike(name.as_str().as_bytes()))
    {
        return Err(Reason::Lookalike);
    }
    match *request.method() {
        Method::CONNECT | Method::TRACE => Err(Reason::Method),
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS
            if !request.body().is_end_stream() =>
        {
            Err(Reason::Body)
        }
        _ => Ok(()),
    }
}
