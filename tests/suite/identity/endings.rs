//! How tasks end, and what that does to the calls and streams that are open in them.

use super::{
    arrived, call_in, ended, hanging, in_session, known, last_error, open_task, patient, staffed,
    task, tasks, text, visit,
};
use serde_json::json;
use std::sync::atomic::Ordering;
use tests::{Gateway, Setup, eventually};

/// A gateway with these deadlines, and its agents.
fn timed(url: &str, deadlines: &str) -> Setup {
    let deadlines = format!("[gateway.deadlines]\n{deadlines}");
    staffed(Setup::new(url).gateway(&deadlines), &["ann", "bob"])
}

#[tokio::test]
async fn closing_a_task_cancels_its_calls() {
    let (upstream, gone) = patient().await;
    let gateway = Gateway::start(&timed(&upstream.url(), "")).await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    let hanging = hanging(known(&gateway, "up", "ann"));
    let mut stream = ann.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let mut other = bob.open_call("stream", "{}").await;
    other.event().await.unwrap();
    arrived(&upstream, "hang", 1).await;
    let view = task(&ann).await;
    assert_eq!(view["open_calls"], 2);
    let path = format!("/tasks/{}", text(&view, "id"));
    assert_eq!(visit(&ann, "DELETE", &path, "").await.status(), 200);
    let answer = hanging.await.unwrap();
    assert_eq!(
        (answer.status(), answer.code()),
        (410, Some(-31410)),
        "{answer:?}"
    );
    assert_eq!(last_error(&mut stream).await, -31410);
    eventually("the server sees both go", || {
        gone.load(Ordering::Relaxed) == 2
    })
    .await;
    gateway.stderr().wait("the task ended before").await;
    // Another's call goes on, and so does its principal with a task anew.
    other.silent().await;
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    assert_ne!(text(&task(&ann).await, "id"), text(&view, "id"));
}

#[tokio::test]
async fn a_deadline_cancels_what_runs() {
    let (upstream, gone) = patient().await;
    let gateway = Gateway::start(&timed(&upstream.url(), "task = \"4s\"")).await;
    let ann = known(&gateway, "up", "ann");
    let session = in_session(&gateway, "bob").await;
    let mut listening = session.listen(None).await;
    assert_eq!(listening.status(), 200);
    let of_session = text(&task(&session).await, "id").to_owned();
    let hanging = hanging(known(&gateway, "up", "ann"));
    let mut stream = ann.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let id = text(&task(&ann).await, "id").to_owned();
    assert_eq!(hanging.await.unwrap().status(), 410);
    assert_eq!(last_error(&mut stream).await, -31410);
    eventually("the server sees both go", || {
        gone.load(Ordering::Relaxed) == 2
    })
    .await;
    assert_eq!(ended(&ann, &id).await, "deadline");
    assert_eq!(ended(&session, &of_session).await, "deadline");
    // A stream outlives its task's deadline, and a session its tasks.
    drop(listening.event().await);
    listening.silent().await;
    assert_eq!(session.call("echo", "{}").await.said(), "ok");
    assert_ne!(text(&task(&session).await, "id"), of_session);
}

/// Each fresh proof moves the deadline: who goes on working is not stopped.
#[tokio::test]
async fn a_fresh_proof_moves_the_deadline() {
    let (upstream, _) = patient().await;
    let gateway = Gateway::start(&timed(&upstream.url(), "task = \"3s\"")).await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    let first = task(&ann).await;
    for _ in 0..8 {
        tokio::time::sleep(std::time::Duration::from_millis(800)).await;
        assert_eq!(ann.call("echo", "{}").await.said(), "ok");
    }
    let last = task(&ann).await;
    assert_eq!(text(&first, "id"), text(&last, "id"));
    assert!(
        last["deadline"].as_u64() > first["deadline"].as_u64(),
        "{last}"
    );
}

