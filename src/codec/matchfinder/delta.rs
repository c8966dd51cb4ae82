//! A match finder for delta matches: places where the differences to the bytes a span before are the same.
//!
//! Tables of numbers, relocations, samples and pixels change by like amounts from element to element, though the bytes
//! themselves differ. With the span of the elements their differences match as bytes of text do. For each span there is a
//! small hash table of the latest places; distances are multiples of the span, so the hash includes the place within
//! the element.

use super::multi_hash::PADDING;
use super::prefetch::prefetch;

/// Spans are powers of two, below this one.
const POWERS: usize = 6;
/// The widest span. There are no matches before it.
const WIDEST_SPAN: usize = 1 << (POWERS - 1);
/// Differences that are hashed.
const HASHED: usize = 3;
/// Entries per table are no more than this power of two: all tables together then fit into caches of the third level.
const MAX_TABLE_LOG2: u32 = 16;
/// Entries per table are no fewer than this power of two.
const MIN_TABLE_LOG2: u32 = 8;
/// How many positions ahead of their use entries are fetched.
const FETCH_AHEAD: usize = 4;
/// Positions whose hashes are kept: more than [`FETCH_AHEAD`], a power of two.
const RING: usize = 8;

/// A delta match at the position searched: `raw_offset << power` bytes back, of differences over `1 << power` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeltaMatch {
    pub(crate) length: u32,
    pub(crate) raw_offset: u32,
    pub(crate) power: u8,
}

/// Something for each span, and to spare, so that a vector register is full.
type Lanes = [u32; 8];

/// Where the differences at a position belong.
#[derive(Clone, Copy, Debug)]
struct Place {
    pos: usize,
    /// The entries.
    slots: Lanes,
    /// What the entries have above the position: more bits of the hash.
    tags: Lanes,
}

impl Place {
    const NONE: Self = Self { pos: usize::MAX, slots: [0; 8], tags: [0; 8] };
}

/// The match finder.
#[derive(Debug)]
pub(crate) struct DeltaFinder {
    /// For each power, positions + 1, below as many bits of the hash as there is room for; 0 stands for none.
    tables: Vec<u32>,
    /// Entries per table, as a power of two.
    table_log2: u32,
    /// The lowest so many bits of an entry are its position.
    position_bits: u32,
    /// The places of the present and the next few positions, by position.
    ring: [Place; RING],
}

impl DeltaFinder {
    /// How many bytes a match finder occupies for data of this size.
    pub(crate) fn memory(data_len: usize) -> u64 {
        (POWERS as u64 * size_of::<u32>() as u64) << Self::table_log2(data_len)
    }

    /// Large tables find much in large chunks, but take time to be cleared for each small one.
    fn table_log2(data_len: usize) -> u32 {
        (data_len | 1).ilog2().saturating_sub(3).clamp(MIN_TABLE_LOG2, MAX_TABLE_LOG2)
    }

    pub(crate) fn new() -> Self {
        Self { tables: Vec::new(), table_log2: MIN_TABLE_LOG2, position_bits: 0, ring: [Place::NONE; RING] }
    }

    /// Begins with new data of `data_len` bytes.
    pub(crate) fn reset(&mut self, data_len: usize) {
        self.table_log2 = Self::table_log2(data_len);
        self.position_bits = (data_len + 1).ilog2() + 1;
        self.ring.fill(Place::NONE);
        self.tables.clear();
        self.tables.resize(POWERS << self.table_log2, 0);
    }

    /// Finds the latest match for each span, at most `max_length` long and longer than `min_length`, and remembers `pos`.
    /// Returns whether there was anything to compare with.
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
    ) -> bool {
        debug_assert!(pos + max_length + PADDING <= data.len());
        matches.clear();
        if pos < WIDEST_SPAN {
            return false;
        }
        let ahead = self.place(data, pos + FETCH_AHEAD);
        for &slot in &ahead.slots[..POWERS] {
            if let Some(entry) = self.tables.get(slot as usize) {
                prefetch(entry);
            }
        }
        self.ring[(pos + FETCH_AHEAD) % RING] = ahead;
        let mut here = self.ring[pos % RING];
        if here.pos != pos {
            here = self.place(data, pos);
        }
        // Most positions have no candidates. That is found out without a branch for each span.
        let mut candidates = [u32::MAX; 8];
        for (candidate, (slot, tag)) in candidates.iter_mut().zip(here.slots.into_iter().zip(here.tags)).take(POWERS) {
            let Some(entry) = self.tables.get_mut(slot as usize) else { return false };
            *candidate = std::mem::replace(entry, (pos as u32 + 1) | tag);
        }
        // A wrong tag leaves high bits, an empty entry nothing at best.
        let candidates: Lanes = std::array::from_fn(|power| (candidates[power] ^ here.tags[power]).wrapping_sub(1));
        if candidates.iter().all(|&candidate| candidate >= pos as u32) {
            return false;
        }
        for (power, candidate) in candidates.into_iter().take(POWERS).enumerate() {
            let span = 1 << power;
            let candidate = candidate as usize;
            if candidate >= pos || !(pos - candidate).is_multiple_of(span) {
                continue;
            }
            let offset = pos - candidate;
            let length = common_differences(data, pos, offset, span, max_length);
            if length > min_length {
                let raw_offset = (offset >> power) as u32;
                matches.push(DeltaMatch { length: length as u32, raw_offset, power: power as u8 });
            }
        }
        true
    }

    /// Hashes the differences at `pos` and the place within the span.
    #[inline(always)]
    fn place(&self, data: &[u8], pos: usize) -> Place {
        const HIGH: u32 = 0x8080_8080;
        const MULTIPLIER: u32 = 0x9E37_79B1;
        /// The widest stands for those to spare.
        const SPANS: [u32; 8] = [1, 2, 4, 8, 16, 32, 32, 32];
        let from = pos - WIDEST_SPAN;
        let bytes: &[u8; WIDEST_SPAN + 4] = data[from..].first_chunk().expect("the data is padded");
        let word = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().expect("a word is inside the bytes"));
        let here = word(WIDEST_SPAN);
        let before = SPANS.map(|span| word(WIDEST_SPAN - span as usize));
        let hashes: Lanes = std::array::from_fn(|power| {
            // As in `difference`.
            let differences = ((here | HIGH) - (before[power] & !HIGH)) ^ ((here ^ !before[power]) & HIGH);
            let place = pos as u32 & (SPANS[power] - 1);
            (differences << (32 - 8 * HASHED) | place).wrapping_mul(MULTIPLIER)
        });
        let (table_log2, position_bits) = (self.table_log2, self.position_bits);
        Place {
            pos,
            slots: std::array::from_fn(|power| (power as u32) << table_log2 | hashes[power] >> (32 - table_log2)),
            tags: hashes.map(|hash| hash << table_log2 >> position_bits << position_bits),
        }
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
        finder.reset(len);
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
