//! A task is one at every gateway: by its id, by whose it is, in its life, its labels and its end.

use super::{Fleet, at, readiness, shown, status, until};
use crate::credentials;
use crate::identity::{
    allow, arrived, call_in, ended, hanging, in_session, keys, last_error, open_task, staffed,
    task, tasks, text, visit,
};
use serde_json::Value;
use std::time::Duration;
use tests::setup::registered;
use tests::{Setup, Upstream};
use tokio::time::{Instant, sleep};

/// What is the same wherever a task is looked at.
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
        "idle_seconds",
    ];
    names.iter().map(|name| task[*name].clone()).collect()
}

#[tokio::test]
async fn a_task_opened_at_one_is_named_shown_and_closed_at_another() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let view = open_task(&ann, r#"{"purpose":"books"}"#).await;
    let id = text(&view, "id");
    let there = shown(&elsewhere, id).await;
    assert_eq!(lasting(&there), lasting(&view));
    assert_eq!(there["deadline"], view["deadline"]);
    let named = format!("\"{id}\"");
    assert_eq!(call_in(&elsewhere, &named).await.said(), "ok");
    assert_eq!(call_in(&ann, &named).await.said(), "ok");
    // It is nobody else's, at either.
    let (bob, bob_elsewhere) = fleet.known("bob");
    for bob in [&bob, &bob_elsewhere] {
        assert_eq!(call_in(bob, &named).await.status(), 404);
        let path = format!("/tasks/{id}");
        assert_eq!(visit(bob, "GET", &path, "").await.status(), 404);
        assert_eq!(visit(bob, "DELETE", &path, "").await.status(), 404);
    }
    let closed = visit(&elsewhere, "DELETE", &format!("/tasks/{id}"), "").await;
    assert_eq!(closed.status(), 200, "{closed:?}");
    assert_eq!(ended(&ann, id).await, "closed");
    assert_eq!(call_in(&ann, &named).await.status(), 404);
    assert_eq!(call_in(&elsewhere, &named).await.status(), 404);
}

/// What ended before a gateway ever heard of it is shown there all the same, and stays ended.
#[tokio::test]
async fn an_end_is_for_those_that_come_later_too() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let view = open_task(&ann, "{}").await;
    let (id, path) = (text(&view, "id"), format!("/tasks/{}", text(&view, "id")));
    assert_eq!(visit(&ann, "DELETE", &path, "").await.status(), 200);
    let there = shown(&elsewhere, id).await;
    assert_eq!(there["end"]["cause"], "closed", "{there}");
    assert_eq!(
        call_in(&elsewhere, &format!("\"{id}\"")).await.status(),
        404
    );
    assert_eq!(visit(&elsewhere, "DELETE", &path, "").await.status(), 404);
    let nobodys = "/tasks/0190a5e8000070008000000000000000";
    assert_eq!(visit(&elsewhere, "GET", nobodys, "").await.status(), 404);
}

#[tokio::test]
async fn who_names_no_task_has_one_at_all_of_them_and_its_end_ends_what_is_open() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    assert_eq!(status(&ann).await, 200);
    assert_eq!(status(&elsewhere).await, 200);
    let (here, there) = (task(&ann).await, task(&elsewhere).await);
    assert_eq!(lasting(&here), lasting(&there));
    let open = hanging(at(&fleet.two, &elsewhere));
    arrived(&fleet.upstream, "hang", 1).await;
    let mut stream = elsewhere.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let path = format!("/tasks/{}", text(&here, "id"));
    assert_eq!(visit(&ann, "DELETE", &path, "").await.status(), 200);
    assert_eq!(open.await.unwrap().status(), 410);
    assert_eq!(last_error(&mut stream).await, -31410);
    // The next one is one again.
    assert_eq!(status(&elsewhere).await, 200);
    assert_eq!(status(&ann).await, 200);
    let (next, there) = (task(&ann).await, task(&elsewhere).await);
    assert_eq!(next["id"], there["id"]);
    assert_ne!(next["id"], here["id"]);
}

