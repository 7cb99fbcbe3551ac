//! Where in the stream of requests we are: in a head, in a body, or past a violation. Pure.

use memchr::memmem;

use super::head::{Framing, check_head};
use super::{HEAD_MAX, Reason};

/// Follows one connection. Fed with bytes not yet passed on, it says how many may be.
#[derive(Debug, Default)]
pub(super) struct Track {
    place: Place,
    /// How much of the unfinished head has been searched for its end.
    searched: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// Bytes of body left.
    Length(u64),
    /// In a chunk-size line: its value and how many digits.
    Size(u64, u8),
    /// The LF after a chunk size.
    SizeEnd(u64),
    /// Bytes of chunk left.
    Data(u64),
    /// CR or LF after a chunk's data.
    DataEnd(u8),
    /// CR or LF after the last chunk.
    LastEnd(u8),
}

/// What a feed came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// This many bytes may go on; the rest is the beginning of a head.
    pub(super) count: usize,
    /// The violation right behind them, if there is one, and whether it sits in a body.
    pub(super) fault: Option<Fault>,
}

/// A violation, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// In a head: nothing of that request has been passed on.
    Head(Reason),
    /// In a body whose head has been passed on.
    Body(Reason),
}

const END: &[u8] = b"\r\n\r\n";

// === impl Track ===

impl Track {
    /// `bytes` begins with what the last feed did not pass, followed by what is new.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Passed {
        let mut count = 0;
        loop {
            let rest = bytes.get(count..).unwrap_or_default();
            let step = match self.place {
                _ if rest.is_empty() => Ok(0),
                Place::Head => self.head(rest).map_err(Fault::Head),
                Place::Length(left) => Ok(self.skip(rest, left, Place::Length, Place::Head)),
                Place::Data(left) => Ok(self.skip(rest, left, Place::Data, Place::DataEnd(b'\r'))),
                _ => self.chunk_frame(rest).map_err(Fault::Body),
            };
            match step {
                Ok(0) => return Passed { count, fault: None },
                Ok(more) => count = count.saturating_add(more),
                Err(fault) => {
                    return Passed {
                        count,
                        fault: Some(fault),
                    };
                }
            }
        }
    }

    /// Whether the last request has been passed on whole.
    pub(super) fn is_between(&self) -> bool {
        self.place == Place::Head
    }

    /// A whole checked head, or 0 while it is unfinished.
    fn head(&mut self, rest: &[u8]) -> Result<usize, Reason> {
        let from = self.searched.saturating_sub(END.len());
        let unseen = rest.get(from..).unwrap_or_default();
        let Some(found) = memmem::find(unseen, END) else {
            self.searched = rest.len();
            return unfinished(rest, from).map(|()| 0);
        };
        self.searched = 0;
        let length = from.saturating_add(found).saturating_add(END.len());
        self.place = match check_head(rest.get(..length).unwrap_or_default())? {
            Framing::Empty => Place::Head,
            Framing::Length(left) => Place::Length(left),
            Framing::Chunked => Place::Size(0, 0),
        };
        Ok(length)
    }

    fn skip(&mut self, rest: &[u8], left: u64, stay: fn(u64) -> Place, then: Place) -> usize {
        let here = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        if here < left {
            self.place = stay(left.saturating_sub(here));
            return rest.len();
        }
        self.place = then;
        usize::try_from(left).unwrap_or(rest.len())
    }

    /// One byte of what stands around chunks. Extensions and trailers are refused: nobody needs them, and
    /// parsers disagree on both.
    fn chunk_frame(&mut self, rest: &[u8]) -> Result<usize, Reason> {
        let byte = rest.first().copied().ok_or(Reason::Chunk)?;
        self.place = match (self.place, byte) {
            (Place::Size(size, 1..), b'\r') => Place::SizeEnd(size),
            (Place::Size(size, digits @ 0..8), _) => {
                let digit = char::from(byte).to_digit(16).ok_or(Reason::Chunk)?;
                Place::Size((size << 4) | u64::from(digit), digits.saturating_add(1))
            }
            (Place::SizeEnd(0), b'\n') => Place::LastEnd(b'\r'),
            (Place::SizeEnd(size), b'\n') => Place::Data(size),
            (Place::DataEnd(b'\r'), b'\r') => Place::DataEnd(b'\n'),
            (Place::DataEnd(b'\n'), b'\n') => Place::Size(0, 0),
            (Place::LastEnd(b'\r'), b'\r') => Place::LastEnd(b'\n'),
            (Place::LastEnd(b'\n'), b'\n') => Place::Head,
            _ => return Err(Reason::Chunk),
        };
        Ok(1)
    }
}

/// Refuses what no continuation can mend, so that nobody waits for the end of something that is no head.
fn unfinished(rest: &[u8], from: usize) -> Result<(), Reason> {
    if rest.len() >= HEAD_MAX {
        return Err(Reason::HeadSize);
    }
    if rest.first().is_some_and(|first| !first.is_ascii_graphic()) {
        return Err(Reason::RequestLine);
    }
    let mut lines = memchr::memchr_iter(b'\n', rest.get(from..).unwrap_or_default());
    let is_bare = |at: usize| {
        let before = from.checked_add(at).and_then(|at| at.checked_sub(1));
        before.and_then(|before| rest.get(before)) != Some(&b'\r')
    };
    if lines.any(is_bare) {
        Err(Reason::LineEnd)
    } else {
        Ok(())
    }
}
