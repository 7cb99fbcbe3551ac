//! All leases of this process: found by whom they serve, minted once however many ask, ended with what they were
//! minted for.

use super::account::{Account, Standing, View};
use super::entry::Entry;
use super::lease::Use;
use super::mint::{mint, renew};
use super::order::{Holder, Key, Known, Need, Wanted};
use super::slot::{Slot, Why};
use super::source::Source;
use super::supervisor::{Cause, Supervisor};
use crate::audit::{CallId, Ledger};
use crate::identity::now;
use crate::pipeline::Refusal;
use crate::snapshot::Snapshot;
use crate::task::Task;
use crate::telemetry::Metrics;
use adapters::state::{self, Durable};
use dashmap::DashMap;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

/// All leases of this process.
#[derive(Debug)]
pub(crate) struct Leases {
    slots: DashMap<Key, Arc<Slot>>,
    /// What ends with a task.
    tasks: DashMap<Uuid, HashSet<Key>>,
    supervisor: Arc<Supervisor>,
    /// Whose issuers hold something at their backends.
    sources: Mutex<Vec<Arc<Source>>>,
    closing: AtomicBool,
}

/// Whose leases an operator ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    /// One lease.
    Lease(Uuid),
    /// All of an agent.
    Agent(String),
    /// All.
    All,
}

/// The leases of one task at once: each has connections of its own.
const MOST: usize = 256;
/// How long a call waits for its lease; what is minted meanwhile serves the next.
const WAIT: Duration = Duration::from_secs(5);
/// What ends at the close may take so long.
const CLOSE: Duration = Duration::from_secs(10);

// === impl Leases ===

