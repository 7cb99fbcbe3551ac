//! What is counted into: atomics, cheap enough for every call.

use super::label::Label;
use super::reading::{Point, Value};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

/// Counts while it lives.
#[derive(Debug)]
pub struct Held<'a>(&'a Gauge);

/// One cell per value of a label.
#[derive(Debug)]
pub struct Each<L, C> {
    cells: Box<[C]>,
    label: std::marker::PhantomData<fn(L)>,
}

/// One counter per value of a label.
pub type Family<L> = Each<L, Count>;

// === impl Count ===

impl Count {
    /// Some more.
    pub fn add(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    /// As many as are counted elsewhere.
    pub fn reach(&self, total: u64) {
        self.0.fetch_max(total, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> Vec<Point> {
        Point::alone(Value::Whole(self.total().try_into().unwrap_or(i64::MAX)))
    }
}

// === impl Gauge ===

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Some more, or less.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// The value.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more while the result lives.
    pub fn hold(&self) -> Held<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Each ===

impl<L: Label, C> Each<L, C> {
    /// The cell of a value.
    fn cell(&self, value: L) -> Option<&C> {
        self.cells.get(value.index())
    }

    fn points(&self, value: impl Fn(&C) -> Value) -> Vec<Point> {
        let points = L::VALUES.iter().zip(&self.cells);
        points
            .map(|(name, cell)| Point::of(vec![(L::KEY, (*name).into())], value(cell)))
            .collect()
    }
}

impl<L: Label> Family<L> {
    /// One more.
    pub fn count(&self, value: L) {
        self.add(value, 1);
    }

    /// Some more.
    pub fn add(&self, value: L, many: u64) {
        if let Some(cell) = self.cell(value) {
            cell.add(many);
        }
    }

    /// How many so far.
    pub fn total(&self, value: L) -> u64 {
        self.cell(value).map_or(0, Count::total)
    }

    pub(super) fn read(&self) -> Vec<Point> {
        self.points(|cell| Value::Whole(cell.total().try_into().unwrap_or(i64::MAX)))
    }
}

impl<L: Label, M: Label> Each<L, Family<M>> {
    /// One more of both.
    pub fn count(&self, first: L, second: M) {
        if let Some(family) = self.cell(first) {
            family.count(second);
        }
    }

    /// How many so far.
    pub fn total(&self, first: L, second: M) -> u64 {
        self.cell(first).map_or(0, |family| family.total(second))
    }

    pub(super) fn read(&self) -> Vec<Point> {
        let families = L::VALUES.iter().zip(&self.cells);
        let points = families.flat_map(|(name, family)| {
            family.read().into_iter().map(|mut point| {
                point.labels.insert(0, (L::KEY, (*name).into()));
                point
            })
        });
        points.collect()
    }
}

impl<L: Label, C: Default> Default for Each<L, C> {
    fn default() -> Self {
        Self {
            cells: L::VALUES.iter().map(|_| C::default()).collect(),
            label: std::marker::PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::label::Shut;
    use super::*;

    #[test]
    fn every_label_has_its_own_cell() {
        let family = Family::<Shut>::default();
        family.count(Shut::Framing);
        family.count(Shut::Tls);
        let counted: u64 = family.cells.iter().map(Count::total).sum();
        assert_eq!(counted, 2);
        assert_eq!(family.total(Shut::Tls), 1);
        assert_eq!(family.cells.len(), Shut::VALUES.len());
    }
}
