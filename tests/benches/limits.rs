//! What limits cost: the time of a call's takes from the table in this process, and the memory of a million subjects.

use adapters::state::limit::{Bound, Key, Memory, Quota, Take};
use std::time::Duration;
use tokio::time::Instant;

const SUBJECTS: u64 = 1_000_000;
const CALLS: u64 = 1_000_000;

/// What a call takes that one rule, one envelope and its server limit: the keys are made for each call, as they are there.
fn takes(subject: u64) -> [Take; 4] {
    let quota = |count: u32| Quota {
        count,
        period: Duration::from_secs(86_400),
        burst: count,
    };
    let text = format!("spiffe://example.org/ns/billing/sa/worker-{subject}");
    let key = |name: &[u8]| Key::of([name, b"reconciler", text.as_bytes()]);
    [
        Take {
            key: key(b"rule\0subject\0rate\0\0\0\0\0\0\0\0\0reconciler works on the ledger"),
            bound: Bound::Rate(quota(1_000_000_000)),
        },
        Take {
            key: key(b"rule\0subject\0concurrency\0\0\0\0\0\0\0\0\0reconciler works on the ledger"),
            bound: Bound::Slots { most: 100 },
        },
        Take {
            key: key(b"envelope\0subject\0rate\0\0\0\0\0\0\0\0\0reconciler"),
            bound: Bound::Rate(quota(1_000_000_000)),
        },
        Take {
            key: Key::of([
                b"server\0server\0rate\0\0\0\0\0\0\0\0\0ledger".as_slice(),
                b"ledger",
            ]),
            bound: Bound::Rate(quota(1_000_000_000)),
        },
    ]
}

/// Microseconds of a call, over a table in which so many subjects are.
fn time(table: &Memory, subjects: u64, limits: usize) -> f64 {
    let began = Instant::now();
    for call in 0..CALLS {
        let takes = takes(call * 7919 % subjects);
        let takes = &takes[..limits];
        assert!(table.take(takes).is_ok());
        let slots = |take: &&Take| matches!(take.bound, Bound::Slots { .. });
        if let Some(slot) = takes.iter().find(slots) {
            table.give(std::slice::from_ref(slot));
        }
    }
    began.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

/// Resident memory, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.expect("a number") / 1024.0
}

fn main() {
    let table = Memory::new(None);
    println!(
        "one limit, a few subjects:     {:.2} µs a call",
        time(&table, 100, 1)
    );
    println!(
        "a rule with both, few:         {:.2} µs a call",
        time(&table, 100, 2)
    );
    println!(
        "rule, envelope and server:     {:.2} µs a call",
        time(&table, 100, 4)
    );
    let before = resident();
    let one = Quota {
        count: 1,
        period: Duration::from_secs(86_400),
        burst: 10,
    };
    for subject in 0..SUBJECTS {
        let take = Take {
            key: Key::of([b"subjects".as_slice(), &subject.to_be_bytes()]),
            bound: Bound::Rate(one),
        };
        assert!(table.take(&[take]).is_ok());
    }
    let size = table.size();
    println!(
        "a million subjects:            {:.1} MiB",
        resident() - before
    );
    println!(
        "in the table:                  {}, without room {}",
        size.rates, size.overflowed
    );
    println!(
        "four of a million subjects:    {:.2} µs a call",
        time(&table, SUBJECTS / 4, 4)
    );
}
