//! `*` matches any run without `/`, `**` any run; nothing else is special.
//!
//! The general case walks the text once, keeping the set of places in the pattern it may be at, so the
//! time is bounded by text times pattern whatever the two are.

/// The most bytes a pattern may have; one bit of the walk's state each.
pub(in crate::model) const LONGEST: usize = 255;

const WORDS: usize = 4;

/// A compiled glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) enum Glob {
    /// Nothing special.
    Exact(Box<str>),
    /// One run between two literals, each of which may be empty.
    Run {
        /// What the text begins with.
        head: Box<str>,
        /// Whether what is between may hold `/`.
        deep: bool,
        /// What the text ends with.
        tail: Box<str>,
    },
    /// Anything else.
    General(Box<[Token]>),
}

/// One step of a general glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Token {
    /// This byte.
    Byte(u8),
    /// Any run without `/`.
    Run,
    /// Any run.
    DeepRun,
}

/// A set of places in a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Places([u64; WORDS]);

// === impl Glob ===

impl Glob {
    /// Compiles a pattern of at most [`LONGEST`] bytes.
    pub(in crate::model) fn new(text: &str) -> Self {
        let tokens = tokens(text);
        let literal = tokens
            .iter()
            .take_while(|token| matches!(token, Token::Byte(_)))
            .count();
        let rest = tokens.get(literal..).unwrap_or_default();
        match rest {
            [] => Self::Exact(text.into()),
            [run, tail @ ..] if tail.iter().all(|token| matches!(token, Token::Byte(_))) => {
                let end = text.len().saturating_sub(tail.len());
                Self::Run {
                    head: text.get(..literal).unwrap_or_default().into(),
                    deep: *run == Token::DeepRun,
                    tail: text.get(end..).unwrap_or_default().into(),
                }
            }
            _ => Self::General(tokens.into()),
        }
    }

    /// Whether the whole text, given in pieces, matches.
    pub(in crate::model) fn matches(&self, pieces: &[&str]) -> bool {
        match (self, pieces) {
            (Self::Exact(literal), [text]) => **literal == **text,
            (Self::Run { head, deep, tail }, [text]) => text
                .strip_prefix(&**head)
                .and_then(|rest| rest.strip_suffix(&**tail))
                .is_some_and(|between| *deep || !between.contains('/')),
            // `**` alone.
            (Self::Run { head, deep, tail }, _) if *deep && head.is_empty() && tail.is_empty() => {
                true
            }
            (Self::General(tokens), _) => walk(tokens, pieces),
            (Self::Exact(literal), _) => {
                let mut rest = &**literal;
                pieces.iter().all(|piece| match rest.strip_prefix(piece) {
                    Some(left) => {
                        rest = left;
                        true
                    }
                    None => false,
                }) && rest.is_empty()
            }
            (Self::Run { .. }, _) => walk(&self.tokens(), pieces),
        }
    }

    /// The steps of any glob, for what looks at two of them at once.
    pub(in crate::model) fn tokens(&self) -> Vec<Token> {
        match self {
            Self::Exact(literal) => literal.bytes().map(Token::Byte).collect(),
            Self::Run { head, deep, tail } => {
                let run = if *deep { Token::DeepRun } else { Token::Run };
                let (head, tail) = (head.bytes(), tail.bytes());
                let head = head.map(Token::Byte).chain([run]);
                head.chain(tail.map(Token::Byte)).collect()
            }
            Self::General(tokens) => tokens.to_vec(),
        }
    }
}

/// Whether some text matches both.
pub(in crate::model) fn overlap(a: &[Token], b: &[Token]) -> bool {
    let width = b.len() + 1;
    let mut seen = vec![false; (a.len() + 1) * width];
    let mut open = vec![(0, 0)];
    while let Some((i, j)) = open.pop() {
        match seen.get_mut(i * width + j) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        if i == a.len() && j == b.len() {
            return true;
        }
        let (left, right) = (a.get(i), b.get(j));
        let run = |token: Option<&Token>| matches!(token, Some(Token::Run | Token::DeepRun));
        if run(left) {
            open.push((i + 1, j));
        }
        if run(right) {
            open.push((i, j + 1));
        }
        match (left, right) {
            (Some(Token::Byte(x)), Some(Token::Byte(y))) if x == y => open.push((i + 1, j + 1)),
            (Some(star), Some(Token::Byte(byte))) if takes(*star, *byte) => open.push((i, j + 1)),
            (Some(Token::Byte(byte)), Some(star)) if takes(*star, *byte) => open.push((i + 1, j)),
            _ => {}
        }
    }
    false
}

/// Whether all that matches `b` surely matches `a`: a run of `b` is a letter that only runs of `a` swallow. It may say
/// no where only the literals around a run would tell.
pub(in crate::model) fn covers(a: &[Token], b: &[Token]) -> bool {
    let mut here = Places([0; WORDS]);
    here.enter(0, a);
    for wanted in b {
        let mut next = Places([0; WORDS]);
        for place in here.iter() {
            match (a.get(place), wanted) {
                (Some(Token::Byte(own)), Token::Byte(byte)) if own == byte => {
                    next.enter(place + 1, a);
                }
                (Some(Token::DeepRun), _) | (Some(Token::Run), Token::Run) => next.enter(place, a),
                (Some(Token::Run), Token::Byte(byte)) if *byte != b'/' => next.enter(place, a),
                _ => {}
            }
        }
        here = next;
    }
    here.iter().any(|place| place == a.len())
}

/// Runs of more than one star mean any run.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        match (byte, tokens.last_mut()) {
            (b'*', Some(last @ (Token::Run | Token::DeepRun))) => *last = Token::DeepRun,
            (b'*', _) => tokens.push(Token::Run),
            _ => tokens.push(Token::Byte(byte)),
        }
    }
    tokens
}

/// Whether a run swallows this byte; a literal swallows nothing.
fn takes(token: Token, byte: u8) -> bool {
    match token {
        Token::Byte(_) => false,
        Token::Run => byte != b'/',
        Token::DeepRun => true,
    }
}

fn walk(tokens: &[Token], pieces: &[&str]) -> bool {
    let mut here = Places([0; WORDS]);
    here.enter(0, tokens);
    for byte in pieces.iter().flat_map(|piece| piece.bytes()) {
        let mut next = Places([0; WORDS]);
        for place in here.iter() {
            match tokens.get(place) {
                Some(Token::Byte(wanted)) if *wanted == byte => next.enter(place + 1, tokens),
                Some(token) if takes(*token, byte) => next.enter(place, tokens),
                _ => {}
            }
        }
        if next == Places([0; WORDS]) {
            return false;
        }
        here = next;
    }
    here.iter().any(|place| place == tokens.len())
}

// === impl Places ===

impl Places {
    /// Adds a place, and the one behind it where a run may be empty.
    fn enter(&mut self, place: usize, tokens: &[Token]) {
        self.set(place);
        if matches!(tokens.get(place), Some(Token::Run | Token::DeepRun)) {
            self.set(place + 1);
        }
    }

    fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        self.0
            .into_iter()
            .enumerate()
            .flat_map(|(index, mut word)| {
                std::iter::from_fn(move || {
                    let bit = word.trailing_zeros() as usize;
                    word &= word.checked_sub(1)?;
                    Some(index * 64 + bit)
                })
            })
    }
}
