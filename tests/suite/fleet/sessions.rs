//! A legacy session that was opened at one gateway is served by another, and a server's question that one delivered is
//! answered over another.

use super::{Fleet, at, until};
use crate::identity::{ended, in_session, task, text};
use serde_json::Value;
use std::sync::Arc;
use tests::upstream::{lifecycle, plain, sse_head};
use tests::{Agent, Answer, Received, Upstream, Wire, eventually, json};
use tokio::sync::Notify;

const ASK: &str = r#"{"jsonrpc":"2.0","id":"ask-1","method":"elicitation/create","params":{"message":"Name?","requestedSchema":{"type":"object","properties":{}}}}"#;
const REPLY: &str = r#"{"jsonrpc":"2.0","id":"ask-1","result":{"action":"accept","content":{}}}"#;

/// A server whose tool `slow` asks its client and answers once it is told to.
async fn asking() -> (Upstream, Arc<Notify>) {
    let done = Arc::new(Notify::new());
    let wait = Arc::clone(&done);
    let upstream = Upstream::start(move |received: Received, wire: Wire| {
        let wait = Arc::clone(&wait);
        async move {
            if let Some(answer) = lifecycle(&received) {
                return plain(wire, answer).await;
            }
            let answer = json::result(&received.id(), &json::said("ok"));
            if received.name() != "slow" {
                return plain(wire, (200, "", answer)).await;
            }
            let mut wire = wire;
            sse_head(&mut wire, "").await.ok()?;
            wire.write(format!("id: q/1\ndata: {ASK}\n\n")).await.ok()?;
            wait.notified().await;
            wire.write(format!("data: {answer}\n\n")).await.ok()?;
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

async fn asked(agent: &Agent) -> Answer {
    let mut answer = agent.open_call("slow", "{}").await;
    let event = answer.event().await.unwrap();
    assert_eq!(event.data.as_deref(), Some(ASK));
    answer
}

#[tokio::test]
async fn a_session_goes_on_at_another_gateway() {
    let fleet = Fleet::start().await;
    let here = in_session(&fleet.one, "ann").await;
    let there = at(&fleet.two, &here);
    assert_eq!(there.call("echo", "{}").await.said(), "ok");
    assert_eq!(here.call("echo", "{}").await.said(), "ok");
    // The server saw one session and one handshake.
    assert_eq!(fleet.upstream.with_method("initialize").len(), 1);
    let calls = fleet.upstream.with_method("tools/call");
    let sessions: Vec<_> = calls
        .iter()
        .map(|one| one.head.get("mcp-session-id"))
        .collect();
    assert!(
        sessions[0].is_some() && sessions[0] == sessions[1],
        "{sessions:?}"
    );
    // Another agent's it is at neither.
    let mut stolen = fleet.known("bob").1;
    stolen.era = here.era;
    stolen.revision.clone_from(&here.revision);
    stolen.session.clone_from(&here.session);
    assert_eq!(stolen.call("echo", "{}").await.status(), 404);
}

#[tokio::test]
async fn a_question_delivered_by_one_is_answered_over_another_and_once() {
    let (upstream, done) = asking().await;
    let fleet = Fleet::before(upstream, |setup| {
        // The clock of the call goes on once the client has answered, wherever.
        setup.gateway("[gateway.deadlines]\ncall = \"3s\"")
    })
    .await;
    let here = in_session(&fleet.one, "ann").await;
    let there = at(&fleet.two, &here);
    // Nobody was asked yet.
    assert_eq!(there.post(REPLY).await.status(), 202);
    assert!(answers(&fleet.upstream).is_empty());
    let open = asked(&here).await;
    assert_eq!(there.post(REPLY).await.status(), 202);
    assert_eq!(answers(&fleet.upstream), [REPLY]);
    for again in [&here, &there] {
        assert_eq!(again.post(REPLY).await.status(), 202);
    }
    assert_eq!(answers(&fleet.upstream).len(), 1);
    // The server never answers: were its client still asked, the clock would stand.
    let whole = open.whole().await;
    assert_eq!(whole.code(), Some(-31504), "{whole:?}");
    // At the gateway that delivered it, too.
    let open = asked(&here).await;
    assert_eq!(here.post(REPLY).await.status(), 202);
    assert_eq!(answers(&fleet.upstream).len(), 2);
    assert_eq!(there.post(REPLY).await.status(), 202);
    assert_eq!(answers(&fleet.upstream).len(), 2);
    done.notify_waiters();
    assert_eq!(open.whole().await.said(), "ok");
}

/// Both send the answer at the same moment, many times: it passes once each.
#[tokio::test]
async fn of_two_answers_at_once_one_passes() {
    let (upstream, done) = asking().await;
    let fleet = Fleet::before(upstream, |setup| setup).await;
    for round in 1..=10 {
        let here = in_session(&fleet.one, "ann").await;
        let there = at(&fleet.two, &here);
        let open = asked(&here).await;
        let (one, two) = tokio::join!(here.post(REPLY), there.post(REPLY));
        assert_eq!((one.status(), two.status()), (202, 202));
        assert_eq!(answers(&fleet.upstream).len(), round);
        done.notify_waiters();
        assert_eq!(open.whole().await.said(), "ok");
    }
}

#[tokio::test]
async fn a_session_deleted_at_one_is_over_at_all() {
    let fleet = Fleet::start().await;
    let here = in_session(&fleet.one, "ann").await;
    let there = at(&fleet.two, &here);
    assert_eq!(here.call("echo", "{}").await.said(), "ok");
    let mut stream = here.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let id = text(&task(&here).await, "id").to_owned();
    // The gateway it is deleted at has never seen it.
    assert_eq!(there.delete().await.status(), 200);
    assert_eq!(ended(&here, &id).await, "session_over");
    assert_eq!(stream.message().await["error"]["code"], -31410);
}

/// Only one revision has batches: which one a session speaks, every gateway knows.
#[tokio::test]
async fn what_a_session_negotiated_is_known_at_all() {
    let fleet = Fleet::start().await;
    const BATCH: &str =
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#;
    for (revision, wanted) in [("2025-03-26", 200), ("2025-06-18", 400)] {
        let mut here = fleet.known("ann").0;
        here.era = tests::Era::Legacy;
        revision.clone_into(&mut here.revision);
        here.initialize().await;
        // Another gateway learns it a moment after the handshake, and then keeps it.
        let answered = async || {
            let mut there = at(&fleet.two, &here);
            there.revision = "2025-03-26".to_owned();
            there.post(BATCH).await.status()
        };
        until("the revision is known", answered, |status| {
            *status == wanted
        })
        .await;
    }
}

/// A `requestState` opens at every gateway with the same keys, for its own caller and request.
#[tokio::test]
async fn a_request_that_asked_back_is_taken_up_elsewhere() {
    let upstream = Upstream::mcp(|received: Received, wire| {
        let result = match received.raw(&["params", "requestState"]) {
            Some(state) => format!(
                r#"{{"resultType":"complete","content":[{{"type":"text","text":{state}}}]}}"#
            ),
            None => r#"{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{}}}}},"requestState":"its own"}"#.to_owned(),
        };
        plain(wire, (200, "", json::result(&received.id(), &result)))
    })
    .await;
    let fleet = Fleet::before(upstream, |setup| setup).await;
    let (ann, elsewhere) = fleet.known("ann");
    let first = ann.call("echo", "{}").await;
    let state = json::text(&first.body, &["result", "requestState"]).unwrap();
    assert_ne!(state, "its own");
    let retry = |state: &str| {
        let state = json::quote(state);
        format!(
            r#"{{"name":"echo","arguments":{{}},"inputResponses":{{"who":{{"action":"accept","content":{{}}}}}},"requestState":{state}}}"#
        )
    };
    let again = elsewhere.request("tools/call", &retry(&state)).await;
    assert_eq!(again.said(), "its own", "{again:?}");
    let stolen = fleet
        .known("bob")
        .1
        .request("tools/call", &retry(&state))
        .await;
    assert_eq!(stolen.code(), Some(-32602), "{stolen:?}");
    eventually("nothing else arrived", || {
        fleet.upstream.with_method("tools/call").len() == 2
    })
    .await;
    let _: Value = again.json();
}
