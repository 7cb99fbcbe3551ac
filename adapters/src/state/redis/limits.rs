//! What calls take of limits that all replicas count together. A call takes everything it needs in one round trip, or nothing.
//!
//! Rates are buckets in time: the store keeps when a bucket is full again, and forgets it then. Slots are counted for each
//! replica and count only while it lives; what this replica holds it remembers itself, and says it whenever a link to the
//! store comes about: a slot whose giving back was lost, or whose taking nobody was told of, is free again then.

use super::script::{TAKE, natural, number, odd};
use super::{Down, EXACT, Link, Redis, Shared, locked};
use crate::state::limit::{Bound, Key, Quota, Refused, Spent, Take};
use redis::{Cmd, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;

/// The slots this replica holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The newest link: only what was taken over this one is in the store.
    link: u64,
    /// Whether that is of any use: it stands, or is about to.
    live: bool,
    slots: HashMap<Key, u32>,
}

type Taken = Result<Result<(), Refused>, Down>;

/// A take that was sent. If its caller leaves, somebody must still hear whether it has taken slots.
struct Taking {
    asked: Option<Pin<Box<dyn Future<Output = Taken> + Send>>>,
    shared: Arc<Shared>,
    takes: Arc<[Take]>,
}

// === impl Redis ===

impl Redis {
    /// Takes all of these or none, in one round trip. No key twice.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn take(&self, takes: &[Take]) -> Taken {
        if takes.is_empty() {
            return Ok(Ok(()));
        }
        let takes: Arc<[Take]> = takes.into();
        let shared = Arc::clone(&self.shared);
        let asked = ask(Arc::clone(&shared), Arc::clone(&takes));
        let mut taking = Taking {
            asked: Some(Box::pin(asked)),
            shared,
            takes,
        };
        let taken = poll_fn(|context| match &mut taking.asked {
            Some(asked) => asked.as_mut().poll(context),
            None => Poll::Pending,
        });
        let taken = taken.await;
        taking.asked = None;
        taken
    }

    /// Gives back what was taken: slots when a call ends, the rest when it did not come about. Soon.
    pub fn give(&self, takes: &[Take]) {
        self.shared.give(takes);
    }

    /// Takes a slot without asking, while the store is away: there must be fewer than `most` of this replica. The store
    /// learns of it with the rest of what this replica holds.
    pub fn hold(&self, key: &Key, most: u32) -> bool {
        let mut held = locked(&self.shared.held);
        if held.slots.get(key).copied().unwrap_or(0) >= most {
            return false;
        }
        *held.slots.entry(*key).or_default() += 1;
        // It may be back already, and know only what was held before.
        if held.live {
            self.shared.outbox.hold(held.link, *key);
        }
        true
    }

    /// What is spent of a budget, as far as this replica knows: what the store last said, and what it has yet to hear.
    pub fn spent(&self, key: &Key) -> u64 {
        let told = locked(&self.shared.memory).known(key);
        told.saturating_add(self.shared.outbox.owed(key))
    }

    /// What was spent of budgets. Soon.
    pub fn spend(&self, spent: &[Spent]) {
        self.shared.outbox.spend(spent);
    }
}

async fn ask(shared: Arc<Shared>, takes: Arc<[Take]>) -> Taken {
    let link = shared.link()?;
    let asked = shared.ask_over(&link, &TAKE, |standing, command| {
        standing.keys(command, takes.len() + 1);
        command.arg(standing.key(b'a', b"living"));
        for take in &*takes {
            command.arg(bucket(&link, take));
        }
        standing.proof(command);
        command.arg(&*standing.epoch.born);
        for take in &*takes {
            words(command, &take.bound);
        }
    });
    let answer = asked.await?;
    if let Some(refused) = refused(&answer)? {
        return Ok(Err(refused));
    }
    shared.remember(&takes, answer.get(2))?;
    if locked(&shared.held).hold(link.standing.link, &takes) {
        Ok(Ok(()))
    } else {
        // The answer came late: in the meantime we have said that we hold nothing of it.
        Err(Down::Slow)
    }
}

/// What was spent is worth more than nothing even where the rest was lost; all else is of one state of the store.
pub(super) fn bucket(link: &Link, take: &Take) -> Vec<u8> {
    let name = take.key.bytes();
    match take.bound {
        Bound::Rate(_) => link.standing.key(b'r', name),
        Bound::Slots { .. } => link.standing.key(b's', name),
        Bound::Budget { .. } => link.standing.lasting(b'b', name),
    }
}

