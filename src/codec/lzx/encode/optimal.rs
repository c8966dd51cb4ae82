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
use super::prices::{NUM_LENGTHS, Prices};
use super::sequence::{
    FIRST_ALIGNED_SLOT, Frequencies, OFFSET_ADJUSTMENT, RecentOffsets, Segment, Sequence, offset_slot,
};
use super::split::Splitter;
use super::{Parser, SEGMENT_SIZE};
use crate::codec::Level;
use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, MAX_MATCH, MAX_OFFSET_SLOTS, MIN_MATCH, RECENT_OFFSETS, num_offset_slots,
};
use crate::codec::matchfinder::common::{MatchFinder, PADDING, SearchLimits, extend, load_u16};

/// A step of the parse, or a match found: the length above, the adjusted offset below. A literal is length 1, offset 0.
type Step = u32;
const LENGTH_SHIFT: u32 = 21;
const ADJUSTED_MASK: u32 = (1 << LENGTH_SHIFT) - 1;
const LITERAL: Step = 1 << LENGTH_SHIFT;

/// Matches kept for one position, on average; if a segment has more, its last positions go without.
const MATCHES_PER_POSITION: usize = 8;
/// By length: farther matches cost more than their literals, but for rare cases.
const MAX_OFFSETS: [u32; 4] = [0, 0, 1 << 8, 1 << 12];
/// How much each pass smooths the previous one's frequencies.
const SMOOTHING: [u32; 5] = [10, 4, 1, 1, 1];

/// Search depth, nice length, passes (the last ones within blocks, the first of several across the segment), and the
/// pieces per 32 KiB from which blocks are joined.
const fn tuning(level: Level) -> (u32, usize, usize, usize) {
    match level.get() {
        ..=4 => (8, 24, 1, 8),
        5 => (16, 48, 1, 8),
        6 => (16, 64, 2, 16),
        7 => (32, 96, 3, 16),
        8 => (80, 128, 4, 16),
        _ => (300, 257, 5, 16),
    }
}

#[derive(Debug)]
pub(super) struct OptimalParser<F> {
    finder: F,
    limits: SearchLimits,
    passes: usize,
    /// All matches of the segment, by position, each position's by growing length.
    matches: Vec<Step>,
    /// Where each position's matches begin, with the end of the last behind.
    begins: Vec<u32>,
    search: Search,
    prices: Prices,
    splitter: Splitter,
    num_slots: usize,
}

/// The state of the search, by position in the segment.
#[derive(Debug)]
struct Search {
    /// The cheapest arrival.
    nodes: Vec<Node>,
    /// The recent offsets of the cheapest way.
    recent: Vec<RecentOffsets>,
    /// The steps of the finished search, the last first.
    path: Vec<Step>,
    /// A step at least so long is taken at once.
    nice_length: usize,
}

/// An arrival: the cost from the beginning of the block above, the last step below. The cheaper of two arrivals is so
/// the lesser number, which spares a branch that nothing could predict.
type Node = u64;
const COST_SHIFT: u32 = 32;

