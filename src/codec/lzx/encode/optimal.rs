//! Near-optimal parsing: the cheapest way through all matches, under prices that are refined from parse to parse.
//!
//! The search goes forward: the cheapest arrival at each position is final when the search reaches it, and tries each
//! step from there: the literal, all lengths at the three recent offsets, all lengths of the matches found. Which
//! offsets are recent depends on the way; each position keeps those of its cheapest arrival. That is where it can miss
//! the true minimum.
//!
//! A rough lazy parse of the segment comes first. Its sequences decide where blocks end and give each block its first
//! prices; the search then runs block by block, the second and later times with the prices of its own last result.

use std::ops::Range;

use super::candidate::Candidate;
use super::prices::Prices;
use super::search::{Found, Search};
use super::sequence::{Frequencies, OFFSET_ADJUSTMENT, RecentOffsets, Segment, Sequence};
use super::source::{HandedOn, Lists, Source, Tree};
use super::split::Splitter;
use super::{Parser, SEGMENT_SIZE};
use crate::codec::Level;
use crate::codec::lzx::format::{MAX_MATCH, num_offset_slots};
use crate::codec::matchfinder::common::SearchLimits;
use crate::codec::matchfinder::handed_on::{Finder, Thrift};

/// How much each pass smooths the frequencies it takes its prices from.
const SMOOTHING: [u32; 5] = [3, 3, 1, 1, 1];

/// What the levels trade.
struct Tuning {
    /// A match or a repeat at least so long is taken at once.
    certain_length: usize,
    /// Searches for the cheapest way; if there are several, the first one is across the segment, the others in blocks.
    passes: usize,
    /// Pieces per 32 KiB from which blocks are joined.
    pieces: usize,
}

