//! A store of our own: a real redis-server or valkey-server on a free port, and a client that looks into it.

use adapters::egress;
use adapters::secret::{Secret, Supply};
use adapters::state::redis::{Redis, Settings};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Which program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Redis,
    Valkey,
}

/// Ends with the test.
pub(crate) struct Server {
    pub(crate) port: u16,
    kind: Kind,
    folder: PathBuf,
    more: Vec<String>,
    process: Child,
}

/// A machine may be busy: what does not ask how fast the gateway gives up waits for long.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

// === impl Server ===

impl Server {
    pub(crate) async fn start(kind: Kind) -> Self {
        Self::with(kind, &[]).await
    }

    /// With more settings, in which `FOLDER` stands for its own folder.
    pub(crate) async fn with(kind: Kind, more: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = std::env::temp_dir().join(format!("hopgate-store-{port}"));
        fs::create_dir(&folder).unwrap();
        let text = folder.display().to_string();
        let more: Vec<_> = more
            .iter()
            .map(|one| one.replace("FOLDER", &text))
            .collect();
        if more.iter().any(|one| one == "--tls-port") {
            certificates(&folder);
        }
        let mut server = Self {
            process: run(kind, port, &folder, &more),
            port,
            kind,
            folder,
            more,
        };
        server.ready().await;
        server
    }

    /// Kills it and starts it again on the same port, with what it had saved, if anything.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.process = run(self.kind, self.port, &self.folder, &self.more);
        self.ready().await;
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Stops it where it stands, or lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Sends a command as the default user, and gives back the whole answer as it came.
    pub(crate) async fn ask(&self, words: &[&str]) -> String {
        let mut client = Client::open(self.port).await.unwrap();
        client.ask(words).await
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            reach: egress::Settings {
                url: format!("redis://127.0.0.1:{}/0", self.port)
                    .parse()
                    .unwrap(),
                allow_private: Vec::new(),
                roots: Vec::new(),
                identity: None,
                connect: Duration::from_secs(10),
            },
            username: None,
            password: None,
            timeout: TIMEOUT,
            prefix: "hopgate".to_owned(),
            instance: Uuid::new_v4(),
        }
    }

    /// A replica that has found its store.
    pub(crate) async fn replica(&self) -> Arc<Redis> {
        let redis = Redis::open(self.settings()).unwrap();
        up(&redis).await;
        redis
    }

    async fn ready(&mut self) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(mut client) = Client::open(self.port).await {
                if self.more.iter().any(|one| one == "--tls-port") {
                    return;
                }
                if client.ask(&["PING"]).await.starts_with(['+', '-']) {
                    return;
                }
            }
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "{:?}",
                self.log()
            );
            assert!(Instant::now() < end, "{:?}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run(kind: Kind, port: u16, folder: &std::path::Path, more: &[String]) -> Child {
    let program = match kind {
        Kind::Redis => PathBuf::from("redis-server"),
        Kind::Valkey => valkey(),
    };
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let tls = more.iter().any(|one| one == "--tls-port");
    Command::new(program)
        .args(["--bind", "127.0.0.1", "--appendonly", "no", "--dir"])
        .arg(folder)
        .args(if tls {
            vec![]
        } else {
            vec!["--save".to_owned(), String::new()]
        })
        .args(["--port", &if tls { 0 } else { port }.to_string()])
        .args(
            more.iter()
                .map(|one| one.replace("PORT", &port.to_string())),
        )
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .unwrap()
}

/// Where tests/components.sh puts it, or wherever it is installed.
fn valkey() -> PathBuf {
    let cache = std::env::var_os("HOPGATE_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/hopgate"));
    let own = cache.or_else(home);
    let own = own.map(|folder| folder.join("valkey/usr/bin/valkey-server"));
    own.filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from("valkey-server"))
}

fn certificates(folder: &std::path::Path) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), signed.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
}

/// Waits until it answers.
pub(crate) async fn up(redis: &Redis) {
    until("the store is up", async || redis.health().up).await;
}

pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn password(text: &'static str) -> Option<Supply> {
    Some(Supply::new(move || Ok(Secret::from(text))))
}

/// Speaks the protocol plainly, and shares nothing with what is tested.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) async fn open(port: u16) -> std::io::Result<Self> {
        TcpStream::connect(("127.0.0.1", port)).await.map(Self)
    }

    pub(crate) async fn ask(&mut self, words: &[&str]) -> String {
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        if self.0.write_all(text.as_bytes()).await.is_err() {
            return String::new();
        }
        self.read().await
    }

    /// What there is to read, once nothing more of it comes.
    pub(crate) async fn read(&mut self) -> String {
        let mut all = Vec::new();
        let mut part = [0; 65536];
        let mut wait = Duration::from_secs(10);
        while let Ok(Ok(count)) = tokio::time::timeout(wait, self.0.read(&mut part)).await {
            if count == 0 {
                break;
            }
            all.extend(part.iter().take(count));
            wait = Duration::from_millis(100);
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Leads to one server, and then to another, as the address of a pair does.
pub(crate) struct Switch {
    pub(crate) port: u16,
    target: tokio::sync::watch::Sender<u16>,
    accepting: tokio::task::JoinHandle<()>,
}

// === impl Switch ===

impl Switch {
    pub(crate) async fn to(port: u16) -> Self {
        let (target, led) = tokio::sync::watch::channel(port);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepting = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(near, led.clone()));
            }
        });
        Self {
            port,
            target,
            accepting,
        }
    }

    /// Cuts what goes to the one, and leads to the other.
    pub(crate) fn turn(&self, port: u16) {
        self.target.send(port).unwrap();
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(mut near: TcpStream, mut led: tokio::sync::watch::Receiver<u16>) {
    let port = *led.borrow_and_update();
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = led.changed() => {}
    }
}
