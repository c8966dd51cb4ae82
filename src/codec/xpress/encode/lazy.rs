//! Lazy parsing: take the longest match, unless the next position has a clearly better one.

use super::MIN_MATCH;
use super::emit::Parse;
use crate::codec::Level;
use crate::codec::matchfinder::common::{Match, PADDING, SearchLimits};
use crate::codec::matchfinder::hash_chain::HashChain;

/// A match of three bytes farther than this costs more than three literals.
const MAX_SHORT_OFFSET: u32 = 1 << 11;

/// Literals in a row after which one more position is passed over at each step: what data that does not compress costs
/// against matches found late behind it.
const ACCELERATION_SHIFT: u32 = 8;

#[derive(Debug)]
pub(super) struct LazyParser {
    finder: HashChain<u16>,
    limits: SearchLimits,
    lazy: bool,
}

impl LazyParser {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let (depth, nice_length, lazy) = match level.get() {
            1 => (4, 24, false),
            2 => (5, 24, true),
            3 => (8, 32, true),
            4 => (14, 48, true),
            _ => (24, 64, true),
        };
        Self { finder: HashChain::new(max_size), limits: SearchLimits { depth, nice_length }, lazy }
    }

    pub(super) const fn memory(max_size: usize) -> usize {
        HashChain::<u16>::memory(max_size) + size_of::<Self>()
    }

    /// Parses the data in `buffer`, which is padded.
    pub(super) fn parse(&mut self, buffer: &[u8], parse: &mut Parse) {
        let end = buffer.len() - PADDING;
        let (finder, limits) = (&mut self.finder, self.limits);
        finder.reset();
        let (mut position, mut literals_from) = (0, 0);
        while position < end {
            let mut current = usable(finder.longest(buffer, position, end - position, 0, limits));
            let mut added = position + 1;
            if current.length == 0 {
                // The longer nothing matches, the less often it is worth looking.
                position = added + ((position - literals_from) >> ACCELERATION_SHIFT);
                continue;
            }
            while self.lazy && (current.length as usize) < limits.nice_length && added < end {
                let half = SearchLimits { depth: limits.depth / 2, ..limits };
                let next = usable(finder.longest(buffer, added, end - added, current.length as usize - 1, half));
                added += 1;
                if !is_better(next, current) {
                    break;
                }
                position += 1;
                current = next;
            }
            parse.push(position - literals_from, current.length as usize, current.offset as usize);
            position += current.length as usize;
            literals_from = position;
            finder.skip(buffer, added, position - added);
        }
        parse.finish(&buffer[..end], end - literals_from);
    }
}

/// Drops a match that costs more than its literals.
#[inline(always)]
fn usable(found: Match) -> Match {
    if found.length == MIN_MATCH as u32 && found.offset > MAX_SHORT_OFFSET { Match::default() } else { found }
}

/// Whether the match at the next position is worth a literal before it: a byte of length is worth about four bits.
#[inline(always)]
fn is_better(next: Match, current: Match) -> bool {
    if next.length == 0 {
        return false;
    }
    let nearer = current.offset.ilog2() as i32 - next.offset.ilog2() as i32;
    4 * (next.length as i32 - current.length as i32) + nearer > 2
}
