//! Workloads that prove themselves by the certificate of their connection, and tokens that are bound to one.

use super::{EVERYTHING, key, keys, text};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use std::sync::Arc;
use tests::certificates::{Authority, Issued, workload};
use tests::setup::{Place, registered};
use tests::{Agent, Answer, Gateway, Issuer, Setup, Upstream, Whole, Wire};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const WORKER: &str = "spiffe://example.org/ns/a/sa/worker";

/// A gateway that speaks TLS and believes one trust domain, one issuer and one key.
struct Mesh {
    gateway: Gateway,
    upstream: Upstream,
    issuer: Issuer,
    /// Vouches for the gateway.
    server: Authority,
    /// Vouches for the workloads.
    trusted: Authority,
}

// === impl Mesh ===

impl Mesh {
    async fn start(keys_of_corp: &str) -> Self {
        let (server, trusted) = (Authority::new("server"), Authority::new("trusted"));
        let (upstream, issuer) = (Upstream::saying("ok").await, Issuer::start().await);
        let place = Place::free();
        let (cert, own) = server.issue(&["127.0.0.1"]).write(&place.folder, "own");
        let bundle = place.folder.join("bundle.pem");
        std::fs::write(&bundle, &trusted.pem).unwrap();
        let mesh = format!(
            "\n[identities.mesh]\nkind = \"spiffe\"\ntrust_domain = \"example.org\"\nbundle = \"{}\"\n",
            bundle.display()
        );
        let setup = Setup::new(&upstream.url())
            .tls(&cert, &own)
            .without_local()
            .rules(&super::allow("all", "up/**"))
            .tail(&mesh)
            .tail(&issuer.identity("corp", keys_of_corp))
            .tail(&keys(&["clerk"]))
            .tail(&registered("worker", &format!("\"{WORKER}\""), EVERYTHING))
            .tail(&registered(
                "builder",
                "\"spiffe://example.org/ns/ci/sa/*\"",
                EVERYTHING,
            ))
            .tail(&registered("bearer", "\"corp:bearer\"", EVERYTHING))
            .tail(&registered("clerk", "\"keys:clerk\"", EVERYTHING));
        std::fs::write(place.config(), setup.text(&place)).unwrap();
        let gateway = Gateway::at(place).await.unwrap();
        Self {
            gateway,
            upstream,
            issuer,
            server,
            trusted,
        }
    }

    async fn connect(&self, own: Option<&Issued>) -> Wire {
        let stream = TcpStream::connect(self.gateway.address()).await.unwrap();
        let config = self.server.client_with(own, &[]);
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        Wire::new(connector.connect(name, stream).await.unwrap())
    }

    /// One call on a connection of its own, with this certificate and these header lines.
    async fn call(&self, own: Option<&Issued>, headers: &str) -> Whole {
        let mut wire = self.connect(own).await;
        wire.write(self.request(headers)).await.unwrap();
        Answer::read(wire).await.whole().await
    }

