//! Calls to one helper: a secret store, a token endpoint. No redirect, no cookie, no proxy; bounded in size and time.

use super::{ConnectError, Connector, Settings, handshake_fault, refuses_identity};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// Calls one origin.
#[derive(Debug)]
pub struct Caller {
    client: Client<Connector, Full<Bytes>>,
    base: Url,
    host: HeaderValue,
    /// For one whole exchange.
    deadline: Duration,
}

/// What a body is, and its bytes.
pub type Content = (HeaderValue, Bytes);

/// Why there is no answer. Never holds bytes of the other side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No connection was made: the other side has seen nothing.
    #[error("{0}")]
    Unsent(String),
    /// Whether the other side has seen the request is unknown.
    #[error("{0}")]
    Broken(String),
}

/// The largest answer.
const ANSWER_MOST: usize = 1 << 20;
/// A connection unused for this long is closed.
const IDLE: Duration = Duration::from_secs(30);

// === impl Caller ===

impl Caller {
    /// Nobody has been called yet. Paths of calls follow that of the settings' URL.
    ///
    /// # Errors
    ///
    /// A URL that is neither http nor https, a certificate that cannot be used.
    pub fn new(settings: &Settings, deadline: Duration) -> Result<Self, String> {
        let connector = Connector::new(settings)?;
        let base = settings.url.clone();
        let uri: Uri = base
            .as_str()
            .parse()
            .map_err(|_| format!("`{base}` is no URI"))?;
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let host = HeaderValue::from_str(authority.unwrap_or_default());
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .set_host(false)
            .build(connector);
        Ok(Self {
            client,
            base,
            host: host.map_err(|why| why.to_string())?,
            deadline,
        })
    }

    /// Where it calls, for people: scheme, host and port.
    #[must_use]
    pub fn place(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// The URL it was made for.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Sends one request, to the base URL or to a path under it, and reads the answer whole, whatever its status.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn call(
        &self,
        method: Method,
        path: Option<&str>,
        headers: HeaderMap,
        content: Option<Content>,
    ) -> Result<Response<Bytes>, CallError> {
        let request = self.request(method, path, headers, content)?;
        match timeout(self.deadline, self.exchange(request)).await {
            Ok(answered) => answered,
            Err(_) => Err(CallError::Broken("no answer in time".to_owned())),
        }
    }

    fn request(
        &self,
        method: Method,
        path: Option<&str>,
        headers: HeaderMap,
        content: Option<Content>,
    ) -> Result<Request<Full<Bytes>>, CallError> {
        let unsent = |why: &str| CallError::Unsent(why.to_owned());
        let mut url = self.base.clone();
        if let Some(path) = path {
            let base = url.path().trim_end_matches('/').to_owned();
            let (path, query) = path
                .split_once('?')
                .map_or((path, None), |(path, query)| (path, Some(query)));
            url.set_path(&format!("{base}/{path}"));
            url.set_query(query);
        }
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|_| unsent("the URL is no URI"))?;
        let (kind, body) = match content {
            Some((kind, body)) => (Some(kind), body),
            None => (None, Bytes::new()),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let own = request.headers_mut();
        own.insert(HOST, self.host.clone());
        own.insert(USER_AGENT, HeaderValue::from_static("hopgate"));
        own.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        own.entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        if let Some(kind) = kind {
            own.insert(CONTENT_TYPE, kind);
        }
        Ok(request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, CallError> {
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(|error| explain(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_MOST).collect().await;
        let body = body.map_err(|_| {
            CallError::Broken(format!("broken off, or larger than {ANSWER_MOST} bytes"))
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// Never what the other side said: only what kind of failure it was.
fn explain(error: &Error) -> CallError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(known) = error.downcast_ref::<ConnectError>() {
            return CallError::Unsent(match known {
                ConnectError::Tls(error) => handshake_fault(error),
                ConnectError::Dial(_) | ConnectError::TlsTimedOut => known.to_string(),
            });
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && refuses_identity(error)
        {
            return CallError::Unsent(handshake_fault(error));
        }
        cause = error.source();
    }
    match error.is_connect() {
        true => CallError::Unsent("the connection could not be used".to_owned()),
        false => CallError::Broken("the connection broke".to_owned()),
    }
}
