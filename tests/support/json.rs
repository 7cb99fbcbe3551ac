//! JSON as bytes: members are cut out as they were written, never re-serialised.

use serde_json::value::RawValue;
use std::collections::HashMap;

/// The exact bytes of a nested member.
pub fn raw(body: &[u8], path: &[&str]) -> Option<String> {
    let mut text = std::str::from_utf8(body).ok()?;
    for name in path {
        let members: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        text = members.get(*name)?.get();
    }
    Some(text.to_owned())
}

/// A string member, unescaped.
pub fn text(body: &[u8], path: &[&str]) -> Option<String> {
    serde_json::from_str(&raw(body, path)?).ok()
}

/// A JSON-RPC result with `id` and `result` as written.
pub fn result(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// A JSON-RPC error.
pub fn error(id: &str, code: i64, message: &str) -> String {
    let message = quote(message);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#)
}

/// A tool result with one text block.
pub fn said(text: &str) -> String {
    format!(
        r#"{{"content":[{{"type":"text","text":{}}}]}}"#,
        quote(text)
    )
}

/// A JSON string.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
