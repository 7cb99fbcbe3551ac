//! A server that sends back the credential it was called with: no byte of it reaches the agent, the lease is revoked, the
//! server flagged. Whatever the form, wherever it stands, however it is cut.

mod carriers;
mod forms;

use carriers::{CARRIERS, Carrier, Shown};
use forms::{FORMS, Form};
use std::sync::{Arc, Mutex};
use tests::records::{Records, text};
use tests::wire::Wire;
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, Whole, json};

/// What the server is called with.
const SECRET: &str = "7Qx2Lm9Vt4-Rk8Zp3.Wy5_Nc6Hd";

/// What the server sends back next.
#[derive(Clone)]
struct Plan {
    carrier: &'static Carrier,
    form: Form,
    /// Where the answer is cut, from the beginning of the secret.
    cuts: Vec<usize>,
}

/// A gateway before a server that sends back what it was called with.
struct World {
    gateway: Gateway,
    upstream: Upstream,
    plan: Arc<Mutex<Option<Plan>>>,
}

// === impl World ===

impl World {
    async fn new(keys: &str) -> Self {
        let plan: Arc<Mutex<Option<Plan>>> = Arc::default();
        let told = Arc::clone(&plan);
        let upstream = Upstream::mcp(move |received, wire| {
            let plan = told.lock().expect("plan").clone().expect("a plan");
            async move { plan.play(&received, wire).await }
        })
        .await;
        let setup = Setup::empty()
            .server_with("up", &upstream.url(), "credential = \"own\"")
            .variable("ECHO_TOKEN", SECRET)
            .tail(&format!("\n[credentials.own]\nkind = \"static\"\nfrom = {{ env = \"ECHO_TOKEN\" }}\n{keys}\n"));
        Self {
            gateway: Gateway::start(&setup).await,
            upstream,
            plan,
        }
    }

    fn plan(&self, carrier: &'static Carrier, form: Form, cuts: &[usize]) {
        *self.plan.lock().expect("plan") = Some(Plan {
            carrier,
            form,
            cuts: cuts.to_vec(),
        });
    }

    async fn echoes(&self) -> usize {
        let metric = "hopgate_server_echoes_total{server=\"up\"}";
        self.gateway.metric(metric).await as usize
    }
}

// === impl Plan ===

impl Plan {
    /// Answers, a chunk for each piece: the gateway meets every cut.
    async fn play(self, received: &Received, mut wire: Wire) -> Option<Wire> {
        let token = received
            .head
            .get("authorization")?
            .strip_prefix("Bearer ")?;
        let echo = (self.form.encode)(token);
        let fill = |text: &str| text.replace("ID", &received.id());
        let head = fill(self.carrier.head).replace("ECHO", &echo);
        let body = fill(self.carrier.body).replace("MUCH", &"word ".repeat(60_000));
        let start = body.find("ECHO").unwrap_or(body.len());
        let body = body.replace("ECHO", &echo);
        let mut answer = format!("HTTP/1.1 {head}Transfer-Encoding: chunked\r\n\r\n");
        let mut from = 0;
        let cuts = self.cuts.iter().map(|cut| start + cut);
        for to in cuts.chain([body.len()]) {
            if from < to && to <= body.len() {
                answer += &format!("{:x}\r\n{}\r\n", to - from, &body[from..to]);
                from = to;
            }
        }
        let trailers = self.carrier.trailers.replace("ECHO", &echo);
        wire.write(format!("{answer}0\r\n{trailers}\r\n"))
            .await
            .ok()?;
        Some(wire)
    }
}

/// Nothing of the secret, in the form it was sent back in or as it is.
fn clean(raw: &[u8], echo: &str, what: &str) {
    for secret in [SECRET, echo] {
        let begins = &secret.as_bytes()[..6];
        let shown = raw.windows(6).any(|part| part == begins);
        assert!(!shown, "{what}: {}", String::from_utf8_lossy(raw));
    }
}

