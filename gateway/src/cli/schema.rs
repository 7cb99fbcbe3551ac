//! `hopgate schema`: the JSON Schema that editors complete and check the configuration with.

use crate::config::ROOT;
use policy::shape::{Node, schema};
use serde_json::Value;
use std::process::ExitCode;

/// Prints the schema.
pub(super) fn run() -> ExitCode {
    super::print(&format!("{:#}\n", json(schema(ROOT))));
    ExitCode::SUCCESS
}

fn json(node: Node) -> Value {
    match node {
        Node::Bool(yes) => Value::Bool(yes),
        Node::Integer(number) => Value::from(number),
        Node::Text(text) => Value::String(text),
        Node::List(items) => items.into_iter().map(json).collect(),
        Node::Object(members) => members
            .into_iter()
            .map(|(name, node)| (name, json(node)))
            .collect(),
    }
}
