//! Overload: what is more than the gateway itself can do is refused at once, before it costs anything.
//!
//! The sign is how late the runtime gets to what is ready: every request has waited about as long before anybody looks
//! at it. A server that is slow makes nobody late. Whatever the hardware and the calls are, being late is the same, so
//! there is nothing to tune; and while only a few calls are open nothing is refused, however late the machine may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Drain;
use crate::config::Bounds;
use crate::telemetry::Metrics;

/// How late this process is, and what it does about it.
#[derive(Debug)]
pub(crate) struct Pressure {
    metrics: Arc<Metrics>,
    began: Instant,
    /// When the probe is to wake, in microseconds since `began`; 0 while it rests.
    due: AtomicU64,
    /// How late it woke last, in microseconds.
    late: AtomicU64,
    /// Whether it was late so often that this is no accident.
    over: AtomicBool,
    /// Wakes the probe from its rest.
    busy: Notify,
}

/// Room for one request, while it is answered.
#[derive(Debug)]
pub(crate) struct Room(Arc<Metrics>);

/// What the probe has seen.
#[derive(Debug, Default)]
struct Seen {
    /// Late beats, one after the other.
    late: u32,
    /// When a beat was late last, while the gateway is overloaded.
    last: Option<Instant>,
}

/// While fewer calls are open, nobody looks how late it is.
const FEW: i64 = 128;
/// Between two looks.
const BEAT: Duration = Duration::from_millis(2);
/// So many late beats, one after the other, are no accident: a pause of the whole process is one.
const SUSTAINED: u32 = 3;
/// Overload is over when so long no beat was late.
const CALM: Duration = Duration::from_secs(1);

// === impl Pressure ===

impl Pressure {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            began: Instant::now(),
            due: AtomicU64::new(0),
            late: AtomicU64::new(0),
            over: AtomicBool::new(false),
            busy: Notify::new(),
        }
    }

    /// Lets a request in, to be answered while the result lives. What ends something is never too much.
    pub(crate) fn enter(&self, method: &Method, bounds: &Bounds) -> Option<Room> {
        let room = Room::of(&self.metrics);
        let open = self.metrics.open.value();
        let most = i64::try_from(bounds.calls).unwrap_or(i64::MAX);
        if *method == Method::DELETE {
            return Some(room);
        }
        if open < FEW {
            return (open <= most).then_some(room);
        }
        if self.due.load(Ordering::Relaxed) == 0 {
            self.busy.notify_one();
        }
        let late = self.over.load(Ordering::Relaxed) && self.late() > bounds.lag;
        (open <= most && !late).then_some(room)
    }

    /// How late it is: what the last beat says, or the one that is overdue.
    fn late(&self) -> Duration {
        let overdue = match self.due.load(Ordering::Relaxed) {
            0 => 0,
            due => micros(self.began.elapsed()).saturating_sub(due),
        };
        Duration::from_micros(self.late.load(Ordering::Relaxed).max(overdue))
    }

    /// Looks how late it is whenever there is enough to do, until the drain is over.
    pub(crate) async fn watch(self: Arc<Self>, lag: impl Fn() -> Duration, drain: Drain) {
        loop {
            tokio::select! {
                () = drain.cut().cancelled() => return,
                () = self.busy.notified() => {}
            }
            let mut seen = Seen::default();
            while self.metrics.open.value() >= FEW || seen.last.is_some() {
                let late = self.beat().await;
                self.judge(&mut seen, late, lag());
            }
            self.due.store(0, Ordering::Relaxed);
            self.note(Duration::ZERO);
        }
    }

    async fn beat(&self) -> Duration {
        let due = Instant::now() + BEAT;
        let since = micros(due.saturating_duration_since(self.began));
        self.due.store(since.max(1), Ordering::Relaxed);
        tokio::time::sleep_until(due).await;
        let late = due.elapsed();
        self.note(late);
        late
    }

    fn note(&self, late: Duration) {
        let late = micros(late);
        self.late.store(late, Ordering::Relaxed);
        let millis = i64::try_from(late / 1000).unwrap_or(i64::MAX);
        self.metrics.lag.set(millis);
    }

    /// Whether this is overload, and whether it still is.
    fn judge(&self, seen: &mut Seen, late: Duration, most: Duration) {
        let now = Instant::now();
        seen.late = match late > most {
            true => seen.late.saturating_add(1),
            false => 0,
        };
        if seen.late >= SUSTAINED || (seen.late > 0 && seen.last.is_some()) {
            if seen.last.replace(now).is_none() {
                let open = self.metrics.open.value();
                tracing::warn!(?late, open, "overloaded: calls are refused");
                self.over.store(true, Ordering::Relaxed);
            }
        } else if seen.last.is_some_and(|last| now - last >= CALM) {
            seen.last = None;
            tracing::info!("no longer overloaded");
            self.over.store(false, Ordering::Relaxed);
        }
    }
}

