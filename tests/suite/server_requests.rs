//! A server may ask its client (elicitation, sampling, roots): delivered where it asked, answered once, by nobody else.

use std::sync::Arc;
use tests::upstream::{lifecycle, plain, sse_head};
use tests::{Agent, Answer, Gateway, Received, Setup, Upstream, Wire, eventually};
use tokio::sync::Notify;

const ASK: &str = r#"{"jsonrpc":"2.0","id":"ask-1","method":"elicitation/create","params":{"message":"Name?","requestedSchema":{"type":"object","properties":{}},"x":1.0}}"#;
const SAMPLE: &str = r#"{"jsonrpc":"2.0","id":77,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":5}}"#;

/// A server that puts `question` on the stream of a call or a GET, and keeps that stream open until told.
async fn asking(question: &'static str) -> (Upstream, Arc<Notify>) {
    let done = Arc::new(Notify::new());
    let wait = Arc::clone(&done);
    let upstream = Upstream::start(move |received: Received, wire: Wire| {
        let wait = Arc::clone(&wait);
        async move {
            if let Some(answer) = lifecycle(&received) {
                return plain(wire, answer).await;
            }
            let mut wire = wire;
            sse_head(&mut wire, "").await.ok()?;
            wire.write(format!("id: q/1\ndata: {question}\n\n"))
                .await
                .ok()?;
            wait.notified().await;
            None
        }
    })
    .await;
    (upstream, done)
}

fn answers(upstream: &Upstream) -> Vec<String> {
    let mut all = upstream.received();
    all.retain(|one| one.verb() == "POST" && one.method().is_empty());
    all.iter().map(Received::text).collect()
}

async fn asked(mut answer: Answer, question: &str) -> Answer {
    let event = answer.event().await.unwrap();
    assert_eq!(event.data.as_deref(), Some(question));
    answer
}

#[tokio::test]
async fn an_answer_reaches_the_server_as_it_was_sent_and_once() {
    let (upstream, done) = asking(ASK).await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let open = asked(agent.open_call("slow", "{}").await, ASK).await;
    let reply = r#"{ "jsonrpc":"2.0","result":{"action":"accept","content":{"n":1.0,"s":"\u00e9"}}, "id":"ask-1"}"#;
    assert_eq!(agent.post(reply).await.status(), 202);
    assert_eq!(answers(&upstream), [reply]);
    // A second answer to the same question goes nowhere.
    assert_eq!(agent.post(reply).await.status(), 202);
    assert_eq!(answers(&upstream).len(), 1);
    // That it might be asked was a decision of its own.
    let log = gateway
        .place
        .folder
        .join("data/audit/decisions/00000001.jsonl");
    let log = std::fs::read_to_string(log).unwrap();
    let asked = log
        .lines()
        .filter(|line| line.contains(r#""event":"client","decision":"allow""#));
    let asked: Vec<&str> = asked.collect();
    assert_eq!(asked.len(), 1, "{log}");
    assert!(
        asked[0].contains(r#""method":"elicitation/create""#),
        "{asked:?}"
    );
    done.notify_waiters();
    drop(open);
}

#[tokio::test]
async fn an_error_is_an_answer_too() {
    let (upstream, _done) = asking(SAMPLE).await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let _open = asked(agent.listen(None).await, SAMPLE).await;
    let reply = r#"{"jsonrpc":"2.0","id":77,"error":{"code":-1,"message":"User rejected"}}"#;
    assert_eq!(agent.post(reply).await.status(), 202);
    assert_eq!(answers(&upstream), [reply]);
}

#[tokio::test]
async fn an_answer_nobody_asked_for_goes_nowhere() {
    let (upstream, _done) = asking(SAMPLE).await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let (agent, stranger) = (Agent::legacy(&gateway).await, Agent::legacy(&gateway).await);
    let early = r#"{"jsonrpc":"2.0","id":77,"result":{}}"#;
    assert_eq!(agent.post(early).await.status(), 202);
    let _open = asked(agent.open_call("slow", "{}").await, SAMPLE).await;
    let forged = [
        (&agent, r#"{"jsonrpc":"2.0","id":78,"result":{}}"#),
        (&agent, r#"{"jsonrpc":"2.0","id":"77","result":{}}"#),
        (&stranger, r#"{"jsonrpc":"2.0","id":77,"result":{}}"#),
    ];
    for (agent, forged) in forged {
        assert_eq!(agent.post(forged).await.status(), 202, "{forged}");
    }
    assert!(answers(&upstream).is_empty(), "{:?}", answers(&upstream));
    assert_eq!(agent.post(early).await.status(), 202);
    assert_eq!(answers(&upstream), [early]);
}

/// A modern client never answers by POST: there is no question on its streams.
#[tokio::test]
async fn modern_streams_carry_no_questions_and_modern_clients_no_answers() {
    let (upstream, done) = asking(SAMPLE).await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let mut answer = agent.open_call("slow", "{}").await;
    let ended = tokio::time::timeout(tests::MOMENT, answer.event()).await;
    let shown = ended
        .ok()
        .flatten()
        .and_then(|event| event.data)
        .unwrap_or_default();
    assert!(!shown.contains("sampling/createMessage"), "{shown}");
    let reply = agent.post(r#"{"jsonrpc":"2.0","id":77,"result":{}}"#).await;
    assert!(matches!(reply.status(), 202 | 400), "{reply:?}");
    assert!(answers(&upstream).is_empty());
    done.notify_waiters();
}

/// Which questions a client may be asked is policy, like everything else.
#[tokio::test]
async fn a_question_no_rule_allows_is_not_delivered() {
    let (upstream, done) = asking(SAMPLE).await;
    // Tools only: nothing here speaks of what a server may ask.
    let rules = tests::setup::allow("tools of up", "up/*");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::legacy(&gateway).await;
    let mut answer = agent.open_call("slow", "{}").await;
    assert_eq!(answer.status(), 200);
    let shown = tokio::time::timeout(tests::MOMENT, answer.event()).await;
    assert!(!format!("{shown:?}").contains("sampling"), "{shown:?}");
    // The server is told that no answer will come.
    eventually("the server is refused", || answers(&upstream).len() == 1).await;
    let refusal: serde_json::Value = serde_json::from_str(&answers(&upstream)[0]).unwrap();
    assert_eq!(refusal["id"], 77);
    assert!(refusal["error"]["code"].is_i64(), "{refusal}");
    done.notify_waiters();
}

/// The server's `ping` is the client's to answer; the gateway does not play the client.
#[tokio::test]
async fn a_servers_ping_reaches_the_client() {
    const PING: &str = r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#;
    let (upstream, _done) = asking(PING).await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let _open = asked(agent.listen(None).await, PING).await;
    assert!(answers(&upstream).is_empty());
    let pong = r#"{"jsonrpc":"2.0","id":"p","result":{}}"#;
    assert_eq!(agent.post(pong).await.status(), 202);
    assert_eq!(answers(&upstream), [pong]);
}

/// A question asked before a restart can still be answered after it is asked again on resumption, never blindly.
#[tokio::test]
async fn after_a_restart_only_redelivered_questions_are_answered() {
    let (upstream, _done) = asking(SAMPLE).await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    drop(asked(agent.open_call("slow", "{}").await, SAMPLE).await);
    let gateway = gateway.restart().await;
    let _open = asked(agent.listen(Some("q/0")).await, SAMPLE).await;
    let reply = r#"{"jsonrpc":"2.0","id":77,"result":{"x":1}}"#;
    assert_eq!(agent.post(reply).await.status(), 202, "{gateway:?}");
    assert_eq!(answers(&upstream), [reply]);
}
