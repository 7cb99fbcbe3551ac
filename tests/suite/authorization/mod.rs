//! Nothing passes undecided: every method of every revision has a case here, and under deny-all none reaches the upstream.

mod cases;
mod lists;

use adapters::wire::Method;
use cases::{CASES, Case, Kind};
use std::collections::BTreeSet;
use tests::setup::{allow, deny};
use tests::upstream::{lifecycle, plain};
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, Whole, json};

/// A server that says yes to everything.
async fn willing() -> Upstream {
    Upstream::start(|received: Received, wire| {
        let answer = lifecycle(&received).unwrap_or_else(|| {
            (
                200,
                String::new(),
                json::result(&received.id(), &json::said("yes")),
            )
        });
        plain(wire, answer)
    })
    .await
}

/// A client that believes to be in a session, so that every method gets as far as it can.
async fn client(era: Era, gateway: &Gateway, session: Option<&str>) -> Agent {
    let mut agent = Agent::new(gateway.address(), "/servers/up/mcp", era);
    agent.session = session.map(str::to_owned);
    agent
}

async fn send(agent: &Agent, case: &Case) -> Whole {
    let params = match agent.era {
        Era::Modern => tests::agent::with_meta(case.params),
        Era::Legacy => case.params.to_owned(),
    };
    let id = if case.kind == Kind::Notification {
        ""
    } else {
        r#""id":1,"#
    };
    let body = format!(
        r#"{{"jsonrpc":"2.0",{id}"method":"{}","params":{params}}}"#,
        case.method
    );
    agent.post(&body).await
}

/// A method without a case here is a method nobody has thought about.
#[test]
fn every_method_has_a_case() {
    let known: BTreeSet<_> = Method::ALL.iter().map(|method| method.name()).collect();
    let cases: BTreeSet<_> = CASES.iter().map(|case| case.method).collect();
    assert_eq!(known, cases);
    assert_eq!(cases.len(), CASES.len(), "a case stands twice");
    for case in CASES {
        let method = Method::from_name(case.method).unwrap();
        assert_eq!(
            method.is_request(),
            case.kind != Kind::Notification,
            "{}",
            case.method
        );
        assert!(
            case.kind != Kind::ServerOnly || !method.from_client(),
            "{}",
            case.method
        );
    }
}

#[tokio::test]
async fn under_deny_all_nothing_reaches_the_upstream() {
    let upstream = willing().await;
    // A session opened while it was allowed; then the configuration closes.
    let setup = Setup::new(&upstream.url());
    let mut gateway = Gateway::start(&setup).await;
    let session = Agent::legacy(&gateway).await.session;
    let nothing = [
        setup.clone().rules(""),
        setup
            .clone()
            .server("other", &upstream.url())
            .envelope("other/**"),
        setup.rules(&deny("all", "**", "no")),
    ];
    for closed in nothing {
        gateway.rewrite(&closed);
        gateway = gateway.restart().await;
        upstream.forget();
        for case in CASES {
            for era in [Era::Legacy, Era::Modern] {
                let agent = client(
                    era,
                    &gateway,
                    session.as_deref().filter(|_| era == Era::Legacy),
                )
                .await;
                let answer = send(&agent, case).await;
                let refused = answer.status() >= 400 || answer.code().is_some();
                let ignored = case.kind == Kind::Notification && answer.status() == 202;
                assert!(refused || ignored, "{} {era:?}: {answer:?}", case.method);
                assert!(
                    upstream.received().is_empty(),
                    "{} {era:?} reached the upstream",
                    case.method
                );
            }
        }
        let agent = client(Era::Legacy, &gateway, None).await;
        assert!(agent.listen(None).await.status() >= 400);
        assert!(agent.delete().await.status() >= 400);
        assert!(upstream.received().is_empty());
    }
}

/// Each method is let through by the pattern that speaks of it, and by no other.
#[tokio::test]
async fn each_method_answers_to_its_own_pattern() {
    let patterns = [
        "up/echo",
        "up/resource:up://one",
        "up/prompt:greet",
        "up/client:*",
        "up/other",
    ];
    let upstream = willing().await;
    for pattern in patterns {
        let gateway =
            Gateway::start(&Setup::new(&upstream.url()).rules(&allow("one", pattern))).await;
        let legacy = Agent::legacy(&gateway).await;
        for case in CASES
            .iter()
            .filter(|case| case.kind == Kind::Request && !case.pattern.is_empty())
        {
            for era in case.eras() {
                let modern = Agent::modern(&gateway);
                let agent = if *era == Era::Modern {
                    &modern
                } else {
                    &legacy
                };
                upstream.forget();
                let answer = send(agent, case).await;
                let reached = !upstream.with_method(case.method).is_empty();
                let open = case.pattern == "*" || case.pattern == pattern;
                assert_eq!(
                    reached, open,
                    "{} {era:?} with {pattern}: {answer:?}",
                    case.method
                );
                assert_eq!(
                    answer.code().is_none(),
                    open,
                    "{} {era:?} with {pattern}: {answer:?}",
                    case.method
                );
            }
        }
    }
}

