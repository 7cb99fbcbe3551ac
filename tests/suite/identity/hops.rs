//! Hop tokens that are not good, and what ends good ones: forged, truncated, reordered, foreign, expired, of another
//! agent, after their call (T31).

use super::{
    EVERYTHING, audience, ended, key, keys, known, last_error, leaked, open_task, task, text, visit,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tests::issuer::{encode, now};
use tests::setup::registered;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Issuer, Setup, Upstream, Whole, eventually};
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
async fn a_changed_token_is_no_token() {
    let held = Held::start(|setup| setup).await;
    let (call, good) = held.carry().await;
    let parts: Vec<&str> = good.split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (read(parts[0]), read(parts[1]));
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        format!("{}.{}.{}", parts[0], encode(&changed), parts[2])
    };
    let under = |header: Value| format!("{}.{}.{}", encode(&header), parts[1], parts[2]);
    let ours = "not one this gateway signed";
    for (token, why) in [
        (
            with("act", json!({ "sub": "cid", "act": { "sub": "ann" } })),
            ours,
        ),
        (
            with("act", json!({ "sub": "bob", "act": { "sub": "ann" } })),
            ours,
        ),
        (with("act", Value::Null), ours),
        (with("sub", json!("cid")), ours),
        (with("exp", json!(now() + 86_400)), ours),
        (with("txn", json!("0190a5e8000070008000000000000000")), ours),
        (
            under(json!({ "alg": "none", "typ": header["typ"], "kid": header["kid"] })),
            ours,
        ),
        (
            under(json!({ "alg": "HS256", "typ": header["typ"], "kid": header["kid"] })),
            ours,
        ),
        (
            under(json!({ "alg": "EdDSA", "typ": "JWT", "kid": header["kid"] })),
            ours,
        ),
        (
            under(json!({ "alg": "EdDSA", "typ": header["typ"], "kid": "other" })),
            "of a key that is not ours",
        ),
        (good[..good.len() - 1].to_owned(), ours),
        (good[..good.len() / 2].to_owned(), ours),
        (format!("{}.{}", parts[0], parts[1]), ours),
        (format!("{}.{}.", parts[0], parts[1]), ours),
        (format!("{}.{}.{}", parts[1], parts[0], parts[2]), ours),
        (format!("{good}."), ours),
        (format!("{good}="), ours),
        (format!("{good}x"), ours),
        ("x".to_owned(), ours),
        ("..".to_owned(), ours),
        (String::new(), ours),
        (
            held.issuer.token("bob", &audience(&held.gateway, "tool")),
            ours,
        ),
        (key("bob"), ours),
    ] {
        held.assert_refused("bob", &token, why).await;
    }
    let long = "x".repeat(17 * 1024);
    held.assert_refused("bob", &long, "too long").await;
    for hop in ["7", "null", "{}", "[]", "true"] {
        let answer = in_meta(&known(&held.gateway, "tool", "bob"), hop).await;
        assert_eq!(answer.status(), 404, "{hop}: {answer:?}");
    }
    assert!(held.tool.received().is_empty());
    // As it was given it is good, for any number of calls, in any order and at once.
    let calls = (0..8).map(|_| held.present_token("bob", &good));
    let calls: Vec<_> = calls.collect();
    for call in calls {
        assert_eq!(call.await.said(), "done");
    }
    assert_eq!(
        in_meta(&known(&held.gateway, "tool", "bob"), &format!("\"{good}\""))
            .await
            .said(),
        "done"
    );
    held.release.notify_one();
    assert_eq!(call.await.unwrap().said(), "released");
    assert_eq!(leaked(&held.tool), None);
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

#[tokio::test]
async fn another_gateways_token_is_foreign() {
    let (one, two) = (
        Held::start(|setup| setup).await,
        Held::start(|setup| setup).await,
    );
    let ((_one, own), (_two, other)) = (one.carry().await, two.carry().await);
    one.assert_refused("bob", &other, "not one this gateway signed")
        .await;
    two.assert_refused("bob", &own, "not one this gateway signed")
        .await;
    assert_eq!(one.present_token("bob", &own).await.said(), "done");
    assert_eq!(two.present_token("bob", &other).await.said(), "done");
    // Nor is a token good under another public name with the very same keys.
    let key = two.gateway.place.folder.join("data/keys/own");
    let same = Setup::clone(&two.setup).gateway(&format!(
        "keys = [{{ id = \"own\", file = \"{}\" }}]",
        key.display()
    ));
    let third = Gateway::start(&same).await;
    let mut agent = known(&third, "tool", "bob");
    agent.headers += &format!("Txn-Token: {other}\r\n");
    assert_eq!(agent.call("get", "{}").await.status(), 404);
    third.stderr().wait("another gateway's").await;
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
    let all = super::tasks(&session).await;
    let child = all.iter().find(|one| text(one, "kind") == "child").unwrap();
    assert_eq!(
        (&child["chain"], &child["calls"]),
        (&json!(["ann", "bob"]), &json!(1))
    );
    // A task of another chain is not this call's.
    let foreign = super::call_in(&session, &alone["id"].to_string()).await;
    assert_eq!(foreign.status(), 404, "{foreign:?}");
    let declared = open_task(&session, "{}").await;
    assert_eq!(
        super::call_in(&session, &declared["id"].to_string())
            .await
            .said(),
        "done"
    );
    session.headers = plain;
    assert_eq!(
        super::call_in(&session, &alone["id"].to_string())
            .await
            .said(),
        "done"
    );
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
