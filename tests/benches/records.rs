//! What records and traces cost a call: the CPU time of the gateway's process with each setting, beside a gateway that
//! keeps none. There is no switch for that, so the environment names one: `HOPGATE_BASELINE` is a binary built from the
//! commit before the journal. Without it the first row is missing.

use crate::load::Caller;
use crate::machine::{Cores, about, commit, cpu, rss};
use crate::stub::text;
use crate::subjects::{Child, Proxy};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tests::random::Random;
use tests::setup::Setup;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Rounds, calls of a round, and after how many of them a round is warm.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) calls: usize,
    pub(crate) warm: usize,
}

/// A gateway with one setting, and what its calls cost.
struct Row {
    name: &'static str,
    /// The row it is compared with.
    beside: Option<&'static str>,
    /// Of how many calls one is sampled by its caller; none where zero.
    sampled: usize,
    /// Microseconds more than the other row that it may cost.
    aim: Option<f64>,
    proxy: Proxy,
    /// CPU microseconds of a call by load, the least disturbed round of each.
    cpu: [f64; LOADS.len()],
    rss: usize,
}

/// A kind of record, how long its lines are, and how long the hash of one takes.
struct Hashed {
    kind: &'static str,
    bytes: usize,
    micros: f64,
}

/// Connections that call at once.
const LOADS: [usize; 2] = [32, 1];
const OFF: &str = "records in `process`, no telemetry";
const BEFORE: &str = "before records (`HOPGATE_BASELINE`)";
const ALL: &str = "every call traced";
/// Mebibytes that a collector may cost.
const MEMORY: f64 = 64.0;

/// Measures all settings in alternating rounds, and says what it found.
pub(crate) async fn measure(cores: &Cores, stub: &Child, plan: &Plan) -> String {
    let dead = closed_port();
    // Takes connections into the kernel's queue and never says anything.
    let hanging = TcpListener::bind(("127.0.0.1", 0)).await.expect("port");
    let hangs = hanging.local_addr().expect("address").port();
    let willing = stub.target().port;
    let row = |name, beside, sampled, aim, proxy| Row {
        name,
        beside,
        sampled,
        aim,
        proxy,
        cpu: [f64::INFINITY; LOADS.len()],
        rss: 0,
    };
    let own = tests::gateway::binary();
    let with =
        |tables: String| Proxy::hopgate_as(cores, stub, &own, move |setup| setup.tail(&tables));
    let power = |setup: Setup| setup.audit("refusals = 1000000\ndurability = \"power\"");
    let mut rows = Vec::new();
    if let Some(binary) = std::env::var_os("HOPGATE_BASELINE").map(PathBuf::from) {
        // It knows no `[audit]` yet.
        let proxy = Proxy::hopgate_as(cores, stub, &binary, |setup| setup.audit("")).await;
        rows.push(row(BEFORE, None, 0, None, proxy));
    }
    let beside = rows.first().map(|row: &Row| row.name);
    rows.push(row(OFF, beside, 0, Some(7.0), with(String::new()).await));
    let proxy = Proxy::hopgate_as(cores, stub, &own, power).await;
    rows.push(row(
        "records in `power`, no telemetry",
        Some(OFF),
        0,
        None,
        proxy,
    ));
    let proxy = with(telemetry(willing)).await;
    rows.push(row("1 % of calls traced", Some(OFF), 100, Some(1.0), proxy));
    let proxy = with(telemetry(willing)).await;
    rows.push(row(ALL, Some(OFF), 1, Some(8.0), proxy));
    let proxy = with(telemetry(dead)).await;
    rows.push(row("the same, collector dead", Some(ALL), 1, None, proxy));
    let proxy = with(telemetry(hangs)).await;
    rows.push(row(
        "the same, collector hanging",
        Some(ALL),
        1,
        None,
        proxy,
    ));
    for round in 0..plan.rounds {
        for row in &mut rows {
            eprintln!(
                "records, round {} of {}: {}",
                round + 1,
                plan.rounds,
                row.name
            );
            row.measure(plan).await;
        }
    }
    let hashed = rows
        .iter()
        .find(|row| row.name == OFF)
        .map(|row| hashed(&row.proxy.data()))
        .unwrap_or_default();
    render(cores, &rows, &hashed)
}

fn telemetry(port: u16) -> String {
    format!(
        "\n[telemetry]\notlp = {{ endpoint = \"http://127.0.0.1:{port}\", protocol = \"http\" }}\n"
    )
}

/// A port nobody listens on.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("port");
    listener.local_addr().expect("address").port()
}

// === impl Row ===

impl Row {
    async fn measure(&mut self, plan: &Plan) {
        for (load, least) in LOADS.iter().zip(&mut self.cpu) {
            // One connection alone takes its time.
            let calls = plan.calls / if *load == 1 { 4 } else { 1 };
            run(&self.proxy, *load, plan.warm, self.sampled).await;
            let before = cpu(self.proxy.pid());
            run(&self.proxy, *load, calls, self.sampled).await;
            let spent = cpu(self.proxy.pid()).saturating_sub(before);
            *least = least.min(spent.as_secs_f64() * 1e6 / (calls / load * load) as f64);
            self.rss = self.rss.max(rss(self.proxy.pid()));
        }
    }
}