/// The refusal an agent sees in place of the answer.
fn refused(answer: &Whole, carrier: &Carrier, what: &str) {
    let status = match carrier.shown {
        Shown::Event => 200,
        Shown::Refusal | Shown::Nothing => 502,
    };
    assert_eq!(answer.status(), status, "{what}: {answer:?}");
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("upstream"), "{what}: {answer:?}");
    assert!(answer.json()["id"].is_i64(), "{what}: {answer:?}");
}

#[tokio::test]
async fn no_form_in_any_carrier_reaches_the_agent() {
    let world = World::new("").await;
    let agent = Agent::modern(&world.gateway);
    let mut count = 0;
    for carrier in CARRIERS
        .iter()
        .filter(|carrier| carrier.shown != Shown::Nothing)
    {
        for form in FORMS {
            let echo = (form.encode)(SECRET);
            for cuts in [
                vec![],
                vec![echo.len() / 2],
                vec![1, echo.len() - 1],
                (0..=echo.len()).collect(),
            ] {
                let what = format!("{}, {}, {cuts:?}", carrier.name, form.name);
                world.plan(carrier, form, &cuts);
                let answer = agent.call("echo", "{}").await;
                refused(&answer, carrier, &what);
                clean(
                    &[answer.head.raw.as_slice(), &answer.body].concat(),
                    form.own(&echo),
                    &what,
                );
                count += 1;
            }
        }
    }
    assert_eq!(world.echoes().await, count);
    assert_eq!(world.upstream.with_method("tools/call").len(), count);
}

#[tokio::test]
async fn a_stream_that_has_begun_is_cut() {
    let world = World::new("").await;
    let carrier = CARRIERS.iter().find(|one| one.shown == Shown::Nothing);
    let carrier = carrier.expect("a large answer");
    for (number, form) in FORMS.into_iter().enumerate() {
        let echo = (form.encode)(SECRET);
        for cuts in [vec![0], vec![0, echo.len() / 2], (0..=echo.len()).collect()] {
            world.plan(carrier, form, &cuts);
            let mut answer = Agent::modern(&world.gateway).open_call("echo", "{}").await;
            assert_eq!(answer.status(), 200, "{}", form.name);
            let mut body = Vec::new();
            let ended = loop {
                match answer.piece().await {
                    Ok(Some(piece)) => body.extend(piece),
                    other => break other,
                }
            };
            assert!(ended.is_err(), "{}: it ended properly", form.name);
            assert!(body.len() > 128 * 1024, "{} of it had passed", body.len());
            clean(&body, form.own(&echo), form.name);
        }
        assert_eq!(world.echoes().await, 3 * (number + 1));
    }
}

#[tokio::test]
async fn streams_of_both_eras_end_with_an_error() {
    let world = World::new("").await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &world.gateway).await;
        for carrier in CARRIERS.iter().filter(|one| one.shown == Shown::Event) {
            world.plan(carrier, FORMS[0], &[3]);
            let mut answer = agent.open_call("echo", "{}").await;
            let message = answer.message().await;
            let error = message["error"]["message"].to_string();
            assert!(error.contains("upstream"), "{}: {message}", carrier.name);
            assert_eq!(answer.event().await, None, "{}", carrier.name);
        }
    }
}

#[tokio::test]
async fn the_stream_of_a_session_ends_too() {
    let world = World::new("").await;
    let agent = Agent::legacy(&world.gateway).await;
    let carrier = CARRIERS.iter().find(|one| one.name == "a notification");
    world.plan(carrier.expect("a notification"), FORMS[0], &[5]);
    let mut answer = agent.listen(None).await;
    let mut all = Vec::new();
    while let Ok(Some(piece)) = answer.piece().await {
        all.extend(piece);
    }
    clean(&all, SECRET, "the GET stream");
    assert_eq!(world.echoes().await, 1);
}

