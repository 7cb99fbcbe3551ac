//! Whom a good token names: the agent by matchers, the user, and the actors before it.

use super::{EVERYTHING, World, call_in, open_task, tasks, text};
use serde_json::{Value, json};
use tests::setup::registered;

/// Who the gateway takes the bearer of these claims for: the status of a call, and its task where it passed.
async fn taken_for(world: &World, subject: &str, change: Value) -> (u16, Value) {
    let token = world.issuer.sign(&world.changed(subject, change));
    let agent = world.agent(&token);
    let status = agent.call("echo", "{}").await.status();
    let task = match status {
        200 => tasks(&agent).await.pop().unwrap_or_default(),
        _ => Value::Null,
    };
    (status, task)
}

#[tokio::test]
async fn a_pattern_names_many_and_keeps_the_exact_subject() {
    let world = World::with("", &registered("builder", "\"corp:ci-*\"", EVERYTHING)).await;
    for subject in ["ci-1", "ci-2", "ci-"] {
        let (status, task) = taken_for(&world, subject, json!({})).await;
        assert_eq!(
            (status, text(&task, "agent")),
            (200, "builder"),
            "{subject}"
        );
        assert_eq!(
            text(&task, "subject"),
            format!("{}|{subject}", world.issuer.url)
        );
    }
    // One agent, and yet nobody sees the task of another instance of it.
    let admin = world.gateway.admin("/tasks", false).await.1;
    assert_eq!(admin.matches("\"agent\":\"builder\"").count(), 3, "{admin}");
    for subject in ["xci-1", "CI-1", "ci"] {
        assert_eq!(
            taken_for(&world, subject, json!({})).await.0,
            403,
            "{subject}"
        );
    }
}

#[tokio::test]
async fn claims_tell_subjects_apart() {
    let identity = "{ source = \"corp\", subject = \"ci-*\", claims = { repository = \"acme/*\", stage = \"prod\" } }";
    let world = World::with("", &registered("deployer", identity, EVERYTHING)).await;
    for (claims, expected) in [
        (json!({ "repository": "acme/ledger", "stage": "prod" }), 200),
        (
            json!({ "repository": "acme/ledger", "stage": ["test", "prod"] }),
            200,
        ),
        (json!({ "repository": "acme/ledger", "stage": "test" }), 403),
        (json!({ "repository": "evil/ledger", "stage": "prod" }), 403),
        (json!({ "repository": "acme/ledger" }), 403),
        (
            json!({ "repository": { "x": "acme/ledger" }, "stage": "prod" }),
            403,
        ),
        (json!({}), 403),
    ] {
        let shown = claims.to_string();
        let (status, task) = taken_for(&world, "ci-7", claims).await;
        assert_eq!(status, expected, "{shown}");
        if status == 200 {
            assert_eq!(text(&task, "agent"), "deployer");
        }
    }
}

#[tokio::test]
async fn an_identity_says_which_claims_name_agent_and_user() {
    let world = World::with("agent = \"azp\"\nuser = \"sub\"", "").await;
    let (status, task) = taken_for(&world, "alice", json!({ "azp": "worker" })).await;
    assert_eq!((status, text(&task, "agent")), (200, "worker"));
    assert_eq!(text(&task, "user"), "alice");
    assert_eq!(
        text(&task, "subject"),
        format!("{}|worker", world.issuer.url)
    );
    // Another user of the same agent is another principal.
    let (_, other) = taken_for(&world, "bob", json!({ "azp": "worker" })).await;
    assert_eq!(text(&other, "user"), "bob");
    assert_ne!(text(&other, "id"), text(&task, "id"));
    for (subject, claims, expected) in [
        ("worker", json!({}), 401),
        ("worker", json!({ "azp": 7 }), 401),
        ("worker", json!({ "azp": "" }), 401),
        ("worker", json!({ "azp": "alice" }), 403),
    ] {
        let shown = claims.to_string();
        assert_eq!(
            taken_for(&world, subject, claims).await.0,
            expected,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn one_actor_acts_for_the_subject() {
    let world = World::start().await;
    let (status, task) = taken_for(&world, "alice", json!({ "act": { "sub": "worker" } })).await;
    assert_eq!((status, text(&task, "agent")), (200, "worker"));
    assert_eq!(text(&task, "user"), "alice");
    assert_eq!(task["chain"], json!(["worker"]));
    for (act, expected) in [
        (json!({ "sub": "nobody" }), 403),
        (json!({}), 401),
        (json!("worker"), 401),
        (json!([{ "sub": "worker" }]), 401),
        (
            json!({ "sub": "worker", "iss": "https://elsewhere.example" }),
            401,
        ),
        // The subject is an agent, its actor is not: who acts decides.
        (json!({ "sub": "alice" }), 403),
    ] {
        let shown = act.to_string();
        let (status, _) = taken_for(&world, "worker", json!({ "act": act })).await;
        assert_eq!(status, expected, "{shown}");
    }
}

#[tokio::test]
async fn nested_actors_are_a_chain_only_where_the_issuer_is_believed() {
    let nested = json!({ "act": { "sub": "worker", "act": { "sub": "planner" } } });
    let planner = registered("planner", "\"corp:planner\"", EVERYTHING);
    let world = World::with("", &planner).await;
    assert_eq!(taken_for(&world, "alice", nested.clone()).await.0, 401);
    assert!(world.upstream.received().is_empty());
    let world = World::with("delegation = true", &planner).await;
    let (status, task) = taken_for(&world, "alice", nested).await;
    assert_eq!((status, text(&task, "user")), (200, "alice"));
    assert_eq!(task["chain"], json!(["planner", "worker"]));
    // An agent in it that nobody knows ends it, and so does an envelope that keeps to itself.
    let unknown = json!({ "act": { "sub": "worker", "act": { "sub": "nobody" } } });
    assert_eq!(taken_for(&world, "alice", unknown).await.0, 403);
    let alone = registered("planner", "\"corp:planner\"", "tools = [\"**\"]");
    let world = World::with("delegation = true", &alone).await;
    let nested = json!({ "act": { "sub": "worker", "act": { "sub": "planner" } } });
    assert_eq!(taken_for(&world, "alice", nested).await.0, 403);
}

/// A task opened with one chain of actors is no task for another: the envelopes of those left out would be lost.
#[tokio::test]
async fn a_task_keeps_the_actors_it_was_opened_with() {
    let planner = registered("planner", "\"corp:planner\"", EVERYTHING);
    let world = World::with("delegation = true", &planner).await;
    let agent = |act: Value| {
        let claims = world.changed("alice", json!({ "act": act }));
        world.agent(&world.issuer.sign(&claims))
    };
    let alone = agent(json!({ "sub": "worker" }));
    let within = agent(json!({ "sub": "worker", "act": { "sub": "planner" } }));
    let task = open_task(&alone, "{}").await["id"].to_string();
    assert_eq!(call_in(&alone, &task).await.said(), "ok");
    assert_eq!(call_in(&within, &task).await.status(), 404);
    let task = open_task(&within, "{}").await["id"].to_string();
    assert_eq!(call_in(&within, &task).await.said(), "ok");
    assert_eq!(call_in(&alone, &task).await.status(), 404);
}
