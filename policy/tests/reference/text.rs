//! A world as the operator would write it.

use crate::world::{After, EFFECTS, EGRESS, LABELS, Lease, Rule, Said, Says, World};
use std::fmt::Write as _;

// === impl World ===

impl World {
    /// TOML.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for group in &self.groups {
            let _ = writeln!(out, "[groups.{}]", group.name);
            for (key, list) in [
                ("agents", &group.agents),
                ("tools", &group.tools),
                ("users", &group.users),
            ] {
                let _ = writeln!(out, "{key} = {}", strings(list));
            }
        }
        for agent in &self.agents {
            let _ = write!(out, "[agents.{}]\nenvelope = {{ tools = ", agent.name);
            out += &strings(&agent.tools);
            if let Some(effects) = &agent.effects {
                out += &format!(", effects = {}", ranks(&EFFECTS, effects));
            }
            if let Some(label) = agent.clearance {
                out += &format!(", clearance = '{}'", LABELS[label]);
            }
            if let Some(hops) = agent.hops {
                out += &format!(", hops = {hops}");
            }
            if let Some(seconds) = agent.life {
                out += &format!(", credential_ttl = '{seconds}s'");
            }
            out += " }\n";
        }
        for server in &self.servers {
            let _ = writeln!(out, "[servers.{}]", server.name);
            out += &said(&server.own).join("\n");
            out.push('\n');
            for (kind, things) in ["tools", "resources", "prompts"].iter().zip(&server.things) {
                for (name, own) in things {
                    let own = said(own).join(", ");
                    let _ = writeln!(out, "{kind}.'{name}' = {{ {own} }}");
                }
            }
        }
        self.rules.iter().for_each(|one| out += &rule(one));
        out
    }
}

fn rule(rule: &Rule) -> String {
    let mut out = format!("[[rules]]\nname = '{}'\n", rule.name);
    let lists = [
        ("agents", &rule.agents),
        ("on_behalf_of", &rule.users),
        ("tools", &rule.tools),
    ];
    for (key, list) in lists {
        if let Some(list) = list {
            let _ = writeln!(out, "{key} = {}", strings(list));
        }
    }
    if let Some(effects) = &rule.effects {
        let _ = writeln!(out, "effects = {}", ranks(&EFFECTS, effects));
    }
    if let Some(egress) = rule.egress {
        let _ = writeln!(out, "egress = '{}'", EGRESS[egress]);
    }
    if let Some(after) = rule.after {
        let _ = writeln!(out, "after = {{ {} }}", task(after));
    }
    out += &rule.conditions.text();
    if !rule.requires.is_empty() {
        let _ = writeln!(out, "requires = {}", strings(&rule.requires));
    }
    out += &lease(&rule.lease);
    if let Some(message) = &rule.message {
        let _ = writeln!(out, "message = '{message}'");
    }
    if rule.shadow {
        out += "mode = 'shadow'\n";
    }
    let _ = match &rule.says {
        Says::Allow => writeln!(out, "allow = true"),
        Says::Ask => writeln!(out, "ask = {{ approvers = 'leads' }}"),
        Says::Deny(message) => writeln!(out, "deny = '{message}'"),
    };
    out
}

fn lease(lease: &Lease) -> String {
    let mut out = String::new();
    if let Some(name) = &lease.credential {
        let _ = writeln!(out, "credential = '{name}'");
    }
    if let Some(scope) = &lease.scope {
        let scope: Vec<String> = scope.iter().rev().cloned().collect();
        let _ = writeln!(out, "scope = {}", strings(&scope));
    }
    if let Some(seconds) = lease.life {
        let _ = writeln!(out, "credential_ttl = '{seconds}s'");
    }
    out
}

fn task(after: After) -> String {
    let label = after
        .label
        .map(|label| format!("label = '{}'", LABELS[label]));
    let untrusted = after.untrusted.map(|yes| format!("untrusted = {yes}"));
    let both: Vec<String> = label.into_iter().chain(untrusted).collect();
    both.join(", ")
}

fn said(said: &Said) -> Vec<String> {
    let choices = [
        ("effect", said.effect.map(|rank| EFFECTS[rank])),
        ("label", said.label.map(|rank| LABELS[rank])),
        ("egress", said.egress.map(|rank| EGRESS[rank])),
    ];
    let choices = choices
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key} = '{}'", value?)));
    let untrusted = said.untrusted.map(|yes| format!("untrusted = {yes}"));
    choices.chain(untrusted).collect()
}

/// Literal strings: nothing in them is special.
fn strings(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|one| format!("'{one}'")).collect();
    format!("[{}]", quoted.join(", "))
}

fn ranks(names: &[&str], list: &[usize]) -> String {
    let names: Vec<String> = list.iter().map(|rank| names[*rank].to_owned()).collect();
    strings(&names)
}
