//! Which state a store holds. Whoever finds that it has forgotten something begins a new one, and nothing of an older state
//! counts any more, but for what was spent of budgets.

use super::Down;
use super::script::odd;
use redis::Cmd;
use std::sync::atomic::{AtomicU64, Ordering};

/// A state of the store, as the store itself names it: NUMBER:BIRTH:WORD.
#[derive(Debug, Clone)]
pub(super) struct Epoch {
    pub(super) text: Box<str>,
    pub(super) number: u64,
    /// When it was begun after a loss, by the store's clock; `-` where nothing was lost.
    pub(super) born: Box<str>,
}

/// One link of this replica to one state of the store: what every question begins with.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) epoch: Epoch,
    /// Counts up with every link.
    pub(super) link: u64,
    /// How many of its writes this replica was told of.
    writes: AtomicU64,
    who: Box<str>,
    tag: Box<str>,
    base: Box<str>,
}

// === impl Epoch ===

impl Epoch {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Down> {
        let text = std::str::from_utf8(text).map_err(|_| odd())?;
        let mut parts = text.split(':');
        let number = parts.next().and_then(|number| number.parse().ok());
        let born = parts.next().ok_or_else(odd)?;
        Ok(Self {
            number: number.ok_or_else(odd)?,
            born: born.into(),
            text: text.into(),
        })
    }
}

// === impl Standing ===

impl Standing {
    pub(super) fn new(prefix: &str, who: &str, link: u64, epoch: Epoch, writes: u64) -> Self {
        let tag = format!("{{{prefix}}}:");
        Self {
            base: format!("{tag}{}:", epoch.number).into(),
            tag: tag.into(),
            who: who.into(),
            writes: AtomicU64::new(writes),
            epoch,
            link,
        }
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The store has told us of so many.
    pub(super) fn told(&self, writes: u64) {
        self.writes.fetch_max(writes, Ordering::Relaxed);
    }

    /// What the keys of this state begin with.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// A key of this state.
    pub(super) fn key(&self, kind: u8, name: &[u8]) -> Vec<u8> {
        key(&self.base, kind, name)
    }

    /// A key that outlives it.
    pub(super) fn lasting(&self, kind: u8, name: &[u8]) -> Vec<u8> {
        key(&self.tag, kind, name)
    }

    /// Begins a question that names so many keys besides the epoch.
    pub(super) fn keys(&self, command: &mut Cmd, more: usize) {
        command.arg(more + 1).arg(epoch_key(&self.tag));
    }

    /// Begins a question about tasks and what is told of them.
    pub(super) fn task(&self, command: &mut Cmd) {
        self.keys(command, 1);
        command.arg(self.key(b'n', b"news"));
        self.proof(command);
        command.arg(self.base());
    }

    /// After the keys.
    pub(super) fn proof(&self, command: &mut Cmd) {
        command
            .arg(&*self.epoch.text)
            .arg(&*self.who)
            .arg(self.link)
            .arg(self.writes());
    }
}

/// Where a store says which state it holds. All keys share one hash tag, and so one slot of a cluster.
pub(super) fn epoch_key(tag: &str) -> String {
    format!("{tag}epoch")
}

fn key(base: &str, kind: u8, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(base.len() + 2 + name.len());
    key.extend_from_slice(base.as_bytes());
    key.push(kind);
    key.push(b':');
    key.extend_from_slice(name);
    key
}