#[tokio::test]
async fn a_lease_that_was_sent_back_is_revoked_and_replaced() {
    let world = World::new("").await;
    let agent = Agent::modern(&world.gateway);
    let mut calls = Vec::new();
    for _ in 0..2 {
        world.plan(&CARRIERS[0], FORMS[0], &[]);
        let answer = agent.call("echo", "{}").await;
        calls.push(
            answer
                .head
                .get("hopgate-call")
                .expect("its number")
                .to_owned(),
        );
    }
    let World { mut gateway, .. } = world;
    gateway.terminate().await;
    let records = Records::read(&gateway.place);
    for call in &calls {
        let outcome = records.outcome(call);
        let reason = text(outcome, "reason");
        assert!(reason.contains("holds the credential"), "{outcome}");
    }
    let leases = records.kind("secrets", "lease");
    let of_event = |event: &str| {
        leases
            .iter()
            .filter(|line| text(line, "event") == event)
            .count()
    };
    let echoed = leases.iter().filter(|line| line["cause"] == "echo").count();
    assert_eq!((of_event("used"), echoed), (2, 2), "{leases:?}");
    let said = gateway.stderr().text();
    assert!(said.contains("sent back the credential"), "{said}");
    let shown = format!("{said}{}{records:?}", gateway.stdout().text());
    assert!(!shown.contains(&SECRET[..8]), "{shown}");
}

#[tokio::test]
async fn what_is_compressed_is_refused() {
    let world = World::new("").await;
    world.plan(&carriers::COMPRESSED, FORMS[0], &[]);
    let answer = Agent::modern(&world.gateway).call("echo", "{}").await;
    refused(&answer, &carriers::COMPRESSED, "compressed");
}

/// What is no echo passes as the very bytes it came in, held beginnings and all.
#[tokio::test]
async fn almost_the_secret_passes() {
    let world = World::new("").await;
    let agent = Agent::modern(&world.gateway);
    for form in forms::ALMOST {
        let echo = (form.encode)(SECRET);
        let expected: String = serde_json::from_str(&format!("\"{echo}\"")).expect("a string");
        for carrier in CARRIERS.iter().filter(|one| one.passes) {
            for cuts in [vec![], vec![echo.len() / 2], (0..=echo.len()).collect()] {
                world.plan(carrier, form, &cuts);
                let answer = agent.call("echo", "{}").await;
                let said = &answer.json()["result"]["x"];
                assert_eq!(*said, expected, "{}, {}, {cuts:?}", carrier.name, form.name);
            }
        }
    }
    assert_eq!(world.echoes().await, 0);
}

/// Only what is secret is looked for, and only where a call went out with it.
#[tokio::test]
async fn the_name_of_a_user_and_calls_without_a_credential_pass() {
    let upstream = Upstream::mcp(|received, wire| async move {
        let said = json::said(&format!("a.long.username and {SECRET}"));
        tests::upstream::plain(wire, (200, "", json::result(&received.id(), &said))).await
    })
    .await;
    let fields = "\n[credentials.own]\nkind = \"static\"\ninject = { basic = \"{username}:{password}\" }\n\
                  [credentials.own.fields]\nusername = { env = \"ECHO_USER\" }\npassword = { env = \"ECHO_PASSWORD\" }\n";
    let setup = Setup::empty()
        .server_with("up", &upstream.url(), "credential = \"own\"")
        .server("bare", &upstream.url())
        .variable("ECHO_USER", "a.long.username")
        .variable("ECHO_PASSWORD", "another password of theirs")
        .tail(fields);
    let gateway = Gateway::start(&setup).await;
    for server in ["up", "bare"] {
        let agent = Agent::new(
            gateway.address(),
            &format!("/servers/{server}/mcp"),
            Era::Modern,
        );
        let said = agent.call("echo", "{}").await.said();
        assert!(said.ends_with(SECRET), "{server}: {said}");
    }
    assert_eq!(
        gateway
            .metric("hopgate_server_echoes_total{server=\"up\"}")
            .await,
        0.0
    );
}
