//! An explanation in words, for operators: what was decided, by which rules, and why the others are silent.

use std::fmt::Write as _;

use crate::decide::{Decision, Explanation, Reason, Silent, Told};
use crate::diagnostic::{Report, Span};
use crate::lease::NONE;
use crate::limit::Measure;

/// The decision and its reason, in one line without its end.
pub fn decision(explanation: &Explanation<'_>) -> String {
    match &explanation.decision {
        Decision::Allow(grant) => {
            let lease = lease(
                grant.credential().map(|name| &**name),
                grant.scope(),
                grant.life(),
            );
            format!("allow: rule `{}` allows it{lease}", grant.rule())
        }
        Decision::Ask(asking) => {
            let rules: Vec<_> = asking.rules().map(|name| format!("`{name}`")).collect();
            let rules = rules.join(", ");
            format!("ask: it is allowed when people say so, by {rules}")
        }
        Decision::Deny(denial) => format!("deny: {}", reason(denial.reason(), explanation)),
    }
}

/// One line for each agent whose envelope does not hold it, and for each rule: first those that speak. `report` knows
/// where they are written.
pub fn lines(explanation: &Explanation<'_>, report: &Report) -> String {
    let mut text = String::new();
    let mut line = |words: String, span: Span| {
        // A text that cannot be written to does not exist.
        let _ = writeln!(text, "{words}  ({})", place(report, span));
    };
    for (agent, key, span) in &explanation.outside {
        line(format!("outside the envelope of `{agent}`: `{key}`"), *span);
    }
    let (silent, speaking): (Vec<&Told<'_>>, Vec<_>) = explanation
        .rules
        .iter()
        .partition(|told| told.silent.is_some());
    for told in speaking.into_iter().chain(silent) {
        line(told_of(told), told.span);
    }
    text
}

/// One line for each limit and budget a call is held against, and one for what it costs where that is said.
pub fn measure(measure: &Measure) -> String {
    let mut text = String::new();
    for limit in measure.limits() {
        let _ = writeln!(text, "limited to {limit}");
    }
    for (agent, budget) in measure.budgets() {
        let parts = [("task", budget.task), ("day", budget.day)];
        for (what, allowance) in parts.iter().filter(|(_, part)| !part.is_empty()) {
            let _ = writeln!(
                text,
                "at most {allowance} in one {what}, by the envelope of `{agent}`"
            );
        }
    }
    match measure.cost() {
        1 => {}
        cost => {
            let _ = writeln!(text, "it costs {cost}");
        }
    }
    text
}

/// A file and a line, as editors jump to.
pub fn place(report: &Report, span: Span) -> String {
    match report.place(span) {
        Some(place) => format!("{}:{}", place.file, place.line),
        None => "nowhere".to_owned(),
    }
}

/// The key that keeps a rule from speaking.
pub fn key(silent: &Silent<'_>) -> String {
    match silent.argument {
        Some(path) => format!("args.{path}"),
        None => silent.key.name().to_owned(),
    }
}

fn told_of(told: &Told<'_>) -> String {
    let shadow = if told.shadow { "in shadow, " } else { "" };
    let head = format!("{shadow}{} `{}`", told.says, told.name);
    match (&told.silent, told.unsure) {
        (Some(silent), _) => {
            let why = if silent.unsure {
                "cannot be told"
            } else {
                "does not hold"
            };
            format!("{head} is silent: `{}` {why}", key(silent))
        }
        (None, Some(key)) => format!("{head} speaks, because `{}` cannot be told", key.name()),
        (None, None) => format!("{head} speaks"),
    }
}

/// With what, as far as rules and envelopes say.
fn lease(credential: Option<&str>, scope: Option<&[String]>, life: Option<u64>) -> String {
    if credential == Some(NONE) {
        return ", without a credential".to_owned();
    }
    let credential = credential.map(|name| format!("with credential `{name}`"));
    let scope = scope.map(|scope| format!("scope `{}`", scope.join(" ")));
    let life = life.map(|seconds| format!("for at most {seconds} s"));
    let words = credential.into_iter().chain(scope).chain(life);
    words.fold(String::new(), |text, word| text + ", " + &word)
}

fn reason(reason: &Reason, explanation: &Explanation<'_>) -> String {
    match reason {
        Reason::UnknownAgent => "an agent of it is not registered".to_owned(),
        Reason::UnknownServer => "no server of that name is configured".to_owned(),
        Reason::Depth { most } => {
            format!("its chain has more than {most} agents, the `hops` of an envelope in it")
        }
        Reason::Scopes { name, scopes } => format!(
            "rule `{name}` allows it to a caller whose token holds `{}`",
            scopes.join(" ")
        ),
        Reason::Envelope => match explanation.outside.first() {
            Some((agent, key, _)) => {
                format!("the envelope of `{agent}` does not hold it (`{key}`)")
            }
            None => "an envelope holds nothing of it".to_owned(),
        },
        Reason::NoAllow => "no rule allows it".to_owned(),
        Reason::Credentials {
            rules: [one, other],
        } => format!(
            "rules `{one}` and `{other}` allow it with different credentials, or with scopes that do not nest"
        ),
        Reason::Lease { name, value } => {
            format!("rule `{name}` asks for a scope that cannot be made of `{value}`")
        }
        Reason::Rule { name } => format!("rule `{name}` denies it"),
    }
}
