//! The pulse: twice a second, what this gateway has withdrawn goes to the store, and what the others did comes back.

use super::{Fleet, Message};
use crate::forward::Shared;
use crate::identity::now;
use crate::task::{Outbox, Tasks};
use crate::telemetry::Metrics;
use adapters::state::redis::{Beat, News};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often the store is asked.
const PULSE: Duration = Duration::from_millis(500);
/// In how many pulses once the use of tasks is told: every two seconds.
const SWEEP: u64 = 4;
/// In how many pulses once the others' keys are looked at; a stranger looks at each.
const GREET: u64 = 20;

/// One gateway's part of the fleet.
struct Member {
    fleet: Arc<Fleet>,
    outbox: Arc<Outbox>,
    shared: Shared,
    metrics: Arc<Metrics>,
    /// The newest news it has.
    seen: u64,
    /// What the store knows that its configuration has withdrawn.
    told: Option<Vec<Box<str>>>,
}

/// Keeps up with the other gateways until this one stops; its tasks are swept here too.
pub(crate) async fn serve(shared: Shared, metrics: Arc<Metrics>) {
    let tasks = Arc::clone(&shared.tasks);
    let Some(outbox) = tasks.outbox().cloned() else {
        return;
    };
    let fleet = Arc::clone(outbox.fleet());
    let left = fleet.left.clone();
    let teller = tokio::spawn(tell(Arc::clone(&outbox)));
    let mut member = Member {
        fleet,
        outbox,
        shared,
        metrics,
        seen: 0,
        told: None,
    };
    let mut ticks = interval(PULSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count: u64 = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = left.cancelled() => break,
        }
        member.beat().await;
        // After the pulse: where that is answered, this is, and the gateway serves at once.
        if member.fleet.is_stranger() || count.is_multiple_of(GREET) {
            // What keeps the store from saying keeps the pulse from being answered, too.
            let _unanswered = member.fleet.greet().await;
        }
        count = count.wrapping_add(1);
        if count.is_multiple_of(SWEEP) {
            tokio::spawn(sweep(Arc::clone(&tasks)));
        }
    }
    teller.abort();
}

/// Tells the others at once of every task that ends.
async fn tell(outbox: Arc<Outbox>) {
    loop {
        outbox.something().await;
        if let Err(down) = outbox.tell().await {
            // The next pulse that is answered wakes it again.
            tracing::debug!("the end of a task is not told yet: {down}");
        }
    }
}

async fn sweep(tasks: Arc<Tasks>) {
    tasks.sweep_shared(now()).await;
}

// === impl Member ===

impl Member {
    async fn beat(&mut self) {
        let snapshot = self.shared.live.snapshot();
        let withdrawn = snapshot.registry.withdrawn(now());
        let changed = self.told.as_ref() != Some(&withdrawn);
        let beat = Beat {
            seen: self.seen,
            withdrawn: changed.then(|| withdrawn.clone()),
        };
        let sent = self.fleet.moment();
        match self.fleet.store.pulse(&beat).await {
            Ok(pulse) => {
                let back = self.fleet.is_away();
                self.told = (!pulse.lost).then_some(withdrawn);
                self.seen = pulse.seen;
                let others = self.fleet.hear(sent, &pulse);
                for news in pulse.news {
                    self.hear(news);
                }
                if others {
                    self.shared.tasks.withdraw(&self.fleet);
                    self.shared
                        .leases
                        .withdraw(|agent| self.fleet.has_withdrawn(agent));
                }
                if back {
                    tracing::info!("the shared store answers");
                    self.shared.tasks.table.tell_use();
                    self.outbox.again();
                }
                if pulse.lost {
                    tracing::warn!("the shared store has forgotten: it is told again");
                }
                self.metrics.fleet.replicas.set(i64::from(pulse.replicas));
                self.restore();
            }
            Err(down) => {
                self.told = None;
                if self.fleet.miss() {
                    tracing::warn!("the shared store does not answer: {down}");
                }
            }
        }
        let numbers = &self.metrics.fleet;
        numbers.answering.set(i64::from(!self.fleet.is_away()));
        numbers.stale.set(i64::from(self.fleet.is_stale()));
    }

    fn hear(&self, news: News) {
        match news {
            News::Ended { id, end } => self.shared.tasks.hear_end(id, &end, now()),
            News::Said(said) => match self.fleet.understand(&said) {
                Some(Message::Answered { session, id }) => {
                    self.shared.tasks.hear_answer(&session, &id);
                }
                Some(Message::Touched { root, labels }) => {
                    self.shared.tasks.hear_touched(root, labels);
                }
                Some(Message::Over { session }) => self.shared.tasks.hear_over(&session),
                None => {}
            },
        }
    }

    /// Tells again what the store has lost, or was not there to hear. It may take longer than a pulse.
    fn restore(&self) {
        let losses = self.fleet.losses.load(Ordering::Relaxed);
        let all = self.fleet.is_restoring();
        if !all && !self.outbox.has_alone() {
            return;
        }
        if self.fleet.telling.swap(true, Ordering::AcqRel) {
            return;
        }
        let (fleet, tasks) = (Arc::clone(&self.fleet), Arc::clone(&self.shared.tasks));
        tokio::spawn(async move {
            match tasks.put_again(all, now()).await {
                Ok(()) => fleet.restored.store(losses, Ordering::Relaxed),
                Err(down) => tracing::warn!("not everything is told again yet: {down}"),
            }
            fleet.telling.store(false, Ordering::Release);
        });
    }
}
