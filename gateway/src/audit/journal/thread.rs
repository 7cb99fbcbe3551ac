//! The journal's thread: feeds the writer what has gathered in the queue, and wakes it when something is due.

use super::disk::Disk;
use super::status::Status;
use super::writer::{Entry, Moment, Writer};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::runtime::Builder;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

/// What callers send.
#[derive(Debug)]
pub(super) enum Message {
    /// To be written.
    Lines(Entry),
    /// The last thing to be written.
    Last(Entry),
}

/// So many messages are written together at most.
const BATCH: usize = 512;

/// Starts it. It ends with a [`Message::Last`], or when nobody is left who could send one.
pub(super) fn start<D>(
    writer: Writer<D>,
    messages: UnboundedReceiver<Message>,
    status: Arc<Status>,
) -> io::Result<()>
where
    D: Disk + Send + 'static,
    D::File: Send,
{
    // Its own small runtime, for one thing only: to wait for messages and for a moment at the same time.
    let clock = Builder::new_current_thread().enable_time().build()?;
    let named = std::thread::Builder::new().name("journal".to_owned());
    named.spawn(move || {
        clock.block_on(run(writer, messages, &status));
        status.close();
    })?;
    Ok(())
}

async fn run<D: Disk>(
    mut writer: Writer<D>,
    mut messages: UnboundedReceiver<Message>,
    status: &Status,
) {
    let mut received = Vec::with_capacity(BATCH);
    let mut entries = Vec::with_capacity(BATCH);
    loop {
        let next = messages.recv_many(&mut received, BATCH);
        let due = writer.due(Moment::now());
        let gone = match due {
            Some(wait) => timeout(wait, next).await == Ok(0),
            None => next.await == 0,
        };
        // Whoever is about to send something does so first, where there is no core to spare: what gathers costs one
        // write, one sync and one waking for all of it.
        std::thread::yield_now();
        while received.len() < BATCH
            && let Ok(message) = messages.try_recv()
        {
            received.push(message);
        }
        let now = Moment::now();
        status.begin(now.steady);
        let last = sort(&mut received, &mut entries, status);
        if !entries.is_empty() {
            writer.accept(&mut entries, now);
        }
        if gone || last.is_some() {
            let promise = last.and_then(|mut last| {
                let promise = last.promise.take();
                entries.push(last);
                writer.accept(&mut entries, now);
                promise
            });
            // Whoever sends from here on is told at once.
            messages.close();
            status.close();
            let all = writer.finish(Moment::now());
            status.end();
            if let Some(promise) = promise {
                promise.settle(all);
            }
            return;
        }
        writer.tick(Moment::now());
        status.end();
    }
}

/// What is to be written, and the last of it if it is among them; what comes after the last is dropped.
fn sort(received: &mut Vec<Message>, entries: &mut Vec<Entry>, status: &Status) -> Option<Entry> {
    let mut end = None;
    for message in received.drain(..) {
        if matches!(message, Message::Lines(_)) {
            status.queued.fetch_sub(1, Ordering::Relaxed);
        }
        match message {
            Message::Lines(entry) if end.is_none() => entries.push(entry),
            Message::Last(entry) if end.is_none() => end = Some(entry),
            _ => {}
        }
    }
    end
}
