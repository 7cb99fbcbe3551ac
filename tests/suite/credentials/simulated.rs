//! Many callers, an issuer that fails in every way, kills and restarts, from a seed: every token that was ever given is
//! revoked or accounted for (I5), and each was seen by its own server only, from one principal only (I6).

use super::{armed, leases, telling};
use crate::identity::{known, staffed};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::authority::{Authority, Mood};
use tests::random::Random;
use tests::{Gateway, Setup, Upstream};

const AGENTS: [&str; 3] = ["ann", "bob", "cyd"];
const STEPS: usize = 40;

struct World {
    gateway: Option<Gateway>,
    servers: [Upstream; 2],
    authority: Authority,
    random: Random,
}

fn setup(servers: &[Upstream; 2], authority: &Authority, per: &str) -> Setup {
    let tables = authority.credential(&format!("per = \"{per}\"\noutstanding = 1000"));
    let setup = armed(&servers[0].url(), &tables)
        .server_with("other", &servers[1].url(), "credential = \"own\"")
        .gateway("[gateway.deadlines]\nidle = \"1s\"")
        .variable("AUTHORITY_SECRET", "canary-of-the-client-0001");
    staffed(setup, &AGENTS)
}

impl World {
    async fn new(seed: u64, per: &str) -> Self {
        let servers = [telling().await, telling().await];
        let authority = Authority::start().await;
        let gateway = Gateway::start(&setup(&servers, &authority, per)).await;
        Self {
            gateway: Some(gateway),
            servers,
            authority,
            random: Random::new(seed),
        }
    }

    fn mood(&mut self) -> Mood {
        match self.random.below(8) {
            0 => Mood::Answers(503),
            1 => Mood::Answers(400),
            2 => Mood::DoesAndCloses,
            3 => Mood::DoesAndAnswers(500),
            4 => Mood::Closes,
            5 => Mood::Slow(Duration::from_millis(30)),
            _ => Mood::Willing,
        }
    }

    /// A few calls at once; whether they pass is the issuer's affair.
    async fn call(&mut self) {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..=self.random.below(4) {
            let name = AGENTS[self.random.below(3)];
            let server = ["up", "other"][self.random.below(2)];
            let gateway = self.gateway.as_ref().unwrap();
            let agent = known(gateway, server, name);
            let arguments = format!("{{\"by\":\"{name}\",\"on\":\"{server}\"}}");
            calls.spawn(async move { agent.call("note", &arguments).await.status() });
        }
        let goes_away = self.random.below(5) == 0;
        if goes_away {
            calls.abort_all();
        }
        while calls.join_next().await.is_some() {}
    }

    async fn kill(&mut self) {
        let mut gateway = self.gateway.take().unwrap();
        gateway.signal("KILL");
        gateway.ended().await;
        self.gateway = Some(gateway.restart_unready().await);
    }

    async fn step(&mut self) {
        match self.random.below(10) {
            0 | 1 => {
                let mood = self.mood();
                self.authority.giving(mood);
            }
            2 | 3 => {
                let mood = self.mood();
                self.authority.taking(mood);
            }
            4 => self.kill().await,
            _ => self.call().await,
        }
    }

    /// The issuer is well again: what is still good must be listed, with the reason.
    async fn settle(mut self) {
        self.authority.giving(Mood::Willing);
        self.authority.taking(Mood::Willing);
        let mut gateway = self.gateway.take().unwrap();
        assert!(gateway.terminate().await.success());
        let good = self.authority.good().len();
        let lost = leases(&gateway)
            .iter()
            .filter(|(event, _)| event == "irrevocable")
            .count();
        assert!(
            good <= lost,
            "{good} tokens are good, {lost} are on record as irrevocable"
        );
        let mut ends = BTreeMap::<String, BTreeSet<String>>::new();
        for (event, line) in leases(&gateway) {
            ends.entry(line["lease"].to_string())
                .or_default()
                .insert(event);
        }
        for (lease, events) in ends {
            let over = ["revoked", "irrevocable", "unminted"];
            assert!(
                over.iter().any(|end| events.contains(*end)),
                "{lease}: {events:?}"
            );
        }
        self.seen_by_their_own();
    }

    /// A token is of one principal and one server.
    fn seen_by_their_own(&self) {
        let mut whose = BTreeMap::new();
        for (server, name) in self.servers.iter().zip(["up", "other"]) {
            for received in server.with_method("tools/call") {
                let token = received
                    .head
                    .get("authorization")
                    .expect("a token")
                    .to_owned();
                let by = received.raw(&["params", "arguments"]).unwrap();
                assert!(by.contains(&format!("\"on\":\"{name}\"")), "{by}");
                let known = whose.entry(token).or_insert_with(|| by.clone());
                assert_eq!(*known, by, "one token, two principals or servers");
            }
        }
        assert!(!whose.is_empty(), "nothing was called");
    }
}

async fn run(seed: u64, per: &str) {
    println!("seed {seed}, per {per}");
    let mut world = World::new(seed, per).await;
    for _ in 0..STEPS {
        world.step().await;
    }
    world.settle().await;
}

#[tokio::test]
async fn leases_of_tasks() {
    for seed in 1..=4 {
        run(seed, "task").await;
    }
}

#[tokio::test]
async fn leases_of_calls() {
    for seed in 5..=8 {
        run(seed, "call").await;
    }
}

#[tokio::test]
async fn leases_of_principals() {
    for seed in 9..=10 {
        run(seed, "agent").await;
    }
}
