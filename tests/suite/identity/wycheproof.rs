//! Every invalid token of the Wycheproof vectors, sent to the real binary: none opens anything. The vectors are not
//! part of this source: `WYCHEPROOF=<folder of json_web_*_test.json>` names them.

use super::World;
use serde_json::Value;
use std::path::PathBuf;
use tests::Agent;

#[tokio::test]
#[ignore = "needs the Wycheproof vectors"]
async fn no_invalid_token_of_wycheproof_passes() {
    let world = World::start().await;
    world.upstream.forget();
    let folder = PathBuf::from(std::env::var_os("WYCHEPROOF").unwrap());
    let mut sent = 0;
    for file in [
        "json_web_signature_test.json",
        "json_web_key_test.json",
        "json_web_crypto_test.json",
    ] {
        let text = std::fs::read(folder.join(file)).unwrap();
        let document: Value = serde_json::from_slice(&text).unwrap();
        let groups = document["testGroups"].as_array().unwrap();
        for test in groups
            .iter()
            .flat_map(|group| group["tests"].as_array().unwrap())
        {
            let token = test["jws"].as_str().or(test["jwe"].as_str());
            // What holds a line break cannot stand in a header at all.
            let Some(token) = token.filter(|token| !token.contains(['\r', '\n', '\0'])) else {
                continue;
            };
            if test["result"] == "valid" {
                continue;
            }
            let agent = Agent::modern(&world.gateway).bearer(token);
            let answer = agent.call("echo", "{}").await;
            assert!(matches!(answer.status(), 400 | 401), "{test}: {answer:?}");
            sent += 1;
        }
    }
    assert!(sent > 400, "{sent}");
    assert!(world.upstream.received().is_empty());
    let good = world.issuer.sign(&world.claims("worker"));
    let agent = Agent::modern(&world.gateway).bearer(&good);
    assert_eq!(
        agent.call("echo", "{}").await.said(),
        "ok",
        "the door still opens"
    );
}
