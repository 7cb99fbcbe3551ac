//! A restart loses no task and no session, however the process ended.

use super::{call_in, ended, in_session, known, open_task, patient, staffed, tasks, text, visit};
use serde_json::Value;
use std::time::Duration;
use tests::{Agent, Gateway, Setup};

/// What may differ after a restart: when it was last used, and what it counted since.
fn lasting(task: &Value) -> Vec<Value> {
    let names = [
        "id",
        "agent",
        "subject",
        "kind",
        "purpose",
        "chain",
        "txn",
        "parent",
        "opened",
        "deadline",
        "idle_seconds",
    ];
    names.iter().map(|name| task[*name].clone()).collect()
}

async fn all(agent: &Agent) -> Vec<Vec<Value>> {
    let mut all: Vec<_> = tasks(agent).await.iter().map(lasting).collect();
    all.sort_by_key(|one| one[0].to_string());
    all
}

async fn survives(stop: impl AsyncFnOnce(&mut Gateway)) {
    let (upstream, _) = patient().await;
    let mut gateway = Gateway::start(&staffed(Setup::new(&upstream.url()), &["ann", "bob"])).await;
    let (ann, bob) = (
        known(&gateway, "up", "ann"),
        in_session(&gateway, "bob").await,
    );
    let declared = open_task(&ann, r#"{"purpose":"lasts","deadline":"30m"}"#).await;
    let closed = open_task(&ann, "{}").await;
    let closed = text(&closed, "id").to_owned();
    assert_eq!(
        visit(&ann, "DELETE", &format!("/tasks/{closed}"), "")
            .await
            .status(),
        200
    );
    assert_eq!(
        call_in(&ann, &declared["id"].to_string()).await.said(),
        "ok"
    );
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    assert_eq!(bob.call("echo", "{}").await.said(), "ok");
    let before = (all(&ann).await, all(&bob).await);
    assert_eq!((before.0.len(), before.1.len()), (2, 2), "{before:?}");
    stop(&mut gateway).await;
    let gateway = gateway.restart().await;
    assert_eq!((all(&ann).await, all(&bob).await), before);
    assert_eq!(ended(&ann, &closed).await, "closed");
    // All are found again: named, implied, and by the session.
    assert_eq!(
        call_in(&ann, &declared["id"].to_string()).await.said(),
        "ok"
    );
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    assert_eq!(bob.call("echo", "{}").await.said(), "ok");
    assert_eq!(tasks(&ann).await.len(), 2);
    assert_eq!(tasks(&bob).await.len(), 2);
    // What was ended stays so.
    assert_eq!(call_in(&ann, &format!("\"{closed}\"")).await.status(), 404);
    // The server sees one session, and no second handshake.
    assert_eq!(upstream.with_method("initialize").len(), 1);
    drop(gateway);
}

#[tokio::test]
async fn tasks_and_sessions_outlive_sigterm() {
    survives(async |gateway| assert!(gateway.terminate().await.success())).await;
}

#[tokio::test]
async fn tasks_and_sessions_outlive_kill() {
    survives(async |gateway| {
        // What has just been counted may be lost, what exists not.
        tokio::time::sleep(Duration::from_millis(500)).await;
        gateway.signal("KILL");
        gateway.ended().await;
    })
    .await;
}

/// A task whose limits pass while nobody runs is over; that time is no idleness.
#[tokio::test]
async fn a_deadline_passes_while_nobody_runs() {
    let (upstream, _) = patient().await;
    let mut gateway = Gateway::start(&staffed(Setup::new(&upstream.url()), &["ann"])).await;
    let ann = known(&gateway, "up", "ann");
    let brief = open_task(&ann, r#"{"deadline":"2s"}"#).await;
    let quiet = open_task(&ann, r#"{"idle":"3s"}"#).await;
    gateway.terminate().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let gateway = gateway.restart().await;
    assert_eq!(ended(&ann, text(&brief, "id")).await, "deadline");
    assert_eq!(call_in(&ann, &quiet["id"].to_string()).await.said(), "ok");
    drop(gateway);
}

/// An agent that was withdrawn in between finds nothing open.
#[tokio::test]
async fn a_restart_reviews_who_may_still_call() {
    let (upstream, _) = patient().await;
    let setup = staffed(Setup::new(&upstream.url()), &["ann", "bob"]);
    let mut gateway = Gateway::start(&setup).await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    let (own, other) = (open_task(&ann, "{}").await, open_task(&bob, "{}").await);
    gateway.terminate().await;
    let text_of = setup.text(&gateway.place);
    gateway.rewrite_text(&text_of.replace("[agents.ann]\n", "[agents.ann]\nstate = \"retired\"\n"));
    let gateway = gateway.restart().await;
    let (_, view) = gateway
        .admin(&format!("/tasks/{}", text(&own, "id")), false)
        .await;
    assert!(view.contains("\"cause\":\"withdrawn\""), "{view}");
    assert_eq!(call_in(&bob, &other["id"].to_string()).await.said(), "ok");
}
