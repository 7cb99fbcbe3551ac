//! A real `redis-server` of a test's own, and gateways that share it.

use crate::gateway::claim;
use crate::random::Random;
use crate::{Setup, eventually};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A store that forgets everything when it ends.
#[derive(Debug)]
pub struct Store {
    /// Where it listens, on this machine.
    pub port: u16,
    folder: PathBuf,
    child: Child,
    _claim: Arc<File>,
}

/// 32 bytes in base64: the ring of all gateways of a test.
const KEY: &str = "c2l4dGVlbiBieXRlcyB0d2ljZSBpcyB0aGlydHktMi4=";

// === impl Store ===

impl Store {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hopgate-store-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("ring.key"), KEY).expect("key file");
        let mut random = Random::new(u64::from(std::process::id()) << 32 | 0x5700 | number as u64);
        let (port, claim) = claim(&mut random);
        let child = spawn(port, &folder);
        let store = Self {
            port,
            folder,
            child,
            _claim: claim,
        };
        store.answers().await;
        store
    }

    /// A gateway's configuration with this store: two that are started with the same are two gateways of one fleet.
    pub fn shared(&self, setup: Setup) -> Setup {
        self.shared_with(setup, "")
    }

    /// The same with another ring of keys: no gateway of the fleet can read what this one puts there.
    pub fn stranger(&self, setup: Setup) -> Setup {
        let key = self.folder.join("other.key");
        std::fs::write(&key, KEY.replace("c2l4", "b3Ro")).expect("key file");
        self.sharing(setup, "", key)
    }

    /// The same with further keys of `state`, each after a comma.
    pub fn shared_with(&self, setup: Setup, keys: &str) -> Setup {
        self.sharing(setup, keys, self.folder.join("ring.key"))
    }

    fn sharing(&self, setup: Setup, keys: &str, key: PathBuf) -> Setup {
        let port = self.port;
        // Tests share few cores: an answer that takes longer is no sign of anything.
        setup.gateway_first(&format!(
            "state = {{ redis = \"redis://127.0.0.1:{port}\", timeout = \"1s\"{keys} }}\n\
             keys = [{{ id = \"k1\", file = \"{}\" }}]",
            key.display()
        ))
    }

    /// What `redis-cli` says to this.
    pub fn ask(&self, words: &[&str]) -> String {
        let asked = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .expect("redis-cli, which comes with redis-server");
        String::from_utf8_lossy(&asked.stdout).trim().to_owned()
    }

    /// Stops it without ending it, or lets it go on.
    pub fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &command]).status();
        assert!(sent.expect("sh").success());
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts it again where it was, empty.
    pub async fn again(&mut self) {
        self.kill();
        self.child = spawn(self.port, &self.folder);
        self.answers().await;
    }

    async fn answers(&self) {
        eventually("redis-server answers", || self.pings().is_some()).await;
    }

    fn pings(&self) -> Option<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        stream.write_all(b"PING\r\n").ok()?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).ok()?;
        (answer == *b"+PONG").then_some(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn spawn(port: u16, folder: &std::path::Path) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server must be installed")
}
