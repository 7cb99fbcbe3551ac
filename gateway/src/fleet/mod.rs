//! Several gateways that serve as one: what this one knows of the others, and the store through which they know it.
//!
//! Twice a second each gateway asks the store what the others have ended and whom they have withdrawn. Who cannot ask
//! for longer than `stale` serves nobody: it could let pass what another has forbidden.

mod message;
mod pulse;

pub(crate) use message::{Message, name};
pub(crate) use pulse::serve;

use crate::pipeline::Refusal;
use crate::task::seal::KeyRing;
use adapters::state::redis::{Down, Pulse, Redis};
use arc_swap::ArcSwap;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a gateway knows of the others it serves beside.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) store: Arc<Redis>,
    /// How long what the store last said counts.
    stale: Duration,
    begun: Instant,
    /// When the last pulse was sent that was answered: milliseconds since `begun`, and one. 0: none was.
    heard: AtomicU64,
    /// Until when others may not have told everything yet, in the same measure.
    settled: AtomicU64,
    /// Whether the last pulse was not answered.
    away: AtomicBool,
    /// Whether the others have keys that this one does not know.
    stranger: AtomicBool,
    /// How often the store has forgotten, and of how many times all was told again.
    losses: AtomicU64,
    restored: AtomicU64,
    /// Whether it is being told again.
    telling: AtomicBool,
    /// The agents another gateway's configuration has withdrawn.
    withdrawn: ArcSwap<HashSet<Box<str>>>,
    keys: ArcSwap<KeyRing>,
    /// Cancelled when this gateway leaves.
    left: CancellationToken,
}

/// After the store was away or has forgotten, the others are given this long to tell what they know.
const SETTLING: Duration = Duration::from_secs(4);

/// What is put up for gateways that come later.
const SIGN: &[u8] = b"keys";
/// How long it stays when nobody puts it up anew.
const SIGN_LIFE: Duration = Duration::from_secs(60);
/// Nobody should be sent to such a gateway.
const STRANGER: &str = "the shared store is used by gateways with other `keys`";

// === impl Fleet ===

impl Fleet {
    /// Nothing heard yet.
    pub(crate) fn new(store: Arc<Redis>, stale: Duration, keys: Arc<KeyRing>) -> Self {
        Self {
            store,
            stale,
            begun: Instant::now(),
            heard: AtomicU64::default(),
            settled: AtomicU64::default(),
            away: AtomicBool::new(true),
            stranger: AtomicBool::default(),
            losses: AtomicU64::default(),
            restored: AtomicU64::default(),
            telling: AtomicBool::default(),
            withdrawn: ArcSwap::default(),
            keys: ArcSwap::new(keys),
            left: CancellationToken::new(),
        }
    }

    /// Seals with the keys of a new snapshot from now on.
    pub(crate) fn follow(&self, keys: &Arc<KeyRing>) {
        self.keys.store(Arc::clone(keys));
    }

    /// Whether a call of this agent may go on, as far as the other gateways say.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unshared`] where they have not been heard for too long; [`Refusal::AgentUnavailable`].
    pub(crate) fn admit(&self, agent: &str) -> Result<(), Refusal> {
        if self.is_stale() {
            return Err(Refusal::Unshared(
                "the other gateways have not been heard for longer than `stale`",
            ));
        }
        if self.is_stranger() {
            return Err(Refusal::Unshared(STRANGER));
        }
        match self.has_withdrawn(agent) {
            true => Err(Refusal::AgentUnavailable(Cow::Borrowed(
                "another gateway's configuration has withdrawn the agent",
            ))),
            false => Ok(()),
        }
    }

    /// Ends the pulse, and takes leave of the others. Only once nothing is open here any more.
    pub(crate) async fn leave(&self) {
        self.left.cancel();
        if let Err(down) = self.store.leave().await {
            tracing::debug!("the other gateways are not told that this one stops: {down}");
        }
    }

    /// Whether another gateway's configuration has withdrawn the agent.
    pub(crate) fn has_withdrawn(&self, agent: &str) -> bool {
        let withdrawn = self.withdrawn.load();
        !withdrawn.is_empty() && withdrawn.contains(agent)
    }

