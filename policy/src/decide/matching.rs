//! Whether a rule matches: key by key, in three values.

use crate::condition::expression::Expression;
use crate::condition::{Facts, Truth};
use crate::model::{Mode, Request, Rule, User, Verdict};

/// A key that may keep a rule from matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `agents`.
    Agents,
    /// `on_behalf_of`.
    OnBehalfOf,
    /// `tools`.
    Tools,
    /// `effects`.
    Effects,
    /// `egress`.
    Egress,
    /// `after`.
    After,
    /// `during`.
    During,
    /// `args`.
    Args,
    /// `when`.
    When,
}

/// What a rule is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A call that stands here, now.
    Call,
    /// Whether there may be such a call: what only a call can say is not known.
    List,
}

// === impl Key ===

impl Key {
    /// All of them, the cheap ones first.
    pub const ALL: [Self; 9] = [
        Self::Agents,
        Self::OnBehalfOf,
        Self::Tools,
        Self::Effects,
        Self::Egress,
        Self::After,
        Self::During,
        Self::Args,
        Self::When,
    ];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::OnBehalfOf => "on_behalf_of",
            Self::Tools => "tools",
            Self::Effects => "effects",
            Self::Egress => "egress",
            Self::After => "after",
            Self::During => "during",
            Self::Args => "args",
            Self::When => "when",
        }
    }
}

// === impl Rule ===

impl Rule {
    /// What is known of one of its keys; of one it does not have, that it holds.
    pub(crate) fn key(&self, key: Key, facts: &Facts<'_>, asked: Asked) -> Truth {
        let request = facts.request;
        let known = |truth: Truth| match asked {
            Asked::Call => truth,
            Asked::List => Truth::Maybe,
        };
        match key {
            Key::Agents => self.concerns(request.agent).into(),
            Key::OnBehalfOf => self.users(request),
            Key::Tools => self
                .tools
                .as_ref()
                .is_none_or(|tools| {
                    let matches =
                        |tool: &crate::model::Pattern| tool.matches(request.server, request.target);
                    tools.iter().any(matches)
                })
                .into(),
            Key::Effects => self
                .effects
                .is_none_or(|effects| effects.holds(facts.class.effect))
                .into(),
            Key::Egress => self
                .egress
                .is_none_or(|egress| egress == facts.class.egress)
                .into(),
            Key::After => match self.after {
                Some(after) => known(after.holds(request.task).into()),
                None => Truth::Yes,
            },
            Key::During => match &self.during {
                Some(during) => known(during.truth(facts.now)),
                None => Truth::Yes,
            },
            Key::Args if self.args.is_empty() => Truth::Yes,
            Key::Args => known(self.arguments(facts)),
            Key::When => match &self.when {
                Some(when) if asked == Asked::List && when.is_momentary() => Truth::Maybe,
                Some(when) => when.truth(facts),
                None => Truth::Yes,
            },
        }
    }

    /// What is known of the whole rule, where `agents` and `tools` are known to hold.
    pub(crate) fn rest(&self, facts: &Facts<'_>, asked: Asked) -> Truth {
        let mut whole = Truth::Yes;
        for key in Key::ALL {
            if matches!(key, Key::Agents | Key::Tools) {
                continue;
            }
            whole = whole & self.key(key, facts, asked);
            if whole == Truth::No {
                break;
            }
        }
        whole
    }

    /// Whether it looks at the arguments of a call.
    pub(crate) fn reads_arguments(&self) -> bool {
        let expression = self.when.as_ref();
        !self.args.is_empty() || expression.is_some_and(Expression::reads_arguments)
    }

    /// What is known of the whole rule but the keys that look at arguments, where `agents` and `tools` hold.
    pub(crate) fn unread(&self, facts: &Facts<'_>) -> Truth {
        let reads = |key: Key| match key {
            Key::Args => true,
            Key::When => self.when.as_ref().is_some_and(Expression::reads_arguments),
            _ => false,
        };
        let keys = Key::ALL.into_iter().filter(|key| !reads(*key));
        keys.map(|key| self.key(key, facts, Asked::Call))
            .fold(Truth::Yes, |whole, truth| whole & truth)
    }

    /// Whether it matches: what cannot be told never satisfies an allow and never spares from the others. In a list
    /// it is the other way round.
    pub(crate) fn matches(&self, truth: Truth, asked: Asked) -> bool {
        let narrows = !matches!(self.verdict, Verdict::Allow);
        match truth {
            Truth::Yes => true,
            Truth::Maybe => narrows == (asked == Asked::Call),
            Truth::No => false,
        }
    }

    /// Whether it denies, always, what its agents call of its tools.
    pub(crate) fn denies_always(&self) -> bool {
        let bare = self.on_behalf_of.is_none()
            && self.effects.is_none()
            && self.egress.is_none()
            && self.after.is_none()
            && self.during.is_none()
            && self.args.is_empty()
            && self.when.is_none();
        bare && matches!(self.verdict, Verdict::Deny(_)) && self.mode == Mode::Enforced
    }

    /// Of several users of one chain all must be meant: another's name neither opens what is one's own, nor closes it.
    pub(crate) fn users(&self, request: &Request<'_>) -> Truth {
        let Some(users) = &self.on_behalf_of else {
            return Truth::Yes;
        };
        let meant = |user: User<'_>| users.iter().any(|one| one.matches(user));
        let others = request.others.iter();
        let others = others.map(|(source, subject)| User { source, subject });
        let (mut all, mut some) = (true, false);
        for user in request.user.into_iter().chain(others) {
            let meant = meant(user);
            all &= meant;
            some |= meant;
        }
        match (some, all) {
            (false, _) => Truth::No,
            (true, true) => Truth::Yes,
            (true, false) => Truth::Maybe,
        }
    }

    fn arguments(&self, facts: &Facts<'_>) -> Truth {
        let mut whole = Truth::Yes;
        for argument in &self.args {
            whole = whole & argument.truth(facts.request.arguments);
            if whole == Truth::No {
                break;
            }
        }
        whole
    }
}
