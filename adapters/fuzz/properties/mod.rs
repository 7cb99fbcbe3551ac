//! What must hold for any bytes: each property is run by a fuzz target, and over its corpus by every test run.

pub mod answer;
pub mod header;
pub mod list;
pub mod scan;
pub mod sse;

/// Cuts bytes into chunks at places that the first byte chooses: all at once, byte by byte, or anything between.
pub fn cut(data: &[u8]) -> Vec<&[u8]> {
    let Some((seed, mut rest)) = data.split_first() else {
        return Vec::new();
    };
    let mut state = u32::from(*seed);
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = match seed % 4 {
            0 => rest.len(),
            1 => 1,
            2 => 1 + (state >> 28) as usize,
            _ => 1 + (state >> 24) as usize,
        };
        let (chunk, behind) = rest.split_at(length.min(rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}