const fn tuning(level: Level, max_size: usize) -> Tuning {
    let (certain_length, passes, pieces) = match (level.get(), max_size) {
        (..=4, ..=SEGMENT_SIZE) => (32, 1, 16),
        (..=4, _) => (48, 1, 16),
        (5, ..=SEGMENT_SIZE) => (48, 1, 32),
        (5, _) => (MAX_MATCH, 1, 32),
        (6, _) => (MAX_MATCH, 2, 64),
        (7 | 8, _) => (MAX_MATCH, 3, 64),
        _ => (MAX_MATCH, 5, 64),
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

/// What finds the matches that are handed on.
type Quick = Finder<14, 2, 1, true>;
type Medium = Finder<15, 4, 2, true>;
type Strong = Finder<15, 8, 4, true>;

fn source(max_size: usize, level: Level) -> Box<dyn Source> {
    let thrift = |nice_length| Thrift { nice_length, stride: 1 };
    match (level.get(), max_size) {
        (..=4, ..=SEGMENT_SIZE) => Box::new(HandedOn::new(Quick::boxed(thrift(24)))),
        (5, ..=SEGMENT_SIZE) => Box::new(HandedOn::new(Medium::boxed(thrift(32)))),
        (6, ..=SEGMENT_SIZE) => Box::new(HandedOn::new(Strong::boxed(thrift(96)))),
        (_, ..=SEGMENT_SIZE) => Box::new(Tree::<u16>::new(max_size, limits(level))),
        _ => Box::new(Tree::<u32>::new(max_size, limits(level))),
    }
}

const fn source_memory(max_size: usize, level: Level) -> usize {
    match (level.get(), max_size) {
        (..=4, ..=SEGMENT_SIZE) => HandedOn::memory() + Quick::MEMORY,
        (5, ..=SEGMENT_SIZE) => HandedOn::memory() + Medium::MEMORY,
        (6, ..=SEGMENT_SIZE) => HandedOn::memory() + Strong::MEMORY,
        (_, ..=SEGMENT_SIZE) => Tree::<u16>::memory(max_size),
        _ => Tree::<u32>::memory(max_size),
    }
}

#[derive(Debug)]
pub(super) struct OptimalParser {
    source: Box<dyn Source>,
    lists: Lists,
    passes: usize,
    search: Search,
    prices: Prices,
    splitter: Splitter,
    num_slots: usize,
}

impl OptimalParser {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let Tuning { certain_length, passes, pieces } = tuning(level, max_size);
        let segment = max_size.min(SEGMENT_SIZE);
        Self {
            source: source(max_size, level),
            lists: Lists::new(segment),
            passes,
            search: Search::new(segment, certain_length),
            prices: Prices::new(),
            splitter: Splitter::new((pieces * segment) >> 15),
            num_slots: num_offset_slots(max_size.ilog2()),
        }
    }

    pub(super) const fn memory(max_size: usize, level: Level) -> usize {
        let segment = if max_size < SEGMENT_SIZE { max_size } else { SEGMENT_SIZE };
        source_memory(max_size, level)
            + Lists::memory(segment)
            + Search::memory(segment)
            + Prices::memory()
            + Splitter::memory((tuning(level, max_size).pieces * segment) >> 15)
            + size_of::<Self>()
    }
}

impl Parser for OptimalParser {
    fn reset(&mut self) {
        self.source.reset();
    }

    fn parse(&mut self, buffer: &[u8], range: Range<usize>, recent: &mut RecentOffsets, segment: &mut Segment) {
        self.source.find(buffer, range.clone(), &mut self.lists);
        let data = &buffer[range.clone()];
        let found = Found {
            short: &self.lists.short,
            matches: &self.lists.matches,
            begins: &self.lists.begins,
            buffer,
            segment_begin: range.start,
        };

        found.parse_roughly(data.len(), *recent, &mut segment.sequences);
        // The rough parse is a poor judge of block ends and prices: with time for more, a first search replaces it.
        let first_pass = usize::from(self.passes > 1);
        if first_pass != 0 {
            let mut frequencies = Frequencies::ZERO;
            frequencies.add(data, &segment.sequences);
            frequencies.add_missed();
            self.prices.learn(&frequencies, self.num_slots, SMOOTHING[0]);
            self.search.run(&found, 0..data.len(), *recent, &self.prices);
            segment.sequences.clear();
            self.search.follow(&mut segment.sequences);
        }
        let mut blocks: Vec<(usize, Frequencies)> = Vec::new();
        self.splitter.split(data, &segment.sequences, |size, _, frequencies| blocks.push((size, frequencies.clone())));

        segment.sequences.clear();
        let mut begin = 0;
        for (size, mut frequencies) in blocks {
            let first = segment.sequences.len();
            let block = begin..begin + size;
            let mut after = *recent;
            for (pass, &smoothing) in SMOOTHING.iter().enumerate().take(self.passes).skip(first_pass) {
                if pass != first_pass {
                    frequencies = Frequencies::ZERO;
                    frequencies.add(&data[block.clone()], &segment.sequences[first..]);
                    segment.sequences.truncate(first);
                }
                if pass == 0 {
                    frequencies.add_missed();
                }
                self.prices.learn(&frequencies, self.num_slots, smoothing);
                after = self.search.run(&found, block.clone(), *recent, &self.prices);
                self.search.follow(&mut segment.sequences);
            }
            *recent = after;
            segment.blocks.push((size, segment.sequences.len() - first));
            begin = block.end;
        }
    }
}

impl Found<'_> {
    /// Parses the whole segment lazily: just good enough to tell where blocks end and what symbols cost in them.
    fn parse_roughly(&self, end: usize, mut recent: RecentOffsets, sequences: &mut Vec<Sequence>) {
        let best_at = |position: usize, recent| {
            let max_length = MAX_MATCH.min(end - position);
            let mut best = Candidate::recent(self.buffer, self.segment_begin + position, max_length, recent);
            if let Some(found) = self.at(position).last() {
                best.consider(found.length().min(max_length) as u32, found.offset() + OFFSET_ADJUSTMENT);
            } else if self.short[position].triple != 0 && max_length >= 3 {
                best.consider(3, u32::from(self.short[position].triple) + OFFSET_ADJUSTMENT);
            }
            best
        };
        let (mut position, mut literals_from) = (0, 0);
        while position < end {
            let mut current = best_at(position, recent);
            if current.length == 0 {
                position += 1;
                continue;
            }
            while position + 1 < end {
                let next = best_at(position + 1, recent);
                if !next.is_worth_waiting_for(current) {
                    break;
                }
                position += 1;
                current = next;
            }
            sequences.push(Sequence::new(position - literals_from, current.length, current.adjusted));
            recent = recent.after(current.adjusted);
            position += current.length;
            literals_from = position;
        }
        if literals_from < end {
            sequences.push(Sequence::new(end - literals_from, 0, 0));
        }
    }
}
