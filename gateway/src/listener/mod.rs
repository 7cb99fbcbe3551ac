//! Lets requests in: sockets, TLS, strict framing, Host and Origin, routing; then hands them to the door.
//!
//! Nothing here knows MCP. What passes is one request for one path of ours, framed so that no two parsers can
//! disagree about it; who sent it, and whether they may, is the pipeline's business.

pub mod body;
mod cors;
pub mod drain;
pub mod edge;
mod entrance;
mod http;
pub mod prefilter;
mod pressure;
mod route;
mod socket;
mod tls;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::Response;
use bytes::Bytes;
use http_body::Body;
use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, TcpStream};

pub use body::{BodyFault, read_body};
pub use drain::Drain;
pub use edge::Edge;
pub use route::{Document, Place};

pub(crate) use self::entrance::{plain, refusal};
use self::http::Connection;
pub(crate) use self::http::Handler;
use self::pressure::Pressure;
use crate::identity::Shown;
use crate::pipeline::inbound::{Inbound, Peer};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Shut;

/// Where requests for MCP endpoints go.
pub trait Door: Send + Sync + 'static {
    /// An answer's body; an error cuts the connection, so that nobody takes a part for the whole.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// What the listener needs of the current snapshot; asked once per connection and per request.
    fn edge(&self) -> Arc<Edge>;

    /// Answers at a door of the gateway's own.
    fn visit(&self, visit: Visit) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Answers one call.
    fn call(&self, inbound: Inbound) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// A request for a door of the gateway's own. Nobody has vouched for it.
#[derive(Debug)]
pub struct Visit {
    /// Which door.
    pub place: Place,
    /// Method and headers.
    pub head: ::http::request::Parts,
    /// Not read before the caller is proven.
    pub body: hyper::body::Incoming,
    /// The connection.
    pub peer: Peer,
}

/// Bound sockets that nobody accepts from yet.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<tokio::net::TcpListener>,
}

/// What the connections of one listener share.
#[derive(Debug)]
struct House<H> {
    handler: Arc<H>,
    metrics: Arc<Metrics>,
    drain: Drain,
    /// Held once by each open connection.
    open: Arc<()>,
}

/// Connections the system may keep waiting.
const BACKLOG: i32 = 4096;
/// How long handshakes that have begun may take once nobody more is let in.
const SETTLE: Duration = Duration::from_millis(50);

// === impl Listener ===

impl Listener {
    /// Binds every address, or none. Needs a tokio runtime.
    ///
    /// # Errors
    /// Names the address that cannot be bound.
    pub fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let bind = |address: &SocketAddr| {
            let named = |why: io::Error| io::Error::new(why.kind(), format!("{address}: {why}"));
            bind_one(*address).map_err(named)
        };
        let sockets = addresses.iter().map(bind).collect::<io::Result<_>>()?;
        Ok(Self { sockets })
    }

    /// The addresses as bound (port 0 has become a real one).
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }

    /// Serves agents until the drain begins; open connections go on under `drain`.
    pub async fn serve<D: Door>(self, door: Arc<D>, metrics: Arc<Metrics>, drain: Drain) {
        let pressure = Arc::new(Pressure::new(metrics.clone()));
        let entrance = entrance::Entrance {
            door: door.clone(),
            metrics: metrics.clone(),
            pressure: pressure.clone(),
        };
        tokio::spawn(pressure.watch(move || door.edge().bounds.lag, drain.clone()));
        self.accept(Arc::new(entrance), metrics, drain).await;
    }

    /// Lets `handler` answer, until the drain begins.
    pub(crate) async fn accept<H: Handler>(
        self,
        handler: Arc<H>,
        metrics: Arc<Metrics>,
        drain: Drain,
    ) {
        let house = Arc::new(House {
            handler,
            metrics,
            drain,
            open: Arc::new(()),
        });
        let mut loops = tokio::task::JoinSet::new();
        for socket in self.sockets {
            let open = house.drain.open().clone();
            loops.spawn(open.track_future(house.clone().accept(socket)));
        }
        while loops.join_next().await.is_some() {}
    }
}

// === impl House ===

