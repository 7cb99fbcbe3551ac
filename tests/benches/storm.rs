//! A cold storm: thousands of tasks whose first calls all want a lease at once, of an authorization server that answers
//! at once and of one that takes its time; what that does to the calls of another server; and then the end of them all.
//!
//! The same storm without a credential is what it is compared with: its tasks, proofs and calls are as new.

use crate::load::{Caller, Target};
use crate::machine::{Cores, cpu, files, rss};
use crate::stub::text;
use crate::subjects::{Child, Proxy};
use std::fmt::Write;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tests::authority::{Authority, Mood};
use tests::setup::{allow, registered};
use tests::{Issuer, Setup};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What one storm took.
struct Storm {
    name: &'static str,
    seconds: f64,
    /// CPU microseconds of a first call.
    cpu: f64,
    others: Others,
    files: usize,
    rss: usize,
}

/// Calls of another server meanwhile: microseconds, sorted.
struct Others(Vec<u32>);

/// How all leases ended.
struct End {
    seconds: f64,
    /// CPU microseconds of a lease.
    cpu: f64,
}

/// The gateway, and who stands around it.
struct Scene {
    proxy: Proxy,
    issuer: Issuer,
    authority: Authority,
    tasks: usize,
    at_once: usize,
    /// CPU microseconds of a call of the other server.
    other: f64,
}

/// Between two calls of the other server.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the other server is called alone.
const QUIET: Duration = Duration::from_secs(10);
/// What the slow authorization server takes for a token.
const SLOW: Duration = Duration::from_secs(1);
/// How long the end of all leases, and of their idle connections, is waited for.
const LONGEST: Duration = Duration::from_secs(120);
/// Connections that others keep.
const FEW: usize = 50;
const ARMED: &str = "/servers/up/mcp";
const BARE: &str = "/servers/bare/mcp";
const AUDIENCE: &str = "storm";

/// Lets `tasks` tasks call, `at_once` at a time, in each of three storms.
pub(crate) async fn measure(
    cores: &Cores,
    stub: &Child,
    (tasks, at_once): (usize, usize),
) -> String {
    let mut scene = Scene::new(cores, stub, (tasks, at_once)).await;
    // That of who asked whether it answers.
    scene.revoke(1).await;
    let quiet = scene.quiet().await;
    let files = files(scene.proxy.pid());
    let without = scene.storm("no credential", BARE, Duration::ZERO).await;
    let prompt = scene.storm("`oauth`", ARMED, Duration::ZERO).await;
    let idle = scene.idle(files).await;
    let end = scene.revoke(tasks).await;
    scene.authority.giving(Mood::Slow(SLOW));
    let slow = scene
        .storm("`oauth`, a second for each token", ARMED, SLOW)
        .await;
    let again = scene.revoke(tasks).await;
    render(&scene, &quiet, &[without, prompt, slow])
        + &idle
        + &format!(
            "\nThen `hopgate leases revoke --all`: {} leases taken back in {:.1} s and {:.1} s, for {:.0} and {:.0} µs of CPU each; none was left good.\n",
            scene.tasks, end.seconds, again.seconds, end.cpu, again.cpu
        )
}

// === impl Scene ===

impl Scene {
    async fn new(cores: &Cores, stub: &Child, (tasks, at_once): (usize, usize)) -> Self {
        let (issuer, authority) = (Issuer::start().await, Authority::start().await);
        let url = format!("http://127.0.0.1:{}/mcp", stub.target().port);
        let storming = "tools = [\"up/**\", \"bare/**\"]";
        let identity = issuer.identity("corp", &format!("audience = \"{AUDIENCE}\""));
        let rules = allow("the other server", "other/**")
            + &allow("so that it is known to answer", "up/**")
            + &format!(
                "\n[[rules]]\nname = \"all may storm\"\nagents = [\"crowd\"]\n{storming}\nallow = true\n"
            );
        let setup = |_| {
            Setup::empty()
                .server_with("up", &url, "credential = \"own\"")
                .server_with("bare", &url, "credential = \"none\"")
                .server_with("other", &url, "credential = \"none\"")
                .rules(&rules)
                .tail(&authority.credential(""))
                .tail(&identity)
                .tail(&registered("crowd", "\"corp:one-*\"", storming))
                .variable("AUTHORITY_SECRET", "a-secret-of-the-bench-1f60a9")
        };
        let own = tests::gateway::binary();
        let proxy = Proxy::hopgate_as(cores, stub, &own, setup).await;
        Self {
            proxy,
            issuer,
            authority,
            tasks,
            at_once,
            other: 0.0,
        }
    }

