//! The records: every call is in them before it has an effect, once and truly, whatever happens to anybody.

mod batches;
mod books;
mod crashes;
mod disk;
mod facts;
mod floods;
mod kinds;
mod number;
mod order;
mod remembered;
mod removed;
mod secrecy;
mod sizes;
mod storm;
mod truth;
mod twice;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tests::records::folder;
use tests::{Agent, Gateway, Head, Records, Upstream, Wire, eventually, json};

/// The id of the call an answer belongs to.
fn id(head: &Head) -> String {
    head.get("hopgate-call").expect("Hopgate-Call").to_owned()
}

/// The calls log of a gateway, known to its upstream once there is one.
#[derive(Debug, Clone, Default)]
struct Window(Arc<OnceLock<PathBuf>>);

// === impl Window ===

impl Window {
    fn open(&self, gateway: &Gateway) {
        self.0.set(folder(&gateway.place)).expect("opened once");
    }

    /// Whether a whole line of the first segment holds all of this.
    fn shows(&self, words: &[&str]) -> bool {
        let folder = self.0.get().expect("a gateway");
        let text = std::fs::read_to_string(folder.join("calls/00000001.jsonl")).expect("calls");
        let mut lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines.any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// Whether a record of this kind of this call is there.
    fn has(&self, kind: &str, call: &str) -> bool {
        self.shows(&[
            &format!("\"kind\":\"{kind}\""),
            &format!("\"call\":\"{call}\""),
        ])
    }
}

/// Waits until a gateway's records hold this many outcomes.
async fn outcomes(gateway: &Gateway, count: usize) -> Records {
    eventually("the outcomes are on record", || {
        Records::read(&gateway.place).kind("calls", "outcome").len() >= count
    })
    .await;
    Records::read(&gateway.place)
}

/// How many calls of tools reached a server.
fn reached(upstream: &Upstream) -> usize {
    upstream.with_method("tools/call").len()
}

/// The bytes of a call.
fn request(agent: &Agent, tool: &str, arguments: &str) -> String {
    let params = format!(
        "{{\"name\":{},\"arguments\":{arguments}}}",
        json::quote(tool)
    );
    let (message, _) = agent.message("tools/call", &params);
    let (head, host, length) = (agent.head_for(&message), &agent.host, message.len());
    format!("{head}Host: {host}\r\nContent-Length: {length}\r\n\r\n{message}")
}

/// Asks, on a connection of its own, and does not wait for the answer.
async fn sent(agent: &Agent, tool: &str) -> Wire {
    let mut wire = agent.connect().await;
    wire.write(request(agent, tool, "{}")).await.expect("sent");
    wire
}
