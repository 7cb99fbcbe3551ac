//! The compiled policy.

use std::collections::HashMap;

use super::{Agent, AgentName, Label, Mode, Rule, Server, ServerName, Touched};
use crate::compile::Index;
use crate::condition::expression::Expression;
use crate::diagnostic::Span;
use crate::lease;

/// Everything `decide` reads.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(crate) agents: HashMap<AgentName, Agent>,
    pub(crate) servers: HashMap<ServerName, Server>,
    pub(crate) rules: Vec<Rule>,
    /// Of the rules that are enforced.
    pub(crate) index: Index,
    /// Of those and the ones that are only counted, where there are any.
    pub(crate) shadow: Option<Box<Index>>,
    minded: Minded,
}

/// What of a task's past any rule asks after.
#[derive(Debug, Clone, Copy, Default)]
struct Minded {
    /// The lowest label.
    label: Option<Label>,
    untrusted: bool,
}

// === impl Policy ===

impl Policy {
    /// Compiles agents, servers and rules that are already valid.
    pub fn new(
        agents: HashMap<AgentName, Agent>,
        servers: HashMap<ServerName, Server>,
        mut rules: Vec<Rule>,
    ) -> Self {
        // In order of name, so that nothing depends on the order of the file.
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        let enforced = |rule: &Rule| rule.mode == Mode::Enforced;
        let index = Index::new(&agents, &rules, enforced);
        let shadow =
            (!rules.iter().all(enforced)).then(|| Box::new(Index::new(&agents, &rules, |_| true)));
        Self {
            minded: Minded::of(&rules),
            agents,
            servers,
            rules,
            index,
            shadow,
        }
    }

    /// The agents, in no order.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentName, &Agent)> {
        self.agents.iter()
    }

    /// One agent.
    pub fn agent(&self, name: &str) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// The servers, in no order.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.keys()
    }

    /// One server.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.get(name)
    }

    /// Whether a rule may decide otherwise once a task has touched this.
    pub fn minds(&self, touched: Touched) -> bool {
        let label = self.minded.label;
        label.is_some_and(|label| label <= touched.label)
            || (self.minded.untrusted && touched.untrusted)
    }

    /// Whether any rule is only counted.
    pub fn has_shadows(&self) -> bool {
        self.shadow.is_some()
    }

    /// The credentials rules name, each where it is written; whether there are such is not known here.
    pub fn credentials(&self) -> impl Iterator<Item = (&str, Span)> {
        self.rules.iter().filter_map(|rule| {
            let name = rule.terms.credential.as_deref()?;
            (name != lease::NONE).then(|| (name, rule.spans.of("credential")))
        })
    }

    /// The rules in order of name.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

// === impl Minded ===

impl Minded {
    fn of(rules: &[Rule]) -> Self {
        let afters = rules.iter().filter_map(|rule| rule.after);
        let labels = afters.clone().filter_map(|after| after.label);
        let mut expressions = rules.iter().filter_map(|rule| rule.when.as_ref());
        // An expression that reads the task may ask after anything.
        let anything = expressions.any(Expression::reads_task);
        Self {
            label: match anything {
                true => Some(Label::Public),
                false => labels.min(),
            },
            untrusted: anything || afters.clone().any(|after| after.untrusted.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Label, Touched};
    use crate::{Document, Source, compile};

    /// What no rule asks after need not be remembered before a call goes on.
    #[test]
    fn a_policy_minds_what_its_rules_ask_after() {
        let minds = |rule: &str| {
            let text = format!("[[rules]]\nname = \"r\"\n{rule}\ndeny = \"no\"\n");
            let (document, _) = Document::read(vec![Source::new("p", text)]);
            let (policy, found) = compile(&document.unwrap());
            assert!(found.is_empty(), "{found:?}");
            let touched = |label, untrusted| policy.minds(Touched { label, untrusted });
            [
                touched(Label::Internal, false),
                touched(Label::Confidential, false),
                touched(Label::Public, true),
            ]
        };
        assert_eq!(minds(""), [false; 3]);
        assert_eq!(
            minds("after = { label = \"confidential\" }"),
            [false, true, false]
        );
        assert_eq!(minds("after = { untrusted = false }"), [false, false, true]);
        assert_eq!(minds("when = \"task.label == 'internal'\""), [true; 3]);
        assert_eq!(minds("when = \"call.args.x == 1\""), [false; 3]);
    }
}
