//! No message may mean two things (T01-T19): each of these is refused, and the upstream never hears of it.

mod bodies;
mod framing;
mod mirrored;

use tests::{Agent, Era, Gateway, Setup, Upstream};

/// A gateway in front of a server that would say yes to everything.
async fn pair() -> (Gateway, Upstream) {
    let upstream = Upstream::saying("reached").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    (gateway, upstream)
}

/// Sends bodies that must be refused with a JSON-RPC error of one of these codes and HTTP 400.
async fn refused(cases: &[(&str, Vec<u8>)], codes: &[i64]) {
    let (gateway, upstream) = pair().await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        upstream.forget();
        for (why, body) in cases {
            let body = &of_era(era, body);
            let head = agent.head_for(&plausible(era, body));
            let answer = agent.send(&head, body).await.whole().await;
            assert_eq!(answer.status(), 400, "{why}, {era:?}: {answer:?}");
            let code = answer.code().unwrap_or_default();
            assert!(codes.contains(&code), "{why}, {era:?}: {answer:?}");
            assert!(
                upstream.received().is_empty(),
                "{why}, {era:?} reached the upstream"
            );
        }
        // The same agent still gets through: it was the message, not the caller.
        assert_eq!(agent.call("echo", "{}").await.said(), "reached");
    }
}

/// The bodies are written with modern metadata, which has no place in a legacy session.
fn of_era(era: Era, body: &[u8]) -> Vec<u8> {
    let meta = bodies::META.as_bytes();
    let at = body.windows(meta.len()).position(|window| window == meta);
    match (era, at) {
        (Era::Legacy, Some(at)) => {
            [&body[..at], br#""_meta":{}"#, &body[at + meta.len()..]].concat()
        }
        _ => body.to_vec(),
    }
}

/// The message whose headers go with a broken body, so that only the body is wrong.
fn plausible(era: Era, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match era == Era::Modern && text.contains("tools/call") {
        true => r#"{"method":"tools/call","params":{"name":"echo"}}"#.to_owned(),
        false => "{}".to_owned(),
    }
}
