//! What parsers produce: sequences of literals and matches, cut into blocks.

use std::hint::select_unpredictable;

use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, EXTRA_OFFSET_BITS, LENGTH_SYMBOLS, MAX_MAIN_SYMBOLS, MIN_MATCH, NUM_LENGTH_HEADERS, NUM_LITERALS,
    RECENT_OFFSETS,
};
use crate::codec::price::{BIT, log2};

/// Length headers below this one stand for a length by themselves.
pub(super) const LONG_HEADER: usize = NUM_LENGTH_HEADERS - 1;
/// Offsets are coded with 2 added, so that 0, 1 and 2 can stand for the recent offsets.
pub(super) const OFFSET_ADJUSTMENT: u32 = RECENT_OFFSETS as u32 - 1;
/// The first slot whose lowest three extra bits the aligned offset code can code.
pub(super) const FIRST_ALIGNED_SLOT: usize = 8;

/// The slot of an adjusted offset.
///
/// Below 2^18 there are two slots for each power of two; from there on each slot spans 2^17.
#[inline(always)]
pub(super) fn offset_slot(adjusted: u32) -> usize {
    if adjusted < 4 {
        return adjusted as usize;
    }
    let order = adjusted.ilog2();
    (if order < 18 { 2 * order + (adjusted >> (order - 1) & 1) } else { 34 + (adjusted >> 17) }) as usize
}

/// More slots than offsets of up to 2^16 have, and a power of two, which spares checks.
pub(super) const MAX_NEAR_SLOTS: usize = 32;

/// The slot of an adjusted offset of at least 2 and less than 2^18.
#[inline(always)]
pub(super) fn near_offset_slot(adjusted: u32) -> usize {
    let order = (adjusted | 2).ilog2();
    (2 * order + (adjusted >> (order - 1) & 1)) as usize
}

/// A run of literals and the match behind it; a block's last run may have none: its length is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    pub(super) literals: u32,
    /// 0 to 2: the recent offset of that number; otherwise the offset plus [`OFFSET_ADJUSTMENT`].
    pub(super) adjusted: u32,
    pub(super) length: u16,
    pub(super) slot: u8,
}

impl Sequence {
    #[inline(always)]
    pub(super) fn new(literals: usize, length: usize, adjusted: u32) -> Self {
        Self { literals: literals as u32, adjusted, length: length as u16, slot: offset_slot(adjusted) as u8 }
    }

    /// A sequence with an adjusted offset of less than 2^18.
    #[inline(always)]
    pub(super) fn near(literals: usize, length: usize, adjusted: u32) -> Self {
        // Without a branch: whether an offset is recent is hard to predict.
        let slot = select_unpredictable(adjusted < 2, adjusted as u8, near_offset_slot(adjusted) as u8);
        Self { literals: literals as u32, adjusted, length: length as u16, slot }
    }

    /// The match's main symbol, and its length symbol if it needs one.
    #[inline(always)]
    pub(super) fn symbols(&self) -> (usize, Option<usize>) {
        let length = usize::from(self.length) - MIN_MATCH;
        let main = NUM_LITERALS + NUM_LENGTH_HEADERS * usize::from(self.slot) + length.min(LONG_HEADER);
        (main, length.checked_sub(LONG_HEADER))
    }

    /// The match's aligned offset symbol, if it would have one in an aligned block.
    #[inline(always)]
    pub(super) fn aligned_symbol(&self) -> Option<usize> {
        (usize::from(self.slot) >= FIRST_ALIGNED_SLOT).then_some(self.adjusted as usize % ALIGNED_SYMBOLS)
    }
}

/// The three recent offsets, 21 bits each, the newest lowest: copied at every position of a parse, so kept small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecentOffsets(u64);

const OFFSET_BITS: u32 = 21;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;
const ALL_MASK: u64 = (1 << (3 * OFFSET_BITS)) - 1;

impl RecentOffsets {
    /// As every chunk begins.
    pub(super) const INITIAL: Self = Self(1 << (2 * OFFSET_BITS) | 1 << OFFSET_BITS | 1);

    #[inline(always)]
    pub(super) fn get(self, index: usize) -> usize {
        (self.0 >> (OFFSET_BITS * index as u32) & OFFSET_MASK) as usize
    }

    /// The recent offsets after a match with the given adjusted offset.
    #[inline(always)]
    #[must_use]
    pub(super) fn after(self, adjusted: u32) -> Self {
        if adjusted == 1 || adjusted == 2 {
            let [r0, r1, r2] = [0, 1, 2].map(|index| self.get(index) as u64);
            let join = |r0, r1, r2| Self(r2 << (2 * OFFSET_BITS) | r1 << OFFSET_BITS | r0);
            return if adjusted == 1 { join(r1, r0, r2) } else { join(r2, r1, r0) };
        }
        // Without a branch: whether a step takes a new offset is hard to predict.
        let pushed = (self.0 << OFFSET_BITS & ALL_MASK) | u64::from(adjusted.wrapping_sub(OFFSET_ADJUSTMENT));
        Self(select_unpredictable(adjusted == 0, self.0, pushed))
    }
}

/// Sequences and block ends of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) sequences: Vec<Sequence>,
    pub(super) blocks: Vec<Block>,
}

/// A part of the data that has its own codes.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// In bytes.
    pub(super) size: usize,
    /// How many sequences it has.
    pub(super) sequences: usize,
    pub(super) frequencies: Frequencies,
}

impl Segment {
    pub(super) fn new(max_size: usize) -> Self {
        Self { sequences: Vec::with_capacity(Self::max_sequences(max_size)), blocks: Vec::new() }
    }

