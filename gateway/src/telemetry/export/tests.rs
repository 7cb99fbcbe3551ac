//! Spans on their way: what arrives, what is lost and why, and that nobody waits for a collector.

use super::*;
use crate::config::Target;
use crate::telemetry::metrics::Lost;
use crate::telemetry::trace::{Span, TraceContext};
use adapters::collector::{Protocol, Settings};
use opentelemetry::trace::SpanKind;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// One answer for every message, or none ever.
type Answer = Option<Vec<u8>>;

/// A collector over HTTP that hands on what it is sent.
async fn collector(answer: Answer) -> (url::Url, UnboundedReceiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (hand, handed) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (hand, answer) = (hand.clone(), answer.clone());
            tokio::spawn(async move {
                let mut read = Vec::new();
                loop {
                    let Some(body) = body(&read) else {
                        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                            return;
                        }
                        continue;
                    };
                    let message = ExportTraceServiceRequest::decode(body).unwrap();
                    let _ = hand.send(message);
                    read.clear();
                    let Some(answer) = &answer else {
                        return std::future::pending().await;
                    };
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                        answer.len()
                    );
                    let whole = [head.as_bytes(), answer].concat();
                    stream.write_all(&whole).await.unwrap();
                }
            });
        }
    });
    (url.parse().unwrap(), handed)
}

/// The body, when all of it is there.
fn body(read: &[u8]) -> Option<&[u8]> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&read[..end]).unwrap().to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?;
    let length: usize = length.parse().unwrap();
    (read.len() >= end + length).then(|| &read[end..end + length])
}

fn tracer(url: url::Url, metrics: &Arc<Metrics>) -> Tracer {
    let timeout = Duration::from_secs(5);
    let target = Target {
        url: url.clone(),
        protocol: Protocol::Http,
        headers: Vec::new(),
        ca: Vec::new(),
        client_cert: None,
        allow_private: Vec::new(),
        timeout,
    };
    let made = Collector::new(&Settings {
        url,
        protocol: Protocol::Http,
        headers: Vec::new(),
        roots: Vec::new(),
        identity: None,
        allow_private: Vec::new(),
        timeout,
    });
    let collectors = Collectors {
        traces: Some(made.unwrap()),
        ..Collectors::default()
    };
    let settings = Telemetry {
        traces: Some(target),
        ..Telemetry::default()
    };
    Tracer::start(&settings, collectors, metrics, Outlets::default()).unwrap()
}

fn span(name: &'static str, at: &TraceContext) -> SpanData {
    let now = SystemTime::now();
    Span::new(SpanKind::Server, name.into(), at, now).ended(now)
}

#[tokio::test]
async fn spans_arrive_as_they_were_made() {
    let (url, mut handed) = collector(Some(Vec::new())).await;
    let metrics = Arc::<Metrics>::default();
    let tracer = tracer(url, &metrics);
    let at = TraceContext::root(
        tracer
            .sampler
            .decide(TraceContext::root(false).trace_id, None),
    );
    assert!(tracer.is_on() && at.sampled);
    tracer.export(span("one", &at));
    tracer.export(span("two", &at.child()));
    assert!(tracer.flush(Duration::from_secs(20)).await);
    let message = handed.recv().await.unwrap();
    let group = &message.resource_spans[0];
    let service = &group.resource.as_ref().unwrap().attributes;
    assert!(service.iter().any(|one| one.key == "service.name"));
    let spans = &group.scope_spans[0].spans;
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
    assert!(
        spans
            .iter()
            .all(|span| span.trace_id == at.trace_id.to_bytes())
    );
    assert_eq!(spans[0].span_id, at.span_id.to_bytes());
    assert_eq!(
        (
            metrics.exported.spans.total(),
            metrics.exported.spans_lost.total(Lost::Failed)
        ),
        (2, 0)
    );
}

#[tokio::test]
async fn what_a_collector_rejects_is_lost() {
    let part = ExportTracePartialSuccess {
        rejected_spans: 1,
        error_message: "no room".to_owned(),
    };
    let answer = ExportTraceServiceResponse {
        partial_success: Some(part),
    };
    let (url, _handed) = collector(Some(answer.encode_to_vec())).await;
    let metrics = Arc::<Metrics>::default();
    let tracer = tracer(url, &metrics);
    for _ in 0..3 {
        tracer.export(span("one", &TraceContext::root(true)));
    }
    assert!(tracer.flush(Duration::from_secs(20)).await);
    assert_eq!(metrics.exported.spans.total(), 2);
    assert_eq!(metrics.exported.spans_lost.total(Lost::Rejected), 1);
}

/// A collector that hangs: spans go into a queue that stays as it is, and the end is not held up.
#[tokio::test]
async fn a_hanging_collector_holds_up_nobody() {
    let (url, mut handed) = collector(None).await;
    let metrics = Arc::<Metrics>::default();
    let tracer = tracer(url, &metrics);
    tracer.export(span("first", &TraceContext::root(true)));
    handed.recv().await.unwrap();
    for _ in 0..20_000 {
        tracer.export(span("more", &TraceContext::root(true)));
    }
    let queue = tracer.spans.as_ref().unwrap();
    assert_eq!(queue.refused(), 20_000 - 8_192);
    assert!(!tracer.flush(Duration::from_millis(20)).await);
}

/// Without a collector a tap alone sees every span.
#[tokio::test]
async fn a_tap_sees_every_span() {
    let (tap, mut tapped) = unbounded_channel();
    let outlets = Outlets {
        spans: Some(tap),
        lines: None,
    };
    let metrics = Arc::<Metrics>::default();
    let tracer = Tracer::start(
        &Telemetry::default(),
        Collectors::default(),
        &metrics,
        outlets,
    );
    let tracer = tracer.unwrap();
    let at = TraceContext::root(true);
    assert!(tracer.is_on() && tracer.sampler.decide(at.trace_id, None));
    tracer.export(span("one", &at));
    assert_eq!(tapped.try_recv().unwrap().name, "one");
    assert!(tracer.flush(Duration::from_secs(20)).await);
    let off = Tracer::off();
    off.export(span("two", &at));
    assert!(!off.is_on() && !off.sampler.decide(at.trace_id, None));
}
