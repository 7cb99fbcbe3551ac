//! How long a lease lives: the least of all that bounds it; and whose proof it was got with.

use super::{armed, leases, telling};
use crate::identity::{EVERYTHING, allow};
use serde_json::json;
use tests::authority::Authority;
use tests::setup::registered;
use tests::{Agent, Era, Gateway, Issuer, Setup, Upstream};

fn secret(setup: Setup) -> Setup {
    setup.variable("AUTHORITY_SECRET", "canary-of-the-client-0001")
}

/// When the first lease of a gateway ends.
fn until(gateway: &Gateway) -> u64 {
    let mut lines = leases(gateway).into_iter();
    let minted = lines.find(|(event, _)| event == "minted").expect("a lease");
    minted.1["until"].as_u64().expect("seconds")
}

/// Calls once, and sees that the lease lives so many seconds.
async fn lives(setup: Setup, most: u64) {
    let gateway = Gateway::start(&secret(setup)).await;
    let before = tests::issuer::now();
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.said(),
        "done"
    );
    let after = tests::issuer::now();
    let until = until(&gateway);
    // Whole seconds are counted at either end.
    assert!(
        (before + most - 2..=after + most).contains(&until),
        "{most}: {until}, called at {before}"
    );
}

#[tokio::test]
async fn the_least_of_credential_issuer_task_rule_and_envelope() {
    let (upstream, authority) = (telling().await, Authority::start().await);
    let with = |keys: &str| armed(&upstream.url(), &authority.credential(keys));
    lives(with("ttl = \"90s\""), 90).await;
    lives(
        with("ttl = \"1h\"").gateway("[gateway.deadlines]\ntask = \"40s\""),
        40,
    )
    .await;
    let rule = allow("all", "**") + "credential_ttl = \"50s\"\n";
    lives(with("").rules(&rule), 50).await;
    let envelope = format!("{EVERYTHING}, credential_ttl = \"55s\"");
    let agent = registered("bounded", "\"local\"", &envelope);
    lives(
        with("")
            .without_local()
            .rules(&allow("all", "**"))
            .tail(&agent)
            .tail("\n[identities.local]\nkind = \"local\"\n"),
        55,
    )
    .await;
    authority.live(70);
    lives(with("ttl = \"1h\""), 70).await;
}

/// A gateway that believes an issuer, and its agent with a token of these claims beside the usual ones.
async fn believing(upstream: &Upstream, issuer: &Issuer, tables: &str) -> Gateway {
    let setup = armed(&upstream.url(), tables)
        .without_local()
        .rules(&allow("all", "up/**"))
        .tail(&issuer.identity("corp", ""))
        .tail(&registered("worker", "\"corp:worker\"", EVERYTHING));
    Gateway::start(&secret(setup)).await
}

fn bearer(gateway: &Gateway, issuer: &Issuer, more: serde_json::Value) -> Agent {
    let audience = format!("http://{}/servers/up/mcp", gateway.address());
    let mut claims = issuer.claims("worker", &audience);
    let members = claims.as_object_mut().expect("object");
    members.extend(more.as_object().expect("object").clone());
    let agent = Agent::new(gateway.address(), "/servers/up/mcp", Era::Modern);
    agent.bearer(&issuer.sign(&claims))
}

#[tokio::test]
async fn no_longer_than_the_proof_of_its_caller() {
    let (upstream, authority, issuer) = (
        telling().await,
        Authority::start().await,
        Issuer::start().await,
    );
    let gateway = believing(&upstream, &issuer, &authority.credential("ttl = \"1h\"")).await;
    let end = tests::issuer::now() + 120;
    let agent = bearer(&gateway, &issuer, json!({ "exp": end }));
    assert_eq!(agent.call("note", "{}").await.said(), "done");
    let until = until(&gateway);
    assert!((end - 2..=end).contains(&until), "{until} instead of {end}");
}

#[tokio::test]
async fn what_was_got_for_one_proof_is_not_used_with_another() {
    let (upstream, authority, issuer) = (
        telling().await,
        Authority::start().await,
        Issuer::start().await,
    );
    for (kind, tokens) in [("exchange", 2), ("oauth", 1)] {
        let tables = authority
            .credential("")
            .replace("\"oauth\"", &format!("\"{kind}\""));
        let gateway = believing(&upstream, &issuer, &tables).await;
        let before = authority.given().len();
        let [wide, narrow] = ["admin read", "read"]
            .map(|scope| bearer(&gateway, &issuer, json!({ "scope": scope })));
        for agent in [&wide, &narrow, &wide, &narrow] {
            assert_eq!(agent.call("note", "{}").await.said(), "done");
        }
        assert_eq!(authority.given().len() - before, tokens, "{kind}");
    }
}
