//! What the sample server can do, whatever the era: tools, resources, a prompt.

use super::count::Counting;
use super::json::at;
use super::store::Store;
use ::http::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

/// What an operation came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A result, without what an era adds to it.
    Result(Value),
    /// The parameters do not fit.
    Invalid(&'static str),
    /// There is no resource of this URI.
    Missing(String),
    /// Counting, with progress on the way.
    Counting(Counting),
}

/// Numbers counted at most, and the longest pause between two.
const COUNT_MOST: u64 = 1_000;
const PAUSE_MOST: u64 = 60_000;

/// Does what a request asks for; `None` for a method this server does not have.
pub(super) fn perform(
    store: &Store,
    headers: &HeaderMap,
    method: &str,
    params: &Value,
) -> Option<Outcome> {
    Some(match method {
        "tools/list" => Outcome::Result(json!({ "tools": tools() })),
        "tools/call" => call(store, headers, params),
        "resources/list" => Outcome::Result(json!({ "resources": resources(store) })),
        "resources/templates/list" => Outcome::Result(json!({ "resourceTemplates": [
            { "uriTemplate": "note:///{title}", "name": "note", "mimeType": "text/plain" }
        ] })),
        "resources/read" => read(store, params),
        "prompts/list" => Outcome::Result(json!({ "prompts": [
            { "name": "summarize", "description": "Summarize a note",
              "arguments": [{ "name": "title", "required": true }] }
        ] })),
        "prompts/get" => prompt(store, params),
        _ => return None,
    })
}

fn tools() -> Value {
    let text = |names: &[&str]| {
        let properties: serde_json::Map<String, Value> = names
            .iter()
            .map(|name| ((*name).to_owned(), json!({ "type": "string" })))
            .collect();
        json!({ "type": "object", "properties": properties, "required": names })
    };
    let none = json!({ "type": "object" });
    let count = json!({ "type": "object", "required": ["to"], "properties": {
        "to": { "type": "integer", "minimum": 1, "maximum": COUNT_MOST },
        "every_ms": { "type": "integer", "minimum": 0, "maximum": PAUSE_MOST } } });
    json!([
        { "name": "count_slowly", "description": "Counts, and reports progress on the way", "inputSchema": count },
        { "name": "delete_note", "description": "Deletes a note", "inputSchema": text(&["title"]) },
        { "name": "list_notes", "description": "Lists the titles of all notes", "inputSchema": none },
        { "name": "read_note", "description": "Reads a note", "inputSchema": text(&["title"]) },
        { "name": "whoami", "description": "Shows what of the request arrived here", "inputSchema": none },
        { "name": "write_note", "description": "Writes a note", "inputSchema": text(&["title", "text"]) },
    ])
}

fn call(store: &Store, headers: &HeaderMap, params: &Value) -> Outcome {
    let argument = |name: &str| {
        at(params, "/arguments")
            .get(name)
            .unwrap_or_default()
            .as_str()
            .unwrap_or_default()
    };
    let title = argument("title");
    let done = match at(params, "/name").as_str() {
        Some("write_note") => store
            .write(title, argument("text"))
            .map(|()| format!("wrote `{title}`")),
        Some("read_note") => store.read(title).ok_or("there is no such note"),
        Some("delete_note") if store.delete(title) => Ok(format!("deleted `{title}`")),
        Some("delete_note") => Err("there is no such note"),
        Some("list_notes") => Ok(store.titles().join("\n")),
        Some("whoami") => Ok(whoami(headers, params)),
        Some("count_slowly") => return count(params),
        _ => return Outcome::Invalid("Unknown tool"),
    };
    Outcome::Result(match done {
        Ok(text) => json!({ "content": [{ "type": "text", "text": text }] }),
        Err(why) => json!({ "content": [{ "type": "text", "text": why }], "isError": true }),
    })
}

fn count(params: &Value) -> Outcome {
    let number = |name: &str, otherwise| {
        at(params, "/arguments")
            .get(name)
            .unwrap_or_default()
            .as_u64()
            .unwrap_or(otherwise)
    };
    let (to, every) = (number("to", 0), number("every_ms", 100));
    if to == 0 || to > COUNT_MOST || every > PAUSE_MOST {
        return Outcome::Invalid("`to` is 1 to 1000, `every_ms` up to 60000");
    }
    let token = params.pointer("/_meta/progressToken").cloned();
    Outcome::Counting(Counting {
        to,
        every: Duration::from_millis(every),
        token,
    })
}

/// Names of headers with their values, but of a secret only its scheme and length; names of `_meta` keys.
fn whoami(headers: &HeaderMap, params: &Value) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            if is_secret(name.as_str()) {
                let (scheme, secret) = value.split_once(' ').unwrap_or(("", &value));
                format!("{name}: {scheme} ({} characters)", secret.len())
            } else {
                format!("{name}: {value}")
            }
        })
        .collect();
    lines.sort();
    let meta = at(params, "/_meta").as_object();
    lines.extend(
        meta.into_iter()
            .flat_map(|meta| meta.keys().map(|key| format!("_meta: {key}"))),
    );
    lines.join("\n")
}

/// A credential may be injected into any header, so the name alone must tell.
fn is_secret(header: &str) -> bool {
    ["auth", "cookie", "key", "secret", "session", "token"]
        .iter()
        .any(|word| header.contains(word))
}

fn resources(store: &Store) -> Value {
    let titles = store.titles();
    let resource =
        |title: &String| json!({ "uri": uri(title), "name": title, "mimeType": "text/plain" });
    Value::Array(titles.iter().map(resource).collect())
}

fn uri(title: &str) -> String {
    let mut url = String::from("note:///");
    url.extend(
        ::url::form_urlencoded::byte_serialize(title.as_bytes())
            .map(|part| part.replace('+', "%20")),
    );
    url
}

fn read(store: &Store, params: &Value) -> Outcome {
    let uri = at(params, "/uri").as_str().unwrap_or_default();
    let titles = store.titles();
    let text = titles
        .iter()
        .find(|title| self::uri(title) == uri)
        .and_then(|title| store.read(title));
    match text {
        Some(text) => Outcome::Result(
            json!({ "contents": [{ "uri": uri, "mimeType": "text/plain", "text": text }] }),
        ),
        None => Outcome::Missing(uri.to_owned()),
    }
}

fn prompt(store: &Store, params: &Value) -> Outcome {
    let title = at(params, "/arguments/title").as_str().unwrap_or_default();
    match (at(params, "/name").as_str(), store.read(title)) {
        (Some("summarize"), Some(text)) => Outcome::Result(json!({ "messages": [
            { "role": "user", "content": { "type": "text", "text": format!("Summarize this note:\n{text}") } }
        ] })),
        (Some("summarize"), None) => Outcome::Invalid("there is no such note"),
        _ => Outcome::Invalid("Unknown prompt"),
    }
}
