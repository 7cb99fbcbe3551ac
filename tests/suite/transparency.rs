//! Neither side can tell: argument bytes reach the upstream, result bytes the client, exactly as they were sent.

use std::sync::{Arc, Mutex};
use tests::random::Random;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Setup, Upstream, json};

const SEED: u64 = 20_260_728;
const ROUNDS: usize = 120;

/// An upstream that answers each tool call with the body the test put in place; `ID` stands for the id.
async fn answering() -> (Upstream, Arc<Mutex<String>>) {
    let body = Arc::new(Mutex::new(json::result("ID", "{}")));
    let shared = Arc::clone(&body);
    let upstream = Upstream::mcp(move |received, wire| {
        let body = shared.lock().unwrap().replace("ID", &received.id());
        plain(wire, (200, "", body))
    })
    .await;
    (upstream, body)
}

#[tokio::test]
async fn arguments_arrive_as_they_were_sent() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        let mut random = Random::new(SEED);
        for round in 0..ROUNDS {
            let arguments = random.object(4);
            upstream.forget();
            assert_eq!(
                agent.call("echo", &arguments).await.said(),
                "ok",
                "{round}: {arguments}"
            );
            let call = &upstream.with_method("tools/call")[0];
            assert_eq!(
                call.raw(&["params", "arguments"]).unwrap(),
                arguments,
                "round {round}"
            );
        }
    }
}

#[tokio::test]
async fn a_whole_message_arrives_as_it_was_sent() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let modern = Agent::modern(&gateway);
    let mut random = Random::new(SEED + 1);
    for _ in 0..ROUNDS {
        let (extra, meta, inner) = (random.object(3), random.object(2), random.value(2));
        let space = random.pick(&["", " ", "\n\t"]);
        let id = random.pick(&[
            "7",
            "\"7\"",
            "9007199254740993",
            r#""é""#,
            r#""\u00e9""#,
            "-1",
        ]);
        let params = format!(
            r#"{{"x-a":{extra},{space}"name" : "echo","arguments":{{}},"_meta":{{"acme.dev/x":{meta}}},"b":{inner}}}"#
        );
        let body = format!(
            r#"{space}{{"params":{params},"x-top":{extra},"id":{id},{space}"jsonrpc":"2.0","method":"tools/call"}}{space}"#
        );
        upstream.forget();
        let answer = agent.post(&body).await;
        assert_eq!(answer.said(), "ok", "{body}");
        assert_eq!(json::raw(&answer.body, &["id"]).unwrap(), id);
        assert_eq!(upstream.with_method("tools/call")[0].text(), body);
        // The same with the metadata of the other era.
        let meta =
            tests::agent::with_meta("{}").replacen(r#"{"_meta":{"#, r#"{"acme.dev/y":1.0,"#, 1);
        let params = format!(
            r#"{{"name":"echo","arguments":{extra},"_meta":{}}}"#,
            &meta[..meta.len() - 1]
        );
        let body = format!(
            r#"{{"jsonrpc":"2.0",{space}"method":"tools/call","id":{id},"params":{params}}}"#
        );
        upstream.forget();
        assert_eq!(modern.post(&body).await.said(), "ok", "{body}");
        assert_eq!(upstream.with_method("tools/call")[0].text(), body);
    }
}

