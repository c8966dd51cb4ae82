//! A match finder for delta matches: places where the differences to the bytes a span before are the same.
//!
//! Tables of numbers, relocations, samples and pixels change by like amounts from element to element, though the bytes
//! themselves differ. With the span of the elements their differences match as bytes of text do. For each span there is a
//! small hash table of the latest places; distances are multiples of the span, so the hash includes the place within
//! the element.

use super::multi_hash::PADDING;

/// Spans are powers of two, to this exponent.
const POWERS: u8 = 6;
/// Differences that are hashed.
const HASHED: u32 = 3;
/// Entries per table, as a power of two.
const TABLE_LOG2: u32 = 14;

/// A delta match at the position searched: `raw_offset << power` bytes back, of differences over `1 << power` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeltaMatch {
    pub(crate) length: u32,
    pub(crate) raw_offset: u32,
    pub(crate) power: u8,
}

/// The match finder.
#[derive(Debug)]
pub(crate) struct DeltaFinder {
    /// For each power, positions + 1; 0 stands for none.
    tables: Vec<u32>,
}

impl DeltaFinder {
    /// How many bytes a match finder occupies.
    pub(crate) const MEMORY: u64 = (POWERS as u64 * size_of::<u32>() as u64) << TABLE_LOG2;

    pub(crate) fn new() -> Self {
        Self { tables: Vec::new() }
    }

    /// Begins with new data.
    pub(crate) fn reset(&mut self) {
        self.tables.clear();
        self.tables.resize(usize::from(POWERS) << TABLE_LOG2, 0);
    }

    /// Finds the latest match for each span, at most `max_length` long and longer than `min_length`, and remembers `pos`.
    ///
    /// `data` ends with [`PADDING`] bytes, which is why `max_length` is needed.
    #[inline(always)]
    pub(crate) fn find(
        &mut self,
        data: &[u8],
        pos: usize,
        min_length: usize,
        max_length: usize,
        matches: &mut Vec<DeltaMatch>,
    ) {
        debug_assert!(pos + max_length + PADDING <= data.len());
        matches.clear();
        for power in 0..POWERS {
            let span = 1 << power;
            if pos < span {
                break;
            }
            let differences = difference(data, pos, span);
            let slot = self.slot(differences, pos, power);
            let candidate = std::mem::replace(&mut self.tables[slot], pos as u32 + 1) as usize;
            let Some(candidate) = candidate.checked_sub(1) else { continue };
            let offset = pos - candidate;
            if !offset.is_multiple_of(span)
                || (difference(data, candidate, span) ^ differences) << (64 - 8 * HASHED) != 0
            {
                continue;
            }
            let length = common_differences(data, pos, offset, span, max_length);
            if length > min_length {
                matches.push(DeltaMatch { length: length as u32, raw_offset: (offset >> power) as u32, power });
            }
        }
    }

    #[inline(always)]
    fn slot(&self, differences: u64, pos: usize, power: u8) -> usize {
        let place = pos as u64 & ((1 << power) - 1);
        let key = (differences << (64 - 8 * HASHED)) ^ place << 16;
        let hash = key.wrapping_mul(0x9E37_79B1_85EB_CA87) >> (64 - TABLE_LOG2);
        usize::from(power) << TABLE_LOG2 | hash as usize
    }
}

/// The differences of the 8 bytes from `pos` on to those `span` bytes before.
#[inline(always)]
fn difference(data: &[u8], pos: usize, span: usize) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let word = |at: usize| u64::from_le_bytes(*data[at..].first_chunk().expect("the data is padded"));
    let (a, b) = (word(pos), word(pos - span));
    // Bytewise subtraction: no borrow leaves a byte whose high bit was set, and that bit is mended afterwards.
    ((a | HIGH) - (b & !HIGH)) ^ ((a ^ !b) & HIGH)
}

/// How many differences over `span` from `pos` on are those of `offset` bytes before, at most `max_length`.
#[inline(always)]
pub(crate) fn common_differences(data: &[u8], pos: usize, offset: usize, span: usize, max_length: usize) -> usize {
    let mut length = 0;
    while length < max_length {
        let unlike = difference(data, pos + length, span) ^ difference(data, pos + length - offset, span);
        if unlike != 0 {
            return (length + (unlike.trailing_zeros() / 8) as usize).min(max_length);
        }
        length += 8;
    }
    max_length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_match_at_their_span() {
        let mut data: Vec<u8> = (0..100u32).flat_map(|i| (i * 1000).to_le_bytes()).collect();
        let len = data.len();
        data.resize(len + PADDING, 0);
        let mut finder = DeltaFinder::new();
        finder.reset();
        let mut matches = Vec::new();
        for pos in 0..len {
            finder.find(&data, pos, 2, len - pos, &mut matches);
            for &DeltaMatch { length, raw_offset, power } in &matches {
                let (span, offset) = (1 << power, (raw_offset as usize) << power);
                for q in pos..pos + length as usize {
                    let expected = data[q - offset].wrapping_add(data[q - span]).wrapping_sub(data[q - offset - span]);
                    assert_eq!(data[q], expected);
                }
            }
            if pos == 200 {
                assert!(matches.iter().any(|found| found.power == 2));
            }
        }
    }
}
