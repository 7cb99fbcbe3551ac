//! How many refusals are recorded one by one: so many a second for each source address and each agent, and beyond that
//! one record a second with their number.
//!
//! Nobody can fill the disk, or the processor, with requests that are refused before anything limits them. What is
//! remembered is bounded too: when too many addresses come at once, those that are new share one count.

use super::journal::{Line, Log};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whose refusals they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Nobody was proven: the address it came from, of IPv6 the network a single customer gets.
    Address(IpAddr),
    /// A proven agent.
    Agent(Arc<str>),
    /// More of them than are told apart.
    Others,
    /// Nobody in particular: the journal could not be written.
    Unwritten,
}

/// The refusals of the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    cells: DashMap<Source, Cell>,
    /// The second, and how many refusals of nobody in particular were recorded one by one in it.
    unproven: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    second: u64,
    /// Recorded one by one in that second.
    recorded: u32,
    /// Not recorded yet, of that second and those before.
    counted: u64,
}

/// Sources told apart at once.
const MOST: usize = 65_536;
/// As many addresses may use up their share in one second: whoever has a million of them fills no disk either.
const ADDRESSES: u32 = 100;

// === impl Source ===

impl Source {
    /// The source of what came from an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address => address,
        })
    }
}

// === impl Refusals ===

impl Refusals {
    /// Counts one more in this second; whether it is recorded by itself.
    pub(crate) fn count(&self, source: Source, most: u32, second: u64) -> bool {
        let full = self.cells.len() >= MOST && !self.cells.contains_key(&source);
        let many = matches!(source, Source::Address(_))
            && self.unproven(second) >= most.saturating_mul(ADDRESSES);
        let (source, most) = match (full, many) {
            (_, true) => (Source::Others, 0),
            (true, false) => (Source::Others, most),
            (false, false) => (source, most),
        };
        let mut cell = self.cells.entry(source).or_insert(Cell {
            second,
            recorded: 0,
            counted: 0,
        });
        // A clock that was set back begins another second too.
        if cell.second != second {
            cell.second = second;
            cell.recorded = 0;
        }
        let alone = cell.recorded < most;
        match alone {
            true => cell.recorded += 1,
            false => cell.counted = cell.counted.saturating_add(1),
        }
        alone
    }

