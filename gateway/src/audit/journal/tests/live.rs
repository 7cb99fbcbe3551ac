//! The journal with its thread and its queue, as the pipeline uses it.

use super::simulated::Simulated;
use super::*;
use crate::audit::journal::disk::Folder;
use crate::audit::journal::{Journal, Unwritten};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("hopgate-journal-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn quick() -> Settings {
    Settings {
        retry: Duration::from_millis(1),
        limit: Duration::from_secs(60),
        ..Settings::default()
    }
}

/// As a call does: a place first, then what it is about to do.
async fn intend(journal: &Journal, lines: Lines) -> Result<crate::audit::Place, Unwritten> {
    let place = journal.place()?;
    journal.send(lines)?.await?;
    Ok(place)
}

#[tokio::test]
async fn a_call_leaves_its_records_in_order_and_proven() {
    let place = Place::new("order");
    let carried = Arc::new(Mutex::new(String::new()));
    let copy = Arc::clone(&carried);
    let settings = Settings {
        on_checkpoint: Some(Box::new(move |line| {
            let mut copy = copy.lock().unwrap();
            copy.push_str(line);
            copy.push('\n');
        })),
        ..quick()
    };
    let journal = Journal::open(&place.0, settings, signer()).unwrap();
    let second = Journal::open(&place.0, quick(), signer());
    assert!(second.unwrap_err().contains("another gateway"));
    let intent = vec![
        line(Log::Calls, "intent", 1),
        line(Log::Decisions, "decision", 1),
    ];
    let kept = intend(&journal, intent).await.unwrap();
    let before = journal.health();
    assert_eq!(before.written.map(|(_, count)| count), [1, 1, 0]);
    kept.deliver(vec![line(Log::Calls, "outcome", 1)])
        .await
        .unwrap();
    journal
        .try_write(vec![line(Log::Secrets, "key", 2)])
        .unwrap();
    journal
        .write(vec![line(Log::Calls, "outcome", 3)])
        .await
        .unwrap();
    journal
        .close(vec![line(Log::Decisions, "stop", 4)])
        .await
        .unwrap();
    let refused = journal.write(vec![line(Log::Calls, "outcome", 5)]).await;
    assert_eq!(refused, Err(Unwritten::Closed));

    let mut disk = Folder::reading(&place.0);
    let kinds = |disk: &mut Folder, log| -> Vec<String> {
        let said = lines(disk, log).into_iter();
        let said = said.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
        said.map(|said| said["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        kinds(&mut disk, "calls"),
        ["segment", "intent", "outcome", "outcome"]
    );
    assert_eq!(
        kinds(&mut disk, "decisions"),
        ["segment", "decision", "stop"]
    );
    assert_eq!(kinds(&mut disk, "secrets"), ["segment", "key"]);
    let proofs = verify(&mut disk, &known());
    assert_eq!(bad(&proofs), [""; 0]);
    assert!(proofs.iter().all(|proof| proof.unsealed == 0), "{proofs:?}");
    let carried = carried.lock().unwrap().clone();
    assert!(carried.ends_with(&format!(
        "{}\n",
        lines(&mut disk, CHECKPOINTS).last().unwrap()
    )));
}

#[tokio::test]
async fn only_the_groups_of_a_log_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new("modes");
    let journal = Journal::open(&place.0, quick(), signer()).unwrap();
    journal
        .write(vec![line(Log::Calls, "outcome", 1)])
        .await
        .unwrap();
    let mode = |path: &str| {
        let about = std::fs::metadata(place.0.join(path)).unwrap();
        about.permissions().mode() & 0o7777
    };
    assert_eq!(mode(""), 0o711);
    assert_eq!(mode("calls"), 0o750);
    assert_eq!(mode("calls/00000001.jsonl"), 0o640);
    drop(journal);
}

/// Many callers at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_come_at_once_are_all_recorded() {
    let disk = Simulated::new(1);
    let settings = quick();
    let journal = Journal::on(disk.clone(), settings, signer()).unwrap();
    let calls = (0..200).map(|id| {
        let journal = journal.clone();
        tokio::spawn(async move {
            let place = intend(&journal, vec![line(Log::Calls, "intent", id)]).await?;
            place.deliver(vec![line(Log::Calls, "outcome", id)]).await
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), Ok(()));
    }
    assert_eq!(journal.health().queued, 0);
    journal.close(Lines::new()).await.unwrap();
    let mut disk = disk;
    assert_eq!(lines(&mut disk, "calls").len(), 401);
    assert_eq!(bad(&verify(&mut disk, &known())), [""; 0]);
}

#[tokio::test]
async fn a_full_queue_refuses_those_who_cannot_wait() {
    let settings = Settings {
        capacity: 2,
        limit: Duration::from_millis(1),
        ..Settings::default()
    };
    let journal = Journal::on(Simulated::new(1), settings, signer()).unwrap();
    // With a limit this short the first attempts may be too late; a place is had in the end.
    let place = loop {
        match intend(&journal, vec![line(Log::Calls, "intent", 1)]).await {
            Ok(place) => break place,
            Err(why) => assert!(matches!(why, Unwritten::Late | Unwritten::Full), "{why}"),
        }
    };
    let second = intend(&journal, vec![line(Log::Calls, "intent", 2)]).await;
    assert_eq!(
        second.unwrap_err(),
        Unwritten::Full,
        "one place is left, two are needed"
    );
    drop(place);
}

/// The disk fails under an open call: its answer is refused, its outcome is on record when the disk works again.
#[tokio::test]
async fn an_outcome_the_disk_refused_is_written_later_and_says_so() {
    let disk = Simulated::new(3);
    let journal = Journal::on(disk.clone(), quick(), signer()).unwrap();
    let place = intend(&journal, vec![line(Log::Calls, "intent", 1)])
        .await
        .unwrap();
    let other = intend(&journal, vec![line(Log::Calls, "intent", 2)])
        .await
        .unwrap();
    disk.trouble(1, None);
    let told = place.deliver(vec![line(Log::Calls, "outcome", 1)]).await;
    assert_eq!(told, Err(Unwritten::Failing));
    let health = journal.health();
    assert!(health.failing && health.kept == 1, "{health:?}");
    assert_eq!(
        journal.write(vec![line(Log::Calls, "outcome", 9)]).await,
        Err(Unwritten::Failing)
    );
    assert_eq!(
        journal.try_write(vec![line(Log::Calls, "outcome", 9)]),
        Err(Unwritten::Failing)
    );
    let told = other.deliver(vec![line(Log::Calls, "outcome", 2)]).await;
    assert_eq!(told, Err(Unwritten::Failing));
    disk.trouble(0, None);
    while journal.health().failing {
        tokio::task::yield_now().await;
    }
    journal
        .write(vec![line(Log::Calls, "outcome", 3)])
        .await
        .unwrap();
    journal.close(Lines::new()).await.unwrap();
    let mut disk = disk;
    assert_eq!(bad(&verify(&mut disk, &known())), [""; 0]);
    let lines = lines(&mut disk, "calls");
    let is = |at: usize, parts: &[&str]| {
        let line: &str = &lines[at];
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    };
    is(
        3,
        &["resumed", "\"refused\":4,", "\"since\":\"2", "\"reason\":"],
    );
    is(4, &["outcome", "\"id\":1,\"undelivered\":true,\"seq\":5"]);
    is(5, &["outcome", "\"id\":2,\"undelivered\":true,"]);
    is(6, &["outcome", "\"id\":3,\"seq\""]);
    assert_eq!(lines.len(), 7);
}

/// What its caller gave up before the thread came to it is not written as if it had been in time.
#[test]
fn what_was_given_up_is_left_out_or_marked() {
    let disk = Simulated::new(4);
    let now = Moment::now();
    let mut writer = writer(disk.clone(), Settings::default(), now).unwrap();
    let (intent, gone) = asked(vec![line(Log::Calls, "intent", 1)], false);
    let (outcome, late) = asked(vec![line(Log::Calls, "outcome", 2)], true);
    gone.give_up();
    late.give_up();
    let (other, waits) = asked(vec![line(Log::Calls, "intent", 3)], false);
    writer.accept(&mut vec![intent, outcome, other], now);
    assert_eq!(waits.said(), Some(Ok(())));
    assert_eq!(gone.said(), Some(Err(Unwritten::Late)));
    let lines = lines(&mut disk.clone(), "calls");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].contains("\"id\":2,\"undelivered\":true,"));
    assert!(lines[2].contains("\"id\":3,\"seq\""));
}

