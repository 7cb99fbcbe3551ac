//! Reads a request's body whole, within its limit and its deadline.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// Longer than allowed, said or found.
    #[error("the body is too large")]
    TooLarge,
    /// Not all there at the deadline.
    #[error("the body came too slowly")]
    Slow,
    /// The connection or its framing broke.
    #[error("the body broke off")]
    Broken,
}

/// The whole body. One that came in a single frame is not copied.
///
/// # Errors
/// [`BodyFault`]; what was read is dropped.
pub async fn read_body<B>(body: B, limit: usize, deadline: Duration) -> Result<Bytes, BodyFault>
where
    B: Body<Data = Bytes>,
{
    let longest = u64::try_from(limit).unwrap_or(u64::MAX);
    if body.size_hint().lower() > longest {
        return Err(BodyFault::TooLarge);
    }
    match tokio::time::timeout(deadline, collect(body, limit)).await {
        Ok(done) => done,
        Err(_elapsed) => Err(BodyFault::Slow),
    }
}

async fn collect<B: Body<Data = Bytes>>(body: B, limit: usize) -> Result<Bytes, BodyFault> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_broken| BodyFault::Broken)?.into_data() else {
            continue;
        };
        let length = first
            .len()
            .saturating_add(rest.len())
            .saturating_add(data.len());
        if length > limit {
            return Err(BodyFault::TooLarge);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            // What is announced is reserved, but never more than the limit allows.
            let more = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            rest.reserve(length.saturating_add(more).min(limit));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;

    /// Frames, then the end, an error or silence.
    struct Script(VecDeque<&'static [u8]>, End);

    #[derive(Clone, Copy)]
    enum End {
        Proper,
        Broken,
        Silent,
    }

    impl Body for Script {
        type Data = Bytes;
        type Error = ();

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, ()>>> {
            match (self.0.pop_front(), self.1) {
                (Some(data), _) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data))))),
                (None, End::Proper) => Poll::Ready(None),
                (None, End::Broken) => Poll::Ready(Some(Err(()))),
                (None, End::Silent) => Poll::Pending,
            }
        }
    }

    async fn check(frames: &[&'static [u8]], end: End, expected: Result<&[u8], BodyFault>) {
        let script = Script(frames.iter().copied().collect(), end);
        let got = read_body(script, 8, Duration::from_secs(15)).await;
        assert_eq!(got.as_deref(), expected.as_deref());
    }

    #[tokio::test(start_paused = true)]
    async fn whole_or_a_fault() {
        check(&[], End::Proper, Ok(b"")).await;
        check(&[b"abc"], End::Proper, Ok(b"abc")).await;
        check(
            &[b"", b"abc", b"", b"de", b"fgh"],
            End::Proper,
            Ok(b"abcdefgh"),
        )
        .await;
        check(&[b"abcdefgh"], End::Proper, Ok(b"abcdefgh")).await;
        check(&[b"abcdefghi"], End::Proper, Err(BodyFault::TooLarge)).await;
        check(
            &[b"abcd", b"efgh", b"i"],
            End::Silent,
            Err(BodyFault::TooLarge),
        )
        .await;
        check(&[b"abcd"], End::Broken, Err(BodyFault::Broken)).await;
        check(&[b"abcd"], End::Silent, Err(BodyFault::Slow)).await;
    }

    #[tokio::test]
    async fn a_length_beyond_the_limit_is_refused_unread() {
        let body = http_body_util::Full::new(Bytes::from_static(b"123456789"));
        assert_eq!(
            read_body(body, 8, Duration::from_secs(1)).await,
            Err(BodyFault::TooLarge)
        );
    }

    #[tokio::test]
    async fn one_frame_is_not_copied() {
        let whole = Bytes::from(vec![7; 100]);
        let body = http_body_util::Full::new(whole.clone());
        let read = read_body(body, 100, Duration::from_secs(1)).await.unwrap();
        assert_eq!(read.as_ptr(), whole.as_ptr());
    }
}
