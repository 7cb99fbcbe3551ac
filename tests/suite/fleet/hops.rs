//! Hop tokens at another gateway than the one that has the call open: good while it is, and not a moment longer.

use super::{at, ended_all, until};
use crate::identity::{EVERYTHING, allow, keys, known, last_error, task, text, visit};
use std::sync::Arc;
use tests::setup::registered;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Gateway, Setup, Store, Upstream, Whole, eventually, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Bob holds what he is asked until he is released.
struct Held {
    one: Gateway,
    two: Gateway,
    store: Store,
    bob: Upstream,
    release: Arc<Notify>,
    _tool: Upstream,
}

// === impl Held ===

impl Held {
    async fn start() -> Self {
        let release = Arc::new(Notify::new());
        let waits = Arc::clone(&release);
        let bob = Upstream::mcp(move |received, wire| {
            let waits = Arc::clone(&waits);
            async move {
                waits.notified().await;
                let answer = json::result(&received.id(), &json::said("released"));
                plain(wire, (200, "", answer)).await
            }
        })
        .await;
        let tool = Upstream::mcp(|received, mut wire| async move {
            if received.name() == "stream" {
                sse_head(&mut wire, "").await.ok()?;
                wire.write("id: 1\ndata:\n\n").await.ok()?;
                wire.gone().await;
                return None;
            }
            let answer = json::result(&received.id(), &json::said("done"));
            plain(wire, (200, "", answer)).await
        })
        .await;
        let store = Store::start().await;
        let setup = Setup::empty()
            .without_local()
            .server_with("b", &bob.url(), "agent = \"bob\"")
            .server("tool", &tool.url())
            .rules(&allow("all", "**"))
            .tail(&keys(&["ann", "bob", "cid"]))
            .tail(&registered("ann", "\"keys:ann\"", EVERYTHING))
            .tail(&registered("bob", "\"keys:bob\"", EVERYTHING))
            .tail(&registered("cid", "\"keys:cid\"", EVERYTHING));
        let setup = store.shared_with(setup, super::STALE);
        let one = Gateway::start(&setup).await;
        let two = Gateway::start(&setup.public(one.place.port)).await;
        Self {
            one,
            two,
            store,
            bob,
            release,
            _tool: tool,
        }
    }

    /// Ann calls bob over the first gateway; gives the token he got.
    async fn carry(&self) -> (JoinHandle<Whole>, String) {
        let ann = known(&self.one, "b", "ann");
        let call = tokio::spawn(async move { ann.call("relay", "{}").await });
        eventually("bob is called", || {
            !self.bob.with_method("tools/call").is_empty()
        })
        .await;
        let received = self.bob.with_method("tools/call").remove(0);
        let token = received.head.get("txn-token").expect("a hop token");
        (call, token.to_owned())
    }

    /// Who presents a token at a gateway.
    fn bearing(gateway: &Gateway, who: &str, token: &str) -> Agent {
        let mut agent = known(gateway, "tool", who);
        agent.headers += &format!("Txn-Token: {token}\r\n");
        agent
    }
}

#[tokio::test]
async fn a_token_is_good_at_another_gateway_while_its_call_is_open() {
    let held = Held::start().await;
    let (call, token) = held.carry().await;
    let bob = Held::bearing(&held.two, "bob", &token);
    let answer = bob.call("get", "{}").await;
    assert_eq!(answer.said(), "done", "{answer:?}");
    let child = task(&known(&held.two, "tool", "bob")).await;
    let parent = task(&known(&held.one, "b", "ann")).await;
    assert_eq!(child["parent"], parent["id"]);
    assert_eq!(child["txn"], parent["txn"]);
    assert_eq!(child["chain"], serde_json::json!(["ann", "bob"]));
    // At both it is the same part of the same chain.
    let here = at(&held.one, &bob);
    assert_eq!(here.call("get", "{}").await.said(), "done");
    assert_eq!(
        task(&known(&held.one, "tool", "bob")).await["id"],
        child["id"]
    );
    // It serves bob alone, at neither of them anybody else.
    for gateway in [&held.one, &held.two] {
        let stolen = Held::bearing(gateway, "cid", &token)
            .call("get", "{}")
            .await;
        assert_eq!(
            (stolen.status(), stolen.code()),
            (404, Some(-31404)),
            "{stolen:?}"
        );
    }
    held.release.notify_one();
    assert_eq!(call.await.unwrap().said(), "released");
    let presented = async || bob.call("get", "{}").await.status();
    until("the token is worth nothing", presented, |status| {
        *status == 404
    })
    .await;
}

/// What hangs on a call at one gateway ends at the others with its task.
#[tokio::test]
async fn what_a_chain_does_elsewhere_ends_with_its_origin() {
    let held = Held::start().await;
    let (call, token) = held.carry().await;
    let bob = Held::bearing(&held.two, "bob", &token);
    let mut stream = bob.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let child = task(&known(&held.two, "tool", "bob")).await;
    let ann = known(&held.one, "b", "ann");
    let parent = task(&ann).await;
    let path = format!("/tasks/{}", text(&parent, "id"));
    assert_eq!(visit(&ann, "DELETE", &path, "").await.status(), 200);
    assert_eq!(call.await.unwrap().status(), 410);
    assert_eq!(last_error(&mut stream).await, -31410);
    ended_all(
        &[
            &known(&held.one, "tool", "bob"),
            &known(&held.two, "tool", "bob"),
        ],
        text(&child, "id"),
    )
    .await;
    assert_eq!(bob.call("get", "{}").await.status(), 404);
}

/// What a store says of a token that it was not given for is not believed.
#[tokio::test]
async fn a_token_is_what_its_gateway_said_of_it() {
    let held = Held::start().await;
    let (call, token) = held.carry().await;
    let swap = "for _, key in ipairs(redis.call('KEYS', '*')) do \
                if redis.call('TYPE', key).ok == 'string' then redis.call('APPEND', key, 'x') end end";
    held.store.ask(&["EVAL", swap, "0"]);
    let answer = Held::bearing(&held.two, "bob", &token)
        .call("get", "{}")
        .await;
    assert_eq!(answer.status(), 404, "{answer:?}");
    let here = Held::bearing(&held.one, "bob", &token);
    assert_ne!(here.call("get", "{}").await.status(), 404);
    held.release.notify_one();
    drop(call.await);
}