#[tokio::test]
async fn results_arrive_as_they_were_sent() {
    let (upstream, place) = answering().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        let mut random = Random::new(SEED + 2);
        for round in 0..ROUNDS {
            let (result, extra) = (random.object(4), random.value(2));
            let body = match random.below(3) {
                0 => format!(r#"{{"jsonrpc":"2.0","id":ID,"result":{result}}}"#),
                1 => format!(r#" {{"result" :{result},"jsonrpc":"2.0","x":{extra}, "id": ID }} "#),
                _ => format!(
                    "{{\"id\":ID,\n\"x\":{extra},\"result\":{result},\"jsonrpc\":\"2.0\"}}\n"
                ),
            };
            place.lock().unwrap().clone_from(&body);
            let (message, id) = agent.message("tools/call", r#"{"name":"echo","arguments":{}}"#);
            let answer = agent.post(&message).await;
            assert_eq!(
                answer.text(),
                body.replace("ID", &id.to_string()),
                "round {round}, {era:?}"
            );
        }
    }
}

#[tokio::test]
async fn messages_of_a_stream_arrive_as_they_were_sent() {
    let mut random = Random::new(SEED + 3);
    // A line break inside a message would be framing, not JSON.
    let flat = |text: String| text.replace(['\r', '\n'], " ");
    let notes: Vec<String> = (0..40).map(|_| flat(random.object(3))).collect();
    let result = flat(random.object(4));
    let (sent, last) = (notes.clone(), result.clone());
    let upstream = Upstream::mcp(move |received, mut wire| {
        let (notes, result) = (sent.clone(), last.clone());
        async move {
            sse_head(&mut wire, "").await.ok()?;
            for note in notes {
                let message = format!(
                    r#"{{"method":"notifications/message","params":{note},"jsonrpc":"2.0"}}"#
                );
                wire.write(format!("event: message\ndata: {message}\n\n"))
                    .await
                    .ok()?;
            }
            wire.write(format!(
                "data: {}\n\n",
                json::result(&received.id(), &result)
            ))
            .await
            .ok()?;
            None
        }
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let answer = Agent::legacy(&gateway).await.call("echo", "{}").await;
    let events = answer.events();
    let messages: Vec<_> = events.iter().filter(|event| !event.is_comment()).collect();
    assert_eq!(messages.len(), notes.len() + 1);
    for (event, note) in messages.iter().zip(&notes) {
        let data = event.data.as_deref().unwrap();
        assert_eq!(json::raw(data.as_bytes(), &["params"]).as_ref(), Some(note));
        assert_eq!(event.event.as_deref(), Some("message"));
    }
    assert_eq!(answer.result(), result);
}

#[tokio::test]
async fn an_error_of_the_server_arrives_with_its_status() {
    let (upstream, place) = answering().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let error = r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"no \u00e9","data":{"n":1.0,"x":[]},"y":2},"id":ID}"#;
    place.lock().unwrap().clone_from(&error.to_owned());
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        let (message, id) = agent.message("tools/call", r#"{"name":"echo","arguments":{}}"#);
        let answer = agent.post(&message).await;
        assert_eq!(answer.text(), error.replace("ID", &id.to_string()));
        assert_eq!(answer.status(), 200);
    }
    for status in [400, 404, 500] {
        let upstream = Upstream::mcp(move |received, wire| {
            plain(
                wire,
                (
                    status,
                    "",
                    json::error(&received.id(), -32020, "mind the header"),
                ),
            )
        })
        .await;
        let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
        let answer = Agent::modern(&gateway).call("echo", "{}").await;
        assert_eq!(
            (answer.status(), answer.code()),
            (status, Some(-32020)),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let (upstream, place) = answering().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let text = "x\\n\u{e9}".repeat(1 << 20);
    place
        .lock()
        .unwrap()
        .clone_from(&json::result("ID", &format!(r#"{{"text":"{text}"}}"#)));
    let arguments = format!(r#"{{"text":"{}"}}"#, "y".repeat(1_000_000));
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        upstream.forget();
        assert_eq!(
            agent.call("echo", &arguments).await.result(),
            format!(r#"{{"text":"{text}"}}"#)
        );
        let call = &upstream.with_method("tools/call")[0];
        assert_eq!(call.raw(&["params", "arguments"]).unwrap(), arguments);
    }
}

/// Chunk borders anywhere, also inside the id, the word `result` and a UTF-8 sequence.
#[tokio::test]
async fn an_answer_may_be_split_anywhere() {
    let whole = r#"{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"é"}],"resultType":"complete"},"id":1}"#;
    let at = Arc::new(Mutex::new(1));
    let shared = Arc::clone(&at);
    let upstream = Upstream::mcp(move |_, mut wire| {
        let (left, right) = whole.as_bytes().split_at(*shared.lock().unwrap());
        async move {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
            for part in [head.as_bytes().to_vec(), chunk(left), chunk(right), b"0\r\n\r\n".to_vec()] {
                wire.write(part).await.ok()?;
            }
            Some(wire)
        }
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for split in 1..whole.len() {
        *at.lock().unwrap() = split;
        let answer = Agent::modern(&gateway).call("echo", "{}").await;
        assert_eq!(answer.text(), whole, "split at {split}");
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
