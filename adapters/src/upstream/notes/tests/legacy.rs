//! Sessions, batches, the GET stream, progress.

use super::*;

#[tokio::test]
async fn a_legacy_session_from_end_to_end() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let headers = [("mcp-session-id", session.as_str())];
    let write = request(
        "tools/call",
        json!({ "name": "write_note", "arguments": { "title": "a b", "text": "t" } }),
    );
    let written = json_of(send(&notes, Verb::POST, &headers, &write).await).await;
    assert_eq!(written["result"]["content"][0]["text"], "wrote `a b`");
    let read = request("resources/read", json!({ "uri": "note:///a%20b" }));
    let read = json_of(send(&notes, Verb::POST, &headers, &read).await).await;
    assert_eq!(read["result"]["contents"][0]["text"], "t");
    assert_eq!(
        send(&notes, Verb::DELETE, &headers, &Value::Null)
            .await
            .status(),
        200
    );
    assert_eq!(
        send(&notes, Verb::POST, &headers, &write).await.status(),
        404
    );
    assert_eq!(send(&notes, Verb::POST, &[], &write).await.status(), 400);
}

#[tokio::test]
async fn a_change_is_heard_on_the_stream() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let headers = [("mcp-session-id", session.as_str())];
    let mut stream = send(&notes, Verb::GET, &headers, &Value::Null)
        .await
        .into_body();
    notes.store.write("n", "t").unwrap();
    let frame = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&frame).contains("resources/list_changed"));
}

#[tokio::test]
async fn a_known_revision_is_spoken_and_the_latest_instead_of_any_other() {
    let notes = Notes::default();
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        assert_eq!(hello(&notes, revision).await.1, revision);
    }
    for revision in ["2026-07-28", "1999-01-01", ""] {
        assert_eq!(hello(&notes, revision).await.1, "2025-11-25");
    }
    let (one, two) = (initialize(&notes).await, initialize(&notes).await);
    assert_ne!(one, two);
}

#[tokio::test]
async fn what_is_no_message_of_a_session_is_refused() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let session = ("mcp-session-id", session.as_str());
    let ping = request("ping", json!({}));
    for (headers, body, expected) in [
        (&[][..], &ping, (400, -32000)),
        (&[("mcp-session-id", "other")], &ping, (404, -32000)),
        (
            &[session, ("mcp-protocol-version", "2099-01-01")],
            &ping,
            (400, -32000),
        ),
        (&[session, MODERN], &ping, (400, -32602)),
        (
            &[session],
            &json!({ "jsonrpc": "1.0", "id": 1, "method": "ping" }),
            (400, -32600),
        ),
        (
            &[session],
            &json!({ "jsonrpc": "2.0", "id": null, "method": "ping" }),
            (400, -32600),
        ),
        (
            &[session],
            &json!({ "jsonrpc": "2.0", "id": 1 }),
            (400, -32600),
        ),
        (&[session], &json!([ping]), (400, -32600)),
        (&[session], &json!("ping"), (400, -32600)),
        (&[session], &request("x/y", json!({})), (200, -32601)),
        (
            &[session],
            &request("server/discover", json!({})),
            (200, -32601),
        ),
        (
            &[session],
            &request("resources/read", json!({ "uri": "note:///x" })),
            (200, -32002),
        ),
        (
            &[session],
            &request("tools/call", json!({ "name": "x" })),
            (200, -32602),
        ),
        (
            &[session],
            &request("prompts/get", json!({ "name": "x" })),
            (200, -32602),
        ),
    ] {
        let got = refusal(send(&notes, Verb::POST, headers, body).await).await;
        assert_eq!(got, expected, "{headers:?} {body}");
    }
}

#[tokio::test]
async fn what_asks_for_nothing_is_accepted_and_what_is_no_json_or_verb_is_not() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let session = ("mcp-session-id", session.as_str());
    let ping = request("ping", json!({}));
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(
        send(&notes, Verb::POST, &[session], &note).await.status(),
        202
    );
    assert_eq!(
        send(&notes, Verb::PUT, &[session], &ping).await.status(),
        405
    );
    let exchange = Exchange {
        method: Verb::POST,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{"),
        carried: None,
    };
    assert_eq!(
        refusal(notes.exchange(exchange).await.unwrap()).await,
        (400, -32700)
    );
}

#[tokio::test]
async fn a_batch_is_answered_in_the_one_revision_that_has_them() {
    let notes = Notes::default();
    let (session, _) = hello(&notes, "2025-03-26").await;
    let headers = [("mcp-session-id", session.as_str())];
    let word = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let mut ping = request("ping", json!({}));
    ping["id"] = json!("p");
    let batch = json!([word, ping, request("initialize", json!({})), 7]);
    let answers = json_of(send(&notes, Verb::POST, &headers, &batch).await).await;
    assert_eq!(
        answers[0],
        json!({ "jsonrpc": "2.0", "id": "p", "result": {} })
    );
    assert_eq!(answers[1]["error"]["code"], -32600);
    assert_eq!(answers[2]["error"]["code"], -32600);
    assert_eq!(answers.as_array().unwrap().len(), 3);
    let silent = send(&notes, Verb::POST, &headers, &json!([word])).await;
    assert_eq!(silent.status(), 202);
    let count = json!({ "name": "count_slowly", "arguments": { "to": 1, "every_ms": 0 } });
    let batch = json!([ping, request("tools/call", count)]);
    let mut stream = send(&notes, Verb::POST, &headers, &batch).await.into_body();
    assert_eq!(next(&mut stream).await.unwrap()["id"], "p");
    assert_eq!(next(&mut stream).await.unwrap()["id"], 1);
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_session_has_one_stream_and_it_ends_with_it() {
    let notes = Notes::default();
    let session = initialize(&notes).await;
    let headers = [("mcp-session-id", session.as_str())];
    let open = || send(&notes, Verb::GET, &headers, &Value::Null);
    let mut first = open().await.into_body();
    let mut second = open().await.into_body();
    assert_eq!(next(&mut first).await, None);
    notes.store.write("n", "t").unwrap();
    let word = next(&mut second).await.unwrap();
    assert_eq!(word["method"], "notifications/resources/list_changed");
    send(&notes, Verb::DELETE, &headers, &Value::Null).await;
    assert_eq!(next(&mut second).await, None);
    assert_eq!(open().await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn counting_reports_progress_as_it_goes() {
    let notes = Notes::default();
    let mut params = json!({ "name": "count_slowly", "arguments": { "to": 2, "every_ms": 1000 } });
    params["_meta"] = json!({ "progressToken": "p" });
    let session = initialize(&notes).await;
    let headers = [("mcp-session-id", session.as_str())];
    let begun = tokio::time::Instant::now();
    let mut stream = send(&notes, Verb::POST, &headers, &request("tools/call", params))
        .await
        .into_body();
    let mut at = Vec::new();
    while let Some(frame) = stream.frame().await {
        let text = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
        at.push((
            begun.elapsed().as_secs(),
            text.contains("notifications/progress"),
        ));
    }
    assert_eq!(at, [(1, true), (2, true), (2, false)]);
}
