//! The end of every lease: revoked at its issuer, on record, and only then forgotten. It belongs to nobody's request, so
//! nobody's going away keeps it from happening.

use super::account::{Account, Book, Standing};
use super::entry::Entry;
use super::lease::Lease;
use super::source::Source;
use super::step::Step;
use crate::audit::{Ledger, Lines, secret};
use crate::identity::now;
use crate::task::seal::KeyRing;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Returned;
use adapters::credential::{Handle, RevokeError, Taken};
use adapters::state::Durable;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

/// Ends leases.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(super) journal: Durable,
    pub(super) ledger: Arc<Ledger>,
    pub(super) metrics: Arc<Metrics>,
    pub(crate) book: Book,
    /// Leases of the last run nobody has tried to revoke yet.
    untried: AtomicUsize,
    began: Instant,
    jobs: TaskTracker,
    runtime: runtime::Handle,
}

/// Why a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its task has ended.
    Task,
    /// Its only call has ended, or the last one that used it after it was replaced.
    Unused,
    /// A newer one took its place.
    Replaced,
    /// Its time is over.
    Expired,
    /// Its agent may no longer call.
    Withdrawn,
    /// The configuration knows its credential or its server no longer, or otherwise.
    Configuration,
    /// An operator said so.
    Operator,
    /// Its server sent it back.
    Echo,
    /// What was minted cannot be used.
    Unfit,
    /// Its mint was left without an answer.
    Unanswered,
    /// The gateway stops.
    Stopped,
    /// The gateway had ended without revoking it.
    Crashed,
}

/// One lease to take back.
#[derive(Debug)]
struct Job {
    account: Arc<Account>,
    source: Arc<Source>,
    what: What,
    cause: Cause,
    began: Instant,
}

/// What is known of it.
#[derive(Debug)]
enum What {
    /// What takes it back.
    Handle(Handle),
    /// That it may have been minted, perhaps under this root.
    Label(Option<Handle>),
    /// That nothing takes it back.
    Nothing,
}

/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);
/// The same while the gateway starts or stops.
const BRIEF: Duration = Duration::from_secs(3);
/// For how long a start waits for leases of the last run.
const START: Duration = Duration::from_secs(8);
/// The pause after the first failure; it doubles.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

// === impl Supervisor ===

impl Supervisor {
    /// Nothing to end yet. Needs a tokio runtime.
    pub(super) fn new(journal: Durable, ledger: Arc<Ledger>, metrics: Arc<Metrics>) -> Self {
        Self {
            journal,
            ledger,
            metrics,
            book: Book::default(),
            untried: AtomicUsize::new(0),
            began: Instant::now(),
            jobs: TaskTracker::new(),
            runtime: runtime::Handle::current(),
        }
    }

    /// Ends a lease; whoever says so first is heard.
    pub(super) fn end(self: &Arc<Self>, lease: Arc<Lease>, cause: Cause) {
        if lease.account.begin_to_end() {
            let what = match &lease.handle {
                Some(handle) => What::Handle(handle.clone()),
                None => What::Nothing,
            };
            let (account, source) = (Arc::clone(&lease.account), Arc::clone(&lease.source));
            self.begin(account, source, what, cause);
        }
    }

    /// Ends what was minted and never became a lease, or may have been.
    pub(super) fn give_up(
        self: &Arc<Self>,
        account: Arc<Account>,
        source: Arc<Source>,
        minted: Option<Option<Handle>>,
        (root, cause): (Option<Handle>, Cause),
    ) {
        if account.begin_to_end() {
            let what = match minted {
                Some(Some(handle)) => What::Handle(handle),
                Some(None) => What::Nothing,
                None => What::Label(root),
            };
            self.begin(account, source, what, cause);
        }
    }

    /// Ends what the process before this one has left.
    pub(super) fn recover(
        self: &Arc<Self>,
        entry: Entry,
        source: Option<Arc<Source>>,
        keys: &KeyRing,
    ) {
        let (root, handle) = entry.open(keys);
        let (locked, minted) = (entry.is_locked(keys), entry.minted);
        let same = |source: &Arc<Source>| source.settings.kind.backend() == entry.backend;
        let other = source.as_ref().is_some_and(|source| !same(source));
        let why = match &source {
            None => "its credential is not in the configuration any more",
            Some(_) if other => "its credential is another issuer's now",
            Some(_) if locked => "the key that sealed what takes it back is gone",
            Some(_) => "",
        };
        let account = self.book.open(entry, Standing::Revoking);
        let Some(source) = source.filter(|_| !locked && !other) else {
            let (supervisor, cause) = (Arc::clone(self), Cause::Crashed);
            self.jobs.spawn_on(
                async move { supervisor.astray(&account, cause, why).await },
                &self.runtime,
            );
            return;
        };
        let what = match (minted, handle) {
            (true, Some(handle)) => What::Handle(handle),
            (true, None) => What::Nothing,
            (false, _) => What::Label(root),
        };
        self.untried.fetch_add(1, Ordering::Relaxed);
        self.begin(account, source, what, Cause::Crashed);
    }