impl Leases {
    /// No leases yet. Needs a tokio runtime.
    pub(crate) fn new(journal: Durable, ledger: Arc<Ledger>, metrics: Arc<Metrics>) -> Self {
        Self {
            slots: DashMap::new(),
            tasks: DashMap::new(),
            supervisor: Arc::new(Supervisor::new(journal, ledger, metrics)),
            sources: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// Takes back from now on what the process before this one has left.
    pub(crate) fn recover(&self, left: &[state::Entry], snapshot: &Snapshot) {
        self.follow(snapshot);
        for (id, entry) in left {
            match Entry::read(entry) {
                Some(entry) => {
                    let source = snapshot.credentials.get(&entry.credential).cloned();
                    self.supervisor.recover(entry, source, &snapshot.keys);
                }
                None => {
                    let id = Uuid::from_slice(id).unwrap_or_default();
                    tracing::error!(lease = %id.simple(), "an entry of the journal of leases cannot be read");
                }
            }
        }
    }

    /// The lease a call goes out with.
    ///
    /// # Errors
    ///
    /// [`Refusal::Uncredentialed`]; [`Refusal::TaskOver`] where the task ended meanwhile.
    pub(super) async fn obtain(
        self: &Arc<Self>,
        need: Need<'_>,
        call: CallId,
        deadline: Instant,
    ) -> Result<Use, Refusal> {
        let key = need.key();
        let waits = deadline.min(Instant::now() + WAIT);
        if key.holder == Holder::Call {
            return self.alone(need.wanted(call)?, waits).await;
        }
        let known = self.slots.get(&key).map(|slot| Arc::clone(&slot));
        let now = now();
        if let Some((slot, held)) = known
            .as_ref()
            .and_then(|slot| Some((slot, slot.take(now)?)))
        {
            if held.lease().is_ageing(now) {
                self.refresh(slot, || need.wanted(call));
            }
            return Ok(held);
        }
        let wanted = Arc::new(need.wanted(call)?);
        let slot = self.slot(key, &wanted.task)?;
        match timeout_at(waits, self.fill(&slot, &wanted)).await {
            Ok(minted) => minted,
            Err(_) => Err(Why::passing("its issuer does not answer").refusal()),
        }
    }

    /// Ends what was minted for a task.
    pub(crate) fn end_task(&self, task: &Task) {
        let Some((_, keys)) = self.tasks.remove(&task.id()) else {
            return;
        };
        for key in keys {
            if let Some((_, slot)) = self.slots.remove(&key) {
                slot.close(Cause::Task);
            }
        }
    }

    /// Ends what agents, servers and credentials of this snapshot may not have any more.
    pub(crate) fn review(&self, snapshot: &Snapshot) {
        self.follow(snapshot);
        let (now, known) = (now(), Known::of(snapshot));
        self.slots.retain(|key, slot| {
            let cause = match &key.holder {
                _ if !key.is_of(&known) => Cause::Configuration,
                Holder::Principal(principal, chain) => {
                    let mut agents = chain.iter().chain([&principal.agent]);
                    match agents.all(|agent| snapshot.registry.may_act(agent, now)) {
                        true => return true,
                        false => Cause::Withdrawn,
                    }
                }
                Holder::Task(_) | Holder::Call => return true,
            };
            slot.close(cause);
            false
        });
    }

    /// Ends what is minted for chains with an agent that other gateways have withdrawn.
    pub(crate) fn withdraw(&self, withdrawn: impl Fn(&str) -> bool) {
        self.slots.retain(|key, slot| {
            let Holder::Principal(principal, chain) = &key.holder else {
                return true;
            };
            let mut agents = chain.iter().chain([&principal.agent]);
            let stays = !agents.any(|agent| withdrawn(agent));
            if !stays {
                slot.close(Cause::Withdrawn);
            }
            stays
        });
    }

    /// Ends what has expired, and measures.
    pub(crate) fn sweep(&self) {
        let now = now();
        self.supervisor.sweep(now);
        self.slots.retain(|_, slot| {
            slot.expire(now);
            // Whoever is about to use it has it in hand: it is handed out under the lock that is held here.
            !slot.is_empty() || Arc::strong_count(slot) > 1
        });
        self.let_go();
        let book = &self.supervisor.book;
        let leases = &self.supervisor.metrics.leases;
        for (gauge, standing) in [
            (&leases.live, Standing::Live),
            (&leases.revoking, Standing::Revoking),
            (&leases.irrevocable, Standing::Irrevocable),
        ] {
            gauge.set(i64::try_from(book.count(standing)).unwrap_or(i64::MAX));
        }
    }

    /// Every lease that may be good, the oldest first.
    pub(crate) fn views(&self) -> Vec<View> {
        self.supervisor.book.views()
    }

    /// Ends leases because an operator says so; how many.
    pub(crate) fn revoke(&self, whose: &Whose) -> usize {
        let meant = |account: &Account| match whose {
            Whose::All => true,
            Whose::Lease(id) => account.id() == *id,
            Whose::Agent(agent) => *account.entry().agent == **agent,
        };
        // What is being minted ends as soon as it is; whatever has become a lease meanwhile is among the live ones.
        let minting = self.supervisor.book.doom(meant);
        let mut live = self.supervisor.book.live();
        live.retain(|lease| meant(&lease.account));
        for lease in &live {
            lease.end(Cause::Operator);
        }
        minting + live.len()
    }

    /// How many leases of the last run nobody has tried to revoke yet.
    pub(crate) fn untried(&self) -> usize {
        self.supervisor.untried()
    }

    /// Ends all of them, and gives back what issuers hold themselves; whether all of it is done.
    pub(crate) async fn close(&self) -> bool {
        self.closing.store(true, Ordering::SeqCst);
        self.slots.retain(|_, slot| {
            slot.close(Cause::Stopped);
            false
        });
        let settled = self.supervisor.settle(CLOSE).await;
        let sources =
            std::mem::take(&mut *self.sources.lock().unwrap_or_else(PoisonError::into_inner));
        let mut closing = JoinSet::new();
        for source in sources {
            closing.spawn(async move { source.issuer.close().await });
        }
        let closed = timeout(CLOSE, closing.join_all()).await;
        settled && closed.is_ok()
    }

    /// Closes issuers that no configuration, no lease and no revocation needs any more.
    fn let_go(&self) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for source in sources.extract_if(.., |source| Arc::strong_count(source) == 1) {
            let _detached = self
                .supervisor
                .mind(async move { source.issuer.close().await });
        }
    }

    /// Remembers whose issuers are to be closed at the end.
    fn follow(&self, snapshot: &Snapshot) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for source in snapshot.credentials.values() {
            if !sources.iter().any(|known| known.number == source.number) {
                sources.push(Arc::clone(source));
            }
        }
    }

