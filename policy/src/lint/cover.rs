//! Which rules speak of all that another speaks of, where that is certain.

use std::collections::HashMap;

use crate::model::{Pattern, Rule};

/// The rules by whom and what they speak of, so that not every two of them are compared.
#[derive(Debug)]
pub(super) struct Covers<'a> {
    /// By agent and by server; `None`: every one.
    rules: HashMap<Place<'a>, Vec<&'a Rule>>,
}

type Place<'a> = (Option<&'a str>, Option<&'a str>);

// === impl Covers ===

impl<'a> Covers<'a> {
    pub(super) fn new(all: impl Iterator<Item = &'a Rule>) -> Self {
        let mut rules: HashMap<_, Vec<&Rule>> = HashMap::new();
        for rule in all {
            for agent in agents(rule) {
                let mut servers = servers(rule);
                servers.sort_unstable();
                servers.dedup();
                for server in servers {
                    rules.entry((agent, server)).or_default().push(rule);
                }
            }
        }
        Self { rules }
    }

    /// The others that cover the rule.
    pub(super) fn of(&self, rule: &'a Rule) -> impl Iterator<Item = &'a Rule> {
        // What covers it covers its first agent and its first pattern, too.
        let agent = agents(rule).first().copied().flatten();
        let server = servers(rule).first().copied().flatten();
        let mut places = vec![(None, None), (agent, None), (None, server), (agent, server)];
        places.sort_unstable();
        places.dedup();
        let near = places
            .into_iter()
            .filter_map(|place| self.rules.get(&place));
        let near = near.flatten().copied();
        near.filter(move |other| other.name != rule.name && covers(other, rule))
    }
}

/// Whether the first speaks of all that the second speaks of. Other conditions count as wider only where they are the
/// same or absent.
pub(super) fn covers(wide: &Rule, narrow: &Rule) -> bool {
    let agents = wide.agents.as_ref().is_none_or(|wide| {
        let narrow = narrow.agents.as_ref();
        narrow.is_some_and(|narrow| narrow.iter().all(|one| wide.binary_search(one).is_ok()))
    });
    let effects = wide
        .effects
        .is_none_or(|wide| narrow.effects.is_some_and(|narrow| wide.covers(narrow)));
    let when = |rule: &Rule| rule.when.as_ref().map(|when| when.as_str().to_owned());
    agents
        && tools(wide, narrow)
        && effects
        && same_or_absent(&wide.egress, &narrow.egress)
        && same_or_absent(&wide.on_behalf_of, &narrow.on_behalf_of)
        && same_or_absent(&wide.after, &narrow.after)
        && same_or_absent(&wide.during, &narrow.during)
        && (wide.args.is_empty() || wide.args == narrow.args)
        && same_or_absent(&when(wide), &when(narrow))
}

fn tools(wide: &Rule, narrow: &Rule) -> bool {
    let Some(wide) = &wide.tools else {
        return true;
    };
    let covered = |one: &Pattern| wide.iter().any(|wide| wide.covers(one));
    match &narrow.tools {
        Some(narrow) => !narrow.is_empty() && narrow.iter().all(covered),
        None => wide.iter().any(|wide| wide.as_str() == "**"),
    }
}

fn same_or_absent<T: PartialEq>(wide: &Option<T>, narrow: &Option<T>) -> bool {
    wide.is_none() || wide == narrow
}

fn agents(rule: &Rule) -> Vec<Option<&str>> {
    match &rule.agents {
        Some(agents) => agents.iter().map(|one| Some(one.as_str())).collect(),
        None => vec![None],
    }
}

fn servers(rule: &Rule) -> Vec<Option<&str>> {
    match &rule.tools {
        Some(tools) => tools.iter().map(Pattern::server).collect(),
        None => vec![None],
    }
}
