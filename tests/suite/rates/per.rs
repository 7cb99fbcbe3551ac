//! Whose calls are counted together, and which calls are.

use super::{SLOW, facts, limited, pair, passing, staff, until_passes};
use crate::identity::{allow, call_in, in_session, known, open_task, text};
use serde_json::json;
use tests::setup::{deny, registered};
use tests::{Agent, Era, Gateway, Issuer, Setup, Upstream};

#[tokio::test]
async fn per_agent_all_subjects_share() {
    let (gateway, _issuer, _upstream, [one, two]) = two_subjects("agent").await;
    assert_eq!(passing(&one, 2).await + passing(&two, 5).await, 3);
    drop(gateway);
}

#[tokio::test]
async fn per_subject_each_has_its_own_and_a_fresh_token_gains_nothing() {
    let (gateway, issuer, _upstream, [one, two]) = two_subjects("subject").await;
    assert_eq!((passing(&one, 5).await, passing(&two, 5).await), (3, 3));
    let audience = format!("http://{}/servers/up/mcp", gateway.address());
    for number in 0..5 {
        let mut claims = issuer.claims("one", &audience);
        claims["jti"] = format!("fresh-{number}").into();
        let again = Agent::modern(&gateway).bearer(&issuer.sign(&claims));
        assert_eq!(passing(&again, 1).await, 0);
    }
    assert_eq!(facts(&one.call("echo", "{}").await)["per"], "subject");
}

/// One agent, whose two subjects an issuer proves.
async fn two_subjects(per: &str) -> (Gateway, Issuer, Upstream, [Agent; 2]) {
    let issuer = Issuer::start().await;
    let upstream = Upstream::saying("ok").await;
    let limit = format!("{{ rate = \"{SLOW}\", per = \"{per}\" }}");
    let setup = Setup::new(&upstream.url())
        .without_local()
        .rules(&limited(&limit))
        .tail(&issuer.identity("corp", ""))
        .tail(&registered(
            "worker",
            "\"corp:one\", \"corp:two\"",
            "tools = [\"**\"]",
        ));
    let gateway = Gateway::start(&setup).await;
    let audience = format!("http://{}/servers/up/mcp", gateway.address());
    let agents = ["one", "two"]
        .map(|subject| Agent::modern(&gateway).bearer(&issuer.token(subject, &audience)));
    (gateway, issuer, upstream, agents)
}

#[tokio::test]
async fn per_subject_sessions_and_connections_gain_nothing() {
    // Of a rule: opening a session is no call of a tool.
    let limit = format!("{{ rate = \"{SLOW}\" }}");
    let (gateway, upstream) = pair(&limited(&limit), "").await;
    let mut passed = 0;
    for _ in 0..3 {
        let agent = in_session(&gateway, "ann").await;
        passed += passing(&agent, 2).await;
    }
    assert_eq!(passed, 3);
    assert_eq!(passing(&known(&gateway, "up", "bob"), 5).await, 3);
    assert_eq!(upstream.with_method("tools/call").len(), 6);
}

#[tokio::test]
async fn per_task_each_task_has_its_own() {
    let limit = format!("{{ rate = \"{SLOW}\", per = \"task\" }}");
    let (gateway, _upstream) = pair(&limited(&limit), "").await;
    let ann = known(&gateway, "up", "ann");
    for _ in 0..2 {
        let view = open_task(&ann, "").await;
        let task = json!(text(&view, "id")).to_string();
        for expected in [200, 200, 200, 429] {
            assert_eq!(call_in(&ann, &task).await.status(), expected);
        }
    }
    assert_eq!(passing(&ann, 5).await, 3);
}

#[tokio::test]
async fn per_tool_and_per_server_whoever_calls() {
    let upstream = Upstream::saying("ok").await;
    let tool = format!("{{ rate = \"{SLOW}\", per = \"tool\" }}");
    let server = "{ rate = \"7/d\", per = \"server\" }";
    let setup = Setup::empty()
        .server_with("up", &upstream.url(), &format!("limit = {server}"))
        .server("other", &upstream.url())
        .rules(&limited(&tool));
    let gateway = Gateway::start(&staff(setup, &[("ann", ""), ("bob", "")])).await;
    let [ann, bob] = ["ann", "bob"].map(|who| known(&gateway, "up", who));
    assert_eq!(passing(&ann, 2).await + passing(&bob, 5).await, 3);
    assert_eq!(facts(&ann.call("echo", "{}").await)["limit"], "rule");
    // Another tool of the server has its own, until the server has had enough.
    for tool in ["one", "one", "two", "two"] {
        assert_eq!(ann.call(tool, "{}").await.status(), 200);
    }
    let refused = facts(&bob.call("three", "{}").await);
    assert_eq!(
        (&refused["limit"], &refused["per"]),
        (&json!("server"), &json!("server"))
    );
    // A tool of the same name elsewhere is another one.
    assert_eq!(passing(&known(&gateway, "other", "ann"), 5).await, 3);
}

