//! Overload: calls that come by the clock, whether or not those before them were answered, at once, twice and three times
//! what the gateway can do.
//!
//! Every time counts from the instant at which the call was due, so a gateway that is slow cannot slow down what is
//! offered to it, nor hide the wait of those who could not even be sent.

use crate::load::{Caller, Target};
use crate::machine::{Cores, about, commit, cpu, rss};
use crate::stub::text;
use crate::subjects::{Child, Proxy};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::random::Random;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How long and over how many connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) warm: Duration,
    pub(crate) measured: Duration,
    pub(crate) connections: usize,
}

/// How calls ended, in microseconds since they were due.
#[derive(Debug, Default)]
struct Ends {
    answered: Vec<u32>,
    refused: Vec<u32>,
    /// Right answers that came while it was measured, whenever their calls were due.
    good: usize,
    /// Neither an answer nor a refusal, or a wrong one.
    failed: usize,
}

/// What was offered, and what came of it.
struct Run {
    name: String,
    offered: f64,
    ends: Ends,
    seconds: f64,
    /// CPU time the gateway had, in cores.
    cpu: f64,
    rss: usize,
}

/// When each call is due: gaps as of many callers who do not know of each other.
struct Schedule {
    due: Vec<Duration>,
    next: AtomicUsize,
}

/// Callers that each wait for their answer: so many keep the gateway busy and make nobody wait long.
const BUSY: usize = 64;

/// Measures small calls and large ones.
pub(crate) async fn measure(cores: &Cores, stub: &Child, plan: Plan) -> String {
    let mut page = format!("Commit `{}` on {}.\n", commit(), about(cores));
    for (name, size) in [("200 B", 200), ("64 KiB", 65_536)] {
        let proxy = Proxy::hopgate(cores, stub, "").await;
        let (capacity, mut runs) = (closed(&proxy, size, plan).await, Vec::new());
        eprintln!("{name}: {capacity:.0} calls/s by {BUSY} callers");
        for times in [0.8, 0.9, 1.0, 2.0, 3.0] {
            let run = offer(&proxy, size, (times, capacity), plan).await;
            eprintln!("{name}: {}", run.row(capacity));
            runs.push(run);
        }
        page += &render(name, capacity, &runs);
    }
    page
}

/// What callers get who wait for their answers.
async fn closed(proxy: &Proxy, size: usize, plan: Plan) -> f64 {
    let calls = crate::load::Calls {
        name: "",
        connections: BUSY,
        size,
    };
    calls.run(&proxy.target(), plan.warm).await;
    calls.run(&proxy.target(), plan.measured).await.rate()
}

/// So many times the capacity.
async fn offer(proxy: &Proxy, size: usize, (times, capacity): (f64, f64), plan: Plan) -> Run {
    let offered = times * capacity;
    let schedule = Arc::new(Schedule::new(offered, plan.warm + plan.measured));
    let expected: Arc<str> = text(size).into();
    let mut callers = Vec::new();
    for _ in 0..plan.connections {
        callers.push(Caller::connect(&proxy.target()).await);
    }
    let began = Instant::now() + Duration::from_millis(100);
    let pid = proxy.pid();
    let watched = tokio::spawn(async move {
        sleep_until(began + plan.warm).await;
        let before = cpu(pid);
        sleep_until(began + plan.warm + plan.measured).await;
        cpu(pid).saturating_sub(before)
    });
    let mut keeping = JoinSet::new();
    for caller in callers {
        let (schedule, target) = (Arc::clone(&schedule), proxy.target());
        let keeper = Keeper {
            caller,
            target,
            size,
            expected: Arc::clone(&expected),
        };
        keeping.spawn(keeper.keep(schedule, began, plan));
    }
    let mut ends = Ends::default();
    while let Some(kept) = keeping.join_next().await {
        ends.add(kept.expect("keeper"));
    }
    ends.answered.sort_unstable();
    ends.refused.sort_unstable();
    Run {
        name: format!("{times:.1} ×"),
        offered,
        ends,
        seconds: plan.measured.as_secs_f64(),
        cpu: watched.await.expect("watch").as_secs_f64() / plan.measured.as_secs_f64(),
        rss: rss(proxy.pid()),
    }
}

// === impl Schedule ===

