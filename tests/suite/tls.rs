//! TLS on both sides: versions, HTTP/2 by ALPN, own authorities, client certificates, certificates that change.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tests::certificates::{Authority, Issued};
use tests::setup::Place;
use tests::upstream::{lifecycle, plain};
use tests::{Agent, Answer, Gateway, Received, Setup, Upstream, Wire, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A gateway that speaks TLS, and the authority that vouches for it.
async fn secured(upstream: &Upstream, authority: &Authority) -> Gateway {
    let place = Place::free();
    let (cert, key) = authority
        .issue(&["127.0.0.1", "localhost"])
        .write(&place.folder, "own");
    let setup = Setup::new(&upstream.url()).tls(&cert, &key);
    std::fs::write(place.config(), setup.text(&place)).unwrap();
    Gateway::at(place).await.unwrap()
}

async fn connect(
    gateway: &Gateway,
    config: rustls::ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(gateway.address()).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// One call over a connection that stays open.
async fn call(gateway: &Gateway, wire: &mut Wire) -> String {
    let agent = Agent::modern(gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let head = format!(
        "{}Host: {}\r\nContent-Length: {}\r\n\r\n",
        agent.head_for(&message),
        agent.host,
        message.len()
    );
    wire.write(head + &message).await.unwrap();
    let head = wire.head().await.unwrap().unwrap();
    let body = wire.body(head.framing(true)).await.unwrap();
    json::raw(&body, &["result"]).unwrap_or_else(|| format!("{head:?}"))
}

#[tokio::test]
async fn both_versions_are_spoken_and_plain_http_is_not() {
    let upstream = Upstream::saying("ok").await;
    let authority = Authority::new("tests");
    let gateway = secured(&upstream, &authority).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(authority.roots())
            .with_no_client_auth();
        let mut wire = Wire::new(connect(&gateway, config).await.unwrap());
        assert!(
            call(&gateway, &mut wire).await.contains("ok"),
            "{version:?}"
        );
    }
    let stranger = Authority::new("stranger");
    assert!(connect(&gateway, stranger.client(&[])).await.is_err());
    let agent = Agent::modern(&gateway);
    let mut wire = agent.connect().await;
    wire.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(!matches!(wire.head().await, Ok(Some(head)) if head.status() == 200));
}

#[tokio::test]
async fn http2_comes_by_alpn() {
    let upstream = Upstream::saying("ok").await;
    let authority = Authority::new("tests");
    let gateway = secured(&upstream, &authority).await;
    let stream = connect(&gateway, authority.client(&["h2"])).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let io = TokioIo::new(stream);
    let (mut send, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let agent = Agent::modern(&gateway);
    for _ in 0..20 {
        let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
        let request = http::Request::post(format!("https://{}/servers/up/mcp", agent.host))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "echo")
            .body(Full::new(Bytes::from(message)))
            .unwrap();
        let answer = send.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(json::raw(&body, &["result"]).unwrap().contains("ok"));
    }
    driver.abort();
    // A client that offers both gets HTTP/2; one that offers neither gets HTTP/1.1.
    let both = connect(&gateway, authority.client(&["h2", "http/1.1"]))
        .await
        .unwrap();
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let old = connect(&gateway, authority.client(&["http/1.1"]))
        .await
        .unwrap();
    assert_eq!(
        old.get_ref().1.alpn_protocol(),
        Some(b"http/1.1".as_slice())
    );
}

/// A new certificate is served to new connections; one that is open does not notice.
#[tokio::test]
async fn a_changed_certificate_drops_nobody() {
    let upstream = Upstream::saying("ok").await;
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let gateway = secured(&upstream, &first).await;
    let mut open = Wire::new(connect(&gateway, first.client(&[])).await.unwrap());
    assert!(call(&gateway, &mut open).await.contains("ok"));
    let fresh = second.issue(&["127.0.0.1"]);
    fresh.write(&gateway.place.folder, "own");
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    let mut new = loop {
        if let Ok(stream) = connect(&gateway, second.client(&[])).await {
            break Wire::new(stream);
        }
        assert!(
            tokio::time::Instant::now() < end,
            "never served: {}",
            gateway.stderr().text()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(call(&gateway, &mut new).await.contains("ok"));
    assert!(call(&gateway, &mut open).await.contains("ok"));
    assert!(connect(&gateway, first.client(&[])).await.is_err());
}

/// A TLS upstream that answers calls, optionally only to clients of `clients`.
async fn tls_upstream(own: &Issued, clients: Option<&Authority>) -> Upstream {
    Upstream::start_tls(
        own.server(clients, &["http/1.1"]),
        |received: Received, wire| {
            let answer = lifecycle(&received).unwrap_or_else(|| {
                (
                    200,
                    String::new(),
                    json::result(&received.id(), &json::said("secure")),
                )
            });
            plain(wire, answer)
        },
    )
    .await
}

async fn in_front(url: &str, keys: &str) -> Gateway {
    Gateway::start(&Setup::empty().server_with("up", url, keys)).await
}

#[tokio::test]
async fn an_upstream_is_trusted_through_its_own_authority() {
    let authority = Authority::new("tests");
    let folder = Place::free().folder;
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, &authority.pem).unwrap();
    let trust = format!("ca = [\"{}\"]", ca.display());
    let upstream = tls_upstream(&authority.issue(&["127.0.0.1"]), None).await;
    let gateway = in_front(&upstream.url(), &trust).await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.said(),
        "secure"
    );
    // Without that authority, or with another name in the certificate, not a byte is sent.
    let gateway = in_front(&upstream.url(), "").await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.status(),
        502
    );
    let elsewhere = tls_upstream(&authority.issue(&["elsewhere.example"]), None).await;
    let gateway = in_front(&elsewhere.url(), &trust).await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.status(),
        502
    );
    assert!(elsewhere.received().is_empty());
    assert_eq!(upstream.with_method("tools/call").len(), 1);
}

