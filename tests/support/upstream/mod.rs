//! An upstream played by the test: every request is recorded as it came, and answered by a script.

mod play;

pub use play::{lifecycle, plain, sse_head};

use crate::json;
use crate::wire::{Head, Wire};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Request line and headers.
    pub head: Head,
    /// The body's bytes, unchunked.
    pub body: Vec<u8>,
}

/// A listening upstream; ends with everything it holds when dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    scheme: &'static str,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

type Turn = Pin<Box<dyn Future<Output = Option<Wire>> + Send>>;
type Play = Arc<dyn Fn(Received, Wire) -> Turn + Send + Sync>;

// === impl Received ===

impl Received {
    /// `POST`, `GET`, `DELETE`.
    pub fn verb(&self) -> &str {
        self.head.line.split(' ').next().unwrap_or_default()
    }

    /// The JSON-RPC method.
    pub fn method(&self) -> String {
        json::text(&self.body, &["method"]).unwrap_or_default()
    }

    /// The JSON-RPC id as written.
    pub fn id(&self) -> String {
        json::raw(&self.body, &["id"]).unwrap_or_else(|| "null".to_owned())
    }

    /// `params.name`.
    pub fn name(&self) -> String {
        json::text(&self.body, &["params", "name"]).unwrap_or_default()
    }

    /// A nested member as written.
    pub fn raw(&self, path: &[&str]) -> Option<String> {
        json::raw(&self.body, path)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

// === impl Upstream ===

impl Upstream {
    /// Listens and plays `play` for each request; the wire it gives back serves the next one.
    pub async fn start<P, F>(play: P) -> Self
    where
        P: Fn(Received, Wire) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Wire>> + Send + 'static,
    {
        let play: Play = Arc::new(move |received, wire| Box::pin(play(received, wire)));
        Self::listen(play, None).await
    }

    /// The same behind TLS.
    pub async fn start_tls<P, F>(config: rustls::ServerConfig, play: P) -> Self
    where
        P: Fn(Received, Wire) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Wire>> + Send + 'static,
    {
        let play: Play = Arc::new(move |received, wire| Box::pin(play(received, wire)));
        Self::listen(play, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// A well-behaved server of both eras; `play` answers what is not life cycle or a list.
    pub async fn mcp<P, F>(play: P) -> Self
    where
        P: Fn(Received, Wire) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Wire>> + Send + 'static,
    {
        let play: Play = Arc::new(move |received, wire| match lifecycle(&received) {
            Some(answer) => Box::pin(plain(wire, answer)),
            None => Box::pin(play(received, wire)),
        });
        Self::listen(play, None).await
    }

    /// A well-behaved server whose every tool says `text`.
    pub async fn saying(text: &'static str) -> Self {
        Self::mcp(move |received, wire| async move {
            let answer = json::result(&received.id(), &json::said(text));
            plain(wire, (200, "", answer)).await
        })
        .await
    }

    /// Answers every connection with these bytes after one request, then closes.
    pub async fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<Vec<u8>> = Arc::new(bytes.into());
        Self::start(move |_, mut wire| {
            let bytes = Arc::clone(&bytes);
            async move {
                drop(wire.write(bytes.as_slice()).await);
                None
            }
        })
        .await
    }

    /// Its MCP endpoint.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}/mcp", self.scheme, self.address.port())
    }

    /// Everything that arrived.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("log").clone()
    }

    /// What arrived with this JSON-RPC method.
    pub fn with_method(&self, method: &str) -> Vec<Received> {
        let mut all = self.received();
        all.retain(|one| one.method() == method);
        all
    }

    /// What arrived with this HTTP method.
    pub fn with_verb(&self, verb: &str) -> Vec<Received> {
        let mut all = self.received();
        all.retain(|one| one.verb() == verb);
        all
    }

    /// Forgets what arrived.
    pub fn forget(&self) {
        self.received.lock().expect("log").clear();
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    async fn listen(play: Play, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (received, connections) = <(Arc<Mutex<Vec<Received>>>, Arc<AtomicUsize>)>::default();
        let (log, count) = (Arc::clone(&received), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                stream.set_nodelay(true).expect("nodelay");
                let (play, log, tls) = (Arc::clone(&play), Arc::clone(&log), tls.clone());
                open.spawn(async move {
                    let wire = match tls {
                        None => Wire::new(stream),
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => Wire::new(stream),
                            Err(_) => return,
                        },
                    };
                    serve(wire, play, log).await;
                });
                while open.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            scheme,
            received,
            connections,
            task,
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut wire: Wire, play: Play, log: Arc<Mutex<Vec<Received>>>) {
    loop {
        let Ok(Some(head)) = wire.head_unbounded().await else {
            return;
        };
        let Ok(body) = wire.body(head.framing(false)).await else {
            return;
        };
        let received = Received { head, body };
        log.lock().expect("log").push(received.clone());
        match play(received, wire).await {
            Some(next) => wire = next,
            None => return,
        }
    }
}
