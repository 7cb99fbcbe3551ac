//! What rules say at the moment of a call: its arguments, its task, the hour.

mod arguments;
mod credentials;
mod labels;
mod streams;
mod users;
mod verdicts;

use tests::{Agent, Whole};

/// A rule with these lines beside its name.
fn rule(name: &str, lines: &str) -> String {
    format!("\n[[rules]]\nname = \"{name}\"\n{lines}\n")
}

/// What a tool result says that says it failed.
fn told(answer: &Whole) -> String {
    assert_eq!(answer.json()["result"]["isError"], true, "{answer:?}");
    answer.said()
}

/// The tools an agent is shown.
async fn listed(agent: &Agent) -> Vec<String> {
    let list = agent.request("tools/list", "{}").await.json();
    let tools = list["result"]["tools"].as_array().expect("tools");
    let name = |tool: &serde_json::Value| tool["name"].as_str().unwrap().to_owned();
    tools.iter().map(name).collect()
}
