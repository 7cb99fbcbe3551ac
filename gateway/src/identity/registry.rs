//! Who is registered: from a proven subject to the agent it is, compiled once for each snapshot.

use super::{Caller, Principal, Proof};
use crate::config::{Agent, Config, Identity};
use crate::pipeline::Refusal;
use policy::model::{SubjectPattern, Who};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The registered agents, by who they prove to be.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Matchers of one subject, by subject.
    exact: HashMap<Box<str>, Vec<Entry>>,
    /// Matchers of many.
    patterns: Vec<(SubjectPattern, Entry)>,
    agents: BTreeMap<Arc<str>, Agent>,
    sources: BTreeMap<Arc<str>, Source>,
    local: Option<Result<Caller, Unavailable>>,
    /// Callers by the hash of their static key.
    keys: HashMap<[u8; 32], Result<Caller, Unavailable>>,
}

/// A subject as an identity proves it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The identity's name.
    pub(crate) source: &'a str,
    /// Whether it names a workload by its SPIFFE ID.
    pub(crate) workload: bool,
    /// As the proof names it.
    pub(crate) name: &'a str,
    /// What else the proof says.
    pub(crate) claims: &'a serde_json::Map<String, serde_json::Value>,
}

/// Why a well-proven caller may not call. The caller is told one thing whatever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable(pub(crate) Cow<'static, str>);

/// What an identity proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Local,
    Workloads,
    Others,
}

#[derive(Debug, Clone)]
struct Entry {
    agent: Arc<str>,
    /// None: of any identity that proves workloads.
    source: Option<Box<str>>,
    claims: BTreeMap<String, SubjectPattern>,
}

// === impl Registry ===

