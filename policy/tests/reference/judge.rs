//! The reference: DESIGN's words about policy, read rule by rule in the order of the file. Slow and obvious.

use crate::glob::glob;
use crate::world::{Agent, Thing};
use crate::world::{
    Answer, EFFECTS, EGRESS, LABELS, Lease, Outcome, Question, Rule, Said, Says, World,
};

/// What is known of a condition: nothing here is worth a cleverer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    No,
    Maybe,
    Yes,
}

/// Who wants to know: a call, which knows everything, or a list, which does not know what a call would bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Call,
    List,
}

/// What the operator says of the thing asked about, in ranks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Class {
    pub(crate) effect: usize,
    pub(crate) label: usize,
    pub(crate) egress: usize,
}

/// One question about a world.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) world: &'a World,
    pub(crate) question: &'a Question,
    /// Whether rules that are only counted count.
    pub(crate) shadow: bool,
}

/// What is known for sure.
pub(crate) fn yes(holds: bool) -> Known {
    if holds { Known::Yes } else { Known::No }
}

/// Whether a pattern speaks of a thing.
pub(crate) fn speaks_of(pattern: &str, server: &str, thing: &Thing) -> bool {
    let behind = pattern.split_once('/').map_or("", |(_, behind)| behind);
    let (kind, written) = thing.written();
    let everything = pattern == "**" || behind == "**";
    let named = ["resource:", "prompt:", "client:"];
    let of = named.into_iter().find(|kind| behind.starts_with(kind));
    (everything || of.unwrap_or("") == kind) && glob(pattern, &format!("{server}/{written}"))
}

impl<'a> Judge<'a> {
    /// The whole answer.
    pub(crate) fn answer(&self) -> Answer {
        let said = |outcome, reason, rule: Option<&Rule>| Answer {
            outcome,
            reason,
            rule: rule.map(|rule| rule.name.clone()),
            asks: Vec::new(),
            message: None,
            lease: Lease::default(),
            visible: self.visible(),
        };
        if let Some(reason) = self.unknown() {
            return said(Outcome::Deny, reason, None);
        }
        if !self.outside().is_empty() {
            return said(Outcome::Deny, "envelope", None);
        }
        let denies = self.matching(Moment::Call, |rule| matches!(rule.says, Says::Deny(_)));
        if let Some(rule) = denies.first() {
            let message = told(rule);
            return Answer {
                message,
                ..said(Outcome::Deny, "rule", Some(rule))
            };
        }
        let allows = self.matching(Moment::Call, |rule| rule.says == Says::Allow);
        let enough: Vec<&Rule> = allows
            .iter()
            .copied()
            .filter(|rule| self.scoped(rule))
            .collect();
        let lease = crate::lease::asked(self, &enough);
        if let Err((reason, rule, message)) = lease {
            return Answer {
                message: Some(message),
                ..said(Outcome::Deny, reason, rule)
            };
        }
        let mut enough = enough.into_iter();
        let asks = self.matching(Moment::Call, |rule| rule.says == Says::Ask);
        match enough.next() {
            Some(_) if !asks.is_empty() => Answer {
                asks: asks.iter().map(|rule| rule.name.clone()).collect(),
                message: asks.iter().find_map(|rule| told(rule)),
                ..said(Outcome::Ask, "", Some(asks[0]))
            },
            Some(rule) => Answer {
                lease: lease.unwrap_or_default(),
                ..said(Outcome::Allow, "", Some(rule))
            },
            None if !allows.is_empty() => said(Outcome::Deny, "scopes", Some(allows[0])),
            None => {
                let nearly = self.matching(Moment::List, |rule| rule.says == Says::Allow);
                let message = nearly.iter().find_map(|rule| told(rule));
                Answer {
                    message,
                    ..said(Outcome::Deny, "no allow", None)
                }
            }
        }
    }

    /// Whether the caller may learn of it.
    pub(crate) fn visible(&self) -> bool {
        if self.unknown().is_some() || !self.outside().is_empty() {
            return false;
        }
        let any = |says: fn(&Says) -> bool| {
            !self
                .matching(Moment::List, |rule| says(&rule.says))
                .is_empty()
        };
        any(|says| *says == Says::Allow) && !any(|says| matches!(says, Says::Deny(_)))
    }

