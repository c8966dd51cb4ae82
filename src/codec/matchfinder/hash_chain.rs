//! The hash chain match finder: for quick parsers that want one long match.
//!
//! Positions whose first four bytes hash alike form a chain, newest first; a search walks it and keeps the longest match.
//! A second table remembers the newest position for each hash of three bytes: a match of three pays only when it is
//! near, so one candidate is enough there.
//!
//! Two things make it quick. Before a candidate is compared in full, the four bytes that a better match must have at its
//! end are compared: most candidates fail there. And since chunks are small and stand alone, the tables hold plain
//! positions, 16 bits wide for chunks up to 64 KiB, and only the two hash tables are cleared for a new chunk: chain
//! links are reached through them alone.

use super::common::{Match, Position, SearchLimits, extend, hash, load_u32};
use crate::codec::boxed::boxed_array;

const HASH3_BITS: u32 = 12;
const HASH4_BITS: u32 = 15;
/// Matches shorter than this are not found.
pub(crate) const MIN_LENGTH: usize = 3;

/// The tables.
#[derive(Debug)]
pub(crate) struct HashChain<P> {
    head3: Box<[P; 1 << HASH3_BITS]>,
    head4: Box<[P; 1 << HASH4_BITS]>,
    next: Box<[P]>,
}

impl<P: Position> HashChain<P> {
    /// Tables for chunks of at most `max_size` bytes.
    pub(crate) fn new(max_size: usize) -> Self {
        Self {
            head3: boxed_array(P::NONE),
            head4: boxed_array(P::NONE),
            next: vec![P::NONE; max_size].into_boxed_slice(),
        }
    }

    /// Bytes the tables occupy.
    pub(crate) const fn memory(max_size: usize) -> usize {
        ((1 << HASH3_BITS) + (1 << HASH4_BITS) + max_size) * size_of::<P>()
    }

    /// Forgets all positions.
    pub(crate) fn reset(&mut self) {
        self.head3.fill(P::NONE);
        self.head4.fill(P::NONE);
    }

    /// Adds `position` and returns the longest match there that is longer than `best_length`, or length 0.
    ///
    /// `buffer` is padded; `max_length` is at most what is left of the data.
    #[inline(always)]
    pub(crate) fn longest(
        &mut self,
        buffer: &[u8],
        position: usize,
        max_length: usize,
        best_length: usize,
        limits: SearchLimits,
    ) -> Match {
        let bytes = load_u32(buffer, position);
        let hash3 = hash::<HASH3_BITS>(bytes << 8);
        let hash4 = hash::<HASH4_BITS>(bytes);
        let near = self.head3[hash3];
        let mut candidate = self.head4[hash4];
        self.head3[hash3] = P::new(position);
        self.head4[hash4] = P::new(position);
        self.next[position] = candidate;

        let mut best = Match::default();
        let mut best_length = best_length.max(MIN_LENGTH - 1);
        if best_length >= max_length {
            return best;
        }
        if best_length < MIN_LENGTH && near != P::NONE && (load_u32(buffer, near.get()) ^ bytes) << 8 == 0 {
            best = Match { length: MIN_LENGTH as u32, offset: (position - near.get()) as u32 };
        }
        best_length = best_length.max(MIN_LENGTH);
        let nice_length = limits.nice_length.min(max_length);
        if best_length >= nice_length {
            return best;
        }
        let mut tail = load_u32(buffer, position + best_length - 3);
        let mut depth = limits.depth;
        while candidate != P::NONE && depth != 0 {
            let at = candidate.get();
            if load_u32(buffer, at + best_length - 3) == tail && load_u32(buffer, at) == bytes {
                let length = extend(buffer, at, position, 4, max_length);
                if length > best_length {
                    best = Match { length: length as u32, offset: (position - at) as u32 };
                    if length >= nice_length {
                        break;
                    }
                    best_length = length;
                    tail = load_u32(buffer, position + best_length - 3);
                }
            }
            candidate = self.next[at];
            depth -= 1;
        }
        best
    }

    /// Adds `count` positions without searching.
    #[inline(always)]
    pub(crate) fn skip(&mut self, buffer: &[u8], position: usize, count: usize) {
        for position in position..position + count {
            let bytes = load_u32(buffer, position);
            self.head3[hash::<HASH3_BITS>(bytes << 8)] = P::new(position);
            let head = &mut self.head4[hash::<HASH4_BITS>(bytes)];
            self.next[position] = *head;
            *head = P::new(position);
        }
    }
}
