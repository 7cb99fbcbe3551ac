//! What callers may learn (T60), and that an operator is told what was decided.

use crate::chance;
use crate::dice::Dice;
use crate::engine::{Asked, answer, compiled};
use crate::judge::{Judge, Moment};
use crate::lease;
use crate::world::{Outcome, Question, Rule, Says, Thing, World};
use policy::{Decision, Explanation, Foreseen, Policy, Reason, Target};

/// Random worlds, each with so many questions.
fn each(seed: u64, worlds: usize, mut meet: impl FnMut(&mut Dice, &World, &Policy, Question)) {
    let mut dice = Dice::new(seed);
    for _ in 0..worlds {
        let world = chance::world(&mut dice);
        let policy = compiled(&world.text());
        for _ in 0..50 {
            let question = chance::question(&mut dice);
            meet(&mut dice, &world, &policy, question);
        }
    }
}

/// What is listed depends on who asks and on configuration; what is not listed no call gets.
#[test]
fn what_is_hidden_is_refused_whatever_comes_with_the_call() {
    let (mut hidden, mut refused) = (0, 0);
    each(9, 150, |dice, world, policy, question| {
        let asked = Asked::new(&question);
        let visible = policy::visible(policy, &asked.request());
        for _ in 0..4 {
            let chance = chance::question(dice);
            let other = Question {
                scopes: chance.scopes,
                label: chance.label,
                untrusted: chance.untrusted,
                arguments: chance.arguments,
                now: chance.now,
                ..question.clone()
            };
            let other = Asked::new(&other);
            let (request, now) = (other.request(), other.now());
            assert_eq!(
                policy::visible(policy, &request),
                visible,
                "{request:?}\n{}",
                world.text()
            );
            match policy::decide(policy, &request, now) {
                Decision::Deny(denial) => {
                    assert_eq!(denial.visible(), visible);
                    refused += usize::from(visible);
                }
                Decision::Allow(_) | Decision::Ask(_) => assert!(visible, "{request:?}"),
            }
        }
        hidden += usize::from(!visible);
    });
    assert!(hidden > 500 && refused > 200, "{hidden} {refused}");
}

/// Rules that are only counted change nothing, and neither do they tell anything.
#[test]
fn counted_rules_change_nothing() {
    let mut counted = 0;
    each(10, 100, |_, world, policy, question| {
        let mut without = world.clone();
        without.rules.retain(|rule| !rule.shadow);
        if without.rules.len() == world.rules.len() {
            return;
        }
        let without = compiled(&without.text());
        let asked = Asked::new(&question);
        assert_eq!(
            answer(policy, &asked.request(), asked.now()),
            answer(&without, &asked.request(), asked.now()),
            "{question:?}\n{}",
            world.text()
        );
        assert_eq!(
            answer(policy, &asked.opening(), asked.now()),
            answer(&without, &asked.opening(), asked.now())
        );
        assert_eq!(
            policy::shadow(&without, &asked.request(), asked.now()),
            None
        );
        counted += 1;
    });
    assert!(counted > 500, "{counted}");
}

/// What is foreseen without the arguments is decided with any, and what is left open is left to rules that read them.
#[test]
fn what_is_foreseen_is_decided_whatever_the_arguments() {
    let mut foreseen = [0; 3];
    let (mut open, mut turned) = (0, 0);
    each(12, 500, |dice, world, policy, question| {
        let told = {
            let asked = Asked::new(&question);
            policy::foresee(policy, &asked.request(), asked.now())
        };
        let mut outcomes = Vec::new();
        for _ in 0..8 {
            let other = Question {
                arguments: chance::question(dice).arguments,
                ..question.clone()
            };
            let other = Asked::new(&other);
            let request = policy::Request {
                arguments: match other.request().target {
                    Target::Tool(_) | Target::Prompt(_) => other.request().arguments,
                    _ => None,
                },
                ..other.request()
            };
            let decided = policy::decide(policy, &request, other.now());
            outcomes.push(policy::Outcome::of(&decided));
        }
        match told {
            Foreseen::Sure { outcome, .. } => {
                let same = outcomes.iter().all(|one| *one == outcome);
                assert!(same, "{question:?}\n{outcomes:?}\n{}", world.text());
                foreseen[outcome as usize] += 1;
            }
            Foreseen::Open(names) => {
                let reads = |name: &&std::sync::Arc<str>| {
                    let mut rules = world.rules.iter();
                    rules.any(|rule| *rule.name == ***name && !rule.shadow)
                };
                assert!(!names.is_empty() && names.iter().all(|name| reads(&name)));
                open += 1;
                turned += usize::from(outcomes.iter().any(|one| Some(one) != outcomes.first()));
            }
        }
    });
    assert!(foreseen.iter().all(|count| *count > 100), "{foreseen:?}");
    assert!(open > 200 && turned > open / 10, "{open} {turned}");
}

