//! What is on record when: the intent before the server sees a byte (I1), the outcome before the caller sees an answer
//! (I2).

use super::books::close;
use super::{Window, id};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, eventually, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What a server does when it may.
const GO: &str = "it may go on";

/// Whether what reached a server was on record by then.
fn intended(window: &Window, received: &Received) -> bool {
    let (method, nonce) = (
        received.method(),
        received.raw(&["params", "arguments", "nonce"]),
    );
    let method = if method.is_empty() {
        received.verb().to_owned()
    } else {
        method
    };
    let mut words = vec![
        "\"kind\":\"intent\"".to_owned(),
        format!("\"method\":\"{method}\""),
    ];
    words.extend(nonce.map(|nonce| format!("\"nonce\":{nonce}")));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    window.shows(&words)
}

/// A server that looks into the records when something comes; counts what was not there.
async fn witness() -> (Upstream, Window, Arc<AtomicUsize>) {
    let (window, missing) = (Window::default(), Arc::new(AtomicUsize::new(0)));
    let (seen, count) = (window.clone(), Arc::clone(&missing));
    let upstream = Upstream::start(move |received, mut wire| {
        if !intended(&seen, &received) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        async move {
            if let Some(answer) = tests::upstream::lifecycle(&received) {
                return plain(wire, answer).await;
            }
            if received.verb() == "GET" {
                sse_head(&mut wire, "").await.ok()?;
                wire.write("id: 1\ndata:\n\n").await.ok()?;
                return None;
            }
            let said = match received.verb() {
                "POST" => json::result(&received.id(), &json::said("ok")),
                _ => String::new(),
            };
            plain(wire, (200, "", said)).await
        }
    })
    .await;
    (upstream, window, missing)
}

#[tokio::test]
async fn a_server_finds_the_intent_of_what_it_gets() {
    for durability in ["process", "power"] {
        let (upstream, window, missing) = witness().await;
        let setup = Setup::new(&upstream.url()).audit(&format!(
            "durability = \"{durability}\"\narguments = \"full\""
        ));
        let mut gateway = Gateway::start(&setup).await;
        window.open(&gateway);
        let modern = Arc::new(Agent::modern(&gateway));
        let legacy = Arc::new(Agent::legacy(&gateway).await);
        let mut calls = JoinSet::new();
        for nonce in 0..40 {
            let agent = Arc::clone(if nonce % 2 == 0 { &modern } else { &legacy });
            let arguments = format!("{{\"nonce\":\"n-{nonce}-n\"}}");
            calls.spawn(async move { agent.call("echo", &arguments).await.said() });
        }
        for said in calls.join_all().await {
            assert_eq!(said, "ok");
        }
        assert_eq!(modern.request("tools/list", "{}").await.status(), 200);
        let note = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
        assert_eq!(legacy.post(note).await.status(), 202);
        legacy.listen(None).await.whole().await;
        legacy.delete().await;
        assert_eq!(upstream.with_verb("GET").len(), 1);
        assert_eq!(upstream.with_verb("DELETE").len(), 1);
        assert!(
            upstream.received().len() >= 46,
            "{}",
            upstream.received().len()
        );
        assert_eq!(
            missing.load(Ordering::Relaxed),
            0,
            "reached the server before its intent was on record"
        );
        close(&mut gateway).await;
    }
}

