//! An authorization server over real sockets that answers exactly what a test says, and remembers what it was asked.

use adapters::credential::oauth::{Client, OAuth, Place, Proof, Registration, Settings};
use adapters::credential::{IssueError, Issuer as _, Minted, Order, Whom};
use adapters::secret::Secret;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub(crate) const TOKEN: &str = "/token";
pub(crate) const REVOKE: &str = "/revoke";
pub(crate) const METADATA: &str = "/.well-known/oauth-authorization-server";

/// A token nobody else has.
pub(crate) const CANARY: &str = "canary-3f9a1c77d0e84b26";

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) form: HashMap<String, String>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, and the end.
    Raw(String),
    /// Nothing, for ever.
    Hang,
}

/// An authorization server.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) port: u16,
    asked: Mutex<Vec<Asked>>,
    script: Mutex<HashMap<String, Reply>>,
}

// === impl Reply ===

impl Reply {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::with(
            status,
            "content-type: application/json\r\n",
            &value.to_string(),
        )
    }

    pub(crate) fn with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Raw(format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        ))
    }

    /// A token as it should be.
    pub(crate) fn token() -> Self {
        Self::json(200, &good())
    }
}

/// An answer as it should be.
pub(crate) fn good() -> Value {
    json!({ "access_token": CANARY, "token_type": "Bearer", "expires_in": 300 })
}

// === impl Peer ===

impl Peer {
    pub(crate) async fn open() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Arc::new(Self {
            port: listener.local_addr().unwrap().port(),
            asked: Mutex::default(),
            script: Mutex::default(),
        });
        let own = Arc::clone(&peer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let peer = Arc::clone(&own);
                tokio::spawn(async move { peer.serve(stream).await });
            }
        });
        peer.set(TOKEN, Reply::token());
        peer.set(REVOKE, Reply::with(200, "", ""));
        peer
    }

    pub(crate) fn set(&self, path: &str, reply: Reply) {
        self.script.lock().unwrap().insert(path.to_owned(), reply);
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    /// All requests to a path so far.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|one| one.path == path)
            .cloned()
            .collect()
    }

    /// The only request to a path so far.
    pub(crate) fn only(&self, path: &str) -> Asked {
        let mut asked = self.asked(path);
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(asked) = request(&mut stream).await else {
            return;
        };
        let reply = self.script.lock().unwrap().get(&asked.path).cloned();
        self.asked.lock().unwrap().push(asked);
        match reply.unwrap_or_else(|| Reply::with(404, "", "")) {
            Reply::Raw(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
            }
            Reply::Hang => {
                let _ = stream.read(&mut [0]).await;
            }
        }
    }

    /// Its endpoints, as an operator configures them.
    pub(crate) fn endpoints(&self) -> Settings {
        settings(Place::Endpoints {
            token: self.url(TOKEN),
            revocation: Some(self.url(REVOKE)),
        })
    }

    /// Asks for a token by its configured endpoints.
    pub(crate) async fn mint(&self) -> Result<Minted, IssueError> {
        oauth(self.endpoints(), client()).mint(&order(), None).await
    }
}

pub(crate) fn settings(place: Place) -> Settings {
    Settings {
        place,
        allow_private: Vec::new(),
        roots: Vec::new(),
        identity: None,
        connect: Duration::from_secs(5),
        deadline: Duration::from_secs(5),
    }
}

pub(crate) fn client() -> Client {
    Client {
        id: Some("gate".to_owned()),
        proof: Proof::Basic("secret of the gate".into()),
    }
}

pub(crate) fn oauth(settings: Settings, client: Client) -> OAuth {
    OAuth::new(Registration::new(settings, client).unwrap(), None)
}

pub(crate) fn order() -> Order {
    Order {
        label: "hopgate-1".into(),
        life: Duration::from_secs(300),
        scope: vec!["read".to_owned(), "repo:acme/x".to_owned()],
        resource: Some(Url::parse("https://tools.example.com/mcp").unwrap()),
        proof: Some(Secret::from("the-callers-own-token")),
        whom: Whom {
            agent: "clerk".into(),
            subject: "ci-1".into(),
            user: Some("ann".into()),
            chain: ["first".into(), "second".into()].into(),
            task: "task-1".to_owned(),
            txn: "txn-1".to_owned(),
            server: "tracker".into(),
        },
    }
}

async fn request(stream: &mut TcpStream) -> Option<Asked> {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return None;
        }
        text.push(char::from(byte[0]));
    }
    let headers: HashMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let form: HashMap<String, String> = pairs.iter().cloned().collect();
    assert_eq!(form.len(), pairs.len(), "a parameter twice: {pairs:?}");
    Some(Asked {
        path: text.split(' ').nth(1)?.to_owned(),
        headers,
        form,
    })
}
