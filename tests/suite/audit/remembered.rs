//! Who was known before a flood began at the same address goes on being served, though the token must be looked at anew.

use crate::identity::{EVERYTHING, allow};
use tests::setup::registered;
use tests::{Agent, Gateway, Issuer, Setup, Upstream, eventually};

#[tokio::test]
async fn a_reload_in_a_flood_locks_nobody_out() {
    let (upstream, issuer) = (Upstream::saying("ok").await, Issuer::start().await);
    let setup = Setup::new(&upstream.url())
        .without_local()
        .rules(&allow("all", "**"))
        .audit("refusals = 1")
        .tail(&issuer.identity("corp", ""))
        .tail(&registered("worker", "\"corp:worker\"", EVERYTHING));
    let gateway = Gateway::start(&setup).await;
    let audience = format!("http://{}/servers/up/mcp", gateway.address());
    let known = Agent::modern(&gateway).bearer(&issuer.token("worker", &audience));
    assert_eq!(known.call("echo", "{}").await.said(), "ok");
    gateway.rewrite(
        &setup
            .clone()
            .tail("\n# another file\n")
            .rules(&allow("anew", "**")),
    );
    eventually("the new file is in force", || {
        gateway.stderr().text().contains("loaded")
    })
    .await;
    let stranger = Agent::modern(&gateway).bearer("no token at all");
    // A token of the same agent that was never seen is not heard out in a flood; the one that was is.
    let mut flooded = false;
    for _ in 0..20 {
        while stranger.call("echo", "{}").await.status() != 429 {}
        let mut claims = issuer.claims("worker", &audience);
        claims["jti"] = "fresh".into();
        let fresh = Agent::modern(&gateway).bearer(&issuer.sign(&claims));
        flooded |= fresh.call("echo", "{}").await.status() == 429;
        if flooded {
            break;
        }
    }
    assert!(flooded, "no flood");
    assert_eq!(known.call("echo", "{}").await.said(), "ok");
}
