//! Which agent can reach anything of which server, worked out once when the policy is compiled.
//!
//! It may say yes where a clever mix of denies leaves nothing, never no where something is allowed.

use std::collections::{HashMap, HashSet};

use crate::model::{Agent, AgentName, Kind, Pattern, Rule, ServerName, Target, Verdict};

/// For each agent and server its envelope touches, the rule that lets it in (by name the first), if any.
pub(super) fn reach(
    agents: &HashMap<AgentName, Agent>,
    servers: &HashSet<ServerName>,
    rules: &[Rule],
) -> HashMap<AgentName, HashMap<ServerName, Option<usize>>> {
    let mut order: Vec<(usize, &Rule)> = rules.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let mut all = HashMap::new();
    for (name, agent) in agents {
        let (allows, denies): (Vec<_>, Vec<_>) = order
            .iter()
            .filter(|(_, rule)| concerns(rule, name))
            .partition(|(_, rule)| rule.verdict == Verdict::Allow);
        let mut reached = HashMap::new();
        for server in servers {
            if agent
                .envelope
                .iter()
                .any(|pattern| pattern.touches(server.as_str()))
            {
                let by = allows
                    .iter()
                    .find(|(_, allow)| leaves_something(agent, server, allow, &denies));
                reached.insert(server.clone(), by.map(|(number, _)| *number));
            }
        }
        all.insert(name.clone(), reached);
    }
    all
}

/// Whether the rule speaks of the agent.
pub(crate) fn concerns(rule: &Rule, agent: &AgentName) -> bool {
    rule.agents
        .as_ref()
        .is_none_or(|agents| agents.contains(agent))
}

fn leaves_something(
    agent: &Agent,
    server: &ServerName,
    allow: &Rule,
    denies: &[(usize, &Rule)],
) -> bool {
    let server = server.as_str();
    let mut inside = agent
        .envelope
        .iter()
        .filter(|pattern| pattern.touches(server));
    inside.any(|envelope| match &allow.tools {
        None => !denied_whole(envelope, server, denies),
        Some(tools) => tools.iter().any(|tool| {
            tool.overlaps(envelope, server)
                && !denied_whole(tool, server, denies)
                && !denied_whole(envelope, server, denies)
        }),
    })
}

/// Whether one deny surely covers all that the pattern means on this server.
fn denied_whole(pattern: &Pattern, server: &str, denies: &[(usize, &Rule)]) -> bool {
    let covers = |deny: &Pattern| {
        let everything = deny.kind() == Kind::All && deny.touches(server);
        let same = deny.as_str() == pattern.as_str();
        let one = pattern.kind() == Kind::Tool
            && pattern
                .exact_name()
                .is_some_and(|name| deny.matches(server, Target::Tool(name)));
        everything || same || one
    };
    denies.iter().any(|(_, deny)| match &deny.tools {
        None => true,
        Some(tools) => tools.iter().any(covers),
    })
}
