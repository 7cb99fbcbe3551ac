//! Killed at every step of a lease's life: nothing is good afterwards but what is listed as out of reach.

use super::{armed, leases, telling};
use tests::authority::Authority;
use tests::{Agent, Gateway};

/// The names of all steps, as the binary itself tells them.
fn steps() -> Vec<String> {
    let folder = super::folder();
    std::fs::write(folder.join("hopgate.toml"), "[gateway]\n").unwrap();
    let output = std::process::Command::new(tests::gateway::binary())
        .arg("serve")
        .current_dir(&folder)
        .env("HOPGATE_FAILPOINT", "nowhere")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    let (_, names) = said.split_once("is none of: ").expect("names");
    names.split_whitespace().map(str::to_owned).collect()
}

/// A gateway that ends at this step, and is started again without it.
async fn killed_at(step: &str) {
    let (upstream, authority) = (telling().await, Authority::start().await);
    let setup = armed(
        &upstream.url(),
        &authority.credential("per = \"call\"\noutstanding = 5"),
    )
    .variable("AUTHORITY_SECRET", "canary-of-the-client-0001")
    .variable("HOPGATE_FAILPOINT", step);
    let mut gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let call = tokio::spawn(async move { agent.call("note", "{}").await });
    assert!(!gateway.ended().await.success(), "{step} is never reached");
    call.abort();
    let given = authority.given().len();
    gateway
        .place
        .variables
        .retain(|(name, _)| name != "HOPGATE_FAILPOINT");
    let gateway = gateway.restart().await;
    let good = authority.good().len();
    let lost = leases(&gateway)
        .iter()
        .filter(|(event, _)| event == "irrevocable")
        .count();
    // An OAuth server cannot be asked what it has given: what it was about to give when the gateway ended is listed.
    let unknown = usize::from(matches!(step, "intended" | "minted"));
    assert_eq!(lost, unknown, "{step}");
    assert_eq!(good, usize::from(step == "minted"), "{step}: {given} given");
    // And it serves again.
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.said(),
        "done"
    );
}

#[tokio::test]
async fn a_gateway_that_is_killed_at_any_step() {
    let steps = steps();
    assert!(steps.len() >= 8, "{steps:?}");
    for step in &steps {
        println!("{step}");
        killed_at(step).await;
    }
}