// === impl Room ===

impl Room {
    fn of(metrics: &Arc<Metrics>) -> Self {
        metrics.open.add(1);
        Self(metrics.clone())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.open.add(-1);
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::edge::tests::bare;

    const LAG: Duration = Duration::from_millis(20);

    struct Scene {
        pressure: Arc<Pressure>,
        bounds: Bounds,
    }

    impl Scene {
        fn new() -> Self {
            let pressure = Arc::new(Pressure::new(Arc::default()));
            tokio::spawn(pressure.clone().watch(|| LAG, Drain::default()));
            let mut bounds = bare().bounds;
            bounds.lag = LAG;
            Self { pressure, bounds }
        }

        fn enter(&self) -> Option<Room> {
            self.pressure.enter(&Method::POST, &self.bounds)
        }

        fn fill(&self, many: i64) -> Vec<Room> {
            (0..many).map(|_| self.enter().expect("room")).collect()
        }

        /// Keeps the one thread of this test from everything else for so long, so many times.
        async fn stall(&self, long: Duration, times: u32) {
            for _ in 0..times {
                // The probe is asleep by then, and can only wake when this is over.
                tokio::time::sleep(BEAT / 2).await;
                std::thread::sleep(long);
            }
        }

        async fn until(&self, over: bool) {
            while self.pressure.over.load(Ordering::Relaxed) != over {
                tokio::time::sleep(BEAT).await;
            }
        }
    }

    #[tokio::test]
    async fn late_again_and_again_is_overload_until_all_is_calm() {
        let scene = Scene::new();
        let held = scene.fill(FEW);
        scene.stall(LAG * 3, SUSTAINED * 3).await;
        assert!(scene.pressure.over.load(Ordering::Relaxed));
        std::thread::sleep(LAG * 2);
        assert!(scene.enter().is_none(), "the beat that is overdue counts");
        let ending = scene.pressure.enter(&Method::DELETE, &scene.bounds);
        assert!(ending.is_some(), "what ends something comes in");
        drop(held);
        assert!(scene.enter().is_some(), "few are always let in");
        scene.until(false).await;
        assert_eq!(scene.pressure.metrics.lag.value(), 0);
        scene.fill(FEW + 1);
    }

    #[tokio::test]
    async fn one_long_pause_is_none() {
        let scene = Scene::new();
        let _held = scene.fill(FEW);
        scene.stall(LAG * 20, 1).await;
        assert!(scene.enter().is_some());
        assert!(!scene.pressure.over.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn with_few_calls_nobody_looks() {
        let scene = Scene::new();
        let _held = scene.fill(FEW - 2);
        scene.stall(LAG * 2, SUSTAINED * 3).await;
        assert!(scene.enter().is_some());
        assert_eq!(scene.pressure.due.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn more_than_may_be_open_are_refused_and_counted_out() {
        for most in [1, 200] {
            let mut scene = Scene::new();
            scene.bounds.calls = usize::try_from(most).unwrap();
            let mut held = scene.fill(most);
            assert!(scene.enter().is_none());
            assert_eq!(scene.pressure.metrics.open.value(), most);
            held.pop();
            assert!(scene.enter().is_some());
        }
    }
}
