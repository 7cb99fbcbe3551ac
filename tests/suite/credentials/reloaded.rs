//! Reloads while calls are on their way: each call goes to the server of its own configuration, with what that server wants.

use super::{armed, telling};
use tests::authority::Authority;
use tests::{Agent, Answer, Gateway, Setup, Upstream, Wire};

fn setup(servers: [&Upstream; 2], round: usize, authority: &Authority) -> Setup {
    let url = |server: &Upstream| format!("{}?round={round}", server.url());
    armed(&url(servers[0]), &authority.credential(""))
        .server_with("other", &url(servers[1]), "credential = \"own\"")
        .variable("AUTHORITY_SECRET", "canary-of-the-client-0001")
}

/// A call whose body comes later than its head.
struct Late(Wire, String);

impl Late {
    async fn begin(gateway: &Gateway, server: &str) -> Self {
        let agent = Agent::new(
            gateway.address(),
            &format!("/servers/{server}/mcp"),
            tests::Era::Modern,
        );
        let (body, _) = agent.message("tools/call", r#"{"name":"note","arguments":{}}"#);
        let head = agent.head_for(&body);
        let mut wire = agent.connect().await;
        let length = body.len();
        let head = format!(
            "{head}Host: {}\r\nContent-Length: {length}\r\n\r\n",
            gateway.address()
        );
        wire.write(head).await.expect("head");
        Self(wire, body)
    }

    async fn end(mut self) -> u16 {
        self.0.write(self.1).await.expect("body");
        Answer::read(self.0).await.status()
    }
}

async fn reload(gateway: &Gateway, setup: &Setup) {
    let before = gateway.admin("/config", false).await.1;
    gateway.rewrite(setup);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while gateway.admin("/config", false).await.1 == before {
        assert!(tokio::time::Instant::now() < end, "never reloaded");
    }
}

#[tokio::test]
async fn no_lease_of_a_former_configuration_serves_another_server() {
    let (one, two, authority) = (telling().await, telling().await, Authority::start().await);
    let gateway = Gateway::start(&setup([&one, &two], 0, &authority)).await;
    for round in 1..=6 {
        let late = [
            Late::begin(&gateway, "up").await,
            Late::begin(&gateway, "other").await,
        ];
        reload(&gateway, &setup([&one, &two], round, &authority)).await;
        for call in late {
            assert_eq!(call.end().await, 200, "a call that began before the reload");
        }
        reload(&gateway, &setup([&one, &two], round + 100, &authority)).await;
        for (server, upstream) in [("up", &one), ("other", &two)] {
            upstream.forget();
            let agent = Agent::new(
                gateway.address(),
                &format!("/servers/{server}/mcp"),
                tests::Era::Modern,
            );
            assert_eq!(agent.call("note", "{}").await.said(), "done");
            let received = upstream.with_method("tools/call");
            assert_eq!(received.len(), 1, "the call of `{server}` went elsewhere");
            let wanted = format!("?round={}", round + 100);
            assert!(
                received[0].head.line.contains(&wanted),
                "{}",
                received[0].head.line
            );
        }
    }
}
