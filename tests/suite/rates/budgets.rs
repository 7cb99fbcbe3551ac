//! Budgets: what a task, and an agent in a day, may use of each kind; kept through restarts.

use super::{facts, staff};
use crate::identity::allow;
use crate::identity::{call_in, known, open_task, text};
use serde_json::{Value, json};
use tests::upstream::plain;
use tests::{Agent, Gateway, Setup, Upstream, Whole};

async fn start(upstream: &Upstream, budget: &str) -> Gateway {
    let keys = "[servers.up.tools]\n\"dear\" = { effect = \"write\", cost = 5 }";
    let setup = Setup::empty()
        .server_with("up", &upstream.url(), keys)
        .rules(&allow("all", "**"));
    let envelope = format!(", budget = {budget}");
    Gateway::start(&staff(setup, &[("ann", &envelope), ("bob", "")])).await
}

/// Asserts that a budget is spent, of a task or of a day.
fn spent(answer: &Whole, per: &str, what: &str) -> Value {
    let facts = facts(answer);
    assert_eq!(
        (&facts["limit"], &facts["per"], &facts["what"]),
        (&json!("envelope"), &json!(per), &json!(what)),
        "{answer:?}"
    );
    facts
}

async fn task(agent: &Agent) -> String {
    json!(text(&open_task(agent, "").await, "id")).to_string()
}

#[tokio::test]
async fn calls_of_a_task_and_of_a_day() {
    let upstream = Upstream::saying("ok").await;
    let gateway = start(&upstream, "{ task = { calls = 3 }, day = { calls = 5 } }").await;
    let ann = known(&gateway, "up", "ann");
    let one = task(&ann).await;
    for _ in 0..3 {
        assert_eq!(call_in(&ann, &one).await.status(), 200);
    }
    let answer = call_in(&ann, &one).await;
    assert!(spent(&answer, "task", "calls").get("retry_after").is_none());
    assert_eq!(answer.head.get("retry-after"), None, "time makes it none");
    let two = task(&ann).await;
    for _ in 0..2 {
        assert_eq!(call_in(&ann, &two).await.status(), 200);
    }
    let answer = call_in(&ann, &two).await;
    let retry = spent(&answer, "day", "calls")["retry_after"]
        .as_u64()
        .unwrap();
    let midnight = 86_400 - tests::issuer::now() % 86_400;
    assert!(retry.abs_diff(midnight) < 60, "{retry} and {midnight}");
    assert_eq!(upstream.with_method("tools/call").len(), 5);
    assert_eq!(
        known(&gateway, "up", "bob")
            .call("echo", "{}")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn costs_are_what_tools_cost() {
    let upstream = Upstream::saying("ok").await;
    let gateway = start(&upstream, "{ task = { cost = 11 } }").await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(ann.call("dear", "{}").await.status(), 200);
    assert_eq!(ann.call("dear", "{}").await.status(), 200);
    spent(&ann.call("dear", "{}").await, "task", "cost");
    assert_eq!(ann.call("echo", "{}").await.status(), 200, "one is left");
    spent(&ann.call("echo", "{}").await, "task", "cost");
    // What only asks costs nothing.
    assert_eq!(ann.request("tools/list", "{}").await.status(), 200);
}

#[tokio::test]
async fn bytes_are_those_that_were_delivered() {
    let upstream = Upstream::mcp(|received, wire| {
        let long = "x".repeat(20_000);
        let answer = tests::json::result(&received.id(), &tests::json::said(&long));
        plain(wire, (200, "", answer))
    })
    .await;
    let gateway = start(&upstream, "{ day = { bytes = \"50KiB\" } }").await;
    let ann = known(&gateway, "up", "ann");
    for _ in 0..3 {
        assert_eq!(ann.call("echo", "{}").await.status(), 200);
    }
    let answer = ann.call("echo", "{}").await;
    spent(&answer, "day", "bytes");
    let policy = answer.head.get("ratelimit-policy");
    assert_eq!(policy, Some("\"envelope\";q=51200;qu=\"content-bytes\""));
}

#[tokio::test]
async fn a_budget_is_kept_through_a_restart() {
    let upstream = Upstream::saying("ok").await;
    let gateway = start(&upstream, "{ day = { calls = 4 } }").await;
    let call = |gateway: &Gateway| {
        let ann = known(gateway, "up", "ann");
        async move { ann.call("echo", "{}").await }
    };
    for _ in 0..2 {
        assert_eq!(call(&gateway).await.status(), 200);
    }
    let mut gateway = gateway;
    gateway.terminate().await;
    let gateway = gateway.restart().await;
    for _ in 0..2 {
        assert_eq!(call(&gateway).await.status(), 200);
    }
    spent(&call(&gateway).await, "day", "calls");
}
