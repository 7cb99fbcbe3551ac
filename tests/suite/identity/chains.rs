//! Agents that call agents: three real servers, each calling on through the gateway, and what the last decision sees.

use super::{EVERYTHING, key, keys, known, leaked, tasks, text};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tests::setup::{Place, registered};
use tests::upstream::{lifecycle, plain};
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, Whole, json as raw};

/// Where an agent puts the hop token it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Header,
    Meta,
    Both,
    Nowhere,
}

/// Ann calls `b`, which is the agent bob; bob calls `c`, which is the agent cid; cid calls `tool`, which is none.
struct Relay {
    gateway: Gateway,
    b: Upstream,
    c: Upstream,
    tool: Upstream,
    /// What bob's and cid's own calls were answered with.
    answers: Arc<Mutex<Vec<Whole>>>,
}

/// How the agents of a relay are registered, and which way they pass the token on.
struct Cast {
    ann: &'static str,
    bob: &'static str,
    cid: &'static str,
    /// Put before `owner` of cid's table.
    keys: &'static str,
    ways: [Way; 2],
    called: &'static str,
}

/// Everybody may do everything, and the token goes by the header.
const PLAIN: Cast = Cast {
    ann: EVERYTHING,
    bob: EVERYTHING,
    cid: EVERYTHING,
    keys: "",
    ways: [Way::Header; 2],
    called: "get",
};

/// The hop token a request brought, the same in both places.
fn hop(received: &Received) -> String {
    let header = received
        .head
        .get("txn-token")
        .expect("a hop token")
        .to_owned();
    let meta = received.raw(&["params", "_meta", "dev.hopgate/hop"]);
    assert_eq!(meta, Some(format!("\"{header}\"")));
    header
}

/// A call of an agent that passes a hop token on.
async fn call_on(agent: &mut Agent, tool: &str, (way, token): (Way, &str)) -> Whole {
    if matches!(way, Way::Header | Way::Both) {
        agent.headers += &format!("Txn-Token: {token}\r\n");
    }
    let name = raw::quote(tool);
    let mut params = tests::agent::with_meta(&format!("{{\"name\":{name},\"arguments\":{{}}}}"));
    if matches!(way, Way::Meta | Way::Both) {
        let meta = format!("\"_meta\":{{\"dev.hopgate/hop\":\"{token}\",");
        params = params.replacen("\"_meta\":{", &meta, 1);
    }
    agent.request("tools/call", &params).await
}