    /// Has something done that is waited for at the end.
    pub(super) fn mind<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.jobs.spawn_on(work, &self.runtime)
    }

    /// How many leases of the last run nobody has tried to revoke yet.
    ///
    /// After some seconds what is left is no reason to wait any more: it goes on.
    pub(crate) fn untried(&self) -> usize {
        match self.began.elapsed() < START {
            true => self.untried.load(Ordering::Relaxed),
            false => 0,
        }
    }

    /// Waits until all that was to end has ended, but not for ever; whether it has.
    pub(super) async fn settle(&self, deadline: Duration) -> bool {
        self.jobs.close();
        let settled = timeout(deadline, self.jobs.wait()).await.is_ok();
        settled & self.journal.settled().await.is_ok()
    }

    /// Ends leases whose time is over, and forgets those that nothing took back.
    pub(super) fn sweep(&self, now: u64) {
        for lease in self.book.live() {
            if !lease.is_good(now) {
                lease.end(Cause::Expired);
            }
        }
        for id in self.book.over(now) {
            self.journal.remove(id.as_bytes());
            self.book.close(id);
        }
    }

    fn begin(
        self: &Arc<Self>,
        account: Arc<Account>,
        source: Arc<Source>,
        what: What,
        cause: Cause,
    ) {
        let job = Job {
            account,
            source,
            what,
            cause,
            began: Instant::now(),
        };
        let supervisor = Arc::clone(self);
        self.jobs
            .spawn_on(async move { supervisor.run(job).await }, &self.runtime);
    }

    /// Tries until it is taken back, refused for good, or over.
    async fn run(&self, job: Job) {
        Step::Ending.done();
        let mut pause = FIRST;
        let mut first = job.cause == Cause::Crashed;
        loop {
            let tried = self.attempt(&job).await;
            if std::mem::take(&mut first) {
                self.untried.fetch_sub(1, Ordering::Relaxed);
            }
            match tried {
                Ok(taken) => return self.taken(&job, taken).await,
                Err(RevokeError::Refused(why)) => {
                    return self.astray(&job.account, job.cause, &why).await;
                }
                Err(RevokeError::Failed(why)) => {
                    if now() >= job.account.until() {
                        let why = format!("not revoked before it expired: {why}");
                        return self.astray(&job.account, job.cause, &why).await;
                    }
                    tracing::warn!(lease = %job.account.id().simple(), credential = %job.source.name, "a lease is not revoked yet: {why}");
                    self.book.trouble(&job.account, job.cause, why);
                    sleep(jittered(pause)).await;
                    pause = (pause * 2).min(LONGEST);
                }
            }
        }
    }

    async fn attempt(&self, job: &Job) -> Result<Taken, RevokeError> {
        let Ok(_place) = job.source.places.acquire().await else {
            return Err(RevokeError::Failed("the gateway is gone".to_owned()));
        };
        // Who starts or stops is waited for.
        let limit = match job.cause {
            Cause::Crashed | Cause::Stopped => BRIEF,
            _ => TRY,
        };
        let issuer = &job.source.issuer;
        let label = job.account.entry().label();
        let tried = match &job.what {
            What::Handle(handle) => timeout(limit, issuer.revoke(handle)).await,
            What::Label(root) => timeout(limit, issuer.recover(&label, root.as_ref())).await,
            What::Nothing => return Ok(Taken::Lapses),
        };
        tried.unwrap_or_else(|_| Err(RevokeError::Failed("no answer in time".to_owned())))
    }

    /// It is not good any more, or lapses by itself.
    async fn taken(&self, job: &Job, taken: Taken) {
        Step::Revoked.done();
        let entry = job.account.entry();
        self.tell(secret::ended(&entry, job.cause, taken, job.began.elapsed()))
            .await;
        Step::Recorded.done();
        self.metrics.leases.returned.count(match taken {
            Taken::Revoked => Returned::Revoked,
            Taken::Gone => Returned::Gone,
            Taken::Lapses => Returned::Lapses,
        });
        self.journal.remove(entry.id.as_bytes());
        self.book.close(entry.id);
    }

    /// It may be good until it expires, and nothing can be done about it.
    async fn astray(&self, account: &Account, cause: Cause, why: &str) {
        let entry = account.entry();
        tracing::error!(
            lease = %entry.id.simple(), credential = %entry.credential, agent = %entry.agent, until = entry.until,
            "a lease cannot be revoked: {why}"
        );
        self.book.trouble(account, cause, why.to_owned());
        account.stand(Standing::Irrevocable);
        self.metrics.leases.returned.count(Returned::Irrevocable);
        self.tell(secret::irrevocable(&entry, cause, why)).await;
    }

    /// Puts on record what has happened already: it is tried until it is there.
    async fn tell(&self, lines: Lines) {
        while self.ledger.write(lines.clone()).await.is_err() {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Somewhere between half of it and all of it, so that many do not come at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness all come at once, which is no worse than that.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    pause / 2 + pause / 2 * u32::from(byte.first().copied().unwrap_or_default()) / 255
}

// === impl Cause ===

impl Cause {
    /// As records say it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Task => "task_ended",
            Self::Unused => "unused",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Withdrawn => "agent_withdrawn",
            Self::Configuration => "configuration",
            Self::Operator => "operator",
            Self::Echo => "echo",
            Self::Unfit => "unfit",
            Self::Unanswered => "unanswered",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
        }
    }
}