    /// The place of a lease, made where there is none; it goes with its task.
    fn slot(&self, key: Key, task: &Arc<Task>) -> Result<Arc<Slot>, Refusal> {
        let slot = Arc::clone(&self.slots.entry(key.clone()).or_default());
        if let Holder::Task(id) = key.holder {
            let mut keys = self.tasks.entry(id).or_default();
            if keys.len() >= MOST {
                keys.retain(|key| self.slots.contains_key(key));
            }
            let many = keys.len() >= MOST && !keys.contains(&key);
            if !many {
                keys.insert(key.clone());
            }
            drop(keys);
            if many {
                self.slots.remove(&key);
                return Err(Why::passing("its task has as many leases as one may have").refusal());
            }
            // Whoever ends the task from here on finds the place; whoever has ended it before may not have.
            if task.over().is_cancelled() {
                self.end_task(task);
                return Err(over());
            }
        }
        match self.closing.load(Ordering::SeqCst) {
            true => Err(Refusal::Draining),
            false => Ok(slot),
        }
    }

    /// Has the lease minted, once for all that wait for it.
    async fn fill(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        wanted: &Arc<Wanted>,
    ) -> Result<Use, Refusal> {
        loop {
            let flight = slot.board().await;
            if let Some(held) = slot.take(now()) {
                return Ok(held);
            }
            if slot.is_over() {
                return Err(over());
            }
            if let Some(why) = slot.failure() {
                return Err(why.refusal());
            }
            let minting = self.supervisor.mind(Self::mint_into(
                Arc::clone(&self.supervisor),
                (Arc::clone(slot), flight),
                Arc::clone(wanted),
            ));
            match minting.await {
                Ok(Ok(Some(held))) if !slot.is_over() => return Ok(held),
                Ok(Ok(_)) => {}
                Ok(Err(why)) => return Err(why.refusal()),
                Err(_) => return Err(Refusal::uncredentialed("the mint was cut off")),
            }
        }
    }

    async fn mint_into(
        supervisor: Arc<Supervisor>,
        (slot, _flight): (Arc<Slot>, OwnedMutexGuard<()>),
        wanted: Arc<Wanted>,
    ) -> Result<Option<Use>, Why> {
        match mint(&supervisor, &wanted).await {
            Ok(lease) => {
                let held = lease.take();
                slot.put(lease);
                Ok(held)
            }
            Err(why) => {
                slot.failed(why.clone());
                Err(why)
            }
        }
    }

    /// Mints for one call alone.
    async fn alone(self: &Arc<Self>, wanted: Wanted, deadline: Instant) -> Result<Use, Refusal> {
        if self.closing.load(Ordering::SeqCst) {
            return Err(Refusal::Draining);
        }
        let supervisor = Arc::clone(&self.supervisor);
        // Where its call has gone, the only use is dropped with it, and so is the lease.
        let minting = self.supervisor.mind(async move {
            let lease = mint(&supervisor, &wanted).await?;
            let held = lease.take_alone();
            match wanted.task.over().is_cancelled() {
                true => Err(Why::lasting("the task ended meanwhile")),
                false => Ok(held),
            }
        });
        match timeout_at(deadline, minting).await {
            Ok(Ok(minted)) => minted.map_err(Why::refusal),
            Ok(Err(_)) => Err(Refusal::uncredentialed("the mint was cut off")),
            Err(_) => Err(Why::passing("its issuer does not answer").refusal()),
        }
    }

    /// Prolongs or replaces a lease before it ends, while calls go on with it.
    fn refresh(&self, slot: &Arc<Slot>, wanted: impl FnOnce() -> Result<Wanted, Refusal>) {
        let Some(flight) = slot.try_board() else {
            return;
        };
        let (Some(lease), None, Ok(wanted)) = (slot.current(), slot.failure(), wanted()) else {
            return;
        };
        // What ends no later by then need not be asked for.
        if wanted.until() <= lease.account.until() {
            return;
        }
        let (supervisor, slot) = (Arc::clone(&self.supervisor), Arc::clone(slot));
        let minded = Arc::clone(&supervisor);
        let _detached = minded.mind(async move {
            if lease.renewable.load(Ordering::Relaxed) && renew(&supervisor, &lease, &wanted).await
            {
                return;
            }
            // Who minds is told when it is gone: until then calls have what they need.
            let _ = Self::mint_into(supervisor, (slot, flight), Arc::new(wanted)).await;
        });
    }
}

fn over() -> Refusal {
    Refusal::TaskOver("the task ended before its credential was minted")
}
