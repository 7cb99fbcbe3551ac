//! What gateways usually break, one test each, named after the number in the list of known failures the project keeps.
//!
//! Others concern doors that come later: 14 (state across replicas), 16 (protected resource metadata), 19 (stdio),
//! 20 (trace parentage).

use std::sync::Arc;
use tests::upstream::{lifecycle, plain, sse_head};
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, json};
use tokio::sync::{Mutex, mpsc};

async fn in_front(upstream: &Upstream) -> Gateway {
    Gateway::start(&Setup::new(&upstream.url())).await
}

#[tokio::test]
async fn r01_streams_are_not_buffered_and_say_so_to_proxies() {
    let upstream = Upstream::mcp(|_, mut wire| async move {
        sse_head(&mut wire, "").await.ok()?;
        wire.write(
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n",
        )
        .await
        .ok()?;
        wire.gone().await;
        None
    })
    .await;
    let gateway = in_front(&upstream).await;
    let mut answer = Agent::modern(&gateway).open_call("slow", "{}").await;
    assert_eq!(answer.head.get("x-accel-buffering"), Some("no"));
    assert!(
        answer
            .head
            .get("cache-control")
            .is_some_and(|value| value.contains("no-"))
    );
    assert_eq!(answer.message().await["method"], "notifications/message");
}

#[tokio::test]
async fn r03_error_bodies_survive_with_their_status() {
    for (status, code) in [(404, -32601), (400, -32022), (400, -32602), (400, -32021)] {
        let upstream = Upstream::mcp(move |received, wire| {
            plain(
                wire,
                (
                    status,
                    "",
                    json::error(&received.id(), code, "said the server"),
                ),
            )
        })
        .await;
        let gateway = in_front(&upstream).await;
        let answer = Agent::modern(&gateway).call("echo", "{}").await;
        assert_eq!((answer.status(), answer.code()), (status, Some(code)));
        assert_eq!(answer.json()["error"]["message"], "said the server");
    }
}

/// A 404 with an error to a client in a session would make it initialise for ever; only a lost session is a 404.
#[tokio::test]
async fn r03_an_unknown_method_is_no_lost_session() {
    let upstream = Upstream::saying("ok").await;
    let gateway = in_front(&upstream).await;
    let answer = Agent::legacy(&gateway)
        .await
        .request("acme/none", "{}")
        .await;
    assert_eq!((answer.status(), answer.code()), (200, Some(-32601)));
}

#[tokio::test]
async fn r05_ids_tokens_and_subscriptions_pass_unchanged() {
    let upstream = Upstream::mcp(|received: Received, mut wire| async move {
        let token = received.raw(&["params", "_meta", "progressToken"]).unwrap_or_default();
        sse_head(&mut wire, "").await.ok()?;
        let note = format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":0.5}}}}"#);
        wire.write(format!("data: {note}\n\n")).await.ok()?;
        wire.write(format!("data: {}\n\n", json::result(&received.id(), "{}"))).await.ok()?;
        None
    })
    .await;
    let gateway = in_front(&upstream).await;
    let agent = Agent::legacy(&gateway).await;
    for (id, token) in [
        ("\"a-1\"", "\"t\""),
        ("12345678901234567", "7"),
        ("0", "\"7\""),
        ("\"0\"", "0"),
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","_meta":{{"progressToken":{token}}}}}}}"#
        );
        let answer = agent.post(&body).await;
        let data: Vec<String> = answer
            .events()
            .into_iter()
            .filter_map(|event| event.data)
            .collect();
        assert_eq!(
            json::raw(data[0].as_bytes(), &["params", "progressToken"]).unwrap(),
            token
        );
        assert_eq!(json::raw(data[1].as_bytes(), &["id"]).unwrap(), id);
    }
}

#[tokio::test]
async fn r06_unknown_parameter_headers_are_forwarded() {
    let upstream = Upstream::saying("ok").await;
    let gateway = in_front(&upstream).await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let answer = agent
        .post_with(&message, "Mcp-Param-Tenant: =?base64?w6k=?=\r\n")
        .await;
    assert_eq!(answer.said(), "ok");
    let call = &upstream.with_method("tools/call")[0];
    assert_eq!(call.head.get("mcp-param-tenant"), Some("=?base64?w6k=?="));
}

