//! More narrowing never allows more (G5), what comes with a call never widens an envelope, and no order matters.

use crate::chance;
use crate::dice::Dice;
use crate::engine::{Asked, answer, compiled};
use crate::judge::Judge;
use crate::world::{Lease, Outcome, Question, Rule, Said, Says, World};
use policy::{Decision, Policy};

/// A way to narrow a world; `None` where this world has nothing to narrow so.
type Narrowing = fn(&mut Dice, &mut World) -> Option<()>;

const NARROWINGS: [(&str, Narrowing); 12] = [
    ("an allow less", |dice, world| {
        let at = a_rule(dice, world, true)?;
        world.rules.remove(at);
        Some(())
    }),
    ("an allow only counted", |dice, world| {
        let at = a_rule(dice, world, true)?;
        world.rules[at].shadow = true;
        Some(())
    }),
    ("an allow with more conditions", |dice, world| {
        let at = a_rule(dice, world, true)?;
        let other = chance::rule(dice, 50);
        let rule = &mut world.rules[at];
        rule.agents = rule.agents.take().or(other.agents);
        rule.users = rule.users.take().or(other.users);
        rule.tools = rule.tools.take().or(other.tools);
        rule.effects = rule.effects.take().or(other.effects);
        rule.egress = rule.egress.or(other.egress);
        rule.after = rule.after.or(other.after);
        let (own, more) = (&mut rule.conditions, other.conditions);
        own.during = own.during.take().or(more.during);
        own.when = own.when.or(more.when);
        if own.args.is_empty() {
            own.args = more.args;
        }
        Some(())
    }),
    ("an allow that requires a scope", |dice, world| {
        let at = a_rule(dice, world, true)?;
        world.rules[at].requires = vec!["read".to_owned(), "use".to_owned()];
        Some(())
    }),
    ("a deny or ask with fewer conditions", |dice, world| {
        let at = a_rule(dice, world, false)?;
        let rule = &mut world.rules[at];
        match dice.roll(9) {
            0 => rule.agents = None,
            1 => rule.users = None,
            2 => rule.tools = None,
            3 => rule.effects = None,
            4 => rule.egress = None,
            5 => rule.conditions.during = None,
            6 => rule.conditions.args.clear(),
            7 => rule.conditions.when = None,
            _ => rule.after = None,
        }
        Some(())
    }),
    ("a deny more", |dice, world| {
        add(dice, world, Says::Deny("no".to_owned()));
        Some(())
    }),
    ("an ask more", |dice, world| {
        add(dice, world, Says::Ask);
        Some(())
    }),
    ("a pattern less", |dice, world| {
        let at = dice.roll(world.agents.len());
        let tools = &mut world.agents[at].tools;
        (!tools.is_empty()).then(|| drop(tools.remove(dice.roll(tools.len()))))
    }),
    ("an effect less", |dice, world| {
        let at = dice.roll(world.agents.len());
        let effects = world.agents[at].effects.get_or_insert(vec![0]);
        (!effects.is_empty()).then(|| {
            effects.remove(dice.roll(effects.len()));
        })
    }),
    ("a lower clearance", |dice, world| {
        let at = dice.roll(world.agents.len());
        let clearance = world.agents[at].clearance.get_or_insert(1);
        *clearance = clearance.checked_sub(1)?;
        Some(())
    }),
    ("fewer hops", |_, world| {
        for hops in world
            .agents
            .iter_mut()
            .filter_map(|agent| agent.hops.as_mut())
        {
            *hops = (*hops - 1).max(1);
        }
        Some(())
    }),
    ("higher labels", |_, world| {
        let higher = |label: &mut usize| *label = (*label + 1).min(3);
        for server in &mut world.servers {
            higher(server.own.label.get_or_insert(1));
            for (_, Said { label, .. }) in server.things.iter_mut().flatten() {
                label.iter_mut().for_each(higher);
            }
        }
        Some(())
    }),
];

/// A rule that allows, or one that does not.
fn a_rule(dice: &mut Dice, world: &World, allows: bool) -> Option<usize> {
    let fits = |rule: &Rule| !rule.shadow && (rule.says == Says::Allow) == allows;
    let places: Vec<usize> = (0..world.rules.len())
        .filter(|at| fits(&world.rules[*at]))
        .collect();
    (!places.is_empty()).then(|| *dice.pick(&places))
}

fn add(dice: &mut Dice, world: &mut World, says: Says) {
    let rule = Rule {
        says,
        requires: Vec::new(),
        lease: Lease::default(),
        shadow: false,
        ..chance::rule(dice, 50)
    };
    world.rules.push(rule);
}

/// The outcome; `None` where only a mistake in the policy refuses: to take one of the rules away that disagree may mend it.
fn outcome(policy: &Policy, question: &Question) -> Option<Outcome> {
    let asked = Asked::new(question);
    let answer = answer(policy, &asked.request(), asked.now());
    (!["credentials", "lease"].contains(&answer.reason)).then_some(answer.outcome)
}

fn opens(policy: &Policy, question: &Question) -> bool {
    matches!(
        policy::decide(
            policy,
            &Asked::new(question).opening(),
            Asked::new(question).now()
        ),
        Decision::Allow(_)
    )
}