#[tokio::test]
async fn an_upstream_may_ask_for_a_certificate() {
    let authority = Authority::new("tests");
    let folder = Place::free().folder;
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, &authority.pem).unwrap();
    let (cert, key) = authority
        .issue(&["gateway.example"])
        .write(&folder, "client");
    let upstream = tls_upstream(&authority.issue(&["127.0.0.1"]), Some(&authority)).await;
    let trust = format!("ca = [\"{}\"]", ca.display());
    let proof = format!(
        "client_cert = {{ cert = \"{}\", key = {{ file = \"{}\" }} }}",
        cert.display(),
        key.display()
    );
    let gateway = in_front(&upstream.url(), &format!("{trust}\n{proof}")).await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.said(),
        "secure"
    );
    let gateway = in_front(&upstream.url(), &trust).await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.status(),
        502
    );
}

/// An upstream that speaks only HTTP/2.
#[tokio::test]
async fn an_upstream_may_speak_http2() {
    let authority = Authority::new("tests");
    let folder = Place::free().folder;
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, &authority.pem).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/mcp", listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(
        authority.issue(&["127.0.0.1"]).server(None, &["h2"]),
    ));
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let service = hyper::service::service_fn(
                |request: http::Request<hyper::body::Incoming>| async move {
                    let version = format!("{:?}", request.version());
                    let body = request.into_body().collect().await?.to_bytes();
                    let id = json::raw(&body, &["id"]).unwrap_or_default();
                    let answer = json::result(&id, &json::said(&version));
                    let answer = http::Response::builder()
                        .header("content-type", "application/json")
                        .body(Full::new(Bytes::from(answer)));
                    Ok::<_, hyper::Error>(answer.unwrap())
                },
            );
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    let gateway = in_front(&url, &format!("ca = [\"{}\"]", ca.display())).await;
    for _ in 0..5 {
        assert_eq!(
            Agent::modern(&gateway).call("echo", "{}").await.said(),
            "HTTP/2.0"
        );
    }
    server.abort();
}

/// A handshake that stalls is cut like a slow head.
#[tokio::test]
async fn a_stalled_handshake_is_cut() {
    let upstream = Upstream::saying("ok").await;
    let authority = Authority::new("tests");
    let place = Place::free();
    let (cert, key) = authority.issue(&["127.0.0.1"]).write(&place.folder, "own");
    let setup = Setup::new(&upstream.url())
        .tls(&cert, &key)
        .gateway("[gateway.deadlines]\nheader = \"1s\"");
    std::fs::write(place.config(), setup.text(&place)).unwrap();
    let gateway = Gateway::at(place).await.unwrap();
    let mut wire = Agent::modern(&gateway).connect().await;
    wire.write([0x16, 0x03, 0x01]).await.unwrap();
    let began = tokio::time::Instant::now();
    wire.rest().await;
    assert!(
        began.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

/// What a client sees of a stream is the same over TLS.
#[tokio::test]
async fn streams_are_live_over_tls() {
    let upstream = Upstream::mcp(|received, mut wire| async move {
        tests::upstream::sse_head(&mut wire, "").await.ok()?;
        wire.write("id: 1\ndata:\n\n").await.ok()?;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        wire.write(format!("data: {}\n\n", json::result(&received.id(), "{}")))
            .await
            .ok()?;
        None
    })
    .await;
    let authority = Authority::new("tests");
    let gateway = secured(&upstream, &authority).await;
    let mut wire = Wire::new(connect(&gateway, authority.client(&[])).await.unwrap());
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"slow"}"#);
    let head = format!(
        "{}Host: {}\r\nContent-Length: {}\r\n\r\n",
        agent.head_for(&message),
        agent.host,
        message.len()
    );
    wire.write(head + &message).await.unwrap();
    let mut answer = Answer::read(wire).await;
    let began = tokio::time::Instant::now();
    assert_eq!(answer.event().await.unwrap().id.as_deref(), Some("1"));
    assert!(answer.message().await["result"].is_object());
    assert!(
        began.elapsed() > std::time::Duration::from_millis(100),
        "the first event waited for the second"
    );
}
