//! A credential goes to the server it was minted for and nowhere else; traces and metrics name it and hold nothing of it.

use super::{SECRET, armed, fixed, folder, telling};
use tests::collector::attribute;
use tests::upstream::plain;
use tests::{Agent, Collector, Era, Gateway, Upstream};

#[tokio::test]
async fn no_redirect_takes_it_along() {
    let sink = telling().await;
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = sink.url();
        let upstream = Upstream::start(move |_, wire| {
            let headers = format!("Location: {elsewhere}\r\nRefresh: 0; url={elsewhere}\r\n");
            async move { plain(wire, (status, headers, "{}".to_owned())).await }
        })
        .await;
        let gateway = Gateway::start(&armed(&upstream.url(), &fixed(&folder(), ""))).await;
        let answer = Agent::modern(&gateway).call("note", "{}").await;
        assert_eq!(answer.status(), 502, "{status}: {}", answer.text());
        assert!(upstream.received()[0].head.get("authorization").is_some());
    }
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn every_request_of_a_session_carries_it() {
    let upstream = telling().await;
    let gateway = Gateway::start(&armed(&upstream.url(), &fixed(&folder(), ""))).await;
    let agent = Agent::of(Era::Legacy, &gateway).await;
    agent.call("note", "{}").await;
    agent.request("tools/list", "{}").await;
    agent.listen(None).await;
    agent.delete().await;
    let bearer = format!("Bearer {SECRET}");
    let received = upstream.received();
    for verb in ["POST", "GET", "DELETE"] {
        assert!(received.iter().any(|one| one.verb() == verb), "{verb}");
    }
    for one in received {
        assert_eq!(
            one.head.get("authorization"),
            Some(bearer.as_str()),
            "{}",
            one.head.line
        );
    }
}

#[tokio::test]
async fn a_trace_names_the_lease_and_nothing_of_it() {
    let (upstream, collector) = (telling().await, Collector::start().await);
    let telemetry = format!(
        "{}\n[telemetry]\notlp = {{ endpoint = \"{}\", protocol = \"http\" }}\nlogs = true\nmetrics = \"50ms\"\n",
        fixed(&folder(), ""),
        collector.url()
    );
    let gateway = Gateway::start(&armed(&upstream.url(), &telemetry)).await;
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.said(),
        "done"
    );
    let taken = collector
        .until("the span of the lease", |taken| {
            taken.spans.iter().any(|span| span.name == "lease")
        })
        .await;
    let span = taken
        .spans
        .iter()
        .find(|span| span.name == "lease")
        .unwrap();
    let said = |key: &str| attribute(&span.attributes, key).unwrap_or_default();
    assert_eq!(said("hopgate.credential"), "own");
    let intent = super::leases(&gateway).remove(0).1;
    assert_eq!(said("hopgate.lease"), intent["lease"].as_str().unwrap());
    assert!(!format!("{:?}", collector.taken()).contains(SECRET));
    let (_, metrics) = gateway.admin("/metrics", false).await;
    assert!(metrics.contains("hopgate_leases_minted_total 1") && !metrics.contains(SECRET));
}

#[tokio::test]
async fn a_server_without_one_has_no_such_span() {
    let (upstream, collector) = (telling().await, Collector::start().await);
    let telemetry = format!(
        "\n[telemetry]\notlp = {{ endpoint = \"{}\", protocol = \"http\" }}\n",
        collector.url()
    );
    let gateway = Gateway::start(&tests::Setup::new(&upstream.url()).tail(&telemetry)).await;
    Agent::modern(&gateway).call("note", "{}").await;
    let admitted = |name: &str, spans: &[_]| {
        spans
            .iter()
            .any(|span: &opentelemetry_proto::tonic::trace::v1::Span| span.name == name)
    };
    let taken = collector
        .until("its spans", |taken| admitted("admit", &taken.spans))
        .await;
    assert!(!admitted("lease", &taken.spans));
}

#[tokio::test]
async fn memory_is_not_written_to_disk() {
    let upstream = telling().await;
    let gateway = Gateway::start(&armed(&upstream.url(), &fixed(&folder(), ""))).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{line}");
}
