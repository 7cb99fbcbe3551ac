//! Batches (T07): only where 2025-03-26 was negotiated, each item a call of its own.

use tests::{Agent, Gateway, Setup, Upstream};

async fn pair() -> (Gateway, Upstream) {
    let upstream = Upstream::saying("reached").await;
    let rules = tests::setup::allow("all but one", "up/**")
        + &tests::setup::deny("not this", "up/secret", "no");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    (gateway, upstream)
}

fn call(id: &str, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n":1.0}}}}}}"#
    )
}

#[tokio::test]
async fn each_item_goes_its_own_way() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::legacy_at(&gateway, "2025-03-26").await;
    upstream.forget();
    let note = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    let mut items: Vec<String> = (0..14).map(|id| call(&id.to_string(), "echo")).collect();
    items.push(call("\"denied\"", "secret"));
    items.push(note.to_owned());
    let answer = agent.post(&format!("[{}]", items.join(" , "))).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let json = answer.json();
    let answers = json.as_array().expect("one array");
    assert_eq!(answers.len(), 15);
    let denied: Vec<_> = answers
        .iter()
        .filter(|one| one["error"].is_object())
        .collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(
        (&denied[0]["id"], &denied[0]["error"]["code"]),
        (&"denied".into(), &(-32602).into())
    );
    let mut ids: Vec<_> = answers
        .iter()
        .filter_map(|one| one["id"].as_i64())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..14).collect::<Vec<_>>());
    // Upstream each is a message of its own, byte for byte.
    let calls = upstream.with_method("tools/call");
    assert_eq!(calls.len(), 14);
    assert!(
        calls
            .iter()
            .all(|one| items.contains(&one.text()) && one.name() == "echo")
    );
    assert_eq!(
        upstream
            .with_method("notifications/roots/list_changed")
            .len(),
        1
    );
}

#[tokio::test]
async fn what_is_no_proper_batch_is_refused() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::legacy_at(&gateway, "2025-03-26").await;
    upstream.forget();
    let many: Vec<String> = (0..17).map(|id| call(&id.to_string(), "echo")).collect();
    let initialize = r#"{"jsonrpc":"2.0","id":9,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    let one = call("1", "echo");
    let bad = [
        ("empty", "[]".to_owned()),
        ("too many", format!("[{}]", many.join(","))),
        ("initialize inside", format!("[{one},{initialize}]")),
        ("nested", format!("[[{one}]]")),
        ("not messages", "[1]".to_owned()),
        (
            "one broken item",
            format!("[{one},{{\"jsonrpc\":\"2.0\",\"id\":2,\"id\":3,\"method\":\"ping\"}}]"),
        ),
        (
            "requests and answers",
            format!(r#"[{one},{{"jsonrpc":"2.0","id":5,"result":{{}}}}]"#),
        ),
        ("an id twice", format!("[{one},{one}]")),
    ];
    for (why, body) in bad {
        let answer = agent.post(&body).await;
        assert_eq!(answer.status(), 400, "{why}: {answer:?}");
        assert!(upstream.received().is_empty(), "{why}");
    }
}

#[tokio::test]
async fn other_revisions_have_no_batches() {
    let (gateway, upstream) = pair().await;
    let body = format!("[{}]", call("1", "echo"));
    let mut agents = vec![Agent::modern(&gateway)];
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        agents.push(Agent::legacy_at(&gateway, revision).await);
    }
    upstream.forget();
    for agent in agents {
        let answer = agent.post(&body).await;
        assert_eq!(
            (answer.status(), answer.code()),
            (400, Some(-32600)),
            "{}",
            agent.revision
        );
    }
    assert!(upstream.received().is_empty());
}

/// What the session negotiated counts, not what a later header claims.
#[tokio::test]
async fn a_header_does_not_change_what_was_negotiated() {
    let (gateway, upstream) = pair().await;
    let mut agent = Agent::legacy_at(&gateway, "2025-06-18").await;
    upstream.forget();
    "2025-03-26".clone_into(&mut agent.revision);
    let answer = agent.post(&format!("[{}]", call("1", "echo"))).await;
    assert_eq!((answer.status(), answer.code()), (400, Some(-32600)));
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_batch_without_requests_is_only_accepted() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::legacy_at(&gateway, "2025-03-26").await;
    upstream.forget();
    let note = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    let answer = agent.post(&format!("[{note}]")).await;
    assert_eq!((answer.status(), answer.body.len()), (202, 0));
    assert_eq!(upstream.received().len(), 1);
}