    /// The agent's own tasks.
    async fn tasks(&self, own: Option<&Issued>, headers: &str) -> Value {
        let mut wire = self.connect(own).await;
        let host = self.gateway.address();
        let request = format!("GET /tasks HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        wire.write(request).await.unwrap();
        Answer::read(wire).await.whole().await.json()["tasks"].clone()
    }

    fn request(&self, headers: &str) -> String {
        let agent = Agent::modern(&self.gateway);
        let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
        let (head, length) = (agent.head_for(&message), message.len());
        format!(
            "{head}{headers}Host: {}\r\nContent-Length: {length}\r\n\r\n{message}",
            agent.host
        )
    }

    /// A header line with a token of the issuer, bound to what `cnf` says.
    fn bearer(&self, subject: &str, cnf: Option<Value>) -> String {
        let aud = format!("https://{}/servers/up/mcp", self.gateway.address());
        let mut claims = self.issuer.claims(subject, &aud);
        if let Some(cnf) = cnf {
            claims["cnf"] = cnf;
        }
        format!("Authorization: Bearer {}\r\n", self.issuer.sign(&claims))
    }
}

/// What a token says of the certificate it is bound to.
fn print(own: &Issued) -> Value {
    let digest = digest(&SHA256, &own.chain()[0]);
    json!({ "x5t#S256": URL_SAFE_NO_PAD.encode(digest) })
}

#[tokio::test]
async fn a_good_svid_passes() {
    let mesh = Mesh::start("").await;
    let own = mesh.trusted.svid(&[WORKER]);
    for _ in 0..2 {
        assert_eq!(mesh.call(Some(&own), "").await.said(), "ok");
    }
    let tasks = mesh.tasks(Some(&own), "").await;
    assert_eq!(
        (text(&tasks[0], "agent"), text(&tasks[0], "subject")),
        ("worker", WORKER)
    );
    assert_eq!(tasks[0]["calls"], 2);
    // Another certificate of the same workload is the same principal; another instance of an agent is not.
    let renewed = mesh.trusted.svid(&[WORKER]);
    assert_eq!(mesh.call(Some(&renewed), "").await.said(), "ok");
    assert_eq!(mesh.tasks(Some(&own), "").await[0]["calls"], 3);
    for id in [
        "spiffe://example.org/ns/ci/sa/one",
        "spiffe://example.org/ns/ci/sa/two",
    ] {
        let own = mesh.trusted.svid(&[id]);
        assert_eq!(mesh.call(Some(&own), "").await.said(), "ok", "{id}");
        let tasks = mesh.tasks(Some(&own), "").await;
        assert_eq!(tasks.as_array().unwrap().len(), 1);
        assert_eq!(
            (text(&tasks[0], "agent"), text(&tasks[0], "subject")),
            ("builder", id)
        );
    }
}

/// Certificates of the right authority whose names are nobody's.
fn misnamed(mesh: &Mesh) -> Vec<(&'static str, Issued)> {
    let of = |ids: &[&str]| mesh.trusted.svid(ids);
    vec![
        (
            "two ids",
            of(&[WORKER, "spiffe://example.org/ns/a/sa/other"]),
        ),
        ("the same id twice", of(&[WORKER, WORKER])),
        (
            "an id and another URI",
            of(&[WORKER, "https://example.org/"]),
        ),
        ("a wildcard", of(&["spiffe://example.org/*"])),
        ("a wildcard of a domain", of(&["spiffe://*/ns/a/sa/worker"])),
        ("no path", of(&["spiffe://example.org"])),
        (
            "an empty part",
            of(&["spiffe://example.org/ns//a/sa/worker"]),
        ),
        (
            "a step up",
            of(&["spiffe://example.org/ns/b/../a/sa/worker"]),
        ),
        (
            "a trailing slash",
            of(&["spiffe://example.org/ns/a/sa/worker/"]),
        ),
        ("an escape", of(&["spiffe://example.org/ns/a/sa/w%6frker"])),
        ("a query", of(&["spiffe://example.org/ns/a/sa/worker?x"])),
        ("a port", of(&["spiffe://example.org:443/ns/a/sa/worker"])),
        (
            "another scheme",
            of(&["https://example.org/ns/a/sa/worker"]),
        ),
        (
            "another trust domain",
            of(&["spiffe://example.com/ns/a/sa/worker"]),
        ),
    ]
}

/// Certificates of a good name that prove nothing, and names of another kind.
fn unfit(mesh: &Mesh) -> Vec<(&'static str, Issued)> {
    let stranger = Authority::new("trusted");
    let dated = |from: i32, to: i32| {
        let mut params = workload(&[WORKER]);
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        mesh.trusted.vouch(params)
    };
    let mut named = workload(&[]);
    named
        .distinguished_name
        .push(rcgen::DnType::CommonName, WORKER);
    let mut useless = workload(&[WORKER]);
    useless.key_usages.clear();
    let mut authority = workload(&[WORKER]);
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let mut serving = workload(&[WORKER]);
    serving.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    vec![
        (
            "another authority of the same name",
            stranger.svid(&[WORKER]),
        ),
        (
            "the authority of the gateway's own",
            mesh.server.svid(&[WORKER]),
        ),
        ("a name alone", mesh.trusted.vouch(named)),
        ("a DNS name", mesh.trusted.issue(&["worker.example.org"])),
        ("expired", dated(2001, 2002)),
        ("not yet", dated(2090, 2099)),
        ("no use", mesh.trusted.vouch(useless)),
        ("an authority", mesh.trusted.vouch(authority)),
        ("for servers only", mesh.trusted.vouch(serving)),
    ]
}

#[tokio::test]
async fn certificates_that_prove_nobody() {
    let mesh = Mesh::start("").await;
    for (why, own) in misnamed(&mesh).into_iter().chain(unfit(&mesh)) {
        let answer = mesh.call(Some(&own), "").await;
        assert_eq!(answer.status(), 401, "{why}: {answer:?}");
        assert!(answer.head.get("www-authenticate").is_some(), "{why}");
    }
    assert_eq!(mesh.call(None, "").await.status(), 401);
    assert!(mesh.upstream.received().is_empty());
    // A good one of nobody who is registered.
    for id in [
        "spiffe://example.org/ns/a/sa/other",
        "spiffe://example.org/ns/a/sa/Worker",
        "spiffe://example.org/ns/ci/sa/a/b",
    ] {
        let answer = mesh.call(Some(&mesh.trusted.svid(&[id])), "").await;
        assert_eq!(answer.status(), 403, "{id}: {answer:?}");
    }
    assert!(mesh.upstream.received().is_empty());
    assert_eq!(
        mesh.call(Some(&mesh.trusted.svid(&[WORKER])), "")
            .await
            .said(),
        "ok"
    );
}

/// `Authorization` decides; the certificate is no second chance.
#[tokio::test]
async fn a_bad_token_beside_a_good_certificate() {
    let mesh = Mesh::start("").await;
    let own = mesh.trusted.svid(&[WORKER]);
    for (value, expected) in [
        ("Bearer x".to_owned(), 401),
        ("Basic eDp5".to_owned(), 401),
        (String::new(), 401),
        (format!("Bearer {}x", key("clerk")), 401),
    ] {
        let answer = mesh
            .call(Some(&own), &format!("Authorization: {value}\r\n"))
            .await;
        assert_eq!(answer.status(), expected, "{value}");
    }
    assert_eq!(
        mesh.call(Some(&own), &mesh.bearer("nobody", None))
            .await
            .status(),
        403
    );
    assert!(mesh.upstream.received().is_empty());
    // A good token makes the caller who it says, not who the certificate says; a static key as well.
    let stranger = Authority::new("stranger").svid(&[WORKER]);
    let token = mesh.bearer("bearer", None);
    let clerk = format!("Authorization: Bearer {}\r\n", key("clerk"));
    for own in [Some(&own), Some(&stranger), None] {
        for (headers, agent) in [(&token, "bearer"), (&clerk, "clerk")] {
            assert_eq!(mesh.call(own, headers).await.said(), "ok", "{agent}");
            assert_eq!(text(&mesh.tasks(own, headers).await[0], "agent"), agent);
        }
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate() {
    let mesh = Mesh::start("").await;
    let (own, other) = (mesh.trusted.svid(&[WORKER]), mesh.trusted.svid(&[WORKER]));
    // The certificate need not be of anybody here: it is its key that counts.
    let foreign = Authority::new("stranger").issue(&["client"]);
    for holder in [&own, &foreign] {
        let token = mesh.bearer("bearer", Some(print(holder)));
        for _ in 0..2 {
            assert_eq!(mesh.call(Some(holder), &token).await.said(), "ok");
            assert_eq!(mesh.call(None, &token).await.status(), 401);
            assert_eq!(mesh.call(Some(&other), &token).await.status(), 401);
        }
    }
    for cnf in [
        json!({ "x5t#S256": "" }),
        json!({ "x5t#S256": 7 }),
        json!({ "x5t#S256": "AAAA" }),
        json!({ "kid": "x" }),
        json!({}),
        json!("x"),
    ] {
        let token = mesh.bearer("bearer", Some(cnf.clone()));
        assert_eq!(mesh.call(Some(&own), &token).await.status(), 401, "{cnf}");
    }
    assert_eq!(mesh.upstream.with_method("tools/call").len(), 4);
}

#[tokio::test]
async fn an_identity_may_require_a_certificate() {
    let mesh = Mesh::start("require = \"mtls\"").await;
    let own = mesh.trusted.svid(&[WORKER]);
    for holder in [None, Some(&own)] {
        let answer = mesh.call(holder, &mesh.bearer("bearer", None)).await;
        assert_eq!(answer.status(), 401, "{answer:?}");
    }
    let bound = mesh.bearer("bearer", Some(print(&own)));
    assert_eq!(mesh.call(Some(&own), &bound).await.said(), "ok");
    assert_eq!(mesh.upstream.with_method("tools/call").len(), 1);
}

/// A bundle that changes reaches connections that are open: the chain is judged with each request.
#[tokio::test]
async fn a_rotated_bundle_reaches_open_connections() {
    let mesh = Mesh::start("").await;
    let next = Authority::new("next");
    let (old, new) = (mesh.trusted.svid(&[WORKER]), next.svid(&[WORKER]));
    let (mut of_old, mut of_new) = (
        mesh.connect(Some(&old)).await,
        mesh.connect(Some(&new)).await,
    );
    let file = mesh.gateway.place.folder.join("bundle.pem");
    let status = async |wire: &mut Wire| {
        wire.write(mesh.request("")).await.unwrap();
        let head = wire.head().await.unwrap().unwrap();
        wire.body(head.framing(true)).await.unwrap();
        head.status()
    };
    assert_eq!(
        (status(&mut of_old).await, status(&mut of_new).await),
        (200, 401)
    );
    for (bundle, expected) in [
        (mesh.trusted.pem.clone() + &next.pem, (200, 200)),
        (next.pem.clone(), (401, 200)),
    ] {
        let fresh = mesh.gateway.place.folder.join("fresh.pem");
        std::fs::write(&fresh, bundle).unwrap();
        std::fs::rename(&fresh, &file).unwrap();
        let end = tokio::time::Instant::now() + tests::PATIENCE;
        loop {
            let seen = (status(&mut of_old).await, status(&mut of_new).await);
            if seen == expected {
                break;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "{seen:?} and not {expected:?}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
