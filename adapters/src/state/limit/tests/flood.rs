//! A million keys nobody has seen: the table stays small, and whoever was throttled stays so.

use super::{Bound, DAY, SECOND, Take, at, budget, key, quota, rate, refused, small, table};
use crate::state::limit::Key;

fn number(limit: &[u8], number: u64) -> Key {
    Key::of([limit, &number.to_be_bytes()])
}

#[test]
fn a_throttled_key_stays_throttled_through_a_flood() {
    let table = table();
    let slow = quota(1, 86_400, 1);
    let throttled = [rate("throttled", slow)];
    assert_eq!(table.take_at(&throttled, at(0)), Ok(()));
    let mut admitted = 0_u64;
    let new = 2_500_000_u64;
    for one in 0..new {
        let take = [Take {
            key: number(b"flood", one),
            bound: Bound::Rate(slow),
        }];
        admitted += u64::from(table.take_at(&take, at(one)).is_ok());
        if one % 100_000 == 0 {
            assert!(table.take_at(&throttled, at(one)).is_err());
        }
    }
    let size = table.size();
    let most = 128 * super::super::cells::PART_MOST;
    assert_eq!(size.rates, most, "it is full, and no fuller");
    // Of all that found no room one was let in: what one key gets in that time.
    assert_eq!(admitted, most as u64);
    assert_eq!(size.overflowed, new - most as u64 + 1);
    assert!(table.take_at(&throttled, at(new)).is_err());
    // A day later all of it is gone, and the memory with it.
    table.sweep_at(at(2 * DAY.as_nanos() as u64));
    assert_eq!(table.size().rates, 0);
    assert_eq!(
        table.take_at(&throttled, at(2 * DAY.as_nanos() as u64)),
        Ok(())
    );
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
    assert_eq!(key("other"), key("other"));
}
