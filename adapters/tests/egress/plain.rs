//! A server over plain HTTP: what it receives, what of its answers arrives, and what happens when it breaks off.

use crate::peer::{Seen, carry, listen, post, read, settings, upstream};
use adapters::secret::Secret;
use adapters::upstream::http::HttpUpstream;
use adapters::upstream::{Carried, Upstream, UpstreamError};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers every request of every connection with the same bytes.
async fn answering(answer: &'static str) -> (u16, Arc<Seen>) {
    listen(move |_, mut stream, seen| async move {
        while seen.request(&mut stream).await.is_some() {
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn the_server_receives_what_was_given_and_the_transport_needs() {
    let (port, seen) = answering(OK).await;
    let response = post(&upstream(port), r#"{"a":1.0}"#).await.unwrap();
    assert_eq!(read(response).await.unwrap(), "ok");
    let expected = format!(
        "POST /mcp?a=b HTTP/1.1\r\ncontent-type: application/json\r\nhost: 127.0.0.1:{port}\r\n\
         accept-encoding: identity\r\ncontent-length: 9\r\n\r\n{{\"a\":1.0}}"
    );
    assert_eq!(seen.requests(), [expected]);
}

#[tokio::test]
async fn a_credential_leaves_for_its_origin_and_no_other() {
    let (port, seen) = answering(OK).await;
    let bound = |url: &str, query: &str| {
        Some(Carried {
            origin: Url::parse(url).unwrap().origin(),
            query: Some(Secret::from(query)),
        })
    };
    for other in [
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", port - 1),
        format!("http://localhost:{port}"),
        "http://evil.example".to_owned(),
    ] {
        let refused = carry(&upstream(port), "{}", bound(&other, "key=1")).await;
        assert!(matches!(refused, Err(UpstreamError::Refused(_))), "{other}");
    }
    assert_eq!(seen.connections(), 0);
    let own = format!("http://127.0.0.1:{port}/elsewhere");
    carry(&upstream(port), "{}", bound(&own, "key=a%26b"))
        .await
        .unwrap();
    assert!(seen.requests()[0].starts_with("POST /mcp?a=b&key=a%26b HTTP/1.1"));
}

#[tokio::test]
async fn a_credential_has_connections_of_its_own() {
    let (port, seen) = answering(OK).await;
    let shared: Arc<dyn Upstream> = Arc::new(upstream(port));
    let (one, two) = (Arc::clone(&shared).alone(), Arc::clone(&shared).alone());
    for upstream in [&shared, &one, &two, &shared, &one, &two] {
        read(carry(&**upstream, "{}", None).await.unwrap())
            .await
            .unwrap();
    }
    assert_eq!(seen.connections(), 3);
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (sink, sunk) = answering(OK).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:{sink}/\r\n\
             refresh: 0; url=http://127.0.0.1:{sink}/\r\nlink: <http://127.0.0.1:{sink}/>; rel=preload\r\n\
             content-length: 0\r\n\r\n"
        );
        let (port, seen) = answering(answer.leak()).await;
        let response = post(&upstream(port), "{}").await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(seen.requests().len(), 1);
    }
    assert_eq!(sunk.connections(), 0);
}

#[tokio::test]
async fn a_compressed_answer_stays_compressed() {
    let (port, _) = answering(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x02\x03\x04",
    )
    .await;
    let response = post(&upstream(port), "{}").await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(read(response).await.unwrap(), "\x1f\x02\x03\x04");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (port, seen) = answering(OK).await;
    let upstream = upstream(port);
    for _ in 0..20 {
        read(post(&upstream, "{}").await.unwrap()).await.unwrap();
        // The connection goes back to the pool in a task of its own.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((seen.requests().len(), seen.connections()), (20, 1));
}

#[tokio::test]
async fn two_servers_never_share_a_connection() {
    let (port, seen) = answering(OK).await;
    for _ in 0..2 {
        let response = post(&upstream(port), "{}").await.unwrap();
        read(response).await.unwrap();
    }
    assert_eq!(seen.connections(), 2);
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_nothing() {
    let (port, seen) = listen(|_, mut stream, seen| async move {
        seen.request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let upstream = upstream(port);
    for turn in 1..=10 {
        read(post(&upstream, "{}").await.unwrap()).await.unwrap();
        assert_eq!((seen.requests().len(), seen.connections()), (turn, turn));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends the first `length` bytes of an answer to the second request of a connection, then resets it.
async fn breaking(length: usize) -> (u16, Arc<Seen>) {
    listen(move |_, mut stream: TcpStream, seen| async move {
        seen.request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        seen.request(&mut stream).await;
        stream
            .write_all(OK.get(..length).unwrap().as_bytes())
            .await
            .unwrap();
        stream.flush().await.unwrap();
        if length.is_multiple_of(2) {
            socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_request_that_was_written_is_never_sent_again() {
    for length in 0..OK.len() {
        let (port, seen) = breaking(length).await;
        let upstream = upstream(port);
        read(post(&upstream, "{}").await.unwrap()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let outcome = match post(&upstream, "{}").await {
            Ok(response) => read(response).await,
            Err(error) => Err(error),
        };
        assert!(
            matches!(outcome, Err(UpstreamError::Broken(_))),
            "{length}: {outcome:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
        let counted = (seen.requests().len(), seen.connections());
        assert_eq!(counted, (2, 1), "{length}");
    }
}

#[tokio::test]
async fn an_error_says_nothing_that_the_server_said() {
    for answer in [
        "hunter2\r\n\r\n",
        "HTTP/1.1 999999 hunter2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nhunter2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: hunter2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhunter2\r\n",
    ] {
        let (port, seen) = answering(answer).await;
        let error = match post(&upstream(port), "{}").await {
            Ok(response) => read(response).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, UpstreamError::Broken(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert_eq!(seen.requests().len(), 1);
    }
}

#[tokio::test]
async fn nobody_listening_is_an_error_of_the_connection() {
    let (port, _) = listen(|_, _, _| async {}).await;
    let free = loop {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let free = listener.local_addr().unwrap().port();
        if free != port {
            break free;
        }
    };
    let error = post(&upstream(free), "{}").await.unwrap_err();
    assert!(matches!(error, UpstreamError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let (port, _) = listen(|_, mut stream, seen| async move {
        seen.request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        // Waits for the client, which goes away once it has the first event.
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    })
    .await;
    let mut body = post(&upstream(port), "{}").await.unwrap().into_body();
    let event = timeout(Duration::from_secs(10), body.frame()).await;
    let event = event.unwrap().unwrap().unwrap().into_data().unwrap();
    assert_eq!(event, "data: 1\n\n");
}

#[tokio::test]
async fn who_stops_listening_closes_the_exchange() {
    let (gone, mut told) = mpsc::channel(2);
    let (port, _) = listen(move |_, mut stream, seen| {
        let gone = gone.clone();
        async move {
            let silent = seen.request(&mut stream).await.unwrap().ends_with("silent");
            if !silent {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await.unwrap();
            }
            assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
            gone.send(silent).await.unwrap();
        }
    })
    .await;
    let upstream = upstream(port);
    drop(post(&upstream, "headed").await.unwrap());
    assert_eq!(
        timeout(Duration::from_secs(10), told.recv()).await.unwrap(),
        Some(false)
    );
    let waiting = timeout(Duration::from_millis(300), post(&upstream, "silent")).await;
    assert!(waiting.is_err());
    assert_eq!(
        timeout(Duration::from_secs(10), told.recv()).await.unwrap(),
        Some(true)
    );
}

#[test]
fn a_url_is_http_and_holds_no_credential() {
    for url in ["ftp://a.example/", "file:///etc/passwd", "data:,x"] {
        assert!(HttpUpstream::new(&settings(url)).is_err(), "{url}");
    }
    for url in [
        "http://u@a.example/",
        "https://u:hunter2@a.example/",
        "http://:p@a.example/",
    ] {
        let error = HttpUpstream::new(&settings(url)).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