    /// The other server alone.
    async fn quiet(&mut self) -> Others {
        eprintln!("storm: quiet");
        let before = cpu(self.proxy.pid());
        let others = self.meanwhile(sleep(QUIET)).await.1;
        let spent = cpu(self.proxy.pid()).saturating_sub(before);
        self.other = spent.as_secs_f64() * 1e6 / others.0.len() as f64;
        others
    }

    /// The first call of each of so many tasks; who calls at once begins within so long.
    async fn storm(&self, name: &'static str, path: &'static str, within: Duration) -> Storm {
        eprintln!("storm: {name}");
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let first = COUNT.fetch_add(self.tasks, Ordering::Relaxed);
        let subjects = first..first + self.tasks;
        let tokens: Vec<String> = subjects
            .map(|one| self.issuer.token(&format!("one-{one}"), AUDIENCE))
            .collect();
        let target = Target {
            path,
            ..self.proxy.target()
        };
        let before = cpu(self.proxy.pid());
        let work = all(target, tokens, (self.at_once, within));
        let (elapsed, others) = self.meanwhile(work).await;
        let spent = cpu(self.proxy.pid()).saturating_sub(before);
        let spent = spent.as_secs_f64() * 1e6;
        Storm {
            name,
            seconds: elapsed.as_secs_f64(),
            cpu: (spent - self.other * others.0.len() as f64) / self.tasks as f64,
            others,
            files: files(self.proxy.pid()),
            rss: rss(self.proxy.pid()),
        }
    }

    /// Calls the other server while something goes on, from a thread of its own: its times are the gateway's, not those
    /// of who makes the storm.
    async fn meanwhile(&self, work: impl Future<Output = ()>) -> (Duration, Others) {
        let target = Target {
            path: "/servers/other/mcp",
            ..self.proxy.target()
        };
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let calling = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("runtime");
            runtime.block_on(others(&target, &told))
        });
        let began = Instant::now();
        work.await;
        let elapsed = began.elapsed();
        over.store(true, Ordering::Relaxed);
        let others = tokio::task::spawn_blocking(move || calling.join().expect("calls"));
        (elapsed, others.await.expect("thread"))
    }

    /// Waits until the leases' connections are closed, while the leases are still good.
    async fn idle(&self, before: usize) -> String {
        eprintln!("storm: idle");
        let (began, many) = (Instant::now(), files(self.proxy.pid()));
        while files(self.proxy.pid()) > before + FEW && began.elapsed() < LONGEST {
            sleep(Duration::from_millis(500)).await;
        }
        let left = files(self.proxy.pid());
        assert_eq!(self.authority.good().len(), self.tasks, "good tokens");
        format!(
            "\n{:.0} s after the first of these storms with credentials {left} of its {many} files were open: each lease has a connection of its own, closed when it is idle. {:.0} MiB were resident then.\n",
            began.elapsed().as_secs_f64(),
            mib(rss(self.proxy.pid()))
        )
    }

    /// Ends all leases, as an operator does.
    async fn revoke(&self, leases: usize) -> End {
        eprintln!("storm: the end of all leases");
        assert_eq!(self.authority.good().len(), leases, "good tokens");
        let folder = self.proxy.folder().to_owned();
        let (before, began) = (cpu(self.proxy.pid()), Instant::now());
        let asking = tokio::task::spawn_blocking(move || {
            tests::gateway::run(&folder, &["leases", "revoke", "--all"])
        });
        let Output { status, stderr, .. } = asking.await.expect("command");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        while !self.authority.good().is_empty() {
            let left = self.authority.good().len();
            assert!(began.elapsed() < LONGEST, "{left} leases are good");
            sleep(Duration::from_millis(20)).await;
        }
        let elapsed = began.elapsed();
        let spent = cpu(self.proxy.pid()).saturating_sub(before);
        End {
            seconds: elapsed.as_secs_f64(),
            cpu: spent.as_secs_f64() * 1e6 / leases as f64,
        }
    }
}

