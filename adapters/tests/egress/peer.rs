//! A server that does with a connection exactly what a test says, and counts.

use adapters::egress::Settings;
use adapters::upstream::http::HttpUpstream;
use adapters::upstream::{Carried, Exchange, ReplyBody, Upstream, UpstreamError};
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::BodyExt as _;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

/// What a server has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Seen {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Reads one request with a `content-length`; `None` when the client has gone.
    pub(crate) async fn request(&self, stream: &mut TcpStream) -> Option<String> {
        let mut text = String::new();
        let mut byte = [0];
        while !text.ends_with("\r\n\r\n") {
            if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                return None;
            }
            text.push(char::from(byte[0]));
        }
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        text.push_str(std::str::from_utf8(&body).unwrap());
        self.requests.lock().unwrap().push(text.clone());
        Some(text)
    }
}

/// Serves every connection, counted from 0, with `serve`.
pub(crate) async fn listen<F, D>(serve: F) -> (u16, Arc<Seen>)
where
    F: Fn(usize, TcpStream, Arc<Seen>) -> D + Send + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = shared.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(number, stream, Arc::clone(&shared)));
        }
    });
    (port, seen)
}

/// Settings for a URL, with nothing else configured.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        url: url.parse().unwrap(),
        allow_private: Vec::new(),
        roots: Vec::new(),
        identity: None,
        connect: Duration::from_secs(10),
    }
}

/// The server at a port, over plain http.
pub(crate) fn upstream(port: u16) -> HttpUpstream {
    HttpUpstream::new(&settings(&format!("http://127.0.0.1:{port}/mcp?a=b"))).unwrap()
}

/// Sends a POST.
pub(crate) async fn post(
    upstream: &HttpUpstream,
    body: &'static str,
) -> Result<Response<ReplyBody>, UpstreamError> {
    carry(upstream, body, None).await
}

/// Sends a POST with a credential.
pub(crate) async fn carry(
    upstream: &dyn Upstream,
    body: &'static str,
    carried: Option<Carried>,
) -> Result<Response<ReplyBody>, UpstreamError> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let exchange = Exchange {
        method: Method::POST,
        headers,
        body: Bytes::from_static(body.as_bytes()),
        carried,
    };
    upstream.exchange(exchange).await
}

/// Reads an answer to its end.
pub(crate) async fn read(response: Response<ReplyBody>) -> Result<Bytes, UpstreamError> {
    Ok(response.into_body().collect().await?.to_bytes())
}