/// So many calls over so many connections, each with the context of a trace of its own.
pub(crate) async fn run(proxy: &Proxy, connections: usize, calls: usize, sampled: usize) {
    let expected = Arc::new(text(200));
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let (target, expected) = (proxy.target(), Arc::clone(&expected));
        tasks.spawn(async move {
            let mut caller = Caller::connect(&target).await;
            let mut random = Random::new(number as u64);
            for call in 0..calls / connections {
                let (high, low) = (random.number64(), random.number64());
                let is_sampled = sampled > 0 && call % sampled == 0;
                caller.says(&format!(
                    "traceparent: 00-{high:016x}{low:016x}-{low:016x}-{:02x}",
                    u8::from(is_sampled)
                ));
                caller
                    .call(number * 100_000_000 + call + 1, 200, &expected)
                    .await;
            }
        });
    }
    tasks.join_all().await;
}

/// The records of a call as they are on disk, and what hashing them takes here: the lowest of many rounds.
fn hashed(data: &Path) -> Vec<Hashed> {
    let audit = data.join("audit");
    let kinds = [
        ("decisions", "decision"),
        ("calls", "intent"),
        ("calls", "outcome"),
    ];
    let of = kinds.into_iter().filter_map(|(log, kind)| {
        let mut files: Vec<_> = std::fs::read_dir(audit.join(log)).ok()?.flatten().collect();
        files.sort_by_key(std::fs::DirEntry::path);
        let text = std::fs::read_to_string(files.first()?.path()).ok()?;
        let wanted = format!(r#""kind":"{kind}""#);
        let line = text.lines().rev().find(|line| line.contains(&wanted))?;
        // What is hashed is the line before its hash, and the hash before it.
        let bytes = line.rsplit_once(",\"hash\":")?.0.len() + 32;
        Some(Hashed {
            kind,
            bytes,
            micros: sha256(bytes),
        })
    });
    of.collect()
}

/// Microseconds of one SHA-256 over so many bytes.
fn sha256(bytes: usize) -> f64 {
    let buffer = vec![b'x'; bytes];
    let round = || {
        let began = Instant::now();
        for _ in 0..2_000 {
            black_box(digest(&SHA256, black_box(&buffer)));
        }
        began.elapsed()
    };
    let least = (0..20).map(|_| round()).min().unwrap_or(Duration::MAX);
    least.as_secs_f64() * 1e6 / 2_000.0
}

fn render(cores: &Cores, rows: &[Row], hashed: &[Hashed]) -> String {
    let mut page = format!("Commit `{}` on {}.\n\n", commit(), about(cores));
    page += "| setting | beside | CPU µs per call, 32 at once | more | ratio | one at once | more | ratio | aim | | RSS MiB |\n";
    page += "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |\n";
    for (at, row) in rows.iter().enumerate() {
        let beside = row
            .beside
            .and_then(|name| rows.iter().position(|one| one.name == name));
        let letter = |at: usize| char::from(b'A' + u8::try_from(at).unwrap_or(25));
        let named = beside.map_or(String::new(), |at| letter(at).to_string());
        write!(page, "| {}: {} | {named} ", letter(at), row.name).expect("text");
        for load in 0..LOADS.len() {
            let own = row.cpu[load];
            write!(page, "| {own:.1} ").expect("text");
            match beside.map(|at| rows[at].cpu[load]) {
                Some(other) => write!(page, "| {:+.1} | {:.2} ", own - other, own / other),
                None => write!(page, "| | "),
            }
            .expect("text");
        }
        let more = beside.map(|at| row.cpu[0] - rows[at].cpu[0]);
        let verdict = match row.aim.zip(more) {
            Some((aim, more)) if more <= aim => format!("+{aim:.0} µs | met"),
            Some((aim, _)) => format!("+{aim:.0} µs | missed"),
            None => " | ".to_owned(),
        };
        let mib = row.rss as f64 / 1_048_576.0;
        writeln!(page, "| {verdict} | {mib:.0} |").expect("text");
    }
    let find = |name| {
        rows.iter()
            .find(|row| row.name == name)
            .map(|row| row.rss as f64)
    };
    let most = rows.iter().map(|row| row.rss as f64).fold(0.0, f64::max);
    let more = (most - find(OFF).unwrap_or(most)) / 1_048_576.0;
    let met = if more <= MEMORY { "met" } else { "missed" };
    writeln!(
        page,
        "\nMost memory above that without telemetry: {more:.0} MiB (aim ≤ {MEMORY:.0} MiB: {met})."
    )
    .expect("text");
    page += "\n| SHA-256 of a record | bytes | µs |\n| --- | ---: | ---: |\n";
    for one in hashed {
        writeln!(
            page,
            "| `{}` | {} | {:.2} |",
            one.kind, one.bytes, one.micros
        )
        .expect("text");
    }
    let (bytes, micros) = hashed.iter().fold((0, 0.0), |(bytes, micros), one| {
        (bytes + one.bytes, micros + one.micros)
    });
    writeln!(page, "| the three of a call | {bytes} | {micros:.2} |").expect("text");
    page
}
