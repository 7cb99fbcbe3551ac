//! Headers that mirror the body (T09): checked against it, never believed instead of it.

use super::pair;
use tests::agent::with_meta;
use tests::{Agent, Era, Gateway, Upstream};

/// Mirrored headers: `V`, `M` and `N` stand for the right version, method and name.
const MISMATCHES: &[(&str, &str)] = &[
    ("no method", "V | N"),
    ("no name", "V | M"),
    ("another method", "V | N | Mcp-Method: tools/list"),
    ("method in capitals", "V | N | Mcp-Method: Tools/Call"),
    ("empty method", "V | N | Mcp-Method:"),
    (
        "two methods joined",
        "V | N | Mcp-Method: tools/call, tools/list",
    ),
    ("method twice", "V | N | M | M"),
    (
        "method encoded",
        "V | N | Mcp-Method: =?base64?dG9vbHMvY2FsbA==?=",
    ),
    ("another name", "V | M | Mcp-Name: secret"),
    ("name in capitals", "V | M | Mcp-Name: Echo"),
    ("empty name", "V | M | Mcp-Name:"),
    ("name twice", "V | M | N | N"),
    ("two names", "V | M | N | Mcp-Name: secret"),
    ("names joined", "V | M | Mcp-Name: echo,secret"),
    ("name quoted", "V | M | Mcp-Name: \"echo\""),
    (
        "another name encoded",
        "V | M | Mcp-Name: =?base64?c2VjcmV0?=",
    ),
    ("broken base64", "V | M | Mcp-Name: =?base64?ZWNobw=?="),
    ("base64 of no text", "V | M | Mcp-Name: =?base64?/w==?="),
    (
        "marker in capitals",
        "V | M | Mcp-Name: =?BASE64?ZWNobw==?=",
    ),
    ("marker without end", "V | M | Mcp-Name: =?base64?ZWNobw=="),
    ("percent", "V | M | Mcp-Name: ech%6f"),
];

fn body(params: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}}"#,
        with_meta(params)
    )
}

