//! Entries, tasks and the pulse: what one replica puts and the others find.

use crate::both;
use crate::server::{Kind, Server, until};
use adapters::state::redis::{Beat, News, Redis, Seen, SharedTask};
use std::time::Duration;
use uuid::Uuid;

both!(
    entries_are_found_by_all_and_taken_out_once,
    tasks_are_known_to_all_and_end_for_all,
    a_name_leads_to_one_task,
    labels_are_those_of_the_whole_tree,
    idle_is_what_no_replica_uses,
    every_replica_hears_everything_once_it_beats,
);

const NOW: u64 = 1_800_000_000;

pub(crate) fn task(parent: Option<&SharedTask>) -> SharedTask {
    let id = Uuid::new_v4();
    SharedTask {
        id,
        root: parent.map_or(id, |parent| parent.root),
        parent: parent.map(|parent| parent.id),
        record: vec![0, 255, 13, 10, b'"'],
        labels: 0,
        used: NOW,
        deadline: NOW + 3600,
        idle: 300,
        end: None,
    }
}

/// A task with all that hangs on one.
pub(crate) async fn a_family(redis: &Redis) {
    let root = SharedTask {
        labels: 1,
        ..task(None)
    };
    redis.open_task(&root, Some(b"name")).await.unwrap();
    let child = task(Some(&root));
    redis.open_task(&child, None).await.unwrap();
    redis.open_task(&task(Some(&child)), None).await.unwrap();
    redis.end_task(child.id, b"closed").await.unwrap();
    redis.open_task(&task(Some(&root)), None).await.unwrap();
    redis.touch_task(root.id, 2).await.unwrap();
    let (id, used, deadline) = (root.id, NOW + 1, NOW + 7200);
    redis.refresh_tasks(&[Seen { id, used, deadline }]);
    until("refreshed", async || {
        redis.find_task(id).await.unwrap().unwrap().used == used
    })
    .await;
}

async fn entries_are_found_by_all_and_taken_out_once(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let name = b"\0a {name}\r\n\xff";
    assert_eq!(one.get(name).await, Ok(None));
    let life = Duration::from_secs(60);
    one.put(name, b"first", life).await.unwrap();
    one.put(name, b"\xffsecond\0", life).await.unwrap();
    assert_eq!(two.get(name).await, Ok(Some(b"\xffsecond\0".to_vec())));
    let (a, b) = tokio::join!(one.take_out(name), two.take_out(name));
    let found = [a.unwrap(), b.unwrap()];
    assert_eq!(found.iter().flatten().count(), 1, "{found:?}");
    assert_eq!(one.get(name).await, Ok(None));
    one.put(name, b"", life).await.unwrap();
    assert_eq!(two.get(name).await, Ok(Some(Vec::new())));
    two.remove(name);
    until("removed", async || one.get(name).await == Ok(None)).await;
    one.put(name, b"short", Duration::from_millis(1))
        .await
        .unwrap();
    until("its life is over", async || one.get(name).await == Ok(None)).await;
}

async fn tasks_are_known_to_all_and_end_for_all(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let root = task(None);
    assert_eq!(one.find_task(root.id).await, Ok(None));
    assert_eq!(one.open_task(&root, None).await, Ok(root.clone()));
    assert_eq!(two.find_task(root.id).await, Ok(Some(root.clone())));
    let child = task(Some(&root));
    two.open_task(&child, None).await.unwrap();
    let grandchild = task(Some(&child));
    one.open_task(&grandchild, None).await.unwrap();

    one.refresh_tasks(&[Seen {
        id: root.id,
        used: NOW + 9,
        deadline: NOW + 9000,
    }]);
    two.refresh_tasks(&[Seen {
        id: root.id,
        used: NOW + 5,
        deadline: NOW,
    }]);
    let refreshed = SharedTask {
        used: NOW + 9,
        deadline: NOW + 9000,
        ..root.clone()
    };
    until("refreshed", async || {
        two.find_task(root.id).await.unwrap().unwrap() == refreshed
    })
    .await;
    // Put again with what one of them still knows: the later counts.
    assert_eq!(two.open_task(&root, None).await, Ok(refreshed.clone()));

    one.end_task(child.id, b"closed").await.unwrap();
    assert_eq!(two.find_task(root.id).await.unwrap().unwrap().end, None);
    for id in [child.id, grandchild.id] {
        let end = two.find_task(id).await.unwrap().unwrap().end;
        assert_eq!(end.as_deref(), Some(&b"closed"[..]));
    }
    two.end_task(child.id, b"again").await.unwrap();
    let put = two.open_task(&child, None).await.unwrap();
    assert_eq!(
        put.end.as_deref(),
        Some(&b"closed"[..]),
        "an end is for good"
    );
    let late = task(Some(&child));
    let put = one.open_task(&late, None).await.unwrap();
    assert_eq!(
        put.end.as_deref(),
        Some(&b"closed"[..]),
        "under one that has ended"
    );

    // An end may come before what it ends.
    let unknown = task(None);
    one.end_task(unknown.id, b"early").await.unwrap();
    let found = two.find_task(unknown.id).await.unwrap().unwrap();
    assert_eq!(
        (found.record.len(), found.end.as_deref()),
        (0, Some(&b"early"[..]))
    );
    let put = two.open_task(&unknown, None).await.unwrap();
    assert_eq!(
        put,
        SharedTask {
            end: Some(b"early".to_vec()),
            used: 0,
            deadline: 0,
            idle: 0,
            ..unknown
        }
    );
}

