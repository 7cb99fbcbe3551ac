//! What a legacy session remembers between requests: which requests are open, which of the server's requests were
//! delivered and wait for the client's answer.
//!
//! Nothing here is needed to open a session: the sealed id carries the server's own. After a restart the memory begins
//! empty, which can only refuse more: an answer nobody asked for goes nowhere. `spread` tells what several gateways
//! know of one session.

use crate::telemetry::trace::TraceContext;
use adapters::wire::Method;
use adapters::wire::revision::Revision;
use aws_lc_rs::digest::{SHA256, digest};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, RwLock, RwLockWriteGuard};
use tokio::time::{Instant, timeout};

/// Requests one session may leave open in either direction; the oldest is forgotten beyond it.
const OPEN_MOST: usize = 256;
/// How long a request waits for the GET stream before it.
const OPENING_MOST: Duration = Duration::from_secs(1);
/// How long the first call of a session waits for the GET stream that clients send beside it: on a connection of its
/// own it may arrive later, and a server's question would then find nobody listening.
const HEAD_START: Duration = Duration::from_millis(10);

/// What one session remembers.
#[derive(Debug, Default)]
pub(crate) struct Session {
    memory: Mutex<Memory>,
    /// Held while the GET stream opens: what was asked after it must not overtake it on another connection.
    opening: RwLock<()>,
    /// Whether somebody has waited for it long enough.
    waited: AtomicBool,
    /// Whether `initialize` was answered here and neither a GET stream nor a call has followed.
    fresh: AtomicBool,
    /// Wakes the first call when the GET stream comes.
    listening: Notify,
    /// The digest of its key, under which its task is kept.
    print: OnceLock<[u8; 32]>,
}

#[derive(Debug, Default)]
struct Memory {
    /// The client's requests that have no final answer yet.
    open: Vec<Open>,
    /// The server's requests that wait for the client.
    asked: Vec<Asked>,
    /// What `initialize` negotiated, where that is known.
    revision: Option<Revision>,
    /// Where the call stands whose stream came last: what a resumption takes up.
    streamed: Option<Box<TraceContext>>,
    used: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    id: Box<[u8]>,
    /// None of a method no revision knows.
    method: Option<Method>,
}

/// A request of the server that waits for the client.
#[derive(Debug)]
pub(super) struct Asked {
    id: Box<[u8]>,
    progress: Option<Box<[u8]>>,
    pub(super) method: Option<Method>,
    /// Whether the client may answer it over another gateway.
    pub(super) shared: bool,
}

// === impl Session ===

impl Session {
    /// It is used.
    pub(super) fn touch(&self) {
        self.memory().used = Some(Instant::now());
    }

    /// For how long it has not been.
    pub(super) fn unused(&self) -> Option<Duration> {
        self.memory().used.map(|used| used.elapsed())
    }

    /// The digest of its key, under which its task is kept.
    pub(crate) fn print(&self, key: &[u8]) -> [u8; 32] {
        *self.print.get_or_init(|| {
            let mut print = [0; 32];
            print.copy_from_slice(digest(&SHA256, key).as_ref());
            print
        })
    }

    /// The same, where it has been worked out.
    pub(super) fn known_print(&self) -> Option<[u8; 32]> {
        self.print.get().copied()
    }

