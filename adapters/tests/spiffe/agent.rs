//! A Workload API that says what a test tells it to, and takes back what it said. It attests nobody.
//!
//! That real agents are understood is for the tests against SPIRE; this one is for what SPIRE does not do on request.

use crate::authority::{Folder, Leaf};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

const SVID: &str = "/SpiffeWorkloadAPI/FetchX509SVID";
const X509: &str = "/SpiffeWorkloadAPI/FetchX509Bundles";
const JWT: &str = "/SpiffeWorkloadAPI/FetchJWTBundles";

/// What it says on a stream, at once and to whoever asks later.
#[derive(Clone)]
enum Say {
    Message(Vec<u8>),
    /// Ends the stream with a gRPC status.
    Status(&'static str, &'static str),
}

/// One agent on one socket. Dropped, it is gone with all its streams.
pub(crate) struct Agent {
    says: Arc<HashMap<&'static str, watch::Sender<Say>>>,
    _streams: JoinSet<()>,
}

/// What a stream carries: whatever is sent through the channel.
struct Said(mpsc::UnboundedReceiver<Frame<Bytes>>);

// === impl Agent ===

impl Agent {
    pub(crate) const SOCKET: &'static str = "agent.sock";

    /// One that denies everything.
    pub(crate) fn new(folder: &Folder) -> Self {
        let deny = || watch::Sender::new(Say::Status("7", "no identity issued"));
        let says = [SVID, X509, JWT].map(|path| (path, deny()));
        let says = Arc::new(HashMap::from(says));
        let socket = folder.path(Self::SOCKET);
        drop(std::fs::remove_file(&socket));
        let mut streams = JoinSet::new();
        streams.spawn(accept(bind(&socket), Arc::clone(&says)));
        Self {
            says,
            _streams: streams,
        }
    }

    /// Issues these SVIDs, the first by default.
    pub(crate) fn issue(&self, svids: &[(&str, &Leaf, &[u8])]) {
        let one = |(id, leaf, bundle): &(&str, &Leaf, &[u8])| {
            let parts = [
                field(1, id.as_bytes()),
                field(2, &leaf.der()),
                field(3, &leaf.key.serialize_der()),
                field(4, bundle),
            ];
            field(1, &parts.concat())
        };
        self.say(SVID, Say::Message(svids.iter().flat_map(one).collect()));
    }

    pub(crate) fn x509_bundles(&self, bundles: &[(&str, &[u8])]) {
        self.say(X509, Say::Message(map(2, bundles)));
    }

    pub(crate) fn jwt_bundles(&self, bundles: &[(&str, &[u8])]) {
        self.say(JWT, Say::Message(map(1, bundles)));
    }

    /// What SPIRE says once the entry of the workload is deleted.
    pub(crate) fn deny(&self) {
        for path in [SVID, X509, JWT] {
            self.say(path, Say::Status("7", "no identity issued"));
        }
    }

    /// Says something that is no message.
    pub(crate) fn babble(&self) {
        for path in [SVID, X509, JWT] {
            self.say(path, Say::Message(vec![0xff; 9]));
        }
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.says.values().map(watch::Sender::receiver_count).sum()
    }

    fn say(&self, path: &str, say: Say) {
        self.says.get(path).unwrap().send_replace(say);
    }
}

impl Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

fn bind(socket: &Path) -> UnixListener {
    UnixListener::bind(socket).unwrap()
}

async fn accept(listener: UnixListener, says: Arc<HashMap<&'static str, watch::Sender<Say>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let says = Arc::clone(&says);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&request, &says);
                async move { Ok::<_, Infallible>(answer) }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            drop(
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    says: &HashMap<&'static str, watch::Sender<Say>>,
) -> Response<Said> {
    let (frames, said) = mpsc::unbounded_channel();
    let mut says = says.get(request.uri().path()).unwrap().subscribe();
    let proper = request
        .headers()
        .get("workload.spiffe.io")
        .is_some_and(|value| value == "true");
    tokio::spawn(async move {
        loop {
            let say = match proper {
                true => says.borrow_and_update().clone(),
                false => Say::Status("3", "security header missing from request"),
            };
            let frame = match &say {
                Say::Message(message) => Frame::data(enclose(message)),
                Say::Status(code, text) => Frame::trailers(trailers(code, text)),
            };
            if frames.send(frame).is_err() || matches!(say, Say::Status(..)) {
                return;
            }
            tokio::select! {
                () = frames.closed() => return,
                changed = says.changed() => if changed.is_err() { return },
            }
        }
    });
    Response::builder()
        .header("content-type", "application/grpc")
        .body(Said(said))
        .unwrap()
}

fn trailers(code: &'static str, text: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    trailers.insert("grpc-message", text.parse().unwrap());
    trailers
}

/// A message as gRPC frames it: not compressed, and its length.
fn enclose(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), message].concat().into()
}

/// A map of texts to bytes: one message for each pair.
fn map(number: u8, pairs: &[(&str, &[u8])]) -> Vec<u8> {
    let pair = |(key, value): &(&str, &[u8])| {
        field(
            number,
            &[field(1, key.as_bytes()), field(2, value)].concat(),
        )
    };
    pairs.iter().flat_map(pair).collect()
}

/// A field of bytes as protobuf encodes it.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 127 {
        out.push(u8::try_from(length & 127).unwrap() | 128);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend(content);
    out
}
