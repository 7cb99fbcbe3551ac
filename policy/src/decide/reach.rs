//! Whether an agent can reach anything of a server.
//!
//! It may say yes where a clever mix of denies leaves nothing, never no where something is allowed.

use std::collections::HashSet;

use super::case::Case;
use crate::condition::Truth;
use crate::model::{Kind, Pattern, Rule, Target};

/// What is denied on one server whatever the call says.
struct Denied<'a> {
    everything: bool,
    patterns: HashSet<&'a str>,
}

impl<'a> Case<'a> {
    /// The rule, by name the first, that may let the agent reach something of the server.
    pub(super) fn reaching(&self) -> Option<&'a Rule> {
        if !self.touches() {
            return None;
        }
        let denied = Denied::on(self);
        let mut first: Option<usize> = None;
        for number in self.index.touching(self.agent(), self.request.server) {
            let earlier = first.is_none_or(|first| number < first);
            let rule = self.policy.rules.get(number).filter(|rule| rule.allows());
            if earlier && rule.is_some_and(|rule| self.leaves_something(rule, &denied)) {
                first = Some(number);
            }
        }
        self.policy.rules.get(first?)
    }

    fn leaves_something(&self, allow: &Rule, denied: &Denied<'_>) -> bool {
        let server = self.request.server;
        let users = allow.users(self.request) != Truth::No;
        let whole = |pattern: &Pattern| self.denied_whole(pattern, denied);
        let mut inside = self.within(self.facts.agent);
        users
            && inside.any(|envelope| match &allow.tools {
                _ if whole(envelope) => false,
                None => true,
                Some(tools) => tools
                    .iter()
                    .any(|tool| tool.overlaps(envelope, server) && !whole(tool)),
            })
    }

    /// Whether one deny surely covers all that the pattern means on this server.
    fn denied_whole(&self, pattern: &Pattern, denied: &Denied<'_>) -> bool {
        if denied.everything || denied.patterns.contains(pattern.as_str()) {
            return true;
        }
        let exact = pattern
            .exact_name()
            .filter(|_| pattern.kind() == Kind::Tool);
        let mut covered = false;
        if let Some(name) = exact {
            let (agent, server) = (self.agent(), self.request.server);
            self.index
                .matching(agent, server, Target::Tool(name), |number| {
                    let rule = self.policy.rules.get(number);
                    covered |= rule.is_some_and(Rule::denies_always);
                });
        }
        covered
    }
}

// === impl Denied ===

impl<'a> Denied<'a> {
    fn on(case: &Case<'a>) -> Self {
        let server = case.request.server;
        let mut denied = Self {
            everything: false,
            patterns: HashSet::new(),
        };
        for number in case.index.touching(case.agent(), server) {
            let rule = case.policy.rules.get(number);
            let Some(rule) = rule.filter(|rule| rule.denies_always()) else {
                continue;
            };
            for pattern in rule.tools.iter().flatten() {
                denied.everything |= pattern.kind() == Kind::All && pattern.touches(server);
                denied.patterns.insert(pattern.as_str());
            }
            denied.everything |= rule.tools.is_none();
        }
        denied
    }
}
