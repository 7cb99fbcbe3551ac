//! The operators' port: two open questions, everything else behind a token, nothing of it on the agents' port.

use std::os::unix::fs::PermissionsExt;
use tests::{Agent, Gateway, Setup, Upstream};
use tokio::net::TcpListener;

async fn pair() -> (Gateway, Upstream) {
    let upstream = Upstream::saying("ok").await;
    (Gateway::start(&Setup::new(&upstream.url())).await, upstream)
}

async fn status(gateway: &Gateway, request: &str) -> u16 {
    gateway.admin_raw(request).await.0.status()
}

#[tokio::test]
async fn health_is_open_and_answers_any_host() {
    let (gateway, _upstream) = pair().await;
    for path in ["/healthz", "/readyz"] {
        for host in ["10.1.2.3:15000", "hopgate.svc", "127.0.0.1"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(status(&gateway, &request).await, 200, "{path} {host}");
        }
    }
}

#[tokio::test]
async fn everything_else_asks_for_the_token() {
    let (gateway, _upstream) = pair().await;
    let token = gateway.admin_token();
    assert!(token.len() >= 40, "{}", token.len());
    let file = gateway.place.folder.join("data/admin.token");
    assert_eq!(
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let half = &token[..token.len() / 2];
    let wrong = [
        "",
        "Authorization: Bearer x\r\n",
        "Authorization: Basic x\r\n",
        &format!("Authorization: Bearer {half}\r\n"),
        &format!("Authorization: Bearer {token}x\r\n"),
        &format!("X-Token: {token}\r\n"),
    ];
    for path in ["/metrics", "/config"] {
        assert_eq!(gateway.admin(path, false).await.0.status(), 200, "{path}");
        for header in wrong {
            let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n");
            assert_eq!(status(&gateway, &request).await, 401, "{path} {header}");
        }
        let query = format!("GET {path}?token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        assert_ne!(status(&gateway, &query).await, 200);
    }
    assert!(!gateway.stderr().text().contains(&token));
}

/// A page in a browser on the same machine gets nothing (T46).
#[tokio::test]
async fn a_browser_is_kept_out() {
    let (gateway, _upstream) = pair().await;
    let token = gateway.admin_token();
    let send = async |path: &str, headers: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\n{headers}Authorization: Bearer {token}\r\n\r\n");
        status(&gateway, &request).await
    };
    for path in ["/metrics", "/config"] {
        assert_eq!(send(path, "Host: 127.0.0.1\r\n").await, 200);
        for headers in [
            "Host: evil.example\r\n",
            "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n",
            "Host: 127.0.0.1\r\nOrigin: null\r\n",
            "Host: 127.0.0.1.evil.example\r\n",
        ] {
            let status = send(path, headers).await;
            assert!(matches!(status, 403 | 421), "{path} {headers}: {status}");
        }
        assert_eq!(send(path, "").await, 400, "{path} without a host");
    }
}

#[tokio::test]
async fn nothing_changes_by_another_method_and_nothing_else_exists() {
    let (gateway, _upstream) = pair().await;
    let token = gateway.admin_token();
    for (verb, path, expected) in [
        ("POST", "/config", 405),
        ("DELETE", "/config", 405),
        ("PUT", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/servers/up/mcp", 404),
        ("GET", "/healthz/", 404),
        ("GET", "//healthz", 404),
        ("GET", "/debug", 404),
    ] {
        let request = format!(
            "{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        assert_eq!(status(&gateway, &request).await, expected, "{verb} {path}");
    }
}

#[tokio::test]
async fn none_of_it_is_on_the_agents_port() {
    let (gateway, upstream) = pair().await;
    let agent = Agent::modern(&gateway);
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/config",
        "/",
        "/mcp",
        "/servers/up/sse",
        "/apis/up/x",
        "/servers/up/mcp/",
        "/servers/up/mcp?x=1",
        "/servers//mcp",
        "/servers/%75p/mcp",
        "//servers/up/mcp",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nAccept: text/event-stream\r\n");
        assert_eq!(agent.send(&head, b"").await.status(), 404, "{path}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn an_upstream_that_is_down_is_no_reason_to_be_unready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let gateway = Gateway::start(&Setup::new(&url)).await;
    assert_eq!(
        Agent::modern(&gateway).call("echo", "{}").await.status(),
        502
    );
    assert_eq!(gateway.admin("/readyz", true).await.0.status(), 200);
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url()).envelope("up/echo")).await;
    let (head, before) = gateway.admin("/metrics", false).await;
    assert!(
        head.get("content-type").unwrap().starts_with("text/plain"),
        "{head:?}"
    );
    let agent = Agent::modern(&gateway);
    for _ in 0..5 {
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    }
    let (_, after) = gateway.admin("/metrics", false).await;
    let sum = |text: &str| -> f64 {
        let calls = text
            .lines()
            .filter(|line| line.starts_with("hopgate_calls"));
        calls
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    assert!(
        (sum(&after) - sum(&before) - 5.0).abs() < 0.1,
        "{before}\n{after}"
    );
    for line in [
        "hopgate_decisions_total{decision=\"allow\"} 5\n",
        "hopgate_server_up{server=\"up\"} 1\n",
    ] {
        assert!(after.contains(line), "{line}{after}");
    }
    // Names a caller chooses are no labels: the page does not grow with them (T87).
    agent.call("tool", "{}").await;
    let (_, one) = gateway.admin("/metrics", false).await;
    for number in 0..50 {
        agent.call(&format!("tool-{number}"), "{}").await;
    }
    let (_, fifty) = gateway.admin("/metrics", false).await;
    assert!(!fifty.contains("tool-1") && fifty.lines().count() == one.lines().count());
    assert!(
        fifty.contains("hopgate_decisions_total{decision=\"deny\"} 51\n"),
        "{fifty}"
    );
    drop(upstream);
    assert_eq!(agent.call("echo", "{}").await.status(), 502);
    let (_, down) = gateway.admin("/metrics", false).await;
    assert!(
        down.contains("hopgate_server_up{server=\"up\"} 0\n"),
        "{down}"
    );
}

#[tokio::test]
async fn metrics_can_be_opened() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url()).gateway("metrics = \"open\"")).await;
    assert_eq!(gateway.admin("/metrics", true).await.0.status(), 200);
    assert_eq!(gateway.admin("/config", true).await.0.status(), 401);
}

/// Two processes never share a data folder.
#[tokio::test]
async fn a_data_folder_belongs_to_one_process() {
    let (gateway, upstream) = pair().await;
    let place = tests::setup::Place::free();
    let text = Setup::new(&upstream.url()).text(&place);
    let (own, other) = (place.folder.join("data"), gateway.place.folder.join("data"));
    let text = text.replace(&own.display().to_string(), &other.display().to_string());
    std::fs::write(place.config(), text).unwrap();
    let ended = Gateway::at(place).await.unwrap_err();
    assert_ne!(ended.code, Some(0));
    assert!(
        ended.stderr.contains("data_dir") || ended.stderr.contains("lock"),
        "{}",
        ended.stderr
    );
}
