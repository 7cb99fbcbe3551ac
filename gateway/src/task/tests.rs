//! How long a task lives where several gateways have it.

use super::end::{Cause, End};
use super::work::{Kind, Task, Terms};
use super::{Wish, spoken_for};
use crate::identity::{Caller, Proof};
use std::sync::Arc;
use std::time::Duration;

/// A task of five minutes' silence and an hour's life, opened at 1000.
fn task(slack: Option<u64>) -> (Task, Caller) {
    let caller = spoken_for(&Arc::from("one"), &Wish::default());
    let terms = Terms {
        purpose: None,
        life: Duration::from_secs(3600),
        idle: Duration::from_secs(300),
    };
    let mut task = Task::new(&caller, None, Kind::Declared, &terms, 1_000);
    task.slack = slack;
    (task, caller)
}

#[test]
fn others_are_given_time_to_say_that_they_use_it() {
    for (slack, due) in [(None, 1_300), (Some(4), 1_304)] {
        let (task, _) = task(slack);
        assert_eq!(task.due(due - 1), None);
        assert_eq!(task.due(due), Some(Cause::Idle));
    }
}

#[test]
fn every_gateway_comes_to_the_same_deadline_by_the_same_proof() {
    for (slack, first, later) in [(None, 5_600, 6_600), (Some(4), 5_500, 6_500)] {
        let (task, caller) = task(slack);
        let made = |made| Proof {
            made: Some(made),
            ..Proof::clone(&caller.proof)
        };
        task.call(&made(1_900), 2_000);
        assert_eq!(task.deadline(), first);
        task.call(&made(1_900), 2_500);
        task.call(&made(1_200), 2_600);
        assert_eq!(task.deadline(), first, "seen before, or older");
        task.call(&made(2_900), 3_000);
        assert_eq!(task.deadline(), later);
    }
}

#[test]
fn an_end_elsewhere_does_not_wait_for_what_is_open() {
    let (task, _) = task(Some(4));
    let task = Arc::new(task);
    let held = task.hold(1_001).unwrap();
    let end = End {
        cause: Cause::Idle,
        at: 1_002,
    };
    assert!(!task.finish(end), "something is open");
    assert!(task.cut(end) && !task.cut(end));
    assert!(task.over().is_cancelled() && task.hold(1_003).is_none());
    drop(held);
    assert_eq!(task.end(), Some(end));
}
