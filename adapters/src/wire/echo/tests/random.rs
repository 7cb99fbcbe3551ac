//! Random but repeatable: secrets as backends mint them and as people choose them, and texts that are none.

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

// === impl Random ===

impl Random {
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    pub(super) fn of(&mut self, alphabet: &[u8], length: usize) -> Vec<u8> {
        (0..length)
            .map(|_| alphabet[self.below(alphabet.len())])
            .collect()
    }

    /// What a backend mints: letters and digits, perhaps with the two more of base64url and dots.
    pub(super) fn token(&mut self, length: usize) -> Vec<u8> {
        let alphabet = [ALPHANUMERIC, b"-_."].concat();
        match self.below(3) {
            0 => self.of(ALPHANUMERIC, length),
            1 => self.of(&alphabet, length),
            _ => [
                b"ghs_",
                self.of(ALPHANUMERIC, length.saturating_sub(4)).as_slice(),
            ]
            .concat(),
        }
    }

    /// Any secret of at least so many bytes, of any of the kinds there are.
    pub(super) fn secret(&mut self, length: usize) -> Vec<u8> {
        let printable: Vec<u8> = (b' '..=b'~').collect();
        let odd: Vec<u8> = printable
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_alphanumeric())
            .collect();
        match self.below(8) {
            0 => self.of(&printable, length),
            1 => self.of(&odd, length),
            2 => self.of(&[ALPHANUMERIC, b"+/"].concat(), length),
            3 => self.of("0123456789abcdef".as_bytes(), length),
            4 => {
                let pieces: Vec<&str> = "aZ9 é ü ж 日 😀 - \" \\ / % + & \u{7f} \n"
                    .split(' ')
                    .collect();
                let mut text = String::new();
                while text.len() < length {
                    text += pieces[self.below(pieces.len())];
                }
                text.into_bytes()
            }
            _ => self.token(length),
        }
    }

    /// A long text of the kind with this number: base64, hex, logs, JSON, escapes, identifiers.
    pub(super) fn corpus(&mut self, kind: usize, length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(length + 256);
        while out.len() < length {
            match kind {
                0 => out.extend(self.of(&[ALPHANUMERIC, b"+/"].concat(), 200)),
                1 => out.extend(self.of(b"0123456789abcdef", 200)),
                2 => out.extend_from_slice(
                    format!(
                        "2026-11-21T20:{:02}:07.{:06}Z INFO path=/api/v1/items/{} status=200 bytes={} user=u{}@example.com\n",
                        self.below(60), self.below(1_000_000), self.below(10_000), self.below(100_000), self.below(99)
                    )
                    .as_bytes(),
                ),
                3 => out.extend_from_slice(
                    format!(
                        "{{\"type\":\"text\",\"text\":\"item {} of \\\"list\\\"\\n\\u00e9t\\u00e9 100% a\\/b\",\"score\":{}.{}}},",
                        self.below(10_000), self.below(100), self.below(1000)
                    )
                    .as_bytes(),
                ),
                4 => out.extend_from_slice(format!("\\u04{:02x}%D0%{:02X}", self.below(96), self.below(64) + 128).as_bytes()),
                _ => {
                    let (left, right) = (self.number(), self.number());
                    out.extend_from_slice(format!("\"{left:016x}-{right:x}\", eyJhbGciOiJSUzI1NiJ9.").as_bytes());
                }
            }
        }
        out
    }
}