#[test]
fn an_explanation_tells_what_was_decided() {
    let mut tallied = [0; 3];
    each(11, 120, |_, world, policy, question| {
        let judge = Judge {
            world,
            question: &question,
            shadow: false,
        };
        let asked = Asked::new(&question);
        let request = asked.request();
        let told = policy::explain(policy, &request, asked.now());
        let decided = policy::decide(policy, &request, asked.now());
        assert_eq!(format!("{:?}", told.decision), format!("{decided:?}"));
        if judge.unknown().is_some() {
            assert!(told.rules.is_empty() && told.outside.is_empty());
            return;
        }
        let outside: Vec<_> = told
            .outside
            .iter()
            .map(|(name, key, _)| ((*name).to_owned(), *key))
            .collect();
        assert_eq!(outside, judge.outside(), "{question:?}\n{}", world.text());
        silence(&judge, &told);
        tallied[agrees(&told) as usize] += 1;
    });
    assert!(tallied.iter().all(|count| *count > 50), "{tallied:?}");
}

/// No call goes out with what no rule that allows it names, nor for longer than any of them says; and two rules that are
/// told to disagree do.
#[test]
fn what_a_call_goes_out_with_is_what_a_rule_that_allows_it_names() {
    let (mut granted, mut refused) = (0, 0);
    each(13, 200, |_, world, policy, question| {
        let judge = Judge {
            world,
            question: &question,
            shadow: false,
        };
        let asked = Asked::new(&question);
        let decision = policy::decide(policy, &asked.request(), asked.now());
        let client = matches!(question.thing, Thing::Client(_));
        if client || judge.unknown().is_some() || !judge.outside().is_empty() {
            return;
        }
        let allows = judge.matching(Moment::Call, |rule| {
            rule.says == Says::Allow && judge.scoped(rule)
        });
        match &decision {
            Decision::Allow(grant) => {
                let same = |rule: &&Rule| rule.lease.credential.as_deref() == named(grant);
                assert!(allows.iter().any(same), "{question:?}\n{}", world.text());
                let mut lives = allows.iter().filter_map(|rule| rule.lease.life);
                assert!(lives.all(|life| grant.life().is_some_and(|least| least <= life)));
                granted += usize::from(named(grant).is_some());
            }
            Decision::Deny(denial) => {
                let Reason::Credentials { rules } = denial.reason() else {
                    return;
                };
                let named = rules.each_ref().map(|name| {
                    let mut allows = allows.iter();
                    allows.find(|rule| *rule.name == **name).unwrap()
                });
                assert!(lease::disagree(&named[0].lease, &named[1].lease));
                refused += 1;
            }
            Decision::Ask(_) => {}
        }
    });
    assert!(granted > 50 && refused > 10, "{granted} {refused}");
}

fn named(grant: &policy::Grant) -> Option<&str> {
    grant.credential().map(|name| &**name)
}

/// Each rule is told of, in order of name, with the first condition that kept it silent.
fn silence(judge: &Judge<'_>, told: &Explanation<'_>) {
    let mut rules: Vec<_> = judge.world.rules.iter().collect();
    rules.sort_by_key(|rule| &rule.name);
    assert_eq!(rules.len(), told.rules.len());
    for (rule, told) in rules.into_iter().zip(&told.rules) {
        assert_eq!((told.name, told.shadow), (rule.name.as_str(), rule.shadow));
        assert_eq!(
            told.silent.is_none(),
            judge.matches(rule, Moment::Call),
            "{rule:?}"
        );
        let conditions = judge.conditions(rule, Moment::Call);
        let first = conditions.into_iter().find(|(_, known)| match rule.says {
            Says::Allow => *known < crate::judge::Known::Yes,
            Says::Ask | Says::Deny(_) => *known == crate::judge::Known::No,
        });
        let silent = told.silent.map(|silent| silent.key.name());
        assert_eq!(silent, first.map(|(key, _)| key), "{rule:?}");
    }
}

/// What the rules say together is what was decided.
fn agrees(told: &Explanation<'_>) -> Outcome {
    let says = |verdict: &str| {
        let mut rules = told
            .rules
            .iter()
            .filter(|rule| !rule.shadow && rule.silent.is_none());
        rules.any(|rule| rule.says == verdict)
    };
    let (allow, ask, deny) = (says("allow"), says("ask"), says("deny"));
    match &told.decision {
        Decision::Allow(_) => {
            assert!(allow && !ask && !deny && told.outside.is_empty());
            Outcome::Allow
        }
        Decision::Ask(_) => {
            assert!(allow && ask && !deny && told.outside.is_empty());
            Outcome::Ask
        }
        Decision::Deny(denial) => {
            let scopes = matches!(denial.reason(), Reason::Scopes { .. });
            let contradicts = matches!(
                denial.reason(),
                Reason::Credentials { .. } | Reason::Lease { .. }
            );
            assert!(deny || !allow || scopes || contradicts || !told.outside.is_empty());
            Outcome::Deny
        }
    }
}
