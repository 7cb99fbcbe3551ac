//! Checkpoints on another host: they arrive in order, whatever the receiver does meanwhile, and tell on an insider who
//! cuts records and checkpoints back together.

use super::{Receiver, found, lines, of_kind, verify};
use std::path::{Path, PathBuf};
use tests::{Agent, Gateway, Setup, Upstream};

/// The one segment of a log.
fn segment(gateway: &Gateway, log: &str) -> PathBuf {
    let folder = gateway.place.folder.join("data/audit").join(log);
    folder.join("00000001.jsonl")
}

/// Cuts a file back to so many of its lines.
fn cut(file: &Path, keep: usize) {
    let text = std::fs::read_to_string(file).unwrap();
    let kept: String = text.split_inclusive('\n').take(keep).collect();
    assert!(kept.len() < text.len());
    std::fs::write(file, kept).unwrap();
}

/// The insider has everything but the other host: the local proof is fooled, the copy is not.
#[tokio::test]
async fn an_insider_who_cuts_everything_back_is_found() {
    let (upstream, receiver) = (Upstream::saying("ok").await, Receiver::start().await);
    let setup = Setup::new(&upstream.url()).audit(&receiver.key(""));
    let mut gateway = Gateway::start(&setup).await;
    Agent::modern(&gateway).call("get", "{}").await;
    gateway.terminate().await;
    let logs = ["calls", "decisions", "secrets", "checkpoints"];
    let then: Vec<usize> = logs
        .iter()
        .map(|log| lines(&gateway.place, log).len())
        .collect();
    let mut gateway = gateway.restart().await;
    for _ in 0..3 {
        Agent::modern(&gateway).call("refund", "{}").await;
    }
    gateway.terminate().await;
    let copy = gateway.place.folder.join("elsewhere.jsonl");
    // What was sent twice may be there twice.
    std::fs::write(&copy, receiver.text().repeat(2)).unwrap();
    let copy = ["--checkpoints", copy.to_str().unwrap()];
    // Byte by byte what stands here; the first line of the file begins it and is no checkpoint.
    let own = lines(&gateway.place, "checkpoints");
    assert_eq!(receiver.text(), own[1..].join("\n") + "\n");
    for more in [&[][..], &copy] {
        assert_eq!(found(&verify(&gateway, more)), (true, vec![]));
    }
    // Three refunds never happened.
    for (log, then) in logs.iter().zip(then) {
        if lines(&gateway.place, log).len() > then {
            cut(&segment(&gateway, log), then);
        }
    }
    let fooled = verify(&gateway, &[]);
    assert_eq!(found(&fooled), (true, vec![]));
    let told = verify(&gateway, &copy);
    assert_eq!(told.status.code(), Some(1));
    let (whole, bad) = found(&told);
    let truncated = |log: &str| bad.contains(&(log.to_owned(), "truncated".to_owned()));
    assert!(
        !whole && truncated("calls") && truncated("decisions"),
        "{bad:?}"
    );
    assert!(
        bad.iter().any(|(log, _)| log == "checkpoints"),
        "the copy has more of them: {bad:?}"
    );
}

/// A receiver that refuses, is away and comes back gets every checkpoint, in order; no call waits for it.
#[tokio::test]
async fn what_could_not_be_sent_is_sent_later() {
    let (upstream, receiver) = (Upstream::saying("ok").await, Receiver::start().await);
    receiver.answer(500);
    let place = tests::setup::Place::free();
    let key = place.folder.join("key");
    std::fs::write(&key, "Bearer canary-1\n").unwrap();
    let headers = format!(
        ", headers = {{ authorization = {{ file = \"{}\" }} }}",
        key.display()
    );
    let setup = Setup::new(&upstream.url()).audit(&receiver.key(&headers));
    let mut gateway = Gateway::start(&setup).await;
    // Five hundred calls leave more than a thousand records.
    let agent = Agent::modern(&gateway);
    for _ in 0..800 {
        assert_eq!(agent.call("get", "{}").await.said(), "ok");
    }
    gateway.stderr().wait("checkpoints do not reach").await;
    assert!(receiver.text().is_empty());
    assert!(gateway.metric("hopgate_audit_checkpoints_waiting").await >= 2.0);
    // A rotated secret is followed.
    std::fs::write(&key, "Bearer canary-2\n").unwrap();
    receiver.answer(200);
    gateway.stderr().wait("checkpoints reach").await;
    tests::eventually("all are sent", || receiver.text().lines().count() >= 2).await;
    gateway.terminate().await;
    let own = lines(&gateway.place, "checkpoints");
    assert_eq!(receiver.text(), own[1..].join("\n") + "\n");
    let received = receiver.upstream.received();
    let (first, last) = (received.first().unwrap(), received.last().unwrap());
    assert_eq!(first.head.get("authorization"), Some("Bearer canary-1"));
    assert_eq!(last.head.get("authorization"), Some("Bearer canary-2"));
    assert_eq!(last.head.get("content-type"), Some("application/json"));
    assert_eq!(last.verb(), "POST");
    assert!(!gateway.stderr().text().contains("canary"));
    std::fs::remove_dir_all(&place.folder).unwrap();
}

/// A receiver that is never there holds up neither calls nor the end, and the end says what it does not have.
#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody() {
    let upstream = Upstream::saying("ok").await;
    let hanging = Upstream::start(|_, wire| async move {
        let _wire = wire;
        std::future::pending().await
    })
    .await;
    let key = format!("checkpoints = {{ url = \"{}\" }}", hanging.url());
    let mut gateway = Gateway::start(&Setup::new(&upstream.url()).audit(&key)).await;
    assert_eq!(Agent::modern(&gateway).call("get", "{}").await.said(), "ok");
    assert!(gateway.terminate().await.success());
    let stderr = gateway.stderr().text();
    assert!(
        stderr.contains("the last checkpoints were not sent"),
        "{stderr}"
    );
    assert_eq!(of_kind(&gateway.place, "calls", "outcome").len(), 1);
    assert_eq!(found(&verify(&gateway, &[])), (true, vec![]));
}

/// What cannot be followed is said by `check`, and a change asks for a restart.
#[tokio::test]
async fn a_change_needs_a_restart() {
    let (upstream, receiver) = (Upstream::saying("ok").await, Receiver::start().await);
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup.clone().audit(&receiver.key(""))).await;
    gateway.rewrite(&setup.clone().audit(&receiver.key(", timeout = \"1s\"")));
    gateway
        .stderr()
        .wait("a change of `audit.checkpoints` needs a restart")
        .await;
    let literal = ", headers = { authorization = \"Bearer x\" }";
    gateway.rewrite(&setup.audit(&receiver.key(literal)));
    let checked = tests::gateway::run(&gateway.place.folder, &["check"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        !checked.status.success() && said.contains("authorization"),
        "{said}"
    );
}
