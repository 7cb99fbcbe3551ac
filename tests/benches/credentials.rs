//! What a credential costs a call: the CPU time of the gateway's process without one, with one that all calls of a task
//! share, and with one that is minted for each call. The bench of records has the same rounds and loads.

use crate::machine::{Cores, about, commit, cpu};
use crate::records::{Plan, run};
use crate::subjects::{Child, Proxy};
use std::fmt::Write;
use tests::Setup;
use tokio::time::Instant;

/// A gateway whose calls go out with one kind of credential.
struct Row {
    name: &'static str,
    proxy: Proxy,
    /// The least disturbed round of each load.
    cost: [Cost; LOADS.len()],
}

#[derive(Clone, Copy)]
struct Cost {
    /// CPU microseconds of a call.
    cpu: f64,
    /// Calls per second.
    rate: f64,
}

/// Connections that call at once.
const LOADS: [usize; 2] = [32, 1];
/// Each kind of credential: its name, and its table.
const KINDS: [(&str, &str); 4] = [
    ("none", ""),
    (
        "`static`, one per task",
        "kind = \"static\"\nfrom = { env = \"BENCH_TOKEN\" }",
    ),
    ("`mint`, one per task", "kind = \"mint\""),
    ("`mint`, one per call", "kind = \"mint\"\nper = \"call\""),
];

/// Measures all kinds in alternating rounds, and says what it found.
pub(crate) async fn measure(cores: &Cores, stub: &Child, plan: &Plan) -> String {
    let own = tests::gateway::binary();
    let url = format!("http://127.0.0.1:{}/mcp", stub.target().port);
    let mut rows = Vec::new();
    for (name, table) in KINDS {
        let setup = |_| setup(&url, table);
        rows.push(Row {
            name,
            proxy: Proxy::hopgate_as(cores, stub, &own, setup).await,
            cost: [Cost {
                cpu: f64::INFINITY,
                rate: 0.0,
            }; LOADS.len()],
        });
    }
    for round in 0..plan.rounds {
        for row in &mut rows {
            eprintln!(
                "credentials, round {} of {}: {}",
                round + 1,
                plan.rounds,
                row.name
            );
            row.measure(plan).await;
        }
    }
    render(cores, &rows)
}

fn setup(url: &str, table: &str) -> Setup {
    match table {
        "" => Setup::empty().server_with("up", url, "credential = \"none\""),
        table => Setup::empty()
            .server_with("up", url, "credential = \"own\"")
            .tail(&format!("\n[credentials.own]\n{table}\n"))
            .variable("BENCH_TOKEN", "c7b9f06de1a34582c7b9f06de1a34582"),
    }
}

// === impl Row ===

impl Row {
    async fn measure(&mut self, plan: &Plan) {
        for (load, least) in LOADS.iter().zip(&mut self.cost) {
            // One connection alone takes its time.
            let calls = plan.calls / if *load == 1 { 4 } else { 1 };
            run(&self.proxy, *load, plan.warm, 0).await;
            let (before, began) = (cpu(self.proxy.pid()), Instant::now());
            run(&self.proxy, *load, calls, 0).await;
            let elapsed = began.elapsed().as_secs_f64();
            let spent = cpu(self.proxy.pid()).saturating_sub(before);
            let done = (calls / load * load) as f64;
            least.cpu = least.cpu.min(spent.as_secs_f64() * 1e6 / done);
            least.rate = least.rate.max(done / elapsed);
        }
    }
}

fn render(cores: &Cores, rows: &[Row]) -> String {
    let mut page = format!("Commit `{}` on {}.\n\n", commit(), about(cores));
    page += "| credential | CPU µs per call, 32 at once | more | ratio | calls/s | one at once | more | ratio | calls/s |\n";
    page += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for (at, row) in rows.iter().enumerate() {
        write!(page, "| {} ", row.name).expect("text");
        for (own, without) in row.cost.iter().zip(rows[0].cost) {
            let (more, ratio) = (own.cpu - without.cpu, own.cpu / without.cpu);
            match at {
                0 => write!(page, "| {:.1} | | | {:.0} ", own.cpu, own.rate),
                _ => write!(
                    page,
                    "| {:.1} | {more:+.1} | {ratio:.2} | {:.0} ",
                    own.cpu, own.rate
                ),
            }
            .expect("text");
        }
        page += "|\n";
    }
    page
}