#[tokio::test]
async fn a_caller_that_sees_a_plain_answer_finds_its_outcome() {
    let upstream = Upstream::saying("ok").await;
    let rules =
        tests::setup::allow("all but one", "up/**") + &tests::setup::deny("no", "up/secret", "no");
    let mut gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let window = Window::default();
    window.open(&gateway);
    let modern = Agent::modern(&gateway);
    let legacy = Agent::legacy(&gateway).await;
    for agent in [&modern, &legacy] {
        for _ in 0..20 {
            let answer = agent.open_call("echo", "{}").await;
            assert!(window.has("outcome", &id(&answer.head)), "{answer:?}");
            assert!(!window.has("opened", &id(&answer.head)), "{answer:?}");
        }
        // A refusal, a list, an error of the protocol: whatever the answer is.
        for (method, params) in [
            ("tools/call", r#"{"name":"secret","arguments":{}}"#),
            ("tools/list", "{}"),
            ("no/such", "{}"),
        ] {
            let answer = agent.open(method, params).await;
            assert!(
                window.has("outcome", &id(&answer.head)),
                "{method} {answer:?}"
            );
        }
    }
    let broken = modern.send(&modern.head_for("{}"), b"{").await;
    assert!(window.has("outcome", &id(&broken.head)), "{broken:?}");
    close(&mut gateway).await;
}

/// A server whose stream goes on only when it is told to.
async fn stepwise() -> (Upstream, Arc<Notify>) {
    let told = Arc::new(Notify::new());
    let go = Arc::clone(&told);
    let upstream = Upstream::mcp(move |received, mut wire| {
        let go = Arc::clone(&go);
        async move {
            sse_head(&mut wire, "").await.ok()?;
            go.notified().await;
            let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
            wire.write(format!("data: {note}\n\n")).await.ok()?;
            if received.verb() == "GET" {
                go.notified().await;
                return None;
            }
            go.notified().await;
            let result = json::result(&received.id(), &json::said(GO));
            wire.write(format!("data: {result}\n\n")).await.ok()?;
            None
        }
    })
    .await;
    (upstream, told)
}

#[tokio::test]
async fn a_stream_is_on_record_when_it_opens_and_before_its_last_event() {
    for era in [Era::Modern, Era::Legacy] {
        let (upstream, go) = stepwise().await;
        let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
        let window = Window::default();
        window.open(&gateway);
        let agent = Agent::of(era, &gateway).await;
        let mut answer = agent.open_call("slow", "{}").await;
        let call = id(&answer.head);
        assert!(window.has("opened", &call), "before its first event");
        go.notify_one();
        assert_eq!(answer.message().await["method"], "notifications/message");
        // Progress does not wait for the outcome, which cannot be known yet.
        assert!(!window.has("outcome", &call));
        go.notify_one();
        let last = answer.message().await;
        assert!(window.has("outcome", &call), "{era:?} {last}");
        assert!(answer.event().await.is_none());
        let records = close(&mut gateway).await;
        let outcome = records.outcome(&call);
        assert_eq!(outcome["ending"], "answered");
        assert!(
            outcome["bytes_out"]
                .as_u64()
                .is_some_and(|bytes| bytes > 100),
            "{outcome}"
        );
    }
}

#[tokio::test]
async fn a_listening_stream_is_on_record_at_both_ends() {
    let (upstream, go) = stepwise().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let window = Window::default();
    window.open(&gateway);
    let agent = Agent::legacy(&gateway).await;
    let mut calls = Vec::new();
    // One that its server ends, one that its caller leaves.
    for leaves in [false, true] {
        let mut answer = agent.listen(None).await;
        let call = id(&answer.head);
        assert!(window.has("opened", &call));
        go.notify_one();
        answer.message().await;
        assert!(!window.has("outcome", &call));
        if leaves {
            drop(answer);
        } else {
            go.notify_one();
            assert!(answer.event().await.is_none());
        }
        eventually("its end is on record", || window.has("outcome", &call)).await;
        calls.push(call);
    }
    let records = close(&mut gateway).await;
    for call in &calls {
        let outcome = records.outcome(call);
        assert_eq!(outcome["ending"], "answered", "{outcome}");
        assert!(
            outcome["bytes_out"]
                .as_u64()
                .is_some_and(|bytes| bytes > 80),
            "{outcome}"
        );
    }
}

#[tokio::test]
async fn a_large_answer_ends_after_its_outcome() {
    const SIZE: usize = 3 << 20;
    let upstream = Upstream::mcp(|received, wire| {
        let said = json::result(&received.id(), &json::said(&"x".repeat(SIZE)));
        plain(wire, (200, "", said))
    })
    .await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let window = Window::default();
    window.open(&gateway);
    let mut answer = Agent::modern(&gateway).open_call("echo", "{}").await;
    let call = id(&answer.head);
    assert!(window.has("opened", &call));
    let mut bytes = 0;
    while let Some(piece) = answer.piece().await.expect("whole") {
        bytes += piece.len();
    }
    assert!(window.has("outcome", &call));
    let records = close(&mut gateway).await;
    let outcome = records.outcome(&call);
    assert_eq!(outcome["bytes_out"], bytes, "{outcome}");
    assert_eq!(outcome["ending"], "answered");
}
