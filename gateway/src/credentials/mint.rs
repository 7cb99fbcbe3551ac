//! The mint of one lease: written down before, written down after, and given up wherever that cannot be; and its renewal.

use super::account::{Account, Standing};
use super::entry::{Entry, Facts};
use super::lease::Lease;
use super::order::Wanted;
use super::ready::Ready;
use super::slot::Why;
use super::step::Step;
use super::supervisor::{Cause, Supervisor};
use crate::audit::secret;
use crate::identity::now;
use adapters::credential::{Handle, IssueError, Minted, Order};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a failing issuer is asked again for one call.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The pause after the first failure; it doubles.
const FIRST: Duration = Duration::from_millis(100);

/// Mints a lease; an issuer that fails is asked again, for a while.
///
/// # Errors
///
/// Why there is none.
pub(super) async fn mint(supervisor: &Arc<Supervisor>, wanted: &Wanted) -> Result<Arc<Lease>, Why> {
    let (began, mut pause) = (Instant::now(), FIRST);
    loop {
        let minted = once(supervisor, wanted).await;
        match minted {
            Err(why) if why.passing && began.elapsed() + pause < PATIENCE => {
                sleep(pause).await;
                pause *= 2;
            }
            minted => {
                if minted.is_err() {
                    supervisor.metrics.leases.failed.add(1);
                }
                return minted;
            }
        }
    }
}

/// Prolongs a lease; whether it need not be replaced.
pub(super) async fn renew(supervisor: &Arc<Supervisor>, lease: &Lease, wanted: &Wanted) -> bool {
    let Some(handle) = &lease.handle else {
        return false;
    };
    match lease.source.issuer.renew(handle, wanted.life()).await {
        Ok(life) => {
            let until = now().saturating_add(life.as_secs()).min(wanted.until());
            let mut entry = lease.account.entry();
            let longer = until > entry.until;
            entry.until = until.max(entry.until);
            lease.account.rewrite(entry.clone());
            // One that was forgotten meanwhile is not written down again.
            if supervisor.book.has(entry.id) {
                supervisor.journal.put(entry.id.as_bytes(), &entry.write());
            }
            if supervisor.ledger.queue(secret::renewed(&entry)).is_err() {
                tracing::error!(lease = %entry.id.simple(), "a renewal is not on record");
            }
            longer
        }
        Err(IssueError::Refused(_)) => {
            lease.renewable.store(false, Ordering::Relaxed);
            false
        }
        Err(IssueError::Unavailable(_) | IssueError::Failed(_)) => false,
    }
}

async fn once(supervisor: &Arc<Supervisor>, wanted: &Wanted) -> Result<Arc<Lease>, Why> {
    Step::Wanted.done();
    let source = &wanted.source;
    if wanted.life().is_zero() {
        return Err(Why::lasting("no time is left for one"));
    }
    let astray = supervisor.book.out_of_reach(&source.name);
    if astray > source.settings.outstanding {
        let why = format!("{astray} leases of `{}` could not be revoked", source.name);
        return Err(Why::passing(why));
    }
    let mut entry = entry(wanted);
    let order = wanted.order(entry.label());
    let root = source.issuer.root(&order).await.map_err(why)?;
    let keys = &wanted.snapshot.keys;
    entry.rooted(root.as_ref(), keys).map_err(Why::lasting)?;
    let attempt = Attempt {
        account: supervisor.book.open(entry.clone(), Standing::Minting),
        supervisor,
        wanted,
        root,
    };
    attempt.intend(&entry).await?;
    Step::Intended.done();
    match source.issuer.mint(&order, attempt.root.as_ref()).await {
        Ok(minted) => {
            Step::Minted.done();
            attempt.keep(entry, &order, minted).await
        }
        Err(error) => Err(attempt.lost(&entry, error).await),
    }
}

fn entry(wanted: &Wanted) -> Entry {
    Entry::new(Facts {
        credential: &wanted.source.name,
        backend: wanted.source.settings.kind.backend(),
        server: wanted.name(),
        origin: wanted.url.origin().ascii_serialization().into(),
        principal: wanted.task.principal(),
        chain: wanted.task.chain(),
        task: wanted.task.id(),
        scope: wanted.scope.clone(),
        began: now(),
        until: wanted.until(),
    })
}

fn why(error: IssueError) -> Why {
    match error {
        IssueError::Refused(text) => Why::lasting(text),
        IssueError::Unavailable(text) | IssueError::Failed(text) => Why::passing(text),
    }
}

/// One try. It runs as a task of its own: a caller who goes away does not stop it half way.
struct Attempt<'a> {
    account: Arc<Account>,
    supervisor: &'a Arc<Supervisor>,
    wanted: &'a Wanted,
    root: Option<Handle>,
}

// === impl Attempt ===

