//! The schema and the check come from one table.

use super::{Key, Node, Shape, schema};
use crate::condition::argument::{ARGUMENT, PATH};
use crate::condition::during::DURING;
use crate::keys::{AGENTS, RULES};

fn member<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    let Some((first, rest)) = path.split_first() else {
        return Some(node);
    };
    let Node::Object(members) = node else {
        return None;
    };
    members
        .iter()
        .find(|(name, _)| name == first)
        .and_then(|(_, node)| member(node, rest))
}

#[test]
fn the_schema_knows_what_is_built_and_nothing_else() {
    let schema = schema(&[AGENTS, RULES, Key::later("groups")]);
    let rule = ["properties", "rules", "items", "properties"];
    assert!(member(&schema, &[&rule[..], &["allow"]].concat()).is_some());
    assert!(member(&schema, &[&rule[..], &["limit", "anyOf"]].concat()).is_some());
    assert!(member(&schema, &["properties", "groups"]).is_none());
    assert_eq!(
        member(&schema, &["additionalProperties"]),
        Some(&Node::Bool(false))
    );
}

#[test]
fn keys_of_a_form_and_values_of_several_types_have_a_schema() {
    let args = Key::new("args", Shape::Map(PATH, ARGUMENT), "");
    let schema = schema(&[args]);
    let args = ["properties", "args"];
    let of = |path: &[&str]| member(&schema, &[&args[..], path].concat());
    let Some(Node::Text(pattern)) = of(&["propertyNames", "pattern"]) else {
        panic!("{schema:?}");
    };
    assert_eq!(Some(pattern.as_str()), PATH.pattern);
    let key = |name, member| of(&["additionalProperties", "properties", name, member]);
    assert_eq!(key("max", "type"), Some(&Node::Text("number".into())));
    let kinds = ["string", "number", "boolean"].map(|kind| Node::Text(kind.into()));
    assert_eq!(key("is", "type"), Some(&Node::List(kinds.into())));
    assert!(key("length", "anyOf").is_some());
}

#[test]
fn every_built_key_says_what_it_is_for() {
    fn walk(keys: &[Key]) {
        for key in keys.iter().filter(|key| key.built()) {
            assert!(!key.doc.is_empty(), "{}", key.name);
            if let Shape::Table(keys)
            | Shape::Names(keys)
            | Shape::Map(_, keys)
            | Shape::OrTable(_, keys)
            | Shape::Rows(keys) = key.shape
            {
                walk(keys);
            }
        }
    }
    walk(&[AGENTS, RULES]);
    walk(ARGUMENT);
    walk(DURING);
}
