//! Finds a secret in what a server sends back, in the forms in which servers echo: plain, base64 at any alignment, hex,
//! percent-encoded, escaped for JSON.
//!
//! Every text is searched once, with vectors, for a few bytes of each form (`anchor`); where one stands, the secret is
//! followed byte by byte (`form`). So there is one copy of a secret and no list of its encodings, and only a whole secret
//! is ever a hit.

mod anchor;
mod form;
mod sieve;

pub use sieve::Sieve;

use aho_corasick::packed::{self, Searcher};
use aho_corasick::{AhoCorasick, Input, MatchKind, Span};
use anchor::anchors;
use form::{Fit, Form};
use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

/// A shorter secret is not looked for: what it says may stand in an answer by chance.
pub const SHORTEST: usize = 12;

/// The secrets of one lease, ready to be looked for. Built once per lease.
///
/// Its own memory is zeroed when dropped. The search inside keeps its anchors, which are parts of some 12 bytes near the
/// beginning of each secret, in memory that is not.
pub struct Patterns {
    secrets: Vec<Zeroizing<Box<[u8]>>>,
    /// One for every two secrets: with many anchors a search is slower than two with few.
    searches: Vec<Search>,
    /// The forms that may begin with each byte, a bit for each.
    starts: Box<Zeroizing<[u8; 256]>>,
}

/// What is looked for was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found;

enum Search {
    Vectors(Searcher),
    /// On processors without them.
    Automaton(AhoCorasick),
}

/// The most bytes from the beginning of any form to the end of its anchor: a region may end three bytes late, behind a
/// character.
const REACH: usize = (anchor::FIRST + 6) * form::WIDEST;

// === impl Patterns ===

impl Patterns {
    /// Of these secrets; none where all are too short.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let secrets = secrets.into_iter();
        let long = secrets.filter(|secret| secret.len() >= SHORTEST);
        let secrets: Vec<Zeroizing<Box<[u8]>>> = long
            .map(|secret| Zeroizing::new(Box::from(secret)))
            .collect();
        if secrets.is_empty() {
            return None;
        }
        Some(Self {
            searches: secrets.chunks(2).map(Search::new).collect::<Option<_>>()?,
            starts: starts(&secrets),
            secrets,
        })
    }

    /// Whether a secret is in `text`.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> bool {
        self.anchored(text).is_err()
    }

    /// No form of any secret is longer.
    #[must_use]
    pub fn longest(&self) -> usize {
        let longest = self.secrets.iter().map(|secret| secret.len()).max();
        longest.unwrap_or_default() * form::WIDEST
    }

    /// Up to where `text` holds no beginning of a secret.
    fn clear(&self, text: &[u8]) -> Result<usize, Found> {
        let clear = self.anchored(text)?;
        // What begins so late need not show its anchor yet.
        let late = text.len().saturating_sub(REACH);
        Ok(clear.min(self.around(text, late..text.len())?))
    }

    /// The same, without beginnings too short to hold an anchor.
    fn anchored(&self, text: &[u8]) -> Result<usize, Found> {
        let mut clear = text.len();
        for search in &self.searches {
            // Each place is looked at once, however close together anchors stand.
            let mut done = 0;
            while let Some(hit) = search.find(text, done) {
                let from = hit.saturating_sub(REACH).max(done);
                clear = clear.min(self.around(text, from..hit + 1)?);
                done = hit + 1;
            }
        }
        Ok(clear)
    }

    /// Where a secret begins that the text's end cuts, among these places; the text's end if nowhere.
    fn around(&self, text: &[u8], places: Range<usize>) -> Result<usize, Found> {
        let mut clear = text.len();
        let first = places.start;
        for (offset, byte) in text.get(places).unwrap_or_default().iter().enumerate() {
            let forms = self.starts.get(usize::from(*byte)).copied();
            let Some(forms @ 1..) = forms else {
                continue;
            };
            match self.fit(forms, text.get(first + offset..).unwrap_or_default()) {
                Fit::Whole => return Err(Found),
                Fit::Begun => clear = clear.min(first + offset),
                Fit::Not => {}
            }
        }
        Ok(clear)
    }

    /// How far a text goes along with any secret in these forms.
    fn fit(&self, forms: u8, text: &[u8]) -> Fit {
        let mut fit = Fit::Not;
        for (index, form) in Form::ALL.into_iter().enumerate() {
            if forms >> index & 1 == 0 {
                continue;
            }
            for secret in &self.secrets {
                match form.fit(secret, text) {
                    Fit::Whole => return Fit::Whole,
                    Fit::Begun => fit = Fit::Begun,
                    Fit::Not => {}
                }
            }
        }
        fit
    }
}

fn starts(secrets: &[Zeroizing<Box<[u8]>>]) -> Box<Zeroizing<[u8; 256]>> {
    let mut starts = Box::new(Zeroizing::new([0; 256]));
    for (byte, forms) in (0..=u8::MAX).zip(starts.iter_mut()) {
        for (index, form) in Form::ALL.into_iter().enumerate() {
            let begins = |secret: &Zeroizing<Box<[u8]>>| form.fit(secret, &[byte]) != Fit::Not;
            *forms |= u8::from(secrets.iter().any(begins)) << index;
        }
    }
    starts
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patterns")
    }
}

// === impl Search ===

impl Search {
    /// For the anchors of these secrets.
    fn new(secrets: &[Zeroizing<Box<[u8]>>]) -> Option<Self> {
        let rendered: Vec<_> = secrets.iter().flat_map(|secret| anchors(secret)).collect();
        let mut anchors: Vec<&[u8]> = rendered.iter().map(|anchor| anchor.as_slice()).collect();
        anchors.sort_unstable();
        anchors.dedup();
        match packed::Config::new().builder().extend(&anchors).build() {
            Some(searcher) => Some(Self::Vectors(searcher)),
            None => Self::automaton(&anchors),
        }
    }

    fn automaton(anchors: &[&[u8]]) -> Option<Self> {
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostFirst);
        builder.build(anchors).ok().map(Self::Automaton)
    }

    /// Where the next anchor stands.
    fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let span = Span::from(from..text.len());
        match self {
            Self::Vectors(searcher) => searcher.find_in(text, span).map(|hit| hit.start()),
            Self::Automaton(automaton) => {
                let hit = automaton.find(Input::new(text).span(span));
                hit.map(|hit| hit.start())
            }
        }
    }
}

#[cfg(test)]
mod tests;
