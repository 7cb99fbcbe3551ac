//! Both eras side by side: a server gets only what it speaks, an unbridgeable pair gets the specification's own error.

use tests::upstream::{lifecycle, plain};
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, json};

/// Speaks `initialize` only; knows nothing of discovery.
async fn legacy_only() -> Upstream {
    Upstream::start(|received: Received, wire| {
        let modern = received
            .raw(&["params", "_meta", "io.modelcontextprotocol/protocolVersion"])
            .is_some();
        let answer = match received.method().as_str() {
            _ if modern => (
                400,
                String::new(),
                json::error(&received.id(), -32000, "Bad Request: no session"),
            ),
            _ => lifecycle(&received).unwrap_or_else(|| {
                (
                    200,
                    String::new(),
                    json::result(&received.id(), &json::said("old")),
                )
            }),
        };
        plain(wire, answer)
    })
    .await
}

/// Speaks 2026-07-28 only.
async fn modern_only() -> Upstream {
    Upstream::start(|received: Received, wire| {
        let answer = match received.method().as_str() {
            "initialize" => {
                let error = r#"{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"],"requested":"2025-11-25"}}"#;
                (400, String::new(), format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, received.id()))
            }
            _ => lifecycle(&received)
                .unwrap_or_else(|| (200, String::new(), json::result(&received.id(), &json::said("new")))),
        };
        plain(wire, answer)
    })
    .await
}

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}"#;

#[tokio::test]
async fn a_pair_of_one_era_works_whatever_the_pin() {
    let (old, new) = (legacy_only().await, modern_only().await);
    for (upstream, era, pins, said) in [
        (&old, Era::Legacy, ["auto", "legacy"], "old"),
        (&new, Era::Modern, ["auto", "modern"], "new"),
    ] {
        for pin in pins {
            let keys = format!("protocol = \"{pin}\"");
            let setup = Setup::empty().server_with("up", &upstream.url(), &keys);
            let gateway = Gateway::start(&setup).await;
            let agent = Agent::of(era, &gateway).await;
            assert_eq!(agent.call("echo", "{}").await.said(), said, "{pin}");
        }
    }
}

/// A modern client of a legacy server: an error a modern client recognises, so that it may fall back by itself or say why.
#[tokio::test]
async fn a_modern_client_of_a_legacy_server() {
    let upstream = legacy_only().await;
    for pin in ["auto", "legacy"] {
        let setup =
            Setup::empty().server_with("up", &upstream.url(), &format!("protocol = \"{pin}\""));
        let gateway = Gateway::start(&setup).await;
        let answer = Agent::modern(&gateway).call("echo", "{}").await;
        assert_eq!(answer.status(), 400, "{pin}: {answer:?}");
        assert!(answer.code().is_some(), "{pin}: {answer:?}");
    }
}

/// A legacy client of a modern server: told which versions there are.
#[tokio::test]
async fn a_legacy_client_of_a_modern_server() {
    let upstream = modern_only().await;
    for pin in ["auto", "modern"] {
        let setup =
            Setup::empty().server_with("up", &upstream.url(), &format!("protocol = \"{pin}\""));
        let gateway = Gateway::start(&setup).await;
        let agent = Agent::new(gateway.address(), "/servers/up/mcp", Era::Legacy);
        let answer = agent.request("initialize", INITIALIZE).await;
        assert_eq!(
            (answer.status(), answer.code()),
            (400, Some(-32022)),
            "{pin}: {answer:?}"
        );
        assert!(answer.text().contains("2026-07-28"), "{answer:?}");
        assert_eq!(answer.head.get("mcp-session-id"), None);
    }
}

#[tokio::test]
async fn a_version_nobody_knows() {
    let upstream = modern_only().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let mut agent = Agent::modern(&gateway);
    "2031-01-01".clone_into(&mut agent.revision);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let message = message.replace("2026-07-28", "2031-01-01");
    let answer = agent.post(&message).await;
    assert_eq!(
        (answer.status(), answer.code()),
        (400, Some(-32022)),
        "{answer:?}"
    );
    assert!(answer.text().contains("2026-07-28"), "{answer:?}");
    assert!(upstream.with_method("tools/call").is_empty());
}

/// Without its version in the body a request is not the modern one its headers claim; nothing is forwarded.
#[tokio::test]
async fn a_modern_request_without_its_version() {
    let upstream = modern_only().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let metas = [
        r#"{"io.modelcontextprotocol/clientCapabilities":{}}"#,
        r#"{"io.modelcontextprotocol/protocolVersion":5,"io.modelcontextprotocol/clientCapabilities":{}}"#,
        "{}",
    ];
    for meta in metas {
        let params = format!(r#"{{"name":"echo","_meta":{meta}}}"#);
        let answer = agent.request("tools/call", &params).await;
        assert_eq!(answer.status(), 400, "{meta}: {answer:?}");
        assert!(
            matches!(answer.code(), Some(-32602 | -32020)),
            "{meta}: {answer:?}"
        );
    }
    assert!(upstream.with_method("tools/call").is_empty());
}

/// A modern endpoint has no GET and no DELETE.
#[tokio::test]
async fn get_and_delete_without_a_session() {
    let upstream = modern_only().await;
    let setup = Setup::empty().server_with("up", &upstream.url(), "protocol = \"modern\"");
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    assert!(matches!(agent.listen(None).await.status(), 400 | 405));
    assert!(matches!(agent.delete().await.status(), 400 | 405));
    assert!(upstream.with_verb("GET").is_empty() && upstream.with_verb("DELETE").is_empty());
}
