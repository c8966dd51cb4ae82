//! Finding matches for every position of a chunk.
//!
//! Most matches are part of longer ones. So the longest match of a position need not be found at that position; it is
//! enough to come upon each repeated stretch once, anywhere. From there it is handed on in both directions: each
//! position inherits what is left of its predecessor's match, and a match that goes on backwards is given to the
//! positions before, as far as they have nothing longer. A few candidates for each position then do the work of a long chain.
//!
//! - **Candidates** are the latest position with the same three bytes, and as a level has it one before, some of the latest with
//!   the same four and some with the same seven. The first is also kept by itself: what is nearest may be shorter, but its
//!   offset takes fewer bits.
//! - **One branch to mispredict**: if not even three bytes agree with the first candidate, there is nothing to compare.
//!   That candidate is looked up one position ahead, so that the branch does not wait for it. Otherwise all candidates
//!   are compared in sixteen bytes each, and the greatest of the numbers made of length and position is the longest
//!   match, and the nearest of that length. Few matches go on behind that.
//! - **No empty entries**: tables full of zeros say that everything was last seen at position 0. That is as good a candidate
//!   as any, since what tables say is compared anyway.
//! - **16 bits** for positions: all tables of the lower levels stay in the cache.

pub(crate) mod buffer;
mod window;

use std::mem::replace;

use self::buffer::{Buffer, MAX_SIZE};
use self::window::WINDOW;
use super::common::hash;
use crate::codec::boxed::boxed_array;
use crate::codec::processor::{self, Processor, Work};

/// Shortest match.
const MIN_MATCH: usize = 3;

/// Where a position's bytes have occurred before: the length above the position there. The greatest is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match(u32);

impl Match {
    /// Less than any match that the format can express, and not less than shorter ones.
    pub(crate) const NONE: Self = Self((MIN_MATCH as u32) << 16).minus_one();
    /// The least match that goes on behind what is compared at first.
    const WHOLE_WINDOW: Self = Self(WINDOW << 16);

    const fn minus_one(self) -> Self {
        Self(self.0 - 1)
    }

    #[inline(always)]
    fn new(length: u32, source: u16) -> Self {
        Self(length << 16 | u32::from(source))
    }

    /// Whether this is a match that the format can express.
    #[inline(always)]
    pub(crate) fn is_some(self) -> bool {
        self > Self::NONE
    }

    #[inline(always)]
    pub(crate) fn length(self) -> usize {
        (self.0 >> 16) as usize
    }

    #[inline(always)]
    fn source(self) -> u16 {
        self.0 as u16
    }

    /// The offset of a match at this position.
    #[inline(always)]
    pub(crate) fn offset(self, position: usize) -> usize {
        usize::from((position as u16).wrapping_sub(self.source()))
    }

    /// What is left of the match so many positions on.
    #[inline(always)]
    fn rest(self, positions: u32) -> Self {
        // With each it is one byte shorter, from one position on.
        let steps = positions * ((1 << 16) - 1);
        Self(self.0.max(Self::NONE.0 + steps) - steps)
    }

    /// The match at the position before, if that has the same byte as the one before the source.
    #[inline(always)]
    fn longer(self) -> Self {
        Self(self.0 + (1 << 16) - 1)
    }
}

/// The matches of each position.
#[derive(Debug)]
pub(crate) struct Matches {
    /// The longest match. Behind the chunk there are two more positions, without.
    pub(crate) longest: Box<[Match; MAX_SIZE + LOOKAHEAD]>,
    /// The nearest match, if it was asked for; of its length no more than [`WINDOW`] bytes are known.
    pub(crate) nearest: Box<[Match; MAX_SIZE]>,
}

/// How many positions ahead parsers look.
pub(crate) const LOOKAHEAD: usize = 2;

impl Matches {
    /// Bytes on the heap.
    pub(crate) const MEMORY: usize = size_of::<Match>() * (2 * MAX_SIZE + LOOKAHEAD);

    pub(crate) fn new() -> Self {
        Self { longest: boxed_array(Match::NONE), nearest: boxed_array(Match::NONE) }
    }
}

/// Finds matches.
pub(crate) trait FindMatches: Send + std::fmt::Debug {
    /// Finds the matches of the positions of a chunk of `size` bytes.
    fn find(&mut self, buffer: &Buffer, size: usize, matches: &mut Matches);
}

/// What is not looked into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thrift {
    /// Inside matches of at least this length no others are looked for.
    pub(crate) nice_length: usize,
    /// Only every so manieth position in them is remembered for later ones.
    pub(crate) stride: usize,
}

const SHORT_BITS: u32 = 13;
const LONG_BITS: u32 = 12;
/// Bytes at the end of a chunk for which no matches are looked up: where a window would show more than the chunk.
const TAIL: usize = WINDOW as usize;

