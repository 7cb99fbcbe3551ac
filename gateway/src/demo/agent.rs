//! A sample agent: a real MCP client over a socket, in either era.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method as Verb, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

/// Who an agent is, and where it goes.
#[derive(Debug, Clone)]
pub(super) struct Badge {
    gateway: SocketAddr,
    key: String,
    /// The hop token of the call it works for.
    hop: Option<HeaderValue>,
    /// Where it tells what it sees.
    sights: UnboundedSender<Sight>,
}

/// What an agent saw of a call: the call's id, and that.
pub(super) type Sight = (String, String);

/// A client of one server through the gateway.
#[derive(Debug)]
pub(super) struct Agent {
    sender: SendRequest<Full<Bytes>>,
    badge: Badge,
    path: String,
    session: Option<HeaderValue>,
    modern: bool,
    next: u64,
    /// The gateway's id of the last call.
    call: Option<String>,
}

/// What a call came to, as a client sees it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A result.
    Result(Value),
    /// A JSON-RPC error: code and message.
    Error(i64, String),
}

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

// === impl Badge ===

impl Badge {
    /// An agent with a static key.
    pub(super) fn new(gateway: SocketAddr, key: &str, sights: &UnboundedSender<Sight>) -> Self {
        Self {
            gateway,
            key: key.to_owned(),
            hop: None,
            sights: sights.clone(),
        }
    }

    /// Its key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The same agent, working for a call that brought this hop token.
    pub(super) fn carrying(&self, hop: Option<HeaderValue>) -> Self {
        Self {
            hop,
            ..self.clone()
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// What it says of a call, in a line.
    pub(super) fn said(&self, tool: &str) -> String {
        match self.refusal() {
            Some(why) => format!("{tool} refused: {why}"),
            None => format!("{tool} answered"),
        }
    }

    /// What it says, one text after the other.
    pub(super) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Result(result) => at(result, "/content")
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|part| at(part, "/text").as_str())
                .collect(),
            Self::Error(_, message) => vec![message],
        }
    }

    /// Why the call came to nothing, where it did.
    fn refusal(&self) -> Option<String> {
        match self {
            Self::Result(result) if at(result, "/isError").as_bool() == Some(true) => {
                Some(format!("{} (tool error)", self.texts().join(" ")))
            }
            Self::Result(_) => None,
            Self::Error(code, message) => Some(format!("{message} ({code})")),
        }
    }
}

// === impl Agent ===

impl Agent {
    /// Connects to a server, and opens a session where the era has them.
    pub(super) async fn connect(badge: &Badge, server: &str, modern: bool) -> Result<Self, String> {
        let stream = TcpStream::connect(badge.gateway)
            .await
            .map_err(|error| error.to_string())?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        // The connection ends when its sender is dropped.
        tokio::spawn(connection);
        let mut agent = Self {
            sender,
            badge: badge.clone(),
            path: format!("/servers/{server}/mcp"),
            session: None,
            modern,
            next: 0,
            call: None,
        };
        if modern {
            agent.request("server/discover", json!({})).await?;
        } else {
            let hello = json!({ "protocolVersion": LEGACY, "capabilities": {},
                "clientInfo": { "name": "sample-agent", "version": "1" } });
            agent.request("initialize", hello).await?;
            agent
                .send(
                    &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
                    None,
                )
                .await?;
        }
        Ok(agent)
    }

    /// Calls a tool.
    pub(super) async fn call(&mut self, tool: &str, arguments: Value) -> Result<Outcome, String> {
        let params = json!({ "name": tool, "arguments": arguments });
        let outcome = self.request("tools/call", params).await?;
        if let Some(why) = outcome.refusal() {
            self.tells(why);
        }
        Ok(outcome)
    }

    /// Looks at the tools the gateway shows.
    pub(super) async fn look(&mut self) -> Result<(), String> {
        match self.request("tools/list", json!({})).await? {
            Outcome::Result(result) => {
                let tools = at(&result, "/tools").as_array().into_iter().flatten();
                let names: Vec<&str> = tools
                    .filter_map(|tool| at(tool, "/name").as_str())
                    .collect();
                self.tells(names.join(", "));
                Ok(())
            }
            Outcome::Error(_, message) => Err(message),
        }
    }

    /// Tells what it saw of its last call.
    pub(super) fn tells(&self, what: String) {
        if let Some(call) = &self.call {
            // Whoever listens has gone only when the demo is over.
            let _ = self.badge.sights.send((call.clone(), what));
        }
    }

    /// Ends the session where there is one.
    pub(super) async fn leave(mut self) -> Result<(), String> {
        if self.session.is_some() {
            let request = self.head(Verb::DELETE, None)?.body(Full::default());
            self.exchange(request.map_err(|error| error.to_string())?)
                .await?;
        }
        Ok(())
    }

    async fn request(&mut self, method: &str, mut params: Value) -> Result<Outcome, String> {
        self.next += 1;
        if self.modern {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "sample-agent", "version": "1" },
            });
            if let Some(params) = params.as_object_mut() {
                params.insert("_meta".to_owned(), meta);
            }
        }
        let name = at(&params, "/name").as_str().map(str::to_owned);
        let message =
            json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        let body = self.send(&message, name.as_deref()).await?;
        answer(&body, self.next).ok_or_else(|| format!("no answer to {method}"))
    }

    async fn send(&mut self, message: &Value, name: Option<&str>) -> Result<Bytes, String> {
        let mut head = self.head(
            Verb::POST,
            at(message, "/method").as_str().filter(|_| self.modern),
        )?;
        if let Some(name) = name.filter(|_| self.modern) {
            head = head.header("mcp-name", name);
        }
        let request = head
            .body(Full::from(message.to_string()))
            .map_err(|error| error.to_string())?;
        self.exchange(request).await
    }

    fn head(&self, verb: Verb, method: Option<&str>) -> Result<http::request::Builder, String> {
        let mut head = Request::builder()
            .method(verb)
            .uri(&self.path)
            .header(HOST, self.badge.gateway.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", self.badge.key))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        if self.modern || self.session.is_some() {
            head = head.header(
                "mcp-protocol-version",
                if self.modern { MODERN } else { LEGACY },
            );
        }
        if let Some(hop) = &self.badge.hop {
            head = head.header("txn-token", hop);
        }
        if let Some(session) = &self.session {
            head = head.header("mcp-session-id", session);
        }
        if let Some(method) = method {
            head = head.header("mcp-method", method);
        }
        Ok(head)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes, String> {
        self.sender
            .ready()
            .await
            .map_err(|error| error.to_string())?;
        let response = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let call = response.headers().get("hopgate-call");
        self.call = call.and_then(|id| id.to_str().ok()).map(str::to_owned);
        if let Some(session) = response.headers().get("mcp-session-id") {
            self.session = Some(session.clone());
        }
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        Ok(body.to_bytes())
    }
}

/// The answer to a request, in a plain body or among the events of a stream.
fn answer(body: &[u8], id: u64) -> Option<Outcome> {
    let text = std::str::from_utf8(body).ok()?;
    let messages = text
        .lines()
        .map(|line| line.strip_prefix("data:").unwrap_or(line).trim());
    let message = messages
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|message| *at(message, "/id") == id)?;
    if let Some(error) = message.get("error") {
        let code = at(error, "/code").as_i64().unwrap_or_default();
        return Some(Outcome::Error(
            code,
            at(error, "/message")
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ));
    }
    message.get("result").cloned().map(Outcome::Result)
}

/// What a JSON pointer leads to; null where it leads nowhere.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or_default()
}