    /// What keeps the question from being weighed at all.
    pub(crate) fn unknown(&self) -> Option<&'static str> {
        let agents = self.agents();
        let known: Vec<&Agent> = agents
            .iter()
            .filter_map(|name| self.world.agent(name))
            .collect();
        if known.len() < agents.len() {
            return Some("unknown agent");
        }
        let most = known.iter().map(|agent| agent.hops.unwrap_or(1)).min();
        if most.is_some_and(|most| agents.len() > most) {
            return Some("depth");
        }
        let servers = &self.world.servers;
        let there = servers.iter().any(|one| one.name == self.question.server);
        (!there).then_some("unknown server")
    }

    /// The agents of the chain whose envelope does not hold it, and the key that does not.
    pub(crate) fn outside(&self) -> Vec<(String, &'static str)> {
        let class = self.class();
        let mut found = Vec::new();
        for name in self.agents() {
            let agent = self.world.agent(&name).unwrap();
            let effects = agent
                .effects
                .clone()
                .unwrap_or(vec![rank(&EFFECTS, "read")]);
            let clearance = agent.clearance.unwrap_or(rank(&LABELS, "internal"));
            if !self.named(&agent.tools) {
                found.push((name, "tools"));
            } else if !effects.contains(&class.effect) {
                found.push((name, "effects"));
            } else if class.label > clearance {
                found.push((name, "clearance"));
            }
        }
        found
    }

    /// Every agent whose envelope counts.
    pub(crate) fn agents(&self) -> Vec<String> {
        let mut all = self.question.chain.clone();
        all.push(self.question.agent.clone());
        all
    }

    /// Those that match of the rules wanted, in order of name.
    pub(crate) fn matching(&self, moment: Moment, wanted: impl Fn(&Rule) -> bool) -> Vec<&'a Rule> {
        let mut found = Vec::new();
        for rule in &self.world.rules {
            if wanted(rule) && (self.shadow || !rule.shadow) && self.matches(rule, moment) {
                found.push(rule);
            }
        }
        found.sort_by_key(|rule| &rule.name);
        found
    }

    /// Whether a rule matches. What is not known never satisfies an allow and never spares from the others; in a
    /// list it hides nothing.
    pub(crate) fn matches(&self, rule: &Rule, moment: Moment) -> bool {
        match self.holds(rule, moment) {
            Known::Yes => true,
            Known::No => false,
            Known::Maybe => match (&rule.says, moment) {
                (Says::Allow, Moment::Call) => false,
                (Says::Allow, Moment::List) => true,
                (_, Moment::Call) => true,
                (_, Moment::List) => false,
            },
        }
    }

    /// All of its conditions together.
    fn holds(&self, rule: &Rule, moment: Moment) -> Known {
        self.conditions(rule, moment)
            .into_iter()
            .map(|(_, known)| known)
            .min()
            .unwrap()
    }

    /// Each condition, cheap ones first: a rule says which of them kept it silent.
    pub(crate) fn conditions(&self, rule: &Rule, moment: Moment) -> Vec<(&'static str, Known)> {
        let class = || self.class();
        let after = rule.after.map(|after| {
            let label = after.label.is_none_or(|least| self.question.label >= least);
            let untrusted = after
                .untrusted
                .is_none_or(|wanted| self.question.untrusted == wanted);
            match moment {
                Moment::Call => yes(label && untrusted),
                Moment::List => Known::Maybe,
            }
        });
        let [during, args, when] = match moment {
            Moment::Call => rule.conditions.call(self),
            Moment::List => rule.conditions.list(self),
        };
        let agents = rule.agents.as_ref().is_none_or(|list| self.acting(list));
        let users = rule.users.as_ref().is_none_or(|list| self.for_one_of(list));
        let tools = rule.tools.as_ref().is_none_or(|list| self.named(list));
        let effects = rule
            .effects
            .as_ref()
            .is_none_or(|list| list.contains(&class().effect));
        let egress = rule.egress.is_none_or(|egress| egress == class().egress);
        vec![
            ("agents", yes(agents)),
            ("on_behalf_of", yes(users)),
            ("tools", yes(tools)),
            ("effects", yes(effects)),
            ("egress", yes(egress)),
            ("after", after.unwrap_or(Known::Yes)),
            ("during", during),
            ("args", args),
            ("when", when),
        ]
    }

    fn acting(&self, list: &[String]) -> bool {
        let acts = |pattern: &str| glob(pattern, &self.question.agent);
        self.world.any(list, |group| &group.agents, &acts)
    }

    fn for_one_of(&self, list: &[String]) -> bool {
        let Some((source, subject)) = &self.question.user else {
            return false;
        };
        let is = |pattern: &str| {
            let (from, who) = pattern.split_once(':').unwrap();
            from == source && glob(who, subject)
        };
        self.world.any(list, |group| &group.users, &is)
    }

    /// Whether one of the patterns speaks of what is asked about.
    fn named(&self, list: &[String]) -> bool {
        let question = self.question;
        let names = |pattern: &str| speaks_of(pattern, &question.server, &question.thing);
        self.world.any(list, |group| &group.tools, &names)
    }

    pub(crate) fn scoped(&self, rule: &Rule) -> bool {
        rule.requires
            .iter()
            .all(|scope| self.question.scopes.contains(scope))
    }

    /// What the operator says of the thing: its own entry decides, key by key; then the gravest of all patterns that
    /// match; then the server; then the narrowest there is.
    pub(crate) fn class(&self) -> Class {
        let servers = &self.world.servers;
        let server = servers
            .iter()
            .find(|one| one.name == self.question.server)
            .unwrap();
        let (entries, unsaid) = match &self.question.thing {
            Thing::Tool(_) => (Some(&server.things[0]), "destroy"),
            Thing::Resource(_) => (Some(&server.things[1]), "read"),
            Thing::Prompt(_) => (Some(&server.things[2]), "read"),
            Thing::Client(_) => (None, "read"),
        };
        let name = self.question.thing.name();
        let of = |key: fn(&Said) -> Option<usize>| {
            let entries = entries.into_iter().flatten();
            let own = entries.clone().find(|(one, _)| one == name);
            let matching = entries.filter(|(one, _)| one.contains('*') && glob(one, name));
            let gravest = matching.filter_map(|(_, said)| key(said)).max();
            own.and_then(|(_, said)| key(said)).or(gravest)
        };
        let label = of(|said| said.label).or(server.own.label);
        let egress = of(|said| said.egress).or(server.own.egress);
        Class {
            effect: of(|said| said.effect).unwrap_or(rank(&EFFECTS, unsaid)),
            label: label.unwrap_or(rank(&LABELS, "internal")),
            egress: egress.unwrap_or(rank(&EGRESS, "external")),
        }
    }
}

/// What a rule lets the caller be told: its message, else what a deny says.
fn told(rule: &Rule) -> Option<String> {
    let own = match &rule.says {
        Says::Deny(message) => Some(message.clone()),
        Says::Allow | Says::Ask => None,
    };
    rule.message.clone().or(own)
}

fn rank(names: &[&str], name: &str) -> usize {
    names.iter().position(|one| *one == name).unwrap()
}
