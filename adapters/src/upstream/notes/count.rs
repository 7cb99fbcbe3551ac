//! Counting slowly: what streaming, progress and cancellation are tried with.

use super::answer::{Answer, event, result};
use super::json::set;
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

/// A slow count.
#[derive(Debug, Clone)]
pub(super) struct Counting {
    pub(super) to: u64,
    pub(super) every: Duration,
    pub(super) token: Option<Value>,
}

/// Counts on a stream of its own.
pub(super) fn count(counting: Counting, id: Value, result: Value) -> Answer {
    let (sender, answer) = Answer::events();
    tokio::spawn(async move { run(counting, id, result, &sender).await });
    answer
}

/// Counts, with progress where the caller gave a token; stops when nobody reads any more.
pub(super) async fn run(counting: Counting, id: Value, mut to: Value, sender: &Sender<Bytes>) {
    for number in 1..=counting.to {
        tokio::select! {
            () = sender.closed() => return,
            () = sleep(counting.every) => {}
        }
        if let Some(token) = &counting.token {
            let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress",
                "params": { "progressToken": token, "progress": number, "total": counting.to } });
            if sender.send(event(&progress)).await.is_err() {
                return;
            }
        }
    }
    let text = format!("counted to {}", counting.to);
    set(
        &mut to,
        "content",
        json!([{ "type": "text", "text": text }]),
    );
    // Whoever has gone needs no answer.
    let _ = sender.send(event(&result(&id, &to))).await;
}
