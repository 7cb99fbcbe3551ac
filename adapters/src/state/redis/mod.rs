//! State that several gateways share, in a Redis or Valkey: what was used of limits, what one of them puts and all find, the
//! tasks, and the news they tell each other.
//!
//! Whatever asks waits for `timeout` at most; once the store was slower or away, everything fails at once until it has
//! answered in time again, which the `keeper` finds out. Every question is one script, which begins by making sure that this
//! is the state its asker knows: a store that was flushed, that came back with an older state or that another one took over
//! from is found out before it answers anything (`epoch`). What need not be waited for goes through the `outbox`.

mod entries;
mod epoch;
mod keeper;
mod limits;
mod link;
mod memory;
mod outbox;
mod pulse;
mod script;
mod tasks;

pub use pulse::{Beat, News, Pulse};
pub use tasks::{Seen, SharedTask};

use crate::egress;
use crate::secret::Supply;
use ::redis::{Cmd, Value};
use arc_swap::ArcSwapOption;
use epoch::Standing;
use link::{Door, Wire};
use script::Script;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

/// The greatest number that scripts can count with.
const EXACT: u64 = 1 << 53;

/// How a store is reached, and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where: a `redis` or `rediss` URL with the number of a database, and until when a connection must be there.
    pub reach: egress::Settings,
    /// A user of its ACL; without one the default user.
    pub username: Option<String>,
    /// Read anew for every connection.
    pub password: Option<Supply>,
    /// A slower answer is none.
    pub timeout: Duration,
    /// What all keys begin with, in braces.
    pub prefix: String,
    /// This replica, for as long as it runs.
    pub instance: Uuid,
}

/// Why the store did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Down {
    /// Nobody is there, or the connection broke.
    #[error("the store is away")]
    Away,
    /// It takes too long.
    #[error("the store does not answer in time")]
    Slow,
    /// It has forgotten: flushed, or another one with an older state.
    #[error("the store has lost what it held")]
    Lost,
    /// It answers, but not as it should; or it cannot be reached as configured.
    #[error("the store cannot be used: {0}")]
    Broken(String),
}

/// How the store is.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether it answers.
    pub up: bool,
    /// Since when it is so.
    pub since: Instant,
    /// Why it last did not answer.
    pub why: Option<Down>,
    /// Whether it ever did since the start.
    pub ever: bool,
    /// Questions it answered.
    pub round_trips: u64,
    /// Questions it did not.
    pub failures: u64,
    /// What was to be told it and never was: too much at once, or it was lost on the way.
    pub untold: u64,
}

/// A store.
#[derive(Debug)]
pub struct Redis {
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

/// What the store's own tasks and its callers have in common.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    door: Door,
    who: String,
    current: ArcSwapOption<Link>,
    /// Follows `current`.
    up: watch::Sender<bool>,
    state: Mutex<State>,
    held: Mutex<limits::Held>,
    outbox: outbox::Outbox,
    memory: Mutex<memory::Memory>,
    pulsed: Mutex<pulse::Pulsed>,
    round_trips: AtomicU64,
    failures: AtomicU64,
}

#[derive(Debug)]
struct State {
    since: Instant,
    why: Option<Down>,
    ever: bool,
}

/// A store that answers, as one state of it.
#[derive(Debug)]
struct Link {
    standing: Standing,
    wire: Arc<Wire>,
}

// === impl Redis ===

impl Redis {
    /// Begins to connect. Needs a runtime.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub fn open(settings: Settings) -> Result<Arc<Self>, String> {
        let prefix = &settings.prefix;
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            return Err(format!("`{prefix}` cannot be put in braces"));
        }
        let shared = Arc::new(Shared {
            door: Door::new(&settings.reach)?,
            who: settings.instance.simple().to_string(),
            current: ArcSwapOption::empty(),
            up: watch::Sender::new(false),
            state: Mutex::new(State {
                since: Instant::now(),
                why: None,
                ever: false,
            }),
            held: Mutex::default(),
            outbox: outbox::Outbox::default(),
            memory: Mutex::default(),
            pulsed: Mutex::default(),
            round_trips: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            settings,
        });
        let tasks = [
            tokio::spawn(keeper::keep(Arc::clone(&shared))),
            tokio::spawn(outbox::empty(Arc::clone(&shared))),
        ];
        Ok(Arc::new(Self { shared, tasks }))
    }

    /// Whether it answers, and how often it did.
    pub fn health(&self) -> Health {
        let state = locked(&self.shared.state);
        Health {
            up: self.shared.current.load().is_some(),
            since: state.since,
            why: state.why.clone(),
            ever: state.ever,
            round_trips: self.shared.round_trips.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            untold: self.shared.outbox.untold(),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

// === impl Shared ===

impl Shared {
    /// The store, if it answers.
    fn link(&self) -> Result<Arc<Link>, Down> {
        self.current.load_full().ok_or_else(|| {
            let why = locked(&self.state).why.clone();
            why.unwrap_or(Down::Away)
        })
    }

    /// Asks the store that stands now.
    async fn ask(
        &self,
        script: &Script,
        fill: impl Fn(&Standing, &mut Cmd) + Send + Sync,
    ) -> Result<Vec<Value>, Down> {
        let link = self.link()?;
        self.ask_over(&link, script, fill).await
    }

    /// Asks, and takes the store for down where there is no answer.
    async fn ask_over(
        &self,
        link: &Arc<Link>,
        script: &Script,
        fill: impl Fn(&Standing, &mut Cmd) + Send + Sync,
    ) -> Result<Vec<Value>, Down> {
        let answer = self.question(link, script, fill).await;
        if let Err(why) = &answer {
            self.fall(link, why.clone());
        }
        answer
    }

    async fn question(
        &self,
        link: &Link,
        script: &Script,
        fill: impl Fn(&Standing, &mut Cmd) + Send + Sync,
    ) -> Result<Vec<Value>, Down> {
        let asked = link
            .wire
            .run(script, |command| fill(&link.standing, command));
        let answer = match timeout(self.settings.timeout, asked).await {
            Ok(answer) => answer.and_then(script::parts),
            Err(_) => Err(Down::Slow),
        };
        let counter = match &answer {
            Ok(_) => &self.round_trips,
            Err(_) => &self.failures,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let parts = answer?;
        link.standing.told(script::natural(parts.first())?);
        Ok(parts)
    }

    /// The store answers.
    fn rise(&self, link: Arc<Link>) {
        let mut state = locked(&self.state);
        state.since = Instant::now();
        state.ever = true;
        drop(state);
        self.up.send_replace(true);
        self.current.store(Some(link));
    }

    /// The store did not answer over this link. Only the first to notice says why.
    fn fall(&self, link: &Arc<Link>, why: Down) {
        let mut state = locked(&self.state);
        let before = self.current.compare_and_swap(link, None);
        if before
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(before, link))
        {
            state.since = Instant::now();
            state.why = Some(why);
            drop(state);
            locked(&self.held).fallen(link.standing.link);
            self.up.send_replace(false);
        }
    }

    /// It is still down.
    fn lie(&self, link: u64, why: Down) {
        locked(&self.held).fallen(link);
        self.failures.fetch_add(1, Ordering::Relaxed);
        locked(&self.state).why = Some(why);
    }
}

/// A lock; what is behind it is sound even where its holder has panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
