//! Connections to one place for a pool: dialled, and over TLS where its URL says so.

use super::{DialError, Dialer, Identity};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What connections to one place need.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whom they are made to.
    pub url: url::Url,
    /// Networks that may be dialled though they are not public.
    pub allow_private: Vec<IpNet>,
    /// Roots beside the system's.
    pub roots: Vec<PathBuf>,
    /// The client certificate.
    pub identity: Option<Identity>,
    /// Until when a connection must be there.
    pub connect: Duration,
}

/// Opens connections for the pool.
#[derive(Debug, Clone)]
pub struct Connector {
    dialer: Arc<Dialer>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing was reached.
    #[error("{0}")]
    Dial(DialError),
    /// The handshake failed.
    #[error("{0}")]
    Tls(io::Error),
    /// The handshake took too long.
    #[error("no TLS session within the connect deadline")]
    TlsTimedOut,
}

// === impl Connector ===

impl Connector {
    /// Opens connections to one host only, whatever it is asked for.
    ///
    /// # Errors
    ///
    /// A URL that is neither http nor https, a certificate that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let url = &settings.url;
        let dialer = Dialer::new(url, &settings.allow_private, settings.connect)
            .ok_or_else(|| format!("`{url}` is no http or https URL"))?;
        let tls = if url.scheme() == "https" {
            let config = super::client_config(&settings.roots, settings.identity.as_ref());
            let config = config.map_err(|error| error.to_string())?;
            let host = url
                .host_str()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned();
            let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
            Some((config, name))
        } else {
            None
        };
        Ok(Self {
            dialer: Arc::new(dialer),
            tls,
        })
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Wire;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    /// The pool's URI is always this server's own, so what is dialled is what the configuration names.
    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { dialer, tls } = self.clone();
        Box::pin(async move {
            let deadline = dialer.deadline();
            let stream = dialer.dial(deadline).await.map_err(ConnectError::Dial)?;
            let Some((config, name)) = tls else {
                return Ok(Wire::Plain(TokioIo::new(stream)));
            };
            let handshake =
                tokio::time::timeout_at(deadline, TlsConnector::from(config).connect(name, stream));
            let stream = handshake
                .await
                .map_err(|_| ConnectError::TlsTimedOut)?
                .map_err(ConnectError::Tls)?;
            Ok(Wire::Tls(Box::new(TokioIo::new(stream))))
        })
    }
}

/// A connection.
#[derive(Debug)]
pub enum Wire {
    /// Without TLS.
    Plain(TokioIo<TcpStream>),
    /// With TLS.
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        match self {
            Self::Tls(stream) if stream.inner().get_ref().1.alpn_protocol() == Some(b"h2") => {
                connected.negotiated_h2()
            }
            _ => connected,
        }
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl Write for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }
}
