//! What an expression names, handed to the evaluator as it asks: nothing is built that is not asked for.

use super::check::{Checked, Slot, Step};
use super::names::Fact;
use super::number::number;
use crate::condition::Facts;
use crate::json::{Json, Kind};
use crate::model::{Effect, Target, User};
use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that an evaluation may read, in bytes of arguments that are passed over; all told well under a millisecond.
const FUEL: usize = 1024 * 1024;

/// What a value costs, in such bytes.
const VALUE: usize = 600;

/// What a byte of a text costs: it is looked at again by whoever asked for it.
const PLAIN: usize = 4;

/// What a byte of a text costs that has to be unescaped.
const ESCAPED: usize = 16;

/// The deepest that arguments may be nested where a whole list or object of them is asked for.
const DEEPEST: usize = 32;

/// The facts of one evaluation.
pub(super) struct Asked<'a> {
    checked: &'a Checked,
    facts: &'a Facts<'a>,
    /// Atomic because the evaluator wants it shareable; nobody shares it.
    fuel: AtomicUsize,
}

// === impl Asked ===

impl<'a> Asked<'a> {
    pub(super) fn new(checked: &'a Checked, facts: &'a Facts<'a>) -> Self {
        Self {
            checked,
            facts,
            fuel: AtomicUsize::new(FUEL),
        }
    }

    fn fact(&self, fact: Fact) -> Option<Box<dyn Val + 'a>> {
        let Facts {
            request,
            agent,
            class,
            now,
        } = self.facts;
        Some(match fact {
            Fact::Arguments => return self.argument(&[], &[]),
            Fact::CallName => {
                let (_, name) = target(request.target)?;
                self.spend(name.len() * PLAIN)?;
                text(name)
            }
            Fact::CallKind => text(target(request.target)?.0),
            Fact::AgentName => text(request.agent),
            Fact::AgentOwner => text_or_null(agent.owner.as_deref()),
            Fact::AgentPurpose => text_or_null(agent.purpose.as_deref()),
            Fact::User => request.user.map_or_else(|| Box::new(CelNull) as _, user),
            Fact::UserSource => text(request.user?.source),
            Fact::UserSubject => text(request.user?.subject),
            Fact::Chain => list(request.chain.iter().map(|agent| text(agent)).collect()),
            Fact::TaskLabel => text(request.task.label.name()),
            Fact::TaskUntrusted => boolean(request.task.untrusted),
            Fact::ServerName => text(request.server),
            Fact::ServerEgress => text(class.egress.name()),
            Fact::ToolEffect => text(Effect::name(class.effect)),
            Fact::ToolLabel => text(class.label.name()),
            Fact::ToolUntrusted => boolean(class.untrusted),
            Fact::Now => Box::new(CelInt::from(now.0)),
        })
    }

    /// The argument at a path, if it is of a kind that it is compared with: one of another is not merely different.
    fn argument(&self, path: &[Step], kinds: &[Kind]) -> Option<Box<dyn Val + 'a>> {
        let found = self.found(path)?;
        let fits = kinds.is_empty() || found.kind().is_some_and(|kind| kinds.contains(&kind));
        fits.then(|| self.value(found, 0)).flatten()
    }

    /// Whether there is an argument at a path; `None` where there is nothing it could be in.
    fn has(&self, path: &[Step]) -> Option<Box<dyn Val + 'a>> {
        let (Step::Member(last), path) = path.split_last()? else {
            return None;
        };
        let within = self.found(path)?;
        self.spend(within.raw().len())?;
        let is_object = within.kind() == Some(Kind::Object);
        let member = within.sole_member(last).ok()?;
        is_object.then(|| boolean(member.is_some()))
    }

    fn found(&self, path: &[Step]) -> Option<Json<'a>> {
        // A call without arguments has none of them.
        let mut json = self.facts.request.arguments.unwrap_or(Json::new(b"{}"));
        for step in path {
            self.spend(json.raw().len())?;
            json = match step {
                Step::Member(name) => json.sole_member(name).ok()??,
                Step::Item(at) => json.items().nth(*at)?,
            };
        }
        Some(json)
    }

    fn value(&self, json: Json<'a>, depth: usize) -> Option<Box<dyn Val + 'a>> {
        self.spend(VALUE + json.raw().len())?;
        let deeper = depth + 1;
        Some(match json.kind()? {
            Kind::Null => Box::new(CelNull),
            Kind::Bool => boolean(json.bool()?),
            Kind::Number => number(json.number()?)?,
            Kind::Text => {
                let is_escaped = json.raw().contains(&b'\\');
                self.spend(json.raw().len() * if is_escaped { ESCAPED } else { PLAIN })?;
                Box::new(CelString::from(json.text()?))
            }
            Kind::List | Kind::Object if depth == DEEPEST => return None,
            Kind::List => list(
                json.items()
                    .map(|item| self.value(item, deeper))
                    .collect::<Option<_>>()?,
            ),
            Kind::Object => {
                let mut members = HashMap::new();
                for (name, value) in json.members() {
                    let value = self.value(value, deeper)?;
                    let name = CelMapKey::String(CelString::from(name));
                    members.entry(name).or_insert(value);
                }
                Box::new(CelMap::from(members))
            }
        })
    }

    fn spend(&self, cost: usize) -> Option<()> {
        let left = self.fuel.load(Ordering::Relaxed).checked_sub(cost)?;
        self.fuel.store(left, Ordering::Relaxed);
        Some(())
    }
}

impl VariableResolver for Asked<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let at: usize = variable.strip_prefix(Slot::PREFIX)?.parse().ok()?;
        let value = match self.checked.slots.get(at)? {
            Slot::Constant(value) => return Some(CowVal::Borrowed(value.as_ref())),
            Slot::Fact(fact) => self.fact(*fact),
            Slot::Argument(path, kinds) => self.argument(path, kinds),
            Slot::Has(path) => self.has(path),
        };
        value.map(CowVal::Owned)
    }
}

/// The kind and the name of what is called; a server itself is neither.
fn target(target: Target<'_>) -> Option<(&'static str, &str)> {
    Some(match target {
        Target::Tool(name) => ("tool", name),
        Target::Resource(name) => ("resource", name),
        Target::Prompt(name) => ("prompt", name),
        Target::Client(name) => ("client", name),
        Target::Method(name) => ("method", name),
        Target::Server => return None,
    })
}

fn user<'a>(user: User<'a>) -> Box<dyn Val + 'a> {
    let members = [("source", user.source), ("subject", user.subject)];
    let members = members.map(|(name, value)| (CelMapKey::from(name), text(value)));
    Box::new(CelMap::from(HashMap::from(members)))
}

fn text<'a>(text: &'a str) -> Box<dyn Val + 'a> {
    Box::new(CelString::from(text))
}

fn text_or_null<'a>(written: Option<&'a str>) -> Box<dyn Val + 'a> {
    written.map_or_else(|| Box::new(CelNull) as _, text)
}

fn boolean<'a>(holds: bool) -> Box<dyn Val + 'a> {
    Box::new(CelBool::from(holds))
}

fn list<'a>(items: Vec<Box<dyn Val + 'a>>) -> Box<dyn Val + 'a> {
    Box::new(CelList::from(items))
}
