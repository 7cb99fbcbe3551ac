//! Limits and budgets that several gateways count together, and what holds while their store is away.

use super::{Fleet, status};
use crate::identity::{self, EVERYTHING, allow, arrived, hanging, keys, known};
use std::time::Duration;
use tests::setup::registered;
use tests::{Agent, Setup};
use tokio::time::Instant;

async fn limited(limit: &str) -> Fleet {
    let rule = format!("{}limit = {limit}\n", allow("all", "**"));
    Fleet::with(|setup| setup.rules(&rule)).await
}

/// How many of so many calls pass, at one and the other in turn.
async fn passing((one, two): &(Agent, Agent), calls: usize) -> usize {
    let mut passed = 0;
    for call in 0..calls {
        let agent = if call % 2 == 0 { one } else { two };
        match status(agent).await {
            200 => passed += 1,
            refused => assert_eq!(refused, 429),
        }
    }
    passed
}

#[tokio::test]
async fn a_rate_is_one_for_all() {
    let fleet = limited("{ rate = \"5/d\" }").await;
    assert_eq!(passing(&fleet.known("ann"), 12).await, 5);
    assert_eq!(passing(&fleet.known("bob"), 12).await, 5);
    let (_, two) = fleet.known("ann");
    let answer = two.call("echo", "{}").await;
    let retry: u64 = answer.head.get("retry-after").unwrap().parse().unwrap();
    assert!((17_000..=17_280).contains(&retry), "{retry}");
}

#[tokio::test]
async fn a_local_rate_is_counted_by_each() {
    let fleet = limited("{ rate = \"3/d\", local = true }").await;
    assert_eq!(passing(&fleet.known("ann"), 12).await, 6);
}

/// What a local limit refuses takes nothing of the shared one, and the other way round.
#[tokio::test]
async fn all_or_nothing_holds_across_both() {
    let local = "{ rate = \"2/d\", local = true, per = \"tool\" }";
    let fleet = limited(&format!("[{local}, {{ rate = \"5/d\" }}]")).await;
    let (one, two) = fleet.known("ann");
    for (agent, tool, expected) in [
        (&one, "a", 200),
        (&one, "a", 200),
        (&one, "a", 429),
        (&one, "a", 429),
        (&two, "a", 200),
        (&two, "b", 200),
        (&one, "b", 200),
        (&two, "a", 429),
        (&two, "c", 429),
    ] {
        assert_eq!(agent.call(tool, "{}").await.status(), expected, "{tool}");
    }
}

#[tokio::test]
async fn places_are_held_and_freed_for_all() {
    let fleet = limited("{ concurrency = 1 }").await;
    let (one, two) = fleet.known("ann");
    let call = hanging(known(&fleet.one, "up", "ann"));
    arrived(&fleet.upstream, "hang", 1).await;
    assert_eq!((status(&one).await, status(&two).await), (429, 429));
    call.abort();
    super::until(
        "the place is free",
        async || status(&two).await,
        |said| *said == 200,
    )
    .await;
}

/// Before a server whose tools answer, for an agent that may make ten calls a day.
async fn budgeted() -> Fleet {
    let (upstream, _) = identity::patient().await;
    let envelope = format!("{EVERYTHING}, budget = {{ day = {{ calls = 10 }} }}");
    let setup = Setup::new(&upstream.url())
        .without_local()
        .rules(&allow("all", "**"))
        .tail(&keys(&["ann"]))
        .tail(&registered("ann", "\"keys:ann\"", &envelope));
    Fleet::of(upstream, setup).await
}

#[tokio::test]
async fn a_budget_is_one_for_all() {
    let fleet = budgeted().await;
    assert_eq!(passing(&fleet.known("ann"), 14).await, 10);
}

/// However often the store is away: what is spent stays spent.
#[tokio::test]
async fn a_budget_does_not_come_back_without_the_store() {
    let fleet = budgeted().await;
    let (one, two) = fleet.known("ann");
    let both = (one, two);
    assert_eq!(passing(&both, 6).await, 6);
    let mut passed = 6;
    for _ in 0..3 {
        fleet.store.signal("STOP");
        // Few enough to be asked before the last pulse counts no more.
        for call in 0..8 {
            let agent = if call % 2 == 0 { &both.0 } else { &both.1 };
            passed += usize::from(status(agent).await == 200);
        }
        fleet.store.signal("CONT");
        let counted = async || both.0.call("echo", "{}").await.status();
        let known = |said: &u16| *said != 503;
        let said = super::until("the store counts again", counted, known).await;
        passed += usize::from(said == 200);
    }
    assert!(passed <= 10, "{passed} of 10");
}

#[tokio::test]
async fn without_the_store_a_limit_that_says_deny_lets_nothing_pass() {
    let mut fleet = limited("{ rate = \"1000/s\", store_down = \"deny\" }").await;
    let (one, two) = fleet.known("ann");
    assert_eq!((status(&one).await, status(&two).await), (200, 200));
    fleet.store.kill();
    let answer = one.call("echo", "{}").await;
    assert_eq!((answer.status(), answer.code()), (503, Some(-31_503)));
    assert_eq!(status(&two).await, 503);
    fleet.store.again().await;
    for agent in [&one, &two] {
        super::until(
            "it passes",
            async || status(agent).await,
            |said| *said == 200,
        )
        .await;
    }
}

/// A part for each, and no burst again.
#[tokio::test]
async fn without_the_store_each_lets_its_part_pass() {
    let mut fleet = limited("{ rate = \"600/min\", burst = 50 }").await;
    let both = fleet.known("ann");
    assert_eq!(passing(&both, 4).await, 4);
    // Both have heard of each other.
    tokio::time::sleep(Duration::from_secs(2)).await;
    fleet.store.kill();
    let began = Instant::now();
    let mut passed = 0_u32;
    // Until the last pulse counts no more.
    while began.elapsed() < tests::PATIENCE {
        match status(&both.0).await {
            200 => passed += 1,
            429 => {}
            refused => {
                assert_eq!(refused, 503);
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Ten in a second are the limit of both.
    let most = began.elapsed().as_secs_f64() * 5.0 * 1.01 + 1.0;
    assert!(
        passed > 0 && f64::from(passed) <= most,
        "{passed} of {most}"
    );
}
