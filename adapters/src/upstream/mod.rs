//! The port to what stands behind a server: one exchange of request and answer, whatever the transport.
//!
//! An upstream never retries once a byte was written, never follows a redirect, and adds no header of its own
//! beyond what its transport needs.

use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;

/// A future behind a port.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is sent: an HTTP method, headers already chosen by the caller, and the body's bytes.
#[derive(Debug)]
pub struct Exchange {
    /// POST, GET or DELETE.
    pub method: http::Method,
    /// Exactly what goes on the wire, `Host` and framing excepted.
    pub headers: http::HeaderMap,
    /// Empty for GET and DELETE.
    pub body: Bytes,
}

/// What stands behind a server.
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// Sends one request and returns the head of its answer; the body streams.
    ///
    /// Dropping the future or the body closes the exchange towards the server.
    fn exchange(
        &self,
        exchange: Exchange,
    ) -> BoxFuture<'_, Result<http::Response<ReplyBody>, UpstreamError>>;
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