#[tokio::test]
async fn per_tool_a_resource_is_one_however_it_is_written() {
    let tool = format!("{{ rate = \"{SLOW}\", per = \"tool\" }}");
    let rule = format!("{}limit = {tool}\n", allow("all", "up/**"));
    let (gateway, _upstream) = pair(&rule, "").await;
    let ann = known(&gateway, "up", "ann");
    let mut passed = 0;
    for uri in [
        "file:///a",
        "file:///%61",
        "FILE:///a",
        "file:/a",
        "file://localhost/a",
        "file:///./a",
        "file:///a#x",
        "file:///a?",
    ] {
        let params = format!("{{\"uri\":\"{uri}\"}}");
        let answer = ann.request("resources/read", &params).await;
        passed += usize::from(answer.status() == 200);
    }
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn the_gateway_and_an_envelope_count_everything_a_rule_only_its_own() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url())
        .gateway("limit = { rate = \"10/d\", per = \"agent\" }")
        .rules(&(allow("all", "up/**") + &deny("not this", "up/secret", "no")));
    let envelope = ", limit = { rate = \"5/d\" }";
    let gateway = Gateway::start(&staff(setup, &[("ann", envelope), ("bob", "")])).await;
    // `initialize` and a list are calls as well, a notification too.
    let ann = in_session(&gateway, "ann").await;
    assert_eq!(ann.request("tools/list", "{}").await.status(), 200);
    assert_eq!(
        upstream.with_method("notifications/initialized").len(),
        1,
        "it went on"
    );
    assert_eq!(passing(&ann, 5).await, 2);
    assert_eq!(facts(&ann.request("ping", "{}").await)["limit"], "envelope");
    // What concerns another call, and the end of the session, always pass.
    let note = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(ann.post(note).await.status(), 202);
    assert!(ann.delete().await.status() < 300);
    let bob = known(&gateway, "up", "bob");
    assert_eq!(passing(&bob, 12).await, 10);
    assert_eq!(facts(&bob.call("echo", "{}").await)["limit"], "gateway");
}

/// What is refused by policy, by another limit, or by nobody's fault but the server's.
#[tokio::test]
async fn a_refused_call_burns_nothing_and_a_failed_one_its_cell() {
    let rules = format!(
        "{}limit = [{{ rate = \"4/d\", per = \"agent\" }}, {{ rate = \"1/d\", per = \"tool\" }}]\n{}",
        allow("all", "up/**"),
        deny("never", "up/echo", "no").replace("deny =", "args = { no = { is = true } }\ndeny =")
    );
    let (gateway, upstream) = pair(&rules, "").await;
    let ann = known(&gateway, "up", "ann");
    for _ in 0..10 {
        let denied = ann.call("echo", r#"{"no":true}"#).await;
        assert_eq!(denied.status(), 200, "{denied:?}");
    }
    assert_eq!(ann.call("one", "{}").await.status(), 200);
    // Refused by the limit of the tool: the other gives its cell back.
    for _ in 0..10 {
        assert_eq!(facts(&ann.call("one", "{}").await)["per"], "tool");
    }
    drop(upstream);
    for tool in ["two", "three", "four"] {
        assert_eq!(ann.call(tool, "{}").await.status(), 502);
    }
    assert_eq!(facts(&ann.call("five", "{}").await)["per"], "agent");
}

#[tokio::test]
async fn every_item_of_a_batch_counts() {
    let limit = format!("{{ rate = \"{SLOW}\" }}");
    let (gateway, upstream) = pair(&limited(&limit), "").await;
    let mut ann = known(&gateway, "up", "ann");
    ann.era = Era::Legacy;
    "2025-03-26".clone_into(&mut ann.revision);
    ann.initialize().await;
    let item = |id: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{}}}}}}"#
        )
    };
    let items: Vec<String> = (0..5).map(item).collect();
    let answer = ann.post(&format!("[{}]", items.join(","))).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let all = answer.json();
    let failed: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["result"]["isError"] == true)
        .collect();
    assert_eq!(failed.len(), 2, "{all}");
    for one in failed {
        let facts = &one["result"]["_meta"]["dev.hopgate/limit"];
        assert_eq!(
            (&facts["limit"], &facts["what"]),
            (&json!("rule"), &json!("rate")),
            "{one}"
        );
        assert!(facts["retry_after"].as_u64().unwrap() > 1_000);
    }
    assert_eq!(upstream.with_method("tools/call").len(), 3);
}

#[tokio::test]
async fn a_changed_limit_holds_at_once() {
    let upstream = Upstream::saying("ok").await;
    let with = |rate: &str| {
        let limit = format!("{{ rate = \"{rate}\" }}");
        let setup = Setup::new(&upstream.url()).rules(&limited(&limit));
        staff(setup, &[("ann", "")])
    };
    let gateway = Gateway::start(&with("1/d")).await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(passing(&ann, 3).await, 1);
    gateway.rewrite(&with("100/s"));
    until_passes(&ann).await;
    assert_eq!(passing(&ann, 20).await, 20);
    gateway.rewrite(&with("1/d"));
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while ann.call("echo", "{}").await.status() == 200 {
        assert!(tokio::time::Instant::now() < end, "never held again");
    }
}
