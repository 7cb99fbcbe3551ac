//! The gateway is killed two hundred times in the midst of its work (R1): whatever a server got has an intent on
//! record, whatever a caller got has an outcome, and the chain holds through every crash.
//!
//! Server and callers keep ledgers of their own, by nonces in the arguments. Nothing but the records tells what the
//! gateway did.

use super::request;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::random::Random;
use tests::records::{Log, folder, text, verify};
use tests::upstream::{plain, sse_head};
use tests::{Agent, Gateway, Received, Setup, Upstream, Wire, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const KILLS: usize = 200;
/// Callers at work at once, and how many of them must be waiting for an answer when the gateway is killed.
const CALLERS: usize = 24;
const IN_FLIGHT: usize = 16;
/// So many kills at least must fall where a call has an intent and no outcome yet, or the test has proven little.
const BETWEEN: usize = 20;

/// What the two ends saw, by nonce.
#[derive(Debug, Default)]
struct Ledgers {
    reached: Mutex<HashSet<String>>,
    answered: Mutex<HashSet<String>>,
    waiting: AtomicUsize,
    nonces: AtomicUsize,
}

/// What the records say, by nonce and by call.
#[derive(Debug)]
struct Book {
    log: Log,
    intents: HashSet<String>,
    outcomes: HashSet<String>,
    /// Calls without an outcome so far, and their nonces.
    open: std::collections::HashMap<String, String>,
    recovered: usize,
}

// === impl Ledgers ===

impl Ledgers {
    /// A caller that asks until nobody answers.
    async fn call(&self, agent: &Agent) {
        let Ok(stream) = TcpStream::connect(agent.address).await else {
            return;
        };
        let mut wire = Wire::new(stream);
        loop {
            let nonce = format!("n{}", self.nonces.fetch_add(1, Ordering::Relaxed));
            let tool = if nonce.ends_with('0') {
                "stream"
            } else {
                "echo"
            };
            let request = request(agent, tool, &format!("{{\"nonce\":\"{nonce}\"}}"));
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let answered = wire.write(request).await.is_ok() && self.hear(&mut wire, &nonce).await;
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if !answered {
                return;
            }
        }
    }

    /// Notes an answer as soon as it can be seen: of a plain one the first byte, of a stream its last event.
    async fn hear(&self, wire: &mut Wire, nonce: &str) -> bool {
        let Ok(Some(head)) = wire.head().await else {
            return false;
        };
        assert_eq!(head.status(), 200, "{head:?}");
        let saw = || {
            self.answered
                .lock()
                .expect("ledger")
                .insert(nonce.to_owned())
        };
        if head.get("content-type") == Some("application/json") {
            saw();
        }
        let (mut framing, mut body) = (head.framing(true), Vec::new());
        loop {
            let piece = wire.piece(&mut framing).await;
            match piece {
                Ok(Some(piece)) => body.extend(piece),
                Ok(None) => return true,
                Err(_) => return false,
            }
            if String::from_utf8_lossy(&body).contains("\"result\"") {
                saw();
            }
        }
    }

    /// A server that notes what it gets, and takes a moment.
    async fn serve(&self, received: Received, mut wire: Wire) -> Option<Wire> {
        let nonce = received
            .raw(&["params", "arguments", "nonce"])
            .expect("a nonce");
        let nonce = nonce.trim_matches('"').to_owned();
        let moment =
            Random::new(nonce.len() as u64 ^ self.nonces.load(Ordering::Relaxed) as u64).below(6);
        self.reached.lock().expect("ledger").insert(nonce);
        tokio::time::sleep(Duration::from_millis(moment as u64)).await;
        let answer = json::result(&received.id(), &json::said("ok"));
        if received.name() != "stream" {
            return plain(wire, (200, "", answer)).await;
        }
        sse_head(&mut wire, "").await.ok()?;
        wire.write("id: 1\ndata:\n\n").await.ok()?;
        wire.write(format!("data: {answer}\n\n")).await.ok()?;
        None
    }
}

// === impl Book ===

impl Book {
    fn new(gateway: &Gateway) -> Self {
        Self {
            log: Log::new(&folder(&gateway.place), "calls"),
            intents: HashSet::new(),
            outcomes: HashSet::new(),
            open: [].into(),
            recovered: 0,
        }
    }

    /// Reads on, and says how many calls were cut between intent and outcome: the next start ends them.
    fn read(&mut self) -> usize {
        let mut lost = 0;
        for record in self.log.more() {
            let call = text(&record, "call").to_owned();
            match text(&record, "kind") {
                "intent" => {
                    let nonce = text(&record["arguments"]["full"], "nonce").to_owned();
                    assert!(self.intents.insert(nonce.clone()), "twice: {record}");
                    self.open.insert(call, nonce);
                }
                "outcome" => {
                    assert_ne!(record["undelivered"], true, "{record}");
                    let nonce = self
                        .open
                        .remove(&call)
                        .unwrap_or_else(|| panic!("unasked, or twice: {record}"));
                    match text(&record, "ending") {
                        "lost" => lost += 1,
                        _ => drop(self.outcomes.insert(nonce)),
                    }
                }
                "recovered" => self.recovered += 1,
                _ => {}
            }
        }
        assert!(self.open.is_empty(), "without an outcome: {:?}", self.open);
        lost
    }

    fn balance(&self, ledgers: &Ledgers) {
        let missing = |seen: &Mutex<HashSet<String>>, recorded: &HashSet<String>| {
            let seen = seen.lock().expect("ledger");
            seen.difference(recorded).cloned().collect::<Vec<_>>()
        };
        let none: [String; 0] = [];
        assert_eq!(
            missing(&ledgers.reached, &self.intents),
            none,
            "reached a server without an intent"
        );
        assert_eq!(
            missing(&ledgers.answered, &self.outcomes),
            none,
            "reached a caller without an outcome"
        );
    }
}

/// Works until a random moment with enough calls in flight, and is killed.
async fn work_and_kill(gateway: &mut Gateway, ledgers: &Arc<Ledgers>, random: &mut Random) {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (ledgers, agent) = (Arc::clone(ledgers), Agent::modern(gateway));
        callers.spawn(async move { ledgers.call(&agent).await });
    }
    let enough = || ledgers.waiting.load(Ordering::Relaxed) >= IN_FLIGHT;
    tests::eventually("enough calls are in flight", enough).await;
    tokio::time::sleep(Duration::from_micros(random.below(40_000) as u64)).await;
    tests::eventually("enough calls are in flight", enough).await;
    gateway.signal("KILL");
    gateway.ended().await;
    callers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_lose_no_record() {
    let ledgers = Arc::new(Ledgers::default());
    let served = Arc::clone(&ledgers);
    let upstream = Upstream::start(move |received, wire| {
        let ledgers = Arc::clone(&served);
        async move { ledgers.serve(received, wire).await }
    })
    .await;
    let setup = Setup::empty()
        .server_with("up", &upstream.url(), "protocol = \"modern\"")
        .audit("arguments = \"full\"\nsegment = \"64KiB\"");
    let mut gateway = Gateway::start(&setup).await;
    let mut book = Book::new(&gateway);
    let (mut random, mut between) = (Random::new(1), 0);
    let began = tokio::time::Instant::now();
    for kill in 0..KILLS {
        work_and_kill(&mut gateway, &ledgers, &mut random).await;
        gateway = gateway.restart().await;
        between += usize::from(book.read() > 0);
        book.balance(&ledgers);
        let (whole, said) = verify(&gateway.place);
        assert!(whole, "after kill {kill}: {said}");
    }
    book.read();
    book.balance(&ledgers);
    println!(
        "{KILLS} kills, {between} of them between intent and outcome; {} intents, {} outcomes, {} reached, {} answered, \
         {} recovered, {} segments, {:?}",
        book.intents.len(),
        book.outcomes.len(),
        ledgers.reached.lock().expect("ledger").len(),
        ledgers.answered.lock().expect("ledger").len(),
        book.recovered,
        book.log.segments(),
        began.elapsed(),
    );
    assert!(
        between >= BETWEEN,
        "only {between} kills fell between intent and outcome"
    );
    assert_eq!(gateway.terminate().await.code(), Some(0));
}
