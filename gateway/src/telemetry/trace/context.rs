//! W3C trace context: strict to read, cheap to print. What is malformed is none, never a mistake of the call.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use std::str::FromStr as _;
use std::sync::Arc;

/// Where a span stands: what is passed to whoever is called, and what a parent is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span in it.
    pub span_id: SpanId,
    /// Whether its spans are kept.
    pub sampled: bool,
    /// Whether the trace id is random throughout, which samplers of the whole trace rely on.
    pub random: bool,
    /// `tracestate`, as it came.
    pub state: Option<Arc<str>>,
}

/// A printed `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent([u8; Self::LEN]);

const SAMPLED: u8 = 0b01;
const RANDOM: u8 = 0b10;
/// The most bytes of a `tracestate`: what the standard asks everybody to pass on at least.
const STATE_LONGEST: usize = 512;
/// The most members of a `tracestate`.
const STATE_MOST: usize = 32;

// === impl TraceContext ===

impl TraceContext {
    /// The first span of a trace.
    #[must_use]
    pub fn root(sampled: bool) -> Self {
        Self {
            trace_id: RandomIdGenerator::default().new_trace_id(),
            span_id: new_span_id(),
            sampled,
            random: true,
            state: None,
        }
    }

    /// A span beneath this one, in the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span_id: new_span_id(),
            ..self.clone()
        }
    }

    /// The first span of this process in a trace that is known by its id alone.
    #[must_use]
    pub fn within(trace_id: TraceId, sampled: bool) -> Self {
        Self {
            trace_id,
            ..Self::root(sampled)
        }
    }

    /// Reads `traceparent`, and `tracestate` where it is sound.
    #[must_use]
    pub fn parse(parent: &str, state: Option<&str>) -> Option<Self> {
        let mut context = Self::parent(parent)?;
        context.state = state.and_then(sound_state);
        Some(context)
    }

    /// Version 00 has exactly four fields; a later one may have more behind them.
    fn parent(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(Traceparent::LEN)?;
        let mut fields = known.split('-');
        let version = hex::<1>(fields.next()?)?;
        let trace_id = TraceId::from_bytes(hex(fields.next()?)?);
        let span_id = SpanId::from_bytes(hex(fields.next()?)?);
        let [flags] = hex(fields.next()?)?;
        let fits = match version {
            [0] => rest.is_empty(),
            [0xff] => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let valid = trace_id != TraceId::INVALID && span_id != SpanId::INVALID;
        (fits && valid && fields.next().is_none()).then_some(Self {
            trace_id,
            span_id,
            sampled: flags & SAMPLED != 0,
            random: flags & RANDOM != 0,
            state: None,
        })
    }

    /// Prints `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> Traceparent {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let flags = if self.sampled { SAMPLED } else { 0 } | if self.random { RANDOM } else { 0 };
        let trace = self.trace_id.to_bytes();
        let span = self.span_id.to_bytes();
        let places = (3..35).chain(36..52).chain(53..55);
        let bytes = trace
            .iter()
            .chain(&span)
            .chain(std::slice::from_ref(&flags));
        let digits = bytes.flat_map(|byte| [byte >> 4, byte & 0xf]);
        for (place, digit) in places.zip(digits) {
            if let Some(letter) = text.get_mut(place) {
                *letter = match digit {
                    0..=9 => digit.wrapping_add(b'0'),
                    _ => digit.wrapping_sub(10).wrapping_add(b'a'),
                };
            }
        }
        Traceparent(text)
    }

    /// As spans and links of the SDK hold it.
    #[must_use]
    pub fn sdk(&self, is_remote: bool) -> SpanContext {
        let state = self.state.as_deref();
        let state = state.and_then(|text| TraceState::from_str(text).ok());
        let flags = if self.sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        };
        SpanContext::new(
            self.trace_id,
            self.span_id,
            flags,
            is_remote,
            state.unwrap_or_default(),
        )
    }
}

// === impl Traceparent ===

