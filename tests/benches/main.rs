//! What a call costs: hopgate beside nginx as a plain reverse proxy and no proxy at all, on one pinned core.
//!
//! Closed loop, alternating rounds, every answer checked; CPU time is the proxy process's own clock. `tests/bench` runs it.

mod credentials;
mod load;
mod machine;
mod memory;
mod overload;
mod proofs;
mod records;
mod storm;
mod stub;
mod subjects;
mod table;

use load::{Calls, Outcome};
use machine::{Cores, median};
use std::time::Duration;
use subjects::{Proxy, Subject};

/// How long and how often.
struct Plan {
    rounds: usize,
    warm: Duration,
    measured: Duration,
    starts: usize,
    sessions: usize,
    /// Rounds and calls for each kind of proof, and how many subjects.
    proofs: (usize, usize, usize),
    records: records::Plan,
    /// First calls that storm the issuer, and how many of them at once.
    storm: (usize, usize),
    overload: overload::Plan,
}

/// One subject under one load, over all rounds.
struct Row {
    load: &'static str,
    subject: Subject,
    outcomes: Vec<Outcome>,
    cpu: Vec<f64>,
    rss: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    if let ["stub", port] = words.as_slice() {
        runtime.block_on(stub::serve(port.parse().expect("port")));
        return;
    }
    let cores = Cores::of_this_machine();
    if !words.contains(&"--pinned") {
        cores.again_pinned(&arguments);
        return;
    }
    let plan = Plan::new(words.contains(&"--quick"));
    let (mark, report) = runtime.block_on(async {
        if words.contains(&"--records") {
            let stub = subjects::stub(&cores).await;
            let report = records::measure(&cores, &stub, &plan.records).await;
            return ("records", report);
        }
        if words.contains(&"--credentials") {
            let stub = subjects::stub(&cores).await;
            let calls = credentials::measure(&cores, &stub, &plan.records).await;
            let storm = storm::measure(&cores, &stub, plan.storm).await;
            return ("credentials", calls + &storm);
        }
        if words.contains(&"--overload") {
            let stub = subjects::stub(&cores).await;
            return (
                "overload",
                overload::measure(&cores, &stub, plan.overload).await,
            );
        }
        if words.contains(&"--proofs") {
            let stub = subjects::stub(&cores).await;
            let proofs = proofs::measure(&cores, &stub, plan.proofs).await;
            return ("bench", proofs.render());
        }
        ("bench", run(&cores, &plan).await)
    });
    println!("{report}");
    if words.contains(&"--write") {
        table::write(mark, &report);
    }
}

// === impl Plan ===

impl Plan {
    /// The whole, or enough to see that it runs.
    fn new(quick: bool) -> Self {
        match quick {
            true => Self {
                rounds: 1,
                warm: ms(300),
                measured: ms(1000),
                starts: 3,
                sessions: 500,
                proofs: (1, 2_000, 2_000),
                records: records::Plan {
                    rounds: 1,
                    calls: 3_200,
                    warm: 640,
                },
                storm: (1_000, 100),
                overload: overload::Plan {
                    warm: ms(500),
                    measured: ms(2_000),
                    connections: 1_024,
                },
            },
            false => Self {
                rounds: 5,
                warm: ms(1000),
                measured: ms(4000),
                starts: 25,
                sessions: 10_000,
                proofs: (3, 20_000, 200_000),
                records: records::Plan {
                    rounds: 6,
                    calls: 16_000,
                    warm: 1_600,
                },
                storm: (10_000, 400),
                overload: overload::Plan {
                    warm: ms(2_000),
                    measured: ms(10_000),
                    connections: 4_096,
                },
            },
        }
    }
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

async fn run(cores: &Cores, plan: &Plan) -> String {
    let stub = subjects::stub(cores).await;
    let loads = [
        Calls {
            name: "200 B, 16 connections",
            connections: 16,
            size: 200,
        },
        Calls {
            name: "64 KiB, 16 connections",
            connections: 16,
            size: 65_536,
        },
    ];
    let proxies = [
        Proxy::nginx(cores, &stub).await,
        Proxy::hopgate(cores, &stub, "").await,
    ];
    let mut rows = Vec::new();
    for calls in &loads {
        let mut of_load: Vec<Row> = Subject::ALL
            .map(|subject| Row {
                load: calls.name,
                subject,
                outcomes: Vec::new(),
                cpu: Vec::new(),
                rss: 0,
            })
            .into();
        for round in 0..plan.rounds {
            for row in &mut of_load {
                eprintln!(
                    "{}, round {} of {}: {:?}",
                    calls.name,
                    round + 1,
                    plan.rounds,
                    row.subject
                );
                measure(row, calls, plan, &stub, &proxies).await;
            }
        }
        rows.extend(of_load);
    }
    drop(proxies);
    let start = memory::first_answer(cores, &stub, plan.starts).await;
    let memory = memory::sessions_and_streams(cores, &stub, plan.sessions).await;
    let proofs = proofs::measure(cores, &stub, plan.proofs).await;
    table::render(cores, &rows, start, &memory) + &proofs.render()
}

async fn measure(
    row: &mut Row,
    calls: &Calls,
    plan: &Plan,
    stub: &subjects::Child,
    proxies: &[Proxy; 2],
) {
    let proxy = match row.subject {
        Subject::Direct => None,
        Subject::Nginx => Some(&proxies[0]),
        Subject::Hopgate => Some(&proxies[1]),
    };
    let target = proxy.map_or_else(|| stub.target(), Proxy::target);
    calls.run(&target, plan.warm).await;
    let before = proxy.map(|proxy| machine::cpu(proxy.pid()));
    let outcome = calls.run(&target, plan.measured).await;
    if let (Some(proxy), Some(before)) = (proxy, before) {
        let spent = machine::cpu(proxy.pid()) - before;
        row.cpu
            .push(spent.as_secs_f64() * 1e6 / outcome.calls() as f64);
        row.rss = row.rss.max(machine::rss(proxy.pid()));
    }
    row.outcomes.push(outcome);
}

impl Row {
    fn cpu(&self) -> Option<f64> {
        (!self.cpu.is_empty()).then(|| median(self.cpu.clone()))
    }

    fn rate(&self) -> f64 {
        median(self.outcomes.iter().map(Outcome::rate).collect())
    }

    fn quantile(&self, share: f64) -> f64 {
        median(
            self.outcomes
                .iter()
                .map(|one| one.quantile(share))
                .collect(),
        )
    }
}
