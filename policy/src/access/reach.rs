//! What patterns can mean on the configured servers: which effects and labels, by the operator's classification.
//!
//! It may take too much for possible, never too little.

use std::collections::BTreeMap;

use crate::model::{
    Agent, Effect, Effects, Kind, Label, Pattern, Policy, Rule, Said, Server, Target,
};

/// The servers and what is said of the things on them.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    servers: BTreeMap<&'a str, On<'a>>,
}

/// One server.
#[derive(Debug)]
struct On<'a> {
    server: &'a Server,
    entries: Vec<(Pattern, Said)>,
}

/// What things may be.
#[derive(Debug, Clone, Copy)]
struct Extent {
    effects: Effects,
    lowest: Label,
}

// === impl Reach ===

impl<'a> Reach<'a> {
    pub(crate) fn new(policy: &'a Policy) -> Self {
        let servers = policy.servers.iter().map(|(name, server)| {
            let entries = entries(name.as_str(), server);
            (name.as_str(), On { server, entries })
        });
        Self {
            servers: servers.collect(),
        }
    }

    /// The servers on which a pattern can match anything.
    pub(crate) fn touched(&self, pattern: &Pattern) -> Vec<&'a str> {
        self.on(pattern).map(|(name, _)| name).collect()
    }

    /// Whether anything on any server matches both.
    pub(crate) fn meet(&self, one: &Pattern, other: &Pattern) -> bool {
        self.on(one).any(|(name, _)| one.overlaps(other, name))
    }

    /// What the things may do that a pattern means.
    pub(crate) fn effects(&self, pattern: &Pattern) -> Effects {
        let on = self.on(pattern);
        union(on.map(|(_, on)| on.extent(&[pattern]).effects))
    }

    /// What an agent may do by a rule that allows, of what one of its patterns means: what lies in the envelope, with
    /// effects and labels that rule and envelope hold.
    pub(crate) fn within(&self, agent: &Agent, rule: &Rule, pattern: &Pattern) -> Effects {
        let on = self.on(pattern);
        union(on.flat_map(|(name, _)| {
            let inside = agent.envelope.tools.iter();
            let inside = inside.filter(move |inside| inside.overlaps(pattern, name));
            inside.map(move |inside| self.held(name, agent, rule, &[pattern, inside]))
        }))
    }

    /// What of the things on a server that match all patterns rule and envelope let the agent do.
    pub(crate) fn held(
        &self,
        server: &str,
        agent: &Agent,
        rule: &Rule,
        patterns: &[&Pattern],
    ) -> Effects {
        let apart = |one: &&Pattern| patterns.iter().any(|other| !one.overlaps(other, server));
        let on = self.servers.get(server);
        let extent = on.map(|on| on.extent(patterns));
        let extent = extent.filter(|extent| extent.lowest <= agent.envelope.clearance);
        let Some(extent) = extent.filter(|_| !patterns.iter().any(apart)) else {
            return Effects::default();
        };
        let effects = extent.effects.iter();
        let own = effects.filter(|effect| rule.effects.is_none_or(|own| own.holds(*effect)));
        own.filter(|effect| agent.envelope.effects.holds(*effect))
            .collect()
    }

    fn on(&self, pattern: &Pattern) -> impl Iterator<Item = (&'a str, &On<'a>)> {
        let one = pattern
            .server()
            .and_then(|name| self.servers.get_key_value(name));
        let all = self
            .servers
            .iter()
            .filter(move |_| pattern.server().is_none());
        let touched = all.filter(|(name, _)| pattern.touches(name));
        one.into_iter().chain(touched).map(|(name, on)| (*name, on))
    }
}

// === impl On ===

impl On<'_> {
    /// What the things may be that match all of the patterns.
    fn extent(&self, patterns: &[&Pattern]) -> Extent {
        if let Some(class) = patterns.iter().find_map(|one| target(one)) {
            let class = self.server.class(class);
            return Extent {
                effects: [class.effect].into_iter().collect(),
                lowest: class.label,
            };
        }
        let kinds = [
            Kind::Tool,
            Kind::Resource,
            Kind::Prompt,
            Kind::Client,
            Kind::Method,
        ];
        let meant = |kind: &Kind| {
            let mut each = patterns.iter().map(|one| one.kind());
            each.all(|one| one == Kind::All || one == *kind)
        };
        let each = kinds.into_iter().filter(meant);
        each.map(|kind| self.kind(kind, patterns)).fold(
            Extent {
                effects: Effects::default(),
                lowest: Label::Restricted,
            },
            |all, one| Extent {
                effects: union([all.effects, one.effects].into_iter()),
                lowest: all.lowest.min(one.lowest),
            },
        )
    }

    fn kind(&self, kind: Kind, patterns: &[&Pattern]) -> Extent {
        let own = self
            .entries
            .iter()
            .filter(|(entry, _)| entry.kind() == kind);
        let met = own.filter(|(entry, _)| {
            let server = entry.server().unwrap_or_default();
            patterns.iter().all(|one| one.overlaps(entry, server))
        });
        let met: Vec<_> = met.collect();
        // Where one entry speaks of everything meant, nothing is left unsaid.
        let unsaid = |says: &dyn Fn(&Said) -> bool| {
            !met.iter().any(|(entry, said)| {
                let server = entry.server().unwrap_or_default();
                let every = Pattern::of(server, kind, "**");
                let mut meant = patterns.iter().copied().chain(&every);
                says(said) && meant.any(|one| entry.covers(one))
            })
        };
        let default = match kind {
            Kind::Tool | Kind::Method => Effect::Destroy,
            _ => Effect::Read,
        };
        let default = Some(default).filter(|_| unsaid(&|said| said.effect.is_some()));
        let label = Some(self.server.label).filter(|_| unsaid(&|said| said.label.is_some()));
        let effects = met.iter().filter_map(|(_, said)| said.effect);
        let labels = met.iter().filter_map(|(_, said)| said.label);
        Extent {
            effects: effects.chain(default).collect(),
            lowest: labels.chain(label).min().unwrap_or(self.server.label),
        }
    }
}

/// The one thing a pattern means, if it means one.
pub(crate) fn target(pattern: &Pattern) -> Option<Target<'_>> {
    let name = pattern.exact_name()?;
    Some(match pattern.kind() {
        Kind::Tool => Target::Tool(name),
        Kind::Resource => Target::Resource(name),
        Kind::Prompt => Target::Prompt(name),
        Kind::Client => Target::Client(name),
        Kind::Method => Target::Method(name),
        Kind::All => return None,
    })
}

fn entries(name: &str, server: &Server) -> Vec<(Pattern, Said)> {
    let shelves = [
        (&server.tools, Kind::Tool),
        (&server.resources, Kind::Resource),
        (&server.prompts, Kind::Prompt),
        (&server.methods, Kind::Method),
    ];
    let entries = shelves.into_iter().flat_map(|(shelf, kind)| {
        let all = shelf.entries();
        all.filter_map(move |(names, said)| Some((Pattern::of(name, kind, names)?, said)))
    });
    entries.collect()
}

fn union(effects: impl Iterator<Item = Effects>) -> Effects {
    effects.flat_map(Effects::iter).collect()
}
