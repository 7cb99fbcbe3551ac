//! Small documents by GET, over the egress dialer: no redirect, no cookie, no proxy, bounded in size and time.

use super::{Dialer, Identity, client_config};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

/// Fetches documents.
#[derive(Debug)]
pub struct Fetcher {
    allow_private: Vec<IpNet>,
    tls: Arc<ClientConfig>,
    connect: Duration,
    /// For the whole exchange.
    deadline: Duration,
    /// The largest document.
    most: usize,
}

/// Why there is no document. Never holds bytes of the other side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(String);

// === impl Fetcher ===

impl Fetcher {
    /// A fetcher that trusts these roots beside the system's.
    ///
    /// # Errors
    ///
    /// A certificate that cannot be used.
    pub fn new(
        (allow_private, connect): (Vec<IpNet>, Duration),
        (roots, identity): (&[PathBuf], Option<&Identity>),
        (deadline, most): (Duration, usize),
    ) -> Result<Self, String> {
        let tls = client_config(roots, identity).map_err(|why| why.to_string())?;
        let mut tls = (*tls).clone();
        // One exchange needs no streams.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            allow_private,
            tls: Arc::new(tls),
            connect,
            deadline,
            most,
        })
    }

    /// The document at a URL.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        match timeout(self.deadline, self.exchange(url)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError("no answer in time".to_owned())),
        }
    }

    async fn exchange(&self, url: &Url) -> Result<Bytes, FetchError> {
        let dialer = Dialer::new(url, &self.allow_private, self.connect);
        let dialer = dialer.ok_or_else(|| FetchError("no http or https URL".to_owned()))?;
        let stream = dialer.dial(dialer.deadline()).await.map_err(fault)?;
        if url.scheme() != "https" {
            return self.ask(url, stream).await;
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned()).map_err(fault)?;
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, stream)
            .await;
        let stream = stream.map_err(|why| FetchError(super::handshake_fault(&why)))?;
        self.ask(url, stream).await
    }

    async fn ask<T>(&self, url: &Url, stream: T) -> Result<Bytes, FetchError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(fault)?;
        // Ends with the exchange, also where its time is up.
        let mut running = JoinSet::new();
        running.spawn(connection);
        let answer = sender.send_request(request(url)?).await.map_err(fault)?;
        if answer.status() != StatusCode::OK {
            let status = answer.status().as_u16();
            return Err(FetchError(format!("HTTP status {status}")));
        }
        let length = answer.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > self.most) {
            return Err(FetchError(format!("larger than {} bytes", self.most)));
        }
        let body = Limited::new(answer.into_body(), self.most).collect().await;
        let body = body
            .map_err(|_| FetchError(format!("broken off, or larger than {} bytes", self.most)))?;
        Ok(body.to_bytes())
    }
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, FetchError> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    Request::get(target)
        .header(HOST, host)
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(USER_AGENT, HeaderValue::from_static("hopgate"))
        .body(Empty::new())
        .map_err(fault)
}

fn fault(why: impl std::fmt::Display) -> FetchError {
    FetchError(why.to_string())
}
