//! Texts and tables as what they say.

use super::{Limit, Per, Queue, Rate, StoreDown, budget, limits};
use crate::document::Table;
use crate::{Document, Source};
use std::time::Duration;

fn table(text: &str) -> Table {
    let (document, found) = Document::read(vec![Source::new("p", text)]);
    assert!(found.is_empty(), "{found:?}");
    document.unwrap().root
}

#[test]
fn rates() {
    let rate = |count, seconds, burst| Rate {
        count,
        period: Duration::from_secs(seconds),
        burst,
    };
    for (text, expected) in [
        ("1/s", rate(1, 1, 1)),
        ("60/min", rate(60, 60, 60)),
        ("1000/h", rate(1_000, 3_600, 1_000)),
        ("1000000000/d", rate(1_000_000_000, 86_400, 1_000_000_000)),
    ] {
        assert_eq!(Rate::parse(text), Some(expected), "{text}");
    }
    let day = |burst| Rate {
        burst,
        ..Rate::parse("2/d").unwrap()
    };
    assert_eq!(day(1).recovery(), Duration::from_secs(43_200));
    assert_eq!(day(4).recovery(), Duration::from_secs(172_800));
    assert!(day(u32::MAX).recovery() > Duration::from_secs(1 << 33));
}

#[test]
fn what_is_not_said_has_a_default() {
    let mut found = Vec::new();
    let read = limits(&table("limit = { rate = \"6/s\" }"), &mut found);
    let least = Limit {
        rate: Rate::parse("6/s"),
        concurrency: None,
        per: Per::Subject,
        queue: None,
        local: false,
        store_down: StoreDown::Share,
    };
    assert_eq!(*read[0], least);
    let all = "limit = [{ concurrency = 3 }, { rate = \"6/s\", burst = 2, concurrency = 4, per = \"chain\", queue = { size = 5, wait = \"2s\" }, store_down = \"deny\" }]";
    let read = limits(&table(all), &mut found);
    let most = Limit {
        rate: Some(Rate {
            burst: 2,
            ..Rate::parse("6/s").unwrap()
        }),
        concurrency: Some(4),
        per: Per::Chain,
        queue: Some(Queue {
            size: 5,
            wait: Duration::from_secs(2),
        }),
        local: false,
        store_down: StoreDown::Deny,
    };
    assert_eq!((read.len(), &*read[1]), (2, &most));
    assert_eq!((read[0].rate, read[0].concurrency), (None, Some(3)));
    let local = limits(
        &table("limit = { rate = \"6/s\", local = true }"),
        &mut found,
    );
    assert!(local[0].local && found.is_empty(), "{found:?}");
    assert!(limits(&table(""), &mut found).is_empty());
}

#[test]
fn what_is_read_is_said_as_it_was_written() {
    let mut found = Vec::new();
    for (written, said) in [
        ("{ rate = \"6/s\" }", "6/s per subject"),
        ("{ rate = \"6/s\", burst = 6 }", "6/s per subject"),
        (
            "{ rate = \"6/d\", burst = 2, concurrency = 3, per = \"tool\", local = true }",
            "6/d with a burst of 2 and 3 at once per tool, on each replica",
        ),
        (
            "{ concurrency = 3, queue = { size = 2, wait = \"1500ms\" }, store_down = \"deny\" }",
            "3 at once per subject, 2 waiting up to 1.5 s, nothing without the store",
        ),
    ] {
        let read = limits(&table(&format!("limit = {written}")), &mut found);
        assert_eq!(read[0].to_string(), said);
    }
    for (written, said) in [
        ("minutes = 90, bytes = \"2048KiB\"", "2MiB, 90 minutes"),
        (
            "bytes = \"1025B\", cost = 7, calls = 3",
            "3 calls, 1025B, a cost of 7",
        ),
    ] {
        let text = format!("budget = {{ day = {{ {written} }} }}");
        let read = budget(&table(&text), &mut found).unwrap();
        assert_eq!(read.day.to_string(), said);
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn budgets() {
    let mut found = Vec::new();
    let text = "budget = { task = { calls = 200, bytes = \"50MiB\", minutes = 30, cost = 500 } }";
    let read = budget(&table(text), &mut found).unwrap();
    let task = read.task;
    assert_eq!((task.calls, task.bytes), (Some(200), Some(50 << 20)));
    let half = Duration::from_secs(1_800);
    assert_eq!((task.time, task.cost), (Some(half), Some(500)));
    assert!(read.day.is_empty() && !task.is_empty());
    assert!(budget(&table(""), &mut found).is_none() && found.is_empty());
}
