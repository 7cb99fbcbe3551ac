//! The Workload API as a source meets it: what it takes over, what it keeps, and what it takes nobody's word for.

use crate::agent::Agent;
use crate::authority::{Authority, Folder, Leaf, now};
use adapters::identity::spiffe::{Fault, From, STALE, Settings, Source, verify};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const ID: &str = "spiffe://example.org/agent";
const OWN: &str = "spiffe://example.org/gateway";
const KEYS: &[u8] = br#"{"keys":[{"kty":"EC","kid":"k1","crv":"P-256","x":"AA","y":"AA"}]}"#;

/// A source that federates with `partner.example`, started.
fn source(folder: &Folder) -> Arc<Source> {
    let socket = folder.path(Agent::SOCKET);
    let source = Source::new(Settings {
        trust_domain: "example.org".to_owned(),
        federates: vec!["partner.example".to_owned()],
        from: From::WorkloadApi(format!("unix:{}", socket.display())),
    });
    let source = source.unwrap();
    assert!(!source.ready() && source.svid().is_none());
    source.start();
    source
}

/// Waits for something that is about to hold.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        timeout(Duration::from_secs(20), wait).await.is_ok(),
        "never: {what}"
    );
}

fn shown(source: &Source) -> Option<Vec<u8>> {
    let svid = source.svid()?;
    svid.cert.first().map(|cert| cert.to_vec())
}

/// Everything an agent has for a gateway in order.
fn serve(agent: &Agent, root: &Authority, own: &Leaf) {
    agent.issue(&[(OWN, own, &root.der())]);
    agent.x509_bundles(&[("spiffe://example.org", &root.der())]);
    agent.jwt_bundles(&[("spiffe://example.org", KEYS)]);
}

fn accepts(source: &Source, root: &Authority) -> bool {
    verify(&[root.leaf(ID, |_| {}).der()], source, now()).is_ok()
}

#[tokio::test]
async fn what_the_agent_says_is_taken_over() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let own = root.leaf(OWN, |_| {});
    let agent = Agent::new(&folder);
    serve(&agent, &root, &own);
    let source = source(&folder);
    until("all three", || {
        let keys = source.bundle("example.org");
        let keys = keys.map(|bundle| bundle.jwt_authorities().to_vec());
        let keys = keys.and_then(|keys| serde_json::from_slice::<Value>(&keys).ok());
        keys == serde_json::from_slice(KEYS).ok()
            && source.svid().is_some()
            && accepts(&source, &root)
    })
    .await;
    assert!(source.ready());
    assert_eq!(shown(&source), Some(own.der().to_vec()));
    assert_eq!(source.trouble(), None);
}

#[tokio::test]
async fn rotation_reaches_it_at_once() {
    let (folder, old, new) = (Folder::new(), Authority::new("old"), Authority::new("new"));
    let agent = Agent::new(&folder);
    serve(&agent, &old, &old.leaf(OWN, |_| {}));
    let source = source(&folder);
    until("the old one", || {
        accepts(&source, &old) && source.svid().is_some()
    })
    .await;
    let epoch = source.epoch();
    // Both authorities hold for a while, and then only the new one does.
    let both = [old.der().to_vec(), new.der().to_vec()].concat();
    agent.x509_bundles(&[("spiffe://example.org", &both)]);
    until("both", || accepts(&source, &old) && accepts(&source, &new)).await;
    assert!(source.epoch() > epoch);
    let own = new.leaf(OWN, |_| {});
    serve(&agent, &new, &own);
    until("the new one", || {
        !accepts(&source, &old) && accepts(&source, &new)
    })
    .await;
    until("its SVID", || shown(&source) == Some(own.der().to_vec())).await;
}

#[tokio::test]
async fn only_listed_trust_domains_are_taken() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let (partner, stranger) = (Authority::new("partner"), Authority::new("stranger"));
    let agent = Agent::new(&folder);
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    let all: [(&str, &[u8]); 3] = [
        ("spiffe://example.org", &root.der()),
        ("spiffe://partner.example", &partner.der()),
        ("spiffe://stranger.example", &stranger.der()),
    ];
    agent.x509_bundles(&all);
    agent.jwt_bundles(&[
        ("spiffe://stranger.example", KEYS),
        ("spiffe://example.org", KEYS),
    ]);
    let source = source(&folder);
    until("the listed", || source.bundle("partner.example").is_some()).await;
    assert!(source.bundle("stranger.example").is_none());
    let foreign = partner.leaf("spiffe://partner.example/a", |_| {}).der();
    assert!(verify(std::slice::from_ref(&foreign), &source, now()).is_ok());
    // One that is federated with no more is gone with the next answer, not when it is stale.
    agent.x509_bundles(&all[..1]);
    until("its end", || source.bundle("partner.example").is_none()).await;
    let refused = verify(&[foreign], &source, now());
    assert_eq!(
        refused,
        Err(Fault::TrustDomain("partner.example".to_owned()))
    );
    assert!(accepts(&source, &root));
}

