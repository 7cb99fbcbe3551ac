//! The port to what stands behind a server: one exchange of request and answer, whatever the transport.
//!
//! An upstream never retries once a byte was written, never follows a redirect, and adds no header of its own
//! beyond what its transport needs.

pub mod http;
pub mod notes;

use crate::secret::Secret;
use ::http::{HeaderMap, Method, Response};
use bytes::Bytes;
use http_body::Frame;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Sender;

/// A future behind a port.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is sent: an HTTP method, headers already chosen by the caller, and the body's bytes.
#[derive(Debug)]
pub struct Exchange {
    /// POST, GET or DELETE.
    pub method: Method,
    /// Exactly what goes on the wire, `Host` and framing excepted.
    pub headers: HeaderMap,
    /// Empty for GET and DELETE.
    pub body: Bytes,
    /// The credential it carries, where it carries one.
    pub carried: Option<Carried>,
}

/// A credential on its way.
#[derive(Debug)]
pub struct Carried {
    /// The only place it may go.
    pub origin: url::Origin,
    /// A pair for the query, where it goes there.
    pub query: Option<Secret>,
}

/// What stands behind a server.
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// Sends one request and returns the head of its answer; the body streams.
    ///
    /// Dropping the future or the body closes the exchange towards the server.
    fn exchange(
        &self,
        exchange: Exchange,
    ) -> BoxFuture<'_, Result<Response<ReplyBody>, UpstreamError>>;

    /// The same server, over connections nobody else's exchanges are on.
    fn alone(self: Arc<Self>) -> Arc<dyn Upstream>;
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// From the wire.
    Wire(hyper::body::Incoming),
    /// From a server inside this process.
    Local(LocalBody),
}

/// Chunks of a server inside this process.
#[derive(Debug)]
pub struct LocalBody {
    chunks: tokio::sync::mpsc::Receiver<Bytes>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address is not one we may dial.
    #[error("egress refused: {0}")]
    Refused(String),
    /// The name has no address, or the resolver failed.
    #[error("cannot resolve: {0}")]
    Unresolved(String),
    /// No connection within the connect deadline, or refused.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The handshake failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// The connection broke; whether the server saw the request is unknown.
    #[error("connection broken: {0}")]
    Broken(String),
}

// === impl ReplyBody ===

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        match self.get_mut() {
            Self::Wire(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|_| UpstreamError::Broken("within the answer".to_owned())),
            Self::Local(body) => body
                .chunks
                .poll_recv(context)
                .map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Wire(body) => body.is_end_stream(),
            Self::Local(body) => body.chunks.is_closed() && body.chunks.is_empty(),
        }
    }
}

// === impl LocalBody ===

impl LocalBody {
    /// A body and the sender of its chunks; the sender learns when nobody reads any more.
    #[must_use]
    pub fn channel() -> (Sender<Bytes>, Self) {
        let (sender, chunks) = tokio::sync::mpsc::channel(16);
        (sender, Self { chunks })
    }
}
