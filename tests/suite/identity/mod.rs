//! Who calls, in which task and through which agents: every promise of identity through the real binary.

mod availability;
mod bounds;
pub(crate) mod chains;
mod endings;
mod fallback;
mod foreign;
mod hops;
mod issuers;
mod meaning;
mod metadata;
mod restart;
mod ring;
mod scopes;
mod spiffe;
mod tasks;
mod tokens;
mod wycheproof;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::setup::registered;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Answer, Era, Gateway, Issuer, Setup, Upstream, Whole, json};
use tokio::task::JoinHandle;

/// A gateway that believes one issuer, `corp`, and knows one of its subjects, `worker`, as an agent.
struct World {
    gateway: Gateway,
    upstream: Upstream,
    issuer: Issuer,
}

// === impl World ===

impl World {
    async fn start() -> Self {
        Self::with("", "").await
    }

    /// The same with further keys of the identity, and further tables.
    async fn with(keys: &str, tables: &str) -> Self {
        let issuer = Issuer::start().await;
        let upstream = Upstream::saying("ok").await;
        let setup = Setup::new(&upstream.url())
            .without_local()
            .rules(&allow("all", "up/**"))
            .tail(&issuer.identity("corp", keys))
            .tail(&registered("worker", "\"corp:worker\"", EVERYTHING))
            .tail(tables);
        let gateway = Gateway::start(&setup).await;
        Self {
            gateway,
            upstream,
            issuer,
        }
    }

    /// The same after a restart of the gateway.
    async fn restart(self) -> Self {
        let gateway = self.gateway.restart().await;
        Self { gateway, ..self }
    }

    /// Good claims of a subject for the server `up`.
    fn claims(&self, subject: &str) -> Value {
        self.issuer.claims(subject, &audience(&self.gateway, "up"))
    }

