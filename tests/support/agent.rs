//! A small MCP client that shows everything it gets: each message on a connection of its own, bytes as they came.

use crate::answer::{Answer, Whole};
use crate::json;
use crate::wire::Wire;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;

/// How an agent speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// `initialize`, sessions.
    Legacy,
    /// Metadata with every request.
    Modern,
}

/// One client of one endpoint.
#[derive(Debug)]
pub struct Agent {
    /// Where it connects.
    pub address: SocketAddr,
    /// The endpoint's path.
    pub path: String,
    /// The `Host` it names.
    pub host: String,
    /// How it speaks.
    pub era: Era,
    /// Sent as `MCP-Protocol-Version`.
    pub revision: String,
    /// The session it is in.
    pub session: Option<String>,
    /// Header lines it sends with everything, each ended by CRLF.
    pub headers: String,
    next: AtomicU64,
}

// === impl Agent ===

impl Agent {
    /// A client that has not spoken yet.
    pub fn new(address: SocketAddr, path: &str, era: Era) -> Self {
        let revision = if era == Era::Modern {
            "2026-07-28"
        } else {
            "2025-11-25"
        }
        .to_owned();
        let (path, host, next) = (path.to_owned(), address.to_string(), AtomicU64::new(1));
        Self {
            address,
            path,
            host,
            era,
            revision,
            session: None,
            headers: String::new(),
            next,
        }
    }

    /// A modern client of the gateway's server `up`.
    pub fn modern(gateway: &crate::Gateway) -> Self {
        Self::new(gateway.address(), "/servers/up/mcp", Era::Modern)
    }

    /// A legacy client of the gateway's server `up`, initialised at the newest revision.
    pub async fn legacy(gateway: &crate::Gateway) -> Self {
        Self::legacy_at(gateway, "2025-11-25").await
    }

    /// The same at a revision.
    pub async fn legacy_at(gateway: &crate::Gateway, revision: &str) -> Self {
        let mut agent = Self::new(gateway.address(), "/servers/up/mcp", Era::Legacy);
        revision.clone_into(&mut agent.revision);
        agent.initialize().await;
        agent
    }

    /// The same client with a bearer token, or a static key.
    pub fn bearer(mut self, token: &str) -> Self {
        self.headers = format!("Authorization: Bearer {token}\r\n");
        self
    }

    /// Either, for tests that hold in both eras.
    pub async fn of(era: Era, gateway: &crate::Gateway) -> Self {
        match era {
            Era::Modern => Self::modern(gateway),
            Era::Legacy => Self::legacy(gateway).await,
        }
    }

    /// Does the handshake; panics unless it succeeds.
    pub async fn initialize(&mut self) -> Whole {
        let params = format!(
            r#"{{"protocolVersion":"{}","capabilities":{{"elicitation":{{}},"sampling":{{}},"roots":{{}}}},"clientInfo":{{"name":"tester","version":"1"}}}}"#,
            self.revision
        );
        let whole = self.request("initialize", &params).await;
        assert_eq!(whole.status(), 200, "{whole:?}");
        self.session = whole.head.get("mcp-session-id").map(str::to_owned);
        let done = self
            .post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await;
        assert_eq!(done.status(), 202, "{done:?}");
        whole
    }

    /// Sends a request and reads its answer whole.
    pub async fn request(&self, method: &str, params: &str) -> Whole {
        self.open(method, params).await.whole().await
    }

    /// Calls a tool with these argument bytes.
    pub async fn call(&self, tool: &str, arguments: &str) -> Whole {
        self.open_call(tool, arguments).await.whole().await
    }