fn words(command: &mut Cmd, bound: &Bound) {
    match bound {
        Bound::Rate(quota) => {
            let cell = cell(quota);
            let span = cell * f64::from(quota.burst.max(1));
            command
                .arg("r")
                .arg(decimal(cell))
                .arg(decimal(span))
                .arg("");
        }
        Bound::Slots { most } => {
            command.arg("s").arg(most).arg("").arg("");
        }
        Bound::Budget { most, amount, life } => {
            let (most, amount) = (most.min(&EXACT), amount.min(&EXACT));
            command.arg("b").arg(most).arg(amount).arg(millis(*life));
        }
    }
}

/// What one gives back, or holds unasked, in the words of its script.
pub(super) fn amount(command: &mut Cmd, bound: &Bound, unasked: bool) {
    match bound {
        Bound::Slots { .. } if unasked => command.arg("h").arg(1),
        Bound::Rate(quota) => command.arg("r").arg(decimal(cell(quota))),
        Bound::Slots { .. } => command.arg("s").arg(1),
        Bound::Budget { amount, .. } => command.arg("b").arg(amount.min(&EXACT)),
    };
}

/// The time of a cell in microseconds.
#[expect(clippy::cast_precision_loss, reason = "a part in 2^53 of a rate")]
fn cell(quota: &Quota) -> f64 {
    quota.interval() as f64 / 1000.0
}

/// Never with an exponent.
fn decimal(number: f64) -> String {
    format!("{number:.3}")
}

pub(super) fn millis(life: Duration) -> u64 {
    let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
    life.clamp(1, 1 << 50)
}

/// The bound that refused, if one did.
fn refused(answer: &[Value]) -> Result<Option<Refused>, Down> {
    let Ok(at) = usize::try_from(number(answer.get(1))?) else {
        return Ok(None);
    };
    let wait = u64::try_from(number(answer.get(2))?).ok();
    let retry = wait.map(Duration::from_micros);
    Ok(Some(Refused { at, retry }))
}

// === impl Shared ===

impl Shared {
    /// What is spent of the budgets among these, now that they are taken.
    fn remember(&self, takes: &[Take], told: Option<&Value>) -> Result<(), Down> {
        let Some(Value::Array(told)) = told else {
            return Err(odd());
        };
        if told.is_empty() {
            return Ok(());
        }
        let budgets = takes.iter().filter_map(|take| match take.bound {
            Bound::Budget { life, .. } => Some((take.key, life)),
            _ => None,
        });
        let mut memory = locked(&self.memory);
        for ((key, life), total) in budgets.zip(told) {
            memory.spent(key, natural(Some(total))?, life);
        }
        Ok(())
    }

    fn give(&self, takes: &[Take]) {
        let mut held = locked(&self.held);
        let given = takes.iter().filter(|take| match take.bound {
            Bound::Slots { .. } => held.release(&take.key),
            Bound::Budget { amount, .. } => {
                locked(&self.memory).given(&take.key, amount);
                amount > 0
            }
            Bound::Rate(_) => true,
        });
        let given: Vec<_> = given.copied().collect();
        // Under the lock: what is said over the next link must know whether this is in the outbox or in its own numbers.
        if held.live {
            self.outbox.give(held.link, &given);
        }
    }
}

// === impl Held ===

impl Held {
    /// What is held when this link comes about; from now on nothing is taken over an older one.
    pub(super) fn over(&mut self, link: u64) -> Vec<(Key, u32)> {
        self.link = link;
        self.live = true;
        self.slots
            .iter()
            .map(|(key, count)| (*key, *count))
            .collect()
    }

    /// Nothing is told over this link any more.
    pub(super) fn fallen(&mut self, link: u64) {
        self.live &= self.link != link;
    }

    /// Remembers slots that were taken over this link, unless it is no longer the newest.
    fn hold(&mut self, link: u64, takes: &[Take]) -> bool {
        let slots = |take: &&Take| matches!(take.bound, Bound::Slots { .. });
        let mut slots = takes.iter().filter(slots).peekable();
        if slots.peek().is_some() && self.link != link {
            return false;
        }
        for take in slots {
            *self.slots.entry(take.key).or_default() += 1;
        }
        true
    }

    fn release(&mut self, key: &Key) -> bool {
        let Entry::Occupied(mut count) = self.slots.entry(*key) else {
            return false;
        };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
        true
    }
}

// === impl Taking ===

impl Drop for Taking {
    fn drop(&mut self) {
        let (Some(asked), Ok(runtime)) = (self.asked.take(), Handle::try_current()) else {
            return;
        };
        let slots = |take: &&Take| matches!(take.bound, Bound::Slots { .. });
        let slots: Vec<Take> = self.takes.iter().filter(slots).copied().collect();
        if slots.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            if let Ok(Ok(())) = asked.await {
                shared.give(&slots);
            }
        });
    }
}