#[tokio::test]
async fn a_server_out_of_reach_is_a_server_that_does_not_exist() {
    let upstream = willing().await;
    let setup = Setup::new(&upstream.url())
        .server("hidden", &upstream.url())
        .rules(&allow("one", "up/**"));
    let gateway = Gateway::start(&setup).await;
    for era in [Era::Legacy, Era::Modern] {
        let answers = ["hidden", "absent", "a-b.c_d"].map(|name| {
            let agent = Agent::new(gateway.address(), &format!("/servers/{name}/mcp"), era);
            async move {
                (
                    agent.call("echo", "{}").await,
                    agent.listen(None).await.status(),
                )
            }
        });
        let [hidden, absent, odd] = answers;
        let ((hidden, hidden_get), (absent, absent_get), (odd, _)) =
            tokio::join!(hidden, absent, odd);
        assert_eq!(
            (hidden.status(), absent.status(), odd.status()),
            (404, 404, 404),
            "{hidden:?}"
        );
        assert_eq!(hidden.text(), absent.text());
        assert_eq!(hidden_get, absent_get);
        let names = |whole: &Whole| -> Vec<String> {
            whole
                .head
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect()
        };
        assert_eq!(names(&hidden), names(&absent));
    }
    assert!(upstream.received().is_empty());
}

/// Whether or not the server has it, a tool nobody may see is unknown, for all arguments, without asking the server.
#[tokio::test]
async fn an_invisible_tool_is_an_unknown_tool() {
    let upstream = willing().await;
    let rules = allow("one", "up/echo")
        + &allow("and", "up/slow")
        + &deny("not", "up/slow", "private reason");
    let gateway = Gateway::start(&Setup::new(&upstream.url()).rules(&rules)).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        upstream.forget();
        for tool in ["secret", "slow", "no-such-tool", "Echo", "echo "] {
            for arguments in ["{}", r#"{"a":1}"#] {
                let answer = agent.call(tool, arguments).await;
                if era == Era::Modern && tool.ends_with(' ') {
                    // A name with a space at its end needs the encoded header form.
                    assert_eq!(answer.status(), 400);
                    continue;
                }
                assert_eq!(
                    (answer.status(), answer.code()),
                    (200, Some(-32602)),
                    "{tool}: {answer:?}"
                );
                let expected = format!("Unknown tool: {tool}");
                assert_eq!(answer.json()["error"]["message"], expected.as_str());
                assert!(!answer.text().contains("private reason"));
            }
        }
        assert!(upstream.received().is_empty());
        assert_eq!(agent.call("echo", "{}").await.said(), "yes");
    }
}

/// Who is nobody here is told nothing (an expired or suspended agent, a caller no identity knows).
#[tokio::test]
async fn an_agent_that_is_not_active_is_refused() {
    let upstream = willing().await;
    for (from, to) in [
        ("expires = 2099-01-01", "expires = 2001-01-01"),
        (
            "expires = 2099-01-01",
            "expires = 2099-01-01\nstate = \"suspended\"",
        ),
        (
            "expires = 2099-01-01",
            "expires = 2099-01-01\nstate = \"retired\"",
        ),
        (
            "expires = 2099-01-01",
            "expires = 2099-01-01\nstate = \"proposed\"",
        ),
    ] {
        let place = tests::setup::Place::free();
        let text = Setup::new(&upstream.url()).text(&place).replace(from, to);
        std::fs::write(place.config(), text).unwrap();
        let gateway = Gateway::at(place).await.unwrap();
        let answer = Agent::modern(&gateway).call("echo", "{}").await;
        assert_eq!(answer.status(), 403, "{to}: {answer:?}");
        assert!(
            !answer.text().contains("tester") && !answer.text().contains("suspended"),
            "{answer:?}"
        );
    }
    assert!(upstream.received().is_empty());
}

/// A method outside the table is refused: nobody has classified it.
#[tokio::test]
async fn a_method_nobody_knows_is_refused() {
    let upstream = willing().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for era in [Era::Legacy, Era::Modern] {
        let agent = Agent::of(era, &gateway).await;
        upstream.forget();
        for method in [
            "acme/run",
            "tools/calls",
            "tools/call/",
            "Tools/Call",
            "rpc.discover",
            "a",
        ] {
            let answer = agent.request(method, "{}").await;
            assert_eq!(answer.code(), Some(-32601), "{method}: {answer:?}");
            assert_eq!(
                answer.status(),
                if era == Era::Modern { 404 } else { 200 },
                "{method}"
            );
        }
        let note = agent
            .post(r#"{"jsonrpc":"2.0","method":"notifications/acme"}"#)
            .await;
        assert!(matches!(note.status(), 202 | 400), "{note:?}");
        assert!(upstream.received().is_empty());
    }
}
