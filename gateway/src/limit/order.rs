//! What one call takes: a cell of each rate, a place of each concurrency, a part of each budget that applies to it; and
//! whose use each is counted as.

use super::limited::{By, What};
use crate::ask::Ask;
use crate::authorize::Authorized;
use crate::identity::Principal;
use crate::task::{Bound, Task};
use adapters::state::limit::{Bound as Most, Key, Quota, Take};
use adapters::wire::{Class, Method};
use policy::limit::{Allowance, Budget, Limit, Per, Queue, Source};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What a call takes.
#[derive(Debug, Default)]
pub(super) struct Order<'a> {
    /// All of it, or nothing.
    pub(super) takes: Vec<Take>,
    /// What each of it is, in the same order.
    pub(super) wants: Vec<Want<'a>>,
    /// What is spent when the call has ended.
    pub(super) spends: Vec<Spend>,
}

/// What is taken, in the words of the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want<'a> {
    /// Where it is written.
    pub(super) by: By<&'a Arc<str>>,
    /// Whose calls are counted together.
    pub(super) per: &'static str,
    pub(super) what: What,
    pub(super) most: u64,
    /// The time of a rate.
    pub(super) window: Option<Duration>,
    /// When there is more of what only a clock brings back.
    pub(super) renewed: Option<Duration>,
    /// None for budgets.
    pub(super) limit: Option<&'a Limit>,
}

/// What nobody knows before the call has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spend {
    pub(super) key: Key,
    pub(super) life: Duration,
    /// [`What::Bytes`] or [`What::Minutes`].
    pub(super) what: What,
}

/// Whose call it is.
struct Whose<'a> {
    call: &'a Authorized,
    bound: &'a Bound,
    task: &'a Task,
    principal: &'a Principal,
    /// The task of the agent that called this one.
    parent: Option<&'a Task>,
    /// Streams that only listen hold no place and spend no time.
    listens: bool,
}

/// What a budget of a task is remembered for beyond the longest silence of one: it is asked for rarely enough.
const MARGIN: Duration = Duration::from_secs(600);
const DAY: u64 = 24 * 60 * 60;

/// Whether a call is counted: not what answers a server, ends a session, or speaks of another call.
fn counts(bound: &Bound) -> bool {
    let said = match bound.asked().ask() {
        Ask::Listen => return true,
        Ask::End => return false,
        Ask::Say(said) => said,
    };
    match said.class() {
        Class::Request => true,
        Class::Notification => !matches!(
            said.method,
            Some(Method::NotificationsCancelled | Method::NotificationsProgress)
        ),
        Class::Result | Class::Error => false,
    }
}

// === impl Order ===

impl<'a> Order<'a> {
    /// What a call takes at this second.
    pub(super) fn of(call: &'a Authorized, now: u64) -> Self {
        let mut order = Self::default();
        let bound = call.bound();
        if !counts(bound) {
            return order;
        }
        let context = bound.asked().context();
        let whose = Whose {
            call,
            bound,
            task: bound.task(),
            principal: context.principal(),
            parent: bound.hop().map(|hop| &*hop.task),
            listens: call.opens_stream(),
        };
        let all = context.snapshot.config.gateway.limits.iter();
        for (number, limit) in all.enumerate() {
            order.limit(&whose, By::Gateway, (number, limit));
        }
        let all = call.server().settings.limits.iter();
        for (number, limit) in all.enumerate() {
            order.limit(&whose, By::Server(&context.name), (number, limit));
        }
        for applied in call.grant().limits() {
            let by = match &applied.source {
                Source::Rule(rule) => By::Rule(rule),
                Source::Envelope(agent) => By::Envelope(agent),
            };
            order.limit(&whose, by, (applied.number, &applied.limit));
        }
        for (agent, budget) in call.grant().budgets() {
            order.budget(&whose, (agent, budget), now);
        }
        order
    }

