//! Header hygiene: both ways only what is on a list, whatever the other side sends.

use tests::upstream::plain;
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, json};

/// What may reach a server.
const UPWARDS: &[&str] = &[
    "host",
    "connection",
    "content-type",
    "content-length",
    "transfer-encoding",
    "accept",
    "accept-encoding",
    "user-agent",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-method",
    "mcp-name",
    "mcp-param-unknown",
    "last-event-id",
    "traceparent",
    "tracestate",
    "baggage",
];

/// What may reach a client.
const DOWNWARDS: &[&str] = &[
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "date",
    "cache-control",
    "x-accel-buffering",
    "mcp-session-id",
    "mcp-protocol-version",
    "retry-after",
    "hopgate-call",
    "vary",
];

fn names(received: &Received) -> Vec<String> {
    received
        .head
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect()
}

#[tokio::test]
async fn only_listed_headers_reach_the_server() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let noise = "Cookie: session=1\r\nX-User: admin\r\nX-Remote-User: admin\r\n\
        X-Auth-Request-Email: a@b\r\nX-Goog-IAP-JWT-Assertion: x\r\nX-Api-Key: x\r\nDpop: x\r\n\
        X-Amzn-Oidc-Identity: x\r\nX-Anything: y\r\nReferer: http://127.0.0.1/\r\nAccept-Language: de\r\n\
        Keep-Alive: timeout=5\r\nTE: trailers\r\nX-HTTP-Method-Override: DELETE\r\nX-Original-URL: /admin\r\n\
        Mcp-Param-Unknown: kept\r\nRange: bytes=0-1\r\nIf-None-Match: x\r\nAccept-Encoding: gzip, br\r\n";
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        upstream.forget();
        let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
        assert_eq!(
            agent.post_with(&message, noise).await.said(),
            "ok",
            "{era:?}"
        );
        let call = &upstream.with_method("tools/call")[0];
        for name in names(call) {
            assert!(UPWARDS.contains(&name.as_str()), "{era:?}: {name} passed");
        }
        assert_eq!(call.head.get("accept-encoding"), Some("identity"));
        assert_eq!(call.head.get("host").unwrap(), upstream.address.to_string());
        if era == Era::Modern {
            assert_eq!(call.head.get("mcp-param-unknown"), Some("kept"));
        }
        assert_eq!(call.head.get("content-type"), Some("application/json"));
    }
}

/// Nothing a client lists in `Connection` takes away what the gateway puts there (T12).
#[tokio::test]
async fn hop_by_hop_tricks_remove_nothing() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let own = upstream.with_method("tools/call").len();
    for name in [
        "mcp-session-id",
        "mcp-protocol-version",
        "content-type",
        "host",
        "authorization",
        "close, mcp-session-id",
    ] {
        let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
        let status = agent
            .post_with(&message, &format!("Connection: {name}\r\n"))
            .await
            .status();
        assert!(matches!(status, 200 | 400), "{name}: {status}");
    }
    for call in &upstream.with_method("tools/call")[own..] {
        assert!(call.head.get("mcp-session-id").is_some() && call.head.get("host").is_some());
        assert!(
            !call
                .head
                .all("connection")
                .iter()
                .any(|value| value.contains("mcp"))
        );
    }
}

/// A proof that fails never falls back to the next, and proxies' marks mean that the caller is not local.
#[tokio::test]
async fn a_caller_who_is_not_local_is_not_believed_to_be() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let marks = [
        "Authorization: Bearer abc\r\n",
        "Authorization: Basic YTpi\r\n",
        "Authorization: DPoP abc\r\n",
        "Authorization:\r\n",
        "Forwarded: for=127.0.0.1\r\n",
        "X-Forwarded-For: 127.0.0.1\r\n",
        "X-Forwarded-Host: localhost\r\n",
        "X-Forwarded-Proto: https\r\n",
        "X-Real-IP: 127.0.0.1\r\n",
        "Via: 1.1 proxy\r\n",
    ];
    for mark in marks {
        let answer = agent.post_with(&message, mark).await;
        assert_eq!(answer.status(), 401, "{mark}: {answer:?}");
        let challenge = answer.head.get("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{mark}: {challenge}");
        assert!(answer.head.get("hopgate-call").is_some(), "{mark}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn only_listed_headers_reach_the_client() {
    let noise = "Set-Cookie: a=b\r\nServer: leaky/1.2\r\nX-Powered-By: x\r\nLocation: http://127.0.0.1:1/\r\n\
        WWW-Authenticate: Bearer realm=up\r\nAccess-Control-Allow-Origin: *\r\nRefresh: 0; url=http://x\r\n\
        Link: <http://x>; rel=preload\r\nContent-Disposition: attachment\r\nAlt-Svc: h2=\":1\"\r\n\
        Clear-Site-Data: \"*\"\r\nStrict-Transport-Security: max-age=1\r\nContent-Security-Policy: x\r\n\
        Hopgate-Call: forged\r\nETag: x\r\nX-Secret: y\r\nTxn-Token: z\r\nMcp-Session-Id: forged\r\nVia: 1.1 x\r\n";
    let upstream = Upstream::mcp(move |received, wire| {
        plain(
            wire,
            (200, noise, json::result(&received.id(), &json::said("ok"))),
        )
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for era in [Era::Legacy, Era::Modern] {
        let answer = Agent::of(era, &gateway).await.call("echo", "{}").await;
        assert_eq!(answer.said(), "ok");
        for (name, value) in &answer.head.headers {
            let name = name.to_ascii_lowercase();
            assert!(DOWNWARDS.contains(&name.as_str()), "{era:?}: {name} passed");
            assert!(!value.contains("forged"), "{name}: {value}");
        }
        assert!(
            answer
                .head
                .get("hopgate-call")
                .is_some_and(|id| id.len() >= 16)
        );
    }
}

/// Every answer can be found again: also refusals, and each with another id.
#[tokio::test]
async fn every_answer_names_its_call() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let mut ids = std::collections::HashSet::new();
    for (tool, body) in [("echo", "{}"), ("echo", "{"), ("echo", r#"{"a":1,"a":2}"#)] {
        let answer = agent.call(tool, body).await;
        let id = answer.head.get("hopgate-call").expect("an id").to_owned();
        assert!(ids.insert(id));
    }
    assert!(agent.listen(None).await.head.get("hopgate-call").is_some());
}

/// What is the gateway's own in `_meta` is taken off; the caller's trace keys and foreign keys stay.
#[tokio::test]
async fn the_gateways_own_keys_never_pass() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let meta = r#"{"dev.hopgate/hops":"forged","acme/x":1.0,"dev.hopgate/other":{"a":[1]},"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","dev.hopgate/\u006cast":2}"#;
    let params = format!(r#"{{"name":"echo","arguments":{{}},"_meta":{meta}}}"#);
    assert_eq!(agent.request("tools/call", &params).await.said(), "ok");
    let call = &upstream.with_method("tools/call")[0];
    assert!(!call.text().contains("dev.hopgate"), "{}", call.text());
    assert_eq!(call.raw(&["params", "_meta", "acme/x"]).unwrap(), "1.0");
    assert!(call.raw(&["params", "_meta", "traceparent"]).is_some());
    let only = r#"{"name":"echo","_meta":{"dev.hopgate/hops":"forged"}}"#;
    assert_eq!(agent.request("tools/call", only).await.said(), "ok");
    assert_eq!(
        upstream.with_method("tools/call")[1]
            .raw(&["params", "_meta"])
            .unwrap(),
        "{}"
    );
}
