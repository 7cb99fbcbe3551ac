//! Disk trouble (R11, T86) on a real file system: a small one is mounted where the records go, filled, and freed.
//!
//! Nothing happens that cannot be recorded, and everybody is told within a second; once there is space, all goes on
//! by itself and what was owed is there. Disks that hang or lie are simulated in the journal's own tests.

use super::books::{books, close};
use super::{Window, id, reached};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tests::records::{folder, text};
use tests::setup::Place;
use tests::upstream::{plain, sse_head};
use tests::{Agent, Gateway, Records, Setup, Upstream, Whole, eventually, json};
use tokio::sync::Notify;
use tokio::time::timeout;

/// A file system of its own; gone with the test.
#[derive(Debug)]
struct Disk(PathBuf);

// === impl Disk ===

impl Disk {
    /// Mounts one of half a mebibyte where a gateway at this place keeps its records.
    fn mount(place: &Place) -> Self {
        let folder = folder(place);
        std::fs::create_dir_all(&folder).expect("folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(&folder)
            .output()
            .expect("mount can be run");
        assert!(
            mounted.status.success(),
            "this test mounts a small file system and must be run by root, with CAP_SYS_ADMIN: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self(folder)
    }

    /// Leaves no byte of space.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("removed");
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// A gateway whose records go to a disk of their own; that of the records is dropped, and so unmounted, first.
struct World {
    disk: Disk,
    gateway: Gateway,
    upstream: Upstream,
    /// Lets the tool `slow` and the stream `stream` answer.
    go: Arc<Notify>,
}

// === impl World ===

impl World {
    async fn start() -> Self {
        let go = Arc::new(Notify::new());
        let upstream = patient(Arc::clone(&go)).await;
        let place = Place::free();
        let disk = Disk::mount(&place);
        std::fs::write(place.config(), setup(&upstream).text(&place)).expect("config file");
        let gateway = Gateway::at(place).await.expect("it starts");
        Self {
            disk,
            gateway,
            upstream,
            go,
        }
    }

    /// Calls until nothing can be recorded any more: what fitted into the last page fits still.
    async fn exhaust(&self) {
        self.disk.fill();
        let agent = Agent::modern(&self.gateway);
        let end = tokio::time::Instant::now() + tests::PATIENCE;
        while agent.call("echo", "{}").await.status() != 503 {
            assert!(tokio::time::Instant::now() < end, "the disk is never full");
        }
        self.failing(1.0).await;
    }

    async fn failing(&self, wanted: f64) {
        let end = tokio::time::Instant::now() + tests::PATIENCE;
        while (self.gateway.metric("hopgate_audit_failing").await - wanted).abs() > 0.1 {
            assert!(tokio::time::Instant::now() < end, "never {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn setup(upstream: &Upstream) -> Setup {
    Setup::new(&upstream.url())
}

/// A server whose tools `slow` and `stream` wait for a word.
async fn patient(go: Arc<Notify>) -> Upstream {
    Upstream::mcp(move |received, mut wire| {
        let go = Arc::clone(&go);
        async move {
            let answer = json::result(&received.id(), &json::said("done"));
            match received.name().as_str() {
                "slow" => go.notified().await,
                "stream" => {
                    sse_head(&mut wire, "").await.ok()?;
                    wire.write("id: 1\ndata:\n\n").await.ok()?;
                    go.notified().await;
                    wire.write(format!("data: {answer}\n\n")).await.ok()?;
                    return None;
                }
                _ => {}
            }
            plain(wire, (200, "", answer)).await
        }
    })
    .await
}

/// A refusal, and one that came at once.
async fn refused(answer: impl Future<Output = Whole>) -> Whole {
    // The promise is one second; the rest is for the machine the test runs on.
    let answer = timeout(Duration::from_secs(3), answer).await;
    let answer = answer.expect("a refusal within a second");
    assert_eq!(answer.status(), 503, "{answer:?}");
    answer
}

#[tokio::test]
async fn a_full_disk_stops_everything_and_space_starts_it_again() {
    let world = World::start().await;
    let agent = Agent::modern(&world.gateway);
    assert_eq!(agent.call("echo", "{}").await.said(), "done");
    world.exhaust().await;
    let before = reached(&world.upstream);
    let mut owed = Vec::new();
    for (method, params) in [
        ("tools/call", r#"{"name":"echo","arguments":{}}"#),
        ("tools/list", "{}"),
        ("no/such", "{}"),
    ] {
        let answer = refused(agent.request(method, params)).await;
        assert_eq!(
            answer.json()["error"]["message"],
            "Not available",
            "{answer:?}"
        );
        owed.push(id(&answer.head));
    }
    refused(crate::identity::visit(&agent, "GET", "/tasks", "")).await;
    assert_eq!(
        reached(&world.upstream),
        before,
        "unrecorded calls reached the server"
    );
    world.disk.free();
    world.failing(0.0).await;
    assert_eq!(
        agent.call("echo", "{}").await.said(),
        "done",
        "without a restart"
    );
    let World {
        disk, mut gateway, ..
    } = world;
    let records = close(&mut gateway).await;
    let resumed = records.kind("calls", "resumed");
    assert_eq!(resumed.len(), 1, "{resumed:?}");
    assert!(
        resumed[0]["refused"]
            .as_u64()
            .is_some_and(|count| count >= 4),
        "{resumed:?}"
    );
    assert!(text(resumed[0], "reason").contains("space"), "{resumed:?}");
    // Nobody is forgotten: who was refused before there was a place for a record is counted.
    let counted: u64 = records
        .kind("calls", "refusals")
        .iter()
        .filter_map(|one| one["count"].as_u64())
        .sum();
    assert!(counted >= 4, "{counted}");
    assert!(owed.iter().all(|call| records.of("calls", call).is_empty()));
    drop(disk);
}

#[tokio::test]
async fn what_was_asked_before_is_not_answered_unrecorded_and_its_outcome_comes_later() {
    let world = World::start().await;
    let slow = Agent::modern(&world.gateway);
    let window = Window::default();
    window.open(&world.gateway);
    let slow = tokio::spawn(async move { slow.call("slow", "{}").await });
    let mut stream = Agent::modern(&world.gateway)
        .open_call("stream", "{}")
        .await;
    stream.event().await.expect("opened");
    eventually("both are there", || reached(&world.upstream) == 2).await;
    world.exhaust().await;
    world.go.notify_waiters();
    let answer = refused(async { slow.await.expect("an answer") }).await;
    assert!(
        !answer.text().contains("done"),
        "given though it is not on record: {answer:?}"
    );
    let last = stream.message().await;
    assert!(
        last["error"].is_object() && last.get("result").is_none(),
        "{last}"
    );
    let calls = [id(&answer.head), id(&stream.head)];
    assert!(calls.iter().all(|call| !window.has("outcome", call)));
    world.disk.free();
    world.failing(0.0).await;
    eventually("their outcomes are on record", || {
        calls.iter().all(|call| window.has("outcome", call))
    })
    .await;
    let World {
        disk, mut gateway, ..
    } = world;
    let records = close(&mut gateway).await;
    for call in &calls {
        assert_eq!(records.outcome(call)["undelivered"], true, "{records:?}");
    }
    drop(disk);
}

#[tokio::test]
async fn operators_do_nothing_unrecorded() {
    let world = World::start().await;
    let gateway = &world.gateway;
    let agent = Agent::modern(gateway);
    assert_eq!(agent.call("echo", "{}").await.said(), "done");
    let task = crate::identity::task(&agent).await;
    let task = text(&task, "id").to_owned();
    let end = |folder: &Path| tests::gateway::run(folder, &["tasks", "end", &task]);
    world.exhaust().await;
    let output = end(&gateway.place.folder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("on record"), "{said}");
    let (_, tasks) = gateway.admin("/tasks", false).await;
    assert!(
        tasks.contains(&task),
        "ended though it is not on record: {tasks}"
    );
    // A new configuration is not taken either.
    let (_, before) = gateway.admin("/config", false).await;
    gateway.rewrite(&setup(&world.upstream).server("more", &world.upstream.url()));
    gateway.signal("HUP");
    gateway.stderr().wait("cannot be put on record").await;
    let (_, after) = gateway.admin("/config", false).await;
    let digest = |text: &str| json::text(text.as_bytes(), &["digest"]).expect("a digest");
    assert_eq!(digest(&before), digest(&after));
    world.disk.free();
    world.failing(0.0).await;
    gateway.signal("HUP");
    let end_of = tokio::time::Instant::now() + tests::PATIENCE;
    while digest(&gateway.admin("/config", false).await.1) == digest(&before) {
        assert!(tokio::time::Instant::now() < end_of, "never loaded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(end(&gateway.place.folder).status.code(), Some(0));
    let records = books(gateway);
    let deeds = records.kind("decisions", "operator");
    assert_eq!(deeds.len(), 1, "{deeds:?}");
    assert_eq!(
        (text(deeds[0], "action"), text(deeds[0], "task")),
        ("end_task", task.as_str())
    );
    assert!(
        Records::read(&gateway.place)
            .kind("decisions", "config")
            .len()
            == 1
    );
}
