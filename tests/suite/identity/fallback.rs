//! A proof that fails never falls back to a weaker one, and nothing but a proof says who calls.

use super::{EVERYTHING, World, key, keys, leaked, task, tasks, text, visit};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command};
use tests::issuer::now;
use tests::setup::{Place, registered};
use tests::{Agent, Gateway, Issuer, Setup, Upstream, Wire};
use tokio::net::TcpStream;

/// A gateway where a caller without a proof is the local agent.
async fn at_home() -> World {
    let issuer = Issuer::start().await;
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url())
        .rules(&super::allow("all", "up/**"))
        .tail(&issuer.identity("corp", ""))
        .tail(&keys(&["clerk"]))
        .tail(&registered("worker", "\"corp:worker\"", EVERYTHING))
        .tail(&registered("clerk", "\"keys:clerk\"", EVERYTHING));
    World {
        gateway: Gateway::start(&setup).await,
        upstream,
        issuer,
    }
}

#[tokio::test]
async fn a_bad_token_on_this_machine_is_a_bad_token() {
    let world = at_home().await;
    let expired = json!({ "iat": now() - 600, "exp": now() - 60 });
    let expired = world.issuer.sign(&world.changed("worker", expired));
    let mut agent = Agent::modern(&world.gateway);
    for value in [
        &format!("Bearer {expired}"),
        "Bearer x",
        "Bearer",
        "",
        "Basic eDp5",
        "Negotiate x",
        "Bearer key-of-nobody",
        &format!("DPoP {}", key("clerk")),
        &format!("Bearer {} ", key("clerk").to_uppercase()),
    ] {
        agent.headers = format!("Authorization: {value}\r\n");
        assert_eq!(agent.call("echo", "{}").await.status(), 401, "{value}");
        assert_eq!(agent.listen(None).await.status(), 401, "{value}");
        assert_eq!(visit(&agent, "GET", "/tasks", "").await.status(), 401);
    }
    assert!(world.upstream.received().is_empty());
    agent.headers.clear();
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    assert_eq!(text(&task(&agent).await, "agent"), "tester");
    let clerk = Agent::modern(&world.gateway).bearer(&key("clerk"));
    assert_eq!(clerk.call("echo", "{}").await.said(), "ok");
    assert_eq!(text(&task(&clerk).await, "subject"), "key:keys:clerk");
    // A good proof of nobody is not local either.
    let nobody = world.agent(&world.token("nobody"));
    assert_eq!(nobody.call("echo", "{}").await.status(), 403);
}

/// Whatever came through a proxy, by any mark that one leaves, did not come from this machine.
#[tokio::test]
async fn a_proxied_request_is_never_local() {
    let world = at_home().await;
    for mark in [
        "Forwarded: for=127.0.0.1",
        "X-Forwarded-For: 127.0.0.1",
        "x-forwarded-for:",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: 127.0.0.1",
        "X-Forwarded-Anything: x",
        "X-Real-IP: 127.0.0.1",
        "Via: 1.1 proxy",
    ] {
        let mut agent = Agent::modern(&world.gateway);
        agent.headers = format!("{mark}\r\n");
        assert_eq!(agent.call("echo", "{}").await.status(), 401, "{mark}");
        assert_eq!(agent.listen(None).await.status(), 401, "{mark}");
        assert_eq!(visit(&agent, "GET", "/tasks", "").await.status(), 401);
        // Who proves itself may come through any proxy.
        agent.headers += &format!("Authorization: Bearer {}\r\n", world.token("worker"));
        assert_eq!(agent.call("echo", "{}").await.said(), "ok", "{mark}");
    }
    assert_eq!(
        Agent::modern(&world.gateway)
            .call("echo", "{}")
            .await
            .said(),
        "ok"
    );
}

