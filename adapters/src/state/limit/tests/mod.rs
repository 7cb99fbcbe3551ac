//! The table with a clock in hand: every answer is exact.

mod flood;
mod simulated;

use super::memory::{Most, Now};
use super::{Bound, Key, Memory, Quota, Refused, Take};
use crate::state::Durable;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
const DAY: Duration = Duration::from_secs(86_400);

fn key(name: &str) -> Key {
    Key::of([b"limit".as_slice(), name.as_bytes()])
}

fn at(nanos: u64) -> Now {
    Now {
        nanos,
        seconds: super::memory::seconds() + nanos / SECOND,
    }
}

fn quota(count: u32, seconds: u64, burst: u32) -> Quota {
    Quota {
        count,
        period: Duration::from_secs(seconds),
        burst,
    }
}

fn rate(name: &str, quota: Quota) -> Take {
    Take {
        key: key(name),
        bound: Bound::Rate(quota),
    }
}

fn slots(name: &str, most: u32) -> Take {
    Take {
        key: key(name),
        bound: Bound::Slots { most },
    }
}

fn budget(name: &str, most: u64, amount: u64) -> Take {
    Take {
        key: key(name),
        bound: Bound::Budget {
            most,
            amount,
            life: DAY,
        },
    }
}

fn table() -> Memory {
    Memory::new(None)
}

fn small(rates: usize, budgets: usize) -> Memory {
    Memory::bounded(None, Most { rates, budgets })
}

fn refused(at: usize, retry: Option<u64>) -> Result<(), Refused> {
    Err(Refused {
        at,
        retry: retry.map(Duration::from_nanos),
    })
}

#[test]
fn no_part_of_a_key_runs_into_the_next() {
    let key = |parts: &[&str]| Key::of(parts.iter().map(|part| part.as_bytes()));
    assert_eq!(key(&["a", "bc"]), key(&["a", "bc"]));
    assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
    assert_ne!(key(&["a"]), key(&["a", ""]));
    assert_eq!(key(&["a", "b"]).limit(), key(&["a", "c"]).limit());
    assert_ne!(key(&["a", "b"]).limit(), key(&["b", "b"]).limit());
}

#[test]
fn keys_are_the_same_on_every_machine() {
    let key = Key::of([b"rule".as_slice(), b"subject"]);
    let text: String = key
        .bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // FNV-1a of the first part, and SHA-256 over both with their lengths.
    assert_eq!(text, "fc2e40d3be5f837181f68ecaae0652c2");
}

#[test]
fn a_burst_passes_and_then_one_at_a_time() {
    let table = table();
    let take = [rate("a", quota(60, 60, 3))];
    for _ in 0..3 {
        assert_eq!(table.take_at(&take, at(0)), Ok(()));
    }
    assert_eq!(table.take_at(&take, at(0)), refused(0, Some(SECOND)));
    assert_eq!(table.take_at(&take, at(SECOND - 1)), refused(0, Some(1)));
    assert_eq!(table.take_at(&take, at(SECOND)), Ok(()));
    assert_eq!(table.take_at(&take, at(SECOND)), refused(0, Some(SECOND)));
    assert_eq!(
        table.take_at(&[rate("b", quota(60, 60, 3))], at(SECOND)),
        Ok(())
    );
    // After a rest all of it is there, and no more.
    for _ in 0..3 {
        assert_eq!(table.take_at(&take, at(1_000 * SECOND)), Ok(()));
    }
    let again = table.take_at(&take, at(1_000 * SECOND));
    assert_eq!(again, refused(0, Some(SECOND)));
}

#[test]
fn what_one_refuses_burns_none_of_the_others() {
    let table = table();
    let generous = || rate("generous", quota(10, 10, 10));
    let strict = || rate("strict", quota(1, 100, 1));
    let all = [
        generous(),
        slots("slots", 5),
        budget("budget", 100, 7),
        strict(),
    ];
    assert_eq!(table.take_at(&all, at(0)), Ok(()));
    table.give(&[slots("slots", 5)]);
    for _ in 0..1_000 {
        assert_eq!(table.take_at(&all, at(0)), refused(3, Some(100 * SECOND)));
    }
    assert_eq!(table.spent(&key("budget")), 7);
    assert_eq!(table.size().open, 0);
    for _ in 0..9 {
        assert_eq!(table.take_at(&[generous()], at(0)), Ok(()));
    }
    assert_eq!(
        table.take_at(&[generous()], at(0)),
        refused(0, Some(SECOND))
    );
}

#[test]
fn of_several_the_one_that_takes_longest_is_named() {
    let table = table();
    let all = [
        slots("slots", 1),
        rate("short", quota(1, 1, 1)),
        rate("long", quota(1, 60, 1)),
        rate("other", quota(1, 10, 1)),
    ];
    assert_eq!(table.take_at(&all, at(0)), Ok(()));
    assert_eq!(table.take_at(&all, at(0)), refused(2, Some(60 * SECOND)));
    assert_eq!(
        table.take_at(&all, at(59 * SECOND)),
        refused(2, Some(SECOND))
    );
    assert_eq!(table.take_at(&all, at(60 * SECOND)), refused(0, None));
    let spent = [all[1], budget("spent", 0, 1)];
    assert_eq!(table.take_at(&spent, at(0)), refused(1, None));
}

