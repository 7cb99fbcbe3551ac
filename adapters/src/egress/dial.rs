//! Opens connections: resolves a name, judges every address it has, and connects to one of those it judged.

use super::is_public;
use ipnet::IpNet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

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
        match &host {
            url::Host::Ipv4(address) => allowed.push(IpAddr::V4(*address).into()),
            url::Host::Ipv6(address) => allowed.push(IpAddr::V6(*address).into()),
            url::Host::Domain(name) if name == "localhost" => {
                allowed.push(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
                allowed.push(IpAddr::V6(Ipv6Addr::LOCALHOST).into());
            }
            url::Host::Domain(_) => {}
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
        // One bad address condemns the answer: a name that points inside as well is a trap.
        for address in &addresses {
            self.judge(address.ip())?;
        }
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    settle(&stream).map_err(DialError::Connect)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(DialError::Connect(last))
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, DialError> {
        let name = match &self.host {
            url::Host::Ipv4(address) => return Ok(vec![(*address, self.port).into()]),
            url::Host::Ipv6(address) => return Ok(vec![(*address, self.port).into()]),
            url::Host::Domain(name) => name,
        };
        match self.resolver.resolve(name.clone(), self.port).await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            _ => Err(DialError::Unresolved(name.clone())),
        }
    }

    fn judge(&self, address: IpAddr) -> Result<(), DialError> {
        if self.allowed.iter().any(|range| range.contains(&address)) {
            return Ok(());
        }
        if !is_public(address) {
            return Err(DialError::Private { address });
        }
        if self.encrypted {
            Ok(())
        } else {
            Err(DialError::Plain { address })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers from a script, a line for each question.
    #[derive(Debug)]
    struct Script(Vec<Vec<IpAddr>>, AtomicUsize);

    impl Resolve for Script {
        fn resolve(
            &self,
            _: String,
            port: u16,
        ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
            let at = self.1.fetch_add(1, Ordering::Relaxed);
            let answer = self.0[at.min(self.0.len() - 1)]
                .iter()
                .map(|address| (*address, port).into())
                .collect();
            Box::pin(async move { Ok(answer) })
        }
    }

    fn dialer(url: &str, allowed: &[&str], answers: &[&[&str]]) -> Dialer {
        let allowed: Vec<IpNet> = allowed.iter().map(|range| range.parse().unwrap()).collect();
        let answers = answers
            .iter()
            .map(|line| {
                line.iter()
                    .map(|address| address.parse().unwrap())
                    .collect()
            })
            .collect();
        Dialer::new(&url.parse().unwrap(), &allowed, Duration::from_millis(300))
            .unwrap()
            .with_resolver(Arc::new(Script(answers, AtomicUsize::new(0))))
    }

    async fn dial(dialer: &Dialer) -> Result<TcpStream, DialError> {
        dialer.dial(dialer.deadline()).await
    }

    #[tokio::test]
    async fn one_private_address_condemns_a_name() {
        for answer in [
            ["10.0.0.1", "1.1.1.1"],
            ["1.1.1.1", "169.254.169.254"],
            ["::1", "1.1.1.1"],
            ["::ffff:10.0.0.1", "1.1.1.1"],
        ] {
            let got = dial(&dialer("https://a.example/", &[], &[&answer])).await;
            assert!(
                matches!(got, Err(DialError::Private { .. })),
                "{answer:?} {got:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_that_flips_is_judged_at_every_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("http://a.example:{port}/");
        let dialer = dialer(
            &url,
            &["127.0.0.1/32"],
            &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]],
        );
        assert!(dial(&dialer).await.is_ok());
        assert!(matches!(
            dial(&dialer).await,
            Err(DialError::Private { .. })
        ));
        assert!(dial(&dialer).await.is_ok());
    }

    #[tokio::test]
    async fn plain_text_stays_private() {
        let got = dial(&dialer("http://a.example/", &[], &[&["1.1.1.1"]])).await;
        assert!(matches!(got, Err(DialError::Plain { .. })), "{got:?}");
    }

    #[tokio::test]
    async fn a_url_that_names_its_address_allows_that_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(
            dial(&dialer(&format!("http://127.0.0.1:{port}/"), &[], &[&[]]))
                .await
                .is_ok()
        );
        assert!(
            dial(&dialer(
                &format!("http://localhost:{port}/"),
                &[],
                &[&["127.0.0.1"]]
            ))
            .await
            .is_ok()
        );
        let other = dial(&dialer(
            &format!("http://localhost:{port}/"),
            &[],
            &[&["127.0.0.2"]],
        ))
        .await;
        assert!(matches!(other, Err(DialError::Private { .. })), "{other:?}");
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_unresolved() {
        let got = dial(&dialer("https://a.example/", &[], &[&[]])).await;
        assert!(matches!(got, Err(DialError::Unresolved(_))), "{got:?}");
    }
}
