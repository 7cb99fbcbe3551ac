//! A server over Streamable HTTP: one pool of connections, opened by the egress dialer alone.

use super::{BoxFuture, Exchange, ReplyBody, Upstream, UpstreamError};
use crate::egress::{self, ConnectError, Connector, DialError, Settings};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::time::Duration;

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
            return known.into();
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

impl From<&ConnectError> for UpstreamError {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Dial(error @ (DialError::Private { .. } | DialError::Plain { .. })) => {
                Self::Refused(error.to_string())
            }
            ConnectError::Dial(DialError::Unresolved(name)) => Self::Unresolved(name.clone()),
            ConnectError::Dial(error) => Self::Connect(error.to_string()),
            ConnectError::Tls(error) => Self::Tls(egress::handshake_fault(error)),
            ConnectError::TlsTimedOut => Self::Tls(error.to_string()),
        }
    }
}
