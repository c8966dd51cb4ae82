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
use super::search::{Found, Search, Step};
use super::sequence::{Frequencies, OFFSET_ADJUSTMENT, RecentOffsets, Segment, Sequence};
use super::split::Splitter;
use super::{Parser, SEGMENT_SIZE};
use crate::codec::Level;
use crate::codec::lzx::format::{MAX_MATCH, num_offset_slots};
use crate::codec::matchfinder::binary_tree::{BinaryTree, PackedMatch};
use crate::codec::matchfinder::common::{Position, SearchLimits};
use crate::codec::matchfinder::short::{ShortFinder, ShortMatches};

/// Matches kept for one position, on average; if a segment has more, its last positions go without.
const MATCHES_PER_POSITION: usize = 8;
/// How much each pass smooths the frequencies it takes its prices from.
const SMOOTHING: [u32; 5] = [3, 3, 1, 1, 1];

/// What the levels trade.
struct Tuning {
    limits: SearchLimits,
    /// A match or a repeat at least so long is taken at once.
    certain_length: usize,
    /// Searches for the cheapest way; if there are several, the first one is across the segment, the others in blocks.
    passes: usize,
    /// Pieces per 32 KiB from which blocks are joined.
    pieces: usize,
}

const fn tuning(level: Level) -> Tuning {
    let (depth, nice_length, certain_length, passes, pieces) = match level.get() {
        ..=4 => (8, 24, 48, 1, 16),
        5 => (16, 48, MAX_MATCH, 1, 32),
        6 => (32, 96, MAX_MATCH, 2, 64),
        7 => (32, 96, MAX_MATCH, 3, 64),
        8 => (64, 257, MAX_MATCH, 3, 64),
        _ => (300, 257, MAX_MATCH, 5, 64),
    };
    Tuning { limits: SearchLimits { depth, nice_length }, certain_length, passes, pieces }
}

#[derive(Debug)]
pub(super) struct OptimalParser<P> {
    finder: BinaryTree<P>,
    short_finder: ShortFinder,
    short: Vec<ShortMatches>,
    limits: SearchLimits,
    passes: usize,
    /// All matches of the segment, by position, each position's by growing length.
    matches: Vec<PackedMatch>,
    /// Where each position's matches begin, with the end of the last behind.
    begins: Vec<u32>,
    search: Search,
    prices: Prices,
    splitter: Splitter,
    num_slots: usize,
}

impl<P: Position> OptimalParser<P> {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let Tuning { limits, certain_length, passes, pieces } = tuning(level);
        let segment = max_size.min(SEGMENT_SIZE);
        Self {
            short_finder: ShortFinder::new(),
            short: vec![ShortMatches::default(); segment],
            finder: BinaryTree::new(max_size),
            limits,
            passes,
            matches: vec![PackedMatch::default(); MATCHES_PER_POSITION * segment],
            begins: vec![0; segment + 1],
            search: Search::new(segment, certain_length),
            prices: Prices::new(),
            splitter: Splitter::new((pieces * segment) >> 15),
            num_slots: num_offset_slots(max_size.ilog2()),
        }
    }

    pub(super) fn memory(max_size: usize, level: Level) -> usize {
        let segment = if max_size < SEGMENT_SIZE { max_size } else { SEGMENT_SIZE };
        let per_position = (MATCHES_PER_POSITION + 2) * size_of::<Step>();
        BinaryTree::<P>::memory(max_size)
            + ShortFinder::memory()
            + segment * per_position
            + Search::memory(segment)
            + Prices::memory()
            + Splitter::memory((tuning(level).pieces * segment) >> 15)
            + size_of::<Self>()
    }

    #[inline(never)]
    fn find_matches(&mut self, buffer: &[u8], range: Range<usize>) {
        self.short_finder.find(buffer, range.clone(), &mut self.short[..range.len()]);
        self.finder.find_long(buffer, range, MAX_MATCH, self.limits, &mut self.begins, &mut self.matches);
    }
}

impl<P: Position> Parser for OptimalParser<P> {
    fn reset(&mut self) {
        self.finder.reset();
        self.short_finder.reset();
    }

    fn parse(&mut self, buffer: &[u8], range: Range<usize>, recent: &mut RecentOffsets, segment: &mut Segment) {
        self.find_matches(buffer, range.clone());
        let data = &buffer[range.clone()];
        let found = Found {
            short: &self.short,
            matches: &self.matches,
            begins: &self.begins,
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
