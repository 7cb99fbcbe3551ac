//! Records whose files somebody takes away: that is noticed with the next checkpoint, and nothing happens unrecorded.

use tests::records::{folder, verify};
use tests::{Agent, Gateway, Setup, Upstream};

#[tokio::test]
async fn calls_are_refused_while_their_log_is_gone() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    let calls = folder(&gateway.place).join("calls");
    let aside = gateway.place.folder.join("aside");
    std::fs::rename(&calls, &aside).expect("moved");
    // A checkpoint comes after so many records at the latest.
    let mut statuses = Vec::new();
    for _ in 0..600 {
        statuses.push(agent.call("echo", "{}").await.status());
        if statuses.ends_with(&[503]) {
            break;
        }
    }
    assert_eq!(
        statuses.last(),
        Some(&503),
        "{} calls passed",
        statuses.len()
    );
    assert_eq!(agent.call("echo", "{}").await.status(), 503);
    let said = gateway.stderr().text();
    assert!(
        said.contains("calls/00000001.jsonl` was moved or removed"),
        "{said}"
    );
    std::fs::rename(&aside, &calls).expect("moved back");
    tests::eventually("records are written again", || {
        gateway
            .stderr()
            .text()
            .contains("records are written again")
    })
    .await;
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    let (whole, said) = verify(&gateway.place);
    assert!(whole, "nothing was lost: {said}");
}
