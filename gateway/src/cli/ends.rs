//! The signals that end a process that serves.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub(super) struct Ends(Signal, Signal);

/// Who wants the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// SIGTERM: whatever runs the process.
    Terminate,
    /// SIGINT: somebody at its terminal.
    Interrupt,
}

// === impl Ends ===

impl Ends {
    pub(super) fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|why| format!("cannot wait for signals: {why}"));
        Ok(Self(
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
        ))
    }

    pub(super) async fn next(&mut self) -> End {
        tokio::select! {
            _ = self.0.recv() => End::Terminate,
            _ = self.1.recv() => End::Interrupt,
        }
    }
}