impl<F: MatchFinder> OptimalParser<F> {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let (depth, nice_length, passes, pieces) = tuning(level);
        let segment = max_size.min(SEGMENT_SIZE);
        Self {
            finder: F::new(max_size, MIN_MATCH),
            limits: SearchLimits { depth, nice_length },
            passes,
            matches: Vec::with_capacity(MATCHES_PER_POSITION * segment),
            begins: Vec::with_capacity(segment + 1),
            search: Search {
                nodes: vec![0; segment + 1],
                recent: vec![RecentOffsets::INITIAL; segment + 1],
                path: Vec::with_capacity(segment),
                nice_length,
            },
            prices: Prices::new(),
            splitter: Splitter::new((pieces * segment) >> 15),
            num_slots: num_offset_slots(max_size.ilog2()),
        }
    }

    pub(super) fn memory(max_size: usize, level: Level) -> usize {
        let segment = if max_size < SEGMENT_SIZE { max_size } else { SEGMENT_SIZE };
        let per_position =
            (MATCHES_PER_POSITION + 2) * size_of::<Step>() + size_of::<Node>() + size_of::<RecentOffsets>();
        F::memory(max_size, MIN_MATCH)
            + segment * per_position
            + Prices::memory()
            + Splitter::memory((tuning(level).3 * segment) >> 15)
            + size_of::<Self>()
    }

    #[inline(never)]
    fn find_matches(&mut self, buffer: &[u8], range: Range<usize>) {
        self.matches.clear();
        self.begins.clear();
        let end = buffer.len() - PADDING;
        let most = self.matches.capacity();
        // The end of the last match that was long enough to leave nothing to gain inside it.
        let mut covered = 0;
        for position in range {
            let begin = self.matches.len();
            self.begins.push(begin as u32);
            // Up to the end of the chunk, not of the segment: the tree must order all positions by the same length.
            let max_length = MAX_MATCH.min(end - position);
            if position < covered || begin + self.limits.depth as usize + 2 > most {
                self.finder.skip(buffer, position, max_length, self.limits);
                continue;
            }
            let matches = &mut self.matches;
            self.finder.find(buffer, position, max_length, self.limits, |found| {
                if found.length > 3 || found.offset <= MAX_OFFSETS[found.length as usize] {
                    matches.push(found.length << LENGTH_SHIFT | (found.offset + OFFSET_ADJUSTMENT));
                }
            });
            if let Some(last) = self.matches[begin..].last() {
                let length = (last >> LENGTH_SHIFT) as usize;
                if length >= self.limits.nice_length {
                    covered = position + length;
                }
            }
        }
        self.begins.push(self.matches.len() as u32);
    }
}

impl<F: MatchFinder> Parser for OptimalParser<F> {
    fn reset(&mut self) {
        self.finder.reset();
    }

    fn parse(&mut self, buffer: &[u8], range: Range<usize>, recent: &mut RecentOffsets, segment: &mut Segment) {
        self.find_matches(buffer, range.clone());
        let data = &buffer[range.clone()];
        let found = Found { matches: &self.matches, begins: &self.begins, buffer, segment_begin: range.start };

        found.parse_roughly(data.len(), *recent, &mut segment.sequences);
        // The rough parse is a poor judge of block ends and prices: with time for more, a first search replaces it.
        let first_pass = usize::from(self.passes > 1);
        if first_pass != 0 {
            let mut frequencies = Frequencies::ZERO;
            frequencies.add(data, &segment.sequences);
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
            for (pass, &smoothing) in SMOOTHING.iter().enumerate().take(self.passes).skip(first_pass) {
                if pass != first_pass {
                    frequencies = Frequencies::ZERO;
                    frequencies.add(&data[block.clone()], &segment.sequences[first..]);
                    segment.sequences.truncate(first);
                }
                self.prices.learn(&frequencies, self.num_slots, smoothing);
                self.search.run(&found, block.clone(), *recent, &self.prices);
                self.search.follow(&mut segment.sequences);
            }
            *recent = self.search.recent[block.end];
            segment.blocks.push((size, segment.sequences.len() - first));
            begin = block.end;
        }
    }
}

/// The matches of a segment, and the data.
struct Found<'a> {
    matches: &'a [Step],
    begins: &'a [u32],
    buffer: &'a [u8],
    segment_begin: usize,
}