    /// Calls a tool; the answer is read by the test.
    pub async fn open_call(&self, tool: &str, arguments: &str) -> Answer {
        let name = json::quote(tool);
        self.open(
            "tools/call",
            &format!(r#"{{"name":{name},"arguments":{arguments}}}"#),
        )
        .await
    }

    /// Sends a request; the answer is read by the test.
    pub async fn open(&self, method: &str, params: &str) -> Answer {
        let (body, _) = self.message(method, params);
        self.send(&self.head_for(&body), body.as_bytes()).await
    }

    /// Posts any body with the headers that belong to it and reads the answer whole.
    pub async fn post(&self, body: &str) -> Whole {
        self.send(&self.head_for(body), body.as_bytes())
            .await
            .whole()
            .await
    }

    /// The same with further header lines, each ended by CRLF.
    pub async fn post_with(&self, body: &str, headers: &str) -> Whole {
        self.send(&(self.head_for(body) + headers), body.as_bytes())
            .await
            .whole()
            .await
    }

    /// Opens the GET stream.
    pub async fn listen(&self, last_event_id: Option<&str>) -> Answer {
        let last = last_event_id
            .map(|id| format!("Last-Event-ID: {id}\r\n"))
            .unwrap_or_default();
        let head = format!(
            "GET {} HTTP/1.1\r\nAccept: text/event-stream\r\n{}{last}",
            self.path,
            self.standing()
        );
        self.send(&head, b"").await
    }

    /// Ends the session.
    pub async fn delete(&self) -> Whole {
        let head = format!("DELETE {} HTTP/1.1\r\n{}", self.path, self.standing());
        self.send(&head, b"").await.whole().await
    }

    /// A request with a fresh id; a modern one gets its `_meta` unless it has one. Gives the id too.
    pub fn message(&self, method: &str, params: &str) -> (String, u64) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let params = match self.era == Era::Modern && !params.contains("\"_meta\"") {
            true => with_meta(params),
            false => params.to_owned(),
        };
        (
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#),
            id,
        )
    }

    /// Request line and headers for a POST of this body, without framing and the empty line.
    pub fn head_for(&self, body: &str) -> String {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{}",
            self.path,
            self.standing()
        );
        let text = |path: &[&str]| json::text(body.as_bytes(), path);
        if let (Era::Modern, Some(method)) = (self.era, text(&["method"])) {
            head += &format!("Mcp-Method: {method}\r\n");
            let name = match method.as_str() {
                "tools/call" | "prompts/get" => text(&["params", "name"]),
                "resources/read" => text(&["params", "uri"]),
                "tasks/get" | "tasks/update" | "tasks/cancel" => text(&["params", "taskId"]),
                _ => None,
            };
            head += &name
                .map(|name| format!("Mcp-Name: {name}\r\n"))
                .unwrap_or_default();
        }
        head
    }

    /// Sends header lines and a body, adding `Host` and the length.
    pub async fn send(&self, head: &str, body: &[u8]) -> Answer {
        let mut wire = self.connect().await;
        let length = match head.starts_with("POST") {
            true => format!("Content-Length: {}\r\n", body.len()),
            false => String::new(),
        };
        let request = format!("{head}Host: {}\r\n{length}\r\n", self.host);
        // A refusal may come, and close, before the body is through.
        drop(wire.write([request.as_bytes(), body].concat()).await);
        Answer::read(wire).await
    }

    /// A bare connection.
    pub async fn connect(&self) -> Wire {
        let stream = TcpStream::connect(self.address).await.expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        Wire::new(stream)
    }

    fn standing(&self) -> String {
        let session = self
            .session
            .as_ref()
            .map(|id| format!("Mcp-Session-Id: {id}\r\n"));
        let version = match self.era == Era::Modern || self.session.is_some() {
            true => format!("MCP-Protocol-Version: {}\r\n", self.revision),
            false => String::new(),
        };
        version + &session.unwrap_or_default() + &self.headers
    }
}

/// Puts the metadata every modern request needs in front of the other members.
pub fn with_meta(params: &str) -> String {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"sampling":{},"roots":{}}}"#;
    let rest = params.trim_start().trim_start_matches('{');
    let comma = if rest.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    format!("{{{meta}{comma}{rest}")
}
