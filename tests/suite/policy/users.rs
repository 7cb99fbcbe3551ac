//! Whom an agent acts for: as its proof says, and as the chain it is called in says.

use super::{listed, rule};
use crate::identity::chains::{Way, passes_on};
use crate::identity::{call_in, keys, known, task};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tests::setup::{Place, registered};
use tests::{Agent, Era, Gateway, Issuer, Setup, Upstream};

const ANYTHING: &str = "tools = [\"**\"], hops = 2";

/// Ann acts for whom her token names; `b` is the agent bob, who calls `tool` on.
struct World {
    gateway: Gateway,
    issuer: Issuer,
    tool: Upstream,
    _b: Upstream,
}

// === impl World ===

impl World {
    async fn start() -> Self {
        let place = Place::free();
        let address = SocketAddr::from(([127, 0, 0, 1], place.port));
        let b = passes_on(address, ("bob", "tool", "get"), Way::Header, Arc::default()).await;
        let (tool, issuer) = (Upstream::saying("done").await, Issuer::start().await);
        let rules = rule("all", "tools = [\"b/*\", \"tool/*\"]\nallow = true")
            + &rule(
                "staff",
                "tools = [\"staff/*\"]\non_behalf_of = [\"corp:*\"]\nallow = true",
            )
            + &rule(
                "guests",
                "tools = [\"tool/*\"]\non_behalf_of = [\"corp:guest-*\"]\ndeny = \"not for guests\"",
            );
        let setup = Setup::empty()
            .without_local()
            .server_with("b", &b.url(), "agent = \"bob\"")
            .server("tool", &tool.url())
            .server("staff", &tool.url())
            .rules(&rules)
            .tail(&issuer.identity("corp", "agent = \"azp\"\nuser = \"sub\""))
            .tail(&keys(&["bob", "cid"]))
            .tail(&registered("ann", "\"corp:ann\"", ANYTHING))
            .tail(&registered("bob", "\"keys:bob\"", ANYTHING))
            .tail(&registered("cid", "\"keys:cid\"", ANYTHING));
        std::fs::write(place.config(), setup.text(&place)).unwrap();
        let gateway = Gateway::at(place).await.unwrap();
        Self {
            gateway,
            issuer,
            tool,
            _b: b,
        }
    }

    /// Ann, for this user, at this server.
    fn ann(&self, user: &str, server: &str) -> Agent {
        let audience = format!("http://{}/servers/{server}/mcp", self.gateway.address());
        let mut claims = self.issuer.claims(user, &audience);
        claims["azp"] = json!("ann");
        let path = format!("/servers/{server}/mcp");
        Agent::new(self.gateway.address(), &path, Era::Modern).bearer(&self.issuer.sign(&claims))
    }
}

#[tokio::test]
async fn a_rule_speaks_of_users() {
    let world = World::start().await;
    let alice = world.ann("alice", "staff");
    assert_eq!(alice.call("get", "{}").await.said(), "done");
    assert_eq!(listed(&alice).await.len(), 4);
    let guest = world.ann("guest-1", "tool");
    assert_eq!(guest.call("get", "{}").await.code(), Some(-32602));
    // Who acts for nobody is no user's agent: there is no such server for it.
    let cid = known(&world.gateway, "staff", "cid");
    assert_eq!(cid.call("get", "{}").await.status(), 404);
}

/// An agent that is called acts for whom the caller acts for, though its own proof names nobody.
#[tokio::test]
async fn a_hop_frees_nobody() {
    let world = World::start().await;
    assert_eq!(
        world.ann("alice", "b").call("relay", "{}").await.said(),
        "done"
    );
    world.tool.forget();
    let refused = world.ann("guest-1", "b").call("relay", "{}").await;
    assert_ne!(refused.said(), "done", "{refused:?}");
    assert!(world.tool.received().is_empty());
    // Bob's own work is nobody's but his.
    let bob = known(&world.gateway, "tool", "bob");
    assert_eq!(bob.call("get", "{}").await.said(), "done");
}

/// A task that grew from another's is good with that one's hop token, while its call is open, and never by its id alone.
#[tokio::test]
async fn a_task_that_grew_is_not_named_without_its_token() {
    let world = World::start().await;
    let ann = world.ann("alice", "b");
    assert_eq!(ann.call("relay", "{}").await.said(), "done");
    let bob = known(&world.gateway, "tool", "bob");
    let grown = task(&bob).await;
    assert_eq!(grown["kind"], "child");
    world.tool.forget();
    let answer = call_in(&bob, &grown["id"].to_string()).await;
    assert_eq!(answer.status(), 404, "{answer:?}");
    assert!(world.tool.received().is_empty());
}