    /// How many of this second came before from nobody who was proven.
    fn unproven(&self, second: u64) -> u32 {
        let began = second << 32;
        let next = |before: u64| match before >> 32 == second & u64::from(u32::MAX) {
            true => before.saturating_add(1),
            false => began | 1,
        };
        let order = (Ordering::Relaxed, Ordering::Relaxed);
        let before = self
            .unproven
            .fetch_update(order.0, order.1, |before| Some(next(before)));
        match before {
            Ok(before) if before >> 32 == second & u64::from(u32::MAX) => {
                u32::try_from(before & u64::from(u32::MAX)).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }

    /// Whether so many were refused in this second that nobody unknown is heard from there any more.
    pub(crate) fn is_full(&self, source: &Source, most: u32, second: u64) -> bool {
        // Nearly always there is nothing to look up.
        !self.cells.is_empty()
            && self
                .cells
                .get(source)
                .is_some_and(|cell| cell.second == second && cell.recorded >= most)
    }

    /// The numbers of the seconds before this one, each to be recorded by `record`; what it cannot record stays.
    pub(crate) fn told(&self, second: u64, mut record: impl FnMut(Line) -> bool) {
        let past = |cell: &Cell| cell.second != second;
        let due = self.cells.iter().filter(|cell| past(cell.value()));
        let due: Vec<Source> = due.map(|cell| cell.key().clone()).collect();
        for source in due {
            let Entry::Occupied(mut entry) = self.cells.entry(source) else {
                continue;
            };
            let cell = *entry.get();
            if cell.counted == 0 || record(line(entry.key(), &cell)) {
                match past(&cell) {
                    true => drop(entry.remove()),
                    false => entry.get_mut().counted = 0,
                }
            }
        }
    }
}

fn line(source: &Source, cell: &Cell) -> Line {
    let mut line = Line::new(Log::Calls, "refusals");
    match source {
        Source::Address(address) => line.text("address", &address.to_string()),
        Source::Agent(agent) => line.text("agent", agent),
        Source::Others => line.text("address", "others"),
        Source::Unwritten => line.text("reason", "the records could not be written"),
    };
    line.number("count", cell.counted);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(refusals: &Refusals, second: u64) -> usize {
        let mut lines = 0;
        refusals.told(second, |_| {
            lines += 1;
            true
        });
        lines
    }

    #[test]
    fn the_first_of_a_second_are_recorded_and_the_rest_counted() {
        let refusals = Refusals::default();
        let source = Source::of("192.0.2.1".parse().unwrap());
        let alone = (0..25)
            .filter(|_| refusals.count(source.clone(), 10, 7))
            .count();
        assert_eq!(alone, 10);
        assert!(refusals.is_full(&source, 10, 7) && !refusals.is_full(&source, 10, 8));
        assert_eq!(counts(&refusals, 7), 0, "the second is not over");
        let mut told = Vec::new();
        refusals.told(8, |line| {
            told.push(format!("{line:?}"));
            true
        });
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains("192.0.2.1") && told[0].contains("15"),
            "{told:?}"
        );
        assert!(refusals.cells.is_empty());
        assert!(refusals.count(source, 10, 8), "a new second begins anew");
    }

    #[test]
    fn what_cannot_be_recorded_is_not_forgotten() {
        let refusals = Refusals::default();
        for _ in 0..5 {
            refusals.count(Source::Unwritten, 0, 1);
        }
        refusals.told(2, |_| false);
        refusals.count(Source::Unwritten, 0, 2);
        let mut told = String::new();
        refusals.told(3, |line| {
            told = format!("{line:?}");
            true
        });
        assert!(told.contains('6'), "{told}");
    }

    #[test]
    fn a_clock_that_is_set_back_changes_nothing() {
        let refusals = Refusals::default();
        let source = Source::of("192.0.2.1".parse().unwrap());
        for _ in 0..15 {
            refusals.count(source.clone(), 10, 4_000);
        }
        let mut told = String::new();
        refusals.told(7, |line| {
            told = format!("{line:?}");
            true
        });
        assert!(told.contains("count\\\":5"), "{told}");
        assert!(refusals.cells.is_empty());
        let alone = (0..15).filter(|_| refusals.count(source.clone(), 10, 7));
        assert_eq!(alone.count(), 10);
        assert!(refusals.is_full(&source, 10, 7));
        assert!(refusals.count(source, 10, 6), "set back within the second");
    }

    #[test]
    fn a_customer_of_ipv6_is_one_source() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn a_crowd_of_addresses_shares_a_bound() {
        let refusals = Refusals::default();
        let alone = |second| {
            let crowd = (0..5_000_u32).map(|number| Source::of(IpAddr::from(number.to_be_bytes())));
            crowd
                .filter(|one| refusals.count(one.clone(), 10, second))
                .count()
        };
        assert_eq!((alone(1), alone(2)), (1_000, 1_000));
        // Who is proven has a share of its own.
        assert!(refusals.count(Source::Agent("a".into()), 10, 2));
        let others = refusals.cells.get(&Source::Others).unwrap();
        assert_eq!(others.counted, 8_000);
    }

    #[test]
    fn no_flood_of_addresses_grows_without_end() {
        let refusals = Refusals::default();
        let flood = u32::try_from(MOST).unwrap() + 1000;
        for number in 0..flood {
            // Each in a second of its own, so that it is the addresses that are too many.
            let second = u64::from(number);
            refusals.count(Source::of(IpAddr::from(number.to_be_bytes())), 10, second);
        }
        assert!(refusals.cells.len() <= MOST + 1, "{}", refusals.cells.len());
        assert!(refusals.cells.contains_key(&Source::Others));
    }
}
