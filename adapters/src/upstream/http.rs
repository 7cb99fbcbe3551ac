//! A server over Streamable HTTP: one pool of connections, opened by the egress dialer alone.

use super::{BoxFuture, Exchange, ReplyBody, Upstream, UpstreamError};
use crate::egress::{self, DialError, Dialer, Identity};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
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

/// What a server's connections need.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The MCP endpoint.
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

/// A server over Streamable HTTP.
#[derive(Debug)]
pub struct HttpUpstream {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    host: HeaderValue,
}

/// A connection unused for this long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Streams that share a connection must learn that its other end has gone.
const PING: Duration = Duration::from_secs(30);
/// Read at once from a connection: ten thousand of them may be idle.
const READ_MOST: usize = 64 * 1024;

// === impl HttpUpstream ===

impl HttpUpstream {
    /// A server that nobody has called yet.
    ///
    /// # Errors
    ///
    /// A URL that is none of ours or holds a credential, a certificate that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let url = &settings.url;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL holds a user or a password".to_owned());
        }
        let connector = Connector::new(settings)?;
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|_| format!("`{url}` is no URI"))?;
        let authority = uri
            .authority()
            .map(http::uri::Authority::as_str)
            .unwrap_or_default();
        let host = HeaderValue::from_str(authority).map_err(|error| error.to_string())?;
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(READ_MOST)
            .http2_initial_stream_window_size(256 * 1024)
            .http2_initial_connection_window_size(1024 * 1024)
            .http2_keep_alive_interval(PING)
            .set_host(false)
            .build(connector);
        Ok(Self { client, uri, host })
    }
}

impl Upstream for HttpUpstream {
    fn exchange(
        &self,
        exchange: Exchange,
    ) -> BoxFuture<'_, Result<Response<ReplyBody>, UpstreamError>> {
        let mut request = Request::new(Full::new(exchange.body));
        *request.method_mut() = exchange.method;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = exchange.headers;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let sent = self.client.request(request);
        Box::pin(async move {
            match sent.await {
                Ok(response) => Ok(response.map(ReplyBody::Wire)),
                Err(error) => Err(explain(&error)),
            }
        })
    }
}

/// Never what the server said: only what kind of failure it was.
fn explain(error: &hyper_util::client::legacy::Error) -> UpstreamError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(known) = error.downcast_ref::<ConnectError>() {
            return known.explain();
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && egress::refuses_identity(error)
        {
            return UpstreamError::Tls(egress::handshake_fault(error));
        }
        cause = error.source();
    }
    if error.is_connect() {
        return UpstreamError::Connect("the connection could not be used".to_owned());
    }
    UpstreamError::Broken("before the answer's head was read".to_owned())
}

/// Opens connections for the pool.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    dialer: Arc<Dialer>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Dial(DialError),
    #[error("{0}")]
    Tls(io::Error),
    #[error("no TLS session within the connect deadline")]
    TlsTimedOut,
}

// === impl Connector ===

impl Connector {
    /// Opens connections to one host only, whatever it is asked for.
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        let url = &settings.url;
        let dialer = Dialer::new(url, &settings.allow_private, settings.connect)
            .ok_or_else(|| format!("`{url}` is no http or https URL"))?;
        let tls = if url.scheme() == "https" {
            let config = egress::client_config(&settings.roots, settings.identity.as_ref());
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

impl ConnectError {
    pub(crate) fn explain(&self) -> UpstreamError {
        match self {
            Self::Dial(error @ (DialError::Private { .. } | DialError::Plain { .. })) => {
                UpstreamError::Refused(error.to_string())
            }
            Self::Dial(DialError::Unresolved(name)) => UpstreamError::Unresolved(name.clone()),
            Self::Dial(error) => UpstreamError::Connect(error.to_string()),
            Self::Tls(error) => UpstreamError::Tls(egress::handshake_fault(error)),
            Self::TlsTimedOut => UpstreamError::Tls(self.to_string()),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TokioIo<TcpStream>),
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
