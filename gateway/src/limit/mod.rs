//! Stage 5, how much: takes of every limit and budget what a call needs, all of it or nothing, and a place for what may
//! stay open long.
//!
//! What a call takes is its [`order`]; it is counted in this process or in the store that several share ([`counters`]).
//! Where a limit has a queue, a call waits in a [`line`]. Places are held until the last byte of the answer; what nobody
//! knows before, its bytes and its time, is spent when the call has ended.

mod counters;
mod limited;
mod line;
mod order;
mod shared;
mod streams;

pub(crate) use counters::{Held, Spends};
pub(crate) use limited::Limited;
pub(crate) use streams::Slot;

use crate::authorize::Authorized;
use crate::identity::now;
use crate::pipeline::{Evidence, Record, Refusal, Step};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Admission;
use adapters::state::StateError;
use adapters::state::limit::{Memory, Refused};
use adapters::state::redis::Redis;
use counters::Counters;
use line::Lines;
use order::{Order, Want};
use policy::limit::Queue;
use shared::{Shared, Unmet};
use std::sync::Arc;
use std::time::Duration;
use streams::Streams;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// A call with its place. Made only by [`Limits::admit`].
#[derive(Debug)]
pub(crate) struct Admitted {
    authorized: Authorized,
    places: Places,
    spends: Option<Arc<Spends>>,
}

/// What a call holds until its answer's last byte.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Among the open streams of this process.
    pub(crate) stream: Option<Slot>,
    /// Among what its limits let be open at once: held, and never looked at.
    _open: Option<Held>,
}

/// What calls have taken.
#[derive(Debug)]
pub(crate) struct Limits {
    streams: Streams,
    counters: Arc<Counters>,
    metrics: Arc<Metrics>,
}

/// Another replica may give back what one here waits for, and says nothing.
const LOOK: Duration = Duration::from_millis(100);

// === impl Limits ===

impl Limits {
    /// Limits counted in this table; or in the store, where there is one.
    pub(crate) fn new(memory: Memory, store: Option<Arc<Redis>>, metrics: Arc<Metrics>) -> Self {
        Self {
            streams: Streams::new(Arc::clone(&metrics)),
            counters: Arc::new(Counters {
                memory,
                shared: store.map(Shared::new),
                lines: Lines::default(),
            }),
            metrics,
        }
    }

    /// Takes all a call needs, and a place for one that opens a stream. Refuses any call while no place is left for its
    /// answer.
    ///
    /// # Errors
    ///
    /// [`Refusal::StreamsFull`]; [`Refusal::Limited`] and, where nobody can count, [`Refusal::Uncounted`]; the ends of what
    /// waits.
    pub(crate) async fn admit(&self, authorized: Authorized) -> Result<Admitted, Refusal> {
        let context = authorized.bound().asked().context();
        let most = context.snapshot.config.gateway.bounds.streams;
        let stream = match authorized.opens_stream() {
            true => Some(self.slot(most).ok_or(Refusal::StreamsFull)?),
            false => None,
        };
        let order = Order::of(&authorized, now());
        let open = match order.takes.is_empty() {
            true => None,
            false => self.take(&order, &authorized).await?,
        };
        let spends = self.counters.spends(&order.spends);
        drop(order);
        Ok(Admitted {
            authorized,
            places: Places {
                stream,
                _open: open,
            },
            spends,
        })
    }

    /// Takes a place among the open streams.
    pub(crate) fn slot(&self, most: usize) -> Option<Slot> {
        self.streams.slot(most)
    }

    /// What is done once a second: what was spent is written down.
    pub(crate) fn tick(&self) {
        self.counters.memory.settle();
        let size = self.counters.memory.size();
        let limits = &self.metrics.limits;
        let whole = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
        limits.rates.set(whole(size.rates));
        limits.open.set(whole(size.open));
        limits.budgets.set(whole(size.budgets));
        limits.overflow.reach(size.overflowed);
        let alone = self.counters.shared.as_ref().is_some_and(Shared::is_alone);
        limits.alone.set(alone.into());
    }