#[tokio::test]
async fn a_withdrawn_svid_is_gone_and_bundles_stay() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let agent = Agent::new(&folder);
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    let source = source(&folder);
    until("all", || accepts(&source, &root) && source.svid().is_some()).await;
    agent.deny();
    until("withdrawal", || source.svid().is_none()).await;
    assert!(accepts(&source, &root) && source.ready());
    until("the reason", || {
        source
            .trouble()
            .is_some_and(|text| text.contains("own SVID") && text.contains("no identity issued"))
    })
    .await;
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    until("its return", || source.svid().is_some()).await;
    until("peace", || source.trouble().is_none()).await;
}

#[tokio::test]
async fn a_denial_that_is_taken_back_withdraws_nothing() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let agent = Agent::new(&folder);
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    let source = source(&folder);
    until("all", || accepts(&source, &root) && source.svid().is_some()).await;
    agent.deny();
    let denied = |text: String| text.contains("no identity issued");
    until("the denial", || source.trouble().is_some_and(denied)).await;
    sleep(Duration::from_secs(1)).await;
    assert!(source.svid().is_some());
    let own = root.leaf(OWN, |_| {});
    serve(&agent, &root, &own);
    until("its return", || shown(&source) == Some(own.der().to_vec())).await;
    until("peace", || source.trouble().is_none()).await;
}

#[tokio::test]
async fn an_agent_that_is_gone_is_believed_for_an_hour() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let agent = Agent::new(&folder);
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    let source = source(&folder);
    until("all", || accepts(&source, &root) && source.svid().is_some()).await;
    drop(agent);
    std::fs::remove_file(folder.path(Agent::SOCKET)).unwrap();
    let gone = |text: String| text.matches("No such file").count() == 3;
    until("notice", || source.trouble().is_some_and(gone)).await;
    tokio::time::pause();
    sleep(STALE.checked_sub(Duration::from_secs(60)).unwrap()).await;
    assert!(accepts(&source, &root));
    sleep(Duration::from_secs(120)).await;
    assert!(!accepts(&source, &root) && !source.ready());
    assert!(
        source.svid().is_some(),
        "it says itself until when it holds"
    );
    tokio::time::resume();
    let agent = Agent::new(&folder);
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    until("its return", || accepts(&source, &root)).await;
}

#[tokio::test]
async fn nonsense_changes_nothing() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let agent = Agent::new(&folder);
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    let source = source(&folder);
    until("all", || accepts(&source, &root) && source.svid().is_some()).await;
    let epoch = source.epoch();
    agent.babble();
    until("complaints", || {
        source
            .trouble()
            .is_some_and(|text| text.matches("; ").count() == 2)
    })
    .await;
    assert!(accepts(&source, &root) && source.svid().is_some());
    agent.x509_bundles(&[("spiffe://example.org", b"no certificate")]);
    agent.jwt_bundles(&[("spiffe://example.org", b"{}")]);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(source.epoch(), epoch);
}

/// A partner's mistake must not keep our own rotation from us.
#[tokio::test]
async fn an_unusable_bundle_holds_no_other_back() {
    let (folder, root, partner) = (
        Folder::new(),
        Authority::new("root"),
        Authority::new("partner"),
    );
    let workload = partner.leaf("spiffe://partner.example/a", |_| {}).der();
    let agent = Agent::new(&folder);
    agent.x509_bundles(&[
        ("spiffe://example.org", &root.der()),
        ("spiffe://partner.example", &workload),
    ]);
    let source = source(&folder);
    until("the own", || accepts(&source, &root)).await;
    assert!(source.bundle("partner.example").is_none());
    let trouble = source.trouble().unwrap();
    assert!(
        trouble.contains("the bundle of `partner.example` holds a certificate that is not of an")
    );
    // Bundles alone are enough to verify others.
    assert!(source.ready() && source.svid().is_none());
}

#[tokio::test]
async fn an_svid_of_another_trust_domain_is_not_ours() {
    let (folder, root, other) = (
        Folder::new(),
        Authority::new("root"),
        Authority::new("other"),
    );
    let foreign = other.leaf("spiffe://other.example/gateway", |_| {});
    let (foreign_id, own) = ("spiffe://other.example/gateway", root.leaf(OWN, |_| {}));
    let agent = Agent::new(&folder);
    agent.issue(&[
        (foreign_id, &foreign, &other.der()),
        (OWN, &own, &root.der()),
    ]);
    let source = source(&folder);
    until("the own", || shown(&source) == Some(own.der().to_vec())).await;
    agent.issue(&[(foreign_id, &foreign, &other.der())]);
    until("none", || source.svid().is_none()).await;
    let trouble = source.trouble().unwrap();
    assert!(
        trouble.contains("issues no SVID of trust domain `example.org`"),
        "{trouble}"
    );
}

#[tokio::test]
async fn it_ends_with_its_last_handle() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let agent = Agent::new(&folder);
    serve(&agent, &root, &root.leaf(OWN, |_| {}));
    let source = source(&folder);
    until("three streams", || agent.streams() == 3).await;
    source.start();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(agent.streams(), 3, "started once");
    drop(source);
    until("no stream", || agent.streams() == 0).await;
}
