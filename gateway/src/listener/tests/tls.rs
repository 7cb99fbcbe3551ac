//! TLS with both protocols, and a certificate that is not there.

use std::path::PathBuf;

use ::http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::client::TlsStream;

use super::*;
use crate::config::{InboundTls, OwnCertificate, Tls};
use crate::listener::tls;
use crate::telemetry::metrics::Shut;

fn server_config(files: &InboundTls) -> Result<Arc<rustls::ServerConfig>, String> {
    let own = OwnCertificate::Files(files.clone());
    let settings = Tls {
        own,
        client_ca: None,
    };
    tls::server_config(&settings, None)
}

/// A certificate of its own, in files.
fn files(name: &str) -> InboundTls {
    let folder = std::env::temp_dir().join(format!("hopgate-tls-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = InboundTls {
        cert: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    std::fs::write(&tls.cert, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    tls
}

async fn connect(
    house: &House,
    files: &InboundTls,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&files.cert).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = house.connect().await;
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

fn open_tls(files: &InboundTls) -> House {
    let mut edge = bare();
    edge.tls = Some(server_config(files).unwrap());
    open(edge)
}

#[tokio::test]
async fn http1_over_tls_is_filtered_too() {
    let files = files("h1");
    let house = open_tls(&files);
    for alpn in [&[][..], &["http/1.1"]] {
        let mut stream = connect(&house, &files, alpn).await.unwrap();
        let head = "GET /servers/a/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        assert!(
            read_until(&mut stream, "tls=true ")
                .await
                .contains(" 200 OK")
        );
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent_Length: 1\r\n\r\n")
            .await
            .unwrap();
        assert!(
            read_until(&mut stream, "bad request: look-alike\n")
                .await
                .contains(" 400 ")
        );
    }
    // Without ALPN nothing but HTTP/1 is spoken.
    let mut stream = connect(&house, &files, &[]).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    assert!(
        read_until(&mut stream, "bad request: version\n")
            .await
            .contains(" 400 ")
    );
}

#[tokio::test]
async fn http2_by_alpn() {
    let files = files("h2");
    let house = open_tls(&files);
    let stream = connect(&house, &files, &["h2", "http/1.1"]).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(conn);
    let mut ask = async |method: &str, uri: &str, header: &str, body: &'static str| {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .version(Version::HTTP_2)
            .header(header, "1")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(text.to_vec()).unwrap())
    };
    let ours = "https://localhost/servers/a/mcp";
    assert_eq!(
        ask("POST", ours, "x", "{}").await,
        (200, "a POST HTTP/2.0 tls=true {}".to_owned())
    );
    assert_eq!(ask("GET", ours, "x", "").await.0, 200);
    assert_eq!(ask("GET", ours, "x", "{}").await.1, "bad request: body\n");
    assert_eq!(
        ask("GET", ours, "mcp_session_id", "").await.1,
        "bad request: look-alike\n"
    );
    assert_eq!(ask("TRACE", ours, "x", "").await.1, "bad request: method\n");
    assert_eq!(
        ask("GET", "https://evil.example/servers/a/mcp", "x", "")
            .await
            .0,
        403
    );
    assert_eq!(ask("GET", ours, "origin", "").await.0, 403);
    assert_eq!(house.drain.finish(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_handshake_has_its_time_and_plain_text_no_place() {
    let files = files("slow");
    let mut edge = bare();
    edge.tls = Some(server_config(&files).unwrap());
    edge.deadlines.header = Duration::from_millis(200);
    let house = open(edge);
    assert_eq!(house.say("").await, "");
    let mut stream = house.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"));
    soon("both are counted", || {
        house.metrics.shut.total(Shut::Tls) == 2
    })
    .await;
    // h2 spoken, nothing asked.
    let mut silent = connect(&house, &files, &["h2"]).await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut rest)).await;
    assert!(read.is_ok());
}

#[test]
fn broken_files_are_named() {
    let good = files("broken");
    let missing = InboundTls {
        cert: PathBuf::from("/nowhere/cert.pem"),
        key: good.key.clone(),
    };
    assert!(
        server_config(&missing)
            .unwrap_err()
            .contains("/nowhere/cert.pem")
    );
    let swapped = InboundTls {
        cert: good.key.clone(),
        key: good.key.clone(),
    };
    assert!(
        server_config(&swapped)
            .unwrap_err()
            .contains("no certificate")
    );
    let other = InboundTls {
        cert: good.cert,
        key: files("other").key,
    };
    assert!(server_config(&other).unwrap_err().contains("`tls`"));
}

/// HTTP/2 has a frame that says it: what was asked before is answered, and whoever just came may ask.
#[tokio::test]
async fn http2_is_told_to_go_while_the_gateway_lingers() {
    let files = files("leaving");
    let house = open_tls(&files);
    let ask = async |server: &str| {
        let stream = connect(&house, &files, &["h2"]).await.unwrap();
        let io = TokioIo::new(stream);
        let (mut sender, conn) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
            .await
            .unwrap();
        let conn = tokio::spawn(conn);
        let request = Request::builder()
            .uri(format!("https://localhost/servers/{server}/mcp"))
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = tokio::spawn(sender.send_request(request));
        (answer, conn, sender)
    };
    let (before, gone, _kept) = ask("slow").await;
    let drain = house.drain.clone();
    let lingering = tokio::spawn(async move {
        // The first request is on its way.
        tokio::time::sleep(Duration::from_millis(300)).await;
        drain.linger(Duration::from_secs(20)).await;
    });
    assert_eq!(before.await.unwrap().unwrap().status(), 200);
    gone.await.unwrap().unwrap();
    let (meanwhile, gone, _kept) = ask("a").await;
    assert_eq!(meanwhile.await.unwrap().unwrap().status(), 200);
    gone.await.unwrap().unwrap();
    assert!(!house.drain.begun().is_cancelled());
    lingering.abort();
}
