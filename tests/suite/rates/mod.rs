//! How much: limits and budgets through the real binary, whoever calls and however it ends.

mod budgets;
mod facts;
mod per;
mod places;
mod queue;

use crate::identity::{allow, keys};
use serde_json::Value;
use std::time::Duration;
use tests::setup::registered;
use tests::{Agent, Gateway, Setup, Upstream, Whole};

/// So slow that no cell comes back while a test runs.
const SLOW: &str = "3/d";

/// A rule that allows everything and holds it against this limit.
fn limited(limit: &str) -> String {
    format!("{}limit = {limit}\n", allow("all", "**"))
}

/// Agents, each with a static key and an envelope that keeps nothing out and says this besides.
fn staff(setup: Setup, agents: &[(&str, &str)]) -> Setup {
    let subjects: Vec<&str> = agents.iter().map(|(name, _)| *name).collect();
    let known = |(name, more): &(&str, &str)| {
        let envelope = format!("tools = [\"**\"], hops = 8{more}");
        registered(name, &format!("\"keys:{name}\""), &envelope)
    };
    let tables: String = agents.iter().map(known).collect();
    setup.without_local().tail(&keys(&subjects)).tail(&tables)
}

/// A gateway before a server whose every tool says `ok`; its agents are ann and bob.
async fn pair(rules: &str, envelope: &str) -> (Gateway, Upstream) {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url()).rules(rules);
    let setup = staff(setup, &[("ann", envelope), ("bob", "")]);
    (Gateway::start(&setup).await, upstream)
}

/// How many of so many calls pass.
async fn passing(agent: &Agent, calls: usize) -> usize {
    let mut passed = 0;
    for _ in 0..calls {
        let answer = agent.call("echo", "{}").await;
        match answer.status() {
            200 => passed += 1,
            status => assert_eq!((status, answer.code()), (429, Some(-31_429)), "{answer:?}"),
        }
    }
    passed
}

/// The facts of a refusal.
fn facts(answer: &Whole) -> Value {
    assert_eq!(
        (answer.status(), answer.code()),
        (429, Some(-31_429)),
        "{answer:?}"
    );
    answer.json()["error"]["data"].clone()
}

/// Waits until a call passes.
async fn until_passes(agent: &Agent) {
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while agent.call("echo", "{}").await.status() != 200 {
        assert!(tokio::time::Instant::now() < end, "never passed again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
