//! The real binary as a process: started on free ports, awaited, signalled and ended by its id.

use crate::lines::Lines;
use crate::random::Random;
use crate::setup::{Place, Setup};
use crate::wire::{Head, Wire};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpStream;

/// A running `hopgate serve`.
#[derive(Debug)]
pub struct Gateway {
    /// Ports and folder; a restart keeps them.
    pub place: Place,
    child: Child,
}

/// How a gateway that did not start ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` by signal.
    pub code: Option<i32>,
    /// What it said.
    pub stderr: String,
}

// === impl Gateway ===

impl Gateway {
    /// Starts with `setup` and waits until it is ready.
    pub async fn start(setup: &Setup) -> Self {
        Self::begin(setup, &[200]).await
    }

    /// As `start`, of one that may not be ready.
    pub async fn start_unready(setup: &Setup) -> Self {
        Self::begin(setup, &[200, 503]).await
    }

    async fn begin(setup: &Setup, wanted: &[u16]) -> Self {
        let mut place = Place::free();
        place.variables = setup.variables();
        std::fs::write(place.config(), setup.text(&place)).expect("config file");
        match Self::until(place, wanted).await {
            Ok(gateway) => gateway,
            Err(ended) => panic!("hopgate ended with {:?}:\n{}", ended.code, ended.stderr),
        }
    }

    /// Starts with the configuration that stands at `place`, and waits until it is ready.
    pub async fn at(place: Place) -> Result<Self, Ended> {
        Self::until(place, &[200]).await
    }

    /// Starts with the configuration that stands at `place`, and waits until its readiness is one of `wanted`.
    async fn until(place: Place, wanted: &[u16]) -> Result<Self, Ended> {
        let mut gateway = Self {
            child: spawn(&place),
            place,
        };
        let end = tokio::time::Instant::now() + crate::PATIENCE;
        loop {
            if let Some(status) = gateway.child.try_wait().expect("wait") {
                let stderr = gateway.stderr().text();
                return Err(Ended {
                    code: status.code(),
                    stderr,
                });
            }
            if gateway
                .ready()
                .await
                .is_some_and(|status| wanted.contains(&status))
            {
                return Ok(gateway);
            }
            let text = || gateway.stderr().text();
            assert!(
                tokio::time::Instant::now() < end,
                "hopgate is never ready:\n{}",
                text()
            );
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    }

    /// Ends this process and starts another with the same configuration, ports and data.
    pub async fn restart(self) -> Self {
        self.again(&[200]).await
    }

    /// As `restart`, of one that may not be ready.
    pub async fn restart_unready(self) -> Self {
        self.again(&[200, 503]).await
    }

    async fn again(mut self, wanted: &[u16]) -> Self {
        if self.exited().is_none() {
            self.terminate().await;
        }
        let place = self.place.clone();
        // Its folder lives on.
        std::mem::forget(self);
        Self::until(place, wanted)
            .await
            .unwrap_or_else(|ended| panic!("no restart: {ended:?}"))
    }

    /// Agents' address.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.place.port))
    }

    /// Writes another configuration over the first, in one step as editors do.
    pub fn rewrite(&self, setup: &Setup) {
        self.rewrite_text(&setup.text(&self.place));
    }