/// Headers in which proxies and meshes tell who calls tell the gateway nothing, on any way in.
#[tokio::test]
async fn headers_that_name_a_caller_name_nobody() {
    let world = at_home().await;
    let names = [
        "X-User",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Remote-User",
        "Remote-User",
        "X-Spiffe-Id",
        "X-Forwarded-Client-Cert",
        "X-SSL-Client-Verify",
        "X-Client-Cert",
        "X-Agent-Id",
        "X-Hopgate-Agent",
        "X-Amzn-Oidc-Identity",
        "Cf-Access-Authenticated-User-Email",
        "X-Goog-Authenticated-User-Email",
        "From",
    ];
    let lines: String = names.map(|name| format!("{name}: clerk\r\n")).concat();
    let token = world.token("worker");
    let mut agent = world.agent(&token);
    let mut legacy = Agent::legacy(&world.gateway).await;
    legacy.headers = agent.headers.clone();
    legacy.session = None;
    legacy.headers += &lines;
    legacy.initialize().await;
    agent.headers += &lines;
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    assert_eq!(legacy.call("echo", "{}").await.said(), "ok");
    assert_eq!(visit(&agent, "POST", "/tasks", "").await.status(), 201);
    let all = tasks(&agent).await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(
        all.iter()
            .all(|one| text(one, "agent") == "worker" && one.get("user").is_none()),
        "{all:?}"
    );
    for received in world.upstream.received() {
        let sent = String::from_utf8_lossy(&received.head.raw).to_lowercase();
        for name in names {
            assert!(
                !sent.contains(&format!("\r\n{}:", name.to_lowercase())),
                "{sent}"
            );
        }
    }
    assert_eq!(leaked(&world.upstream), None);
    // And without a proof they open no door.
    let gateway = Gateway::start(
        &Setup::new(&world.upstream.url())
            .without_local()
            .tail(&keys(&["clerk"]))
            .tail(&registered("clerk", "\"keys:clerk\"", EVERYTHING))
            .rules(&super::allow("all", "up/**")),
    )
    .await;
    let mut stranger = Agent::modern(&gateway);
    stranger.headers = lines;
    assert_eq!(stranger.call("echo", "{}").await.status(), 401);
    assert_eq!(stranger.listen(None).await.status(), 401);
    assert_eq!(visit(&stranger, "GET", "/tasks", "").await.status(), 401);
}

/// A process that ends with its test.
struct Nginx(Child, Place);

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
        drop(std::fs::remove_dir_all(&self.1.folder));
    }
}

/// A real proxy that names its clients, as every guide says it should.
async fn nginx(gateway: &Gateway, headers: &str) -> Option<Nginx> {
    let mut programs = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter();
    let program = programs.find(|path| Path::new(path).exists())?;
    let place = Place::free();
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {0}/pid; error_log {0}/error;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
  fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
  server {{ listen 127.0.0.1:{1}; location / {{ proxy_pass http://{2}; {headers} }} }}
}}
",
        place.folder.display(),
        place.port,
        gateway.address()
    );
    let file = place.folder.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command.arg("-p").arg(&place.folder).arg("-c").arg(&file);
    let child = command.spawn().unwrap();
    let nginx = Nginx(child, place);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    loop {
        match TcpStream::connect(("127.0.0.1", nginx.1.port)).await {
            Ok(stream) => drop(Wire::new(stream)),
            Err(_) => {
                assert!(tokio::time::Instant::now() < end, "nginx never listens");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
        }
        return Some(nginx);
    }
}

#[tokio::test]
async fn behind_a_real_proxy_nobody_is_local() {
    let world = at_home().await;
    for headers in [
        "proxy_http_version 1.1; proxy_set_header X-Real-IP $remote_addr;",
        "proxy_http_version 1.1; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_http_version 1.1; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Host $host;",
    ] {
        let Some(nginx) = nginx(&world.gateway, headers).await else {
            eprintln!("no nginx here: this is tested where there is one");
            return;
        };
        let mut agent = Agent::modern(&world.gateway);
        agent.address.set_port(nginx.1.port);
        assert_eq!(agent.call("echo", "{}").await.status(), 401, "{headers}");
        agent.headers = format!("Authorization: Bearer {}\r\n", world.token("worker"));
        assert_eq!(agent.call("echo", "{}").await.said(), "ok", "{headers}");
    }
    // One nobody has configured speaks HTTP/1.0 and leaves no mark; that is no way in either.
    if let Some(nginx) = nginx(&world.gateway, "proxy_http_version 1.0;").await {
        let mut agent = Agent::modern(&world.gateway);
        agent.address.set_port(nginx.1.port);
        assert!(agent.call("echo", "{}").await.status() >= 400);
        assert!(agent.listen(None).await.status() >= 400);
    }
    assert_eq!(
        Agent::modern(&world.gateway)
            .call("echo", "{}")
            .await
            .said(),
        "ok"
    );
}
