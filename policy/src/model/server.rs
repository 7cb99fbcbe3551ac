//! What the operator says of a server, and of each thing on it. What a server says of itself is not believed.

use std::collections::HashMap;

use super::{Class, Effect, Effects, Egress, Kind, Label, SubjectPattern, Target};

/// `[servers.NAME]`, as far as the policy reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where what is sent to it goes.
    pub egress: Egress,
    /// What the data of things nobody has labelled is worth.
    pub label: Label,
    /// Whether what it answers may have been written by anybody.
    pub untrusted: bool,
    /// `[servers.NAME.tools]`.
    pub tools: Shelf,
    /// `[servers.NAME.resources]`.
    pub resources: Shelf,
    /// `[servers.NAME.prompts]`.
    pub prompts: Shelf,
    /// `[servers.NAME.methods]`: methods no revision knows. What is not on it is refused whatever the rules say.
    pub methods: Shelf,
}

/// What is said of one kind of things: by exact name, and by pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    exact: HashMap<Box<str>, Said>,
    patterns: Vec<(SubjectPattern, Said)>,
}

/// What one entry says; what it does not say is left to the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// `effect`.
    pub effect: Option<Effect>,
    /// `label`.
    pub label: Option<Label>,
    /// `egress`.
    pub egress: Option<Egress>,
    /// `untrusted`.
    pub untrusted: Option<bool>,
    /// `cost`.
    pub cost: Option<u64>,
}

// === impl Server ===

impl Default for Server {
    /// A server of which nothing is said.
    fn default() -> Self {
        Self {
            egress: Egress::External,
            label: Label::Internal,
            untrusted: false,
            tools: Shelf::default(),
            resources: Shelf::default(),
            prompts: Shelf::default(),
            methods: Shelf::default(),
        }
    }
}

impl Server {
    /// What is said of a target; of a resource, the gravest of what is said of any way to write it.
    pub fn class(&self, target: Target<'_>) -> Class {
        let written = self.as_written(target);
        let Target::Resource(uri) = target else {
            return written;
        };
        let Some(plain) = super::uri::plain(uri) else {
            return written;
        };
        let other = self.as_written(Target::Resource(&plain));
        Class {
            effect: written.effect.max(other.effect),
            label: written.label.max(other.label),
            egress: written.egress.max(other.egress),
            untrusted: written.untrusted | other.untrusted,
            cost: written.cost.max(other.cost),
        }
    }

    fn as_written(&self, target: Target<'_>) -> Class {
        let said = match target {
            Target::Tool(name) => self.tools.said(name),
            Target::Resource(uri) => self.resources.said(uri),
            Target::Prompt(name) => self.prompts.said(name),
            Target::Method(name) => self.methods.said(name),
            Target::Client(_) | Target::Server => Said::default(),
        };
        let unsaid = match target {
            Target::Tool(_) | Target::Method(_) => Effect::Destroy,
            _ => Effect::Read,
        };
        Class {
            effect: said.effect.unwrap_or(unsaid),
            label: said.label.unwrap_or(self.label),
            egress: said.egress.unwrap_or(self.egress),
            untrusted: said.untrusted.unwrap_or(self.untrusted),
            cost: match target {
                Target::Server => 0,
                _ => said.cost.unwrap_or(1),
            },
        }
    }

    /// What things of this kind may do, and the lowest label one of them may have.
    pub fn extent(&self, kind: Kind) -> (Effects, Label) {
        let (shelf, unsaid) = match kind {
            Kind::Tool => (&self.tools, Effect::Destroy),
            Kind::Resource => (&self.resources, Effect::Read),
            Kind::Prompt => (&self.prompts, Effect::Read),
            Kind::Method => (&self.methods, Effect::Destroy),
            Kind::Client => return ([Effect::Read].into_iter().collect(), self.label),
            Kind::All => return (Effects::from_iter(Effect::ALL), Label::Public),
        };
        let effects = shelf.all().filter_map(|said| said.effect);
        let default = (!shelf.says_all()).then_some(unsaid);
        let labels = shelf.all().filter_map(|said| said.label);
        (
            effects.chain(default).collect(),
            labels.fold(self.label, Label::min),
        )
    }
}

// === impl Shelf ===

impl Shelf {
    /// Puts one entry on it, by its name or pattern.
    pub(crate) fn put(&mut self, pattern: SubjectPattern, said: Said) {
        if pattern.is_exact() {
            self.exact.insert(pattern.as_str().into(), said);
        } else {
            self.patterns.push((pattern, said));
        }
    }

    /// Whether nothing is said of anything.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty()
    }

    /// Whether anything is said of this name.
    pub fn knows(&self, name: &str) -> bool {
        let by_pattern = || self.patterns.iter().any(|(one, _)| one.matches(name));
        self.exact.contains_key(name) || by_pattern()
    }

    /// Its own entry decides, key by key; what that leaves open, the gravest of all patterns that match.
    fn said(&self, name: &str) -> Said {
        let own = self.exact.get(name).copied().unwrap_or_default();
        let matching = self.patterns.iter().filter(|(one, _)| one.matches(name));
        let gravest = matching.fold(Said::default(), |all, (_, one)| Said {
            effect: all.effect.max(one.effect),
            label: all.label.max(one.label),
            egress: all.egress.max(one.egress),
            untrusted: all.untrusted.max(one.untrusted),
            cost: all.cost.max(one.cost),
        });
        Said {
            effect: own.effect.or(gravest.effect),
            label: own.label.or(gravest.label),
            egress: own.egress.or(gravest.egress),
            untrusted: own.untrusted.or(gravest.untrusted),
            cost: own.cost.or(gravest.cost),
        }
    }

    /// Each entry by its name or pattern.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, Said)> {
        let exact = self.exact.iter().map(|(name, said)| (&**name, *said));
        let patterns = self.patterns.iter();
        exact.chain(patterns.map(|(pattern, said)| (pattern.as_str(), *said)))
    }

    fn all(&self) -> impl Iterator<Item = &Said> {
        let patterns = self.patterns.iter().map(|(_, said)| said);
        self.exact.values().chain(patterns)
    }

    /// Whether something says of everything what it does.
    fn says_all(&self) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|(one, said)| one.as_str() == "**" && said.effect.is_some())
    }
}
