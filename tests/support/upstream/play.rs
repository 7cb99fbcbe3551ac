//! The dull parts of an MCP server, so that scripts only play what they are about.

use super::Received;
use crate::json;
use crate::wire::Wire;
use std::sync::atomic::{AtomicUsize, Ordering};

const MODERN: &str = "2026-07-28";
const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// Writes a JSON answer with its length: status, further header lines, body. An empty body has no media type.
pub async fn plain(
    mut wire: Wire,
    (status, headers, body): (u16, impl AsRef<str>, String),
) -> Option<Wire> {
    let media = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/json\r\n"
    };
    let (headers, length) = (headers.as_ref(), body.len());
    let head = format!("HTTP/1.1 {status} X\r\n{media}{headers}Content-Length: {length}\r\n\r\n");
    wire.write(head + &body).await.ok()?;
    Some(wire)
}

/// Opens an SSE answer that ends with the connection.
pub async fn sse_head(wire: &mut Wire, headers: &str) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n";
    wire.write(format!("{head}{headers}Connection: close\r\n\r\n"))
        .await
}

/// What a well-behaved server of both eras answers outside its real work; `None` for the work itself.
pub fn lifecycle(received: &Received) -> Option<(u16, String, String)> {
    static SESSIONS: AtomicUsize = AtomicUsize::new(0);
    if received.verb() != "POST" {
        return None;
    }
    let method = received.method();
    let modern = received
        .raw(&["params", "_meta", "io.modelcontextprotocol/protocolVersion"])
        .is_some();
    let answer = match method.as_str() {
        "initialize" => {
            let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
            let header = format!("Mcp-Session-Id: upstream-session-{number}-~!\r\n");
            return Some((
                200,
                header,
                json::result(&received.id(), &initialized(received)),
            ));
        }
        "" => return Some((202, String::new(), String::new())),
        _ if method.starts_with("notifications/") => {
            return Some((202, String::new(), String::new()));
        }
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
            "{}".to_owned()
        }
        "server/discover" => format!(
            r#"{{"resultType":"complete","supportedVersions":["{MODERN}"],"capabilities":{CAPABILITIES},"ttlMs":0,"cacheScope":"public","_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"up","version":"1"}}}}}}"#
        ),
        "tools/list" => list("tools", TOOLS, modern),
        "prompts/list" => list("prompts", r#"{"name":"greet"}"#, modern),
        "resources/list" => list("resources", r#"{"uri":"up://one","name":"one"}"#, modern),
        "resources/templates/list" => list("resourceTemplates", "", modern),
        _ => return None,
    };
    Some((200, String::new(), json::result(&received.id(), &answer)))
}

const CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"completions":{},"logging":{}}"#;

const TOOLS: &str = r#"{"name":"echo","inputSchema":{"type":"object"},"x-unknown":1.0},{"name":"slow","inputSchema":{"type":"object"}},{"name":"secret","inputSchema":{"type":"object"}},{"name":"mirrored","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"count":{"type":"integer","x-mcp-header":"Count"}}}}"#;

fn list(member: &str, items: &str, modern: bool) -> String {
    let rest = if modern {
        r#","resultType":"complete","ttlMs":1000,"cacheScope":"public""#
    } else {
        ""
    };
    format!(r#"{{"{member}":[{items}],"nextCursor":"up-cursor"{rest}}}"#)
}

fn initialized(received: &Received) -> String {
    let asked = json::text(&received.body, &["params", "protocolVersion"]).unwrap_or_default();
    let version = LEGACY
        .iter()
        .find(|known| **known == asked)
        .unwrap_or(&LEGACY[0]);
    format!(
        r#"{{"protocolVersion":"{version}","capabilities":{CAPABILITIES},"serverInfo":{{"name":"up","version":"1"}}}}"#
    )
}
