//! What is one principal's is nobody else's: sessions and tasks brought by another are unknown, and on record.

use super::{
    EVERYTHING, World, call_in, in_session, keys, known, open_task, patient, staffed, task, text,
    visit,
};
use serde_json::json;
use tests::setup::registered;
use tests::{Agent, Era, Gateway, Setup};

#[tokio::test]
async fn a_session_of_another_is_no_session() {
    let (upstream, _) = patient().await;
    let gateway = Gateway::start(&staffed(Setup::new(&upstream.url()), &["ann", "bob"])).await;
    let ann = in_session(&gateway, "ann").await;
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    upstream.forget();
    let mut thief = known(&gateway, "up", "bob");
    thief.era = Era::Legacy;
    ann.revision.clone_into(&mut thief.revision);
    thief.session.clone_from(&ann.session);
    let calls = [
        thief.call("echo", "{}").await,
        thief.request("tools/list", "{}").await,
        thief.listen(None).await.whole().await,
        thief.delete().await,
    ];
    for answer in calls {
        assert_eq!(answer.status(), 404, "{answer:?}");
        assert_eq!(answer.json()["error"]["message"], "Session not found");
    }
    assert!(upstream.received().is_empty());
    let log = gateway.stderr().text();
    let mut lines = log
        .lines()
        .filter(|line| line.contains("the session id was not sealed here"));
    let line = lines.next().unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains("agent=\"bob\"") && line.contains("call refused"),
        "{line}"
    );
    assert_eq!(lines.count(), 3, "{log}");
    // Its owner notices nothing.
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    assert_eq!(ann.delete().await.status(), 200);
}

/// The agent is the same, and so is the subject: only the user differs, or only the instance.
#[tokio::test]
async fn a_session_is_the_exact_principals() {
    let world = World::with("", &registered("builder", "\"corp:ci-*\"", EVERYTHING)).await;
    let bearer = |subject: &str, change| world.issuer.sign(&world.changed(subject, change));
    let acting = json!({ "act": { "sub": "worker" } });
    let also = |mut change: serde_json::Value| {
        change["jti"] = json!("another token");
        change
    };
    for (subject, change, other) in [
        ("alice", acting.clone(), bearer("bob", acting.clone())),
        ("alice", acting, bearer("worker", json!({}))),
        ("ci-1", json!({}), bearer("ci-2", json!({}))),
    ] {
        let owner = bearer(subject, change.clone());
        let again = bearer(subject, also(change));
        assert_ne!(owner, again);
        let mut agent =
            Agent::new(world.gateway.address(), "/servers/up/mcp", Era::Legacy).bearer(&owner);
        agent.initialize().await;
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
        let id = text(&task(&agent).await, "id").to_owned();
        let agent = agent.bearer(&other);
        assert_eq!(agent.call("echo", "{}").await.status(), 404);
        assert_eq!(
            visit(&agent, "GET", &format!("/tasks/{id}"), "")
                .await
                .status(),
            404
        );
        // A fresh token of the same principal keeps it.
        let agent = agent.bearer(&again);
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
        visit(&agent, "DELETE", &format!("/tasks/{id}"), "").await;
    }
}

#[tokio::test]
async fn a_task_of_another_is_no_task() {
    let (upstream, _) = patient().await;
    let gateway = Gateway::start(&staffed(Setup::new(&upstream.url()), &["ann", "bob"])).await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    let declared = open_task(&ann, "{}").await;
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    let all = super::tasks(&ann).await;
    assert_eq!(all.len(), 2);
    upstream.forget();
    for one in all.iter().chain([&declared]) {
        let id = text(one, "id");
        let path = format!("/tasks/{id}");
        for verb in ["GET", "DELETE"] {
            let (foreign, absent) = (
                visit(&bob, verb, &path, "").await,
                visit(&bob, verb, "/tasks/0190a5e8000070008000000000000000", "").await,
            );
            assert_eq!(
                (foreign.status(), foreign.text()),
                (404, absent.text()),
                "{verb}"
            );
        }
        assert_eq!(call_in(&bob, &format!("\"{id}\"")).await.status(), 404);
        // It is still open.
        assert_eq!(call_in(&ann, &format!("\"{id}\"")).await.said(), "ok");
    }
    assert_eq!(upstream.with_method("tools/call").len(), 3);
    let log = gateway.stderr().text();
    let refused = |line: &&str| line.contains("call refused") && line.contains("agent=\"bob\"");
    // The doors of the gateway's own leave a line too: what another's task and one that never was have in common.
    assert_eq!(log.lines().filter(refused).count(), 3 + 12, "{log}");
}

/// A subject that two agents could be is a mistake of the configuration, so nobody inherits a name.
#[tokio::test]
async fn a_new_agent_of_an_old_subject_inherits_nothing() {
    let (upstream, _) = patient().await;
    let with = |agent: &str| {
        Setup::new(&upstream.url())
            .without_local()
            .rules(&super::allow("all", "up/**"))
            .tail(&keys(&["one"]))
            .tail(&registered(agent, "\"keys:one\"", EVERYTHING))
    };
    let gateway = Gateway::start(&with("old")).await;
    let agent = in_session(&gateway, "one").await;
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    let id = text(&task(&agent).await, "id").to_owned();
    gateway.rewrite(&with("new"));
    gateway.stderr().wait("configuration loaded").await;
    assert_eq!(agent.call("echo", "{}").await.status(), 404);
    assert_eq!(
        visit(&agent, "GET", &format!("/tasks/{id}"), "")
            .await
            .status(),
        404
    );
    let fresh = in_session(&gateway, "one").await;
    assert_eq!(fresh.call("echo", "{}").await.said(), "ok");
    assert_eq!(text(&task(&fresh).await, "agent"), "new");
}
