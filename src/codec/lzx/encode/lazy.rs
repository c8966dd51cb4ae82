//! Lazy parsing: take the best match, unless the next position has a clearly better one.
//!
//! Matches are compared by a guess of the bits they save, with which a recent offset competes against a longer match
//! at a new one.

use std::ops::Range;

use super::candidate::Candidate;
use super::sequence::{OFFSET_ADJUSTMENT, RecentOffsets, Segment, Sequence};
use super::split::Splitter;
use super::{Parser, SEGMENT_SIZE};
use crate::codec::Level;
use crate::codec::lzx::format::MAX_MATCH;
use crate::codec::matchfinder::common::{Position, SearchLimits};
use crate::codec::matchfinder::hash_chain::HashChain;

/// Literals in a row after which one more position is passed over at each step: what data that does not compress costs
/// against matches found late behind it.
const ACCELERATION_SHIFT: u32 = 8;

#[derive(Debug)]
pub(super) struct LazyParser<P> {
    finder: HashChain<P>,
    limits: SearchLimits,
    lazy: bool,
    splitter: Splitter,
}

impl<P: Position> LazyParser<P> {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let (depth, nice_length, lazy, pieces) = match level.get() {
            1 => (6, 24, false, 4),
            2 => (8, 24, true, 8),
            _ => (24, 64, true, 16),
        };
        Self {
            finder: HashChain::new(max_size),
            limits: SearchLimits { depth, nice_length },
            lazy,
            splitter: Splitter::new(pieces * max_size.min(SEGMENT_SIZE) / (1 << 15)),
        }
    }

    pub(super) const fn memory(max_size: usize) -> usize {
        HashChain::<P>::memory(max_size) + size_of::<Self>() + Splitter::memory(32)
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
        let mut best = Candidate::recent(buffer, position, max_length, recent);
        let limits = SearchLimits { depth, ..self.limits };
        let found = self.finder.longest(buffer, position, max_length, best.length.max(least), limits);
        best.consider(found.length, found.offset + OFFSET_ADJUSTMENT);
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
                // The longer nothing matches, the less often it is worth looking.
                position = added + ((position - literals_from) >> ACCELERATION_SHIFT);
                continue;
            }
            while self.lazy && current.length < self.limits.nice_length && added < end {
                let (max_length, least) = (MAX_MATCH.min(end - added), current.length - 1);
                let next = self.best(buffer, added, max_length, least, self.limits.depth / 2, *recent);
                added += 1;
                if !next.is_worth_waiting_for(current) {
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
        self.splitter.split(&buffer[range], sequences, blocks);
    }

    fn skip(&mut self, buffer: &[u8], range: Range<usize>) {
        self.finder.skip(buffer, range.start, range.len());
    }
}