impl Schedule {
    fn new(rate: f64, time: Duration) -> Self {
        let (mut random, mut at, mut due) = (Random::new(7), 0.0, Vec::new());
        while at < time.as_secs_f64() {
            due.push(Duration::from_secs_f64(at));
            // Uniform in (0, 1].
            let share = (random.number64() >> 11) as f64 + 1.0;
            at -= (share / (1_u64 << 53) as f64).ln() / rate;
        }
        Self {
            due,
            next: AtomicUsize::new(0),
        }
    }

    /// The next call nobody has taken, with its number.
    fn take(&self) -> Option<(usize, Duration)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.due.get(number).map(|due| (number, *due))
    }
}

/// Keeps the schedule over one connection.
struct Keeper {
    caller: Caller,
    target: Target,
    size: usize,
    expected: Arc<str>,
}

// === impl Keeper ===

impl Keeper {
    /// Makes calls until none is left; those due in the beginning warm up and do not count.
    async fn keep(mut self, schedule: Arc<Schedule>, began: Instant, plan: Plan) -> Ends {
        let mut ends = Ends::default();
        while let Some((number, due)) = schedule.take() {
            sleep_until(began + due).await;
            let end = self.call(number + 1).await;
            let took = (began + due).elapsed().as_micros();
            let measured = began + plan.warm..began + plan.warm + plan.measured;
            ends.good += usize::from(end == Some(true) && measured.contains(&Instant::now()));
            if due >= plan.warm {
                ends.note(end, u32::try_from(took).unwrap_or(u32::MAX));
            }
        }
        ends
    }

    /// Whether the call was answered, and rightly; `false` where it was refused, nothing where it failed.
    async fn call(&mut self, id: usize) -> Option<bool> {
        let exchanged = self.caller.exchange(id, self.size).await;
        match exchanged {
            Some((200, body)) => {
                let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#);
                let rest = body.strip_prefix(start.as_bytes())?;
                (rest.strip_suffix(b"}")? == self.expected.as_bytes()).then_some(true)
            }
            Some((503, _)) => Some(false),
            Some(_) => None,
            None => {
                self.caller = Caller::connect(&self.target).await;
                None
            }
        }
    }
}

// === impl Ends ===

impl Ends {
    fn note(&mut self, end: Option<bool>, took: u32) {
        match end {
            Some(true) => self.answered.push(took),
            Some(false) => self.refused.push(took),
            None => self.failed += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.answered.extend(other.answered);
        self.refused.extend(other.refused);
        self.good += other.good;
        self.failed += other.failed;
    }

    fn all(&self) -> usize {
        self.answered.len() + self.refused.len() + self.failed
    }
}

// === impl Run ===

impl Run {
    fn goodput(&self) -> f64 {
        self.ends.good as f64 / self.seconds
    }

    fn row(&self, peak: f64) -> String {
        let Ends {
            answered,
            refused,
            failed,
            ..
        } = &self.ends;
        format!(
            "| {} | {:.0} | {:.0} | {:.1} % | {:.1} % | {failed} | {} | {} | {} | {:.2} | {:.0} |",
            self.name,
            self.offered,
            self.goodput(),
            100.0 * self.goodput() / peak,
            100.0 * refused.len() as f64 / self.ends.all() as f64,
            millis(answered, 0.5),
            millis(answered, 0.99),
            millis(refused, 0.99),
            self.cpu,
            self.rss as f64 / 1_048_576.0
        )
    }
}

/// A quantile, where there is one.
fn millis(micros: &[u32], share: f64) -> String {
    let at = (micros.len().saturating_sub(1) as f64 * share).round() as usize;
    let one = micros.get(at).map(|one| f64::from(*one) / 1e3);
    one.map_or("–".to_owned(), |one| format!("{one:.1}"))
}

fn render(name: &str, capacity: f64, runs: &[Run]) -> String {
    let peak = runs.iter().map(Run::goodput).fold(capacity, f64::max);
    let mut page = format!(
        "\n{name}: {BUSY} callers, each waiting for its answer, get {capacity:.0} calls/s; the peak is {peak:.0}.\n\n\
         | offered | calls/s | answered/s | of the peak | refused | failed | answers p50 ms | p99 ms | refusals p99 ms | cores | RSS MiB |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for run in runs {
        writeln!(page, "{}", run.row(peak)).expect("text");
    }
    page
}
