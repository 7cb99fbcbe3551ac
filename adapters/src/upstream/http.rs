//! A server over Streamable HTTP: one pool of connections, opened by the egress dialer alone.

use super::{BoxFuture, Carried, Exchange, ReplyBody, Upstream, UpstreamError};
use crate::egress::{self, ConnectError, Connector, DialError, Settings};
use crate::secret::Secret;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use url::Origin;

/// A server over Streamable HTTP.
#[derive(Debug)]
pub struct HttpUpstream {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
    origin: Origin,
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
        Ok(Self {
            client: pool(connector.clone()),
            connector,
            origin: url.origin(),
            uri,
            host,
        })
    }
}

impl HttpUpstream {
    /// Where an exchange goes. A credential that is bound to another place does not leave.
    fn target(&self, carried: Option<&Carried>) -> Result<Uri, UpstreamError> {
        let Some(carried) = carried else {
            return Ok(self.uri.clone());
        };
        if carried.origin != self.origin {
            let why = "the credential is bound to another origin";
            return Err(UpstreamError::Refused(why.to_owned()));
        }
        let Some(query) = carried.query.as_ref().and_then(Secret::text) else {
            return Ok(self.uri.clone());
        };
        let own = self.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let joint = if own.contains('?') { '&' } else { '?' };
        let target = format!("{own}{joint}{query}");
        let unfit = |_| UpstreamError::Refused("the credential cannot stand in a URL".to_owned());
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(target.try_into().map_err(unfit)?);
        Uri::from_parts(parts)
            .map_err(|_| UpstreamError::Refused("the credential cannot stand in a URL".to_owned()))
    }
}

/// Connections nobody has opened yet.
fn pool(connector: Connector) -> Client<Connector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_max_buf_size(READ_MOST)
        .http2_initial_stream_window_size(256 * 1024)
        .http2_initial_connection_window_size(1024 * 1024)
        .http2_keep_alive_interval(PING)
        .set_host(false)
        .build(connector)
}

impl Upstream for HttpUpstream {
    fn exchange(
        &self,
        exchange: Exchange,
    ) -> BoxFuture<'_, Result<Response<ReplyBody>, UpstreamError>> {
        let uri = match self.target(exchange.carried.as_ref()) {
            Ok(uri) => uri,
            Err(why) => return Box::pin(async { Err(why) }),
        };
        let mut request = Request::new(Full::new(exchange.body));
        *request.method_mut() = exchange.method;
        *request.uri_mut() = uri;
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

    fn alone(self: Arc<Self>) -> Arc<dyn Upstream> {
        Arc::new(Self {
            client: pool(self.connector.clone()),
            connector: self.connector.clone(),
            origin: self.origin.clone(),
            uri: self.uri.clone(),
            host: self.host.clone(),
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