/// An old revision's request is judged by its body, whatever its headers claim.
#[tokio::test]
async fn r07_mirrored_headers_of_an_old_revision_decide_nothing() {
    let upstream = Upstream::saying("reached").await;
    let rules = tests::setup::allow("one", "up/echo");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::legacy(&gateway).await;
    upstream.forget();
    let (message, _) = agent.message("tools/call", r#"{"name":"secret"}"#);
    let answer = agent
        .post_with(&message, "Mcp-Method: tools/call\r\nMcp-Name: echo\r\n")
        .await;
    assert!(answer.code().is_some(), "{answer:?}");
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn r08_encoded_names_are_decoded_before_they_are_compared() {
    let upstream = Upstream::saying("ok").await;
    let gateway = in_front(&upstream).await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"日本"}"#);
    let head = agent
        .head_for(&message)
        .replace("Mcp-Name: 日本", "Mcp-Name: =?base64?5pel5pys?=");
    assert_eq!(
        agent
            .send(&head, message.as_bytes())
            .await
            .whole()
            .await
            .said(),
        "ok"
    );
}

/// What a typed model would not know passes all the same.
#[tokio::test]
async fn r10_unknown_members_types_and_keywords_pass() {
    let result = r##"{"resultType":"acme.dev/later","x-new":[1.0,{"$dynamicRef":"#a"}],"_meta":{"acme.dev/y":null}}"##;
    let upstream = Upstream::mcp(move |received, wire| {
        plain(wire, (200, "", json::result(&received.id(), result)))
    })
    .await;
    let gateway = in_front(&upstream).await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.result(),
        result
    );
}

