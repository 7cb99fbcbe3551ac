//! Floods: what is refused before anything limits it is recorded one by one up to ten a second and counted beyond, so
//! that nobody is unrecorded and nobody fills the disk.

use super::books::close;
use super::reached;
use crate::identity::{EVERYTHING, keys, known, staffed};
use std::collections::HashMap;
use tests::records::text;
use tests::setup::{deny, registered};
use tests::{Agent, Gateway, Records, Setup, Upstream};

/// The number that stands for `[audit] refusals` where nothing is said.
const ALONE: usize = 10;

fn defaults(setup: Setup) -> Setup {
    setup.audit("")
}

/// How many refusals of this kind were recorded one by one in each second, and how many were counted beside them.
fn told(records: &Records, member: &str, whose: &str) -> (HashMap<String, usize>, u64) {
    let mut alone: HashMap<String, usize> = HashMap::new();
    for outcome in records.kind("calls", "outcome") {
        if text(outcome, "ending") == "refused" && text(outcome, member) == whose {
            let second = text(outcome, "at")[..19].to_owned();
            *alone.entry(second).or_default() += 1;
        }
    }
    let counts = records.kind("calls", "refusals").into_iter();
    let counts = counts.filter(|one| text(one, member) == whose);
    (alone, counts.filter_map(|one| one["count"].as_u64()).sum())
}

/// At most ten in a second; the record is made a moment after it is counted, so two seconds may share theirs.
fn bounded(alone: &HashMap<String, usize>) {
    assert!(alone.values().all(|count| *count <= 2 * ALONE), "{alone:?}");
    let all: usize = alone.values().sum();
    assert!(all <= ALONE * (alone.len() + 1), "{alone:?}");
}

#[tokio::test]
async fn the_unproven_are_ten_a_second_and_a_number() {
    let upstream = Upstream::saying("ok").await;
    let setup = defaults(staffed(Setup::new(&upstream.url()), &["ann"])).audit("");
    let mut gateway = Gateway::start(&setup).await;
    let ann = known(&gateway, "up", "ann");
    assert_eq!(
        ann.call("echo", "{}").await.said(),
        "ok",
        "now her key is known"
    );
    let stranger = Agent::modern(&gateway).bearer("of-nobody");
    let broken = Agent::modern(&gateway).bearer("no token at all");
    let silent = Agent::modern(&gateway);
    let (mut unauthorized, mut flooding) = (0, 0);
    for number in 0..150 {
        let who = [&stranger, &broken, &silent][number % 3];
        match who.call("echo", "{}").await.status() {
            401 => unauthorized += 1,
            429 => flooding += 1,
            other => panic!("{other}"),
        }
        if number % 10 == 0 {
            // Who is known goes on being served at the same address, in the same second.
            assert_eq!(ann.call("echo", "{}").await.said(), "ok");
        }
    }
    assert_eq!(unauthorized + flooding, 150);
    assert!(
        flooding > 0 && unauthorized >= ALONE,
        "{unauthorized} {flooding}"
    );
    // The first ten of a second are told why, each of the rest that it was too much.
    assert!(
        unauthorized <= 2 * ALONE + flooding,
        "{unauthorized} {flooding}"
    );
    assert_eq!(reached(&upstream), 16);
    let records = within_a_second(&mut gateway, 150).await;
    let (alone, counted) = told(&records, "address", "127.0.0.1");
    bounded(&alone);
    assert_eq!(
        alone.values().sum::<usize>() as u64 + counted,
        150,
        "{alone:?} {counted}"
    );
    assert!(counted > 0);
    for outcome in records.kind("calls", "outcome") {
        let refused = text(outcome, "refused");
        assert!(matches!(refused, "" | "proof" | "flood"), "{outcome}");
    }
}

/// The agent from this machine brings no proof that could be known: its calls are judged and served all the same.
#[tokio::test]
async fn a_local_agent_is_served_beside_a_flood() {
    let upstream = Upstream::saying("ok").await;
    let mut gateway = Gateway::start(&defaults(Setup::new(&upstream.url()))).await;
    let local = Agent::modern(&gateway);
    let stranger = Agent::modern(&gateway).bearer("no token at all");
    let mut flooding = 0;
    for _ in 0..60 {
        flooding += usize::from(stranger.call("echo", "{}").await.status() == 429);
        assert_eq!(local.call("echo", "{}").await.said(), "ok");
    }
    assert!(flooding > 0);
    let records = within_a_second(&mut gateway, 60).await;
    let served = records.kind("calls", "outcome").into_iter();
    let served = served
        .filter(|one| text(one, "ending") == "answered")
        .count();
    assert_eq!((served, reached(&upstream)), (60, 60));
}

/// A proven agent whose calls are refused: counted beyond ten, judged each time, and those that pass are all there.
#[tokio::test]
async fn an_agents_refusals_are_counted_and_its_calls_judged() {
    let upstream = Upstream::saying("ok").await;
    let rules = crate::identity::allow("all", "**") + &deny("no", "up/secret", "no");
    let mut setup = defaults(Setup::new(&upstream.url()).without_local().rules(&rules))
        .tail(&keys(&["ann", "bob"]));
    for agent in ["ann", "bob"] {
        setup = setup.tail(&registered(agent, &format!("\"keys:{agent}\""), EVERYTHING));
    }
    let mut gateway = Gateway::start(&setup).await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    for number in 0..80 {
        let refused = ann.call("secret", "{}").await;
        assert_eq!(
            (refused.status(), refused.code()),
            (200, Some(-32602)),
            "{refused:?}"
        );
        if number % 4 == 0 {
            assert_eq!(ann.call("echo", "{}").await.said(), "ok");
            assert_eq!(bob.call("secret", "{}").await.code(), Some(-32602));
        }
    }
    assert_eq!(reached(&upstream), 20);
    let records = within_a_second(&mut gateway, 100).await;
    for (agent, refusals) in [("ann", 80), ("bob", 20)] {
        let (alone, counted) = told(&records, "agent", agent);
        bounded(&alone);
        assert_eq!(
            alone.values().sum::<usize>() as u64 + counted,
            refusals,
            "{agent} {alone:?}"
        );
    }
    let served = records.kind("calls", "outcome").into_iter();
    assert_eq!(
        served
            .filter(|one| text(one, "ending") == "answered")
            .count(),
        20
    );
}

/// Waits for the seconds to be told, stops the gateway and gives its records.
async fn within_a_second(gateway: &mut Gateway, refusals: usize) -> Records {
    tests::eventually("every refusal is recorded or counted", || {
        let records = Records::read(&gateway.place);
        let counted = records.kind("calls", "refusals").into_iter();
        let counted: u64 = counted.filter_map(|one| one["count"].as_u64()).sum();
        let alone = records.kind("calls", "outcome").into_iter();
        let alone = alone.filter(|one| text(one, "ending") == "refused").count();
        counted as usize + alone >= refusals
    })
    .await;
    close(gateway).await
}
