//! Spans as a collector gets them where no backend is needed to see it: streams, resumptions, what is outside the
//! sample, and that whoever is not sampled is told so.

use opentelemetry_proto::tonic::trace::v1::Span;
use tests::collector::{Taken, attribute};
use tests::upstream::{lifecycle, plain, sse_head};
use tests::{Agent, Collector, Gateway, Received, Setup, Upstream, Wire};

pub(super) fn setup(upstream: &Upstream, collector: &Collector, more: &str) -> Setup {
    Setup::new(&upstream.url()).tail(&format!(
        "\n[telemetry]\notlp = {{ endpoint = \"{}\", protocol = \"grpc\" }}\n{more}\n",
        collector.url()
    ))
}

fn messages<'a>(taken: &'a Taken, method: &str) -> Vec<&'a Span> {
    let says =
        |span: &&Span| attribute(&span.attributes, "mcp.method.name").as_deref() == Some(method);
    taken.spans.iter().filter(says).collect()
}

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn one<'a>(taken: &'a Taken, method: &str, kind: i32) -> &'a Span {
    let mut found = messages(taken, method);
    found.retain(|span| span.kind == kind);
    assert_eq!(found.len(), 1, "{method} of kind {kind}: {found:?}");
    found[0]
}

/// A server that keeps GET streams open, and calls too, each after one event that can be resumed from.
async fn streaming() -> Upstream {
    Upstream::start(|received: Received, wire: Wire| async move {
        if let Some(answer) = lifecycle(&received) {
            return plain(wire, answer).await;
        }
        let mut wire = wire;
        sse_head(&mut wire, "").await.ok()?;
        wire.write("id: 7\ndata:\n\n").await.ok()?;
        std::future::pending::<()>().await;
        None
    })
    .await
}

#[tokio::test]
async fn a_stream_that_listens_is_seen_while_it_is_open() {
    let (upstream, collector) = (streaming().await, Collector::start().await);
    let gateway = Gateway::start(&setup(&upstream, &collector, "")).await;
    let agent = Agent::legacy(&gateway).await;
    let mut stream = agent.listen(None).await;
    assert!(stream.frame().await.is_some());
    let taken = collector
        .until("the span of the stream", |taken| {
            !messages(taken, "GET").is_empty()
        })
        .await;
    let span = one(&taken, "GET", SERVER);
    assert_eq!(
        attribute(&span.attributes, "hopgate.decision").as_deref(),
        Some("allow")
    );
    assert_eq!(span.status.as_ref().map_or(0, |status| status.code), 0);
    drop(stream);
}

#[tokio::test]
async fn what_is_resumed_is_linked_to_what_it_takes_up() {
    let (upstream, collector) = (streaming().await, Collector::start().await);
    let gateway = Gateway::start(&setup(&upstream, &collector, "")).await;
    let agent = Agent::legacy(&gateway).await;
    let mut call = agent.open_call("slow", "{}").await;
    assert!(call.frame().await.is_some());
    drop(call);
    let taken = collector
        .until("the spans of the call", |taken| {
            messages(taken, "tools/call").len() == 2
        })
        .await;
    let broken = one(&taken, "tools/call", CLIENT).clone();
    let mut stream = agent.listen(Some("7")).await;
    assert!(stream.frame().await.is_some());
    let taken = collector
        .until("the span of the stream", |taken| {
            !messages(taken, "GET").is_empty()
        })
        .await;
    let resumed = one(&taken, "GET", SERVER);
    let linked = resumed
        .links
        .iter()
        .any(|link| link.trace_id == broken.trace_id && link.span_id == broken.span_id);
    assert!(linked, "{:?}", resumed.links);
    drop(stream);
}

#[tokio::test]
async fn outside_the_sample_only_what_went_wrong_has_a_span() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let more = "sample = { ratio = 0.0, always = [\"deny\"] }\nmetrics = \"50ms\"";
    let rules = tests::setup::allow("some", "up/get_*");
    let gateway = Gateway::start(&setup(&upstream, &collector, more).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("get_one", "{}").await.said(), "ok");
    let got = upstream.with_method("tools/call");
    let parent = got[0].head.get("traceparent").unwrap();
    assert!(
        parent.ends_with("-02") || parent.ends_with("-00"),
        "{parent}"
    );
    assert!(!got[0].text().contains("traceparent"), "{}", got[0].text());
    assert_ne!(agent.call("hidden", "{}").await.status(), 500);
    let taken = collector
        .until("the refused call", |taken| !taken.spans.is_empty())
        .await;
    assert_eq!(taken.spans.len(), 1, "{:?}", taken.spans);
    let span = one(&taken, "tools/call", SERVER);
    assert_eq!(
        attribute(&span.attributes, "hopgate.refusal").as_deref(),
        Some("unknown")
    );
    // Both are counted, whoever is seen.
    let (_, text) = gateway.admin("/metrics", false).await;
    let counts = text.lines().filter(|line| {
        line.starts_with("mcp_server_operation_duration_seconds_count")
            && line.contains("mcp_method_name=\"tools/call\"")
    });
    let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert_eq!(counts.sum::<u64>(), 2, "{text}");
}
