//! A batch (T07) is on record as its items: each a call of its own, joined by the id of the request they came in.

use super::books::{close, intents};
use super::id;
use tests::records::{text, verify};
use tests::setup::{allow, deny};
use tests::{Agent, Gateway, Setup, Upstream};

#[tokio::test]
async fn sixteen_items_are_sixteen_calls() {
    let upstream = Upstream::saying("ok").await;
    let rules = allow("all but one", "up/**") + &deny("not this", "up/secret", "no");
    let mut gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::legacy_at(&gateway, "2025-03-26").await;
    let call = |number: usize| {
        let tool = if number == 7 { "secret" } else { "echo" };
        format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n":{number}}}}}}}"#
        )
    };
    let items: Vec<String> = (0..16).map(call).collect();
    let answer = agent.post(&format!("[{}]", items.join(","))).await;
    let request = id(&answer.head);
    assert_eq!(answer.json().as_array().map(Vec::len), Some(16));
    // What is not a proper batch is one refused request, and no call.
    let bad = agent.post("[1]").await;
    let records = close(&mut gateway).await;
    let of = |kind: &str| {
        let mut all = records.kind("calls", kind);
        all.retain(|record| text(records.who(text(record, "call")), "request") == request);
        all
    };
    let outcomes = of("outcome");
    assert_eq!((outcomes.len(), of("intent").len()), (16, 15));
    assert!(
        records.of("calls", &request).is_empty(),
        "the batch itself is no call"
    );
    let refused: Vec<_> = outcomes.iter().filter(|one| one["sent"] == false).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(text(refused[0], "target"), "secret");
    assert_eq!(
        records.of("decisions", text(refused[0], "call"))[0].1["decision"],
        "deny"
    );
    assert!(!intents(&records).contains(text(refused[0], "call")));
    assert_eq!(records.outcome(&id(&bad.head))["refused"], "message");
    // `audit show` finds the items by the only id their caller was given.
    let args = ["--format", "json", "audit", "show", request.as_str()];
    let shown = tests::gateway::run(&gateway.place.folder, &args);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let shown = shown["records"].as_array().unwrap();
    assert_eq!(shown.len(), 15 + 16 + 16, "intents, outcomes, decisions");
    assert!(verify(&gateway.place).0);
}
