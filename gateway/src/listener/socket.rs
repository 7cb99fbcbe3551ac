//! A client's connection with its bytes counted and a client that does not read cut off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::telemetry::Metrics;
use crate::telemetry::metrics::Way;

/// Plain or TLS, both protocols.
#[derive(Debug)]
pub(crate) struct Socket<T> {
    io: T,
    metrics: Arc<Metrics>,
    /// Runs while the client reads nothing of what is to be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// A client that reads nothing for so long is gone or means harm.
const STALL: Duration = Duration::from_secs(30);

// === impl Socket ===

impl<T: AsyncRead + AsyncWrite + Unpin> Socket<T> {
    pub(crate) fn new(io: T, metrics: Arc<Metrics>) -> Self {
        Self {
            io,
            metrics,
            stalled: None,
        }
    }

    /// Lets an outcome pass, unless it has been waited for too long.
    fn patiently<R>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        stalled
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn count_out(&self, outcome: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = outcome {
            self.metrics
                .bytes
                .add(Way::Out, u64::try_from(*count).unwrap_or(0));
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.io).poll_read(cx, buf);
        let count = buf.filled().len().saturating_sub(before);
        if count > 0 {
            this.metrics
                .bytes
                .add(Way::In, u64::try_from(count).unwrap_or(0));
        }
        outcome
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.count_out(&outcome);
        this.patiently(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.count_out(&outcome);
        this.patiently(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_flush(cx);
        this.patiently(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_shutdown(cx);
        this.patiently(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_is_cut_off() {
        let (ours, theirs) = tokio::io::duplex(16);
        let metrics = Arc::new(Metrics::default());
        let mut socket = Socket::new(ours, metrics.clone());
        let fault = socket.write_all(&[7; 17]).await.unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
        assert_eq!(metrics.bytes.total(Way::Out), 16);
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_is_served() {
        use tokio::io::AsyncReadExt as _;
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut socket = Socket::new(ours, Arc::new(Metrics::default()));
        let reader = tokio::spawn(async move {
            let mut seen = [0; 64];
            for byte in &mut seen {
                tokio::time::sleep(Duration::from_secs(20)).await;
                *byte = theirs.read_u8().await.unwrap();
            }
            seen
        });
        socket.write_all(&[7; 64]).await.unwrap();
        assert_eq!(reader.await.unwrap(), [7; 64]);
    }
}
