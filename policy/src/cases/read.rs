//! `[[tests]]` as they are written.

use std::sync::Arc;

use super::{Call, Case, Expected, Subject, json};
use crate::compile::{instant, seconds};
use crate::decide::Outcome;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Datum, Document, Table, Value};
use crate::model::{AgentName, Label, Now, Policy, ServerName, Touched};
use crate::shape;

/// The tests of a document, as far as they can be read, and what is wrong with them beside their shape.
pub fn read(document: &Document, policy: &Policy) -> (Vec<Case>, Vec<Diagnostic>) {
    let mut reading = Reading {
        policy,
        diagnostics: Vec::new(),
    };
    let rows = document.root.items("tests").iter();
    let cases = rows.filter_map(|row| reading.case(row.table()?)).collect();
    (cases, reading.diagnostics)
}

/// The instant a text says, written like a TOML date, with its offset where it has a time.
pub fn at(text: &str) -> Option<Now> {
    seconds(text.parse().ok()?).map(Now)
}

struct Reading<'a> {
    policy: &'a Policy,
    diagnostics: Vec<Diagnostic>,
}

// === impl Reading ===

impl Reading<'_> {
    fn case(&mut self, table: &Table) -> Option<Case> {
        let call = table.table("call")?;
        let at = call.value("at");
        let at = at.and_then(|at| instant(at, &mut self.diagnostics));
        let name = table.value("name")?;
        let (call, expected) = (self.call(call), self.expected(table.value("expect")?));
        Some(Case {
            name: name.text()?.into(),
            call: call?,
            at: at.map(Now),
            expected: expected?,
            span: name.span,
        })
    }

    fn call(&mut self, table: &Table) -> Option<Call> {
        let agents = [table.items("agent"), table.items("chain")].concat();
        for agent in &agents {
            self.agent(agent);
        }
        let tool = table.value("tool")?;
        let subject = tool.text().and_then(|text| Subject::parse(text).ok());
        if let Some(subject) = &subject {
            self.server(tool, subject.server());
        }
        let arguments = table.value("args").map(|value| self.arguments(value));
        let user = table.text("user").and_then(|user| user.split_once(':'));
        let texts = |key| table.items(key).iter().filter_map(Value::text);
        Some(Call {
            agent: table.text("agent")?.into(),
            user: user.map(|(source, subject)| (source.into(), subject.into())),
            chain: texts("chain").map(Arc::from).collect(),
            scopes: texts("scopes").map(Box::from).collect(),
            task: Touched {
                label: texts("labels")
                    .filter_map(Label::parse)
                    .fold(Label::Public, Label::max),
                untrusted: texts("labels").any(|label| label == "untrusted"),
            },
            subject: subject?,
            arguments: match arguments {
                Some(arguments) => Some(arguments?.into()),
                None => None,
            },
        })
    }

    fn arguments(&mut self, value: &Value) -> Option<String> {
        match json::object(value.table()?) {
            Ok(arguments) => Some(arguments),
            Err(span) => {
                let message = "JSON has no such number";
                let one = Diagnostic::error(Code::InvalidValue, span, message);
                self.diagnostics.push(one.help("write a finite number"));
                None
            }
        }
    }

    fn expected(&mut self, value: &Value) -> Option<Expected> {
        let Datum::Table(table) = &value.datum else {
            return Some(Expected {
                outcome: Outcome::parse(value.text()?)?,
                rule: None,
                span: value.span,
            });
        };
        let said: Vec<_> = table.iter().collect();
        let [(key, entry)] = said.as_slice() else {
            let message = "a call is allowed, asked about or denied, by one rule";
            let one = Diagnostic::error(Code::Conflict, value.span, message);
            self.diagnostics
                .push(one.help("write one of `allow`, `ask` and `deny`"));
            return None;
        };
        let (outcome, name) = (Outcome::parse(key)?, entry.value.text()?);
        self.rule(&entry.value, name, outcome);
        Some(Expected {
            outcome,
            rule: Some(name.into()),
            span: value.span,
        })
    }

    fn agent(&mut self, value: &Value) {
        let Some(name) = value
            .text()
            .filter(|name| self.policy.agent(name).is_none())
        else {
            return;
        };
        let known = self.policy.agents().map(|(name, _)| name);
        let known: Vec<&str> = known.map(AgentName::as_str).collect();
        self.unknown("agent", name, value, &known);
    }

    fn server(&mut self, value: &Value, name: &str) {
        if self.policy.server(name).is_none() {
            let known: Vec<&str> = self.policy.servers().map(ServerName::as_str).collect();
            self.unknown("server", name, value, &known);
        }
    }

    /// A rule that says something else could never be the one that decided so.
    fn rule(&mut self, value: &Value, name: &str, outcome: Outcome) {
        let rules = self.policy.rules();
        let Some(rule) = rules.iter().find(|rule| rule.name.as_str() == name) else {
            let known: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
            return self.unknown("rule", name, value, &known);
        };
        if rule.verdict.name() != outcome.name() {
            let (says, expected) = (rule.verdict.name(), outcome.name());
            let message = format!("the rule `{name}` says `{says}`, it cannot {expected}");
            let one = Diagnostic::error(Code::Conflict, value.span, message);
            self.diagnostics.push(one.also(rule.spans.rule, "the rule"));
        }
    }

    fn unknown(&mut self, what: &str, name: &str, value: &Value, known: &[&str]) {
        let message = format!("no {what} is named `{name}`");
        let one = Diagnostic::error(Code::UnknownName, value.span, message);
        let near = shape::nearest(name, known.iter().copied());
        self.diagnostics.push(match near {
            Some(near) => one.help(format!("did you mean `{near}`?")),
            None => one.help(format!("name a configured {what}")),
        });
    }
}
