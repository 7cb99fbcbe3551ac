//! `[[rules]]`.

use std::collections::HashMap;
use std::sync::Arc;

use super::group::{Groups, Kind};
use super::{Agents, Servers, agent, suggested, unknown_name};
use crate::condition::argument::Argument;
use crate::condition::during::During;
use crate::condition::expression::Expression;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::{Datum, Entry, Table, Value};
use crate::keys;
use crate::lease::{self, ScopeTemplate, Terms};
use crate::limit::{self, Limit};
use crate::model::{
    After, AgentName, Ask, Egress, Label, Mode, Rule, RuleName, Spans, SubjectPattern, UserPattern,
    Verdict,
};

/// What rules are read with.
pub(super) struct Reading<'a> {
    pub(super) groups: Groups<'a>,
    pub(super) agents: &'a Agents,
    pub(super) servers: &'a Servers,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    /// Whom a list of names and patterns means, by what it says.
    pub(super) audiences: HashMap<Vec<&'a str>, Arc<[AgentName]>>,
}

// === impl Reading ===

impl<'a> Reading<'a> {
    /// The rules, as far as they can be read.
    pub(super) fn rules(&mut self, rows: &'a [Value]) -> Vec<Rule> {
        self.apart(rows);
        rows.iter().filter_map(|row| self.rule(row)).collect()
    }

    /// Of two rules of one name nobody could say which a record means.
    fn apart(&mut self, rows: &[Value]) {
        let mut names: HashMap<&str, Span> = HashMap::new();
        for value in rows.iter().filter_map(|row| row.table()?.value("name")) {
            let Some(name) = value.text() else { continue };
            if let Some(first) = names.insert(name, value.span) {
                let message = format!("two rules are named `{name}`");
                self.diagnostics.push(
                    Diagnostic::error(Code::Duplicate, value.span, message)
                        .labelled("again here")
                        .also(first, "first here")
                        .help("give each rule a name of its own"),
                );
            }
        }
    }

    fn rule(&mut self, row: &'a Value) -> Option<Rule> {
        let table = row.table()?;
        let verdict = self.verdict(table, row.span);
        let tools = self.list(table, Kind::Tools);
        let tools = tools.map(|tools| agent::patterns(&tools, self.servers, self.diagnostics));
        let agents = self
            .list(table, Kind::Agents)
            .map(|items| self.shared(&items));
        let users = self.list(table, Kind::Users);
        let when = table.value("when").and_then(|value| self.expression(value));
        let during = table.get("during");
        let during = during.and_then(|entry| During::read(entry, self.diagnostics));
        let args = table.table("args").into_iter().flat_map(Table::iter);
        let args = args
            .filter_map(|(path, entry)| Argument::read(path, entry, self.diagnostics))
            .collect();
        let verdict = verdict?;
        Some(Rule {
            name: RuleName::new(table.text("name")?)?,
            agents,
            on_behalf_of: users.map(|users| {
                let users = users.into_iter().filter_map(Value::text);
                users.filter_map(UserPattern::new).collect()
            }),
            tools,
            effects: table
                .value("effects")
                .map(|value| agent::effects(value.items())),
            egress: table.text("egress").and_then(Egress::parse),
            after: table.table("after").map(after),
            during,
            args,
            when,
            requires: self.requires(table, &verdict),
            terms: self.terms(table, &verdict),
            limits: self.limits(table, &verdict),
            verdict,
            message: table.text("message").map(Arc::from),
            mode: match table.text("mode") {
                Some(_) => Mode::Shadow,
                None => Mode::Enforced,
            },
            spans: spans(row, table),
        })
    }

