//! The way to a telemetry collector: one OTLP message per exchange, over gRPC or HTTP, bounded in time. A JSON document
//! goes the same way to whoever takes one.
//!
//! It neither queues nor repeats; messages come encoded, so that a repetition costs no second encoding. What the
//! collector says never reaches a log: only which kind of failure it was.

mod grpc;
#[cfg(test)]
mod tests;

use crate::egress::{self, ConnectError, Connector, Identity};
use crate::upstream::UpstreamError;
use bytes::Bytes;
use grpc::Verbatim;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Code, Status};

/// The largest answer: it says how many were rejected, and why.
const ANSWER_MOST: usize = 64 * 1024;
/// Messages come once in seconds: a connection stays open between them.
const IDLE: Duration = Duration::from_secs(90);

/// Where one signal goes, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The whole URL for HTTP, scheme and authority for gRPC.
    pub url: url::Url,
    /// Which of them.
    pub protocol: Protocol,
    /// Sent with every message.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Roots beside the system's.
    pub roots: Vec<PathBuf>,
    /// The client certificate.
    pub identity: Option<Identity>,
    /// Networks that may be dialled though they are not public.
    pub allow_private: Vec<IpNet>,
    /// For one exchange, connecting included.
    pub timeout: Duration,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP, in protobuf.
    Http,
    /// A JSON document as the body of a POST, for whoever takes one.
    Json,
}

/// The value of a header, which nobody may print.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Known since the start.
    Value(HeaderValue),
    /// Read anew for every message, so that a rotated one is followed.
    File(PathBuf),
}

/// A collector, for one signal.
#[derive(Debug)]
pub struct Collector {
    client: Transport,
    uri: Uri,
    place: String,
    headers: Vec<(HeaderName, Secret)>,
    timeout: Duration,
}

#[derive(Debug)]
enum Transport {
    Grpc(Box<Client<Connector, tonic::body::Body>>),
    /// With the type of what is posted.
    Http(Box<Client<Connector, Full<Bytes>>>, HeaderValue),
}

/// Why a message did not arrive. Holds no byte of the collector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SendError {
    /// In our words.
    pub why: String,
    /// Whether the same message may be accepted later.
    pub passing: bool,
}

// === impl Collector ===

impl Collector {
    /// A collector that nothing was sent to yet. Connections belong to the runtime messages are sent on.
    ///
    /// # Errors
    ///
    /// A URL that is none, a certificate that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let connector = Connector::new(&egress::Settings {
            url: settings.url.clone(),
            allow_private: settings.allow_private.clone(),
            roots: settings.roots.clone(),
            identity: settings.identity.clone(),
            connect: settings.timeout,
        })?;
        let uri = settings.url.as_str().parse();
        let uri = uri.map_err(|_| format!("`{}` is no URI", settings.url))?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1);
        let client = match settings.protocol {
            Protocol::Grpc => Transport::Grpc(Box::new(builder.http2_only(true).build(connector))),
            Protocol::Http => {
                let kind = HeaderValue::from_static("application/x-protobuf");
                Transport::Http(Box::new(builder.build(connector)), kind)
            }
            Protocol::Json => {
                let kind = HeaderValue::from_static("application/json");
                Transport::Http(Box::new(builder.build(connector)), kind)
            }
        };
        Ok(Self {
            client,
            uri,
            place: settings.url.origin().ascii_serialization(),
            headers: settings.headers.clone(),
            timeout: settings.timeout,
        })
    }

    /// Where it is, for people: scheme, host and port.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Sends one encoded message, and returns the encoded answer. `method` is the path of the gRPC method.
    ///
    /// # Errors
    ///
    /// Why it did not arrive.
    pub async fn send(&self, method: &'static str, message: Bytes) -> Result<Bytes, SendError> {
        let headers = self.current_headers()?;
        let sent = async {
            match &self.client {
                Transport::Grpc(client) => self.call(client, headers, (method, message)).await,
                Transport::Http(client, kind) => self.post(client, headers, (kind, message)).await,
            }
        };
        match timeout(self.timeout, sent).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::passing("no answer in time")),
        }
    }

    fn current_headers(&self) -> Result<HeaderMap, SendError> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, secret) in &self.headers {
            let value = secret.read().map_err(|why| SendError::passing(&why))?;
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }

    async fn call(
        &self,
        client: &Client<Connector, tonic::body::Body>,
        headers: HeaderMap,
        (method, message): (&'static str, Bytes),
    ) -> Result<Bytes, SendError> {
        let mut grpc = tonic::client::Grpc::with_origin(client.clone(), self.uri.clone())
            .max_decoding_message_size(ANSWER_MOST);
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
        let path = PathAndQuery::from_static(method);
        match grpc.unary(request, path, Verbatim).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(grpc_fault(&status)),
        }
    }

    async fn post(
        &self,
        client: &Client<Connector, Full<Bytes>>,
        headers: HeaderMap,
        (kind, message): (&HeaderValue, Bytes),
    ) -> Result<Bytes, SendError> {
        let mut request = Request::post(self.uri.clone())
            .body(Full::new(message))
            .map_err(|why| SendError::lasting(&why.to_string()))?;
        *request.headers_mut() = headers;
        let own = request.headers_mut();
        own.insert(CONTENT_TYPE, kind.clone());
        own.insert(USER_AGENT, HeaderValue::from_static("hopgate"));
        let answer = client
            .request(request)
            .await
            .map_err(|error| transport_fault(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(http_fault(status));
        }
        let body = Limited::new(answer.into_body(), ANSWER_MOST)
            .collect()
            .await;
        let body = body.map_err(|_| SendError::passing("the answer broke off"))?;
        Ok(body.to_bytes())
    }
}

// === impl Secret ===

impl Secret {
    fn read(&self) -> Result<HeaderValue, String> {
        let file = match self {
            Self::Value(value) => return Ok(value.clone()),
            Self::File(file) => file,
        };
        let text = std::fs::read_to_string(file)
            .map_err(|why| format!("a header's value: {}: {why}", file.display()))?;
        let mut value = HeaderValue::from_str(text.trim())
            .map_err(|_| format!("a header's value: {} holds no text", file.display()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value(…)"),
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
        }
    }
}

// === impl SendError ===

impl SendError {
    fn passing(why: &str) -> Self {
        Self {
            why: why.to_owned(),
            passing: true,
        }
    }

    fn lasting(why: &str) -> Self {
        Self {
            why: why.to_owned(),
            passing: false,
        }
    }
}

/// The codes that the OTLP specification lets a client repeat.
fn grpc_fault(status: &Status) -> SendError {
    if let Some(cause) = std::error::Error::source(status) {
        return transport_fault(cause);
    }
    let passing = matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    );
    SendError {
        why: format!("gRPC status {:?}", status.code()),
        passing,
    }
}

fn http_fault(status: StatusCode) -> SendError {
    SendError {
        why: format!("HTTP status {}", status.as_u16()),
        passing: matches!(status.as_u16(), 429 | 502 | 503 | 504),
    }
}

/// Why nothing came back.
fn transport_fault(error: &(dyn std::error::Error + 'static)) -> SendError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(known) = error.downcast_ref::<ConnectError>() {
            return SendError::passing(&UpstreamError::from(known).to_string());
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && egress::refuses_identity(error)
        {
            return SendError::passing(&egress::handshake_fault(error));
        }
        cause = error.source();
    }
    SendError::passing("the connection broke")
}