impl<H: Handler> House<H> {
    async fn accept(self: Arc<Self>, socket: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.drain.begun().cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.clone().admit(stream, address),
                Err(why) => {
                    // Out of descriptors, mostly: those waiting are served when others have left.
                    tracing::warn!("cannot accept: {why}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        self.close(socket).await;
    }

    /// Closing a socket resets everybody whom the system has let in and nobody has accepted. So first nobody more is
    /// let in, then those are served.
    async fn close(self: Arc<Self>, socket: TcpListener) {
        lock(&socket);
        let end = tokio::time::Instant::now() + SETTLE;
        while let Ok(Ok((stream, address))) = tokio::time::timeout_at(end, socket.accept()).await {
            self.clone().admit(stream, address);
        }
    }

    fn admit(self: Arc<Self>, stream: TcpStream, address: SocketAddr) {
        let edge = self.handler.edge();
        let open = self.open.clone();
        // The house holds one itself.
        if Arc::strong_count(&open).saturating_sub(2) >= edge.bounds.connections {
            self.metrics.shut.count(Shut::Full);
            if edge.tls.is_none() {
                say_full(stream);
            }
            return;
        }
        let _ = stream.set_nodelay(true);
        let tracker = self.drain.open().clone();
        match edge.tls.clone() {
            None => tracker.spawn(self.plain(stream, address, open)),
            Some(config) => tracker.spawn(self.tls(stream, address, config, open)),
        };
    }

    async fn plain(self: Arc<Self>, stream: TcpStream, address: SocketAddr, _open: Arc<()>) {
        let _counted = self.metrics.connections.hold();
        self.connection(address).http1(stream).await;
    }

    async fn tls(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        config: Arc<rustls::ServerConfig>,
        _open: Arc<()>,
    ) {
        let _counted = self.metrics.connections.hold();
        let mut connection = self.connection(address);
        connection.peer.tls = true;
        let handshake = tokio_rustls::TlsAcceptor::from(config).accept(stream);
        let Ok(Ok(stream)) = tokio::time::timeout(connection.patience, handshake).await else {
            self.metrics.shut.count(Shut::Tls);
            return;
        };
        connection.peer.shown = stream
            .get_ref()
            .1
            .peer_certificates()
            .map(|chain| Arc::new(Shown::new(chain.to_vec())));
        if stream.get_ref().1.alpn_protocol() == Some(tls::H2) {
            Box::pin(connection.http2(stream)).await;
        } else {
            Box::pin(connection.http1(stream)).await;
        }
    }

    fn connection(&self, address: SocketAddr) -> Connection<H> {
        Connection {
            handler: self.handler.clone(),
            peer: Peer {
                address,
                tls: false,
                shown: None,
            },
            metrics: self.metrics.clone(),
            drain: self.drain.clone(),
            patience: self.handler.edge().deadlines.header,
        }
    }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` beside `0.0.0.0` are two listeners, on every system.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Lets the system drop what opens a connection; who tries again meets a closed port. Where that cannot be had, whoever
/// comes in the very moment of closing is reset.
#[cfg(target_os = "linux")]
fn lock(socket: &TcpListener) {
    use socket2::SockFilter;
    // Classic BPF over the TCP header: of its flags SYN alone of SYN and ACK.
    let filter = [
        SockFilter::new(0x30, 0, 0, 13),     // load the byte of flags
        SockFilter::new(0x54, 0, 0, 0x12),   // and SYN | ACK
        SockFilter::new(0x15, 0, 1, 0x02),   // is it SYN?
        SockFilter::new(0x06, 0, 0, 0),      // then drop
        SockFilter::new(0x06, 0, 0, 0xffff), // else take all of it
    ];
    if let Err(why) = socket2::SockRef::from(socket).attach_filter(&filter) {
        tracing::debug!("new connections are let in until the port is closed: {why}");
    }
}

#[cfg(not(target_os = "linux"))]
fn lock(_socket: &TcpListener) {}

/// Says so without waiting: over the cap nothing may cost anything.
fn say_full(stream: TcpStream) {
    use std::io::{Read as _, Write as _};
    const FULL: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
        content-type: text/plain\r\ncontent-length: 21\r\n\r\ntoo many connections\n";
    if let Ok(mut stream) = stream.into_std() {
        // What has come is taken, or closing would reset the connection and lose the answer.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write(FULL);
    }
}