/// One call with each token.
async fn all(target: Target, tokens: Vec<String>, (at_once, within): (usize, Duration)) {
    let (tokens, next) = (Arc::new(tokens), Arc::new(AtomicUsize::new(0)));
    let expected: Arc<str> = text(200).into();
    let mut callers = JoinSet::new();
    for number in 0..at_once {
        // One after the other where each call takes its time: otherwise all would always come together.
        let pause = within.mul_f64(number as f64 / at_once as f64);
        let (target, expected) = (target.clone(), Arc::clone(&expected));
        let (tokens, next) = (Arc::clone(&tokens), Arc::clone(&next));
        callers.spawn(async move {
            sleep(pause).await;
            let mut caller = Caller::connect(&target).await;
            while let Some((id, token)) = take(&tokens, &next) {
                caller.bears(token);
                caller.call(id, 200, &expected).await;
            }
        });
    }
    callers.join_all().await;
}

/// The next token, with its number.
fn take<'a>(tokens: &'a [String], next: &AtomicUsize) -> Option<(usize, &'a str)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    tokens.get(at).map(|token| (at + 1, token.as_str()))
}

/// Calls now and then, until it is over.
async fn others(target: &Target, over: &AtomicBool) -> Others {
    let (mut caller, expected) = (Caller::connect(target).await, text(200));
    let mut micros = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        caller.call(micros.len() + 1, 200, &expected).await;
        micros.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        sleep(PAUSE).await;
    }
    micros.sort_unstable();
    Others(micros)
}

// === impl Others ===

impl Others {
    /// A quantile in milliseconds.
    fn quantile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1) as f64;
        let at = (last * share).round() as usize;
        self.0.get(at).map_or(f64::NAN, |one| f64::from(*one) / 1e3)
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / 1_048_576.0
}

fn render(scene: &Scene, quiet: &Others, storms: &[Storm]) -> String {
    let (tasks, at_once) = (scene.tasks, scene.at_once);
    let mut page = format!(
        "\n| {tasks} first calls, {at_once} at once | seconds | CPU µs per call | more | ratio | another server's p50 ms | p99 ms | files open after | RSS MiB |\n"
    );
    page += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    let (p50, p99) = (quiet.quantile(0.5), quiet.quantile(0.99));
    writeln!(page, "| (none: quiet) | | | | | {p50:.2} | {p99:.2} | | |").expect("text");
    let without = storms.first().map_or(f64::NAN, |storm| storm.cpu);
    for (at, storm) in storms.iter().enumerate() {
        let Storm {
            name,
            seconds,
            cpu,
            others,
            files,
            rss,
        } = storm;
        let more = match at {
            0 => " | ".to_owned(),
            _ => format!("{:+.0} | {:.2}", cpu - without, cpu / without),
        };
        let (p50, p99) = (others.quantile(0.5), others.quantile(0.99));
        writeln!(
            page,
            "| {name} | {seconds:.1} | {cpu:.0} | {more} | {p50:.2} | {p99:.2} | {files} | {:.0} |",
            mib(*rss)
        )
        .expect("text");
    }
    page
}
