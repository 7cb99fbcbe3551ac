//! Conditions of arguments: exact, total, and never a way around a deny.

use super::{listed, rule, told};
use tests::{Agent, Era, Gateway, Setup, Upstream};

/// An allow by arguments: what is missing or of another type satisfies nothing, and numbers are what is written.
#[tokio::test]
async fn an_allow_reads_the_arguments() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule(
        "small sums",
        "tools = [\"up/echo\"]\nargs.\"order.amount\" = { max = 100.1 }\nargs.to = { like = \"acme/*\" }\nallow = true\nmessage = \"at most 100.1, and to acme\"",
    );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        assert_eq!(listed(&agent).await, ["echo"]);
        for fine in [
            r#"{"order":{"amount":100.1},"to":"acme/x"}"#,
            r#"{"to":"acme/","order":{"amount":1.001e2,"x":[]}}"#,
            r#"{"order":{"amount":-1e999},"to":"\u0061cme/x"}"#,
        ] {
            assert_eq!(agent.call("echo", fine).await.said(), "yes", "{fine}");
        }
        upstream.forget();
        for wrong in [
            "{}",
            r#"{"order":{"amount":100.10000000000000000001},"to":"acme/x"}"#,
            r#"{"order":{"amount":"1"},"to":"acme/x"}"#,
            r#"{"order":{"amount":null},"to":"acme/x"}"#,
            r#"{"order":[{"amount":1}],"to":"acme/x"}"#,
            r#"{"order.amount":1,"to":"acme/x"}"#,
            r#"{"order":{"amount":1},"to":"acme/x/y"}"#,
            r#"{"order":{"amount":1},"to":["acme/x"]}"#,
            r#"{"order":{"amount":1}}"#,
            r#"{"order":{"amount":1},"to":"acme/x","To":"eve"}"#,
            r#"{"order":{"amount":1,"AMOUNT":1000},"to":"acme/x"}"#,
        ] {
            let answer = agent.call("echo", wrong).await;
            assert_eq!(told(&answer), "at most 100.1, and to acme", "{wrong}");
        }
        assert!(upstream.received().is_empty());
    }
}

