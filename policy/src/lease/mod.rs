//! With what a call goes out: what rules say of the lease it asks for, and how the words of several become one.
//!
//! Credentials have no order: rules that name two cannot both hold, so neither does. Scopes have one: a list of which the
//! other holds all is the narrower. A rule that names nothing leaves it to those that do.

mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::{Request, Rule};

pub use template::{ScopeTemplate, Unsafe};

/// As what a rule says that calls go out without a credential.
pub const NONE: &str = "none";

/// What a rule says of the lease; what it does not say is left to others, and at last to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// `credential`.
    pub credential: Option<Arc<str>>,
    /// `scope`, in order, each once.
    pub scope: Option<Arc<[ScopeTemplate]>>,
    /// `credential_ttl`, in seconds.
    pub life: Option<u64>,
}

/// What a granted call goes out with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) credential: Option<Arc<str>>,
    pub(crate) scope: Option<Vec<String>>,
    pub(crate) life: Option<u64>,
}

/// What rules say of it together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settled<'a> {
    /// The first by name of those that name the credential.
    credential: Option<&'a Rule>,
    /// The narrowest of those that name a scope.
    scope: Option<&'a Rule>,
    life: Option<u64>,
}

/// Two rules that cannot both hold, the first by name first.
pub(crate) type Discord<'a> = [&'a Rule; 2];

/// The templates in order, each once.
pub(crate) fn sorted(templates: impl Iterator<Item = ScopeTemplate>) -> Arc<[ScopeTemplate]> {
    let mut templates: Vec<_> = templates.collect();
    templates.sort_unstable();
    templates.dedup();
    templates.into()
}

/// Whether the rules cannot both allow one call: they name two credentials, or scopes of which neither holds the other.
pub(crate) fn disagree(one: &Terms, other: &Terms) -> bool {
    let credentials = one.credential.as_ref().zip(other.credential.as_ref());
    let scopes = one.scope.as_ref().zip(other.scope.as_ref());
    credentials.is_some_and(|(one, other)| one != other)
        || scopes.is_some_and(|(one, other)| !within(one, other) && !within(other, one))
}

/// What the rules say together.
///
/// # Errors
///
/// Two that cannot both hold, whatever order the rules come in.
pub(crate) fn settle<'a>(mut rules: Vec<&'a Rule>) -> Result<Settled<'a>, Discord<'a>> {
    rules.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let named = |rule: &&Rule| rule.terms.credential.is_some();
    let credential = rules.iter().copied().find(named);
    if let Some(first) = credential {
        let differs = |rule: &&Rule| named(rule) && rule.terms.credential != first.terms.credential;
        if let Some(other) = rules.iter().copied().find(differs) {
            return Err([first, other]);
        }
    }
    let life = rules.iter().filter_map(|rule| rule.terms.life).min();
    let scope = |rule: &'a Rule| rule.terms.scope.as_deref();
    rules.retain(|rule| scope(rule).is_some());
    // In order of size, each must hold the one before it: then every two nest.
    rules.sort_by_key(|rule| scope(rule).map(<[_]>::len));
    let mut wider = rules.iter().skip(1);
    for narrow in &rules {
        let Some(wide) = wider.next() else { break };
        let nests = scope(narrow).zip(scope(wide));
        if !nests.is_some_and(|(narrow, wide)| within(narrow, wide)) {
            let mut discord = [*narrow, *wide];
            discord.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            return Err(discord);
        }
    }
    Ok(Settled {
        credential,
        scope: rules.first().copied(),
        life,
    })
}

/// Whether the second list holds all of the first; both are in order.
fn within(narrow: &[ScopeTemplate], wide: &[ScopeTemplate]) -> bool {
    narrow.iter().all(|one| wide.binary_search(one).is_ok())
}

// === impl Terms ===

impl Terms {
    /// Whether they say nothing.
    pub fn is_empty(&self) -> bool {
        self.credential.is_none() && self.scope.is_none() && self.life.is_none()
    }

    /// Whether the scope is the same for every call.
    pub(crate) fn is_fixed(&self) -> bool {
        let mut scope = self.scope.iter().flat_map(|scope| scope.iter());
        scope.all(ScopeTemplate::is_fixed)
    }

    /// Whether the scope depends on the arguments of the call.
    pub(crate) fn reads_arguments(&self) -> bool {
        let mut scope = self.scope.iter().flat_map(|scope| scope.iter());
        scope.any(ScopeTemplate::reads_arguments)
    }
}

// === impl Settled ===

impl<'a> Settled<'a> {
    /// What a call goes out with under them, and under envelopes of this life.
    ///
    /// # Errors
    ///
    /// What the call brings that cannot be part of a scope, and the rule that asks for it.
    pub(crate) fn lease(
        self,
        request: &Request<'_>,
        life: Option<u64>,
    ) -> Result<Lease, (&'a Rule, Unsafe)> {
        let named = self
            .credential
            .and_then(|rule| rule.terms.credential.as_ref());
        let none = named.is_some_and(|name| **name == *NONE);
        let scope = match self.scope.filter(|_| !none) {
            Some(rule) => {
                let templates = rule.terms.scope.iter().flat_map(|scope| scope.iter());
                let rendered = templates.map(|template| template.render(request));
                Some(
                    rendered
                        .collect::<Result<_, _>>()
                        .map_err(|why| (rule, why))?,
                )
            }
            None => None,
        };
        Ok(Lease {
            credential: named.cloned(),
            scope,
            life: self.life.into_iter().chain(life).min(),
        })
    }
}

// === impl Lease ===

impl Lease {
    /// Whether both ask for the same thing, however long it lives.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.credential == other.credential && self.scope == other.scope
    }
}