    /// A list of the rule, its groups opened.
    fn list(&mut self, table: &'a Table, kind: Kind) -> Option<Vec<&'a Value>> {
        let key = match kind {
            Kind::Agents => "agents",
            Kind::Tools => "tools",
            Kind::Users => "on_behalf_of",
        };
        let items = table.value(key)?.items();
        Some(self.groups.items(kind, items, self.diagnostics))
    }

    /// The agents, each once and in order of name. Rules that say the same share one list: many rules for many agents
    /// cost no more than both.
    fn shared(&mut self, items: &[&'a Value]) -> Arc<[AgentName]> {
        let said: Vec<&str> = items.iter().filter_map(|item| item.text()).collect();
        if let Some(known) = self.audiences.get(&said) {
            return Arc::clone(known);
        }
        let before = self.diagnostics.len();
        let named: Arc<[AgentName]> = self.named(items).into();
        // A name that nobody bears is told at every place.
        if self.diagnostics.len() == before {
            self.audiences.insert(said, Arc::clone(&named));
        }
        named
    }

    fn named(&mut self, items: &[&Value]) -> Vec<AgentName> {
        let mut names = Vec::new();
        for item in items {
            let Some(text) = item.text() else { continue };
            if let Some((name, _)) = self.agents.get_key_value(text) {
                names.push(name.clone());
            } else if let Some(pattern) = SubjectPattern::new(text).filter(|one| !one.is_exact()) {
                let known = self.agents.keys();
                names.extend(known.filter(|name| pattern.matches(name.as_str())).cloned());
            } else {
                let known = self.agents.keys().map(AgentName::as_str);
                let known = known.take(suggested(self.diagnostics));
                self.diagnostics
                    .push(unknown_name("agent", text, item.span, known));
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn expression(&mut self, value: &Value) -> Option<Expression> {
        match Expression::new(value.text()?) {
            Ok(expression) => Some(expression),
            Err(flaw) => {
                let one = Diagnostic::error(Code::InvalidValue, value.span, flaw.message);
                self.diagnostics.push(one.help(flaw.help));
                None
            }
        }
    }

    /// The scopes an allow asks for. A rule that narrows would spare those who lack them.
    fn requires(&mut self, table: &Table, verdict: &Verdict) -> Vec<Box<str>> {
        if let Some(entry) = table.get("requires").filter(|_| *verdict != Verdict::Allow) {
            let message = "only a rule that allows requires scopes";
            self.diagnostics.push(
                Diagnostic::error(Code::Conflict, entry.key, message)
                    .help("put `requires` on the rule that allows"),
            );
        }
        let scopes = table.items("requires").iter().filter_map(Value::text);
        let mut scopes: Vec<Box<str>> = scopes.map(Box::from).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// How much of what it lets pass; what is denied uses nothing.
    fn limits(&mut self, table: &Table, verdict: &Verdict) -> Vec<Arc<Limit>> {
        let denies = matches!(verdict, Verdict::Deny(_));
        if let Some(entry) = table.get("limit").filter(|_| denies) {
            let message = "a rule that denies has nothing to limit";
            self.diagnostics.push(
                Diagnostic::error(Code::Conflict, entry.key, message)
                    .help("put `limit` on the rule that allows"),
            );
        }
        limit::limits(table, self.diagnostics)
    }

    /// With what an allowed call goes out; what is not allowed goes out with nothing.
    fn terms(&mut self, table: &Table, verdict: &Verdict) -> Terms {
        for key in ["credential", "scope", "credential_ttl"] {
            let Some(entry) = table.get(key).filter(|_| *verdict != Verdict::Allow) else {
                continue;
            };
            let message = "only a rule that allows says with what a call goes out";
            self.diagnostics.push(
                Diagnostic::error(Code::Conflict, entry.key, message)
                    .help(format!("put `{key}` on the rule that allows")),
            );
        }
        let asks = table.get("scope").zip(table.value("credential"));
        if let Some((scope, none)) = asks.filter(|(_, name)| name.text() == Some(lease::NONE)) {
            let message = "without a credential there is nothing to ask for";
            self.diagnostics.push(
                Diagnostic::error(Code::Conflict, scope.key, message)
                    .also(none.span, "no credential")
                    .help("keep one of them"),
            );
        }
        let scopes = table.items("scope").iter().filter_map(Value::text);
        let scopes = scopes.filter_map(|text| ScopeTemplate::new(text).ok());
        Terms {
            credential: table.text("credential").map(Arc::from),
            scope: table.get("scope").map(|_| lease::sorted(scopes)),
            life: agent::life(table),
        }
    }

    fn verdict(&mut self, table: &Table, span: Span) -> Option<Verdict> {
        let said: Vec<(&str, &Entry)> = ["allow", "ask", "deny"]
            .into_iter()
            .filter_map(|key| Some((key, table.get(key)?)))
            .collect();
        match said.as_slice() {
            [(key, entry)] => verdict(key, &entry.value),
            [] => {
                let message = "the rule says neither `allow` nor `ask` nor `deny`";
                self.diagnostics.push(
                    Diagnostic::error(Code::MissingKey, span, message)
                        .help("add `allow = true` or `deny = \"why not\"`"),
                );
                None
            }
            [(first, other), .., (last, entry)] => {
                let message = format!("a rule says one thing, not both `{first}` and `{last}`");
                self.diagnostics.push(
                    Diagnostic::error(Code::Conflict, entry.key, message)
                        .also(other.key, format!("`{first}` here"))
                        .help("make two rules of it"),
                );
                None
            }
        }
    }
}

fn verdict(key: &str, value: &Value) -> Option<Verdict> {
    Some(match key {
        "allow" => Verdict::Allow,
        "deny" => Verdict::Deny(Arc::from(value.text()?)),
        _ => {
            let table = value.table()?;
            let approvers = table.items("approvers").iter().filter_map(Value::text);
            let within = table.text("within").and_then(keys::duration);
            Verdict::Ask(Ask {
                approvers: approvers.map(Box::from).collect(),
                within: within.map(|within| within.as_secs()),
            })
        }
    })
}

fn after(table: &Table) -> After {
    After {
        label: table.text("label").and_then(Label::parse),
        untrusted: match table.value("untrusted").map(|value| &value.datum) {
            Some(Datum::Bool(untrusted)) => Some(*untrusted),
            _ => None,
        },
    }
}

fn spans(row: &Value, table: &Table) -> Spans {
    let keys = table.iter();
    Spans {
        rule: table.value("name").map_or(row.span, |name| name.span),
        keys: keys
            .map(|(key, entry)| (key.into(), entry.value.span))
            .collect(),
    }
}
