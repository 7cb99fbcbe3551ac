//! A new configuration whole or not at all, under traffic, and for streams that are already open.

use std::time::Duration;
use tests::setup::{allow, deny};
use tests::upstream::{plain, sse_head};
use tests::{Agent, Gateway, Setup, Upstream, eventually, json};
use tokio::sync::mpsc;

/// Waits until a call of `tool` is allowed, or is not.
async fn until(agent: &Agent, tool: &str, allowed: bool) {
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while (agent.call(tool, "{}").await.code().is_none()) != allowed {
        assert!(
            tokio::time::Instant::now() < end,
            "{tool} never became {allowed}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn closed(setup: &Setup) -> Setup {
    setup
        .clone()
        .rules(&(allow("all", "up/**") + &deny("no echo", "up/echo", "not now")))
}

#[tokio::test]
async fn a_changed_file_is_read_by_itself() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    until(&agent, "echo", true).await;
    gateway.rewrite(&closed(&setup));
    until(&agent, "echo", false).await;
    upstream.forget();
    assert_eq!(agent.call("echo", "{}").await.code(), Some(-32602));
    assert!(upstream.received().is_empty());
    gateway.rewrite(&setup);
    until(&agent, "echo", true).await;
}

#[tokio::test]
async fn a_server_may_come_and_go() {
    let (one, two) = (Upstream::saying("one").await, Upstream::saying("two").await);
    let gateway = Gateway::start(&Setup::new(&one.url())).await;
    let mut agent = Agent::modern(&gateway);
    gateway.rewrite(&Setup::new(&two.url()).server("more", &one.url()));
    "/servers/more/mcp".clone_into(&mut agent.path);
    until(&agent, "echo", true).await;
    assert_eq!(agent.call("echo", "{}").await.said(), "one");
    "/servers/up/mcp".clone_into(&mut agent.path);
    assert_eq!(agent.call("echo", "{}").await.said(), "two");
}

/// A broken file keeps the old snapshot and is heard of in log, board and metric.
#[tokio::test]
async fn a_broken_file_changes_nothing() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let (_, before) = gateway.admin("/config", false).await;
    for (broken, word) in [
        ("nonsense = = 1", "nonsense"),
        ("unheard = 1", "unheard"),
        ("[gatewai]", "gatewai"),
    ] {
        gateway.rewrite_text(&format!("{}\n{broken}\n", setup.text(&gateway.place)));
        gateway.signal("HUP");
        gateway.stderr().wait(word).await;
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    }
    let (_, after) = gateway.admin("/config", false).await;
    let digest = |text: &str| json::text(text.as_bytes(), &["digest"]).unwrap();
    assert_eq!(digest(&before), digest(&after));
    let error = json::raw(after.as_bytes(), &["last_error"]).unwrap();
    assert!(error.contains("gatewai"), "{after}");
    let refused = gateway
        .metric("hopgate_reloads_total{result=\"refused\"}")
        .await;
    assert!(refused >= 3.0, "{refused}");
    gateway.rewrite(&closed(&setup));
    until(&agent, "echo", false).await;
    let (_, mended) = gateway.admin("/config", false).await;
    assert_ne!(digest(&mended), digest(&before));
}

#[tokio::test]
async fn what_needs_a_restart_is_refused_whole() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    for (key, other) in [
        ("listen", "127.0.0.1:1"),
        ("admin", "127.0.0.1:2"),
        ("data_dir", "elsewhere"),
    ] {
        let text = closed(&setup).text(&gateway.place);
        let line = text
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap()
            .to_owned();
        gateway.rewrite_text(&text.replace(&line, &format!("{key} = \"{other}\"")));
        let said = || {
            let text = gateway.stderr().text();
            text.lines()
                .any(|line| line.contains(key) && line.contains("restart"))
        };
        eventually(key, said).await;
        // Nothing of the refused file holds, not even what could have been taken.
        assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    }
}

#[tokio::test]
async fn where_state_is_kept_does_not_change_under_calls() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let key = tests::gateway::run(&gateway.place.folder, &["key", "new"]).stdout;
    std::fs::write(gateway.place.folder.join("seal.key"), key).unwrap();
    let text = closed(&setup).text(&gateway.place);
    let shared = "[gateway]\nstate = { redis = \"redis://127.0.0.1:1\" }\nkeys = [{ id = \"k1\", file = \"seal.key\" }]";
    gateway.rewrite_text(&text.replacen("[gateway]", shared, 1));
    let said = || {
        let text = gateway.stderr().text();
        text.lines()
            .any(|line| line.contains("`state`") && line.contains("restart"))
    };
    eventually("state", said).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
}

