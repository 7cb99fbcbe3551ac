//! A server over TLS: protocols, roots, client certificates, and how each failure is told.

use crate::authority::{Authority, Issued, file};
use crate::peer::{Seen, listen, post, read, settings};
use adapters::egress::Identity;
use adapters::egress::Settings;
use adapters::upstream::UpstreamError;
use adapters::upstream::http::HttpUpstream;
use bytes::Bytes;
use http::{Response, Version};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Each version of TLS by itself.
static EACH_VERSION: [&[&SupportedProtocolVersion]; 2] =
    [&[&rustls::version::TLS12], &[&rustls::version::TLS13]];

/// How a server is set up.
struct House {
    issued: Issued,
    alpn: &'static [&'static str],
    versions: &'static [&'static SupportedProtocolVersion],
    /// Whose clients may come in; anybody without it.
    clients: Option<Authority>,
}

impl House {
    fn new(issued: Issued) -> Self {
        Self {
            issued,
            alpn: &["h2", "http/1.1"],
            versions: rustls::ALL_VERSIONS,
            clients: None,
        }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![self.issued.cert.der().clone()];
        let mut config = builder.with_single_cert(chain, self.issued.key()).unwrap();
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Arc::new(config)
    }

    /// Answers every request with `ok`.
    async fn open(&self) -> (u16, Arc<Seen>) {
        let acceptor = TlsAcceptor::from(self.config());
        listen(move |_, stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(|_| async {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
                });
                let io = TokioIo::new(stream);
                if h2 {
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(io, service).await;
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    let _ = builder.serve_connection(io, service).await;
                }
            }
        })
        .await
    }
}

fn trusting(url: &str, roots: &[PathBuf], identity: Option<Identity>) -> HttpUpstream {
    let settings = Settings {
        roots: roots.to_vec(),
        identity,
        ..settings(url)
    };
    HttpUpstream::new(&settings).unwrap()
}

/// The version that was spoken.
async fn call(upstream: &HttpUpstream) -> Result<Version, UpstreamError> {
    let response = post(upstream, "{}").await?;
    let version = response.version();
    assert_eq!(read(response).await?, "ok");
    Ok(version)
}

/// The failure of a call is one of TLS; its text.
async fn failure(upstream: &HttpUpstream) -> String {
    match call(upstream).await {
        Err(UpstreamError::Tls(why)) => why,
        other => format!("not of TLS: {other:?}"),
    }
}

#[tokio::test]
async fn the_server_chooses_the_protocol() {
    let authority = Authority::new();
    for (alpn, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        for versions in EACH_VERSION {
            let house = House {
                alpn,
                versions,
                ..House::new(authority.server("localhost"))
            };
            let (port, _) = house.open().await;
            let url = format!("https://localhost:{port}/mcp");
            let got = call(&trusting(&url, &[authority.file()], None)).await;
            assert_eq!(got.unwrap(), version, "{alpn:?} {versions:?}");
        }
    }
}

#[tokio::test]
async fn calls_share_one_connection_where_the_server_speaks_http_2() {
    let authority = Authority::new();
    let (port, seen) = House::new(authority.server("localhost")).open().await;
    let url = format!("https://localhost:{port}/mcp");
    let upstream = Arc::new(trusting(&url, &[authority.file()], None));
    call(&upstream).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let upstream = Arc::clone(&upstream);
        calls.spawn(async move { call(&upstream).await });
    }
    for outcome in calls.join_all().await {
        assert_eq!(outcome.unwrap(), Version::HTTP_2);
    }
    assert_eq!(seen.connections(), 1);
}

#[tokio::test]
async fn an_address_can_have_a_certificate() {
    let authority = Authority::new();
    let (port, _) = House::new(authority.server("127.0.0.1")).open().await;
    let url = format!("https://127.0.0.1:{port}/mcp");
    let got = call(&trusting(&url, &[authority.file()], None)).await;
    assert!(got.is_ok(), "{got:?}");
}

