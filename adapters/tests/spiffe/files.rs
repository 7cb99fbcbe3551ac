//! Files that change while they are watched.

use crate::authority::{Authority, Folder, Leaf, files, now};
use adapters::identity::spiffe::{Fault, From, STALE, Settings, Source, verify};
use std::path::PathBuf;
use std::time::Duration;

const ID: &str = "spiffe://example.org/agent";

/// Writes an SVID of the gateway's own.
fn svid(folder: &Folder, leaf: &Leaf) -> (PathBuf, PathBuf) {
    let cert = folder.write("svid.pem", &leaf.cert.pem());
    (cert, folder.write("svid.key", &leaf.key.serialize_pem()))
}

fn shown(source: &Source) -> Option<Vec<u8>> {
    let svid = source.svid()?;
    svid.cert.first().map(|cert| cert.to_vec())
}

#[test]
fn what_is_there_is_known_at_once() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let bundle = folder.write("bundle.pem", &root.pem());
    let own = root.leaf("spiffe://example.org/gateway", |_| {});
    let source = Source::new(files(&bundle, Some(svid(&folder, &own)))).unwrap();
    assert!(source.ready() && source.trouble().is_none());
    assert_eq!(source.bundle("example.org").unwrap().x509_authorities(), 1);
    assert!(source.bundle("partner.example").is_none());
    assert_eq!(shown(&source), Some(own.der().to_vec()));
    let epoch = source.epoch();
    source.reload().unwrap();
    assert_eq!(source.epoch(), epoch, "nothing has changed");
}

#[tokio::test(start_paused = true)]
async fn changes_are_followed() {
    let (folder, old, new) = (
        Folder::new(),
        Authority::new("root"),
        Authority::new("root"),
    );
    let bundle = folder.write("bundle.pem", &old.pem());
    let first = old.leaf("spiffe://example.org/gateway", |_| {});
    let source = Source::new(files(&bundle, Some(svid(&folder, &first)))).unwrap();
    source.start();
    source.start();
    let (before, after) = ([old.leaf(ID, |_| {}).der()], [new.leaf(ID, |_| {}).der()]);
    assert!(verify(&before, &source, now()).is_ok());
    assert_eq!(verify(&after, &source, now()), Err(Fault::UnknownIssuer));
    let epoch = source.epoch();

    let second = new.leaf("spiffe://example.org/gateway", |_| {});
    folder.write("bundle.pem", &new.pem());
    svid(&folder, &second);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(verify(&before, &source, now()), Err(Fault::UnknownIssuer));
    assert!(verify(&after, &source, now()).is_ok());
    assert_eq!(shown(&source), Some(second.der().to_vec()));
    assert!(source.epoch() > epoch);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_stays_for_an_hour() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let bundle = folder.write("bundle.pem", &root.pem());
    let source = Source::new(files(&bundle, None)).unwrap();
    source.start();
    let leaf = [root.leaf(ID, |_| {}).der()];
    folder.write("bundle.pem", "half a fi");
    tokio::time::sleep(STALE).await;
    assert!(verify(&leaf, &source, now()).is_ok());
    assert!(
        source
            .trouble()
            .unwrap()
            .ends_with("nor certificates (PEM)")
    );
    tokio::time::sleep(Duration::from_secs(30)).await;
    let refused = verify(&leaf, &source, now());
    assert_eq!(refused, Err(Fault::TrustDomain("example.org".to_owned())));
    assert!(!source.ready());

    folder.write("bundle.pem", &root.pem());
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(verify(&leaf, &source, now()).is_ok());
    assert_eq!(source.trouble(), None);
}

#[test]
fn one_broken_file_holds_no_other_back() {
    let (folder, old, new) = (Folder::new(), Authority::new("old"), Authority::new("new"));
    let bundle = folder.write("own.pem", &old.pem());
    let partner = folder.write("partner.pem", &Authority::new("partner").pem());
    let source = Source::new(Settings {
        trust_domain: "example.org".to_owned(),
        federates: vec!["partner.example".to_owned()],
        from: From::Files {
            bundle,
            federated: vec![("partner.example".to_owned(), partner.clone())],
            svid: None,
        },
    });
    let source = source.unwrap();
    folder.write("own.pem", &new.pem());
    std::fs::remove_file(partner).unwrap();
    assert!(source.reload().unwrap_err().contains("partner.pem"));
    assert!(verify(&[new.leaf(ID, |_| {}).der()], &source, now()).is_ok());
    assert!(
        source.bundle("partner.example").is_some(),
        "the last good one stays"
    );
}

/// A key is replaced a moment before its certificate, or after.
#[test]
fn halves_of_two_svids_are_none() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let bundle = folder.write("bundle.pem", &root.pem());
    let leaf = |_: u8| root.leaf("spiffe://example.org/gateway", |_| {});
    let (first, second) = (leaf(1), leaf(2));
    let source = Source::new(files(&bundle, Some(svid(&folder, &first)))).unwrap();
    folder.write("svid.key", &second.key.serialize_pem());
    assert!(
        source
            .reload()
            .unwrap_err()
            .contains("does not belong to the certificate")
    );
    assert_eq!(shown(&source), Some(first.der().to_vec()));
    folder.write("svid.pem", &second.cert.pem());
    source.reload().unwrap();
    assert_eq!(shown(&source), Some(second.der().to_vec()));
}

#[test]
fn mistakes_are_told_before_anything_starts() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let bundle = folder.write("bundle.pem", &root.pem());
    let told = |edit: &dyn Fn(&mut Settings)| {
        let mut settings = files(&bundle, None);
        edit(&mut settings);
        Source::new(settings).unwrap_err()
    };
    let from = |endpoint: &str| {
        let endpoint = endpoint.to_owned();
        move |settings: &mut Settings| settings.from = From::WorkloadApi(endpoint.clone())
    };
    let domain = |name: &str| {
        let name = name.to_owned();
        told(&move |settings| settings.trust_domain.clone_from(&name))
    };
    for name in [
        "",
        "Example.org",
        "spiffe://example.org",
        "example.org:443",
        "a/b",
        "*",
    ] {
        assert_eq!(
            domain(name),
            format!("`{name}` is not the name of a trust domain")
        );
    }
    let federates = |name: &str| {
        let name = name.to_owned();
        told(&move |settings| settings.federates = vec![name.clone()])
    };
    assert_eq!(
        federates("example.org"),
        "trust domain `example.org` is named twice"
    );
    assert_eq!(
        federates("a.example"),
        "trust domain `a.example` has no bundle file"
    );
    assert_eq!(federates("A"), "`A` is not the name of a trust domain");
    let endpoint = |text: &str| told(&from(text));
    assert!(endpoint("http://127.0.0.1:1").contains("must be unix: or tcp:"));
    assert!(
        endpoint("tcp://10.0.0.1:8081").contains("neither a unix socket nor a loopback address")
    );
    assert!(endpoint("").starts_with("Workload API ``"));
    let missing = folder.path("missing.pem");
    let told = Source::new(files(&missing, None)).unwrap_err();
    assert!(told.contains("missing.pem: No such file"), "{told}");
}
