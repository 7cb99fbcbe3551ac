//! With what an allowed call goes out: what the rules that allow it say together, and what keeps it from going out.

use std::sync::Arc;

use super::case::Case;
use super::{Denial, Reason};
use crate::lease::{Lease, settle};
use crate::model::{Rule, Target};

/// What the caller is told where rules cannot both hold: it can do nothing about it.
const CONTRADICTION: &str = "the gateway's policy is contradictory here";

/// What keeps an allowed call from happening.
#[derive(Debug)]
pub(super) struct Obstacle<'a> {
    pub(super) reason: Reason,
    pub(super) message: Arc<str>,
    /// The rule that is named first.
    pub(super) rule: &'a Rule,
}

impl<'a> Case<'a> {
    /// What the call goes out with under the rules that allow it, of which these say anything of it.
    ///
    /// # Errors
    ///
    /// Rules that cannot both hold; a scope that cannot be made of what the call brings.
    pub(super) fn lease(&self, rules: Vec<&'a Rule>) -> Result<Lease, Obstacle<'a>> {
        // A server's request to its client goes the other way, and with nothing.
        if matches!(self.request.target, Target::Client(_)) {
            return Ok(Lease::default());
        }
        let settled = settle(rules).map_err(Obstacle::discord)?;
        settled
            .lease(self.request, self.life())
            .map_err(|(rule, why)| {
                let message = || format!("no credential can be asked for with this `{}`", why.name);
                Obstacle {
                    message: rule.message.clone().unwrap_or_else(|| message().into()),
                    reason: Reason::Lease {
                        name: rule.name.shared(),
                        value: why.name,
                    },
                    rule,
                }
            })
    }

    /// What only opens or describes goes out with: the server's own credential.
    pub(super) fn opening(&self) -> Lease {
        Lease {
            life: self.life(),
            ..Lease::default()
        }
    }

    /// The longest life of a lease that every envelope allows.
    fn life(&self) -> Option<u64> {
        let lives = self.agents().filter_map(|agent| agent.envelope.life);
        lives.min()
    }
}

// === impl Obstacle ===

impl<'a> Obstacle<'a> {
    /// Whether it stands whatever else the call brings, and whatever other rules allow it.
    pub(super) fn lasts(&self) -> bool {
        matches!(self.reason, Reason::Credentials { .. })
    }

    fn discord(rules: [&'a Rule; 2]) -> Self {
        Self {
            reason: Reason::Credentials {
                rules: rules.map(|rule| rule.name.shared()),
            },
            message: CONTRADICTION.into(),
            rule: rules[0],
        }
    }
}

// === impl Denial ===

impl Denial {
    /// Of one thing that is allowed by two names, with different credentials.
    pub(super) fn contradiction(rules: [Arc<str>; 2], others: Box<[Arc<str>]>) -> Self {
        Self {
            reason: Reason::Credentials { rules },
            visible: true,
            message: Some(CONTRADICTION.into()),
            others,
        }
    }
}