#[tokio::test]
async fn only_a_known_issuer_counts() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (port, _) = House::new(authority.server("localhost")).open().await;
    let url = format!("https://localhost:{port}/mcp");
    for roots in [&[][..], &[other.file()]] {
        let why = failure(&trusting(&url, roots, None)).await;
        assert_eq!(
            why,
            "the server's certificate is of no known issuer; `ca` can name one"
        );
    }
    let got = call(&trusting(&url, &[other.file(), authority.file()], None)).await;
    assert!(got.is_ok(), "{got:?}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let (port, _) = House::new(authority.expired("localhost")).open().await;
    let url = format!("https://localhost:{port}/mcp");
    let why = failure(&trusting(&url, &[authority.file()], None)).await;
    assert_eq!(why, "the server's certificate has expired");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_the_name_not_told() {
    let authority = Authority::new();
    let (port, _) = House::new(authority.server("hunter2.example")).open().await;
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{port}/mcp");
        let why = failure(&trusting(&url, &[authority.file()], None)).await;
        assert_eq!(why, "the server's certificate is for another name");
    }
}

#[tokio::test]
async fn a_server_may_ask_for_a_client_certificate() {
    for versions in EACH_VERSION {
        let (authority, clients) = (Authority::new(), Authority::new());
        let mine = clients.client().identity();
        let other = Authority::new().client().identity();
        let house = House {
            versions,
            clients: Some(clients),
            ..House::new(authority.server("localhost"))
        };
        let (port, _) = house.open().await;
        let url = format!("https://localhost:{port}/mcp");
        let with = |identity| trusting(&url, &[authority.file()], identity);
        let got = call(&with(Some(mine))).await;
        assert!(got.is_ok(), "{got:?}");
        for identity in [None, Some(other)] {
            // In TLS 1.3 the server says no after the handshake, or only hangs up.
            let got = call(&with(identity)).await;
            assert!(
                matches!(got, Err(UpstreamError::Tls(_) | UpstreamError::Broken(_))),
                "{got:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_connect_deadline() {
    let (port, _) = listen(|_, stream, _| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let settings = Settings {
        connect: Duration::from_millis(300),
        ..settings(&format!("https://localhost:{port}/mcp"))
    };
    let begun = Instant::now();
    let why = failure(&HttpUpstream::new(&settings).unwrap()).await;
    assert_eq!(why, "no TLS session within the connect deadline");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_as_such() {
    let (port, _) = listen(|_, mut stream, _| async move {
        let _ =
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 hunter2\r\n\r\n").await;
    })
    .await;
    let why = failure(&trusting(
        &format!("https://localhost:{port}/mcp"),
        &[],
        None,
    ))
    .await;
    assert!(
        ["the handshake failed", "the server broke off the handshake"].contains(&why.as_str()),
        "{why}"
    );
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let authority = Authority::new();
    let (one, two) = (authority.client().identity(), authority.client().identity());
    let check = |roots: &[PathBuf], identity: Option<Identity>, named: &PathBuf| {
        let settings = Settings {
            roots: roots.to_vec(),
            identity,
            ..settings("https://localhost/mcp")
        };
        let error = HttpUpstream::new(&settings).unwrap_err();
        assert!(error.contains(&named.display().to_string()), "{error}");
    };
    let (missing, empty) = (PathBuf::from("/nonexistent/ca.pem"), file(""));
    let garbage = file("-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----\n");
    for bad in [&missing, &empty, &garbage, &one.key] {
        check(&[authority.file(), bad.clone()], None, bad);
    }
    for bad in [&missing, &empty, &one.cert] {
        let identity = Identity {
            cert: one.cert.clone(),
            key: bad.clone(),
        };
        check(&[], Some(identity), bad);
    }
    let crossed = Identity {
        cert: one.cert.clone(),
        key: two.key.clone(),
    };
    check(&[], Some(crossed), &two.key);
}