    /// Good claims with some members replaced, added, or, where null, taken away.
    fn changed(&self, subject: &str, change: Value) -> Value {
        let mut claims = self.claims(subject);
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    fn token(&self, subject: &str) -> String {
        self.issuer.sign(&self.claims(subject))
    }

    /// One call of the server `up` with this token.
    async fn call(&self, token: &str) -> Whole {
        self.agent(token).call("echo", "{}").await
    }

    fn agent(&self, token: &str) -> Agent {
        Agent::modern(&self.gateway).bearer(token)
    }
}

/// An envelope that keeps nothing out.
pub(crate) const EVERYTHING: &str = "tools = [\"**\"], hops = 8";

/// The canonical URI of a server's endpoint.
fn audience(gateway: &Gateway, server: &str) -> String {
    format!("http://{}/servers/{server}/mcp", gateway.address())
}

/// A rule that allows `tools` to every agent.
pub(crate) fn allow(name: &str, tools: &str) -> String {
    format!("\n[[rules]]\nname = \"{name}\"\ntools = [\"{tools}\"]\nallow = true\n")
}

/// An identity `keys` with a static key for each of these subjects.
pub(crate) fn keys(subjects: &[&str]) -> String {
    let rows: Vec<String> = subjects
        .iter()
        .map(|id| format!("{{ id = \"{id}\", hash = \"{}\" }}", hash(&key(id))))
        .collect();
    format!(
        "\n[identities.keys]\nkind = \"key\"\nkeys = [{}]\n",
        rows.join(", ")
    )
}

/// Only these agents, each with a static key of its own, and everything allowed to them.
pub(crate) fn staffed(setup: Setup, agents: &[&str]) -> Setup {
    let known = |name: &&str| registered(name, &format!("\"keys:{name}\""), EVERYTHING);
    let tables: String = agents.iter().map(known).collect();
    setup
        .without_local()
        .rules(&allow("all", "**"))
        .tail(&keys(agents))
        .tail(&tables)
}

/// The static key of a subject.
pub(crate) fn key(subject: &str) -> String {
    format!("key-of-{subject}-0123456789abcdefghijklmnopqrstuvwxyz")
}

fn hash(key: &str) -> String {
    let digest = digest(&SHA256, key.as_bytes());
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// A client of any server, known by a static key.
pub(crate) fn known(gateway: &Gateway, server: &str, subject: &str) -> Agent {
    let path = format!("/servers/{server}/mcp");
    Agent::new(gateway.address(), &path, Era::Modern).bearer(&key(subject))
}

/// The same of the server `up` in a session of its own.
pub(crate) async fn in_session(gateway: &Gateway, subject: &str) -> Agent {
    let mut agent = known(gateway, "up", subject);
    agent.era = Era::Legacy;
    "2025-11-25".clone_into(&mut agent.revision);
    agent.initialize().await;
    agent
}

/// Any request beside the calls, as this agent.
pub(crate) async fn visit(agent: &Agent, verb: &str, path: &str, body: &str) -> Whole {
    let head = format!("{verb} {path} HTTP/1.1\r\n{}", agent.headers);
    agent.send(&head, body.as_bytes()).await.whole().await
}

/// The agent's own open tasks.
pub(crate) async fn tasks(agent: &Agent) -> Vec<Value> {
    let list = visit(agent, "GET", "/tasks", "").await;
    assert_eq!(list.status(), 200, "{list:?}");
    list.json()["tasks"].as_array().unwrap().clone()
}

/// The agent's only open task of a kind that is not that of its handshakes.
pub(crate) async fn task(agent: &Agent) -> Value {
    let mut all = tasks(agent).await;
    if agent.session.is_some() {
        // `initialize` comes before there is a session.
        all.retain(|one| text(one, "kind") != "implicit");
    }
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// A text member.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

/// Whether the server was ever sent what is the gateway's alone, or what proves the caller.
fn leaked(upstream: &Upstream) -> Option<String> {
    const PROOFS: [&str; 6] = [
        "authorization",
        "dpop",
        "txn-token",
        "cookie",
        "proxy-authorization",
        "hopgate-call",
    ];
    upstream.received().into_iter().find_map(|one| {
        let proof = |(name, _): &(String, String)| PROOFS.contains(&name.to_lowercase().as_str());
        let header = one.head.headers.iter().find(|header| proof(header));
        let member = one.text().contains("dev.hopgate/").then(|| one.text());
        header.map(|(name, _)| name.clone()).or(member)
    })
}

/// A server whose tool `hang` never answers, whose tool `stream` and whose GET open streams that never end; it counts
/// the callers that left those.
pub(crate) async fn patient() -> (Upstream, Arc<AtomicUsize>) {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let upstream = Upstream::mcp(move |received, mut wire| {
        let count = Arc::clone(&count);
        async move {
            let streams = received.verb() == "GET" || received.name() == "stream";
            if streams {
                sse_head(&mut wire, "").await.ok()?;
                wire.write("id: 1\ndata:\n\n").await.ok()?;
            } else if received.name() != "hang" {
                let answer = json::result(&received.id(), &json::said("ok"));
                return plain(wire, (200, "", answer)).await;
            }
            wire.gone().await;
            count.fetch_add(1, Ordering::Relaxed);
            None
        }
    })
    .await;
    (upstream, gone)
}

/// A call that never ends by itself, running beside the test until its answer comes.
pub(crate) fn hanging(agent: Agent) -> JoinHandle<Whole> {
    tokio::spawn(async move { agent.call("hang", "{}").await })
}

/// Waits until the server has got `count` calls of a tool.
pub(crate) async fn arrived(upstream: &Upstream, tool: &str, count: usize) {
    tests::eventually("the call arrives", || {
        let calls = upstream.with_method("tools/call");
        calls.iter().filter(|one| one.name() == tool).count() >= count
    })
    .await;
}

/// Calls the tool `echo` within the task that this JSON names.
pub(crate) async fn call_in(agent: &Agent, task: &str) -> Whole {
    let named = format!("\"_meta\":{{\"dev.hopgate/task\":{task}");
    let params = match agent.era {
        Era::Modern => tests::agent::with_meta(r#"{"name":"echo","arguments":{}}"#).replacen(
            "\"_meta\":{",
            &format!("{named},"),
            1,
        ),
        Era::Legacy => format!("{{{named}}},\"name\":\"echo\",\"arguments\":{{}}}}"),
    };
    agent.request("tools/call", &params).await
}

/// Opens a task and gives its view.
pub(crate) async fn open_task(agent: &Agent, wish: &str) -> Value {
    let answer = visit(agent, "POST", "/tasks", wish).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    answer.json()
}

/// Waits until a task has ended, and gives the cause.
pub(crate) async fn ended(agent: &Agent, id: &str) -> String {
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    loop {
        let view = visit(agent, "GET", &format!("/tasks/{id}"), "")
            .await
            .json();
        if let Some(cause) = view["end"]["cause"].as_str() {
            return cause.to_owned();
        }
        assert!(tokio::time::Instant::now() < end, "never ended: {view}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Ends a stream's reading at the event that took the answer's place, and asserts that nothing follows.
pub(crate) async fn last_error(answer: &mut Answer) -> i64 {
    let message = answer.message().await;
    assert!(answer.event().await.is_none());
    let code = message["error"]["code"].as_i64();
    code.unwrap_or_else(|| panic!("{message}"))
}
