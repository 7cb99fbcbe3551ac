//! Installation tokens of a GitHub App, asked of a double of GitHub's API that checks the app's statement.
//!
//! The double knows what GitHub documents; that GitHub itself agrees is not shown here.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

use adapters::credential::github_app::GithubApp;
use adapters::credential::{
    IssueError, Issuer as _, Minted, Order, RevokeError, SigningKey, Taken, Whom,
};
use adapters::egress::Settings;
use adapters::identity::jwt::{Algorithm, KeySet, payload};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

const CANARY: &str = "ghs_canary3f9a1c77d0e84b26aa";

/// A double of GitHub's API.
struct Double {
    port: u16,
    keys: KeySet,
    /// What it answers to the next requests, where it is not as it should be.
    answer: Mutex<Option<(u16, String, Value)>>,
    asked: Mutex<Vec<(String, Value)>>,
    live: Mutex<bool>,
}

// === impl Double ===

impl Double {
    async fn open(keys: KeySet) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let double = Arc::new(Self {
            port: listener.local_addr().unwrap().port(),
            keys,
            answer: Mutex::default(),
            asked: Mutex::default(),
            live: Mutex::default(),
        });
        let own = Arc::clone(&double);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let double = Arc::clone(&own);
                tokio::spawn(async move { double.serve(stream).await });
            }
        });
        double
    }

    fn say(&self, status: u16, headers: &str, body: Value) {
        *self.answer.lock().unwrap() = Some((status, headers.to_owned(), body));
    }

    fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some((line, headers, body)) = request(&mut stream).await else {
            return;
        };
        let bearer = headers["authorization"].strip_prefix("Bearer ").unwrap();
        assert_eq!(headers["accept"], "application/vnd.github+json");
        assert_eq!(headers["x-github-api-version"], "2022-11-28");
        self.asked.lock().unwrap().push((line.clone(), body));
        let (mut status, mut more, mut answer) = match line.as_str() {
            "POST /api/v3/app/installations/42/access_tokens" if self.is_app(bearer) => {
                *self.live.lock().unwrap() = true;
                (201, String::new(), good())
            }
            "DELETE /api/v3/installation/token" if bearer == CANARY => {
                match std::mem::take(&mut *self.live.lock().unwrap()) {
                    true => (204, String::new(), Value::Null),
                    false => (401, String::new(), json!({ "message": "Bad credentials" })),
                }
            }
            _ => (401, String::new(), json!({ "message": "no" })),
        };
        if let Some(said) = self.answer.lock().unwrap().clone() {
            let deletes = line.starts_with("DELETE");
            // A token that is given wrongly can still be taken back.
            if !(deletes && said.0 == 201) {
                (status, more, answer) = said;
            }
        }
        let body = match answer {
            Value::Null => String::new(),
            answer => answer.to_string(),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n"
        );
        let _ = stream.write_all([head, body].concat().as_bytes()).await;
    }

    /// As GitHub checks it: signed by the app's key with RS256, its own, good now and for ten minutes at most.
    fn is_app(&self, token: &str) -> bool {
        let Ok(claims) = payload(token, &self.keys) else {
            return false;
        };
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let (issued, end) = (
            claims["iat"].as_u64().unwrap(),
            claims["exp"].as_u64().unwrap(),
        );
        claims["iss"] == "Iv1.app" && issued <= now() && end > now() && end - issued <= 600
    }
}