impl Traceparent {
    /// Its length, in the only version there is.
    pub const LEN: usize = 55;

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every byte of it is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A new span id, never the invalid one.
fn new_span_id() -> SpanId {
    let made = RandomIdGenerator::default().new_span_id();
    match made {
        SpanId::INVALID => SpanId::from_bytes([0, 0, 0, 0, 0, 0, 0, 1]),
        made => made,
    }
}

/// Exactly so many bytes in lower-case hexadecimal.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(letter.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// A `tracestate` that may be passed on: all of it is sound, or none of it goes.
fn sound_state(text: &str) -> Option<Arc<str>> {
    if text.len() > STATE_LONGEST {
        return None;
    }
    let mut keys: Vec<&str> = Vec::new();
    for member in text.split(',') {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        if !sound_key(key) || !sound_value(value) || keys.contains(&key) {
            return None;
        }
        keys.push(key);
    }
    (1..=STATE_MOST).contains(&keys.len()).then(|| text.into())
}

fn sound_key(key: &str) -> bool {
    let (tenant, system) = match key.split_once('@') {
        Some((tenant, system)) => (tenant, Some(system)),
        None => (key, None),
    };
    let inner = |letter: u8| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"_-*/".contains(&letter)
    };
    let simple = |part: &str, longest: usize, digit_first: bool| {
        let first = part.bytes().next();
        part.len() <= longest
            && part.bytes().all(inner)
            && first.is_some_and(|first| {
                first.is_ascii_lowercase() || digit_first && first.is_ascii_digit()
            })
    };
    match system {
        Some(system) => simple(tenant, 241, true) && simple(system, 14, false),
        None => simple(tenant, 256, true),
    }
}

fn sound_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value
            .bytes()
            .all(|letter| matches!(letter, b' '..=b'~') && !b",=".contains(&letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn sampled(parent: &str) -> Option<bool> {
        TraceContext::parse(parent, None).map(|context| context.sampled)
    }

    #[test]
    fn what_is_sound_comes_back_as_it_was() {
        for text in [
            GOOD,
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "00-00000000000000000000000000000001-0000000000000001-03",
        ] {
            let context = TraceContext::parse(text, None).unwrap();
            assert_eq!(context.traceparent().as_str(), text);
        }
        // Flags nobody knows are not passed on.
        let context = TraceContext::parse(&GOOD.replace("-01", "-ff"), None).unwrap();
        assert!(context.traceparent().as_str().ends_with("-03"));
    }

    /// Cases of the standard's own validation suite.
    #[test]
    fn what_is_malformed_is_none() {
        let bad = [
            "",
            "00",
            "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331c-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-001",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\u{661}",
            "00 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 01",
        ];
        for text in bad {
            assert_eq!(sampled(text), None, "{text:?}");
        }
        assert_eq!(sampled(GOOD), Some(true));
        // A later version may say more, and keeps the first four fields.
        let later = GOOD.replacen("00-", "cc-", 1);
        assert_eq!(sampled(&later), Some(true));
        assert_eq!(sampled(&format!("{later}-what")), Some(true));
        assert_eq!(sampled(&format!("{later}.x")), None);
    }

    #[test]
    fn any_cut_and_any_flipped_byte_is_read_without_harm() {
        for at in 0..GOOD.len() {
            assert_eq!(sampled(GOOD.get(..at).unwrap()), None, "{at}");
            for letter in [b'-', b'x', b' ', 0x7f] {
                let mut bytes = GOOD.as_bytes().to_vec();
                bytes[at] = letter;
                let text = String::from_utf8(bytes).unwrap();
                assert_eq!(sampled(&text).is_some(), text == GOOD, "{text}");
            }
        }
    }

    #[test]
    fn state_goes_whole_or_not_at_all() {
        let state = |text: &str| TraceContext::parse(GOOD, Some(text)).unwrap().state;
        for good in [
            "a=1",
            "foo@bar=1,baz=x y",
            "a=1, ,b=2",
            "0x=1",
            "a/b*c_d-e=!",
        ] {
            assert_eq!(state(good).as_deref(), Some(good));
        }
        let long = format!("a={}", "x".repeat(257));
        let many = (0..33)
            .map(|number| format!("k{number}=1"))
            .collect::<Vec<_>>();
        for bad in [
            "",
            "a",
            "=1",
            "a=",
            "A=1",
            "a=1,a=2",
            "a=1=2",
            "a b=1",
            "@x=1",
            "a@=1",
            "a=\u{e9}",
            "a@B=1",
            "a=1\n",
            long.as_str(),
            many.join(",").as_str(),
        ] {
            assert_eq!(state(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let root = TraceContext::root(true);
        let child = root.child();
        assert_eq!((child.trace_id, child.sampled), (root.trace_id, true));
        assert_ne!(child.span_id, root.span_id);
        assert_ne!(TraceContext::root(true).trace_id, root.trace_id);
        assert!(root.traceparent().as_str().ends_with("-03"));
        let sdk = TraceContext::parse(GOOD, Some("a=1")).unwrap().sdk(true);
        assert_eq!(
            (sdk.trace_state().get("a"), sdk.is_remote()),
            (Some("1"), true)
        );
    }
}