    /// Keeps later requests behind the GET stream that opens now, while the result lives.
    pub(crate) async fn opening(&self) -> RwLockWriteGuard<'_, ()> {
        self.waited.store(false, Ordering::Relaxed);
        let opening = self.opening.write().await;
        self.fresh.store(false, Ordering::Relaxed);
        self.listening.notify_one();
        opening
    }

    /// Waits for a GET stream that is opening, but once and not for long: some servers say nothing on it until they
    /// have something to say. The session's first call gives a stream that has not come yet a moment to come.
    pub(crate) async fn in_order(&self, method: Option<Method>) {
        if self.waited.load(Ordering::Relaxed) {
            return;
        }
        if may_ask_back(method) && self.fresh.swap(false, Ordering::Relaxed) {
            // Without a stream nothing is lost but the moment.
            let _came = timeout(HEAD_START, self.listening.notified()).await;
        }
        if timeout(OPENING_MOST, self.opening.read()).await.is_err() {
            self.waited.store(true, Ordering::Relaxed);
        }
    }

    /// A request of the client went to the server.
    pub(crate) fn open(&self, id: &[u8], method: Option<Method>) {
        let mut memory = self.memory();
        forget_oldest(&mut memory.open);
        memory.open.push(Open {
            id: Box::from(id),
            method,
        });
    }

    /// A request of the client has its final answer; returns what it had asked.
    pub(crate) fn close(&self, id: &[u8]) -> Option<Option<Method>> {
        let mut memory = self.memory();
        let at = memory.open.iter().position(|open| *open.id == *id)?;
        Some(memory.open.swap_remove(at).method)
    }

    /// Whether a request of the client is still open.
    pub(crate) fn is_open(&self, id: &[u8]) -> bool {
        self.memory().open.iter().any(|open| *open.id == *id)
    }

    /// A request of the server is being delivered to the client.
    pub(super) fn ask(&self, id: &[u8], progress: Option<&[u8]>, method: Option<Method>) {
        let mut memory = self.memory();
        if memory.asked.iter().any(|asked| *asked.id == *id) {
            return;
        }
        forget_oldest(&mut memory.asked);
        memory.asked.push(Asked {
            id: Box::from(id),
            progress: progress.map(Box::from),
            method,
            shared: false,
        });
    }

    /// A request of the server that was delivered may be answered over any gateway.
    pub(super) fn share(&self, id: &[u8]) {
        let mut memory = self.memory();
        if let Some(asked) = memory.asked.iter_mut().find(|asked| *asked.id == *id) {
            asked.shared = true;
        }
    }

    /// The store has forgotten what may be answered over other gateways; gives what that is.
    pub(super) fn keep_to_itself(&self) -> Vec<(Box<[u8]>, Option<Method>)> {
        let mut memory = self.memory();
        let asked = memory.asked.iter_mut().map(|asked| {
            asked.shared = false;
            (asked.id.clone(), asked.method)
        });
        asked.collect()
    }

    /// The client answers a request of the server: once for each request delivered; returns what was asked.
    pub(super) fn answer(&self, id: &[u8]) -> Option<Asked> {
        let mut memory = self.memory();
        let at = memory.asked.iter().position(|asked| *asked.id == *id)?;
        Some(memory.asked.swap_remove(at))
    }

    /// Whether the client may report progress under this token: one a delivered request brought.
    pub(crate) fn awaits_progress(&self, token: &[u8]) -> bool {
        self.memory()
            .asked
            .iter()
            .any(|asked| asked.progress.as_deref() == Some(token))
    }

    /// Whether the server waits for the client at all: then a call's clock stands.
    pub(crate) fn waits_for_client(&self) -> bool {
        !self.memory().asked.is_empty()
    }

    /// What `initialize` negotiated.
    pub(super) fn negotiate(&self, revision: Revision) {
        self.fresh.store(true, Ordering::Relaxed);
        self.memory().revision = Some(revision);
    }

    /// What `initialize` negotiated, as another gateway saw it.
    pub(super) fn learn(&self, revision: Revision) {
        self.memory().revision = Some(revision);
    }

    /// What `initialize` negotiated, where that is known.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.memory().revision
    }

    /// A call that is traced begins to stream.
    pub(crate) fn streams(&self, call: &TraceContext) {
        self.memory().streamed = Some(Box::new(call.clone()));
    }

    /// Where the call stands whose stream came last.
    pub(super) fn streamed(&self) -> Option<TraceContext> {
        self.memory().streamed.as_deref().cloned()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change is a single push or removal, so a panic elsewhere leaves it whole.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a server may have a question for the client before it answers this.
fn may_ask_back(method: Option<Method>) -> bool {
    matches!(
        method,
        Some(Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead)
    )
}

fn forget_oldest<T>(list: &mut Vec<T>) {
    if list.len() >= OPEN_MOST {
        list.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_passes_once_and_only_for_what_was_asked() {
        let session = Session::default();
        session.ask(b"1", Some(b"\"t\""), None);
        assert!(session.waits_for_client());
        assert!(
            session.answer(b"\"1\"").is_none(),
            "a string is not the number"
        );
        assert!(session.awaits_progress(b"\"t\"") && !session.awaits_progress(b"\"u\""));
        assert!(session.answer(b"1").is_some());
        assert!(session.answer(b"1").is_none());
        assert!(!session.waits_for_client());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_the_stream_before_it_but_once() {
        let session = Session::default();
        let begun = Instant::now();
        session.in_order(Some(Method::ToolsCall)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "nothing opens");
        let opening = session.opening().await;
        session.in_order(Some(Method::ToolsCall)).await;
        assert_eq!(begun.elapsed(), OPENING_MOST);
        session.in_order(Some(Method::ToolsCall)).await;
        assert_eq!(begun.elapsed(), OPENING_MOST, "waited long enough already");
        drop(opening);
        let again = session.opening().await;
        let (waiting, _) = tokio::join!(session.in_order(None), async { drop(again) });
        assert_eq!(
            (waiting, begun.elapsed()),
            ((), OPENING_MOST),
            "open at once"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_call_gives_the_stream_a_head_start() {
        let session = Session::default();
        let begun = Instant::now();
        session.negotiate(Revision::V2025_11_25);
        session.in_order(Some(Method::ToolsList)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "a list asks nothing back");
        let (opening, ()) = tokio::join!(
            async {
                tokio::time::sleep(HEAD_START / 2).await;
                let opening = session.opening().await;
                tokio::time::sleep(HEAD_START).await;
                drop(opening);
                begun.elapsed()
            },
            session.in_order(Some(Method::ToolsCall)),
        );
        assert_eq!(begun.elapsed(), opening, "behind the stream, not beside it");
        session.negotiate(Revision::V2025_11_25);
        let again = Instant::now();
        session.in_order(Some(Method::ToolsCall)).await;
        session.in_order(Some(Method::ToolsCall)).await;
        assert_eq!(
            again.elapsed(),
            HEAD_START,
            "no stream came; once is enough"
        );
    }

    #[test]
    fn open_requests_are_bounded() {
        let session = Session::default();
        for id in 0..=OPEN_MOST {
            session.open(id.to_string().as_bytes(), Some(Method::ToolsCall));
        }
        assert!(!session.is_open(b"0") && session.is_open(b"1"));
        assert_eq!(session.close(b"1"), Some(Some(Method::ToolsCall)));
        assert_eq!(session.close(b"1"), None);
    }
}