    /// Why nobody should be sent here, if so.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        match self.heard.load(Ordering::Relaxed) {
            0 => Some("the shared store has not answered yet"),
            _ if self.is_stale() => {
                Some("the shared store has not answered for longer than `stale`")
            }
            _ if self.is_stranger() => Some(STRANGER),
            _ => None,
        }
    }

    fn is_stale(&self) -> bool {
        match self.heard.load(Ordering::Relaxed) {
            0 => true,
            heard => self.moment().saturating_sub(heard) > millis(self.stale),
        }
    }

    /// Whether the others have keys that this one does not know: it could read nothing of theirs, nor they of its.
    fn is_stranger(&self) -> bool {
        self.stranger.load(Ordering::Relaxed)
    }

    /// Looks whether the sign the others have put up was sealed with a key of ours, and puts up our own where it was, or
    /// where there is none: it lasts a while longer than the last of them.
    ///
    /// # Errors
    ///
    /// Why the store does not say.
    async fn greet(&self) -> Result<(), Down> {
        let sign = self.store.get(SIGN).await?;
        let keys = self.keys.load_full();
        let known = |sign: &Vec<u8>| keys.disclose(SIGN, sign).is_some();
        let stranger = sign.as_ref().is_some_and(|sign| !known(sign));
        if !stranger && let Some(own) = keys.enclose(SIGN, SIGN) {
            self.store.put(SIGN, &own, SIGN_LIFE).await?;
        }
        if self.stranger.swap(stranger, Ordering::Relaxed) != stranger && stranger {
            tracing::error!("{STRANGER}");
        }
        Ok(())
    }

    /// Whether others may not have told everything yet: what the store does not know may be open all the same, and
    /// what it takes for idle may have been used.
    pub(crate) fn is_settling(&self) -> bool {
        self.is_away()
            || self.is_restoring()
            || self.moment() < self.settled.load(Ordering::Relaxed)
    }

    /// Takes in a pulse that was sent at this moment; says whether the others have withdrawn other agents than before.
    fn hear(&self, sent: u64, pulse: &Pulse) -> bool {
        let first = self.heard.fetch_max(sent, Ordering::Relaxed) == 0;
        let back = self.away.swap(false, Ordering::Relaxed);
        if pulse.lost {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
        if pulse.lost || (back && !first) {
            let until = self.moment().saturating_add(millis(SETTLING));
            self.settled.store(until, Ordering::Relaxed);
        }
        let withdrawn: HashSet<Box<str>> = pulse.withdrawn.iter().cloned().collect();
        let other = **self.withdrawn.load() != withdrawn;
        if other {
            self.withdrawn.store(Arc::new(withdrawn));
        }
        other
    }

    /// Whether what this gateway knows has yet to be told again.
    fn is_restoring(&self) -> bool {
        self.losses.load(Ordering::Relaxed) != self.restored.load(Ordering::Relaxed)
    }

    /// Whether the last pulse was not answered.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// A pulse was not answered; says whether the one before was.
    fn miss(&self) -> bool {
        !self.away.swap(true, Ordering::Relaxed)
    }

    /// Milliseconds since it began, and one.
    fn moment(&self) -> u64 {
        millis(self.begun.elapsed()).saturating_add(1)
    }

    /// Seals what stands under a name.
    pub(crate) fn enclose(&self, name: &[u8], content: &[u8]) -> Option<Vec<u8>> {
        self.keys.load().enclose(name, content)
    }

    /// Opens what stands under a name, where a gateway with our keys has sealed it for that name.
    pub(crate) fn disclose(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let opened = self.keys.load().disclose(name, sealed);
        if opened.is_none() {
            tracing::warn!(
                "the shared store holds what no key of this gateway has sealed for its place"
            );
        }
        opened
    }

    /// Puts a sealed entry where the other gateways find it; says whether it is there.
    pub(crate) async fn put(&self, name: &[u8], content: &[u8], life: Duration) -> bool {
        match self.enclose(name, content) {
            Some(sealed) => self.store.put(name, &sealed, life).await.is_ok(),
            None => false,
        }
    }

    /// What a gateway has put under a name.
    ///
    /// # Errors
    ///
    /// Why the store does not say.
    pub(crate) async fn get(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Down> {
        let sealed = self.store.get(name).await?;
        Ok(sealed.and_then(|sealed| self.disclose(name, &sealed)))
    }

    /// The same, and nobody gets it a second time.
    ///
    /// # Errors
    ///
    /// Why the store does not say.
    pub(crate) async fn take_out(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Down> {
        let sealed = self.store.take_out(name).await?;
        Ok(sealed.and_then(|sealed| self.disclose(name, &sealed)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
