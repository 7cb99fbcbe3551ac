//! Where calls are counted: in this process, or in the store that several share.

use super::limited::What;
use super::line::Lines;
use super::order::{Order, Spend, Want};
use super::shared::{Shared, Unmet};
use adapters::state::limit::{Bound, Memory, Refused, Spent, Take};
use std::sync::Arc;
use std::time::Duration;

/// Where calls are counted.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) memory: Memory,
    pub(super) shared: Option<Shared>,
    pub(super) lines: Lines,
}

/// The places one call holds among those open at once: dropping it frees them.
#[derive(Debug)]
pub(crate) struct Held {
    counters: Arc<Counters>,
    here: Vec<Take>,
    stored: Vec<Take>,
}

/// What one call spends, told when it has ended.
#[derive(Debug)]
pub(crate) struct Spends {
    counters: Arc<Counters>,
    spends: Vec<Spend>,
}

// === impl Counters ===

impl Counters {
    /// Takes all of it, or nothing. None where nothing is held of it.
    pub(super) async fn take(self: &Arc<Self>, order: &Order<'_>) -> Result<Option<Held>, Unmet> {
        let Some(shared) = &self.shared else {
            self.memory.take(&order.takes).map_err(Unmet::Refused)?;
            return Ok(self.hold(places(&order.takes), Vec::new()));
        };
        let part = |local: bool| -> Vec<usize> {
            let wants = order.wants.iter().enumerate();
            let of = wants.filter(|(_, want)| is_local(want) == local);
            of.map(|(at, _)| at).collect()
        };
        let (here, there) = (part(true), part(false));
        let takes = |part: &[usize]| -> Vec<Take> {
            let takes = part.iter().filter_map(|at| order.takes.get(*at));
            takes.copied().collect()
        };
        let back = |part: &[usize], refused: Refused| {
            let at = part.get(refused.at).copied().unwrap_or_default();
            Unmet::Refused(Refused { at, ..refused })
        };
        let own = takes(&here);
        let taken = self.memory.take(&own);
        taken.map_err(|refused| back(&here, refused))?;
        // Held at once: its caller may leave while the store is asked.
        let mut held = self.hold(places(&own), Vec::new());
        if there.is_empty() {
            return Ok(held);
        }
        let common = takes(&there);
        let wants: Vec<&Want<'_>> = there.iter().filter_map(|at| order.wants.get(*at)).collect();
        match shared.take(&common, &wants).await {
            Ok(()) => {
                let stored = places(&common);
                match &mut held {
                    Some(held) => held.stored = stored,
                    None => held = self.hold(Vec::new(), stored),
                }
                Ok(held)
            }
            Err(unmet) => {
                let cells: Vec<Take> = own.into_iter().filter(|take| !is_place(take)).collect();
                self.memory.give(&cells);
                Err(match unmet {
                    Unmet::Refused(refused) => back(&there, refused),
                    away @ Unmet::Uncounted(_) => away,
                })
            }
        }
    }

    /// What a call spends when it has ended; none where it spends nothing.
    pub(super) fn spends(self: &Arc<Self>, spends: &[Spend]) -> Option<Arc<Spends>> {
        (!spends.is_empty()).then(|| {
            Arc::new(Spends {
                counters: Arc::clone(self),
                spends: spends.to_vec(),
            })
        })
    }

    fn hold(self: &Arc<Self>, here: Vec<Take>, stored: Vec<Take>) -> Option<Held> {
        (!here.is_empty() || !stored.is_empty()).then(|| Held {
            counters: Arc::clone(self),
            here,
            stored,
        })
    }
}

/// Budgets are never counted alone: they are what an agent may do, not what a replica may bear.
fn is_local(want: &Want<'_>) -> bool {
    want.limit.is_some_and(|limit| limit.local)
}

fn is_place(take: &Take) -> bool {
    matches!(take.bound, Bound::Slots { .. })
}

fn places(takes: &[Take]) -> Vec<Take> {
    takes
        .iter()
        .filter(|take| is_place(take))
        .copied()
        .collect()
}

// === impl Held ===

impl Drop for Held {
    fn drop(&mut self) {
        self.counters.memory.give(&self.here);
        if let Some(shared) = self
            .counters
            .shared
            .as_ref()
            .filter(|_| !self.stored.is_empty())
        {
            shared.give(&self.stored);
        }
        for take in self.here.iter().chain(&self.stored) {
            self.counters.lines.freed(&take.key);
        }
    }
}

// === impl Spends ===

impl Spends {
    /// The call has ended: so many bytes were delivered, and so long it was open.
    pub(crate) fn end(&self, bytes: u64, open: Duration) {
        let micros = u64::try_from(open.as_micros()).unwrap_or(u64::MAX);
        let spent: Vec<Spent> = self
            .spends
            .iter()
            .map(|spend| Spent {
                key: spend.key,
                amount: match spend.what {
                    What::Bytes => bytes,
                    _ => micros,
                },
                life: spend.life,
            })
            .collect();
        match &self.counters.shared {
            Some(shared) => shared.spend(&spent),
            None => self.counters.memory.spend(&spent),
        }
    }
}
