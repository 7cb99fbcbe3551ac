//! Random calls on random limits, beside a model so simple that it is plainly right.

use super::{Bound, Key, Take, at, small, table};
use crate::state::limit::{Memory, Quota};
use std::collections::HashMap;
use std::time::Duration;

/// Numbers that are the same in every run.
struct Random(u64);

/// What the table should say: each bound by itself, and no clever word in it.
#[derive(Default)]
struct Model {
    rates: HashMap<Key, u64>,
    open: HashMap<Key, u32>,
    spent: HashMap<Key, u64>,
}

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn quota(&mut self) -> Quota {
        Quota {
            count: 1 + u32::try_from(self.below(200)).unwrap(),
            period: Duration::from_secs([1, 60, 3_600][self.below(3) as usize]),
            burst: 1 + u32::try_from(self.below(30)).unwrap(),
        }
    }
}

impl Model {
    fn passes(&self, take: &Take, now: u64) -> bool {
        match take.bound {
            Bound::Rate(quota) => {
                let until = self.rates.get(&take.key).copied().unwrap_or(0).max(now);
                let span = quota.interval() * u64::from(quota.burst);
                until + quota.interval() <= now + span
            }
            Bound::Slots { most } => self.open.get(&take.key).copied().unwrap_or(0) < most,
            Bound::Budget { most, amount, .. } => {
                let spent = self.spent.get(&take.key).copied().unwrap_or(0);
                if amount == 0 {
                    spent < most
                } else {
                    spent + amount <= most
                }
            }
        }
    }

    fn take(&mut self, take: &Take, now: u64) {
        match take.bound {
            Bound::Rate(quota) => {
                let until = self.rates.entry(take.key).or_default();
                *until = (*until).max(now) + quota.interval();
            }
            Bound::Slots { .. } => *self.open.entry(take.key).or_default() += 1,
            Bound::Budget { amount, .. } => *self.spent.entry(take.key).or_default() += amount,
        }
    }
}

/// The limits of one world: each with a bound, counted for a few keys.
fn limits(random: &mut Random) -> Vec<Bound> {
    (0..2 + random.below(4))
        .map(|_| match random.below(4) {
            0 => Bound::Slots {
                most: 1 + u32::try_from(random.below(5)).unwrap(),
            },
            1 => Bound::Budget {
                most: 50 + random.below(500),
                amount: random.below(4),
                life: super::DAY,
            },
            _ => Bound::Rate(random.quota()),
        })
        .collect()
}

#[test]
fn random_calls_on_random_limits_pass_where_the_model_says() {
    let mut both = (0_u64, 0_u64);
    for seed in 0..200 {
        let mut random = Random(seed);
        let limits = limits(&mut random);
        let (table, mut model) = (table(), Model::default());
        let mut open: Vec<Take> = Vec::new();
        let mut now = 0;
        for _ in 0..500 {
            now += random.below(1_500) * random.below(1_000_000);
            let mut takes = Vec::new();
            for (limit, bound) in limits.iter().enumerate() {
                if random.below(5) > 0 {
                    let who = random.below(3).to_be_bytes();
                    takes.push(Take {
                        key: Key::of([&limit.to_be_bytes()[..], &who]),
                        bound: *bound,
                    });
                }
            }
            let passes = takes.iter().all(|take| model.passes(take, now));
            let answer = table.take_at(&takes, at(now));
            assert_eq!(answer.is_ok(), passes, "seed {seed} at {now}: {takes:?}");
            match answer {
                Ok(()) => {
                    both.0 += 1;
                    takes.iter().for_each(|take| model.take(take, now));
                    let slots = |take: &&Take| matches!(take.bound, Bound::Slots { .. });
                    open.extend(takes.iter().filter(slots));
                }
                Err(refused) => {
                    both.1 += 1;
                    let named = takes[refused.at];
                    assert!(
                        !model.passes(&named, now),
                        "seed {seed}: one that refused is named"
                    );
                    if let Some(retry) = refused.retry {
                        let then = now + u64::try_from(retry.as_nanos()).unwrap();
                        assert!(model.passes(&named, then) && !model.passes(&named, then - 1));
                    }
                }
            }
            if random.below(2) == 0 && !open.is_empty() {
                let ended = open.swap_remove(random.below(open.len() as u64) as usize);
                table.give(&[ended]);
                *model.open.get_mut(&ended.key).unwrap() -= 1;
            }
        }
    }
    assert!(both.0 > 10_000 && both.1 > 10_000, "{both:?}");
}

/// When calls came in that passed.
fn admitted(table: &Memory, take: Take, arrivals: &[u64]) -> Vec<u64> {
    let passes = |now: &&u64| table.take_at(&[take], at(**now)).is_ok();
    arrivals.iter().filter(passes).copied().collect()
}

#[test]
fn in_no_span_more_passes_than_the_limit_says_and_no_less_than_an_ideal_one_lets_pass() {
    for seed in 0..300 {
        let mut random = Random(seed ^ 0x5eed);
        let quota = random.quota();
        let take = Take {
            key: Key::of([b"one".as_slice()]),
            bound: Bound::Rate(quota),
        };
        // Two calls for each that may pass, in bursts and pauses.
        let (mut now, mut arrivals) = (0, Vec::new());
        for _ in 0..400 {
            now += match random.below(10) {
                0 => quota.interval() * random.below(40),
                1..5 => 0,
                _ => random.below(quota.interval() + 1),
            };
            arrivals.push(now);
        }
        let passed = admitted(&small(10, 10), take, &arrivals);
        let period = quota.period.as_nanos();
        for (first, begin) in passed.iter().enumerate() {
            for (more, end) in passed[first..].iter().enumerate() {
                let span = u128::from(end - begin);
                let most = u128::from(quota.burst) * period + span * u128::from(quota.count);
                let these = (more as u128 + 1) * period;
                assert!(these * 100 <= most * 101, "seed {seed}: {quota:?}");
            }
        }
        // A bucket in whole numbers: a cell is a period, and every nanosecond brings `count`.
        let full = u128::from(quota.burst) * period;
        let (mut level, mut last, mut ideal) = (full, 0, 0_usize);
        for now in &arrivals {
            level = full.min(level + u128::from(now - last) * u128::from(quota.count));
            last = *now;
            if level >= period {
                level -= period;
                ideal += 1;
            }
        }
        assert!(
            passed.len() >= ideal,
            "seed {seed}: {} < {ideal}",
            passed.len()
        );
    }
}
