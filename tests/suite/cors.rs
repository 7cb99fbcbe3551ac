//! Browsers: shut out by default on every path, let in from exactly the configured origins, Host always checked.

use tests::{Agent, Gateway, Setup, Upstream, Whole};

const ORIGIN: &str = "https://app.example";

async fn gateway(origins: &str) -> (Gateway, Upstream) {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url()).gateway(&format!("origins = [{origins}]"));
    (Gateway::start(&setup).await, upstream)
}

async fn post(gateway: &Gateway, headers: &str) -> Whole {
    let agent = Agent::modern(gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    agent.post_with(&message, headers).await
}

async fn preflight(gateway: &Gateway, origin: &str) -> Whole {
    let head = format!(
        "OPTIONS /servers/up/mcp HTTP/1.1\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: content-type, mcp-method, mcp-session-id\r\n"
    );
    Agent::modern(gateway).send(&head, b"").await.whole().await
}

#[tokio::test]
async fn without_origins_no_page_gets_in() {
    let (gateway, upstream) = gateway("").await;
    for origin in [
        "https://evil.example",
        "null",
        "http://127.0.0.1:9",
        "http://localhost",
        "",
    ] {
        assert_eq!(
            post(&gateway, &format!("Origin: {origin}\r\n"))
                .await
                .status(),
            403,
            "{origin}"
        );
    }
    let answer = preflight(&gateway, ORIGIN).await;
    assert!(matches!(answer.status(), 403 | 405), "{answer:?}");
    let head = "OPTIONS /servers/up/mcp HTTP/1.1\r\n";
    let answer = Agent::modern(&gateway).send(head, b"").await.whole().await;
    assert_eq!(answer.status(), 405);
    assert!(
        answer
            .head
            .get("allow")
            .is_some_and(|list| list.contains("POST")),
        "{answer:?}"
    );
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_configured_origin_gets_in_and_no_other() {
    let (gateway, _upstream) = gateway("\"https://app.example\", \"http://localhost:8080\"").await;
    for origin in [ORIGIN, "http://localhost:8080"] {
        let answer = post(&gateway, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(answer.said(), "ok");
        assert_eq!(answer.head.get("access-control-allow-origin"), Some(origin));
        let exposed = answer
            .head
            .get("access-control-expose-headers")
            .unwrap()
            .to_ascii_lowercase();
        for name in [
            "mcp-session-id",
            "mcp-protocol-version",
            "www-authenticate",
            "retry-after",
            "hopgate-call",
        ] {
            assert!(exposed.contains(name), "{name}: {exposed}");
        }
        assert!(
            answer
                .head
                .get("vary")
                .is_some_and(|vary| vary.to_ascii_lowercase().contains("origin"))
        );
    }
    for origin in [
        "https://app.example.evil",
        "https://app.example:444",
        "http://app.example",
        "null",
        "https://APP.example/x",
        "*",
    ] {
        let answer = post(&gateway, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(answer.status(), 403, "{origin}");
        assert_eq!(
            answer.head.get("access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
    // A caller that is no browser names no origin.
    assert_eq!(post(&gateway, "").await.said(), "ok");
}

#[tokio::test]
async fn a_preflight_is_204() {
    let (gateway, upstream) = gateway("\"https://app.example\"").await;
    let answer = preflight(&gateway, ORIGIN).await;
    assert_eq!((answer.status(), answer.body.len()), (204, 0));
    assert_eq!(answer.head.get("access-control-allow-origin"), Some(ORIGIN));
    let methods = answer.head.get("access-control-allow-methods").unwrap();
    assert!(
        ["POST", "GET", "DELETE"]
            .iter()
            .all(|one| methods.contains(one)),
        "{methods}"
    );
    let headers = answer
        .head
        .get("access-control-allow-headers")
        .unwrap()
        .to_ascii_lowercase();
    for name in [
        "content-type",
        "mcp-session-id",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "last-event-id",
        "authorization",
    ] {
        assert!(headers.contains(name), "{name}: {headers}");
    }
    assert!(!format!("{answer:?}").contains("\"*\""));
    assert_eq!(
        preflight(&gateway, "https://evil.example").await.status(),
        403
    );
    assert!(upstream.received().is_empty());
}

/// A name that resolves to this machine is not this machine's name (DNS rebinding).
#[tokio::test]
async fn the_host_is_checked() {
    let (gateway, upstream) = gateway("").await;
    let mut agent = Agent::modern(&gateway);
    let port = gateway.place.port;
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "169.254.169.254",
        "",
        "127.0.0.1@evil.example",
    ] {
        host.clone_into(&mut agent.host);
        let status = agent.call("echo", "{}").await.status();
        assert!(matches!(status, 400 | 403 | 421), "{host}: {status}");
    }
    assert!(upstream.received().is_empty());
    for host in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("LOCALHOST:{port}"),
    ] {
        agent.host = host;
        assert_eq!(
            agent.call("echo", "{}").await.said(),
            "ok",
            "{}",
            agent.host
        );
    }
}
