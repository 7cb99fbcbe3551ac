//! A million keys nobody has seen: the table stays small, and whoever was throttled stays so.

use super::{Bound, DAY, SECOND, Take, at, budget, quota, rate, refused, small, table};
use crate::state::limit::{Key, Memory, Quota};

fn number(limit: &[u8], number: u64) -> Key {
    Key::of([limit, &number.to_be_bytes()])
}

/// Takes for so many new keys of one limit; how many passed.
fn flood(table: &Memory, throttled: &[Take], (new, slow): (u64, Quota)) -> u64 {
    let mut admitted = 0;
    for one in 0..new {
        let take = [Take {
            key: number(b"flood", one),
            bound: Bound::Rate(slow),
        }];
        admitted += u64::from(table.take_at(&take, at(one)).is_ok());
        if one % 10_000 == 0 {
            assert!(table.take_at(throttled, at(one)).is_err());
        }
    }
    assert!(table.take_at(throttled, at(new)).is_err());
    admitted
}

#[test]
fn a_throttled_key_stays_throttled_through_a_million_new_ones() {
    let table = table();
    let slow = quota(1, 86_400, 1);
    let throttled = [rate("throttled", slow)];
    assert_eq!(table.take_at(&throttled, at(0)), Ok(()));
    // There is room for all of them, so nobody pays for the flood but those who make it.
    let new = 1_000_000;
    assert_eq!(flood(&table, &throttled, (new, slow)), new);
    assert_eq!(table.size().rates, 1_000_001);
    assert_eq!(table.size().overflowed, 0);
    // Later all of it is gone, and the memory with it.
    let later = 2 * 86_400 * SECOND;
    table.sweep_at(at(later));
    assert_eq!(table.size().rates, 0);
    assert_eq!(table.take_at(&throttled, at(later)), Ok(()));
}

#[test]
fn a_throttled_key_stays_throttled_where_there_is_no_room_for_more() {
    let table = small(50, 10);
    let slow = quota(1, 86_400, 1);
    let throttled = [rate("throttled", slow)];
    assert_eq!(table.take_at(&throttled, at(0)), Ok(()));
    let (new, most) = (100_000, 128 * 50);
    // Of all that found no room one was let in: what one key gets in that time.
    assert_eq!(flood(&table, &throttled, (new, slow)), most);
    let size = table.size();
    assert_eq!(size.rates as u64, most, "it is full, and no fuller");
    assert_eq!(size.overflowed, new - most + 1);
}

#[test]
fn what_has_passed_makes_room() {
    let table = small(1, 10);
    let second = quota(1, 1, 1);
    let fill = |now: u64, from: u64| {
        (from..from + 10_000)
            .filter(|one| {
                let take = [Take {
                    key: number(b"passing", *one),
                    bound: Bound::Rate(second),
                }];
                table.take_at(&take, at(now)).is_ok()
            })
            .count()
    };
    // One for each of 128 parts and one for all others.
    assert_eq!(fill(0, 0), 129);
    assert_eq!(fill(SECOND - 1, 20_000), 0);
    assert_eq!(fill(SECOND + SECOND / 2, 40_000), 129);
    assert_eq!(table.size().rates, 128);
}

#[test]
fn limits_do_not_share_their_overflow() {
    let table = small(0, 10);
    let slow = quota(1, 60, 1);
    let of = |limit: &[u8], one: u64| {
        let take = [Take {
            key: number(limit, one),
            bound: Bound::Rate(slow),
        }];
        table.take_at(&take, at(0)).is_ok()
    };
    assert!(of(b"first", 1) && !of(b"first", 2));
    assert!(of(b"second", 1) && !of(b"second", 3));
}

#[test]
fn budgets_without_room_are_spent_together() {
    let table = small(10, 100);
    let spend = |one: u64| {
        let take = [Take {
            key: number(b"tasks", one),
            bound: Bound::Budget {
                most: 2,
                amount: 1,
                life: DAY,
            },
        }];
        table.take_at(&take, at(0)).is_ok()
    };
    assert_eq!((0..100).filter(|one| spend(*one)).count(), 100);
    assert_eq!((100..1_000).filter(|one| spend(*one)).count(), 2);
    assert!(spend(5), "who has a place spends its own");
    assert!(!spend(5));
    assert_eq!(table.size().budgets, 101);
    let other = [budget("other", 1, 1)];
    assert_eq!(table.take_at(&other, at(0)), Ok(()));
    assert_eq!(table.take_at(&other, at(0)), refused(0, None));
}