    const fn max_sequences(max_size: usize) -> usize {
        max_size / MIN_MATCH + 1
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_size: usize) -> usize {
        Self::max_sequences(max_size) * size_of::<Sequence>()
    }

    pub(super) fn clear(&mut self) {
        self.sequences.clear();
        self.blocks.clear();
    }

    /// Each block with its sequences.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (&Block, &[Sequence])> {
        let mut rest = &self.sequences[..];
        self.blocks.iter().map(move |block| {
            let (sequences, behind) = rest.split_at(block.sequences);
            rest = behind;
            (block, sequences)
        })
    }
}

/// How often each symbol occurs in a block.
#[derive(Clone, Debug)]
pub(super) struct Frequencies {
    pub(super) main: [u32; MAX_MAIN_SYMBOLS],
    pub(super) length: [u32; LENGTH_SYMBOLS],
    pub(super) aligned: [u32; ALIGNED_SYMBOLS],
}

impl Frequencies {
    pub(super) const ZERO: Self =
        Self { main: [0; MAX_MAIN_SYMBOLS], length: [0; LENGTH_SYMBOLS], aligned: [0; ALIGNED_SYMBOLS] };

    /// Counts the symbols of `data` as divided by `sequences`, and returns how many bytes those cover.
    pub(super) fn add(&mut self, data: &[u8], sequences: &[Sequence]) -> usize {
        let mut rest = data;
        for sequence in sequences {
            let (literals, behind) = rest.split_at(sequence.literals as usize);
            for &byte in literals {
                self.main[usize::from(byte)] += 1;
            }
            if sequence.length != 0 {
                let (main, length) = sequence.symbols();
                self.main[main] += 1;
                if let Some(length) = length {
                    self.length[length] += 1;
                }
                if let Some(aligned) = sequence.aligned_symbol() {
                    self.aligned[aligned] += 1;
                }
            }
            rest = &behind[usize::from(sequence.length)..];
        }
        data.len() - rest.len()
    }

    /// What the symbols take with the best codes, the codes' headers aside, in units of [`BIT`].
    pub(super) fn bits(&self) -> u64 {
        let coded = |frequencies: &[u32]| {
            let total = log2(frequencies.iter().sum::<u32>().max(1));
            let own = |&frequency: &u32| u64::from(frequency) * u64::from(total - log2(frequency.max(1)));
            frequencies.iter().map(own).sum::<u64>()
        };
        let slots = self.main[NUM_LITERALS..].chunks_exact(NUM_LENGTH_HEADERS).zip(EXTRA_OFFSET_BITS);
        let extra =
            slots.map(|(headers, extra)| u64::from(headers.iter().sum::<u32>()) * u64::from(extra)).sum::<u64>();
        let raw = u64::from(self.aligned.iter().sum::<u32>() * 3 * BIT);
        let aligned = raw.min(coded(&self.aligned) + u64::from(24 * BIT));
        coded(&self.main) + coded(&self.length) + extra * u64::from(BIT) - raw + aligned
    }

    /// Adds the short matches at new offsets that a lazy parse hardly takes, but a search for the cheapest way does: how
    /// often that is, given the next longer ones, was counted in mixed Windows files.
    pub(super) fn add_missed(&mut self) {
        /// Matches of two bytes for 16 of three that the lazy parse took, by slot.
        const PAIRS: [u32; 16] = [0, 0, 0, 8, 12, 10, 10, 10, 9, 9, 8, 8, 6, 6, 4, 3];
        /// Matches of three bytes for 16 that the lazy parse took: also of three, in the same slots.
        const TRIPLES: u32 = 21;
        /// Matches of three bytes for 16 of four, from slot 18 on, where the lazy parse takes none of three.
        const FAR_TRIPLES: [u32; 14] = [25, 25, 20, 17, 16, 14, 13, 12, 7, 4, 3, 1, 1, 1];
        let rows = self.main[NUM_LITERALS..].chunks_exact_mut(NUM_LENGTH_HEADERS);
        for (slot, row) in rows.enumerate().skip(RECENT_OFFSETS) {
            if let Some(pairs) = PAIRS.get(slot) {
                row[0] = (row[1] * pairs).div_ceil(16);
                row[1] = (row[1] * TRIPLES).div_ceil(16);
            } else if let Some(triples) = FAR_TRIPLES.get(slot.wrapping_sub(18)) {
                row[1] = (row[2] * triples).div_ceil(16);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::lzx::format::{MAX_OFFSET_SLOTS, OFFSET_SLOT_BASE};

    #[test]
    fn slots_agree_with_the_table_of_bases() {
        for slot in 3..MAX_OFFSET_SLOTS {
            assert_eq!(offset_slot((OFFSET_SLOT_BASE[slot] + 2) as u32), slot);
            assert_eq!(offset_slot((OFFSET_SLOT_BASE[slot + 1] + 1) as u32), slot);
        }
    }

    #[test]
    fn recent_offsets_are_swapped_not_rotated() {
        let recent = RecentOffsets::INITIAL.after(10 + 2).after(20 + 2).after(2_097_149 + 2);
        let all = |recent: RecentOffsets| [0, 1, 2].map(|index| recent.get(index));
        assert_eq!(all(recent), [2_097_149, 20, 10]);
        assert_eq!(all(recent.after(0)), [2_097_149, 20, 10]);
        assert_eq!(all(recent.after(1)), [20, 2_097_149, 10]);
        assert_eq!(all(recent.after(2)), [10, 20, 2_097_149]);
    }
}