/// First calls that come at once, at both, open one task.
#[tokio::test]
async fn a_crowd_of_first_calls_opens_one_task() {
    let fleet = Fleet::start().await;
    let calls = (0..24).map(|number| {
        let (ann, elsewhere) = fleet.known("ann");
        let agent = if number % 2 == 0 { ann } else { elsewhere };
        tokio::spawn(async move { status(&agent).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    let (ann, elsewhere) = fleet.known("ann");
    assert_eq!(task(&ann).await["id"], task(&elsewhere).await["id"]);
}

#[tokio::test]
async fn each_gateway_takes_back_what_it_minted() {
    let folder = credentials::folder();
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::empty()
        .server_with("up", &upstream.url(), "credential = \"own\"")
        .tail(&credentials::fixed(&folder, ""));
    let fleet = Fleet::of(upstream, staffed(setup, &["ann"])).await;
    let (ann, elsewhere) = fleet.known("ann");
    for (agent, gateway) in [(&ann, &fleet.one), (&elsewhere, &fleet.two)] {
        assert_eq!(status(agent).await, 200);
        assert!(credentials::events(gateway).contains(&"minted".to_owned()));
    }
    let path = format!("/tasks/{}", text(&task(&ann).await, "id"));
    assert_eq!(visit(&ann, "DELETE", &path, "").await.status(), 200);
    for gateway in [&fleet.one, &fleet.two] {
        let over = |events: &Vec<String>| events.last().is_some_and(|last| last == "lapses");
        let events = async || credentials::events(gateway);
        until("the lease is over", events, over).await;
    }
    drop(std::fs::remove_dir_all(folder));
}

/// A gateway where nobody calls does not end what is used at another; once nobody uses it, it ends at both.
#[tokio::test]
async fn idleness_is_that_of_all() {
    let deadlines = "[gateway.deadlines]\nidle = \"2s\"";
    let fleet = Fleet::with(|setup| setup.gateway(deadlines)).await;
    let (ann, elsewhere) = fleet.known("ann");
    let view = open_task(&ann, "{}").await;
    let (id, named) = (text(&view, "id"), format!("\"{}\"", text(&view, "id")));
    assert_eq!(call_in(&elsewhere, &named).await.said(), "ok");
    // Far longer than it may be idle, and than that is looked for.
    let end = Instant::now() + Duration::from_secs(12);
    while Instant::now() < end {
        assert_eq!(call_in(&ann, &named).await.said(), "ok");
        assert!(shown(&elsewhere, id).await["end"].is_null());
        sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(ended(&elsewhere, id).await, "idle");
    assert_eq!(ended(&ann, id).await, "idle");
    assert_eq!(call_in(&ann, &named).await.status(), 404);
}

/// An open call is use: the gateway that has it says so to the others.
#[tokio::test]
async fn an_open_stream_keeps_its_task_at_every_gateway() {
    let deadlines = "[gateway.deadlines]\nidle = \"1s\"";
    let fleet = Fleet::with(|setup| setup.gateway(deadlines)).await;
    let (ann, elsewhere) = fleet.known("ann");
    assert_eq!(status(&elsewhere).await, 200);
    let mut stream = ann.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let id = text(&task(&ann).await, "id").to_owned();
    sleep(Duration::from_secs(9)).await;
    assert!(shown(&elsewhere, &id).await["end"].is_null());
    drop(stream);
    assert_eq!(ended(&elsewhere, &id).await, "idle");
}

#[tokio::test]
async fn a_deadline_is_that_of_all() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let view = open_task(&ann, r#"{"deadline":"4s"}"#).await;
    let (id, named) = (text(&view, "id"), format!("\"{}\"", text(&view, "id")));
    // A static key proves itself anew with each call, which moves the deadline; at both.
    assert_eq!(call_in(&elsewhere, &named).await.said(), "ok");
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        assert_eq!(call_in(&ann, &named).await.said(), "ok");
        sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(call_in(&elsewhere, &named).await.said(), "ok");
    assert_eq!(ended(&ann, id).await, "deadline");
    assert_eq!(ended(&elsewhere, id).await, "deadline");
}

/// A fleet whose rules let nothing leave once confidential data was read.
async fn discreet() -> Fleet {
    const SERVER: &str = "egress = \"internal\"\n[servers.up.tools]\n\
        \"secret\" = { effect = \"read\", label = \"confidential\" }\n\"send\" = { effect = \"read\" }\n";
    const LEAVES: &str = "\n[[rules]]\nname = \"nothing leaves\"\nafter = { label = \"confidential\" }\n\
        tools = [\"up/send\"]\ndeny = \"confidential data may not leave\"\n";
    const CLEARED: &str = "tools = [\"**\"], clearance = \"restricted\"";
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::empty()
        .without_local()
        .server_with("up", &upstream.url(), SERVER)
        .rules(&(allow("all", "**") + LEAVES))
        .tail(&keys(&["ann"]))
        .tail(&registered("ann", "\"keys:ann\"", CLEARED));
    Fleet::of(upstream, setup).await
}

/// What a call at one gateway has touched, a rule at another knows at the next call.
#[tokio::test]
async fn labels_are_those_of_all() {
    let fleet = discreet().await;
    let (ann, elsewhere) = fleet.known("ann");
    for _ in 0..8 {
        assert_eq!(elsewhere.call("send", "{}").await.said(), "ok");
        let view = task(&elsewhere).await;
        let read = ann.call("secret", "{}").await;
        assert_eq!(read.said(), "ok", "{read:?}");
        let sent = elsewhere.call("send", "{}").await;
        let refused = "confidential data may not leave";
        assert!(sent.text().contains(refused), "{sent:?}");
        let path = format!("/tasks/{}", text(&view, "id"));
        let shown = visit(&elsewhere, "GET", &path, "").await.json();
        assert_eq!(shown["label"], "confidential");
        assert_eq!(visit(&ann, "DELETE", &path, "").await.status(), 200);
        assert_eq!(ended(&elsewhere, text(&view, "id")).await, "closed");
    }
    // Where what others have touched cannot be known, nothing that may depend on it passes.
    fleet.store.signal("STOP");
    let blind = elsewhere.call("send", "{}").await;
    assert_eq!(blind.status(), 503, "{blind:?}");
    fleet.store.signal("CONT");
}

/// Whoever knows the task remembers what others' calls have touched, should they and the store be gone.
#[tokio::test]
async fn labels_outlive_who_raised_them_and_the_store() {
    let mut fleet = discreet().await;
    let (ann, elsewhere) = fleet.known("ann");
    assert_eq!(elsewhere.call("send", "{}").await.said(), "ok");
    let path = format!("/tasks/{}", text(&task(&elsewhere).await, "id"));
    assert_eq!(ann.call("secret", "{}").await.said(), "ok");
    let label = async || visit(&elsewhere, "GET", &path, "").await.json()["label"].clone();
    until("it has heard", label, |label| label == "confidential").await;
    fleet.one.signal("KILL");
    fleet.one.ended().await;
    fleet.store.again().await;
    readiness(&fleet.two, true).await;
    let send = async || elsewhere.call("send", "{}").await;
    let sent = until("an answer", send, |sent| sent.status() == 200).await;
    assert!(sent.text().contains("may not leave"), "{sent:?}");
}

/// What somebody wrote into the store by hand is refused, never taken for somebody's task.
#[tokio::test]
async fn a_store_that_lies_is_not_believed() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let (bob, bob_elsewhere) = fleet.known("bob");
    let (own, bobs) = (open_task(&ann, "{}").await, open_task(&bob, "{}").await);
    assert_eq!(status(&bob).await, 200);
    let key = |task: &Value| {
        let id = uuid(text(task, "id"));
        let keys = fleet.store.ask(&["KEYS", &format!("*t:{id}")]);
        assert_eq!(keys.lines().count(), 1, "{keys}");
        keys
    };
    let (own_key, bobs_key) = (key(&own), key(&bobs));
    // One's record in the place of another's: it opens nowhere but in its own.
    let copy = "redis.call('HSET', KEYS[1], 'record', redis.call('HGET', KEYS[2], 'record'))";
    fleet.store.ask(&["EVAL", copy, "2", &bobs_key, &own_key]);
    let named = |task: &Value| format!("\"{}\"", text(task, "id"));
    for agent in [&elsewhere, &bob_elsewhere] {
        let answer = call_in(agent, &named(&bobs)).await;
        assert_eq!(
            (answer.status(), answer.code()),
            (503, Some(-31503)),
            "{answer:?}"
        );
    }
    // A flipped byte.
    let flip = "local r = redis.call('HGET', KEYS[1], 'record') \
                redis.call('HSET', KEYS[1], 'record', string.sub(r, 1, -2) .. string.char((string.byte(r, -1) + 1) % 256))";
    fleet.store.ask(&["EVAL", flip, "1", &own_key]);
    assert_eq!(call_in(&elsewhere, &named(&own)).await.status(), 503);
    assert_eq!(
        visit(
            &elsewhere,
            "GET",
            &format!("/tasks/{}", text(&own, "id")),
            ""
        )
        .await
        .status(),
        503
    );
    // A name that leads to somebody else's task.
    let implicit = tasks(&bob).await;
    let implicit = implicit
        .iter()
        .find(|one| text(one, "kind") == "implicit")
        .unwrap();
    let swap = "for _, key in ipairs(redis.call('KEYS', '*n:*')) do \
                if redis.call('TYPE', key).ok == 'string' then redis.call('SET', key, ARGV[1]) end end";
    assert_eq!(status(&ann).await, 200);
    fleet
        .store
        .ask(&["EVAL", swap, "0", &uuid(text(implicit, "id"))]);
    let answer = elsewhere.call("echo", "{}").await;
    assert_eq!(answer.status(), 503, "{answer:?}");
    // Who has them knows better than the store.
    assert_eq!(call_in(&ann, &named(&own)).await.said(), "ok");
    assert_eq!(call_in(&bob, &named(&bobs)).await.said(), "ok");
}

/// An id as others write it.
fn uuid(id: &str) -> String {
    let parts = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]];
    parts.join("-")
}

#[tokio::test]
async fn the_task_of_a_session_is_one() {
    let fleet = Fleet::start().await;
    let here = in_session(&fleet.one, "ann").await;
    let there = at(&fleet.two, &here);
    assert_eq!(here.call("echo", "{}").await.said(), "ok");
    assert_eq!(there.call("echo", "{}").await.said(), "ok");
    assert_eq!(task(&here).await["id"], task(&there).await["id"]);
}
