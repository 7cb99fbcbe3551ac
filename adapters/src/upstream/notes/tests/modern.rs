//! Requests that say everything, subscriptions, cancellation by leaving.

use super::*;

#[tokio::test]
async fn modern_requests_say_everything() {
    let notes = Notes::default();
    let call = modern("tools/call", json!({ "name": "list_notes" }));
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "list_notes"),
    ];
    let listed = json_of(send(&notes, Verb::POST, &headers, &call).await).await;
    assert_eq!(listed["result"]["resultType"], "complete");
    let lying = [headers[0], headers[1], ("mcp-name", "delete_note")];
    let refused = send(&notes, Verb::POST, &lying, &call).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(json_of(refused).await["error"]["code"], -32020);
    let unknown = modern("x/y", json!({}));
    let unknown = send(
        &notes,
        Verb::POST,
        &[headers[0], ("mcp-method", "x/y")],
        &unknown,
    )
    .await;
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn a_modern_request_that_does_not_say_everything_is_refused() {
    let notes = Notes::default();
    let list = modern("tools/list", json!({}));
    let mut other = list.clone();
    other["params"]["_meta"][VERSION] = json!("2099-01-01");
    let mut silent = list.clone();
    silent["params"]["_meta"] = json!({ VERSION: "2026-07-28" });
    let method = ("mcp-method", "tools/list");
    for (headers, body, expected) in [
        (&[MODERN, method][..], &list, (200, 0)),
        (&[MODERN], &list, (400, -32020)),
        (&[method], &list, (400, -32020)),
        (
            &[MODERN, ("mcp-method", "tools/call")],
            &list,
            (400, -32020),
        ),
        (&[MODERN, method], &other, (400, -32020)),
        (
            &[("mcp-protocol-version", "2099-01-01"), method],
            &other,
            (400, -32022),
        ),
        (&[MODERN, method], &silent, (400, -32602)),
    ] {
        let got = refusal(send(&notes, Verb::POST, headers, body).await).await;
        assert_eq!(got, expected, "{headers:?} {body}");
    }
    let read = modern("resources/read", json!({ "uri": "note:///x" }));
    let headers = [
        MODERN,
        ("mcp-method", "resources/read"),
        ("mcp-name", "note:///x"),
    ];
    let error = json_of(send(&notes, Verb::POST, &headers, &read).await).await;
    assert_eq!(error["error"]["code"], -32602);
    assert_eq!(error["error"]["data"]["uri"], "note:///x");
}

#[tokio::test]
async fn lists_say_how_long_they_hold() {
    let notes = Notes::default();
    notes.store.write("n", "t").unwrap();
    for (method, member) in [
        ("server/discover", "supportedVersions"),
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ] {
        let headers = [MODERN, ("mcp-method", method)];
        let body = modern(method, json!({}));
        let result =
            json_of(send(&notes, Verb::POST, &headers, &body).await).await["result"].take();
        assert!(!result[member].as_array().unwrap().is_empty(), "{method}");
        assert_eq!(result["resultType"], "complete", "{method}");
        assert!(
            result["ttlMs"].is_u64() && result["cacheScope"].is_string(),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_subscription_is_acknowledged_before_anything_else() {
    let notes = Notes::default();
    let headers = [MODERN, ("mcp-method", "subscriptions/listen")];
    let wanted =
        json!({ "notifications": { "resourcesListChanged": true, "toolsListChanged": true } });
    let body = modern("subscriptions/listen", wanted);
    let mut stream = send(&notes, Verb::POST, &headers, &body).await.into_body();
    notes.store.write("n", "t").unwrap();
    let first = next(&mut stream).await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        first["params"]["notifications"],
        json!({ "resourcesListChanged": true })
    );
    let second = next(&mut stream).await.unwrap();
    assert_eq!(second["method"], "notifications/resources/list_changed");
    for message in [first, second] {
        assert_eq!(
            message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
            1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_counts_for_a_client_that_has_gone() {
    let notes = Notes::default();
    let params = json!({ "name": "count_slowly", "arguments": { "to": 1000, "every_ms": 60000 } });
    let headers = [
        MODERN,
        ("mcp-method", "tools/call"),
        ("mcp-name", "count_slowly"),
    ];
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    let answer = send(&notes, Verb::POST, &headers, &modern("tools/call", params)).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(alive(), before + 1);
    drop(answer);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(alive(), before);
}