    /// Waits until all that was spent is written down.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub(crate) async fn settled(&self) -> Result<(), StateError> {
        self.counters.memory.settled().await
    }

    /// Lets go of what has had its time.
    pub(crate) fn sweep(&self) {
        self.counters.memory.sweep();
        if let Some(shared) = &self.counters.shared {
            shared.sweep();
        }
    }

    async fn take(&self, order: &Order<'_>, call: &Authorized) -> Result<Option<Held>, Refusal> {
        let began = Instant::now();
        let lines = &self.counters.lines;
        let queued = |(take, want): (&adapters::state::limit::Take, &Want<'_>)| {
            want.queue().is_some() && lines.has(&take.key)
        };
        let line = order.takes.iter().zip(&order.wants).position(queued);
        let tried = match line {
            // Others came first.
            Some(at) => Err(Unmet::Refused(Refused { at, retry: None })),
            None => self.counters.take(order).await,
        };
        let taken = match tried {
            Err(Unmet::Refused(refused)) => {
                let over = call.bound().task().over();
                self.wait(order, refused, (began, over)).await
            }
            tried => tried.map_err(Ended::from),
        };
        let outcome = match &taken {
            Ok(_) => Admission::Admitted,
            Err(Ended::Refused(_)) => Admission::Refused,
            Err(Ended::Uncounted(_)) => Admission::Uncounted,
            Err(Ended::Over(_)) => Admission::Left,
        };
        match &taken {
            Err(Ended::Refused(refused)) => self.count(order.wants.get(refused.at), outcome),
            _ => order
                .wants
                .iter()
                .for_each(|want| self.count(Some(want), outcome)),
        }
        taken.map_err(|ended| ended.refusal(order))
    }

    fn count(&self, want: Option<&Want<'_>>, outcome: Admission) {
        if let Some(want) = want {
            self.metrics.limits.checked.count(want.by.label(), outcome);
        }
    }

    /// Waits where a limit says so: in the line of the one that is reached, and if then another is, in that one's.
    async fn wait(
        &self,
        order: &Order<'_>,
        mut refused: Refused,
        (began, over): (Instant, &CancellationToken),
    ) -> Result<Option<Held>, Ended> {
        loop {
            let want = order.wants.get(refused.at);
            let Some(queue) = want.and_then(Want::queue) else {
                return Err(Ended::Refused(refused));
            };
            let waiting = self.in_line(order, refused, (began, queue));
            let waited = tokio::select! {
                biased;
                waited = waiting => waited,
                () = over.cancelled() => {
                    return Err(Ended::Over(Refusal::TaskOver("the task ended while the call waited")));
                }
            };
            match waited {
                Err(Unmet::Refused(next)) if next.at != refused.at => refused = next,
                waited => return waited.map_err(Ended::from),
            }
        }
    }

    /// Stands in one line until all is taken, its time is up, or another limit is reached.
    async fn in_line(
        &self,
        order: &Order<'_>,
        refused: Refused,
        (began, queue): (Instant, Queue),
    ) -> Result<Option<Held>, Unmet> {
        let lines = &self.counters.lines;
        let until = began + queue.wait;
        let late = |refused: &Refused| {
            let retry = refused.retry.unwrap_or_default();
            Instant::now() + retry >= until
        };
        let key = order.takes.get(refused.at).map(|take| take.key);
        let place = key.filter(|_| !late(&refused));
        let Some(place) = place.and_then(|key| lines.join(key, queue.size)) else {
            return Err(Unmet::Refused(refused));
        };
        let _waiting = self.metrics.limits.waiting.hold();
        let Ok(_turn) = timeout_at(until, place.line.turn.lock()).await else {
            return Err(Unmet::Refused(Refused {
                retry: None,
                ..refused
            }));
        };
        loop {
            let freed = place.line.freed.notified();
            match self.counters.take(order).await {
                Err(Unmet::Refused(next)) if next.at == refused.at && !late(&next) => {
                    let pause = next
                        .retry
                        .or(self.counters.shared.is_some().then_some(LOOK));
                    let then = pause.map_or(until, |pause| (Instant::now() + pause).min(until));
                    // Woken or not, it is tried again.
                    let _ = timeout_at(then, freed).await;
                }
                taken => return taken,
            }
        }
    }
}

/// How taking ended without it.
#[derive(Debug)]
enum Ended {
    Refused(Refused),
    Uncounted(String),
    /// Nobody waits any more.
    Over(Refusal),
}

// === impl Ended ===

impl From<Unmet> for Ended {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Refused(refused) => Self::Refused(refused),
            Unmet::Uncounted(down) => Self::Uncounted(down.to_string()),
        }
    }
}

impl Ended {
    fn refusal(self, order: &Order<'_>) -> Refusal {
        match self {
            Self::Refused(refused) => match order.wants.get(refused.at) {
                Some(want) => Refusal::Limited(Box::new(Limited::of(want, refused.retry))),
                None => Refusal::Uncounted("a limit nobody asked for".to_owned()),
            },
            Self::Uncounted(why) => Refusal::Uncounted(why),
            Self::Over(refusal) => refusal,
        }
    }
}

// === impl Admitted ===

impl Admitted {
    /// What was granted.
    pub(crate) fn authorized(&self) -> &Authorized {
        &self.authorized
    }

    /// Takes the call and its places apart, for the stage that holds them until the answer's last byte.
    pub(crate) fn into_parts(self) -> (Authorized, Places) {
        (self.authorized, self.places)
    }
}

impl Evidence for Admitted {
    const STEP: Option<Step> = Some(Step::Admit);

    fn note(&self, record: &mut Record) {
        record.admitted = true;
        record.spends.clone_from(&self.spends);
    }
}