impl Attempt<'_> {
    /// Writes down that it will be minted, in the journal and in the records.
    async fn intend(&self, entry: &Entry) -> Result<(), Why> {
        let unwritten = |_| Why::passing("what is minted cannot be written down");
        let journal = &self.supervisor.journal;
        let lapses = self.wanted.source.issuer.lapses();
        if !lapses {
            journal.put(entry.id.as_bytes(), &entry.write());
        }
        let digest = &self.wanted.snapshot.config.digest;
        let lines = secret::intended(entry, digest, self.wanted.call);
        let recorded = self.supervisor.ledger.write(lines).await.map_err(unwritten);
        let kept = match lapses {
            true => Ok(()),
            false => journal
                .settled()
                .await
                .map_err(|why| Why::passing(why.to_string())),
        };
        if let Err(why) = recorded.and(kept) {
            self.forget(entry);
            return Err(why);
        }
        Ok(())
    }

    /// Writes down what takes it back, and makes a lease of it.
    async fn keep(
        &self,
        mut entry: Entry,
        order: &Order,
        minted: Minted,
    ) -> Result<Arc<Lease>, Why> {
        let handle = minted.handle.clone();
        let granted = minted.life.map_or(order.life, |life| life.min(order.life));
        let until = now()
            .saturating_add(granted.as_secs())
            .min(self.wanted.until());
        let keys = &self.wanted.snapshot.keys;
        let sealed = entry.minted(handle.as_ref(), until, keys);
        self.account.rewrite(entry.clone());
        let written = match sealed {
            Ok(()) => self.write(&entry, &minted).await,
            Err(why) => Err(Why::lasting(why)),
        };
        let origin = self.wanted.url.origin();
        let ready = written.and_then(|()| {
            let inject = &self.wanted.source.settings.inject;
            Ready::new(inject, &minted, (&self.wanted.server, origin)).map_err(Why::lasting)
        });
        let ready = match ready {
            Ok(ready) if granted.as_secs() > 0 => ready,
            Ok(_) => return Err(self.give_up(handle, Why::lasting("it lives less than a second"))),
            Err(why) => return Err(self.give_up(handle, why)),
        };
        Step::Kept.done();
        self.supervisor.metrics.leases.minted.add(1);
        let lease = Arc::new(Lease::new(
            (Arc::clone(&self.account), Arc::clone(&self.wanted.source)),
            handle,
            ready,
            (minted.renewable, (granted.as_secs() / 4).clamp(1, 60)),
            Arc::clone(self.supervisor),
        ));
        self.account.become_lease(&lease);
        Ok(lease)
    }

    async fn write(&self, entry: &Entry, minted: &Minted) -> Result<(), Why> {
        let journal = &self.supervisor.journal;
        let lapses = self.wanted.source.issuer.lapses();
        if !lapses {
            journal.put(entry.id.as_bytes(), &entry.write());
        }
        let values = minted.fields.iter().filter(|field| !field.open);
        let values = values.map(|field| field.value.expose());
        let fingerprint = self.wanted.snapshot.keys.fingerprint(values);
        let lines = secret::minted(entry, &fingerprint);
        let recorded = self.supervisor.ledger.write(lines).await;
        recorded.map_err(|_| Why::passing("what is minted cannot be put on record"))?;
        match lapses {
            true => Ok(()),
            false => journal
                .settled()
                .await
                .map_err(|why| Why::passing(why.to_string())),
        }
    }

    /// It cannot be used: it is taken back.
    fn give_up(&self, handle: Option<Handle>, why: Why) -> Why {
        let source = Arc::clone(&self.wanted.source);
        let how = (None, Cause::Unfit);
        self.supervisor
            .give_up(Arc::clone(&self.account), source, Some(handle), how);
        why
    }

    /// There is none. What may have been minted all the same is looked for.
    async fn lost(&self, entry: &Entry, error: IssueError) -> Why {
        match error {
            IssueError::Refused(text) => {
                self.unminted(entry, &text).await;
                Why::lasting(text)
            }
            IssueError::Unavailable(text) => {
                self.unminted(entry, &text).await;
                Why::passing(text)
            }
            IssueError::Failed(text) => {
                let (account, source) =
                    (Arc::clone(&self.account), Arc::clone(&self.wanted.source));
                let how = (self.root.clone(), Cause::Unanswered);
                self.supervisor.give_up(account, source, None, how);
                Why::passing(text)
            }
        }
    }

    /// Nothing was minted, whether or not that can be put on record.
    async fn unminted(&self, entry: &Entry, why: &str) {
        let lines = secret::unminted(entry, why);
        if self.supervisor.ledger.write(lines).await.is_err() {
            tracing::error!(lease = %entry.id.simple(), "a mint that gave nothing is not on record");
        }
        self.forget(entry);
    }

    fn forget(&self, entry: &Entry) {
        self.supervisor.journal.remove(entry.id.as_bytes());
        self.supervisor.book.close(entry.id);
    }
}