#[tokio::test]
async fn included_files_are_watched() {
    let upstream = Upstream::saying("ok").await;
    let place = tests::setup::Place::free();
    let folder = place.folder.join("policy.d");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rules.toml"), allow("all", "up/**")).unwrap();
    let text = Setup::new(&upstream.url()).rules("").text(&place);
    std::fs::write(
        place.config(),
        format!("include = [\"policy.d/*.toml\"]\n{text}"),
    )
    .unwrap();
    let gateway = Gateway::at(place).await.unwrap();
    let agent = Agent::modern(&gateway);
    until(&agent, "echo", true).await;
    std::fs::write(folder.join("rules.toml"), allow("all", "up/slow")).unwrap();
    until(&agent, "echo", false).await;
    std::fs::write(folder.join("more.toml"), allow("more", "up/echo")).unwrap();
    gateway.signal("HUP");
    until(&agent, "echo", true).await;
}

/// Kubernetes swaps a symlink; the file's own folder never changes.
#[tokio::test]
async fn a_swapped_symlink_is_seen() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url());
    let place = tests::setup::Place::free();
    let link = |to: &str, at: &str| {
        let fresh = place.folder.join(format!("{at}.fresh"));
        std::os::unix::fs::symlink(to, &fresh).unwrap();
        std::fs::rename(&fresh, place.folder.join(at)).unwrap();
    };
    for (folder, setup) in [("..v1", &setup), ("..v2", &closed(&setup))] {
        std::fs::create_dir_all(place.folder.join(folder)).unwrap();
        let text = setup.text(&place);
        std::fs::write(place.folder.join(folder).join("hopgate.toml"), text).unwrap();
    }
    link("..v1", "..data");
    link("..data/hopgate.toml", "hopgate.toml");
    let gateway = Gateway::at(place.clone()).await.unwrap();
    let agent = Agent::modern(&gateway);
    until(&agent, "echo", true).await;
    link("..v2", "..data");
    until(&agent, "echo", false).await;
}

/// A call keeps the snapshot it began with; the next one has the new.
#[tokio::test]
async fn an_open_call_finishes_under_its_snapshot() {
    let (release, wait) = mpsc::channel::<()>(1);
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
    let upstream = Upstream::mcp(move |received, wire| {
        let wait = std::sync::Arc::clone(&wait);
        async move {
            if received.name() == "slow" {
                wait.lock().await.recv().await;
            }
            let said = json::result(&received.id(), &json::said("finished"));
            plain(wire, (200, "", said)).await
        }
    })
    .await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let open = agent.call("slow", "{}");
    let change = async {
        eventually("the call is open", || {
            !upstream.with_method("tools/call").is_empty()
        })
        .await;
        gateway.rewrite(&setup.clone().rules(&allow("other", "up/echo")));
        let other = Agent::modern(&gateway);
        let end = tokio::time::Instant::now() + tests::PATIENCE;
        while other.call("secret", "{}").await.code().is_none() {
            assert!(tokio::time::Instant::now() < end);
        }
        release.send(()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(open, change);
    assert_eq!(answer.said(), "finished");
    assert_eq!(agent.call("slow", "{}").await.code(), Some(-32602));
}

/// Each message of a GET stream is decided anew; a stream no longer allowed is ended.
#[tokio::test]
async fn an_open_stream_follows_the_new_snapshot() {
    let (send, pieces) = mpsc::channel::<&str>(8);
    let pieces = std::sync::Arc::new(tokio::sync::Mutex::new(pieces));
    let upstream = Upstream::mcp(move |received, mut wire| {
        let pieces = std::sync::Arc::clone(&pieces);
        async move {
            if received.verb() != "GET" {
                return plain(wire, (200, "", json::result(&received.id(), "{}"))).await;
            }
            sse_head(&mut wire, "").await.ok()?;
            while let Some(piece) = pieces.lock().await.recv().await {
                wire.write(format!("data: {piece}\n\n")).await.ok()?;
            }
            None
        }
    })
    .await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::legacy(&gateway).await;
    let mut stream = agent.listen(None).await;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"up://one"}}"#;
    send.send(note).await.unwrap();
    assert_eq!(stream.message().await["params"]["uri"], "up://one");
    // Tools only: the resource is none of this agent's business any more.
    gateway.rewrite(&setup.clone().rules(&allow("tools", "up/*")));
    let modern = Agent::modern(&gateway);
    let read = || modern.request("resources/read", r#"{"uri":"up://one"}"#);
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while read().await.code().is_none() {
        assert!(tokio::time::Instant::now() < end);
    }
    send.send(note).await.unwrap();
    stream.silent().await;
    // Now nothing is left: the stream ends, with its next message at the latest.
    gateway.rewrite(&setup.rules(""));
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    while tokio::time::timeout(tests::MOMENT, stream.event()).await != Ok(None) {
        assert!(tokio::time::Instant::now() < end, "the stream goes on");
        let _ = send.try_send(note);
    }
}

/// Reloads under traffic: no call fails, and none is judged by half a file.
#[tokio::test]
async fn reloads_under_traffic_lose_nothing() {
    let upstream = Upstream::saying("ok").await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    for round in 0..100 {
        let name = format!("round {round}");
        gateway.rewrite(&setup.clone().rules(&allow(&name, "up/**")));
        assert_eq!(agent.call("echo", "{}").await.said(), "ok", "{name}");
        assert_eq!(agent.call("echo", "{}").await.said(), "ok", "{name}");
    }
}
