//! Rules: what each speaks of, and what it says.

use std::sync::Arc;

use super::{AgentName, Effects, Egress, Label, Pattern, RuleName, SubjectPattern, Touched, User};
use crate::condition::argument::Argument;
use crate::condition::during::During;
use crate::condition::expression::Expression;
use crate::diagnostic::Span;
use crate::lease::Terms;
use crate::limit::Limit;

/// `[[rules]]`. What is `None` or empty holds of every call.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique.
    pub name: RuleName,
    /// Whom it speaks of.
    pub agents: Option<Arc<[AgentName]>>,
    /// For whom they act.
    pub on_behalf_of: Option<Vec<UserPattern>>,
    /// What it speaks of.
    pub tools: Option<Vec<Pattern>>,
    /// What that does.
    pub effects: Option<Effects>,
    /// Where what is sent goes.
    pub egress: Option<Egress>,
    /// What the task has touched.
    pub after: Option<After>,
    /// When.
    pub during: Option<During>,
    /// With which arguments.
    pub args: Vec<Argument>,
    /// Whatever else.
    pub when: Option<Expression>,
    /// OAuth scopes the caller's token must hold for the rule to allow.
    pub requires: Vec<Box<str>>,
    /// Of one that allows: with what the call goes out.
    pub terms: Terms,
    /// Of one that does not deny: how often what it matches may be called, and how many calls may be open at once.
    pub limits: Vec<Arc<Limit>>,
    /// What it says.
    pub verdict: Verdict,
    /// Told to the caller where the rule keeps a call from happening.
    pub message: Option<Arc<str>>,
    /// Whether it is only counted.
    pub mode: Mode,
    /// Where each of its keys is written.
    pub spans: Spans,
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// `allow = true`.
    Allow,
    /// `ask = { … }`.
    Ask(Ask),
    /// `deny = "message"`, and the message.
    Deny(Arc<str>),
}

/// Who is asked, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// Who may say yes.
    pub approvers: Vec<Box<str>>,
    /// How long an answer is waited for, in seconds.
    pub within: Option<u64>,
}

/// Whether a rule is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Enforced,
    /// It is evaluated beside the others and changes nothing.
    Shadow,
}

/// `after = { … }`: a task that has touched such data. All that is given must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// At least this label.
    pub label: Option<Label>,
    /// Whether something it was answered may have been written by anybody.
    pub untrusted: Option<bool>,
}

/// A user, or a pattern of users: `SOURCE:SUBJECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPattern {
    /// The identity's name.
    pub source: Box<str>,
    /// Its subject.
    pub subject: SubjectPattern,
}

/// Where the keys of a rule are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    /// The rule itself: its name.
    pub rule: Span,
    /// Each key's value, by the key.
    pub keys: Box<[(Box<str>, Span)]>,
}

// === impl Rule ===

impl Rule {
    /// Whether it speaks of the agent.
    pub fn concerns(&self, agent: &str) -> bool {
        let named = |agents: &Arc<[AgentName]>| agents.iter().any(|one| one.as_str() == agent);
        self.agents.as_ref().is_none_or(named)
    }

    /// Whether it allows.
    pub fn allows(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// What the caller is told where the rule keeps a call from happening.
    pub fn public(&self) -> Option<&Arc<str>> {
        let denial = match &self.verdict {
            Verdict::Deny(message) => Some(message),
            Verdict::Allow | Verdict::Ask(_) => None,
        };
        self.message.as_ref().or(denial)
    }
}

// === impl Verdict ===

impl Verdict {
    /// The key it is written with.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask(_) => "ask",
            Self::Deny(_) => "deny",
        }
    }
}

// === impl After ===

impl After {
    /// Whether the task is such a one.
    pub fn holds(self, task: Touched) -> bool {
        let label = self.label.is_none_or(|label| task.label >= label);
        label
            && self
                .untrusted
                .is_none_or(|untrusted| task.untrusted == untrusted)
    }
}

// === impl UserPattern ===

impl UserPattern {
    /// The pattern that is written `SOURCE:SUBJECT`.
    pub fn new(text: &str) -> Option<Self> {
        let (source, subject) = text.split_once(':')?;
        let subject = SubjectPattern::new(subject)?;
        super::well_formed(source).then(|| Self {
            source: source.into(),
            subject,
        })
    }

    /// Whether it is this user.
    pub fn matches(&self, user: User<'_>) -> bool {
        *self.source == *user.source && self.subject.matches(user.subject)
    }
}

// === impl Spans ===

impl Spans {
    /// Where a key is written; the rule where it is not.
    pub fn of(&self, key: &str) -> Span {
        let written = self.keys.iter().find(|(name, _)| **name == *key);
        written.map_or(self.rule, |(_, span)| *span)
    }
}
