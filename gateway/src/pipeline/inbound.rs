//! A request at the door: routed, its head read, its body not yet.

use crate::identity::Shown;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who is on the other end of the connection. Proves nothing by itself.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The socket's address.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The certificate it was opened with, whose key the handshake has proven and nothing else.
    pub shown: Option<Arc<Shown>>,
}

/// A request for one server's MCP endpoint. Framing, Host and Origin have been checked; nobody has vouched for it.
#[derive(Debug)]
pub struct Inbound {
    /// `NAME` of `/servers/NAME/mcp`, as it stood in the path (may be a server nobody configured).
    pub server: Arc<str>,
    /// Method and headers.
    pub head: http::request::Parts,
    /// Not read before the caller is proven.
    pub body: hyper::body::Incoming,
    /// The connection.
    pub peer: Peer,
}