async fn request(stream: &mut TcpStream) -> Option<(String, HashMap<String, String>, Value)> {
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
    let line = text
        .lines()
        .next()?
        .trim_end_matches(" HTTP/1.1")
        .to_owned();
    Some((
        line,
        headers,
        serde_json::from_slice(&body).unwrap_or_default(),
    ))
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn good() -> Value {
    json!({
        "token": CANARY,
        "expires_at": "2999-01-01T00:00:00Z",
        "permissions": { "contents": "read", "metadata": "read" },
        "repository_selection": "selected",
        "repositories": [{ "id": 1, "name": "ledger", "full_name": "acme/ledger" }],
    })
}

fn pem() -> Vec<u8> {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let text = STANDARD.encode(pair.as_der().unwrap().as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").into_bytes()
}

/// An app, and the double that knows its key.
async fn app() -> (GithubApp, Arc<Double>) {
    let key = SigningKey::from_pem(&pem(), Some(Algorithm::RS256)).unwrap();
    let keys = json!({ "keys": [key.public()] }).to_string();
    let double = Double::open(KeySet::parse(keys.as_bytes()).unwrap()).await;
    (at(&double, key), double)
}

fn at(double: &Double, key: SigningKey) -> GithubApp {
    let reach = Settings {
        url: Url::parse(&format!("http://127.0.0.1:{}/api/v3", double.port)).unwrap(),
        allow_private: Vec::new(),
        roots: Vec::new(),
        identity: None,
        connect: Duration::from_secs(5),
    };
    let who = ("Iv1.app".to_owned(), key);
    GithubApp::new(&reach, Duration::from_secs(5), who, 42).unwrap()
}

fn order(scope: &[&str]) -> Order {
    Order {
        label: "hopgate-1".into(),
        life: Duration::from_secs(300),
        scope: scope.iter().map(|one| (*one).to_owned()).collect(),
        resource: None,
        proof: None,
        whom: Whom::default(),
    }
}

const SCOPE: [&str; 2] = ["repo:acme/ledger", "contents:read"];

async fn mint(app: &GithubApp) -> Result<Minted, IssueError> {
    app.mint(&order(&SCOPE), None).await
}

#[tokio::test]
async fn a_token_for_one_repository_lives_until_it_is_taken_back() {
    let (app, double) = app().await;
    let minted = mint(&app).await.unwrap();
    assert_eq!(minted.field("token").unwrap().value.text(), Some(CANARY));
    assert!(minted.field("username").unwrap().open && minted.life.is_some());
    let handle = minted.handle.clone().unwrap();
    assert!(!format!("{app:?} {minted:?} {handle:?}").contains("canary"));
    assert_eq!(app.revoke(&handle).await, Ok(Taken::Revoked));
    assert_eq!(
        app.revoke(&handle).await,
        Ok(Taken::Gone),
        "twice does no harm"
    );
    let asked = double.asked();
    let body = json!({ "repositories": ["ledger"], "permissions": { "contents": "read" } });
    assert_eq!(
        asked[0],
        (
            "POST /api/v3/app/installations/42/access_tokens".to_owned(),
            body
        )
    );
    assert_eq!(asked[1].0, "DELETE /api/v3/installation/token");
    let lost = app.recover("hopgate-1", None).await;
    assert!(matches!(lost, Err(RevokeError::Refused(_))), "{lost:?}");
}

#[tokio::test]
async fn only_the_apps_own_key_is_believed() {
    let (_, double) = app().await;
    let other = SigningKey::from_pem(&pem(), Some(Algorithm::RS256)).unwrap();
    let refused = mint(&at(&double, other)).await;
    assert!(
        matches!(refused, Err(IssueError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_scope_that_means_nothing_is_asked_of_nobody() {
    let (app, double) = app().await;
    for scope in ["read", "repo:../x", "contents:everything"] {
        let refused = app.mint(&order(&[scope]), None).await;
        assert!(
            matches!(refused, Err(IssueError::Refused(_))),
            "{refused:?}"
        );
    }
    assert!(double.asked().is_empty());
}

#[tokio::test]
async fn what_must_not_be_used_is_taken_back_at_once() {
    for (name, value) in [
        ("permissions", json!({ "contents": "write" })),
        ("permissions", Value::Null),
        ("repositories", json!([{ "full_name": "acme/site" }])),
        ("repositories", Value::Null),
        ("expires_at", json!("2001-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("expires_at", Value::Null),
    ] {
        let (app, double) = app().await;
        let mut answer = good();
        answer[name] = value.clone();
        double.say(201, "", answer);
        let refused = mint(&app).await;
        assert!(
            matches!(refused, Err(IssueError::Refused(_))),
            "{name} {value}: {refused:?}"
        );
        assert!(!*double.live.lock().unwrap(), "{name} {value}");
        assert_eq!(double.asked().len(), 2, "{name} {value}");
    }
}

#[tokio::test]
async fn refusals_are_final_and_trouble_is_not() {
    let told = json!({ "message": CANARY });
    for (status, headers, last) in [
        (401, "", true),
        (404, "", true),
        (422, "", true),
        (302, "location: http://127.0.0.1:1/\r\n", true),
        (200, "", true),
        (403, "", true),
        (403, "x-ratelimit-remaining: 0\r\n", false),
        (403, "retry-after: 60\r\n", false),
        (429, "", false),
        (500, "", false),
        (503, "", false),
    ] {
        let (app, double) = app().await;
        double.say(status, headers, told.clone());
        match mint(&app).await {
            Err(IssueError::Refused(why)) if last => assert!(!why.contains("canary"), "{why}"),
            Err(IssueError::Unavailable(why)) if !last => assert!(!why.contains("canary"), "{why}"),
            other => panic!("{status} {headers}: {other:?}"),
        }
    }
    for answer in [
        Value::Null,
        json!({}),
        json!([CANARY]),
        json!({ "token": "a b" }),
    ] {
        let (app, double) = app().await;
        double.say(201, "", answer.clone());
        let failed = mint(&app).await;
        assert!(
            matches!(failed, Err(IssueError::Failed(_))),
            "{answer}: {failed:?}"
        );
    }
}