    /// Writes any text over the configuration.
    pub fn rewrite_text(&self, text: &str) {
        let fresh = self.place.folder.join("fresh.toml");
        std::fs::write(&fresh, text).expect("config file");
        std::fs::rename(&fresh, self.place.config()).expect("rename");
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &command])
                .status()
                .expect("sh")
                .success()
        );
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        crate::eventually("the gateway ends", || self.exited().is_some()).await;
        self.exited().expect("ended")
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait")
    }

    /// The operating system's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it says on stderr.
    pub fn stderr(&self) -> Lines {
        Lines(self.place.folder.join("stderr"))
    }

    /// What it says on stdout.
    pub fn stdout(&self) -> Lines {
        Lines(self.place.folder.join("stdout"))
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("proc");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("VmRSS");
        line.trim()
            .trim_end_matches(" kB")
            .parse::<usize>()
            .expect("number")
            * 1024
    }

    /// The operators' token.
    pub fn admin_token(&self) -> String {
        let file = self.place.folder.join("data/admin.token");
        std::fs::read_to_string(file)
            .expect("admin.token")
            .trim()
            .to_owned()
    }

    /// GET on the operators' port, with the token unless `open`.
    pub async fn admin(&self, path: &str, open: bool) -> (Head, String) {
        let token = match open {
            true => String::new(),
            false => format!("Authorization: Bearer {}\r\n", self.admin_token()),
        };
        let port = self.place.admin;
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{token}\r\n");
        self.admin_raw(&request).await
    }

    /// Any bytes to the operators' port.
    pub async fn admin_raw(&self, request: &str) -> (Head, String) {
        let mut wire = Wire::new(
            TcpStream::connect(("127.0.0.1", self.place.admin))
                .await
                .unwrap(),
        );
        wire.write(request).await.unwrap();
        let head = wire.head().await.unwrap().expect("an answer");
        let body = wire.body(head.framing(true)).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// The value of a metric line that begins with `name`; 0 when there is none.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.admin("/metrics", false).await;
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0.0)
    }

    async fn ready(&self) -> Option<u16> {
        let stream = TcpStream::connect(("127.0.0.1", self.place.admin))
            .await
            .ok()?;
        let mut wire = Wire::new(stream);
        wire.write("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            .await
            .ok()?;
        Some(wire.head().await.ok()??.status())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("hopgate said:\n{}", self.stderr().text());
        } else {
            let leaks = crate::leaks::found(&self.place.folder);
            assert!(leaks.is_empty(), "credentials are written in {leaks:?}");
            drop(std::fs::remove_dir_all(&self.place.folder));
        }
    }
}

// === impl Place ===

impl Place {
    /// Two ports that are this place's alone, and a new folder.
    pub fn free() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hopgate-test-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("folder");
        let mut random = Random::new(u64::from(std::process::id()) << 32 | number as u64);
        let ((port, one), (admin, two)) = (claim(&mut random), claim(&mut random));
        Self {
            port,
            admin,
            folder,
            variables: Vec::new(),
            claims: [one, two].into(),
        }
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("hopgate.toml")
    }
}

/// Claims a port among all tests that run on this machine, as long as the file is held.
///
/// Asking the system for a free one is not enough: two tests could get the same before either listens, and an
/// outgoing connection could take it. So these lie below the ephemeral range, each with a lock.
pub(crate) fn claim(random: &mut Random) -> (u16, Arc<File>) {
    let folder = std::env::temp_dir().join("hopgate-ports");
    std::fs::create_dir_all(&folder).expect("folder");
    for _ in 0..1000 {
        let port = 10_240 + u16::try_from(random.below(22_000)).expect("small");
        let file = File::create(folder.join(port.to_string())).expect("lock file");
        if file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return (port, Arc::new(file));
        }
    }
    panic!("no free port in a thousand attempts");
}

/// The binary beside this test's own.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("own path");
    let beside = |folder: &Path| Some(folder.join("hopgate")).filter(|path| path.is_file());
    own.ancestors()
        .skip(1)
        .take(3)
        .find_map(beside)
        .unwrap_or_else(|| {
            panic!(
                "no hopgate beside {}: build it first (cargo build -p gateway)",
                own.display()
            )
        })
}

/// Runs a command of the binary to its end.
pub fn run(folder: &Path, args: &[&str]) -> std::process::Output {
    Command::new(binary())
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("run")
}

fn spawn(place: &Place) -> Child {
    let file = |name: &str| {
        let path = place.folder.join(name);
        Stdio::from(std::fs::File::create(path).expect("output file"))
    };
    let standard = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut command = Command::new(binary());
    // Telemetry of the machine the tests run on is not theirs.
    for name in standard.filter(|name| name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command
        .envs(place.variables.iter().map(|(name, value)| (name, value)))
        .args(["serve", "--config"])
        .arg(place.config())
        .current_dir(&place.folder)
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"))
        .spawn()
        .expect("start hopgate")
}
