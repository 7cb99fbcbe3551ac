//! With what a call goes out, by every two rules in turn.

use crate::condition::Given;
use crate::judge::Judge;
use crate::world::{Lease, Rule, Thing};
use std::collections::BTreeSet;

/// Why there is none: the reason, the rule that is named, and what the caller is told.
type Refused<'a> = (&'static str, Option<&'a Rule>, String);

/// What the rules that allow a call, in order of name, ask for together.
pub(crate) fn asked<'a>(judge: &Judge<'_>, rules: &[&'a Rule]) -> Result<Lease, Refused<'a>> {
    if rules.is_empty() || matches!(judge.question.thing, Thing::Client(_)) {
        return Ok(Lease::default());
    }
    let mut pairs = rules
        .iter()
        .flat_map(|one| rules.iter().map(move |other| (*one, *other)));
    if pairs.any(|(one, other)| disagree(&one.lease, &other.lease)) {
        let message = "the gateway's policy is contradictory here";
        return Err(("credentials", None, message.to_owned()));
    }
    let narrowest = rules.iter().filter(|rule| rule.lease.scope.is_some());
    let narrowest = narrowest.min_by_key(|rule| rule.lease.scope.as_ref().map(BTreeSet::len));
    let mut scope = None;
    let credential = rules.iter().find_map(|rule| rule.lease.credential.clone());
    let none = credential.as_deref() == Some("none");
    if let Some(rule) = narrowest.filter(|_| !none) {
        let made = rule
            .lease
            .scope
            .iter()
            .flatten()
            .map(|one| written(judge, one));
        let made: Result<BTreeSet<String>, String> = made.collect();
        scope = Some(made.map_err(|value| {
            let said = format!("no credential can be asked for with this `{value}`");
            ("lease", Some(*rule), rule.message.clone().unwrap_or(said))
        })?);
    }
    let envelopes = judge.agents();
    let envelopes = envelopes
        .iter()
        .map(|name| judge.world.agent(name).unwrap().life);
    let lives = rules.iter().map(|rule| rule.lease.life).chain(envelopes);
    Ok(Lease {
        credential,
        scope,
        life: lives.flatten().min(),
    })
}

/// Whether two name different credentials, or scopes of which neither holds the other.
pub(crate) fn disagree(one: &Lease, other: &Lease) -> bool {
    let credentials = one.credential.as_ref().zip(other.credential.as_ref());
    let scopes = one.scope.as_ref().zip(other.scope.as_ref());
    credentials.is_some_and(|(one, other)| one != other)
        || scopes.is_some_and(|(one, other)| !one.is_subset(other) && !other.is_subset(one))
}

/// One of the few templates there are; or what stands in the way.
fn written(judge: &Judge<'_>, template: &str) -> Result<String, String> {
    let question = judge.question;
    let value = |name: &str| match question.given(name) {
        Some(Given::Number(number)) => Ok(number.to_string()),
        Some(Given::Text(text)) if !text.is_empty() => Ok((*text).to_owned()),
        _ => Err(format!("args.{name}")),
    };
    match template {
        "of:{agent}" => Ok(format!("of:{}", question.agent)),
        "n:{args.n}" => Ok(format!("n:{}", value("n")?)),
        "{server}/{args.t}" => {
            let value = value("t")?;
            // It must not bring a divider that the template has.
            match value.contains('/') {
                false => Ok(format!("{}/{value}", question.server)),
                true => Err("args.t".to_owned()),
            }
        }
        plain => Ok(plain.to_owned()),
    }
}
