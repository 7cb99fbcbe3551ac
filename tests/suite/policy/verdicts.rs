//! Ask, shadow, groups, hours and users: what else a rule can say, and of whom.

use super::{listed, rule, told};
use tests::{Agent, Gateway, Setup, Upstream};

const DAYS: [&str; 7] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];

/// Until people can be asked, what a rule asks about is refused with its message, and `check` says so.
#[tokio::test]
async fn what_a_person_must_approve_is_refused() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule("all", "tools = [\"up/*\"]\nallow = true")
        + &rule(
            "large",
            "tools = [\"up/echo\"]\nargs.amount = { min = 500 }\nask = { approvers = [\"leads\"], within = \"15m\" }\nmessage = \"large sums need a person\"",
        )
        + &rule(
            "quiet",
            "tools = [\"up/slow\"]\nask = { approvers = \"leads\" }",
        );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(listed(&agent).await, ["echo", "slow", "secret", "mirrored"]);
    assert_eq!(
        agent.call("echo", r#"{"amount":499.99}"#).await.said(),
        "yes"
    );
    upstream.forget();
    for amount in [r#"{"amount":500}"#, r#"{"amount":"499"}"#, "{}"] {
        let answer = agent.call("echo", amount).await;
        assert_eq!(told(&answer), "large sums need a person", "{amount}");
    }
    assert!(told(&agent.call("slow", "{}").await).contains("a person would have to approve"));
    assert!(upstream.received().is_empty());
}

/// A rule in shadow is counted and told beside what is done, and changes nothing.
#[tokio::test]
async fn a_shadow_changes_nothing() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule("some", "tools = [\"up/echo\", \"up/slow\"]\nallow = true")
        + &rule(
            "soon",
            "tools = [\"up/slow\"]\nmode = \"shadow\"\ndeny = \"not any more\"",
        )
        + &rule(
            "perhaps",
            "tools = [\"up/secret\"]\nmode = \"shadow\"\nallow = true",
        );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(listed(&agent).await, ["echo", "slow"]);
    assert_eq!(agent.call("echo", "{}").await.said(), "yes");
    assert_eq!(agent.call("slow", "{}").await.said(), "yes");
    assert_eq!(agent.call("secret", "{}").await.code(), Some(-32602));
    assert_eq!(upstream.with_method("tools/call").len(), 2);
    for (would, many) in [("same", 1.0), ("refuse", 1.0), ("allow", 1.0), ("ask", 0.0)] {
        let name = format!("hopgate_shadow_total{{would=\"{would}\"}}");
        assert_eq!(gateway.metric(&name).await, many, "{would}");
    }
    let said = gateway.stderr();
    said.wait("would=\"refuse\" shadow=\"soon\"").await;
    said.wait("would=\"allow\" shadow=\"perhaps\"").await;
}

/// Groups stand for what they hold, in rules and envelopes; agents can be named by pattern.
#[tokio::test]
async fn groups_and_patterns_name_many() {
    let upstream = Upstream::saying("yes").await;
    let groups = "\n[groups.readers]\ntools = [\"up/echo\", \"@slow\"]\n[groups.slow]\ntools = [\"up/slow\"]\n[groups.staff]\nagents = [\"test*\"]\n";
    let rules = rule(
        "readers",
        "agents = [\"@staff\"]\ntools = [\"@readers\"]\nallow = true",
    ) + &rule(
        "nobody's",
        "agents = [\"other-*\"]\ntools = [\"up/*\"]\nallow = true",
    );
    let setup = Setup::new(&upstream.url()).rules(&rules).tail(groups);
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(listed(&agent).await, ["echo", "slow"]);
    assert_eq!(agent.call("slow", "{}").await.said(), "yes");
    assert_eq!(agent.call("secret", "{}").await.code(), Some(-32602));
}

/// The hour is the call's, not the list's.
#[tokio::test]
async fn a_rule_has_its_days() {
    let upstream = Upstream::saying("yes").await;
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let day = |ahead: u64| DAYS[usize::try_from((seconds / 86_400 + ahead) % 7).unwrap()];
    // Today and tomorrow, should the day end while this runs; and two days that are far from both.
    let (today, later) = (
        format!("[\"{}\", \"{}\"]", day(0), day(1)),
        format!("[\"{}\", \"{}\"]", day(3), day(4)),
    );
    let rules = rule(
        "now",
        &format!("tools = [\"up/echo\"]\nduring = {{ days = {today} }}\nallow = true"),
    ) + &rule(
        "later",
        &format!(
            "tools = [\"up/slow\"]\nduring = {{ days = {later}, zone = \"UTC\" }}\nallow = true\nmessage = \"not today\""
        ),
    ) + &rule("secret", "tools = [\"up/secret\"]\nallow = true")
        + &rule(
            "closed",
            &format!("tools = [\"up/secret\"]\nduring = {{ days = {today} }}\ndeny = \"closed\""),
        );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(listed(&agent).await, ["echo", "slow", "secret"]);
    assert_eq!(agent.call("echo", "{}").await.said(), "yes");
    assert_eq!(told(&agent.call("slow", "{}").await), "not today");
    assert_eq!(told(&agent.call("secret", "{}").await), "closed");
}

/// A method no revision knows passes where the operator has classified it and rules allow it, and nowhere else.
#[tokio::test]
async fn a_method_of_nobodys_is_the_operators() {
    let upstream = Upstream::saying("yes").await;
    let keys = "[servers.up.methods]\n\"acme/*\" = { effect = \"read\" }\n\"acme/drop\" = { effect = \"destroy\" }\n";
    let rules = rule("tools", "tools = [\"up/*\"]\nallow = true")
        + &rule(
            "own",
            "tools = [\"up/method:acme/*\"]\neffects = [\"read\"]\nallow = true",
        );
    let setup = Setup::empty()
        .server_with("up", &upstream.url(), keys)
        .server_with(
            "far",
            &upstream.url(),
            &keys.replace("servers.up", "servers.far"),
        )
        .rules(&rules);
    let gateway = Gateway::start(&setup).await;
    for era in [tests::Era::Legacy, tests::Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        upstream.forget();
        for (method, code) in [
            ("acme/look", None),
            ("acme/drop", Some(-32601)),
            ("other/look", Some(-32601)),
            ("acme/a/b", Some(-32601)),
        ] {
            let answer = agent.request(method, r#"{"x":1}"#).await;
            assert_eq!(answer.code(), code, "{era:?} {method}: {answer:?}");
        }
        let received = upstream.with_method("acme/look");
        assert_eq!(upstream.received().len(), received.len());
        assert_eq!(received.len(), 1);
        if era == tests::Era::Modern {
            assert_eq!(received[0].head.get("mcp-method"), Some("acme/look"));
        }
    }
    // Where the agent reaches nothing, nothing is known.
    let far = Agent::new(gateway.address(), "/servers/far/mcp", tests::Era::Modern);
    for method in ["acme/look", "other/look", "tools/list"] {
        let answer = far.request(method, "{}").await;
        assert_eq!(
            (answer.status(), answer.code()),
            (404, Some(-31404)),
            "{method}"
        );
    }
    let nowhere = Agent::new(
        gateway.address(),
        "/servers/nowhere/mcp",
        tests::Era::Modern,
    );
    for method in ["acme/look", "other/look"] {
        let note = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
        let (far, nowhere) = (far.post(&note).await, nowhere.post(&note).await);
        assert_eq!(
            (far.status(), far.text()),
            (404, nowhere.text()),
            "{method}"
        );
    }
}
