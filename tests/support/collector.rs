//! A telemetry collector: takes OTLP over gRPC and over HTTP on one port, keeps what it is sent, and misbehaves on demand.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A collector on this machine.
#[derive(Debug)]
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _running: JoinSet<()>,
}

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It takes everything.
    Willing,
    /// It answers nothing, ever.
    Hanging,
    /// It refuses: an HTTP status, or a gRPC code.
    Refusing(u16, u8),
}

/// What it was sent.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Spans, in the order they came.
    pub spans: Vec<Span>,
    /// The metrics of the newest message.
    pub metrics: Vec<Metric>,
    /// Log lines, in the order they came.
    pub logs: Vec<LogRecord>,
    /// Who sent the newest message.
    pub resource: Vec<KeyValue>,
    /// The path and headers of each message, refused ones too.
    pub heads: Vec<(String, HeaderMap)>,
}

#[derive(Debug)]
struct Shared {
    mood: Mutex<Mood>,
    taken: Mutex<Taken>,
}

type Body = BoxBody<Bytes, Infallible>;

// === impl Collector ===

impl Collector {
    /// Listens on a free port.
    pub async fn start() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Listens on a free port, and speaks TLS.
    pub async fn secure(config: rustls::ServerConfig) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), Some(acceptor)).await
    }

    /// Listens here.
    pub async fn at(address: SocketAddr) -> Self {
        Self::listen(address, None).await
    }

    async fn listen(address: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.expect("bind");
        let address = listener.local_addr().expect("address");
        let shared = Arc::new(Shared {
            mood: Mutex::new(Mood::Willing),
            taken: Mutex::default(),
        });
        let mut running = JoinSet::new();
        let own = Arc::clone(&shared);
        running.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (own, tls) = (Arc::clone(&own), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => serve(stream, own).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, own).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            shared,
            _running: running,
        }
    }

    /// What a configuration calls it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Behaves so from now on.
    pub fn feel(&self, mood: Mood) {
        *self.shared.mood.lock().expect("mood") = mood;
    }

    /// What it was sent so far.
    pub fn taken(&self) -> Taken {
        self.shared.taken().clone()
    }

    /// Waits until what it was sent is as it should be.
    pub async fn until(&self, what: &str, check: impl Fn(&Taken) -> bool) -> Taken {
        crate::eventually(what, || check(&self.shared.taken())).await;
        self.taken()
    }
}

// === impl Taken ===

impl Taken {
    /// The text of every log line.
    pub fn lines(&self) -> Vec<String> {
        let body = |line: &LogRecord| text(line.body.as_ref()?.value.as_ref());
        self.logs.iter().filter_map(body).collect()
    }

    /// What the sender says of itself.
    pub fn says(&self, key: &str) -> Option<String> {
        attribute(&self.resource, key)
    }

    /// The metric of this name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }
}

/// The attribute of this name, as text.
pub fn attribute(all: &[KeyValue], key: &str) -> Option<String> {
    let found = all.iter().find(|one| one.key == key)?;
    text(found.value.as_ref()?.value.as_ref())
}

fn text(value: Option<&Value>) -> Option<String> {
    Some(match value? {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(yes) => yes.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

// === impl Shared ===

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("taken")
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let (head, body) = request.into_parts();
        let grpc =
            head.headers.get("content-type") == Some(&HeaderValue::from_static("application/grpc"));
        let body = body.collect().await.map(|body| body.to_bytes());
        let Ok(body) = body else {
            return Response::new(Full::default().boxed());
        };
        self.taken().heads.push((path.clone(), head.headers));
        let mood = *self.mood.lock().expect("mood");
        match mood {
            Mood::Willing => {}
            Mood::Hanging => std::future::pending().await,
            Mood::Refusing(_, code) if grpc => return grpc_answer(code),
            Mood::Refusing(status, _) => {
                let mut answer = Response::new(Full::from("it echoes what it was sent").boxed());
                *answer.status_mut() = StatusCode::from_u16(status).expect("status");
                return answer;
            }
        }
        // A gRPC message has five bytes of framing before it.
        let message = if grpc { body.slice(5..) } else { body };
        self.keep(&path, message);
        if grpc {
            grpc_answer(0)
        } else {
            let mut answer = Response::new(Full::default().boxed());
            let kind = HeaderValue::from_static("application/x-protobuf");
            answer.headers_mut().insert("content-type", kind);
            answer
        }
    }

    fn keep(&self, path: &str, message: Bytes) {
        let mut taken = self.taken();
        match path {
            "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
                let read = ExportTraceServiceRequest::decode(message).expect("spans");
                for group in read.resource_spans {
                    taken.resource = group.resource.unwrap_or_default().attributes;
                    let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
                    taken.spans.extend(spans);
                }
            }
            "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
                let read = ExportMetricsServiceRequest::decode(message).expect("metrics");
                for group in read.resource_metrics {
                    taken.resource = group.resource.unwrap_or_default().attributes;
                    let scopes = group.scope_metrics.into_iter();
                    taken.metrics = scopes.flat_map(|scope| scope.metrics).collect();
                }
            }
            "/v1/logs" | "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => {
                let read = ExportLogsServiceRequest::decode(message).expect("logs");
                for group in read.resource_logs {
                    taken.resource = group.resource.unwrap_or_default().attributes;
                    let scopes = group.scope_logs.into_iter();
                    taken
                        .logs
                        .extend(scopes.flat_map(|scope| scope.log_records));
                }
            }
            other => panic!("no such path: {other}"),
        }
    }
}

/// An empty message, or none, and how it went.
fn grpc_answer(code: u8) -> Response<Body> {
    let mut frame = BytesMut::new();
    if code == 0 {
        frame.put_bytes(0, 5);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    trailers.insert(
        "grpc-message",
        HeaderValue::from_static("it echoes what it was sent"),
    );
    let body = Full::new(frame.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    let mut answer = Response::new(body.boxed());
    let kind = HeaderValue::from_static("application/grpc");
    answer.headers_mut().insert("content-type", kind);
    answer
}

async fn serve<T>(stream: T, shared: Arc<Shared>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    let connection = Builder::new(TokioExecutor::new());
    // A gateway that ends breaks its connections off.
    drop(
        connection
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}
