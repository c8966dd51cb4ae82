//! Lazy parsing: take the best match, unless the next position has a clearly better one.
//!
//! Matches are compared by a guess of the bits they save, with which a recent offset competes against a longer match
//! at a new one.

use std::ops::Range;

use super::sequence::{OFFSET_ADJUSTMENT, RecentOffsets, Segment, Sequence};
use super::split::Splitter;
use super::{Parser, SEGMENT_SIZE};
use crate::codec::Level;
use crate::codec::lzx::format::{MAX_MATCH, RECENT_OFFSETS};
use crate::codec::matchfinder::common::{Position, SearchLimits, extend, load_u16};
use crate::codec::matchfinder::hash_chain::HashChain;

/// What a byte of a match saves, in bits: a literal costs about that much.
const BITS_PER_BYTE: i32 = 5;
/// What a match costs besides its offset's logarithm.
const MATCH_BITS: i32 = 6;
/// What a match at a recent offset costs.
const RECENT_MATCH_BITS: i32 = 4;
/// The next position's match must save so many bits more to be worth waiting for.
const PATIENCE: i32 = 2;

#[derive(Debug)]
pub(super) struct LazyParser<P> {
    finder: HashChain<P>,
    limits: SearchLimits,
    lazy: bool,
    splitter: Splitter,
}

/// A match and what it saves; nothing if its length is 0.
#[derive(Clone, Copy)]
struct Candidate {
    length: usize,
    adjusted: u32,
    value: i32,
}

impl<P: Position> LazyParser<P> {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let (depth, nice_length, lazy, pieces) = match level.get() {
            1 => (6, 24, false, 1),
            2 => (10, 32, true, 2),
            _ => (24, 64, true, 4),
        };
        Self {
            finder: HashChain::new(max_size),
            limits: SearchLimits { depth, nice_length },
            lazy,
            splitter: Splitter::new(pieces * max_size.min(SEGMENT_SIZE) / (1 << 15)),
        }
    }

    pub(super) const fn memory(max_size: usize) -> usize {
        HashChain::<P>::memory(max_size) + size_of::<Self>() + Splitter::memory(8)
    }

    /// Adds the position and returns the best match there that is at least about `least` long.
    #[inline(always)]
    fn best(
        &mut self,
        buffer: &[u8],
        position: usize,
        max_length: usize,
        least: usize,
        depth: u32,
        recent: RecentOffsets,
    ) -> Candidate {
        let mut best = Candidate { length: 0, adjusted: 0, value: 0 };
        if max_length >= 2 {
            let bytes = load_u16(buffer, position);
            for index in 0..RECENT_OFFSETS {
                let offset = recent.get(index);
                if offset <= position && load_u16(buffer, position - offset) == bytes {
                    let length = extend(buffer, position - offset, position, 2, max_length);
                    let value = BITS_PER_BYTE * length as i32 - RECENT_MATCH_BITS;
                    if value > best.value {
                        best = Candidate { length, adjusted: index as u32, value };
                    }
                }
            }
        }
        let limits = SearchLimits { depth, ..self.limits };
        let found = self.finder.longest(buffer, position, max_length, best.length.max(least), limits);
        if found.length != 0 {
            let value = BITS_PER_BYTE * found.length as i32 - MATCH_BITS - found.offset.ilog2() as i32;
            if value > best.value {
                best = Candidate { length: found.length as usize, adjusted: found.offset + OFFSET_ADJUSTMENT, value };
            }
        }
        best
    }
}

impl<P: Position> Parser for LazyParser<P> {
    fn reset(&mut self) {
        self.finder.reset();
    }

    fn parse(&mut self, buffer: &[u8], range: Range<usize>, recent: &mut RecentOffsets, segment: &mut Segment) {
        let end = range.end;
        let (mut position, mut literals_from) = (range.start, range.start);
        while position < end {
            let mut current = self.best(buffer, position, MAX_MATCH.min(end - position), 0, self.limits.depth, *recent);
            let mut added = position + 1;
            if current.length == 0 {
                position = added;
                continue;
            }
            while self.lazy && current.length < self.limits.nice_length && added < end {
                let (max_length, least) = (MAX_MATCH.min(end - added), current.length - 1);
                let next = self.best(buffer, added, max_length, least, self.limits.depth / 2, *recent);
                added += 1;
                if next.value <= current.value + PATIENCE {
                    break;
                }
                position += 1;
                current = next;
            }
            segment.sequences.push(Sequence::new(position - literals_from, current.length, current.adjusted));
            *recent = recent.after(current.adjusted);
            position += current.length;
            literals_from = position;
            self.finder.skip(buffer, added, position - added);
        }
        if literals_from < end {
            segment.sequences.push(Sequence::new(end - literals_from, 0, 0));
        }
        let Segment { sequences, blocks } = segment;
        self.splitter.split(&buffer[range], sequences, |size, count, _| blocks.push((size, count)));
    }
}