/// An agent behind a server: what it is asked, it asks of the next.
pub(crate) async fn passes_on(
    address: SocketAddr,
    (own, next, tool): (&'static str, &'static str, &'static str),
    way: Way,
    answers: Arc<Mutex<Vec<Whole>>>,
) -> Upstream {
    Upstream::start(move |received, wire| {
        let answers = Arc::clone(&answers);
        async move {
            if let Some(answer) = lifecycle(&received) {
                return plain(wire, answer).await;
            }
            let path = format!("/servers/{next}/mcp");
            let mut agent = Agent::new(address, &path, Era::Modern).bearer(&key(own));
            let answer = call_on(&mut agent, tool, (way, &hop(&received))).await;
            let said = answer.said();
            answers.lock().unwrap().push(answer);
            plain(
                wire,
                (200, "", raw::result(&received.id(), &raw::said(&said))),
            )
            .await
        }
    })
    .await
}

// === impl Relay ===

impl Relay {
    async fn start(cast: Cast) -> Self {
        let place = Place::free();
        let address = SocketAddr::from(([127, 0, 0, 1], place.port));
        let answers = Arc::default();
        let [first, second] = cast.ways;
        let b = passes_on(address, ("bob", "c", "relay"), first, Arc::clone(&answers)).await;
        let c = passes_on(
            address,
            ("cid", "tool", cast.called),
            second,
            Arc::clone(&answers),
        )
        .await;
        let tool = Upstream::saying("done").await;
        let cid = registered("cid", "\"keys:cid\"", cast.cid)
            .replace("owner", &format!("{}owner", cast.keys));
        let setup = Setup::empty()
            .without_local()
            .server_with("b", &b.url(), "agent = \"bob\"")
            .server_with("c", &c.url(), "agent = \"cid\"")
            .server("tool", &tool.url())
            .rules(&super::allow("all", "**"))
            .tail(&keys(&["ann", "bob", "cid"]))
            .tail(&registered("ann", "\"keys:ann\"", cast.ann))
            .tail(&registered("bob", "\"keys:bob\"", cast.bob))
            .tail(&cid);
        std::fs::write(place.config(), setup.text(&place)).unwrap();
        let gateway = Gateway::at(place).await.unwrap();
        Self {
            gateway,
            b,
            c,
            tool,
            answers,
        }
    }

    async fn call(&self) -> Whole {
        known(&self.gateway, "b", "ann").call("relay", "{}").await
    }

    /// The only task of one of the three.
    async fn task(&self, agent: &str) -> Value {
        super::task(&known(&self.gateway, "b", agent)).await
    }

    /// The status and code of the call that was answered first: that of the agent farthest from the origin.
    fn last(&self) -> (u16, Option<i64>) {
        let answers = self.answers.lock().unwrap();
        let last = answers.first().expect("an answer");
        (last.status(), last.code())
    }
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

/// What one agent of a chain has read reaches the one that called it.
#[tokio::test]
async fn what_one_has_touched_all_have() {
    let relay = Relay::start(PLAIN).await;
    let text = std::fs::read_to_string(relay.gateway.place.config()).unwrap();
    let more = "[servers.tool.tools]\n\"*\" = { effect = \"read\", untrusted = true }\n[[rules]]\nname = \"clean\"\n\
        tools = [\"b/*\"]\nafter = { untrusted = true }\ndeny = \"it has read what anybody may have written\"\n";
    relay.gateway.rewrite_text(&format!("{text}\n{more}"));
    relay.gateway.signal("HUP");
    relay.gateway.stderr().wait("configuration loaded").await;
    assert_eq!(relay.call().await.said(), "done");
    assert_eq!(relay.task("ann").await["untrusted"], true);
    assert!(relay.call().await.said().contains("it has read"));
    assert_eq!(relay.b.with_method("tools/call").len(), 1);
}

#[tokio::test]
async fn a_chain_of_three_is_seen_whole() {
    for ways in [
        [Way::Header; 2],
        [Way::Meta; 2],
        [Way::Both; 2],
        [Way::Header, Way::Meta],
    ] {
        let relay = Relay::start(Cast { ways, ..PLAIN }).await;
        for _ in 0..2 {
            assert_eq!(relay.call().await.said(), "done", "{ways:?}");
        }
        let (ann, bob, cid) = (
            relay.task("ann").await,
            relay.task("bob").await,
            relay.task("cid").await,
        );
        assert_eq!(ann["chain"], json!(["ann"]));
        assert_eq!(bob["chain"], json!(["ann", "bob"]));
        assert_eq!(cid["chain"], json!(["ann", "bob", "cid"]));
        assert!(
            bob["txn"] == ann["txn"] && cid["txn"] == ann["txn"],
            "{ann} {bob} {cid}"
        );
        assert!(
            bob["parent"] == ann["id"] && cid["parent"] == bob["id"],
            "{ann} {bob} {cid}"
        );
        assert_eq!((text(&bob, "kind"), &bob["calls"]), ("child", &json!(2)));
        // The tool's server is no agent: it learns nothing of all this.
        assert_eq!(relay.tool.with_method("tools/call").len(), 2);
        assert_eq!(leaked(&relay.tool), None);
        // Who is one learns of nobody's proof, and its own token only.
        for (upstream, agent, outer) in [(&relay.b, "bob", "ann"), (&relay.c, "cid", "bob")] {
            for received in upstream.with_method("tools/call") {
                assert_eq!(received.head.get("authorization"), None);
                let claims = claims(&hop(&received));
                let public = format!("http://{}", relay.gateway.address());
                assert_eq!(
                    (text(&claims, "aud"), text(&claims, "iss")),
                    (&*public, &*public)
                );
                assert_eq!(
                    (text(&claims, "sub"), text(&claims, "txn")),
                    (agent, text(&ann, "txn"))
                );
                assert_eq!(claims["act"]["sub"], outer);
                assert!(claims["exp"].as_u64() > Some(tests::issuer::now()));
            }
        }
        let second = claims(&hop(&relay.c.with_method("tools/call")[0]));
        assert_eq!(
            second["act"],
            json!({ "sub": "bob", "act": { "sub": "ann" } })
        );
    }
}

/// Without its token an agent's call is its own: it begins a chain of one.
#[tokio::test]
async fn an_agent_that_keeps_its_token_starts_its_own_chain() {
    let relay = Relay::start(Cast {
        ways: [Way::Nowhere, Way::Header],
        ..PLAIN
    })
    .await;
    assert_eq!(relay.call().await.said(), "done");
    let (ann, bob, cid) = (
        relay.task("ann").await,
        relay.task("bob").await,
        relay.task("cid").await,
    );
    assert_eq!(bob["chain"], json!(["bob"]));
    assert_eq!(cid["chain"], json!(["bob", "cid"]));
    assert!(bob["txn"] != ann["txn"] && cid["txn"] == bob["txn"]);
}

/// What the origin may not do nobody does for it, however much the others may.
#[tokio::test]
async fn every_envelope_of_the_chain_holds() {
    let narrow = "tools = [\"b/**\", \"c/**\", \"tool/get\"], hops = 8";
    for (at, cast) in [
        (
            "ann",
            Cast {
                ann: narrow,
                called: "put",
                ..PLAIN
            },
        ),
        (
            "bob",
            Cast {
                bob: narrow,
                called: "put",
                ..PLAIN
            },
        ),
        (
            "cid",
            Cast {
                cid: narrow,
                called: "put",
                ..PLAIN
            },
        ),
    ] {
        let relay = Relay::start(cast).await;
        relay.call().await;
        assert_eq!(relay.last(), (200, Some(-32602)), "{at}");
        assert!(relay.tool.with_method("tools/call").is_empty(), "{at}");
        let line = refusal(&relay, "tool=\"put\"");
        assert!(
            line.contains("chain=\"ann>bob>cid\"") && line.contains("agent=\"cid\""),
            "{line}"
        );
        let txn = format!("txn=\"{}\"", text(&relay.task("ann").await, "txn"));
        assert!(line.contains(&txn), "{txn} {line}");
        // By itself the last one may.
        let own = known(&relay.gateway, "tool", "cid").call("put", "{}").await;
        assert_eq!(own.code().is_none(), at != "cid", "{own:?}");
    }
    let relay = Relay::start(Cast {
        ann: narrow,
        ..PLAIN
    })
    .await;
    assert_eq!(relay.call().await.said(), "done");
}

/// The line of the refusal that holds `what`.
fn refusal(relay: &Relay, what: &str) -> String {
    let log = relay.gateway.stderr().text();
    let line = log
        .lines()
        .find(|line| line.contains("call refused") && line.contains(what));
    line.unwrap_or_else(|| panic!("no {what} in {log}"))
        .to_owned()
}

#[tokio::test]
async fn a_chain_is_no_deeper_than_its_least_envelope() {
    let two = "tools = [\"**\"], hops = 2";
    for (at, cast) in [
        ("ann", Cast { ann: two, ..PLAIN }),
        ("bob", Cast { bob: two, ..PLAIN }),
        ("cid", Cast { cid: two, ..PLAIN }),
    ] {
        let relay = Relay::start(cast).await;
        relay.call().await;
        assert_eq!(relay.last(), (403, Some(-31403)), "{at}");
        assert!(relay.tool.received().is_empty(), "{at}");
        let line = refusal(&relay, "server=tool");
        assert!(line.contains("at most 2 agents"), "{line}");
    }
    // The default is an agent alone.
    let relay = Relay::start(Cast {
        ann: "tools = [\"**\"]",
        ..PLAIN
    })
    .await;
    relay.call().await;
    assert!(relay.c.received().is_empty());
    assert_eq!(relay.last().0, 403);
    let three = "tools = [\"**\"], hops = 3";
    let relay = Relay::start(Cast {
        ann: three,
        bob: three,
        cid: three,
        ..PLAIN
    })
    .await;
    assert_eq!(relay.call().await.said(), "done");
}

#[tokio::test]
async fn some_agents_act_only_in_a_chain() {
    let relay = Relay::start(Cast {
        keys: "requires_chain = true\n",
        ..PLAIN
    })
    .await;
    let alone = known(&relay.gateway, "tool", "cid").call("get", "{}").await;
    assert_eq!(alone.status(), 403, "{alone:?}");
    assert!(relay.tool.received().is_empty());
    relay.gateway.stderr().wait("no hop token came").await;
    assert_eq!(relay.call().await.said(), "done");
    // The end of the call that carried it is the end of the chain.
    let again = known(&relay.gateway, "tool", "cid").call("get", "{}").await;
    assert_eq!(again.status(), 403, "{again:?}");
    // A session opened alone is no way around it.
    let mut session = known(&relay.gateway, "tool", "cid");
    session.era = Era::Legacy;
    let opened = session.request("initialize", r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}"#);
    assert_eq!(opened.await.status(), 403);
    assert!(
        tasks(&session)
            .await
            .iter()
            .all(|one| one["chain"] != json!(["cid"]) || one["calls"] == json!(0))
    );
}
