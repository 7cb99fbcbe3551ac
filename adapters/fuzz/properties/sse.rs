//! A stream says the same however it is cut, and what is sent on says to any reader what the stream said.

use super::cut;
use adapters::wire::sse::{Decoder, Frame};
use bytes::Bytes;

/// Events in the corpus are smaller.
const LIMIT: usize = 1 << 20;

/// One block as the standard's own algorithm reads it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    kind: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    retry: Option<Vec<u8>>,
    data: Option<Vec<u8>>,
}

/// Runs the property. The first byte chooses where the rest is cut.
pub fn hold(data: &[u8]) {
    let Some((_, stream)) = data.split_first() else {
        return;
    };
    let whole = frames(&[stream]);
    assert_eq!(frames(&cut(data)), whole);
    let mut sent = Vec::new();
    for frame in whole {
        match frame {
            Frame::Comment(comment) => {
                assert!(comment.starts_with(b":") && comment.ends_with(b"\n\n"));
                assert!(reference(&comment).is_empty());
            }
            Frame::Event(event) => {
                let data = event.data().clone();
                let changed = event.clone().with_data(&data);
                let bytes = event.into_bytes();
                assert!(!bytes.contains(&b'\r'));
                assert_eq!(reference(&bytes).len(), 1, "one event is one event");
                let said = reference(&changed);
                assert_eq!(said.len(), 1);
                sent.extend_from_slice(&bytes);
            }
        }
    }
    assert_eq!(reference(&sent), reference(stream));
}

fn frames(chunks: &[&[u8]]) -> Vec<Frame> {
    let mut decoder = Decoder::new(LIMIT);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.feed(Bytes::copy_from_slice(chunk));
        while let Ok(Some(frame)) = decoder.next() {
            frames.push(plain(frame));
        }
    }
    frames
}

/// Without the memory of how it came.
fn plain(frame: Frame) -> Frame {
    match frame {
        Frame::Event(event) => {
            let mut decoder = Decoder::new(LIMIT * 2);
            decoder.feed(event.into_bytes());
            decoder.next().unwrap().unwrap()
        }
        comment => comment,
    }
}

fn reference(stream: &[u8]) -> Vec<Said> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let (mut all, mut said, mut line) = (Vec::new(), Said::default(), Vec::new());
    let mut bytes = stream.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' {
            bytes.next_if_eq(&b'\n');
        } else if byte != b'\n' {
            line.push(byte);
            continue;
        }
        if !line.is_empty() {
            said.line(&std::mem::take(&mut line));
            continue;
        }
        let said = std::mem::take(&mut said);
        if said != Said::default() {
            all.push(said);
        }
    }
    all
}

// === impl Said ===

impl Said {
    fn line(&mut self, line: &[u8]) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        match name {
            b"event" => self.kind = Some(value),
            b"id" if !value.contains(&0) => self.id = Some(value),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = Some(value);
            }
            b"data" => match &mut self.data {
                None => self.data = Some(value),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(&value);
                }
            },
            _ => {}
        }
    }
}