#[test]
fn segments_follow_by_age_too() {
    let disk = Simulated::new(5);
    let mut now = Moment::now();
    let mut writer = writer(disk.clone(), Settings::default(), now).unwrap();
    let mut write = |now: Moment| {
        let (entry, waits) = asked(vec![line(Log::Calls, "intent", 1)], false);
        writer.accept(&mut vec![entry], now);
        assert_eq!(waits.said(), Some(Ok(())));
        disk.clone().list("calls").unwrap().len()
    };
    assert_eq!(write(now), 1);
    now.wall += Duration::from_secs(24 * 60 * 60 - 1);
    assert_eq!(write(now), 1);
    now.wall += Duration::from_secs(1);
    assert_eq!(write(now), 2);
    assert_eq!(write(now), 2);
    drop(writer);
    // A restart does not make it young again.
    now.wall += Duration::from_secs(24 * 60 * 60);
    let mut writer = super::writer(disk.clone(), Settings::default(), now).unwrap();
    let (entry, _waits) = asked(vec![line(Log::Calls, "intent", 1)], false);
    writer.accept(&mut vec![entry], now);
    assert_eq!(disk.clone().list("calls").unwrap().len(), 3);
    assert_eq!(bad(&verify(&mut disk.clone(), &known())), [""; 0]);
}

#[test]
fn checkpoints_come_by_number_and_by_time() {
    let disk = Simulated::new(6);
    let mut now = Moment::now();
    let settings = Settings {
        checkpoint_records: 3,
        ..Settings::default()
    };
    let mut writer = writer(disk.clone(), settings, now).unwrap();
    let count = || {
        lines(&mut disk.clone(), CHECKPOINTS)
            .len()
            .saturating_sub(1)
    };
    assert_eq!(writer.due(now), None, "nothing changed");
    for (wanted, id) in [(0, 1), (0, 2), (1, 3), (1, 4)] {
        let (entry, _waits) = asked(vec![line(Log::Calls, "intent", id)], false);
        writer.accept(&mut vec![entry], now);
        assert_eq!(count(), wanted);
    }
    assert_eq!(writer.due(now), Some(Duration::from_secs(10)));
    now.steady += Duration::from_secs(9);
    writer.tick(now);
    assert_eq!(count(), 1);
    now.steady += Duration::from_secs(1);
    writer.tick(now);
    assert_eq!(count(), 2);
    assert_eq!(writer.due(now), None);
}
