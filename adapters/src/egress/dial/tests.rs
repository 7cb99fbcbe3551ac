//! The dialer against scripted answers and sockets that refuse, hang or accept.

use super::*;
use socket2::{Domain, Socket, Type};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// Answers from a script, a line for each question.
#[derive(Debug)]
struct Script(Vec<Vec<IpAddr>>, AtomicUsize);

impl Resolve for Script {
    fn resolve(
        &self,
        _: String,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        let at = self.1.fetch_add(1, Ordering::Relaxed);
        let answer = self.0[at.min(self.0.len() - 1)]
            .iter()
            .map(|address| (*address, port).into())
            .collect();
        Box::pin(async move { Ok(answer) })
    }
}

fn dialer(url: &str, allowed: &[&str], answers: &[&[&str]]) -> Dialer {
    let allowed: Vec<IpNet> = allowed.iter().map(|range| range.parse().unwrap()).collect();
    let answers = answers
        .iter()
        .map(|line| {
            line.iter()
                .map(|address| address.parse().unwrap())
                .collect()
        })
        .collect();
    Dialer::new(&url.parse().unwrap(), &allowed, Duration::from_millis(300))
        .unwrap()
        .with_resolver(Arc::new(Script(answers, AtomicUsize::new(0))))
}

async fn open(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).await.unwrap()
}

async fn dial(dialer: &Dialer) -> Result<TcpStream, DialError> {
    dialer.dial(dialer.deadline()).await
}

#[tokio::test]
async fn one_private_address_condemns_a_name() {
    for answer in [
        ["10.0.0.1", "1.1.1.1"],
        ["1.1.1.1", "169.254.169.254"],
        ["::1", "1.1.1.1"],
        ["::ffff:10.0.0.1", "1.1.1.1"],
    ] {
        let got = dial(&dialer("https://a.example/", &[], &[&answer])).await;
        assert!(
            matches!(got, Err(DialError::Private { .. })),
            "{answer:?} {got:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_flips_is_judged_at_every_connection() {
    let listener = open(0).await;
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://a.example:{port}/");
    let dialer = dialer(
        &url,
        &["127.0.0.1/32"],
        &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]],
    );
    assert!(dial(&dialer).await.is_ok());
    assert!(matches!(
        dial(&dialer).await,
        Err(DialError::Private { .. })
    ));
    assert!(dial(&dialer).await.is_ok());
}

#[tokio::test]
async fn plain_text_stays_private() {
    let got = dial(&dialer("http://a.example/", &[], &[&["1.1.1.1"]])).await;
    assert!(matches!(got, Err(DialError::Plain { .. })), "{got:?}");
}

#[tokio::test]
async fn a_url_that_names_its_address_allows_that_one() {
    let listener = open(0).await;
    let port = listener.local_addr().unwrap().port();
    assert!(
        dial(&dialer(&format!("http://127.0.0.1:{port}/"), &[], &[&[]]))
            .await
            .is_ok()
    );
    assert!(
        dial(&dialer(
            &format!("http://localhost:{port}/"),
            &[],
            &[&["127.0.0.1"]]
        ))
        .await
        .is_ok()
    );
    let other = dial(&dialer(
        &format!("http://localhost:{port}/"),
        &[],
        &[&["127.0.0.2"]],
    ))
    .await;
    assert!(matches!(other, Err(DialError::Private { .. })), "{other:?}");
}

#[tokio::test]
async fn a_name_without_an_address_is_unresolved() {
    let got = dial(&dialer("https://a.example/", &[], &[&[]])).await;
    assert!(matches!(got, Err(DialError::Unresolved(_))), "{got:?}");
}

#[tokio::test]
async fn a_translator_opens_nothing_behind_it() {
    let allowed = ["64:ff9b::/96", "::ffff:0:0/96", "2002::/16"];
    for answer in [
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "::ffff:127.0.0.1",
        "2002:7f00:1::1",
    ] {
        let got = dial(&dialer("https://a.example/", &allowed, &[&[answer]])).await;
        assert!(
            matches!(got, Err(DialError::Private { .. })),
            "{answer} {got:?}"
        );
    }
    let listener = open(0).await;
    let url = format!(
        "http://a.example:{}/",
        listener.local_addr().unwrap().port()
    );
    let both = ["::ffff:0:0/96", "127.0.0.0/8"];
    let got = dial(&dialer(&url, &both, &[&["::ffff:127.0.0.1"]])).await;
    assert!(got.is_ok(), "{got:?}");
}

#[tokio::test]
async fn every_spelling_of_an_address_names_that_address() {
    let listener = open(0).await;
    let port = listener.local_addr().unwrap().port();
    for host in [
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::ffff:7f00:1]",
    ] {
        let got = dial(&dialer(&format!("http://{host}:{port}/"), &[], &[&[]])).await;
        assert!(got.is_ok(), "{host} {got:?}");
    }
}

#[tokio::test]
async fn names_that_resemble_localhost_allow_nothing() {
    for host in ["localhost.", "a.localhost", "localhost.example"] {
        let got = dial(&dialer(&format!("http://{host}/"), &[], &[&["127.0.0.1"]])).await;
        assert!(
            matches!(got, Err(DialError::Private { .. })),
            "{host} {got:?}"
        );
    }
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let listener = open(0).await;
    let url = format!(
        "http://a.example:{}/",
        listener.local_addr().unwrap().port()
    );
    let got = dial(&dialer(
        &url,
        &["127.0.0.0/8"],
        &[&["127.0.0.2", "127.0.0.3", "127.0.0.1"]],
    ))
    .await;
    assert_eq!(
        got.unwrap().peer_addr().unwrap().ip(),
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    );
}

/// A socket whose queue of unaccepted connections is full: further ones hang.
fn full(address: &str) -> (Socket, Vec<std::net::TcpStream>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let address: SocketAddr = format!("{address}:0").parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))
    {
        held.push(stream);
    }
    (socket, held)
}

#[tokio::test]
async fn an_address_that_hangs_holds_up_the_next_one_only_briefly() {
    let (hanging, _held) = full("127.0.0.2");
    let port = hanging.local_addr().unwrap().as_socket().unwrap().port();
    let _listener = open(port).await;
    let mut dialer = dialer(
        &format!("http://a.example:{port}/"),
        &["127.0.0.0/8"],
        &[&["127.0.0.2", "127.0.0.1"]],
    );
    dialer.deadline = Duration::from_secs(20);
    let begun = Instant::now();
    let stream = dial(&dialer).await.unwrap();
    assert_eq!(
        stream.peer_addr().unwrap().ip(),
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    );
    assert!(begun.elapsed() >= HEAD_START, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nobody_waits_past_the_deadline() {
    let (hanging, _held) = full("127.0.0.2");
    let port = hanging.local_addr().unwrap().as_socket().unwrap().port();
    let got = dial(&dialer(&format!("http://127.0.0.2:{port}/"), &[], &[&[]])).await;
    assert!(matches!(got, Err(DialError::TimedOut)), "{got:?}");
}
