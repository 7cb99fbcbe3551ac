//! The forms a secret may come back in, followed byte by byte: nothing but the secret itself is kept of any of them.

/// Backslashes that may stand before one character: JSON in JSON in JSON.
const NESTED: usize = 7;
/// Bytes that one byte of a secret may become: so many backslashes, and `u0041`.
pub(super) const WIDEST: usize = NESTED + 5;

/// One way to write a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// Any of its bytes as `%41`, a space as `+`.
    Percent,
    /// Any of its characters behind a backslash or as `\u0041`, within one string or strings in strings.
    Json,
    /// Two digits a byte.
    Hex,
    /// Base64 of either alphabet behind so many bytes of something else, modulo 3; only what depends on no neighbour.
    Base64(u8),
}

/// How far a text goes along with a form of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The secret is at the beginning of the text.
    Whole,
    /// The text ends before the secret does, and may be its beginning.
    Begun,
    /// It is something else.
    Not,
}

// === impl Form ===

impl Form {
    pub(super) const ALL: [Self; 7] = [
        Self::Plain,
        Self::Percent,
        Self::Json,
        Self::Hex,
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
    ];

    /// How far `text` goes along with `secret` in this form.
    pub(super) fn fit(self, secret: &[u8], text: &[u8]) -> Fit {
        match self {
            Self::Plain if text.starts_with(secret) => Fit::Whole,
            Self::Plain if secret.starts_with(text) => Fit::Begun,
            Self::Plain => Fit::Not,
            Self::Percent => percent(secret, text),
            Self::Json => json(secret, text),
            Self::Hex => hex(secret, text),
            Self::Base64(before) => base64(secret, before, text),
        }
    }
}

fn percent(secret: &[u8], mut text: &[u8]) -> Fit {
    for byte in secret {
        let Some((first, rest)) = text.split_first() else {
            return Fit::Begun;
        };
        text = match first {
            b'%' => match digits(u32::from(*byte), 2, rest) {
                Ok(rest) => rest,
                Err(fit) => return fit,
            },
            b'+' if *byte == b' ' => rest,
            literal if literal == byte => rest,
            _ => return Fit::Not,
        };
    }
    Fit::Whole
}

fn hex(secret: &[u8], mut text: &[u8]) -> Fit {
    for byte in secret {
        text = match digits(u32::from(*byte), 2, text) {
            Ok(rest) => rest,
            Err(fit) => return fit,
        };
    }
    Fit::Whole
}

/// What follows so many digits of a number at the beginning of `text`.
fn digits(number: u32, count: u32, text: &[u8]) -> Result<&[u8], Fit> {
    let mut text = text;
    for place in (0..count).rev() {
        let Some((digit, rest)) = text.split_first() else {
            return Err(Fit::Begun);
        };
        if char::from(*digit).to_digit(16) != Some((number >> (4 * place)) & 15) {
            return Err(Fit::Not);
        }
        text = rest;
    }
    Ok(text)
}

fn base64(secret: &[u8], before: u8, mut text: &[u8]) -> Fit {
    let mut bit = skipped(before);
    while let Some(expected) = sextet(secret, bit) {
        // Some escape the slash wherever it stands in JSON.
        if expected == 63 {
            text = behind_backslashes(text, NESTED).1;
        }
        let Some((digit, rest)) = text.split_first() else {
            return Fit::Begun;
        };
        if value(*digit) != Some(expected) {
            return Fit::Not;
        }
        (text, bit) = (rest, bit + 6);
    }
    Fit::Whole
}

/// The bits of a secret that share a digit of base64 with what stands before it.
pub(super) fn skipped(before: u8) -> usize {
    match before {
        0 => 0,
        1 => 4,
        _ => 2,
    }
}

/// Six bits of a secret, if there are so many.
pub(super) fn sextet(secret: &[u8], bit: usize) -> Option<u8> {
    let (at, within) = (bit / 8, bit % 8);
    let first = u16::from(*secret.get(at)?);
    let second = match secret.get(at + 1) {
        Some(second) => u16::from(*second),
        None if within > 2 => return None,
        None => 0,
    };
    u8::try_from(((first << 8 | second) >> (10 - within)) & 63).ok()
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn json(mut secret: &[u8], mut text: &[u8]) -> Fit {
    let mut most = NESTED;
    while let Some((character, width)) = character(secret) {
        let (slashes, after) = behind_backslashes(text, most);
        // One that is the secret's own has become as many as escape it, and these stand together.
        most = if character == '\\' {
            most + NESTED + 1
        } else {
            NESTED
        };
        match escaped(character, slashes, after) {
            Ok(rest) => {
                secret = secret.get(width..).unwrap_or_default();
                text = rest;
                continue;
            }
            Err(Fit::Begun) => return Fit::Begun,
            Err(_) => {}
        }
        // Every backslash of the secret is at least one of the text; those before other characters escape them.
        let literal = if character == '\\' { text } else { after };
        text = match (literal.split_first(), secret.split_first()) {
            (None, _) => return Fit::Begun,
            (Some((one, rest)), Some((other, left))) if one == other => {
                secret = left;
                rest
            }
            _ => return Fit::Not,
        };
    }
    Fit::Whole
}

/// How many backslashes a text begins with, up to so many, and what follows them.
fn behind_backslashes(text: &[u8], most: usize) -> (usize, &[u8]) {
    let some = text.iter().take(most);
    let count = some.take_while(|byte| **byte == b'\\').count();
    (count, text.get(count..).unwrap_or_default())
}

/// What follows the escape of `character` behind so many backslashes.
fn escaped(character: char, slashes: usize, after: &[u8]) -> Result<&[u8], Fit> {
    let short = match character {
        '\u{8}' => b'b',
        '\t' => b't',
        '\n' => b'n',
        '\u{c}' => b'f',
        '\r' => b'r',
        _ => 0,
    };
    match after.split_first() {
        _ if slashes == 0 => return Err(Fit::Not),
        None if character == '\\' => return Err(Fit::Not),
        None => return Err(Fit::Begun),
        Some((letter, rest)) if *letter == short => return Ok(rest),
        Some(_) => {}
    }
    let mut text = after;
    for (index, unit) in character.encode_utf16(&mut [0; 2]).iter().enumerate() {
        if index > 0 {
            text = behind_backslashes(text, NESTED).1;
        }
        text = match text.split_first() {
            Some((b'u', rest)) => digits(u32::from(*unit), 4, rest)?,
            Some(_) => return Err(Fit::Not),
            None => return Err(Fit::Begun),
        };
    }
    Ok(text)
}

/// The first character of a secret and its width; a byte of none stands for itself, as in Latin-1.
pub(super) fn character(secret: &[u8]) -> Option<(char, usize)> {
    let first = *secret.first()?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    let few = secret.get(..secret.len().min(4))?;
    let whole = few.utf8_chunks().next()?.valid().chars().next();
    Some(whole.map_or((char::from(first), 1), |whole| (whole, whole.len_utf8())))
}