/// Posts a modern call of `echo` with these header lines as the only mirrored ones.
async fn mirrored(gateway: &Gateway, headers: &str) -> (u16, Option<i64>) {
    let agent = Agent::modern(gateway);
    let head = format!(
        "POST {} HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{headers}",
        agent.path
    );
    let answer = agent
        .send(&head, body(r#"{"name":"echo","arguments":{}}"#).as_bytes())
        .await
        .whole()
        .await;
    (answer.status(), answer.code())
}

#[tokio::test]
async fn t09_mismatches_never_reach_the_upstream() {
    let (gateway, upstream) = pair().await;
    let version = "MCP-Protocol-Version: 2026-07-28\r\n";
    let (method, name) = ("Mcp-Method: tools/call\r\n", "Mcp-Name: echo\r\n");
    for (why, lines) in MISMATCHES {
        let line = |line: &str| match line {
            "V" => version.to_owned(),
            "M" => method.to_owned(),
            "N" => name.to_owned(),
            other => format!("{other}\r\n"),
        };
        let headers: String = lines.split(" | ").map(line).collect();
        let (status, code) = mirrored(&gateway, &headers).await;
        assert_eq!(status, 400, "{why}");
        // A header that comes twice is refused before it is compared.
        let twice = why.ends_with("twice") || *why == "two names";
        assert!(code == Some(-32020) || twice, "{why}: {code:?}");
    }
    let versions = [
        ("no version", String::new()),
        (
            "another version",
            "MCP-Protocol-Version: 2025-11-25\r\n".to_owned(),
        ),
        ("version twice", format!("{version}{version}")),
    ];
    for (why, version) in &versions {
        let (status, _) = mirrored(&gateway, &format!("{version}{method}{name}")).await;
        assert_eq!(status, 400, "{why}");
    }
    assert!(upstream.with_method("tools/call").is_empty());
}

#[tokio::test]
async fn t09_equal_by_meaning_passes() {
    let (gateway, upstream) = pair().await;
    let version = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n";
    for name in [
        "mcp-name: echo",
        "MCP-NAME:   echo  ",
        "Mcp-Name: =?base64?ZWNobw==?=",
    ] {
        assert_eq!(
            mirrored(&gateway, &format!("{version}{name}\r\n")).await.0,
            200,
            "{name}"
        );
    }
    let calls = upstream.with_method("tools/call");
    assert_eq!(calls.len(), 3);
    // What goes on is one value each, whatever spelling came.
    assert!(
        calls
            .iter()
            .all(|call| call.head.get("mcp-method") == Some("tools/call"))
    );
}

#[tokio::test]
async fn t09_names_outside_ascii_are_compared_decoded() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::modern(&gateway);
    let head = |name: &str| {
        format!(
            "POST {} HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {name}\r\n",
            agent.path
        )
    };
    let body = body(r#"{"name":"é\u0063ho"}"#);
    let right = agent
        .send(&head("=?base64?w6ljaG8=?="), body.as_bytes())
        .await
        .whole()
        .await;
    assert_eq!(right.status(), 200, "{right:?}");
    let wrong = agent
        .send(&head("=?base64?ZWNobw==?="), body.as_bytes())
        .await
        .whole()
        .await;
    assert_eq!((wrong.status(), wrong.code()), (400, Some(-32020)));
    assert_eq!(upstream.with_method("tools/call").len(), 1);
}

/// Parameters a tool wants mirrored are checked against the definition last listed; unknown ones pass.
#[tokio::test]
async fn t09_mirrored_parameters() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.request("tools/list", "{}").await.status(), 200);
    let (message, _) = agent.message(
        "tools/call",
        r#"{"name":"mirrored","arguments":{"region":"eu","count":42.0}}"#,
    );
    let both = "Mcp-Param-Region: eu\r\nMcp-Param-Count: 42\r\n";
    let right = agent
        .post_with(&message, &format!("{both}Mcp-Param-Unknown: x\r\n"))
        .await;
    assert_eq!(right.said(), "reached", "{right:?}");
    let call = &upstream.with_method("tools/call")[0];
    assert_eq!(call.head.get("mcp-param-unknown"), Some("x"));
    assert_eq!(call.head.get("mcp-param-region"), Some("eu"));
    let wrong = [
        "Mcp-Param-Region: us\r\nMcp-Param-Count: 42\r\n",
        "Mcp-Param-Region: EU\r\nMcp-Param-Count: 42\r\n",
        "Mcp-Param-Region: eu\r\nMcp-Param-Count: 43\r\n",
        "Mcp-Param-Region: eu\r\n",
        "Mcp-Param-Region: eu\r\nMcp-Param-Region: us\r\nMcp-Param-Count: 42\r\n",
    ];
    for headers in wrong {
        let answer = agent.post_with(&message, headers).await;
        assert_eq!(answer.status(), 400, "{headers}: {answer:?}");
    }
    assert_eq!(upstream.with_method("tools/call").len(), 1);
}

/// An old revision does not dodge a rule (T19), and its mirrored headers count for nothing.
#[tokio::test]
async fn t19_no_revision_dodges_a_rule() {
    let upstream = Upstream::saying("reached").await;
    let rules = tests::setup::allow("all but one", "up/**")
        + &tests::setup::deny("not this", "up/secret", "no");
    let gateway = Gateway::start(&tests::Setup::new(&upstream.url()).rules(&rules)).await;
    for revision in [
        "2024-11-05",
        "2025-03-26",
        "2025-06-18",
        "2025-11-25",
        "2026-07-28",
    ] {
        let agent = match revision {
            "2026-07-28" => Agent::modern(&gateway),
            _ => Agent::legacy_at(&gateway, revision).await,
        };
        let answer = agent.call("secret", "{}").await;
        assert_eq!(
            (answer.status(), answer.code()),
            (200, Some(-32602)),
            "{revision}: {answer:?}"
        );
        assert!(answer.text().contains("Unknown tool: secret"), "{answer:?}");
        let disguised = "Mcp-Name: echo\r\n";
        if agent.era == Era::Legacy {
            let (message, _) = agent.message("tools/call", r#"{"name":"secret"}"#);
            assert_ne!(
                agent.post_with(&message, disguised).await.said(),
                "reached",
                "{revision}"
            );
        }
        assert_eq!(
            agent.call("echo", "{}").await.said(),
            "reached",
            "{revision}"
        );
    }
    assert!(
        upstream
            .with_method("tools/call")
            .iter()
            .all(|call| call.name() == "echo")
    );
}
