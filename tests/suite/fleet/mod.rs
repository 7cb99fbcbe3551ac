//! Several gateways over one real `redis-server`: what one opens the others find, and what one ends is over for all.

mod hops;
mod limits;
mod outages;
mod sessions;
mod tasks;
mod withdrawn;

use crate::identity::{self, staffed, visit};
use serde_json::Value;
use std::time::Duration;
use tests::{Agent, Gateway, PATIENCE, Setup, Store, Upstream};
use tokio::time::{Instant, sleep};

/// Two gateways that are one.
struct Fleet {
    store: Store,
    one: Gateway,
    two: Gateway,
    upstream: Upstream,
}

/// Nothing for tests that break the store to wait long for.
const STALE: &str = ", stale = \"2s\"";

// === impl Fleet ===

impl Fleet {
    /// Before a server that answers, hangs or streams, by the name of the tool.
    async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(more: impl FnOnce(Setup) -> Setup) -> Self {
        let (upstream, _) = identity::patient().await;
        Self::before(upstream, more).await
    }

    /// The agents are ann and bob, known by static keys.
    async fn before(upstream: Upstream, more: impl FnOnce(Setup) -> Setup) -> Self {
        let setup = more(staffed(Setup::new(&upstream.url()), &["ann", "bob"]));
        Self::of(upstream, setup).await
    }

    async fn of(upstream: Upstream, setup: Setup) -> Self {
        let store = Store::start().await;
        let setup = store.shared_with(setup, STALE);
        let one = Gateway::start(&setup).await;
        let two = Gateway::start(&setup.public(one.place.port)).await;
        Self {
            store,
            one,
            two,
            upstream,
        }
    }

    /// One agent as a client of each gateway.
    fn known(&self, agent: &str) -> (Agent, Agent) {
        let at = |gateway: &Gateway| identity::known(gateway, "up", agent);
        (at(&self.one), at(&self.two))
    }
}

/// The same client, at another gateway.
fn at(gateway: &Gateway, agent: &Agent) -> Agent {
    let mut other = Agent::new(gateway.address(), &agent.path, agent.era);
    other.revision.clone_from(&agent.revision);
    other.session.clone_from(&agent.session);
    other.headers.clone_from(&agent.headers);
    other
}

/// Waits until an answer is as wanted, asking often.
async fn until<T: std::fmt::Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "did not happen: {what}: {answer:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A task as this gateway shows it.
async fn shown(agent: &Agent, id: &str) -> Value {
    visit(agent, "GET", &format!("/tasks/{id}"), "")
        .await
        .json()
}

/// The status of one plain call.
async fn status(agent: &Agent) -> u16 {
    agent.call("echo", "{}").await.status()
}

/// Waits until a gateway is ready, or is not, and says why.
async fn readiness(gateway: &Gateway, ready: bool) -> String {
    let wanted = if ready { 200 } else { 503 };
    let asked = async || {
        let (head, body) = gateway.admin("/readyz", true).await;
        (head.status(), body)
    };
    until("readiness", asked, |(status, _)| *status == wanted)
        .await
        .1
}

/// Waits until a task has ended at all of them.
async fn ended_all(agents: &[&Agent], id: &str) {
    for agent in agents {
        identity::ended(agent, id).await;
    }
}
