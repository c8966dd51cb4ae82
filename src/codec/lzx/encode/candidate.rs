//! Comparing matches without prices, by a guess of the bits they save.

use super::sequence::RecentOffsets;
use crate::codec::lzx::format::{MIN_MATCH, RECENT_OFFSETS};
use crate::codec::matchfinder::common::{extend, load_u16};

/// What a byte of a match saves, in bits: a literal costs about that much.
const BITS_PER_BYTE: i32 = 5;
/// What a match costs besides its offset's logarithm.
const MATCH_BITS: i32 = 6;
/// What a match at a recent offset costs.
const RECENT_MATCH_BITS: i32 = 4;
/// The next position's match must save so many bits more to be worth waiting for.
const PATIENCE: i32 = 2;

/// A match and what it saves; none if its length is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) length: usize,
    pub(super) adjusted: u32,
    value: i32,
}

impl Candidate {
    /// The best match at a recent offset.
    #[inline(always)]
    pub(super) fn recent(buffer: &[u8], position: usize, max_length: usize, recent: RecentOffsets) -> Self {
        let mut best = Self { length: 0, adjusted: 0, value: 0 };
        if max_length < MIN_MATCH {
            return best;
        }
        let bytes = load_u16(buffer, position);
        let offsets: [usize; RECENT_OFFSETS] = std::array::from_fn(|index| recent.get(index));
        let is_match =
            offsets.map(|offset| (load_u16(buffer, position - offset.min(position)) == bytes) & (offset <= position));
        // One branch for all: mostly none of them matches.
        if !(is_match[0] | is_match[1] | is_match[2]) {
            return best;
        }
        for (index, (is_match, offset)) in is_match.into_iter().zip(offsets).enumerate() {
            if is_match {
                let length = extend(buffer, position - offset, position, MIN_MATCH, max_length);
                let value = BITS_PER_BYTE * length as i32 - RECENT_MATCH_BITS;
                if value > best.value {
                    best = Self { length, adjusted: index as u32, value };
                }
            }
        }
        best
    }

    /// Takes another match, not at a recent offset, if that saves more.
    #[inline(always)]
    pub(super) fn consider(&mut self, length: u32, adjusted: u32) {
        let value = BITS_PER_BYTE * length as i32 - MATCH_BITS - adjusted.ilog2() as i32;
        if length != 0 && value > self.value {
            *self = Self { length: length as usize, adjusted, value };
        }
    }

    /// Whether this match is clearly better than `current`, which begins one position before.
    #[inline(always)]
    pub(super) fn is_worth_waiting_for(self, current: Self) -> bool {
        self.value > current.value + PATIENCE
    }
}
