//! Matches of two and three bytes.
//!
//! They pay only when they are near, so the newest candidate is enough: one table by pairs of bytes, one by triples. It
//! cannot be predicted where there is a match; therefore nothing here branches.
#![allow(unsafe_code)]

use std::hint::select_unpredictable;
use std::ops::Range;

use super::common::{PADDING, hash};
use crate::codec::boxed::boxed_array;

pub(crate) const PAIR_BITS: u32 = 12;
const TRIPLE_BITS: u32 = 13;
/// A match of two bytes farther away than this never pays.
pub(crate) const MAX_PAIR_OFFSET: usize = 255;

/// The newest position, modulo 2^16, of each hash of two and of three bytes.
#[derive(Debug)]
pub(crate) struct ShortFinder {
    pairs: Box<[u16; 1 << PAIR_BITS]>,
    triples: Box<[u16; 1 << TRIPLE_BITS]>,
}

/// The offsets of the nearest matches of two and of three bytes; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShortMatches {
    pub(crate) pair: u16,
    pub(crate) triple: u16,
}

impl ShortFinder {
    pub(crate) fn new() -> Self {
        Self { pairs: boxed_array(0), triples: boxed_array(0) }
    }

    /// Bytes on the heap.
    pub(crate) const fn memory() -> usize {
        ((1 << PAIR_BITS) + (1 << TRIPLE_BITS)) * size_of::<u16>()
    }

    /// Forgets all positions.
    pub(crate) fn reset(&mut self) {
        self.pairs.fill(0);
        self.triples.fill(0);
    }

    /// Finds the matches of all positions of `range`. They may reach beyond the end of the data.
    ///
    /// # Panics
    /// If the buffer is not padded behind the range, or `found` has not the range's length.
    #[inline(never)]
    pub(crate) fn find(&mut self, buffer: &[u8], range: Range<usize>, found: &mut [ShortMatches]) {
        assert!(range.end + PADDING <= buffer.len() && found.len() == range.len());
        let load = |position: usize| {
            // SAFETY: `position` is at most one in the range, and padding follows that.
            unsafe { buffer.as_ptr().add(position).cast::<u32>().read_unaligned() }.to_le()
        };
        for (position, found) in range.zip(found) {
            let bytes = load(position);
            let pair = &mut self.pairs[hash::<PAIR_BITS>(bytes << 16)];
            let triple = &mut self.triples[hash::<TRIPLE_BITS>(bytes << 8)];
            // A stale or missing entry is as good as any other: the bytes decide.
            let [pair_offset, triple_offset] =
                [pair, triple].map(|newest| (position as u16).wrapping_sub(std::mem::replace(newest, position as u16)));
            let differs = |offset: u16| load(position - usize::from(offset).min(position)) ^ bytes;
            let is_pair =
                (differs(pair_offset) & 0xffff == 0) & (usize::from(pair_offset) <= position.min(MAX_PAIR_OFFSET));
            let is_triple = (differs(triple_offset) & 0xff_ffff == 0) & (usize::from(triple_offset) <= position);
            *found = ShortMatches {
                pair: select_unpredictable(is_pair, pair_offset, 0),
                triple: select_unpredictable(is_triple, triple_offset, 0),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The nearest earlier occurrence of `length` bytes, straight from the definition; 0 is none.
    fn nearest(data: &[u8], position: usize, length: usize, max_offset: usize) -> u16 {
        let bytes = |at: usize| &data[at..at + length];
        let offset = (1..=position.min(max_offset)).find(|offset| bytes(position - offset) == bytes(position));
        offset.unwrap_or(0) as u16
    }

    proptest! {
        /// Five letters make too few pairs and triples for two of them to share an entry.
        #[test]
        fn the_nearest_is_found(data in prop::collection::vec(0u8..5, 1..600), cut in 0usize..600) {
            let mut buffer = data.clone();
            buffer.resize(data.len() + PADDING, 9);
            let mut finder = ShortFinder::new();
            let mut found = vec![ShortMatches::default(); data.len()];
            let (first, second) = found.split_at_mut(cut.min(data.len()));
            finder.find(&buffer, 0..first.len(), first);
            finder.find(&buffer, first.len()..data.len(), second);
            for (position, found) in found.iter().enumerate() {
                prop_assert_eq!(found.pair, nearest(&buffer, position, 2, MAX_PAIR_OFFSET));
                prop_assert_eq!(found.triple, nearest(&buffer, position, 3, usize::MAX));
            }
        }

        /// Whatever shares an entry, and however far back: what is found is a match.
        #[test]
        fn what_is_found_is_there(seed in any::<u64>()) {
            let mut state = seed | 1;
            let mut buffer: Vec<u8> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 59) as u8
            }).take(150_000).collect();
            buffer.resize(150_000 + PADDING, 0);
            let mut found = vec![ShortMatches::default(); 150_000];
            ShortFinder::new().find(&buffer, 0..150_000, &mut found);
            for (position, found) in found.iter().enumerate() {
                for (length, offset) in [(2, found.pair), (3, found.triple)] {
                    let from = position - usize::from(offset);
                    prop_assert_eq!(&buffer[from..from + length], &buffer[position..position + length]);
                }
            }
        }
    }
}
