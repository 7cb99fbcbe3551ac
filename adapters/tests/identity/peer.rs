//! An issuer over real sockets that answers exactly what a test says, and counts.

use adapters::identity::jwks::{KeySource, Settings};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Where metadata is looked for first.
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/keys";

/// What is sent for a path.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// These bytes, and the end.
    Raw(Vec<u8>),
    /// The same, after this long.
    Late(Duration, Vec<u8>),
    /// These bytes again and again, this far apart, until the other side goes.
    Drip(Duration, Vec<u8>),
}

/// An issuer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) port: u16,
    scheme: &'static str,
    /// The paths that were asked for.
    asked: Mutex<Vec<String>>,
    /// How many connections the other side has ended.
    ended: Mutex<usize>,
    script: Mutex<HashMap<String, Answer>>,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn json(value: &Value) -> Self {
        Self::text(200, &value.to_string())
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::with(status, "", text.as_bytes())
    }

    pub(crate) fn with(status: u16, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n");
        Self::Raw([head.as_bytes(), body].concat())
    }

    /// Nothing, for as long as anybody waits.
    pub(crate) fn never() -> Self {
        Self::Late(Duration::from_secs(100_000), Vec::new())
    }

    pub(crate) fn late(self, after: Duration) -> Self {
        match self {
            Self::Raw(bytes) => Self::Late(after, bytes),
            other => other,
        }
    }
}

// === impl Peer ===

impl Peer {
    /// One that knows no path yet.
    pub(crate) async fn open() -> Arc<Self> {
        Self::serve("http", None).await
    }

    /// One over TLS, and the file of the certificate to trust.
    pub(crate) async fn open_tls() -> (Arc<Self>, PathBuf) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let peer = Self::serve("https", Some(TlsAcceptor::from(Arc::new(config)))).await;
        let name = format!("hopgate-issuer-{}-{}.pem", std::process::id(), peer.port);
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, cert.pem()).unwrap();
        (peer, file)
    }

    async fn serve(scheme: &'static str, tls: Option<TlsAcceptor>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Arc::new(Self {
            port: listener.local_addr().unwrap().port(),
            scheme,
            asked: Mutex::default(),
            ended: Mutex::default(),
            script: Mutex::default(),
        });
        let shared = Arc::clone(&peer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (peer, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => peer.answer(stream).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => peer.answer(stream).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        peer
    }

    async fn answer<T: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: T) -> Option<()> {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(stream.read_u8().await.ok()?);
        }
        let text = String::from_utf8(text).ok()?;
        let path = text.split(' ').nth(1)?.to_owned();
        self.asked.lock().unwrap().push(path.clone());
        let answer = self.script.lock().unwrap().get(&path).cloned();
        match answer.unwrap_or_else(|| Answer::text(404, "")) {
            Answer::Raw(bytes) => stream.write_all(&bytes).await.ok()?,
            Answer::Late(after, bytes) => {
                tokio::select! {
                    () = tokio::time::sleep(after) => stream.write_all(&bytes).await.ok()?,
                    _ = stream.read_u8() => *self.ended.lock().unwrap() += 1,
                }
            }
            Answer::Drip(apart, bytes) => {
                while stream.write_all(&bytes).await.is_ok() {
                    tokio::time::sleep(apart).await;
                }
                *self.ended.lock().unwrap() += 1;
            }
        }
        stream.shutdown().await.ok()
    }

    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.script.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Publishes these keys, and metadata that leads to them.
    pub(crate) fn publish(&self, keys: &[Value]) {
        self.set(OAUTH, Answer::json(&self.metadata(KEYS)));
        self.set(KEYS, Answer::json(&json!({ "keys": keys })));
    }

    pub(crate) fn metadata(&self, keys: &str) -> Value {
        json!({ "issuer": self.url(""), "jwks_uri": self.url(keys) })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How often the keys were fetched.
    pub(crate) fn fetches(&self) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|path| *path == KEYS).count()
    }

    pub(crate) fn ended(&self) -> usize {
        *self.ended.lock().unwrap()
    }

    /// Waits until there were this many requests.
    pub(crate) async fn until_asked(&self, times: usize) {
        for _ in 0..2000 {
            if self.asked.lock().unwrap().len() >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("asked only for {:?}", self.asked());
    }

    pub(crate) fn settings(&self, path: &str) -> Settings {
        let issuer = self.url(path);
        Settings {
            issuer: issuer.parse().unwrap(),
            issuer_text: issuer,
            jwks: None,
            allow_private: Vec::new(),
            roots: Vec::new(),
            identity: None,
            connect: Duration::from_secs(5),
            stale: Duration::from_secs(86_400),
        }
    }

    /// A source of the keys of this issuer.
    pub(crate) fn source(&self) -> Arc<KeySource> {
        KeySource::new(self.settings("")).unwrap()
    }
}

/// Lets time pass for everything but sockets.
pub(crate) async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}
