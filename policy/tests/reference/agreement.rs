//! The engine and the reference agree on random worlds and questions.

use crate::chance;
use crate::dice::Dice;
use crate::engine::{Asked, answer, compiled};
use crate::judge::Judge;
use crate::world::{Outcome, Question, World};
use policy::{Decision, Policy};

/// Questions about each world.
const QUESTIONS: usize = 100;

/// How often each answer came, so that a generator that only makes refusals is found out.
#[derive(Debug, Default)]
struct Tally {
    allowed: usize,
    asked: usize,
    denied: usize,
    outside: usize,
    scopes: usize,
    credentials: usize,
    leased: usize,
    unsafe_scopes: usize,
    hidden: usize,
    shadowed: usize,
}

/// Twenty-five thousand pairs, and as many others beside them; a few seconds without optimisation.
#[test]
fn on_some_pairs() {
    agree(250, 1);
}

#[test]
fn on_some_others() {
    agree(250, 2);
}

/// A million pairs: `cargo test -p policy --test reference --release -- --ignored`.
#[test]
#[ignore = "a million pairs: minutes without optimisation"]
fn on_a_million_pairs() {
    agree(10_000, 3);
}

fn agree(worlds: usize, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut tally = Tally::default();
    for _ in 0..worlds {
        let world = chance::world(&mut dice);
        let policy = compiled(&world.text());
        for _ in 0..QUESTIONS {
            let question = chance::question(&mut dice);
            compare(&world, &policy, &question, &mut tally);
        }
    }
    let least = worlds * QUESTIONS / 100;
    let counts = [
        tally.allowed,
        tally.asked,
        tally.denied,
        tally.outside,
        tally.hidden,
    ];
    assert!(counts.iter().all(|count| *count > least), "{tally:?}");
    assert!(tally.shadowed > least / 2, "{tally:?}");
    let rarer = [tally.scopes, tally.leased, tally.unsafe_scopes];
    assert!(rarer.iter().all(|count| *count > least / 4), "{tally:?}");
    assert!(tally.credentials > least / 10, "{tally:?}");
}

fn compare(world: &World, policy: &Policy, question: &Question, tally: &mut Tally) {
    let judge = Judge {
        world,
        question,
        shadow: false,
    };
    let asked = Asked::new(question);
    let (ours, theirs) = (
        judge.answer(),
        answer(policy, &asked.request(), asked.now()),
    );
    assert_eq!(theirs, ours, "{question:?}\n{}", world.text());
    match ours.outcome {
        Outcome::Allow => tally.allowed += 1,
        Outcome::Ask => tally.asked += 1,
        Outcome::Deny => tally.denied += 1,
    }
    tally.credentials += usize::from(ours.reason == "credentials");
    tally.unsafe_scopes += usize::from(ours.reason == "lease");
    tally.leased += usize::from(ours.lease.scope.is_some() || ours.lease.credential.is_some());
    tally.outside += usize::from(ours.reason == "envelope");
    tally.scopes += usize::from(ours.reason == "scopes");
    tally.hidden += usize::from(ours.outcome == Outcome::Deny && !ours.visible);

    let counted = world.rules.iter().any(|rule| rule.shadow) && judge.unknown().is_none();
    let shadow = policy::shadow(policy, &asked.request(), asked.now());
    assert_eq!(shadow.is_some(), counted, "{question:?}");
    if let Some(shadow) = shadow {
        let theirs = Judge {
            shadow: true,
            ..judge
        }
        .answer();
        let rules = &world.rules;
        let only_counted =
            |name: &String| rules.iter().any(|rule| rule.shadow && rule.name == *name);
        let rule = theirs.rule.filter(only_counted);
        assert!(
            shadow.rule.as_deref() == rule.as_deref() || theirs.reason == "credentials",
            "{question:?}\n{}",
            world.text()
        );
        assert_eq!(
            format!("{:?}", shadow.outcome),
            format!("{:?}", theirs.outcome)
        );
        tally.shadowed += usize::from(theirs.outcome != ours.outcome);
    }
    opening(policy, &judge, &asked, ours.visible);
}

/// Of a whole server only two things are promised: who may see something there reaches it, and who has nothing there
/// in an envelope does not.
fn opening(policy: &Policy, judge: &Judge<'_>, asked: &Asked<'_>, visible: bool) {
    let request = asked.opening();
    let open = matches!(
        policy::decide(policy, &request, asked.now()),
        Decision::Allow(_)
    );
    assert_eq!(open, policy::visible(policy, &request), "{request:?}");
    assert!(open || !visible, "{request:?}\n{}", judge.world.text());
    let none = judge.unknown().is_some()
        || judge.agents().iter().any(|name| {
            let agent = judge.world.agent(name).unwrap();
            let server = &judge.question.server;
            let there = |tool: &str| match tool.split_once('/') {
                Some((on, _)) => on.contains('*') || on == server,
                None => true,
            };
            !judge.world.any(&agent.tools, |group| &group.tools, &there)
        });
    assert!(!open || !none, "{request:?}\n{}", judge.world.text());
}
