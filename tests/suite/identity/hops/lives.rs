//! How long a hop token is good, and what ends with the call that carried it.

use super::Held;
use crate::identity::{
    audience, call_in, ended, known, last_error, open_task, task, tasks, text, visit,
};
use serde_json::json;
use std::time::Duration;
use tests::Era;
use tests::issuer::now;

/// A token is worth nothing once its call has ended, whatever ended it.
#[tokio::test]
async fn a_token_dies_with_its_call() {
    let held = Held::start(|setup| setup).await;
    let after = "the call that carried the hop token has ended";
    let (call, answered) = held.carry().await;
    assert_eq!(held.present_token("bob", &answered).await.said(), "done");
    held.release.notify_one();
    assert_eq!(call.await.unwrap().said(), "released");
    held.assert_refused("bob", &answered, after).await;
    // The caller leaves, which in this era cancels.
    let (call, left) = held.carry().await;
    assert_eq!(held.present_token("bob", &left).await.said(), "done");
    call.abort();
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while held.present_token("bob", &left).await.status() != 404 {
        assert!(tokio::time::Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    held.assert_refused("bob", &left, after).await;
    // Its task is closed.
    let (call, closed) = held.carry().await;
    let ann = known(&held.gateway, "b", "ann");
    let path = format!("/tasks/{}", text(&task(&ann).await, "id"));
    visit(&ann, "DELETE", &path, "").await;
    assert_eq!(call.await.unwrap().status(), 410);
    held.assert_refused("bob", &closed, after).await;
    // The process that knew the call is gone.
    let (call, open) = held.carry().await;
    let mut held = held;
    held.gateway.signal("KILL");
    held.gateway.ended().await;
    drop(call);
    held.gateway = held.gateway.restart().await;
    held.assert_refused("bob", &open, after).await;
}

/// No longer than its caller's own proof, though the call goes on.
#[tokio::test]
async fn a_token_expires_with_the_proof_of_who_called() {
    let held = Held::start(|setup| setup).await;
    let aud = audience(&held.gateway, "b");
    let mut claims = held.issuer.claims("ann", &aud);
    claims["exp"] = json!(now() + 4);
    let ann = known(&held.gateway, "b", "ann").bearer(&held.issuer.sign(&claims));
    let (call, token) = held.carry_as(ann).await;
    assert_eq!(held.present_token("bob", &token).await.said(), "done");
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    held.assert_refused("bob", &token, "the hop token has expired")
        .await;
    held.release.notify_one();
    assert_eq!(call.await.unwrap().said(), "released");
}

/// What hangs on a call ends with its task: the child's own open calls too.
#[tokio::test]
async fn children_end_with_their_parents() {
    let held = Held::start(|setup| setup).await;
    let (call, token) = held.carry().await;
    let mut bob = known(&held.gateway, "tool", "bob");
    let apart = known(&held.gateway, "tool", "bob");
    bob.headers += &format!("Txn-Token: {token}\r\n");
    let mut stream = bob.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let child = task(&apart).await;
    // On purpose, too, it opens under the one that called.
    let declared = open_task(&bob, "{}").await;
    let ann = known(&held.gateway, "b", "ann");
    let parent = task(&ann).await;
    assert_eq!(child["parent"], parent["id"]);
    assert_eq!(
        (&declared["parent"], &declared["chain"]),
        (&parent["id"], &json!(["ann", "bob"]))
    );
    let mut own = apart.open_call("stream", "{}").await;
    own.event().await.unwrap();
    visit(
        &ann,
        "DELETE",
        &format!("/tasks/{}", text(&parent, "id")),
        "",
    )
    .await;
    assert_eq!(call.await.unwrap().status(), 410);
    assert_eq!(last_error(&mut stream).await, -31410);
    for one in [&child, &declared] {
        assert_eq!(ended(&apart, text(one, "id")).await, "parent");
    }
    // What bob does on his own account goes on.
    own.silent().await;
}

/// A call that brings a token belongs to its chain, whatever task or session it names beside it.
#[tokio::test]
async fn a_token_outweighs_session_and_task() {
    let held = Held::start(|setup| setup).await;
    let (_call, token) = held.carry().await;
    let mut session = known(&held.gateway, "tool", "bob");
    session.era = Era::Legacy;
    "2025-11-25".clone_into(&mut session.revision);
    session.initialize().await;
    let alone = open_task(&session, "{}").await;
    let plain = session.headers.clone();
    session.headers += &format!("Txn-Token: {token}\r\n");
    assert_eq!(session.call("get", "{}").await.said(), "done");
    let all = tasks(&session).await;
    let child = all.iter().find(|one| text(one, "kind") == "child").unwrap();
    assert_eq!(
        (&child["chain"], &child["calls"]),
        (&json!(["ann", "bob"]), &json!(1))
    );
    // A task of another chain is not this call's.
    let foreign = call_in(&session, &alone["id"].to_string()).await;
    assert_eq!(foreign.status(), 404, "{foreign:?}");
    let declared = open_task(&session, "{}").await;
    assert_eq!(
        call_in(&session, &declared["id"].to_string()).await.said(),
        "done"
    );
    session.headers = plain;
    assert_eq!(
        call_in(&session, &alone["id"].to_string()).await.said(),
        "done"
    );
}
