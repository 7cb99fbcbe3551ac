//! Who signs checkpoints: the first key of the ring in force, also after a reload.

use super::{Receiver, found, of_kind, verify};
use tests::{Agent, Gateway, Setup, Upstream};

fn signers(gateway: &Gateway) -> Vec<String> {
    let all = of_kind(&gateway.place, "checkpoints", "checkpoint");
    let mut names: Vec<String> = all
        .iter()
        .map(|line| line["key"].as_str().unwrap().to_owned())
        .collect();
    names.dedup();
    names
}

/// The ring of the start signs before the reload, the new one after it; with both, what either signed is proven.
#[tokio::test]
async fn a_reload_changes_who_signs() {
    let (upstream, receiver) = (Upstream::saying("ok").await, Receiver::start().await);
    let setup = Setup::new(&upstream.url()).audit(&receiver.key(""));
    let place = tests::setup::Place::free();
    let made = |name: &str| {
        let made = tests::gateway::run(&place.folder, &["key", "new"]);
        let file = place.folder.join(name);
        std::fs::write(&file, made.stdout).unwrap();
        format!("{{ id = \"{name}\", file = \"{}\" }}", file.display())
    };
    let (first, second) = (made("k1"), made("k2"));
    let ring = |rows: &str| setup.clone().gateway(&format!("keys = [{rows}]"));
    let mut gateway = Gateway::start(&ring(&first)).await;
    Agent::modern(&gateway).call("get", "{}").await;
    gateway.terminate().await;
    let gateway = gateway.restart().await;
    gateway.rewrite(&ring(&format!("{second}, {first}")));
    gateway.stderr().wait("configuration loaded").await;
    Agent::modern(&gateway).call("get", "{}").await;
    let mut gateway = gateway;
    gateway.terminate().await;
    assert_eq!(signers(&gateway), ["k1", "k2"]);
    let copy = gateway.place.folder.join("elsewhere.jsonl");
    std::fs::write(&copy, receiver.text()).unwrap();
    let copy = ["--checkpoints", copy.to_str().unwrap()];
    for more in [&[][..], &copy] {
        assert_eq!(found(&verify(&gateway, more)), (true, vec![]));
    }
    // Without the old key the new one proves nothing of what the old one sealed.
    gateway.rewrite(&ring(&second));
    let (whole, bad) = found(&verify(&gateway, &[]));
    assert!(
        !whole && bad.iter().any(|(log, _)| log == "checkpoints"),
        "{bad:?}"
    );
    std::fs::remove_dir_all(&place.folder).unwrap();
}