impl Found<'_> {
    /// The matches at a position, as `Step`s.
    #[inline(always)]
    fn at(&self, position: usize) -> &[Step] {
        &self.matches[self.begins[position] as usize..self.begins[position + 1] as usize]
    }

    /// Parses the whole segment lazily: just good enough to tell where blocks end and what symbols cost in them.
    fn parse_roughly(&self, end: usize, mut recent: RecentOffsets, sequences: &mut Vec<Sequence>) {
        let best_at = |position: usize, recent| {
            let max_length = MAX_MATCH.min(end - position);
            let mut best = Candidate::recent(self.buffer, self.segment_begin + position, max_length, recent);
            if let Some(&step) = self.at(position).last() {
                best.consider((step >> LENGTH_SHIFT).min(max_length as u32), step & ADJUSTED_MASK);
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

impl Search {
    /// Finds the cheapest way through the bytes `block` of the segment.
    fn run(&mut self, found: &Found<'_>, block: Range<usize>, recent: RecentOffsets, prices: &Prices) {
        let end = block.end;
        self.path.clear();
        self.nodes[block.start] = 0;
        self.nodes[block.start + 1..=end].fill(Node::MAX);
        self.recent[block.start] = recent;
        let mut position = block.start;
        while position < end {
            if position != block.start {
                self.arrive(position);
            }
            position += self.step(found, position, end, prices);
        }
        self.arrive(end);

        let mut position = end;
        while position > block.start {
            let step = self.nodes[position] as Step;
            self.path.push(step);
            position -= (step >> LENGTH_SHIFT) as usize;
        }
    }

    /// Settles the recent offsets of the cheapest way to `position`.
    #[inline(always)]
    fn arrive(&mut self, position: usize) {
        let step = self.nodes[position] as Step;
        let from = self.recent[position - (step >> LENGTH_SHIFT) as usize];
        self.recent[position] = if step == LITERAL { from } else { from.after(step & ADJUSTED_MASK) };
    }

    /// Tries all steps from `position`; returns how far the next position to step from is.
    #[inline(always)]
    fn step(&mut self, found: &Found<'_>, position: usize, end: usize, prices: &Prices) -> usize {
        let at = found.segment_begin + position;
        let recent = self.recent[position];
        let nodes = &mut self.nodes[position..=end.min(position + MAX_MATCH)];
        let cost = nodes[0] >> COST_SHIFT;
        let literal = cost + u64::from(prices.literals[usize::from(found.buffer[at])]);
        nodes[1] = nodes[1].min(literal << COST_SHIFT | Node::from(LITERAL));
        let max_length = nodes.len() - 1;
        if max_length < MIN_MATCH {
            return 1;
        }

        let bytes = load_u16(found.buffer, at);
        // One branch for all three: mostly none of them matches.
        let is_match = |offset| offset <= at && load_u16(found.buffer, at - offset) == bytes;
        let recent: [usize; RECENT_OFFSETS] = std::array::from_fn(|index| recent.get(index));
        // A length that one match offers is tried with no match behind it: recent offsets come first, being cheap, then
        // the nearer ones.
        let mut shortest = MIN_MATCH;
        if recent.iter().fold(false, |any, &offset| any | is_match(offset)) {
            for (index, &offset) in recent.iter().enumerate() {
                if !is_match(offset) {
                    continue;
                }
                let length = extend(found.buffer, at - offset, at, MIN_MATCH, max_length);
                if length < shortest {
                    continue;
                }
                relax(nodes, shortest, length, cost, index as u32, &prices.matches[index]);
                if length >= self.nice_length {
                    return length;
                }
                shortest = length + 1;
            }
        }
        for &step in found.at(position) {
            let length = ((step >> LENGTH_SHIFT) as usize).min(max_length);
            if length < shortest {
                continue;
            }
            let adjusted = step & ADJUSTED_MASK;
            let slot = offset_slot(adjusted);
            let low_bits =
                if slot >= FIRST_ALIGNED_SLOT { prices.aligned[adjusted as usize % ALIGNED_SYMBOLS] } else { 0 };
            let row = &prices.matches[slot % MAX_OFFSET_SLOTS];
            relax(nodes, shortest, length, cost + u64::from(low_bits), adjusted, row);
            if length >= self.nice_length {
                return length;
            }
            shortest = length + 1;
        }
        1
    }

    /// Turns the cheapest way into sequences.
    fn follow(&self, sequences: &mut Vec<Sequence>) {
        let mut literals = 0;
        for &step in self.path.iter().rev() {
            if step == LITERAL {
                literals += 1;
            } else {
                sequences.push(Sequence::new(literals, (step >> LENGTH_SHIFT) as usize, step & ADJUSTED_MASK));
                literals = 0;
            }
        }
        if literals != 0 {
            sequences.push(Sequence::new(literals, 0, 0));
        }
    }
}

/// Tries a match with all lengths from `shortest` to `longest`, from the first of `nodes`.
#[inline(always)]
fn relax(nodes: &mut [Node], shortest: usize, longest: usize, cost: u64, adjusted: u32, prices: &[u16; NUM_LENGTHS]) {
    let mut arrival = cost << COST_SHIFT | (shortest as u64) << LENGTH_SHIFT | u64::from(adjusted);
    for length in shortest..=longest {
        let node = &mut nodes[length];
        *node = (*node).min(arrival + (u64::from(prices[length - MIN_MATCH]) << COST_SHIFT));
        arrival += 1 << LENGTH_SHIFT;
    }
}