async fn a_name_leads_to_one_task(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let (mine, theirs) = (task(None), task(None));
    let name = Some(&b"who\0\xff"[..]);
    let (a, b) = tokio::join!(one.open_task(&mine, name), two.open_task(&theirs, name));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a, b);
    assert!(a == mine || a == theirs);
    one.end_task(a.id, b"idle").await.unwrap();
    let next = task(None);
    assert_eq!(two.open_task(&next, name).await, Ok(next.clone()));
    assert_eq!(one.open_task(&task(None), name).await, Ok(next));
}

async fn labels_are_those_of_the_whole_tree(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let root = task(None);
    one.open_task(&root, None).await.unwrap();
    let child = SharedTask {
        labels: 1,
        ..task(Some(&root))
    };
    two.open_task(&child, None).await.unwrap();
    assert_eq!(one.labels(root.id).await, Ok(1));
    assert_eq!(two.touch_task(child.id, 128).await, Ok(129));
    assert_eq!(one.touch_task(root.id, 3).await, Ok(131));
    assert_eq!(two.touch_task(child.id, 2).await, Ok(131), "it never falls");
    assert_eq!(one.find_task(child.id).await.unwrap().unwrap().labels, 131);
    assert!(one.touch_task(Uuid::new_v4(), 1).await.is_err());
    assert!(one.health().up, "which is no fault of the store");
}

async fn idle_is_what_no_replica_uses(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let root = task(None);
    one.open_task(&root, None).await.unwrap();
    assert_eq!(
        one.end_if_idle(root.id, NOW + 299, b"idle").await,
        Ok(false)
    );
    two.refresh_tasks(&[Seen {
        id: root.id,
        used: NOW + 100,
        deadline: 0,
    }]);
    until("seen", async || {
        one.find_task(root.id).await.unwrap().unwrap().used == NOW + 100
    })
    .await;
    assert_eq!(
        one.end_if_idle(root.id, NOW + 399, b"idle").await,
        Ok(false)
    );
    assert_eq!(one.end_if_idle(root.id, NOW + 400, b"idle").await, Ok(true));
    assert_eq!(two.end_if_idle(root.id, NOW + 400, b"late").await, Ok(true));
    let end = two.find_task(root.id).await.unwrap().unwrap().end;
    assert_eq!(end.as_deref(), Some(&b"idle"[..]));
    assert_eq!(two.end_if_idle(Uuid::new_v4(), NOW, b"").await, Ok(false));
}

async fn every_replica_hears_everything_once_it_beats(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).into())
            .collect::<Vec<Box<str>>>()
    };
    let say = |seen, withdrawn: &[&str]| Beat {
        seen,
        withdrawn: Some(names(withdrawn)),
    };
    let first = one.pulse(&say(0, &["a", "b\0"])).await.unwrap();
    assert_eq!((first.replicas, first.lost, first.seen), (2, false, 0));
    assert_eq!(first.withdrawn, names(&["a", "b\0"]));
    let first = two.pulse(&say(0, &["b\0", "c"])).await.unwrap();
    assert_eq!(first.withdrawn, names(&["a", "b\0", "c"]));
    assert_eq!(first.replicas, 2);

    let ended = task(None);
    one.open_task(&ended, None).await.unwrap();
    one.end_task(ended.id, b"\0closed:\xff").await.unwrap();
    one.end_task(ended.id, b"again").await.unwrap();
    two.say(b"\xffhello:\0").await.unwrap();
    let news = [
        News::Ended {
            id: ended.id,
            end: b"\0closed:\xff".to_vec(),
        },
        News::Said(b"\xffhello:\0".to_vec()),
    ];
    let mut last = 0;
    for replica in [&one, &two] {
        let pulse = replica.pulse(&Beat::default()).await.unwrap();
        assert_eq!(pulse.news, news);
        assert_eq!(pulse.withdrawn, names(&["a", "b\0", "c"]), "as before");
        last = pulse.seen;
        let quiet = replica
            .pulse(&Beat {
                seen: last,
                withdrawn: None,
            })
            .await
            .unwrap();
        assert_eq!((quiet.news, quiet.seen), (Vec::new(), last));
    }
    let pulse = one.pulse(&say(last, &[])).await.unwrap();
    assert_eq!(pulse.withdrawn, names(&["b\0", "c"]));
    floods(&one, &two, last).await;
}

/// More than one pulse carries, and more than the store keeps.
async fn floods(one: &Redis, two: &Redis, mut seen: u64) {
    for _ in 0..1500 {
        one.say(b"more").await.unwrap();
    }
    let mut heard = 0;
    while heard < 1500 {
        let pulse = two
            .pulse(&Beat {
                seen,
                withdrawn: None,
            })
            .await
            .unwrap();
        assert!(!pulse.news.is_empty() && !pulse.lost, "{heard}");
        heard += pulse.news.len();
        seen = pulse.seen;
    }
    assert_eq!(heard, 1500);
    for _ in 0..10_001 {
        one.say(b"more").await.unwrap();
    }
    let pulse = two
        .pulse(&Beat {
            seen,
            withdrawn: None,
        })
        .await
        .unwrap();
    assert!(pulse.lost, "what was cut off is missed");
}
