//! The listener over real sockets, before a door that says what it saw.

mod drain;
mod http;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{Response, StatusCode};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::edge::tests::bare;
use super::{Door, Drain, Edge, Listener, read_body};
use crate::listener::Visit;
use crate::pipeline::inbound::Inbound;
use crate::telemetry::Metrics;

/// Says what it saw; the server named `stream` answers with a stream that ends when the drain begins,
/// `stuck` with one that never does, `slow` after a second, `late` when it is told to.
#[derive(Debug)]
struct Mirror {
    edge: Edge,
    calls: AtomicUsize,
    streams: Arc<AtomicUsize>,
    ending: CancellationToken,
    go: CancellationToken,
}

/// What a mirror answers.
#[derive(Debug)]
enum Image {
    Text(Option<Bytes>),
    Stream {
        first: bool,
        open: Open,
        ended: Pin<Box<tokio_util::sync::WaitForCancellationFutureOwned>>,
    },
}

/// One open stream, counted.
#[derive(Debug)]
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Body for Image {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Stream { first, .. } if *first => {
                *first = false;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data: 1\n\n")))))
            }
            Self::Stream { ended, open, .. } => {
                let _held = &open.0;
                ended.as_mut().poll(cx).map(|()| None)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(Some(text)) => SizeHint::with_exact(text.len() as u64),
            Self::Text(None) => SizeHint::with_exact(0),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}

impl Mirror {
    fn stream(&self, until: CancellationToken) -> Image {
        self.streams.fetch_add(1, Ordering::SeqCst);
        let ended = Box::pin(until.cancelled_owned());
        Image::Stream {
            first: true,
            open: Open(self.streams.clone()),
            ended,
        }
    }
}

impl Door for Mirror {
    type Body = Image;

    fn edge(&self) -> Arc<Edge> {
        Arc::new(self.edge.clone())
    }

    async fn visit(&self, visit: Visit) -> Response<Image> {
        Response::new(Image::Text(Some(format!("{:?}", visit.place).into())))
    }

    async fn call(&self, inbound: Inbound) -> Response<Image> {
        match &*inbound.server {
            "stream" => return Response::new(self.stream(self.ending.clone())),
            "stuck" => return Response::new(self.stream(CancellationToken::new())),
            "late" => self.go.cancelled().await,
            "slow" => tokio::time::sleep(Duration::from_secs(1)).await,
            _ => {}
        }
        let limit = self.edge.bounds.body;
        let read = read_body(inbound.body, limit, self.edge.deadlines.body).await;
        let Ok(body) = read else {
            let mut answer = Response::new(Image::Text(Some("broken".into())));
            *answer.status_mut() = StatusCode::BAD_REQUEST;
            return answer;
        };
        self.calls.fetch_add(1, Ordering::SeqCst);
        let text = format!(
            "{} {} {:?} tls={} {}",
            inbound.server,
            inbound.head.method,
            inbound.head.version,
            inbound.peer.tls,
            String::from_utf8_lossy(&body)
        );
        Response::new(Image::Text(Some(text.into())))
    }
}

/// A running listener.
struct House {
    address: SocketAddr,
    door: Arc<Mirror>,
    metrics: Arc<Metrics>,
    drain: Drain,
}

fn open(edge: Edge) -> House {
    open_at(edge, "127.0.0.1:0")
}

fn open_at(edge: Edge, address: &str) -> House {
    let drain = Drain::default();
    let door = Arc::new(Mirror {
        edge,
        calls: AtomicUsize::new(0),
        streams: Arc::default(),
        ending: drain.begun().clone(),
        go: CancellationToken::new(),
    });
    let metrics = Arc::new(Metrics::default());
    let listener = Listener::bind(&[address.parse().unwrap()]).unwrap();
    let address = listener.addresses()[0];
    tokio::spawn(listener.serve(door.clone(), metrics.clone(), drain.clone()));
    House {
        address,
        door,
        metrics,
        drain,
    }
}

impl House {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own and returns all that comes until it closes.
    async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        let _ = stream.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
        let _reset = read.await.expect("the connection closes");
        String::from_utf8(answer).unwrap()
    }

    /// One request that closes its connection.
    async fn ask(&self, method: &str, target: &str, headers: &str) -> String {
        let head = format!("{method} {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        self.say(head).await
    }

    fn streams(&self) -> usize {
        self.door.streams.load(Ordering::SeqCst)
    }
}

/// Waits until it holds.
async fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within five seconds: {what}");
}

async fn read_until(stream: &mut (impl tokio::io::AsyncRead + Unpin), end: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).ends_with(end) {
        seen.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(seen).unwrap()
}