/// The tables: the latest position and `OLDER` ones for hashes, `TRIPLE_BITS` wide, of three bytes; the `SHORT` latest for those of
/// four bytes; the `LONG` latest for those of seven.
#[derive(Debug)]
pub(crate) struct Finder<
    const TRIPLE_BITS: u32,
    const OLDER: usize,
    const SHORT: usize,
    const LONG: usize,
    const NEAREST: bool,
> {
    triples: Box<[(u16, [u16; OLDER])]>,
    short: Box<[[u16; SHORT]; 1 << SHORT_BITS]>,
    long: Box<[[u16; LONG]; 1 << LONG_BITS]>,
    thrift: Thrift,
}

impl<const TRIPLE_BITS: u32, const OLDER: usize, const SHORT: usize, const LONG: usize, const NEAREST: bool>
    Finder<TRIPLE_BITS, OLDER, SHORT, LONG, NEAREST>
{
    pub(crate) fn boxed(thrift: Thrift) -> Box<dyn FindMatches> {
        Box::new(Self {
            triples: vec![(0, [0; OLDER]); 1 << TRIPLE_BITS].into_boxed_slice(),
            short: boxed_array([0; SHORT]),
            long: boxed_array([0; LONG]),
            thrift,
        })
    }

    /// Bytes on the heap.
    pub(crate) const MEMORY: usize =
        size_of::<u16>() * (((1 + OLDER) << TRIPLE_BITS) + (SHORT << SHORT_BITS) + (LONG << LONG_BITS));
}

impl<const TRIPLE_BITS: u32, const OLDER: usize, const SHORT: usize, const LONG: usize, const NEAREST: bool> FindMatches
    for Finder<TRIPLE_BITS, OLDER, SHORT, LONG, NEAREST>
{
    fn find(&mut self, buffer: &Buffer, size: usize, matches: &mut Matches) {
        processor::run(Find { finder: self, buffer, size, matches });
    }
}

/// One chunk's search.
struct Find<'a, F> {
    finder: &'a mut F,
    buffer: &'a Buffer,
    size: usize,
    matches: &'a mut Matches,
}

impl<const TRIPLE_BITS: u32, const OLDER: usize, const SHORT: usize, const LONG: usize, const NEAREST: bool> Work
    for Find<'_, Finder<TRIPLE_BITS, OLDER, SHORT, LONG, NEAREST>>
{
    type Output = ();

    #[inline(always)]
    fn run<P: Processor>(self) {
        let Self { finder, buffer, size, matches } = self;
        let (longest, nearest) = (&mut *matches.longest, &mut *matches.nearest);
        let (short_table, long_table) = (&mut *finder.short, &mut *finder.long);
        let thrift = finder.thrift;
        let triples = &mut finder.triples[..1 << TRIPLE_BITS];
        triples.fill((0, [0; OLDER]));
        short_table.fill([0; SHORT]);
        long_table.fill([0; LONG]);
        longest[0] = Match::NONE;
        nearest[0] = Match::NONE;

        // Remembers a position; gives the latest one before with the same three bytes, in what it differs from them, and older
        // ones. In 32 bits each: narrower ones would be packed into one register from one position to the next, and unpacked.
        let mut latest = |position: usize| {
            let bytes = buffer.word(position) << 8;
            let (latest, older) = &mut triples[hash::<TRIPLE_BITS>(bytes)];
            let candidate = replace(latest, position as u16);
            let difference = buffer.word(candidate.into()) << 8 ^ bytes;
            (u32::from(candidate), difference, push(older, candidate.into()).map(u32::from))
        };
        let mut others = |position: usize| {
            let short = push(&mut short_table[hash::<SHORT_BITS>(buffer.word(position))], position);
            let long = if LONG == 0 {
                [0; LONG]
            } else {
                push(&mut long_table[hash_long::<LONG_BITS>(buffer.long_word(position) << 8)], position)
            };
            (short, long)
        };

        let mut inherited = Match::NONE;
        let mut next = 1;
        let mut ahead = latest(next);
        while next + TAIL < size {
            let position = next % MAX_SIZE;
            next += 1;
            let (near, difference, older) = replace(&mut ahead, latest(next));
            let (short, long) = others(position);
            let is_short_match =
                || LONG > 0 && short.first().is_some_and(|&latest| buffer.word(latest.into()) == buffer.word(position));
            if difference != 0 && !is_short_match() {
                longest[position] = inherited;
                if NEAREST {
                    nearest[position] = Match::NONE;
                }
                inherited = inherited.rest(1);
                continue;
            }

            let window = buffer.window(position);
            let compare = |source: u16| Match::new(window.common(buffer.window(source.into())), source);
            let (near, older) = (compare(near as u16), older.map(|source| compare(source as u16)));
            let (short, long) = (short.map(compare), long.map(compare));
            if NEAREST {
                nearest[position] = near;
            }
            let candidates = || older.into_iter().chain(short).chain(long).fold(near, Match::max);
            let mut best = candidates();
            if best >= Match::WHOLE_WINDOW {
                best = longest_of([near].iter().chain(&older).chain(&short).chain(&long), buffer, position, size);
            }
            if best <= inherited {
                longest[position] = inherited;
                inherited = inherited.rest(1);
                continue;
            }
            longest[position] = best;
            hand_back(buffer, position, best, longest);
            if best.length() < thrift.nice_length {
                inherited = best.rest(1);
                continue;
            }
            let end = position + best.length();
            hand_on(longest, next, end, best);
            if NEAREST {
                nearest[next..end].fill(Match::NONE);
            }
            // The first of them has been looked up already, and would find itself.
            others(next);
            next += thrift.stride;
            while next < end {
                latest(next);
                others(next);
                next += thrift.stride;
            }
            next = end;
            inherited = Match::NONE;
            ahead = latest(next);
        }
        for behind in &mut longest[next..size] {
            *behind = inherited;
            inherited = inherited.rest(1);
        }
        nearest[next..size].fill(Match::NONE);
        longest[size..size + LOOKAHEAD].fill(Match::NONE);
    }
}

