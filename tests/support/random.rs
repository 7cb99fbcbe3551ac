//! Random but repeatable: a small generator, and valid JSON in every odd spelling.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

// === impl Random ===

impl Random {
    /// The same seed, the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number64() % end as u64) as usize
    }

    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// An object with its own spelling of everything: spaces, order, escapes, numbers, unknown members.
    pub fn object(&mut self, depth: usize) -> String {
        let mut members = Vec::new();
        for index in 0..self.below(5) {
            let name = self.member(index);
            let (left, right) = (self.space(), self.space());
            let value = self.value(depth);
            members.push(format!("{left}{name}{right}:{left}{value}{right}"));
        }
        format!("{{{}}}", members.join(","))
    }

    /// Any value.
    pub fn value(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => self.number(),
            1 | 2 => self.string(),
            3 => self.pick(&["true", "false", "null"]).to_owned(),
            4 => self.object(depth - 1),
            _ => {
                let values: Vec<_> = (0..self.below(4)).map(|_| self.value(depth - 1)).collect();
                format!("[{}{}]", self.space(), values.join(", "))
            }
        }
    }

    /// Numbers that do not survive a parser: `1.0`, twenty digits, `-0`, exponents.
    pub fn number(&mut self) -> String {
        let odd = [
            "0",
            "-0",
            "1.0",
            "1.10",
            "1e5",
            "1E+05",
            "-0.0",
            "12345678901234567890",
            "0.1e-7",
            "9007199254740993",
            "123456789012345678901234567890",
            "1.7976931348623157e308",
        ];
        self.pick(&odd).to_owned()
    }

    /// Strings with raw and escaped characters mixed.
    pub fn string(&mut self) -> String {
        let parts = [
            "a",
            "Z",
            " ",
            "é",
            "日本",
            "😀",
            r"\n",
            r"\t",
            r#"\""#,
            r"\\",
            r"\/",
            "/",
            r"\u0041",
            r"\u00e9",
            r"\ud83d\ude00",
            r"\u0000",
            r"\u2028",
            "\u{2028}",
            "\u{7f}",
            "<",
            "&",
        ];
        let inside: String = (0..self.below(9)).map(|_| self.pick(&parts)).collect();
        format!("\"{inside}\"")
    }

    /// Names that cannot repeat within one object.
    fn member(&mut self, index: usize) -> String {
        let part = self.pick(&[
            "name",
            "Name",
            r"\u006eame",
            "id",
            "x-new",
            "ä",
            "",
            "a/b",
            "result",
        ]);
        format!("\"{index}{part}\"")
    }

    fn space(&mut self) -> &'static str {
        self.pick(&["", "", " ", "\n", "\t", "  \r\n"])
    }
}