/// What a server says of itself, and a client of itself, arrives as it was said: nothing advertised, nothing withheld.
#[tokio::test]
async fn r11_capabilities_pass_unchanged() {
    let capabilities = r#"{"tools":{},"extensions":{"acme.dev/x":{"a":1.0}},"unheard":true}"#;
    let upstream = Upstream::start(move |received: Received, wire| {
        let answer = match received.method().as_str() {
            "initialize" => {
                let result = format!(r#"{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"serverInfo":{{"name":"u","version":"1"}}}}"#);
                (200, "Mcp-Session-Id: s\r\n".to_owned(), json::result(&received.id(), &result))
            }
            _ => lifecycle(&received).unwrap_or((500, String::new(), String::new())),
        };
        plain(wire, answer)
    })
    .await;
    let gateway = in_front(&upstream).await;
    let mut agent = Agent::new(gateway.address(), "/servers/up/mcp", Era::Legacy);
    let opened = agent.initialize().await;
    assert_eq!(
        json::raw(&opened.body, &["result", "capabilities"]).unwrap(),
        capabilities
    );
    let sent = &upstream.with_method("initialize")[0];
    assert!(
        sent.text()
            .contains(r#""capabilities":{"elicitation":{},"sampling":{},"roots":{}}"#)
    );
}

#[tokio::test]
async fn r12_two_clients_never_share_a_session() {
    let upstream = Upstream::saying("ok").await;
    let gateway = in_front(&upstream).await;
    let (one, two) = (Agent::legacy(&gateway).await, Agent::legacy(&gateway).await);
    one.call("echo", "{}").await;
    two.call("echo", "{}").await;
    let calls = upstream.with_method("tools/call");
    let own = |index: usize| calls[index].head.get("mcp-session-id").unwrap().to_owned();
    assert_ne!(own(0), own(1));
}

#[tokio::test]
async fn r15_no_token_passes_up_and_no_challenge_down() {
    let upstream = Upstream::mcp(|_, wire| {
        plain(
            wire,
            (
                401,
                "WWW-Authenticate: Bearer realm=\"up\"\r\n",
                "{}".to_owned(),
            ),
        )
    })
    .await;
    let gateway = in_front(&upstream).await;
    let answer = Agent::modern(&gateway).call("echo", "{}").await;
    assert_eq!(
        (answer.status(), answer.head.get("www-authenticate")),
        (502, None)
    );
    assert!(
        upstream
            .received()
            .iter()
            .all(|one| one.head.get("authorization").is_none())
    );
}

/// A message belongs to one stream.
#[tokio::test]
async fn r17_a_notification_goes_to_the_stream_it_came_on() {
    let (send, pieces) = mpsc::channel::<String>(4);
    let pieces = Arc::new(Mutex::new(pieces));
    let upstream = Upstream::mcp(move |received: Received, mut wire| {
        let pieces = Arc::clone(&pieces);
        async move {
            sse_head(&mut wire, "").await.ok()?;
            wire.write("id: 0\ndata:\n\n").await.ok()?;
            if received.verb() == "GET" {
                while let Some(piece) = pieces.lock().await.recv().await {
                    wire.write(piece).await.ok()?;
                }
            }
            wire.gone().await;
            None
        }
    })
    .await;
    let gateway = in_front(&upstream).await;
    let (one, two) = (Agent::legacy(&gateway).await, Agent::legacy(&gateway).await);
    let mut get = one.listen(None).await;
    get.event().await.unwrap();
    let (mut call, mut other) = (
        one.open_call("slow", "{}").await,
        two.open_call("slow", "{}").await,
    );
    call.event().await.unwrap();
    other.event().await.unwrap();
    let note = r#"data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    send.send(format!("{note}\n\n")).await.unwrap();
    assert_eq!(
        get.message().await["method"],
        "notifications/tools/list_changed"
    );
    call.silent().await;
    other.silent().await;
}

/// The acknowledgement comes first and the subscription id is the client's own request id, whatever its type.
#[tokio::test]
async fn r18_a_listen_begins_with_its_acknowledgement() {
    let upstream = Upstream::mcp(|received: Received, mut wire| async move {
        let (id, key) = (received.id(), "io.modelcontextprotocol/subscriptionId");
        sse_head(&mut wire, "").await.ok()?;
        for (method, rest) in [("subscriptions/acknowledged", r#""notifications":{"toolsListChanged":true},"#), ("tools/list_changed", "")] {
            let note = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{{rest}"_meta":{{"{key}":{id}}}}}}}"#);
            wire.write(format!("data: {note}\n\n")).await.ok()?;
        }
        wire.gone().await;
        None
    })
    .await;
    let gateway = in_front(&upstream).await;
    let agent = Agent::modern(&gateway);
    let params = tests::agent::with_meta(r#"{"notifications":{"toolsListChanged":true}}"#);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":"sub-1","method":"subscriptions/listen","params":{params}}}"#
    );
    let mut stream = agent.send(&agent.head_for(&body), body.as_bytes()).await;
    let first = stream.message().await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    let second = stream.message().await;
    assert_eq!(
        second["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        "sub-1"
    );
}

#[tokio::test]
async fn r21_a_broken_stream_is_not_tried_again() {
    let upstream = Upstream::mcp(|_, mut wire| async move {
        sse_head(&mut wire, "").await.ok()?;
        wire.write(": hello\n\n").await.ok()?;
        wire.reset();
        None
    })
    .await;
    let gateway = in_front(&upstream).await;
    for era in [Era::Legacy, Era::Modern] {
        upstream.forget();
        let mut answer = Agent::of(era, &gateway).await.open_call("slow", "{}").await;
        while answer.frame().await.is_some() {}
        tokio::time::sleep(tests::MOMENT).await;
        assert_eq!(upstream.with_method("tools/call").len(), 1, "{era:?}");
        assert!(upstream.with_verb("GET").is_empty(), "{era:?}");
    }
}

#[tokio::test]
async fn r22_an_empty_cursor_is_a_cursor() {
    let upstream = Upstream::start(|received: Received, wire| {
        let answer = match received.method().as_str() {
            "tools/list" => {
                let cursor = received.raw(&["params", "cursor"]).unwrap_or_else(|| "null".to_owned());
                let result = format!(r#"{{"tools":[],"seen":{cursor},"nextCursor":"","resultType":"complete","ttlMs":1,"cacheScope":"public"}}"#);
                (200, String::new(), json::result(&received.id(), &result))
            }
            _ => lifecycle(&received).unwrap_or((500, String::new(), String::new())),
        };
        plain(wire, answer)
    })
    .await;
    let gateway = in_front(&upstream).await;
    let answer = Agent::modern(&gateway)
        .request("tools/list", r#"{"cursor":""}"#)
        .await;
    assert_eq!(
        json::raw(&answer.body, &["result", "seen"]).unwrap(),
        "\"\""
    );
    assert_eq!(
        json::raw(&answer.body, &["result", "nextCursor"]).unwrap(),
        "\"\""
    );
    assert_eq!(answer.json()["result"]["cacheScope"], "public");
}

#[tokio::test]
async fn r24_names_are_optional() {
    let upstream = Upstream::saying("ok").await;
    let gateway = in_front(&upstream).await;
    // `with_meta` sends no clientInfo, and this server's result has no serverInfo.
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.said(),
        "ok"
    );
}