#[test]
fn a_narrower_policy_never_allows_more() {
    let mut dice = Dice::new(5);
    for (way, narrow) in NARROWINGS {
        let mut fewer = 0;
        for _ in 0..30 {
            let world = chance::world(&mut dice);
            let mut narrower = world.clone();
            if narrow(&mut dice, &mut narrower).is_none() {
                continue;
            }
            let narrower = narrower.without_strangers();
            let (before, after) = (compiled(&world.text()), compiled(&narrower.text()));
            for _ in 0..60 {
                let question = chance::question(&mut dice);
                let Some(had) = outcome(&before, &question) else {
                    continue;
                };
                let has = outcome(&after, &question).unwrap_or(Outcome::Deny);
                assert!(
                    has <= had,
                    "{way}: {question:?}\n{}\n{}",
                    world.text(),
                    narrower.text()
                );
                let reached = (opens(&before, &question), opens(&after, &question));
                assert_ne!(
                    reached,
                    (false, true),
                    "{way}: {question:?}\n{}",
                    world.text()
                );
                fewer += usize::from(has < had);
            }
        }
        assert!(fewer > 1, "{way} narrowed only {fewer} times");
    }
}

/// Ways to narrow a question: whoever sends more of it, or less, gets no more.
#[test]
fn a_narrower_question_never_allows_more() {
    let mut dice = Dice::new(6);
    let mut fewer = [0; 3];
    for _ in 0..200 {
        let mut world = chance::world(&mut dice);
        // An allow after a label is the one thing a touched label may bring.
        for rule in world
            .rules
            .iter_mut()
            .filter(|rule| rule.says == Says::Allow)
        {
            rule.after = None;
        }
        let policy = compiled(&world.text());
        for _ in 0..60 {
            let question = chance::question(&mut dice);
            let mut narrower = question.clone();
            let way = dice.roll(3);
            match way {
                0 => {
                    let at = dice.roll(narrower.chain.len() + 1);
                    narrower.chain.insert(at, chance::agent_name(&mut dice));
                }
                1 => drop(narrower.scopes.pop()),
                _ => narrower.label = 3,
            }
            let Some(had) = outcome(&policy, &question) else {
                continue;
            };
            let has = outcome(&policy, &narrower).unwrap_or(Outcome::Deny);
            assert!(has <= had, "{question:?}\n{narrower:?}\n{}", world.text());
            let reached = (opens(&policy, &question), opens(&policy, &narrower));
            assert_ne!(reached, (false, true), "{question:?}\n{}", world.text());
            fewer[way] += usize::from(has < had);
        }
    }
    assert!(fewer.iter().all(|count| *count > 4), "{fewer:?}");
}

/// What an envelope does not hold no user, scope, label, argument or chain brings.
#[test]
fn nothing_that_comes_with_a_call_widens_an_envelope() {
    let mut dice = Dice::new(7);
    let mut tried = 0;
    for _ in 0..100 {
        let world = chance::world(&mut dice);
        let policy = compiled(&world.text());
        for _ in 0..40 {
            let question = chance::question(&mut dice);
            let judge = Judge {
                world: &world,
                question: &question,
                shadow: false,
            };
            if judge.unknown().is_some() || judge.outside().is_empty() {
                continue;
            }
            for _ in 0..5 {
                let mut chain = question.chain.clone();
                chain.extend(chance::question(&mut dice).chain);
                let other = Question {
                    agent: question.agent.clone(),
                    server: question.server.clone(),
                    thing: question.thing.clone(),
                    chain,
                    ..chance::question(&mut dice)
                };
                let got = answer(
                    &policy,
                    &Asked::new(&other).request(),
                    Asked::new(&other).now(),
                );
                assert_eq!(
                    (got.outcome, got.visible),
                    (Outcome::Deny, false),
                    "{other:?}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 2_000, "{tried}");
}

#[test]
fn no_order_matters() {
    let mut dice = Dice::new(8);
    for _ in 0..80 {
        let world = chance::world(&mut dice);
        let mut turned = world.clone();
        dice.shuffle(&mut turned.rules);
        dice.shuffle(&mut turned.agents);
        dice.shuffle(&mut turned.servers);
        dice.shuffle(&mut turned.groups);
        for rule in &mut turned.rules {
            let lists = [&mut rule.agents, &mut rule.users, &mut rule.tools];
            lists
                .into_iter()
                .flatten()
                .for_each(|list| dice.shuffle(list));
        }
        for server in &mut turned.servers {
            server
                .things
                .iter_mut()
                .for_each(|things| dice.shuffle(things));
        }
        turned
            .agents
            .iter_mut()
            .for_each(|agent| dice.shuffle(&mut agent.tools));
        let (one, other) = (compiled(&world.text()), compiled(&turned.text()));
        for _ in 0..60 {
            let question = chance::question(&mut dice);
            let asked = Asked::new(&question);
            let answers =
                [&one, &other].map(|policy| answer(policy, &asked.request(), asked.now()));
            assert_eq!(answers[0], answers[1], "{question:?}\n{}", world.text());
            let opened = [&one, &other].map(|policy| answer(policy, &asked.opening(), asked.now()));
            assert_eq!(opened[0], opened[1], "{question:?}\n{}", world.text());
        }
    }
}