impl Registry {
    /// The agents of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        let mut registry = Self {
            exact: HashMap::new(),
            patterns: Vec::new(),
            agents: config.agents.clone(),
            sources: config.identities.iter().map(Source::of).collect(),
            local: None,
            keys: HashMap::new(),
        };
        for (name, agent) in &config.agents {
            for matcher in &agent.identity {
                registry.put(name, &matcher.who);
            }
        }
        registry.local = registry.of_this_machine(config);
        for (source, identity) in &config.identities {
            if let Identity::Key(keys) = identity {
                for key in keys {
                    let caller = registry.of_key(source, &key.id);
                    registry.keys.insert(key.hash, caller);
                }
            }
        }
        registry
    }

    /// The caller from this machine, where an identity knows one.
    pub(crate) fn local(&self) -> Option<&Result<Caller, Unavailable>> {
        self.local.as_ref()
    }

    /// The caller with the static key of this hash.
    pub(crate) fn key(&self, hash: &[u8; 32]) -> Option<&Result<Caller, Unavailable>> {
        self.keys.get(hash)
    }

    /// The agent a subject is, and the first second at which it is no longer.
    ///
    /// # Errors
    ///
    /// Nobody registered, or not active.
    pub(crate) fn agent(
        &self,
        subject: Subject<'_>,
        now: u64,
    ) -> Result<(Arc<str>, Option<u64>), Unavailable> {
        let fits = |entry: &&Entry| entry.fits(subject);
        let exact = self.exact.get(subject.name).into_iter().flatten();
        let patterns = self.patterns.iter();
        let found = exact.clone().find(fits).or_else(|| {
            patterns
                .filter(|(pattern, _)| pattern.matches(subject.name))
                .map(|(_, entry)| entry)
                .find(fits)
        });
        match found {
            Some(entry) => self.available(&entry.agent, now),
            None => Err(Unavailable(Cow::Owned(format!(
                "no agent has the identity `{}:{}`",
                subject.source, subject.name
            )))),
        }
    }

    /// Whether an agent may act at this instant.
    pub(crate) fn may_act(&self, agent: &str, now: u64) -> bool {
        let agent = self.agents.get(agent);
        agent.is_some_and(|agent| agent.unavailable(now).is_none())
    }

    /// The agents that may not act at this instant, in the order of their names.
    pub(crate) fn withdrawn(&self, now: u64) -> Vec<Box<str>> {
        let withdrawn = |agent: &Agent| agent.unavailable(now).is_some();
        let agents = self.agents.iter().filter(|(_, agent)| withdrawn(agent));
        agents.map(|(name, _)| Box::from(&**name)).collect()
    }

    /// Whether what an identity proved once would still be this agent, as far as its subject says.
    pub(crate) fn still_is(&self, agent: &str, source: &str, name: &str) -> bool {
        let Some(identity) = self.sources.get(source) else {
            return false;
        };
        let matchers = self.agents.get(agent).map(|agent| agent.identity.iter());
        matchers
            .into_iter()
            .flatten()
            .any(|matcher| match &matcher.who {
                Who::Local => *identity == Source::Local && name == "local",
                Who::Workload(subject) => *identity == Source::Workloads && subject.matches(name),
                Who::Subject {
                    source: own,
                    subject,
                    ..
                } => own == source && subject.matches(name),
            })
    }

    /// Whether the agent may act only within another's chain.
    pub(crate) fn requires_chain(&self, agent: &str) -> bool {
        self.agents
            .get(agent)
            .is_some_and(|agent| agent.requires_chain)
    }

    fn put(&mut self, agent: &Arc<str>, who: &Who) {
        let (source, subject, claims) = match who {
            Who::Local => return,
            Who::Workload(subject) => (None, subject, BTreeMap::new()),
            Who::Subject {
                source,
                subject,
                claims,
            } => (Some(Box::from(source.as_str())), subject, claims.clone()),
        };
        let entry = Entry {
            agent: Arc::clone(agent),
            source,
            claims,
        };
        if subject.is_exact() {
            let known = self.exact.entry(Box::from(subject.as_str())).or_default();
            known.push(entry);
        } else {
            self.patterns.push((subject.clone(), entry));
        }
    }

    fn of_this_machine(&self, config: &Config) -> Option<Result<Caller, Unavailable>> {
        let mut identities = config.identities.iter();
        let (source, _) = identities.find(|(_, one)| **one == Identity::Local)?;
        let local = |agent: &Agent| agent.identity.iter().any(|one| one.who == Who::Local);
        let agent = config.agents.iter().find(|(_, agent)| local(agent));
        Some(match agent {
            None => Err(Unavailable(Cow::Borrowed(
                "no agent has the identity `local`",
            ))),
            Some((agent, _)) => self.always((source, "local"), agent, "local"),
        })
    }

    fn of_key(&self, source: &Arc<str>, id: &str) -> Result<Caller, Unavailable> {
        let none = serde_json::Map::new();
        let subject = Subject {
            source,
            workload: false,
            name: id,
            claims: &none,
        };
        let (agent, _) = self.agent(subject, 0)?;
        self.always((source, id), &agent, &format!("key:{source}:{id}"))
    }

    /// A caller that proves itself anew with each request.
    fn always(
        &self,
        (source, name): (&Arc<str>, &str),
        agent: &Arc<str>,
        subject: &str,
    ) -> Result<Caller, Unavailable> {
        let (agent, expires) = self.available(agent, 0)?;
        Ok(Caller {
            principal: Arc::new(Principal {
                agent,
                subject: Arc::from(subject),
                user: None,
            }),
            proof: Arc::new(Proof {
                source: Arc::clone(source),
                name: Box::from(name),
                expires,
                agent_until: expires,
                ..Proof::default()
            }),
        })
    }

    fn available(&self, name: &Arc<str>, now: u64) -> Result<(Arc<str>, Option<u64>), Unavailable> {
        let Some(agent) = self.agents.get(name) else {
            return Err(Unavailable(Cow::Borrowed("the agent is not registered")));
        };
        match agent.unavailable(now) {
            Some(why) => Err(Unavailable(Cow::Borrowed(why))),
            None => {
                let end = agent.expires.map(|end| u64::try_from(end).unwrap_or(0));
                Ok((Arc::clone(name), end))
            }
        }
    }
}

// === impl Source ===

impl Source {
    fn of((name, identity): (&Arc<str>, &Identity)) -> (Arc<str>, Self) {
        let kind = match identity {
            Identity::Local => Self::Local,
            Identity::Spiffe(_) => Self::Workloads,
            Identity::Oidc(_) | Identity::Key(_) => Self::Others,
        };
        (Arc::clone(name), kind)
    }
}

// === impl Entry ===

impl Entry {
    fn fits(&self, subject: Subject<'_>) -> bool {
        let source = match &self.source {
            Some(source) => **source == *subject.source,
            None => subject.workload,
        };
        source
            && self
                .claims
                .iter()
                .all(|(name, wanted)| says(subject.claims.get(name), wanted))
    }
}

/// Whether a claim is what is wanted: a text that matches, a number or truth value written so, or a list with one.
fn says(claim: Option<&serde_json::Value>, wanted: &SubjectPattern) -> bool {
    use serde_json::Value;
    match claim {
        Some(Value::String(text)) => wanted.matches(text),
        Some(Value::Number(number)) => wanted.matches(&number.to_string()),
        Some(Value::Bool(truth)) => wanted.matches(if *truth { "true" } else { "false" }),
        Some(Value::Array(items)) => items
            .iter()
            .any(|item| item.as_str().is_some_and(|text| wanted.matches(text))),
        _ => false,
    }
}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Self::AgentUnavailable(unavailable.0)
    }
}
