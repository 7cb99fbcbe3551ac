//! Hop tokens that are not good, and what ends good ones: forged, truncated, reordered, foreign, expired, of another
//! agent, after their call (T31).

mod forged;
mod lives;

use super::{EVERYTHING, keys, known, leaked, visit};
use serde_json::Value;
use std::sync::Arc;
use tests::setup::registered;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Gateway, Issuer, Setup, Upstream, Whole, eventually};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Bob holds what he is asked until he is released, so that the test may act for him meanwhile.
pub(super) struct Held {
    pub(super) gateway: Gateway,
    pub(super) bob: Upstream,
    pub(super) tool: Upstream,
    pub(super) release: Arc<Notify>,
    issuer: Issuer,
    setup: Setup,
}

// === impl Held ===

impl Held {
    pub(super) async fn start(gateway: impl FnOnce(Setup) -> Setup) -> Self {
        let release = Arc::new(Notify::new());
        let waits = Arc::clone(&release);
        let bob = Upstream::mcp(move |received, mut wire| {
            let waits = Arc::clone(&waits);
            async move {
                tokio::select! {
                    () = waits.notified() => {
                        let answer = tests::json::result(&received.id(), &tests::json::said("released"));
                        plain(wire, (200, "", answer)).await
                    }
                    () = wire.gone() => None,
                }
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
            let answer = tests::json::result(&received.id(), &tests::json::said("done"));
            plain(wire, (200, "", answer)).await
        })
        .await;
        let issuer = Issuer::start().await;
        let setup = gateway(Setup::empty().without_local())
            .server_with("b", &bob.url(), "agent = \"bob\"")
            .server("tool", &tool.url())
            .rules(&super::allow("all", "**"))
            .tail(&issuer.identity("corp", ""))
            .tail(&keys(&["ann", "bob", "cid"]))
            .tail(&registered("ann", "\"keys:ann\", \"corp:ann\"", EVERYTHING))
            .tail(&registered("bob", "\"keys:bob\"", EVERYTHING))
            .tail(&registered("cid", "\"keys:cid\"", EVERYTHING));
        Self {
            gateway: Gateway::start(&setup).await,
            bob,
            tool,
            release,
            issuer,
            setup,
        }
    }

    /// Ann calls bob, who holds the call; gives the token he got with it.
    pub(super) async fn carry(&self) -> (JoinHandle<Whole>, String) {
        self.carry_as(known(&self.gateway, "b", "ann")).await
    }

    async fn carry_as(&self, ann: Agent) -> (JoinHandle<Whole>, String) {
        let before = self.bob.with_method("tools/call").len();
        let call = tokio::spawn(async move { ann.call("relay", "{}").await });
        eventually("bob is called", || {
            self.bob.with_method("tools/call").len() > before
        })
        .await;
        let received = self.bob.with_method("tools/call").remove(before);
        let token = received.head.get("txn-token").expect("a hop token");
        (call, token.to_owned())
    }

    /// A call of the tool by one of them with these header lines.
    pub(super) async fn present(&self, who: &str, headers: &str) -> Whole {
        let mut agent = known(&self.gateway, "tool", who);
        agent.headers += headers;
        agent.call("get", "{}").await
    }

    pub(super) async fn present_token(&self, who: &str, token: &str) -> Whole {
        self.present(who, &format!("Txn-Token: {token}\r\n")).await
    }

    /// Asserts that bob's call with this token is refused, and that the operator reads why.
    pub(super) async fn assert_refused(&self, who: &str, token: &str, why: &str) {
        let before = self.gateway.stderr().text().len();
        let answer = self.present_token(who, token).await;
        self.assert_unknown(&answer, why, before).await;
        // The same in `_meta`, where a text of any bytes can stand.
        let agent = known(&self.gateway, "tool", who);
        let answer = in_meta(&agent, &Value::from(token).to_string()).await;
        self.assert_unknown(&answer, why, before).await;
    }

    async fn assert_unknown(&self, answer: &Whole, why: &str, before: usize) {
        assert_eq!(
            (answer.status(), answer.code()),
            (404, Some(-31404)),
            "{why}: {answer:?}"
        );
        assert_eq!(
            answer.json()["error"]["message"],
            "Chain not found",
            "{why}"
        );
        let log = self.gateway.stderr().text();
        let line = log[before..]
            .lines()
            .rfind(|line| line.contains("call refused"));
        let line = line.unwrap_or_else(|| panic!("no record: {log}"));
        assert!(
            line.contains(why) && line.contains("refused=\"chain\""),
            "{why}: {line}"
        );
    }
}

/// A call of the tool with this JSON in `_meta`.
async fn in_meta(agent: &Agent, hop: &str) -> Whole {
    let params = tests::agent::with_meta(r#"{"name":"get","arguments":{}}"#);
    let meta = format!("\"_meta\":{{\"dev.hopgate/hop\":{hop},");
    let params = params.replacen("\"_meta\":{", &meta, 1);
    agent.request("tools/call", &params).await
}

#[tokio::test]
async fn header_and_meta_say_the_same() {
    let held = Held::start(|setup| setup).await;
    let ((_one, first), (_two, second)) = (held.carry().await, held.carry().await);
    assert_ne!(first, second);
    let mut agent = known(&held.gateway, "tool", "bob");
    let plain = agent.headers.clone();
    for (header, meta, status) in [
        (&*first, format!("\"{second}\""), 400),
        ("x", format!("\"{first}\""), 400),
        (&first, "\"\"".to_owned(), 400),
        (&first, "7".to_owned(), 400),
        (&first, format!("\"{first}\""), 200),
        (&second, format!("\"{second}\""), 200),
    ] {
        agent.headers = format!("{plain}Txn-Token: {header}\r\n");
        let answer = in_meta(&agent, &meta).await;
        assert_eq!(answer.status(), status, "{meta}: {answer:?}");
    }
    // Twice is not once, even where both are good, or the same.
    for other in [&first, &second, "x"] {
        let headers = format!("Txn-Token: {first}\r\nTxn-Token: {other}\r\n");
        let answer = held.present("bob", &headers).await;
        assert!((400..500).contains(&answer.status()), "{other}: {answer:?}");
        let path = "/tasks";
        agent.headers = format!("{plain}{headers}");
        let answer = visit(&agent, "POST", path, "").await;
        assert!((400..500).contains(&answer.status()), "{other}: {answer:?}");
    }
    assert_eq!(held.tool.with_method("tools/call").len(), 2);
}

#[tokio::test]
async fn a_token_serves_the_agent_it_names() {
    let held = Held::start(|setup| setup).await;
    let (call, good) = held.carry().await;
    for thief in ["ann", "cid"] {
        held.assert_refused(thief, &good, "given to another agent")
            .await;
    }
    // The token is no proof of who calls.
    let mut nobody = known(&held.gateway, "tool", "bob");
    nobody.headers = format!("Txn-Token: {good}\r\n");
    assert_eq!(nobody.call("get", "{}").await.status(), 401);
    nobody.headers = format!("Authorization: Bearer {good}\r\n");
    assert_eq!(nobody.call("get", "{}").await.status(), 401);
    assert!(held.tool.received().is_empty());
    assert_eq!(held.present_token("bob", &good).await.said(), "done");
    held.release.notify_one();
    call.await.unwrap();
}

/// What a client puts under the gateway's own keys reaches nobody.
#[tokio::test]
async fn the_gateways_keys_are_its_own() {
    let held = Held::start(|setup| setup).await;
    let ann = known(&held.gateway, "tool", "ann");
    let params = tests::agent::with_meta(r#"{"name":"get","arguments":{"dev.hopgate":1}}"#);
    let params = params.replacen(
        "\"_meta\":{",
        "\"_meta\":{\"dev.hopgate/other\":{\"a\":[1]},\"dev.hopgate/\":1,\"dev.hopgatex/kept\":1,",
        1,
    );
    let answer = ann.request("tools/call", &params).await;
    assert_eq!(answer.said(), "done", "{answer:?}");
    assert_eq!(leaked(&held.tool), None);
    let sent = held.tool.with_method("tools/call").remove(0);
    assert_eq!(
        sent.raw(&["params", "_meta", "dev.hopgatex/kept"]),
        Some("1".to_owned())
    );
    assert_eq!(
        sent.raw(&["params", "arguments"]),
        Some(r#"{"dev.hopgate":1}"#.to_owned())
    );
}