/// Hashes eight bytes.
#[inline(always)]
fn hash_long<const BITS: u32>(bytes: u64) -> usize {
    (bytes.wrapping_mul(0x9E37_79B1_85EB_CA87) >> (64 - BITS)) as usize
}

/// Puts `position` in front of a row and returns what was in it.
#[inline(always)]
fn push<const WAYS: usize>(row: &mut [u16; WAYS], position: usize) -> [u16; WAYS] {
    let before = *row;
    if let Some((first, others)) = row.split_first_mut() {
        *first = position as u16;
        others.copy_from_slice(&before[..WAYS - 1]);
    }
    before
}

/// The longest of several matches, some of which may go on.
#[inline(never)]
fn longest_of<'a>(candidates: impl Iterator<Item = &'a Match>, buffer: &Buffer, position: usize, size: usize) -> Match {
    let mut best = Match::NONE;
    let mut extended = None;
    for &candidate in candidates {
        // Several tables often have the same candidate.
        if candidate >= Match::WHOLE_WINDOW && extended != Some(candidate) {
            extended = Some(candidate);
            let source = candidate.source();
            let length = buffer.extend(source.into(), position, candidate.length(), size - position);
            best = best.max(Match::new(length as u32, source));
        } else {
            best = best.max(candidate);
        }
    }
    best
}

/// Positions that a match is handed on to side by side.
const HANDED_ON: usize = 8;

/// Gives a match to the positions inside it, from `first` to before `end`. Some behind `end` get something, too: it is not yet
/// their turn. Most matches have one eight of positions, or two, so that the loop's end can be predicted.
#[inline(always)]
fn hand_on(longest: &mut [Match; MAX_SIZE + LOOKAHEAD], first: usize, end: usize, found: Match) {
    let (mut at, mut before) = (first, found);
    while at < end && at + HANDED_ON <= longest.len() {
        let Some(eight) = longest[at..].first_chunk_mut::<HANDED_ON>() else { break };
        for (own, positions) in eight.iter_mut().zip(1..) {
            *own = before.rest(positions);
        }
        before = eight[HANDED_ON - 1];
        at += HANDED_ON;
    }
    while at < end {
        before = before.rest(1);
        longest[at] = before;
        at += 1;
    }
}

/// Gives a match that goes on backwards to the positions before that have none as long.
#[inline(always)]
fn hand_back(buffer: &Buffer, mut position: usize, mut found: Match, longest: &mut [Match; MAX_SIZE + LOOKAHEAD]) {
    while found.source() != 0
        && longest[position - 1].length() <= found.length()
        && buffer.byte(position - 1) == buffer.byte(usize::from(found.source()) - 1)
    {
        position -= 1;
        found = found.longer();
        longest[position] = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_position_inside_a_match_gets_what_is_left_of_it() {
        let mut longest = boxed_array(Match::NONE);
        for first in [1, 100, longest.len() - 30] {
            for length in 2..31 {
                let found = Match::new(length, 7);
                hand_on(&mut longest, first, first + length as usize - 1, found);
                let mut rest = found;
                for (position, own) in longest[first..].iter().enumerate().take(length as usize - 1) {
                    rest = rest.rest(1);
                    assert_eq!(*own, rest, "{length} bytes from {first}, {position} further");
                }
            }
        }
    }
}
