//! The table of keys as JSON Schema (draft-07), which editors of TOML understand.

use super::{Form, Key, Need, Shape};

/// A JSON value, so that this crate needs no JSON library; whoever prints it escapes the strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Node>),
    /// An object, in this order.
    Object(Vec<(&'static str, Node)>),
}

/// The schema of a document with these keys at its root. Keys that are not in this version are absent.
pub fn schema(keys: &[Key]) -> Node {
    let mut members = vec![
        ("$schema", text("http://json-schema.org/draft-07/schema#")),
        ("title", text("hopgate configuration")),
    ];
    members.extend(table(keys));
    Node::Object(members)
}

fn shape(of: &Shape) -> Vec<(&'static str, Node)> {
    match of {
        Shape::Bool => vec![("type", text("boolean"))],
        Shape::True => vec![("const", Node::Bool(true))],
        Shape::Integer(low, high) => {
            vec![
                ("type", text("integer")),
                ("minimum", Node::Integer(*low)),
                ("maximum", Node::Integer(*high)),
            ]
        }
        Shape::Number => vec![("type", text("number"))],
        Shape::Scalar => {
            let kinds = ["string", "number", "boolean"].map(text);
            vec![("type", Node::List(kinds.into()))]
        }
        // Editors hand a TOML date over as a string.
        Shape::Date => vec![("type", text("string"))],
        Shape::Text(form) => {
            let pattern = form.pattern.map(|pattern| ("pattern", text(pattern)));
            [("type", text("string"))]
                .into_iter()
                .chain(pattern)
                .collect()
        }
        Shape::Choice(choices) => {
            let names = choices
                .iter()
                .filter(|choice| choice.built)
                .map(|choice| text(choice.name));
            vec![
                ("type", text("string")),
                ("enum", Node::List(names.collect())),
            ]
        }
        Shape::SecretFile => secret_file(),
        Shape::Secret => table(super::SECRET),
        Shape::Secrets(form) => map(form, super::SECRET),
        Shape::List(item) => vec![
            ("type", text("array")),
            ("items", Node::Object(shape(item))),
        ],
        Shape::OneOrMany(item) => {
            let many = vec![
                ("type", text("array")),
                ("items", Node::Object(shape(item))),
                ("minItems", Node::Integer(1)),
            ];
            either(shape(item), many)
        }
        Shape::Table(keys) => table(keys),
        Shape::Names(keys) => names(keys),
        Shape::Texts(form) => vec![
            ("type", text("object")),
            (
                "additionalProperties",
                Node::Object(shape(&Shape::Text(*form))),
            ),
        ],
        Shape::Map(form, keys) => map(form, keys),
        Shape::Rows(keys) => vec![
            ("type", text("array")),
            ("items", Node::Object(table(keys))),
        ],
        Shape::OrTable(inner, keys) => either(shape(inner), table(keys)),
        Shape::Free => vec![("type", text("object"))],
        Shape::Unbuilt => Vec::new(),
    }
}

fn secret_file() -> Vec<(&'static str, Node)> {
    const FILE: [Key; 1] = [Key::new(
        "file",
        Shape::Text(super::ANY),
        "The file that holds the secret.",
    )
    .required()];
    table(&FILE)
}

fn either(
    one: Vec<(&'static str, Node)>,
    other: Vec<(&'static str, Node)>,
) -> Vec<(&'static str, Node)> {
    let both = vec![Node::Object(one), Node::Object(other)];
    vec![("anyOf", Node::List(both))]
}

fn names(keys: &[Key]) -> Vec<(&'static str, Node)> {
    let name = ("pattern", text("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"));
    vec![
        ("type", text("object")),
        ("propertyNames", Node::Object(vec![name])),
        ("additionalProperties", Node::Object(table(keys))),
    ]
}

fn map(form: &Form, keys: &[Key]) -> Vec<(&'static str, Node)> {
    let name = form.pattern.map(|pattern| ("pattern", text(pattern)));
    vec![
        ("type", text("object")),
        ("propertyNames", Node::Object(name.into_iter().collect())),
        ("additionalProperties", Node::Object(table(keys))),
    ]
}

fn table(keys: &[Key]) -> Vec<(&'static str, Node)> {
    let built = || keys.iter().filter(|key| key.built());
    let properties = built().map(|key| (key.name, property(key)));
    let required: Vec<Node> = built()
        .filter(|key| key.need == Need::Required)
        .map(|key| text(key.name))
        .collect();
    let mut members = vec![
        ("type", text("object")),
        ("additionalProperties", Node::Bool(false)),
        ("properties", Node::Object(properties.collect())),
    ];
    if !required.is_empty() {
        members.push(("required", Node::List(required)));
    }
    members
}

fn property(key: &Key) -> Node {
    let mut members = vec![("description", text(key.doc))];
    members.extend(shape(&key.shape));
    members.extend(
        key.default
            .and_then(constant)
            .map(|default| ("default", default)),
    );
    Node::Object(members)
}

/// A default written as TOML, as JSON; what JSON cannot say is left out.
fn constant(toml: &str) -> Option<Node> {
    match toml {
        "true" => Some(Node::Bool(true)),
        "false" => Some(Node::Bool(false)),
        "[]" => Some(Node::List(Vec::new())),
        _ => match toml
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            Some(inner) => Some(text(inner)),
            None => toml.parse().ok().map(Node::Integer),
        },
    }
}

fn text(text: &str) -> Node {
    Node::Text(text.to_owned())
}
