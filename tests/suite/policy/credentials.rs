//! With what calls go out, as far as rules say it: what they cannot agree on, and what no scope can be made of.

use super::{listed, rule, told};
use tests::{Agent, Gateway, Setup, Upstream};

#[tokio::test]
async fn what_no_credential_can_be_asked_for_is_not_sent() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule(
        "one",
        "tools = [\"up/echo\"]\nallow = true\nscope = [\"contents\", \"repo:{args.repo}\"]",
    ) + &rule(
        "two",
        "tools = [\"up/slow\"]\nallow = true\nscope = \"contents\"",
    ) + &rule(
        "three",
        "tools = [\"up/slow\"]\nallow = true\nscope = \"issues\"",
    );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(listed(&agent).await, ["echo", "slow"]);
    let answer = agent.call("echo", r#"{"repo":"acme/ledger"}"#).await;
    assert_eq!(answer.said(), "yes");
    upstream.forget();
    for repo in [
        r#""acme/ledger:admin""#,
        r#""acme/../x""#,
        r#""x\r\ny""#,
        "null",
    ] {
        let said = told(&agent.call("echo", &format!(r#"{{"repo":{repo}}}"#)).await);
        assert_eq!(
            said, "no credential can be asked for with this `args.repo`",
            "{repo}"
        );
    }
    let said = told(&agent.call("slow", "{}").await);
    assert_eq!(said, "the gateway's policy is contradictory here");
    assert!(upstream.received().is_empty());
}
