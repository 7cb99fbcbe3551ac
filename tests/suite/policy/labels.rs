//! What a task has touched decides what it may still do; what nobody has classified destroys.

use super::{listed, rule, told};
use crate::identity::{keys, known};
use tests::setup::registered;
use tests::{Gateway, Setup, Upstream};

const CLASSES: &str = "[servers.up.tools]\n\"echo\" = { effect = \"read\", label = \"confidential\" }\n\
    \"slow\" = { effect = \"read\", untrusted = true }\n\"secret\" = { effect = \"write\" }\n";

const CLEARED: &str = "tools = [\"**\"], clearance = \"restricted\"";

/// A server of the house and one outside; two agents who may do everything, but send nothing confidential out.
async fn world() -> (Upstream, Gateway) {
    let upstream = Upstream::saying("yes").await;
    let rules = rule("all", "allow = true")
        + &rule(
            "nothing leaves",
            "after = { label = \"confidential\" }\negress = \"external\"\ndeny = \"confidential data may not leave\"",
        )
        + &rule(
            "no orders from strangers",
            "tools = [\"up/secret\"]\nafter = { untrusted = true }\ndeny = \"somebody else may have said so\"",
        );
    let setup = Setup::empty()
        .without_local()
        .server_with(
            "up",
            &upstream.url(),
            &format!("egress = \"internal\"\n{CLASSES}"),
        )
        .server_with(
            "out",
            &upstream.url(),
            "[servers.out.tools]\n\"**\" = { effect = \"write\" }\n",
        )
        .rules(&rules)
        .tail(&keys(&["ann", "bob"]))
        .tail(&registered("ann", "\"keys:ann\"", CLEARED))
        .tail(&registered("bob", "\"keys:bob\"", CLEARED));
    (upstream, Gateway::start(&setup).await)
}

#[tokio::test]
async fn what_a_task_has_read_stays_in_the_house() {
    let (upstream, gateway) = world().await;
    let (ann, out) = (known(&gateway, "up", "ann"), known(&gateway, "out", "ann"));
    assert_eq!(out.call("echo", "{}").await.said(), "yes");
    assert_eq!(ann.call("secret", "{}").await.said(), "yes");
    assert_eq!(ann.call("echo", "{}").await.said(), "yes");
    upstream.forget();
    let refused = "confidential data may not leave";
    assert_eq!(told(&out.call("echo", "{}").await), refused);
    assert!(upstream.received().is_empty());
    // What lists show depends on who asks, never on what was called before.
    assert_eq!(listed(&out).await.len(), 4);
    // Inside, work goes on; and another's task is another's.
    assert_eq!(ann.call("echo", "{}").await.said(), "yes");
    let other = known(&gateway, "out", "bob");
    assert_eq!(other.call("echo", "{}").await.said(), "yes");
    // A process that was killed has forgotten nothing.
    gateway.signal("KILL");
    let mut gateway = gateway;
    gateway.ended().await;
    let gateway = gateway.restart().await;
    let out = known(&gateway, "out", "ann");
    assert_eq!(told(&out.call("echo", "{}").await), refused);
    assert_eq!(
        known(&gateway, "out", "bob")
            .call("echo", "{}")
            .await
            .said(),
        "yes"
    );
}

#[tokio::test]
async fn what_anybody_may_have_written_gives_no_orders() {
    let (_upstream, gateway) = world().await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(ann.call("secret", "{}").await.said(), "yes");
    assert_eq!(ann.call("slow", "{}").await.said(), "yes");
    let answer = ann.call("secret", "{}").await;
    assert_eq!(told(&answer), "somebody else may have said so");
    assert_eq!(
        known(&gateway, "up", "bob")
            .call("secret", "{}")
            .await
            .said(),
        "yes"
    );
}

/// An envelope holds what reads, and data that everybody here may have, unless it says more.
#[tokio::test]
async fn an_envelope_is_narrow_unless_it_says_more() {
    let upstream = Upstream::saying("yes").await;
    let reads = "effects = [\"read\"]";
    let setup = |envelope: &str| {
        Setup::empty()
            .without_local()
            .server_with("up", &upstream.url(), CLASSES)
            .server("bare", &upstream.url())
            .rules(&rule("all", "allow = true"))
            .tail(&keys(&["ann"]))
            .tail(&registered("ann", "\"keys:ann\"", envelope))
    };
    for (envelope, expected) in [
        (
            format!("tools = [\"up/*\", \"bare/*\"], {reads}"),
            &["slow"][..],
        ),
        (
            format!("tools = [\"up/*\", \"bare/*\"], {reads}, clearance = \"confidential\""),
            &["echo", "slow"],
        ),
        (
            "tools = [\"up/*\", \"bare/*\"], effects = [\"write\"]".to_owned(),
            &["secret"],
        ),
        (
            "tools = [\"up/*\", \"bare/*\"], effects = [\"destroy\"]".to_owned(),
            &["mirrored"],
        ),
    ] {
        let gateway = Gateway::start(&setup(&envelope)).await;
        let ann = known(&gateway, "up", "ann");
        assert_eq!(listed(&ann).await, expected, "{envelope}");
        for tool in ["echo", "slow", "secret", "mirrored"] {
            let answer = ann.call(tool, "{}").await;
            let callable = expected.contains(&tool);
            assert_eq!(answer.code().is_none(), callable, "{envelope}: {tool}");
        }
        // Where nobody has classified anything, everything destroys: there is no such server for who only reads.
        let bare = known(&gateway, "bare", "ann")
            .request("tools/list", "{}")
            .await;
        let expected = if envelope.contains("destroy") {
            200
        } else {
            404
        };
        assert_eq!(bare.status(), expected, "{envelope}");
    }
}
