//! Where context and spans go when callers ask for something unusual: keys in any order, floods, the gateway's own doors.

use super::traces::setup;
use tests::collector::attribute;
use tests::{Agent, Collector, Gateway, Upstream};

/// Baggage that is dropped stands where the new keys go.
#[tokio::test]
async fn a_key_that_goes_does_not_take_the_context_with_it() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let gateway = Gateway::start(&setup(&upstream, &collector, "")).await;
    let agent = Agent::legacy(&gateway).await;
    for meta in [
        r#"{"baggage":"user=eve","left":1}"#,
        r#"{"left":1,"baggage":"user=eve"}"#,
        r#"{"baggage":"user=eve"}"#,
        r#"{ "baggage" : "user=eve" , "tracestate" : "a=1" , "left" : 1 }"#,
        r#"{"b\u0061ggage":"user=eve","left":1}"#,
        r#"{}"#,
    ] {
        upstream.forget();
        let params = format!(r#"{{"name":"echo","arguments":{{}},"_meta":{meta}}}"#);
        assert_eq!(agent.request("tools/call", &params).await.said(), "ok");
        let got = upstream.with_method("tools/call");
        let body: serde_json::Value = serde_json::from_str(&got[0].text()).expect("JSON");
        let header = got[0].head.get("traceparent").expect("traceparent");
        let sent = &body["params"]["_meta"];
        assert_eq!(sent["traceparent"], header, "{meta}: {sent}");
        assert!(sent["baggage"].is_null(), "{meta}: {sent}");
        assert_eq!(sent["left"].is_null(), !meta.contains("left"), "{sent}");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_no_flood_of_spans() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let setup = setup(&upstream, &collector, "").audit("");
    let gateway = Gateway::start(&setup).await;
    let stranger = Agent::modern(&gateway).bearer("no token at all");
    for _ in 0..200 {
        stranger.call("echo", "{}").await;
    }
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.said(),
        "ok"
    );
    let ending = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        attribute(&span.attributes, "hopgate.ending")
    };
    let taken = collector
        .until("the span of the call", |taken| {
            let mut endings = taken.spans.iter().filter_map(ending);
            endings.any(|ending| ending == "answered")
        })
        .await;
    let refused = taken
        .spans
        .iter()
        .filter(|span| ending(span).as_deref() == Some("refused"));
    let refused = refused.count();
    let records = tests::Records::read(&gateway.place);
    let alone = records.kind("calls", "outcome").into_iter();
    let alone = alone.filter(|one| one["ending"] == "refused").count();
    assert_eq!(refused, alone, "one span for each record of its own");
    assert!(refused < 200, "{refused}");
}

/// A refused visit to `/tasks` is seen, under its own verb.
#[tokio::test]
async fn a_door_is_named_by_its_verb() {
    let (upstream, collector) = (Upstream::saying("ok").await, Collector::start().await);
    let variable = ("OTEL_TRACES_SAMPLER", "always_on");
    let setup = setup(&upstream, &collector, "").variable(variable.0, variable.1);
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let head = "GET /tasks HTTP/1.1\r\n";
    assert_eq!(agent.send(head, b"").await.whole().await.status(), 200);
    let verb = "http.request.method";
    let taken = collector
        .until("the span of the visit", |taken| {
            let mut verbs = taken.spans.iter();
            verbs.any(|span| attribute(&span.attributes, verb).is_some())
        })
        .await;
    let http = taken.spans.iter();
    let http = http.filter(|span| attribute(&span.attributes, verb).is_some());
    let names: Vec<_> = http.map(|span| &*span.name).collect();
    assert_eq!(names, ["GET /tasks"]);
}
