//! No secret is in anything a gateway writes about itself: its records, its log, its numbers.

use super::books::close;
use crate::identity::chains::{Way, passes_on};
use crate::identity::{EVERYTHING, allow, key, keys, known};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tests::records::{folder, hex};
use tests::setup::{Place, registered};
use tests::upstream::{lifecycle, plain};
use tests::{Agent, Era, Gateway, Issuer, Setup, Upstream, json};

const ARGUMENT: &str = "canary-argument-7c1f02aa95d34e";
const ANSWER: &str = "canary-answer-0b8d6f4471e29c";
const REFUSED: &str = "canary-refused-key-93ab55e0c1d7";

/// A text as it stands, in hexadecimal, and in base64 at each of the three places it can begin.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        hex(secret.as_bytes()).into_bytes(),
    ];
    for shift in 0..3 {
        let bytes = [&[0; 2][..shift], secret.as_bytes()].concat();
        let (from, to) = ((shift * 8).div_ceil(6), bytes.len() * 8 / 6);
        forms.push(STANDARD.encode(&bytes).as_bytes()[from..to].to_vec());
        forms.push(URL_SAFE.encode(&bytes).as_bytes()[from..to].to_vec());
    }
    forms
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries.flat_map(below).collect()
}

/// Where a secret is found.
fn found(secret: &str, written: &[(String, Vec<u8>)]) -> Vec<String> {
    assert!(secret.len() >= 16, "too short to be looked for: {secret}");
    let forms = forms(secret);
    let holds = |bytes: &[u8]| {
        forms
            .iter()
            .any(|form| bytes.windows(form.len()).any(|part| part == form))
    };
    written
        .iter()
        .filter(|(_, bytes)| holds(bytes))
        .map(|(name, _)| name.clone())
        .collect()
}

/// A server with sessions, whose own ids no caller ever sees.
async fn with_sessions() -> Upstream {
    Upstream::start(|received, wire| async move {
        let (status, headers, body) = match lifecycle(&received) {
            Some(answer) => answer,
            None => (
                200,
                String::new(),
                json::result(&received.id(), &json::said(ANSWER)),
            ),
        };
        plain(
            wire,
            (
                status,
                headers.replace("upstream-session", "canary-upstream-session-51c0"),
                body,
            ),
        )
        .await
    })
    .await
}

/// Ann by a token calls bob, who by a key calls a tool in her chain; cid by a key has a session of its own.
struct World {
    gateway: Gateway,
    issuer: Issuer,
    b: Upstream,
    tool: Upstream,
}

// === impl World ===

impl World {
    async fn start() -> Self {
        let place = Place::free();
        let address = SocketAddr::from(([127, 0, 0, 1], place.port));
        let b = passes_on(address, ("bob", "tool", "get"), Way::Header, Arc::default()).await;
        let (tool, issuer) = (with_sessions().await, Issuer::start().await);
        let setup = Setup::empty()
            .without_local()
            .server_with("b", &b.url(), "agent = \"bob\"")
            .server("tool", &tool.url())
            .rules(&allow("all", "**"))
            .tail(&issuer.identity("corp", ""))
            .tail(&keys(&["bob", "cid"]))
            .tail(&registered("ann", "\"corp:ann\"", EVERYTHING))
            .tail(&registered("bob", "\"keys:bob\"", EVERYTHING))
            .tail(&registered("cid", "\"keys:cid\"", EVERYTHING));
        std::fs::write(place.config(), setup.text(&place)).unwrap();
        let gateway = Gateway::at(place).await.unwrap();
        Self {
            gateway,
            issuer,
            b,
            tool,
        }
    }

    /// Uses everything that is secret, well and badly; gives it.
    async fn play(&self) -> Vec<String> {
        let address = self.gateway.address();
        let token = |server: &str| {
            let audience = format!("http://{address}/servers/{server}/mcp");
            self.issuer.token("ann", &audience)
        };
        let (good, misused) = (token("b"), token("elsewhere"));
        let argument = format!("{{\"a\":\"{ARGUMENT}\"}}");
        for (proof, status) in [(good.as_str(), 200), (&misused, 401), (REFUSED, 401)] {
            let ann = Agent::new(address, "/servers/b/mcp", Era::Modern).bearer(proof);
            assert_eq!(ann.call("relay", &argument).await.status(), status);
        }
        let mut cid = known(&self.gateway, "tool", "cid");
        cid.era = Era::Legacy;
        "2025-11-25".clone_into(&mut cid.revision);
        cid.initialize().await;
        assert_eq!(cid.call("get", &argument).await.said(), ANSWER);
        let sealed = cid.session.clone().expect("a session");
        assert_eq!(cid.delete().await.status(), 200);
        let header = |upstream: &Upstream, name: &str| {
            let calls = upstream.with_method("tools/call").into_iter();
            let mut values = calls.filter_map(|one| one.head.get(name).map(str::to_owned));
            values.next().unwrap_or_else(|| panic!("no {name}"))
        };
        let hop = header(&self.b, "txn-token");
        let session = header(&self.tool, "mcp-session-id");
        let signed =
            [&good, &misused, &hop].map(|token| token.rsplit('.').next().unwrap().to_owned());
        let mut secrets = vec![key("bob"), key("cid"), good, misused, hop, session, sealed];
        secrets.extend(signed);
        secrets.extend([ARGUMENT, ANSWER, REFUSED].map(str::to_owned));
        secrets.push(self.gateway.admin_token());
        secrets
    }

    /// Everything the gateway has written of itself.
    async fn written(&mut self) -> Vec<(String, Vec<u8>)> {
        let (_, metrics) = self.gateway.admin("/metrics", false).await;
        let mut written = vec![("metrics".to_owned(), metrics.into_bytes())];
        close(&mut self.gateway).await;
        let place = &self.gateway.place;
        let logs = ["stdout", "stderr"].map(|name| place.folder.join(name));
        for file in files(&folder(place)).into_iter().chain(logs) {
            let bytes = std::fs::read(&file).unwrap();
            written.push((file.display().to_string(), bytes));
        }
        written
    }
}

#[tokio::test]
async fn no_secret_is_written_anywhere() {
    let mut world = World::start().await;
    let secrets = world.play().await;
    let written = world.written().await;
    for secret in &secrets {
        assert_eq!(found(secret, &written), Vec::<String>::new(), "{secret}");
    }
    // What is there is found.
    for (word, name) in [
        ("\"agent\":\"cid\",\"subject\"", "calls/00000001.jsonl"),
        ("hopgate_audit_records_total", "metrics"),
        ("reason=\"the token is for another audience\"", "stderr"),
    ] {
        let there = found(word, &written);
        assert!(
            there.iter().any(|one| one.ends_with(name)),
            "{word}: {there:?}"
        );
    }
}
