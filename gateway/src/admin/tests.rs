//! The operators' port over a socket.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::audit::{Journal, Settings, Signer};
use crate::listener::edge::tests::bare;
use crate::telemetry::metrics::Outcome;
use adapters::state::Durable;

#[derive(Debug, Clone)]
struct Wall {
    token_file: PathBuf,
    metrics_open: bool,
    readiness: Arc<Mutex<Readiness>>,
    tasks: Arc<Tasks>,
    leases: Arc<Leases>,
    ledger: Arc<Ledger>,
}

impl Board for Wall {
    fn edge(&self) -> Edge {
        bare()
    }

    fn token_file(&self) -> PathBuf {
        self.token_file.clone()
    }

    fn metrics_open(&self) -> bool {
        self.metrics_open
    }

    fn readiness(&self) -> Readiness {
        self.readiness.lock().unwrap().clone()
    }

    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn leases(&self) -> &Leases {
        &self.leases
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn terms(&self) -> (Terms, Vec<Arc<str>>) {
        let deadlines = crate::config::Deadlines::default();
        (Terms::of(&deadlines), vec![Arc::from("demo")])
    }

    fn notice(&self) -> Notice {
        Notice {
            version: 3,
            digest: "abc".to_owned(),
            loaded_at: SystemTime::UNIX_EPOCH + Duration::from_secs(77),
            files: vec!["hopgate.toml".into()],
            last_error: Some("it is \"bad\"".to_owned()),
            agents: vec!["demo".to_owned()],
            servers: vec!["notes".to_owned()],
        }
    }
}

fn ledger(folder: &std::path::Path) -> Ledger {
    let ring = crate::task::seal::KeyRing::new([("k", [7; 32].as_slice())]).unwrap();
    let signer = Signer::new(Arc::new(ring)).unwrap();
    let journal = Journal::open(&folder.join("audit"), Settings::default(), signer).unwrap();
    Ledger::new(journal, Arc::default())
}

struct World {
    address: SocketAddr,
    wall: Wall,
    token: String,
    drain: Drain,
}

fn open(name: &str, metrics_open: bool) -> World {
    let folder = std::env::temp_dir().join(format!("hopgate-admin-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let token_file = make_token(&folder).unwrap();
    let token = std::fs::read_to_string(&token_file)
        .unwrap()
        .trim()
        .to_owned();
    let ledger = Arc::new(ledger(&folder));
    let (journal, _) = Durable::open(&folder.join("leases.redb")).unwrap();
    let leases = Leases::new(journal, Arc::clone(&ledger), Arc::default());
    let alone = (crate::task::Keeper::Nowhere, Vec::new());
    let wall = Wall {
        token_file,
        metrics_open,
        readiness: Arc::new(Mutex::new(Readiness {
            ready: true,
            unready: Vec::new(),
        })),
        tasks: Arc::new(Tasks::new(crate::task::Table::load(alone, 100))),
        leases: Arc::new(leases),
        ledger,
    };
    let metrics = Arc::new(Metrics::default());
    metrics.calls.count(Outcome::Answered);
    let listener = Listener::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let address = listener.addresses()[0];
    let drain = Drain::default();
    tokio::spawn(serve(listener, wall.clone(), metrics, drain.clone()));
    World {
        address,
        wall,
        token,
        drain,
    }
}

impl World {
    /// Status and body.
    async fn ask(&self, method: &str, path: &str, headers: &[&str]) -> (u16, String) {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let bearer = format!("Authorization: Bearer {}", self.token);
        self.ask("GET", path, &["Host: localhost", &bearer]).await
    }
}

#[tokio::test]
async fn probes_are_open_to_any_name() {
    let world = open("probes", false);
    let any = ["Host: 10.0.0.7:15000"];
    assert_eq!(
        world.ask("GET", "/healthz", &any).await,
        (200, "ok\n".to_owned())
    );
    let (status, body) = world.ask("GET", "/readyz", &any).await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"ready":true,"unready":[]}"#)
    );
    *world.wall.readiness.lock().unwrap() = Readiness {
        ready: false,
        unready: vec!["draining".to_owned()],
    };
    let (status, body) = world.ask("GET", "/readyz", &any).await;
    assert_eq!(
        (status, body.as_str()),
        (503, r#"{"ready":false,"unready":["draining"]}"#)
    );
    assert_eq!(world.ask("GET", "/healthz", &any).await.0, 200);
    assert_eq!(world.ask("POST", "/healthz", &any).await.0, 405);
}

#[tokio::test]
async fn the_rest_needs_a_name_and_the_token() {
    let world = open("token", false);
    let bearer = format!("Authorization: Bearer {}", world.token);
    for path in ["/metrics", "/config"] {
        let check = async |headers: &[&str], expected: u16| {
            assert_eq!(
                world.ask("GET", path, headers).await.0,
                expected,
                "{path} {headers:?}"
            );
        };
        check(&["Host: localhost", &bearer], 200).await;
        check(&["Host: localhost"], 401).await;
        check(
            &["Host: localhost", "Authorization: Bearer 0123456789abcdef"],
            401,
        )
        .await;
        check(&["Host: evil.example", &bearer], 403).await;
        check(
            &["Host: localhost", "Origin: http://evil.example", &bearer],
            403,
        )
        .await;
        check(&["Host: localhost", "Origin: null", &bearer], 403).await;
        for method in ["POST", "DELETE", "OPTIONS", "HEAD", "PUT"] {
            let headers = ["Host: localhost", &bearer];
            assert_eq!(
                world.ask(method, path, &headers).await.0,
                405,
                "{method} {path}"
            );
        }
    }
    for path in [
        "/",
        "/config/",
        "/metrics/x",
        "/servers/notes/mcp",
        "/debug",
    ] {
        assert_eq!(world.get(path).await.0, 404, "{path}");
    }
    std::fs::remove_file(&world.wall.token_file).unwrap();
    assert_eq!(
        world.get("/config").await.0,
        503,
        "without a token nobody gets in"
    );
}

#[tokio::test]
async fn metrics_may_be_open() {
    let world = open("metrics", true);
    let (status, body) = world.ask("GET", "/metrics", &["Host: localhost"]).await;
    assert_eq!(status, 200);
    assert!(
        body.contains("hopgate_calls_total{outcome=\"answered\"} 1\n"),
        "{body}"
    );
    assert_eq!(
        world
            .ask("GET", "/metrics", &["Host: evil.example"])
            .await
            .0,
        403
    );
    assert_eq!(
        world.ask("GET", "/config", &["Host: localhost"]).await.0,
        401
    );
}

#[tokio::test]
async fn the_configuration_in_force() {
    let world = open("config", false);
    let (_, body) = world.get("/config").await;
    let notice: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "version": 3, "digest": "abc", "loaded_at": 77, "files": ["hopgate.toml"],
        "last_error": "it is \"bad\"", "agents": ["demo"], "servers": ["notes"],
    });
    assert_eq!(notice, expected);
    assert_eq!(world.drain.finish(Duration::from_secs(5)).await, 0);
}
