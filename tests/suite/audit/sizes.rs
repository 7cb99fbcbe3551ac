//! What one record may hold of what callers choose: nobody fills the disk with long names, or steers a reader's terminal.

use super::{id, outcomes};
use tests::records::text;
use tests::setup::allow;
use tests::{Agent, Gateway, Setup, Upstream};

#[tokio::test]
async fn a_long_name_is_cut_and_said_to_be() {
    let upstream = Upstream::saying("ok").await;
    let rules = allow("what is long", "up/resource:**");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::legacy(&gateway).await;
    let long = "n".repeat(600_000);
    let refused = agent.open_call(&long, "{}").await;
    let refused = (id(&refused.head), refused.whole().await);
    let uri = format!("file:///{}", "x".repeat(100_000));
    let params = format!(r#"{{"uri":"{uri}"}}"#);
    let read = agent.open("resources/read", &params).await;
    let read = (id(&read.head), read.whole().await);
    let records = outcomes(&gateway, 4).await;
    let outcome = records.outcome(&refused.0);
    assert!(
        text(outcome, "reason").starts_with("no rule lets"),
        "{outcome}"
    );
    assert_eq!(text(outcome, "target"), &long[..2_048]);
    assert_eq!(outcome["target_bytes"], 600_000);
    assert!(text(outcome, "reason").len() <= 1_024);
    let intent = records.who(&read.0);
    assert_eq!(text(intent, "target"), &uri[..2_048]);
    assert_eq!(intent["target_bytes"], uri.len());
    // The server got all of it.
    let got = upstream.with_method("resources/read");
    assert!(got[0].text().contains(&uri));
    let said: usize = gateway.stderr().text().len();
    assert!(said < 100_000, "the log holds {said} bytes");
}

#[tokio::test]
async fn arguments_steer_no_terminal() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url()).audit("arguments = \"full\"");
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let arguments = "{\"text\":\n \"\u{9b}31m\u{7f}\u{85}ä\"}";
    assert_eq!(agent.call("echo", arguments).await.said(), "ok");
    let got = upstream.with_method("tools/call");
    assert!(got[0].text().contains(arguments), "byte for byte");
    let records = outcomes(&gateway, 1).await;
    let kept = &records.kind("calls", "intent")[0]["arguments"]["full"];
    assert_eq!(kept["text"], "\u{9b}31m\u{7f}\u{85}ä");
    let file = tests::records::folder(&gateway.place).join("calls/00000001.jsonl");
    let file = std::fs::read_to_string(file).expect("calls");
    let steers = |letter: char| letter.is_control() && letter != '\n';
    assert!(!file.contains(steers));
}