/// A deny by arguments cannot be escaped by leaving them out, dressing them up or adding harmless ones.
#[tokio::test]
async fn a_deny_reads_the_arguments() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule("all", "tools = [\"up/*\"]\nallow = true")
        + &rule(
            "outside",
            "tools = [\"up/echo\"]\nargs.\"paths.*\" = { within = \"/etc\" }\ndeny = \"not there\"",
        )
        + &rule(
            "optional",
            "tools = [\"up/slow\"]\nargs.force = { is = true, present = true }\ndeny = \"not by force\"",
        );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(
        agent
            .call("echo", r#"{"paths":["/srv/a","/var"]}"#)
            .await
            .said(),
        "yes"
    );
    assert_eq!(agent.call("slow", "{}").await.said(), "yes");
    assert_eq!(agent.call("slow", r#"{"force":false}"#).await.said(), "yes");
    upstream.forget();
    for escape in [
        "{}",
        r#"{"paths":[]}"#,
        r#"{"paths":"/etc/passwd"}"#,
        r#"{"paths":["/etc/passwd"]}"#,
        r#"{"paths":["/srv/a","/etc/passwd"]}"#,
        r#"{"paths":["/srv/../etc/passwd"]}"#,
        r#"{"paths":["//etc/./passwd"]}"#,
        r#"{"paths":["etc/passwd"]}"#,
        r#"{"paths":[["/etc/passwd"]]}"#,
        r#"{"paths":["\u002fetc/passwd"]}"#,
    ] {
        let answer = agent.call("echo", escape).await;
        assert_eq!(told(&answer), "not there", "{escape}");
    }
    for escape in [
        r#"{"force":true}"#,
        r#"{"force":"true"}"#,
        r#"{"force":null}"#,
    ] {
        assert_eq!(told(&agent.call("slow", escape).await), "not by force");
    }
    assert!(upstream.received().is_empty());
}

/// Expressions say what the others cannot, and where one fails, an allow does not hold and a deny does.
#[tokio::test]
async fn an_expression_reads_the_call() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule(
        "balanced",
        "tools = [\"up/echo\"]\nwhen = \"call.args.debit == call.args.credit && agent.name == 'tester'\"\nallow = true\nmessage = \"debit and credit differ\"",
    ) + &rule(
        "by name",
        "when = \"call.kind == 'tool' && call.name.startsWith('s') && size(chain) == 0\"\nallow = true",
    ) + &rule(
        "never slow",
        "tools = [\"up/slow\"]\nwhen = \"call.args.wait > 10\"\ndeny = \"too slow\"",
    );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    // `mirrored` is nobody's: what an expression says without a call decides lists too.
    assert_eq!(listed(&agent).await, ["echo", "slow", "secret"]);
    assert_eq!(
        agent
            .call("echo", r#"{"debit":1,"credit":1.0}"#)
            .await
            .said(),
        "yes"
    );
    assert_eq!(agent.call("slow", r#"{"wait":1}"#).await.said(), "yes");
    for wrong in [r#"{"debit":1,"credit":2}"#, r#"{"debit":1}"#, "{}"] {
        let answer = agent.call("echo", wrong).await;
        assert_eq!(told(&answer), "debit and credit differ", "{wrong}");
    }
    for wrong in [r#"{"wait":11}"#, r#"{"wait":"1"}"#, "{}"] {
        assert_eq!(
            told(&agent.call("slow", wrong).await),
            "too slow",
            "{wrong}"
        );
    }
}

/// Prompts have arguments too.
#[tokio::test]
async fn prompts_are_read_as_tools_are() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule(
        "greet",
        "tools = [\"up/prompt:*\"]\nargs.who = { in = [\"ann\", \"bob\"] }\nallow = true",
    );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    let get = async |who: &str| {
        let params = format!(r#"{{"name":"greet","arguments":{{"who":"{who}"}}}}"#);
        agent.request("prompts/get", &params).await
    };
    assert_eq!(get("ann").await.code(), None);
    assert_eq!(get("eve").await.code(), Some(-31_403));
    assert_eq!(upstream.with_method("prompts/get").len(), 1);
}

/// Only what has arguments is judged by them: nobody buys a resource with arguments that no server reads.
#[tokio::test]
async fn what_has_no_arguments_brings_none() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule(
        "public",
        "tools = [\"up/**\"]\nargs.repo = { is = \"public\" }\nallow = true",
    );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(
        agent.call("echo", r#"{"repo":"public"}"#).await.said(),
        "yes"
    );
    upstream.forget();
    for params in [
        r#"{"uri":"x:/a"}"#,
        r#"{"uri":"x:/a","arguments":{"repo":"public"}}"#,
    ] {
        let answer = agent.request("resources/read", params).await;
        assert_eq!(answer.code(), Some(-31_403), "{params}");
    }
    assert!(upstream.received().is_empty());
}

/// A resource is refused under every way to write it.
#[tokio::test]
async fn a_resource_has_one_name() {
    let upstream = Upstream::saying("yes").await;
    let rules = rule("all", "tools = [\"up/resource:**\"]\nallow = true")
        + &rule(
            "secret",
            "tools = [\"up/resource:file:///secret/**\"]\ndeny = \"no\"",
        );
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    let agent = Agent::modern(&gateway);
    let read = async |uri: &str| {
        let params = format!(r#"{{"uri":"{uri}"}}"#);
        agent.request("resources/read", &params).await.code()
    };
    assert_eq!(read("file:///x/../open/a").await, None);
    upstream.forget();
    for uri in [
        "file:///secret/a",
        "file:///x/../secret/a",
        "file:///%73ecret/a",
        "FILE:///secret/a",
        "file://localhost/secret/a",
    ] {
        assert_eq!(read(uri).await, Some(-32602), "{uri}");
    }
    assert!(upstream.received().is_empty());
}