    fn limit(
        &mut self,
        whose: &Whose<'_>,
        by: By<&'a Arc<str>>,
        (number, limit): (usize, &'a Limit),
    ) {
        let mut want = Want {
            by,
            per: limit.per.name(),
            what: What::Rate,
            most: 0,
            window: None,
            renewed: None,
            limit: Some(limit),
        };
        if let Some(rate) = limit.rate {
            let quota = Quota {
                count: rate.count,
                period: rate.period,
                burst: rate.burst,
            };
            (want.most, want.window) = (rate.count.into(), Some(rate.period));
            // A rate that was changed begins anew: what was taken of the other says nothing of it.
            let pace = [
                rate.count.into(),
                rate.period.as_secs(),
                u64::from(rate.burst),
            ];
            let name = name(&want, number, &pace);
            self.take(whose.key(&name, limit.per, by), Most::Rate(quota), want);
        }
        if let Some(most) = limit.concurrency.filter(|_| !whose.listens) {
            let want = Want {
                what: What::Concurrency,
                most: most.into(),
                window: None,
                ..want
            };
            let name = name(&want, number, &[]);
            self.take(whose.key(&name, limit.per, by), Most::Slots { most }, want);
        }
    }

    fn budget(&mut self, whose: &Whose<'_>, (agent, budget): (&'a Arc<str>, &'a Budget), now: u64) {
        let by = By::Envelope(agent);
        if !budget.task.is_empty() {
            let task = whose.task_of(by);
            let scope = (by, "task", task.as_bytes().as_slice());
            self.allowance(whose, scope, (&budget.task, whose.life(), None));
        }
        if !budget.day.is_empty() {
            let (day, left) = (now / DAY, DAY - now % DAY);
            let (day, left) = (day.to_be_bytes(), Duration::from_secs(left));
            let scope = (by, "day", day.as_slice());
            // Calls of this day that end on the next are still this day's.
            let life = left + Duration::from_secs(DAY);
            self.allowance(whose, scope, (&budget.day, life, Some(left)));
        }
    }

    fn allowance(
        &mut self,
        whose: &Whose<'_>,
        (by, per, scope): (By<&'a Arc<str>>, &'static str, &[u8]),
        (most, life, renewed): (&Allowance, Duration, Option<Duration>),
    ) {
        let time = most.time.map(micros).filter(|_| !whose.listens);
        let parts = [
            (What::Calls, most.calls, 1),
            (What::Cost, most.cost, whose.call.grant().cost()),
            (What::Bytes, most.bytes, 0),
            (What::Minutes, time, 0),
        ];
        for (what, most, amount) in parts {
            let afterwards = matches!(what, What::Bytes | What::Minutes);
            let Some(most) = most.filter(|_| afterwards || amount > 0) else {
                continue;
            };
            let want = Want {
                by,
                per,
                what,
                most,
                window: None,
                renewed,
                limit: None,
            };
            let key = Key::of([name(&want, 0, &[]).as_slice(), scope]);
            if afterwards {
                self.spends.push(Spend { key, life, what });
            }
            self.take(key, Most::Budget { most, amount, life }, want);
        }
    }

    fn take(&mut self, key: Key, bound: Most, want: Want<'a>) {
        self.takes.push(Take { key, bound });
        self.wants.push(want);
    }
}

/// A limit's name in keys: whatever it is counted by is counted apart from all else.
fn name(want: &Want<'_>, number: usize, more: &[u64]) -> Vec<u8> {
    let (kind, source) = want.by.parts();
    let mut name = Vec::with_capacity(64);
    for word in [kind, want.per, want.what.name()] {
        name.extend_from_slice(word.as_bytes());
        name.push(0);
    }
    for number in std::iter::once(number as u64).chain(more.iter().copied()) {
        name.extend_from_slice(&number.to_be_bytes());
    }
    name.extend_from_slice(source.as_bytes());
    name
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

// === impl Want ===

impl Want<'_> {
    /// Whether, and how, calls wait for it.
    pub(super) fn queue(&self) -> Option<Queue> {
        self.limit.and_then(|limit| limit.queue)
    }
}

// === impl Whose ===

impl<'a> Whose<'a> {
    /// Whose use it is. What an ancestor's envelope says is counted as that ancestor's.
    fn key(&self, name: &[u8], per: Per, by: By<&Arc<str>>) -> Key {
        let server = &self.bound.asked().context().name;
        match per {
            Per::Agent => Key::of([name, self.agent_of(by).as_bytes()]),
            Per::Subject => match self.subject_of(by) {
                Some(subject) => Key::of([name, self.agent_of(by).as_bytes(), subject.as_bytes()]),
                None => Key::of([name, self.agent_of(by).as_bytes()]),
            },
            Per::Task => Key::of([name, self.task_of(by).as_bytes().as_slice()]),
            Per::Chain => Key::of([name, self.task.txn().as_bytes().as_slice()]),
            Per::Tool => {
                let (kind, target) = self.call.concerns();
                let parts = [name, server.as_bytes(), kind.as_bytes(), target.as_bytes()];
                Key::of(parts)
            }
            Per::Server => Key::of([name, server.as_bytes()]),
        }
    }

    /// The agent before this one whose envelope it is.
    fn ancestor<'b>(&self, by: By<&'b Arc<str>>) -> Option<&'b Arc<str>> {
        match by {
            By::Envelope(agent) if *agent != self.principal.agent => Some(agent),
            _ => None,
        }
    }

    fn agent_of<'b>(&'b self, by: By<&'b Arc<str>>) -> &'b Arc<str> {
        self.ancestor(by).unwrap_or(&self.principal.agent)
    }

    /// The task of the agent that called this one, if it is that one's.
    fn called_by(&self, ancestor: &Arc<str>) -> Option<&'a Task> {
        let parent = self.parent;
        parent.filter(|parent| parent.principal().agent == *ancestor)
    }

    fn subject_of(&self, by: By<&Arc<str>>) -> Option<&Arc<str>> {
        match self.ancestor(by) {
            None => Some(&self.principal.subject),
            Some(ancestor) => self
                .called_by(ancestor)
                .map(|parent| &parent.principal().subject),
        }
    }

    /// Of an ancestor that is neither the caller's caller nor the first of the chain nobody here knows the task: then it
    /// is the chain's, whose id is that of its first task.
    fn task_of(&self, by: By<&Arc<str>>) -> Uuid {
        match self.ancestor(by) {
            None => self.task.id(),
            Some(ancestor) => self
                .called_by(ancestor)
                .map_or_else(|| self.task.txn(), Task::id),
        }
    }

    /// How long after a call another one of its task may come.
    fn life(&self) -> Duration {
        let own = &self.call.server().settings.deadlines;
        let deadlines = &self
            .bound
            .asked()
            .context()
            .snapshot
            .config
            .gateway
            .deadlines;
        let open = [own.call, own.stream, deadlines.call, deadlines.stream];
        let longest = open.into_iter().max().unwrap_or_default();
        longest + deadlines.idle + MARGIN
    }
}
