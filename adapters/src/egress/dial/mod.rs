//! Opens connections: resolves a name, judges every address it has, and connects to one of those it judged.

#[cfg(test)]
mod tests;

use super::{embedded, is_public};
use ipnet::IpNet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// How names become addresses.
pub trait Resolve: Send + Sync + std::fmt::Debug {
    /// All addresses of a name.
    fn resolve(
        &self,
        host: String,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

/// Opens the connections to one host.
#[derive(Debug, Clone)]
pub struct Dialer {
    host: url::Host,
    port: u16,
    /// Plain text may only go where nobody listens in.
    encrypted: bool,
    allowed: Arc<[IpNet]>,
    deadline: Duration,
    resolver: Arc<dyn Resolve>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// An address of the host is not one we may dial.
    #[error("`{address}` is not a public address; `allow_private` can allow it")]
    Private {
        /// The address.
        address: IpAddr,
    },
    /// Plain text to a public address.
    #[error("plain http to `{address}`, a public address; use https")]
    Plain {
        /// The address.
        address: IpAddr,
    },
    /// The name has no address.
    #[error("cannot resolve `{0}`")]
    Unresolved(String),
    /// Nobody answers.
    #[error("{0}")]
    Connect(io::Error),
    /// Nobody answered in time.
    #[error("no connection within the connect deadline")]
    TimedOut,
}

/// How long an address may take before the next one is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

// === impl Dialer ===

impl Dialer {
    /// A dialer of the host in `url`. A URL that names an IP address or `localhost` allows that address by itself.
    ///
    /// Returns `None` for a URL without a host, or of another scheme than http and https.
    #[must_use]
    pub fn new(url: &url::Url, allowed: &[IpNet], deadline: Duration) -> Option<Self> {
        let encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let mut allowed = allowed.to_vec();
        let host = url.host()?.to_owned();
        if host == url::Host::Domain("localhost".to_owned()) {
            allowed.push(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
            allowed.push(IpAddr::V6(Ipv6Addr::LOCALHOST).into());
        }
        let port = url.port_or_known_default()?;
        Some(Self {
            host,
            port,
            encrypted,
            allowed: allowed.into(),
            deadline,
            resolver: Arc::new(SystemResolver),
        })
    }

    /// The same dialer with another resolver.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// When a connection begun now must be there.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// [`DialError`]; nothing was dialled where an address of the host is refused.
    pub async fn dial(&self, deadline: Instant) -> Result<TcpStream, DialError> {
        timeout_at(deadline, self.connect())
            .await
            .map_err(|_| DialError::TimedOut)?
    }

    async fn connect(&self) -> Result<TcpStream, DialError> {
        let addresses = self.addresses().await?;
        let stream = race(addresses).await.map_err(DialError::Connect)?;
        settle(&stream).map_err(DialError::Connect)?;
        Ok(stream)
    }

    /// The addresses of the host, all of them judged. One bad address condemns the answer: a name that points inside
    /// as well is a trap.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, DialError> {
        let name = match &self.host {
            url::Host::Ipv4(address) => return Ok(vec![(*address, self.port).into()]),
            url::Host::Ipv6(address) => return Ok(vec![(*address, self.port).into()]),
            url::Host::Domain(name) => name,
        };
        let addresses = match self.resolver.resolve(name.clone(), self.port).await {
            Ok(addresses) if !addresses.is_empty() => addresses,
            _ => return Err(DialError::Unresolved(name.clone())),
        };
        for address in &addresses {
            self.judge(address.ip())?;
        }
        Ok(addresses)
    }

    fn judge(&self, address: IpAddr) -> Result<(), DialError> {
        // Allowing a translator's range does not allow what lies behind it.
        if let IpAddr::V6(outer) = address
            && let Some(inner) = embedded(outer).map(IpAddr::V4)
            && !is_public(inner)
            && !self.lists(inner)
        {
            return Err(DialError::Private { address });
        }
        if self.lists(address) {
            Ok(())
        } else if !is_public(address) {
            Err(DialError::Private { address })
        } else if self.encrypted {
            Ok(())
        } else {
            Err(DialError::Plain { address })
        }
    }

    fn lists(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|range| range.contains(&address))
    }
}

/// The first connection that comes about. Each address has a head start on the next, in the resolver's order.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    // Attempts still running are given up with the set.
    let mut attempts = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next() {
            Some(address) => {
                attempts.spawn(TcpStream::connect(address));
            }
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = sleep(HEAD_START), if waiting.len() > 0 => None,
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last = error,
            Some(Err(_)) | None => {}
        }
    }
}

/// Small messages go at once, and a peer that has vanished is noticed.
fn settle(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

impl Resolve for SystemResolver {
    fn resolve(
        &self,
        host: String,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        Box::pin(async move {
            tokio::net::lookup_host((host.as_str(), port))
                .await
                .map(Iterator::collect)
        })
    }
}
