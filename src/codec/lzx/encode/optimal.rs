//! Near-optimal parsing: the cheapest way through all matches, under prices that are refined from parse to parse.
//!
//! A lazy parse comes first; at the lowest levels it is the only one. Its sequences decide where blocks end and give each
//! block its first prices; the search for the cheapest way then runs block by block, the second and later times with the
//! prices of its own last result.

use std::mem::replace;
use std::ops::Range;

use super::search::large::LargeSearch;
use super::search::small::SmallSearch;
use super::search::{Part, Search};
use super::sequence::{Frequencies, RecentOffsets, Segment};
use super::split::Splitter;
use super::{Parser, SEGMENT_SIZE};
use crate::codec::Level;
use crate::codec::lzx::format::MAX_MATCH;
use crate::codec::matchfinder::common::SearchLimits;
use crate::codec::matchfinder::handed_on::{Finder, Thrift};

/// How much each pass smooths the frequencies it takes its prices from.
const SMOOTHING: [u32; MAX_PASSES] = [3, 3, 1, 1, 1, 1];
const MAX_PASSES: usize = 6;
/// Once a pass saves less than one of so many bits, the next one would save less still.
const LEAST_GAIN: u64 = 500;

/// What the levels trade.
struct Tuning {
    /// A match or a repeat at least so long is taken at once.
    certain_length: usize,
    /// Searches for the cheapest way, at most; if there are several, the first one is across the segment, the others in
    /// blocks.
    passes: usize,
    /// Pieces per 32 KiB from which blocks are joined.
    pieces: usize,
}

const fn tuning(level: Level, max_size: usize) -> Tuning {
    let (certain_length, passes, pieces) = match (level.get(), max_size) {
        (..=1, _) => (MAX_MATCH, 0, 1),
        (2 | 3, _) => (MAX_MATCH, 0, 4),
        (4, ..=SEGMENT_SIZE) => (24, 1, 8),
        (4, _) => (48, 1, 16),
        (5, ..=SEGMENT_SIZE) => (32, 1, 24),
        (5, _) => (MAX_MATCH, 1, 32),
        (6, ..=SEGMENT_SIZE) => (MAX_MATCH, 1, 32),
        (7, ..=SEGMENT_SIZE) | (6, _) => (MAX_MATCH, 2, 64),
        (7 | 8, _) => (MAX_MATCH, 3, 64),
        _ => (MAX_MATCH, MAX_PASSES, 64),
    };
    Tuning { certain_length, passes, pieces }
}

/// How far the tree is searched.
const fn limits(level: Level) -> SearchLimits {
    let (depth, nice_length) = match level.get() {
        ..=4 => (8, 24),
        5 => (16, 48),
        6 | 7 => (32, 96),
        8 => (64, 257),
        _ => (300, 257),
    };
    SearchLimits { depth, nice_length }
}

/// What finds the matches in small chunks. The lazy parse asks for the longest ones only.
type Faster = Finder<14, 1, 0, 0, false>;
type Fast = Finder<14, 0, 2, 0, false>;
type Quick = Finder<14, 0, 2, 1, true>;
type Medium = Finder<15, 0, 4, 2, true>;
type Strong = Finder<15, 0, 8, 4, true>;

fn search(max_size: usize, level: Level) -> Box<dyn Search> {
    let certain_length = tuning(level, max_size).certain_length;
    if max_size > SEGMENT_SIZE {
        return Box::new(LargeSearch::new(max_size, limits(level), certain_length));
    }
    let thrift = |nice_length| Thrift { nice_length, stride: 1 };
    let finder = match level.get() {
        1 | 2 => Faster::boxed(thrift(7)),
        3 => Fast::boxed(thrift(8)),
        4 => Quick::boxed(thrift(16)),
        5 => Quick::boxed(Thrift { nice_length: 32, stride: 2 }),
        6 => Medium::boxed(thrift(64)),
        7 | 8 => Strong::boxed(thrift(96)),
        _ => Strong::boxed(thrift(128)),
    };
    Box::new(SmallSearch::new(finder, max_size, certain_length))
}

const fn search_memory(max_size: usize, level: Level) -> usize {
    if max_size > SEGMENT_SIZE {
        return LargeSearch::memory(max_size);
    }
    let finder = match level.get() {
        1 | 2 => Faster::MEMORY,
        3 => Fast::MEMORY,
        4 | 5 => Quick::MEMORY,
        6 => Medium::MEMORY,
        _ => Strong::MEMORY,
    };
    SmallSearch::memory() + finder
}

#[derive(Debug)]
pub(super) struct OptimalParser {
    search: Box<dyn Search>,
    passes: usize,
    splitter: Splitter,
}

impl OptimalParser {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let Tuning { passes, pieces, .. } = tuning(level, max_size);
        let splitter = Splitter::new((pieces * max_size.min(SEGMENT_SIZE)) >> 15);
        Self { search: search(max_size, level), passes, splitter }
    }

    pub(super) const fn memory(max_size: usize, level: Level) -> usize {
        let segment = if max_size < SEGMENT_SIZE { max_size } else { SEGMENT_SIZE };
        size_of::<Self>()
            + search_memory(max_size, level)
            + Splitter::memory((tuning(level, max_size).pieces * segment) >> 15)
    }
}

impl Parser for OptimalParser {
    fn reset(&mut self) {
        self.search.reset();
    }

    fn parse(&mut self, buffer: &[u8], range: Range<usize>, recent: &mut RecentOffsets, segment: &mut Segment) {
        let data = &buffer[range.clone()];
        let part = Part { buffer, range };
        let Segment { sequences, blocks } = segment;
        self.search.find_matches(&part);
        let splitter = (self.passes <= 1).then_some(&mut self.splitter);
        let after = self.search.parse_lazily(&part, *recent, sequences, splitter);
        if self.passes == 0 {
            *recent = after;
            self.splitter.join(blocks);
            return;
        }
        // The lazy parse is a poor judge of block ends and prices: with time for more, a first search replaces it.
        let first_pass = usize::from(self.passes > 1);
        if first_pass != 0 {
            let mut frequencies = Frequencies::ZERO;
            frequencies.add(data, sequences);
            frequencies.add_missed();
            sequences.clear();
            self.search.find_cheapest(&part, 0..data.len(), *recent, &frequencies, SMOOTHING[0], sequences);
            self.splitter.cut(data, sequences);
        }
        self.splitter.join(blocks);

        sequences.clear();
        let mut begin = 0;
        for block in blocks {
            let first = sequences.len();
            let range = begin..begin + block.size;
            let (mut after, mut least) = (*recent, u64::MAX);
            for (pass, &smoothing) in SMOOTHING.iter().enumerate().take(self.passes).skip(first_pass) {
                if pass == 0 {
                    block.frequencies.add_missed();
                }
                sequences.truncate(first);
                let frequencies = &block.frequencies;
                after = self.search.find_cheapest(&part, range.clone(), *recent, frequencies, smoothing, sequences);
                block.frequencies = Frequencies::ZERO;
                block.frequencies.add(&data[range.clone()], &sequences[first..]);
                let bits = block.frequencies.bits();
                if bits + bits / LEAST_GAIN > replace(&mut least, bits) {
                    break;
                }
            }
            *recent = after;
            block.sequences = sequences.len() - first;
            begin = range.end;
        }
    }
    fn skip(&mut self, buffer: &[u8], range: Range<usize>) {
        for start in range.clone().step_by(SEGMENT_SIZE) {
            self.search.find_matches(&Part { buffer, range: start..range.end.min(start + SEGMENT_SIZE) });
        }
    }
}