#[test]
fn slots_are_counted_while_something_is_open() {
    let table = table();
    let take = [slots("a", 2)];
    assert_eq!(table.take_at(&take, at(0)), Ok(()));
    assert_eq!(table.take_at(&take, at(0)), Ok(()));
    assert_eq!(table.take_at(&take, at(0)), refused(0, None));
    table.give(&take);
    assert_eq!(table.take_at(&take, at(0)), Ok(()));
    table.give(&take);
    table.give(&take);
    assert_eq!(table.size().open, 0, "no key is kept that has nothing open");
    assert_eq!(table.take_at(&[slots("none", 0)], at(0)), refused(0, None));
}

#[test]
fn a_budget_is_spent_once() {
    let table = table();
    for _ in 0..3 {
        assert_eq!(table.take_at(&[budget("calls", 3, 1)], at(0)), Ok(()));
    }
    assert_eq!(
        table.take_at(&[budget("calls", 3, 1)], at(0)),
        refused(0, None)
    );
    // What does not fit is refused; what fits is not.
    assert_eq!(table.take_at(&[budget("cost", 10, 6)], at(0)), Ok(()));
    assert_eq!(
        table.take_at(&[budget("cost", 10, 5)], at(0)),
        refused(0, None)
    );
    assert_eq!(table.take_at(&[budget("cost", 10, 4)], at(0)), Ok(()));
    // What is known only afterwards may go beyond, once.
    let bytes = [budget("bytes", 100, 0)];
    assert_eq!(table.take_at(&bytes, at(0)), Ok(()));
    table.spend(&[super::Spent {
        key: key("bytes"),
        amount: 1_000,
        life: DAY,
    }]);
    let now = Now {
        nanos: 0,
        seconds: super::memory::seconds(),
    };
    assert_eq!(table.take_at(&bytes, now), refused(0, None));
    let later = Now {
        seconds: now.seconds + 2 * DAY.as_secs(),
        ..now
    };
    assert_eq!(table.take_at(&bytes, later), Ok(()), "it has had its day");
    table.sweep_at(later);
    assert_eq!(table.size().budgets, 0);
}

#[test]
fn a_table_that_begins_empty_handed_gives_no_burst() {
    let table = Memory::empty_handed();
    let take = [rate("a", quota(60, 60, 10))];
    assert_eq!(table.take_at(&take, at(0)), refused(0, Some(SECOND)));
    assert_eq!(table.take_at(&take, at(SECOND)), Ok(()));
    assert_eq!(table.take_at(&take, at(SECOND)), refused(0, Some(SECOND)));
    assert_eq!(table.take_at(&take, at(2 * SECOND)), Ok(()));
    for _ in 0..10 {
        assert_eq!(table.take_at(&take, at(60 * SECOND)), Ok(()));
    }
    assert_eq!(
        table.take_at(&take, at(60 * SECOND)),
        refused(0, Some(SECOND))
    );
}

#[test]
fn extreme_rates_neither_overflow_nor_stop() {
    let table = table();
    let fast = [rate("fast", quota(u32::MAX, 1, u32::MAX))];
    let slow = [rate("slow", quota(1, 86_400, u32::MAX))];
    for now in [0, 1, SECOND, u64::MAX / 8] {
        assert_eq!(table.take_at(&fast, at(now)), Ok(()));
        assert_eq!(table.take_at(&slow, at(now)), Ok(()));
    }
    assert_eq!(Memory::empty_handed().take_at(&fast, at(9)), Ok(()));
    assert!(Memory::empty_handed().take_at(&slow, at(9)).is_err());
}

#[tokio::test]
async fn budgets_outlive_the_process() {
    let file = std::env::temp_dir().join(format!("hopgate-budgets-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let open = || Memory::new(Some(Durable::open(&file).unwrap()));
    let table = open();
    table.take(&[budget("kept", 10, 4)]).unwrap();
    table.take(&[rate("rate", quota(1, 60, 1))]).unwrap();
    table.settle();
    table.take(&[budget("kept", 10, 2)]).unwrap();
    drop(table);
    let table = open();
    assert_eq!(table.spent(&key("kept")), 6);
    let all = [budget("kept", 10, 5)];
    assert_eq!(table.take(&all), refused(0, None));
    table.give(&[budget("kept", 10, 2)]);
    let later = Now {
        nanos: 0,
        seconds: super::memory::seconds() + 2 * DAY.as_secs(),
    };
    table.sweep_at(later);
    drop(table);
    assert_eq!(open().size().budgets, 0, "what has had its day is not kept");
    std::fs::remove_file(file).unwrap();
}