#[tokio::test]
async fn a_task_in_which_nothing_happens_ends() {
    let (upstream, _) = patient().await;
    let gateway = Gateway::start(&timed(&upstream.url(), "idle = \"2s\"")).await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    let brief = open_task(&ann, r#"{"idle":"1s"}"#).await;
    let session = in_session(&gateway, "ann").await;
    let all = tasks(&ann).await;
    // What is open is not idle.
    let mut busy = bob.open_call("stream", "{}").await;
    busy.event().await.unwrap();
    for one in &all {
        assert_eq!(ended(&ann, text(one, "id")).await, "idle", "{one}");
    }
    assert_eq!(call_in(&ann, &brief["id"].to_string()).await.status(), 404);
    assert_eq!(task(&bob).await["open_calls"], 1);
    busy.silent().await;
    // A session outlives its tasks.
    assert_eq!(session.call("echo", "{}").await.said(), "ok");
    let next = task(&session).await;
    assert_eq!(text(&next, "kind"), "session");
    assert!(all.iter().all(|one| one["id"] != next["id"]));
}

#[tokio::test]
async fn a_deleted_session_ends_its_task() {
    let (upstream, gone) = patient().await;
    let gateway = Gateway::start(&timed(&upstream.url(), "")).await;
    let one = in_session(&gateway, "ann").await;
    assert_eq!(one.call("echo", "{}").await.said(), "ok");
    let id = text(&task(&one).await, "id").to_owned();
    let two = in_session(&gateway, "ann").await;
    let mut stream = one.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    upstream.forget();
    let deleted = one.delete().await;
    // The server's own answer to DELETE, whatever it is, ends the session here.
    assert_eq!(deleted.status(), 200, "{deleted:?}");
    assert_eq!(upstream.with_verb("DELETE").len(), 1);
    assert_eq!(ended(&two, &id).await, "session_over");
    assert_eq!(last_error(&mut stream).await, -31410);
    eventually("the server sees it go", || {
        gone.load(Ordering::Relaxed) == 1
    })
    .await;
    assert_eq!(two.call("echo", "{}").await.said(), "ok");
    assert_ne!(text(&task(&two).await, "id"), id);
}

/// A reload that withdraws an agent reaches what is open at once, and nobody else.
#[tokio::test]
async fn withdrawal_ends_calls_and_streams_at_once() {
    let (upstream, gone) = patient().await;
    let setup = timed(&upstream.url(), "");
    let gateway = Gateway::start(&setup).await;
    let text_of = setup.text(&gateway.place);
    let (ann, bob) = (
        in_session(&gateway, "ann").await,
        in_session(&gateway, "bob").await,
    );
    let mut listening = ann.listen(None).await;
    assert_eq!(listening.status(), 200);
    drop(listening.event().await);
    let mut streaming = ann.open_call("stream", "{}").await;
    streaming.event().await.unwrap();
    let hanging = hanging(known(&gateway, "up", "ann"));
    let mut other = bob.open_call("stream", "{}").await;
    other.event().await.unwrap();
    arrived(&upstream, "hang", 1).await;
    let ids: Vec<String> = tasks(&ann)
        .await
        .iter()
        .map(|one| text(one, "id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    let suspended = text_of.replace("[agents.ann]\n", "[agents.ann]\nstate = \"suspended\"\n");
    assert_ne!(text_of, suspended);
    gateway.rewrite_text(&suspended);
    assert_eq!(hanging.await.unwrap().status(), 410);
    assert_eq!(last_error(&mut streaming).await, -31410);
    assert!(listening.event().await.is_none());
    eventually("the server sees all go", || {
        gone.load(Ordering::Relaxed) == 3
    })
    .await;
    assert_eq!(ann.call("echo", "{}").await.status(), 403);
    other.silent().await;
    // Active again, it finds its tasks ended.
    gateway.rewrite_text(&text_of);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while known(&gateway, "up", "ann")
        .call("echo", "{}")
        .await
        .status()
        != 200
    {
        assert!(tokio::time::Instant::now() < end);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for id in ids {
        assert_eq!(ended(&ann, &id).await, "withdrawn");
    }
    other.silent().await;
}

/// Withdrawn is also who loses the identity it was proven by, or is taken out of the file.
#[tokio::test]
async fn an_identity_that_is_withdrawn_ends_its_tasks() {
    let (upstream, _) = patient().await;
    let setup = timed(&upstream.url(), "");
    let gateway = Gateway::start(&setup).await;
    let whole = setup.text(&gateway.place);
    let ann = known(&gateway, "up", "ann");
    let agents = whole.find("[agents.ann]").unwrap();
    let next = agents + whole[agents..].find("\n[agents.bob]").unwrap();
    let changes = [
        // Another subject is the agent now.
        whole.replace("identity = [\"keys:ann\"]", "identity = [\"keys:anna\"]"),
        // The agent is gone.
        whole[..agents].to_owned() + &whole[next..],
        // The agent has expired.
        whole[..agents].to_owned()
            + &whole[agents..].replacen("expires = 2099-01-01", "expires = 2001-01-01", 1),
    ];
    for changed in changes {
        gateway.rewrite_text(&whole);
        let end = tokio::time::Instant::now() + tests::PATIENCE;
        while ann.call("echo", "{}").await.status() != 200 {
            assert!(tokio::time::Instant::now() < end);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let mut stream = ann.open_call("stream", "{}").await;
        stream.event().await.unwrap();
        let id = text(&task(&ann).await, "id").to_owned();
        gateway.rewrite_text(&changed);
        assert_eq!(last_error(&mut stream).await, -31410);
        assert_eq!(ann.call("echo", "{}").await.status(), 403);
        let (_, list) = gateway.admin("/tasks", false).await;
        assert!(!list.contains(&id), "{list}");
        let (_, view) = gateway.admin(&format!("/tasks/{id}"), false).await;
        let view: serde_json::Value = serde_json::from_str(&view).unwrap();
        assert_eq!(view["end"]["cause"], json!("withdrawn"));
    }
}
