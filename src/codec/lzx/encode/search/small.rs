//! The cheapest way through chunks of up to 64 KiB, from two matches per position.
//!
//! The search goes forward: the cheapest arrival at each position is final when the search reaches it, and offers each
//! step from there: the literal, all lengths at the three recent offsets, all lengths of the nearest and of the longest
//! match. Which offsets are recent depends on the way; each position keeps those of its cheapest arrival. That is where
//! it can miss the true minimum.
//!
//! Steps of up to sixteen bytes go to the frontier, longer ones to a table that the frontier's last lane is filled from.
//! What is written for a step is its kind and its length: the offset is looked up when it turns out to be taken.

mod frontier;
mod lazy;
mod prices;

use std::hint::select_unpredictable;
use std::mem::replace;
use std::ops::Range;

use self::frontier::{Frontier, LANES, Row, UNREACHED, Work};
use self::prices::Prices;
use super::{Part, Search};
use crate::codec::boxed::boxed_array;
use crate::codec::lzx::encode::prices::SymbolPrices;
use crate::codec::lzx::encode::sequence::{Frequencies, OFFSET_ADJUSTMENT, RecentOffsets, Sequence, near_offset_slot};
use crate::codec::lzx::encode::split::Splitter;
use crate::codec::lzx::format::{MAX_MATCH, RECENT_OFFSETS, num_offset_slots};
use crate::codec::matchfinder::common::PADDING;
use crate::codec::matchfinder::handed_on::buffer::{Buffer, MAX_SIZE};
use crate::codec::matchfinder::handed_on::{FindMatches, Matches};
use crate::codec::matchfinder::short::MAX_PAIR_OFFSET;

/// A step: its kind above its length.
type Step = u16;
const LENGTH_BITS: u32 = 9;
const _: () = assert!(MAX_MATCH < 1 << LENGTH_BITS);
/// Kinds below are matches at the recent offset of that number; a single byte at the first one is a literal.
const LONG: usize = RECENT_OFFSETS;
const NEAR: usize = LONG + 1;
const PAIR: usize = NEAR + 1;
const NUM_KINDS: usize = PAIR + 1;

const fn step(kind: usize, length: usize) -> Step {
    (kind << LENGTH_BITS | length) as Step
}

/// The steps of each kind, by length from 1 on.
static STEPS: [Row; NUM_KINDS] = {
    let mut rows = [Row([0; LANES]); NUM_KINDS];
    let mut kind = 0;
    while kind < NUM_KINDS {
        let mut lane = 0;
        while lane < LANES {
            rows[kind].0[lane] = step(kind, lane + 1) as i16;
            lane += 1;
        }
        kind += 1;
    }
    // What is offered together with a pair is a literal.
    rows[PAIR].0[0] = step(0, 1) as i16;
    rows
};

/// A match of more than [`LANES`] bytes is tried with its whole length; thorough searches also try it shorter by up to so
/// many bytes.
const MORE_LENGTHS: usize = 3;

/// Positions that are remembered: a step reaches back by less.
const RING: usize = 512;
const _: () = assert!(MAX_MATCH + LANES < RING);

/// The cheapest step of more than [`LANES`] bytes to a position.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    position: usize,
    cost: i32,
    step: Step,
}

/// The recent offsets, 16 bits each, the newest lowest; what is above the third means nothing.
#[derive(Clone, Copy, Debug)]
struct Queue(u64);

impl Queue {
    /// As every chunk begins.
    const INITIAL: Self = Self(1 << 32 | 1 << 16 | 1);

    fn new(recent: RecentOffsets) -> Self {
        Self((0..RECENT_OFFSETS).rev().fold(0, |all, index| all << 16 | recent.get(index) as u64))
    }

    #[inline(always)]
    fn get(self, index: usize) -> usize {
        usize::from((self.0 >> (16 * index)) as u16)
    }

    fn to_recent(self) -> RecentOffsets {
        let push = |recent: RecentOffsets, index| recent.after(self.get(index) as u32 + OFFSET_ADJUSTMENT);
        (0..RECENT_OFFSETS).rev().fold(RecentOffsets::INITIAL, push)
    }

    /// The recent offsets after a match with the given adjusted offset.
    #[inline(always)]
    fn after_adjusted(self, adjusted: u32) -> Self {
        let kind = adjusted.min(RECENT_OFFSETS as u32);
        self.after(kind as usize, adjusted.wrapping_sub(OFFSET_ADJUSTMENT) as u16)
    }

    /// The recent offsets after a step, given the offset of a match at a new one.
    #[inline(always)]
    fn after(self, kind: usize, offset: u16) -> Self {
        if kind == 1 || kind == 2 {
            let [r0, r1, r2] = [0, 1, 2].map(|index| self.get(index) as u64);
            return Self(if kind == 1 { r2 << 32 | r0 << 16 | r1 } else { r0 << 32 | r1 << 16 | r2 });
        }
        // Without a branch: whether a step takes a new offset is hard to predict.
        Self(select_unpredictable(kind == 0, self.0, self.0 << 16 | u64::from(offset)))
    }
}

/// What a position had to offer.
#[derive(Clone, Copy, Debug)]
struct Origin {
    recent: Queue,
    /// The offsets of the matches, 16 bits each, by kind modulo four.
    offsets: u64,
}

/// Where pairs of bytes seem to have been that have not occurred: too far away for all but the last positions of the largest
/// chunk, which go without.
const NEVER: u16 = u16::MAX - MAX_PAIR_OFFSET as u16;

/// A search with its tables.
#[derive(Debug)]
pub(in super::super) struct SmallSearch {
    finder: Box<dyn FindMatches>,
    buffer: Box<Buffer>,
    matches: Matches,
    /// The newest position of each pair of bytes.
    newest: Box<[u16; 1 << 16]>,
    /// The offset of each position's nearest match of two bytes; 0 is none.
    pairs: Box<[u8; MAX_SIZE]>,
    has_pairs: bool,
    /// The last step of the cheapest arrival behind each position.
    steps: Box<[Step; MAX_SIZE]>,
    origins: Box<[Origin; RING]>,
    arrivals: Box<[Arrival; RING]>,
    prices: Box<Prices>,
    /// A step at least so long is taken at once.
    certain_length: usize,
    num_slots: usize,
}

impl SmallSearch {
    pub(in super::super) fn new(finder: Box<dyn FindMatches>, max_size: usize, certain_length: usize) -> Self {
        let origin = Origin { recent: Queue(0), offsets: 0 };
        Self {
            finder,
            buffer: Box::new(Buffer::new()),
            matches: Matches::new(),
            newest: boxed_array(0),
            pairs: boxed_array(0),
            has_pairs: false,
            steps: boxed_array(0),
            origins: boxed_array(origin),
            arrivals: boxed_array(Arrival { position: usize::MAX, cost: 0, step: 0 }),
            prices: Box::new(Prices::new()),
            certain_length,
            num_slots: num_offset_slots(max_size.ilog2()),
        }
    }

    /// Bytes on the heap, the finder's aside.
    pub(in super::super) const fn memory() -> usize {
        size_of::<Self>()
            + size_of::<Buffer>()
            + Matches::MEMORY
            + size_of::<[u16; 1 << 16]>()
            + MAX_SIZE * (size_of::<u8>() + size_of::<Step>())
            + RING * (size_of::<Origin>() + size_of::<Arrival>())
            + size_of::<Prices>()
    }

    /// Finds the pairs, which only the search for the cheapest way needs.
    #[inline(never)]
    fn find_pairs(&mut self, size: usize) {
        let (buffer, newest, pairs) = (&*self.buffer, &mut *self.newest, &mut *self.pairs);
        newest.fill(NEVER);
        let (with, without) = pairs[..size].split_at_mut(size.min(MAX_SIZE - MAX_PAIR_OFFSET - 1));
        for (position, pair) in with.iter_mut().enumerate() {
            // What is found behind the chunk's end leads beyond it, and is not used.
            let candidate = replace(&mut newest[usize::from(buffer.word(position) as u16)], position as u16);
            let offset = (position as u16).wrapping_sub(candidate);
            *pair = select_unpredictable(usize::from(offset) <= MAX_PAIR_OFFSET, offset as u8, 0);
        }
        without.fill(0);
    }

    /// Settles position after position; returns the recent offsets behind the last.
    #[inline(always)]
    fn settle<F: Frontier>(&mut self, block: Range<usize>, recent: RecentOffsets) -> RecentOffsets {
        let mut recent = Queue::new(recent);
        let (longest, nearest) = (&*self.matches.longest, &*self.matches.nearest);
        let (buffer, pairs, prices) = (&*self.buffer, &*self.pairs, &*self.prices);
        let (steps, origins, arrivals) = (&mut *self.steps, &mut *self.origins, &mut *self.arrivals);
        let certain_length = self.certain_length;
        let is_thorough = certain_length >= MAX_MATCH;
        let end = block.end;
        arrivals.fill(Arrival { position: usize::MAX, cost: 0, step: 0 });
        let mut position = block.start;
        let mut total = 0;
        let mut frontier = F::new();
        loop {
            let at = position % MAX_SIZE;
            let (long, near, pair) = (longest[at], nearest[at], pairs[at]);
            let (long_offset, near_offset) = (long.offset(at), near.offset(at));
            let offsets = (near_offset as u64) | u64::from(pair) << 16 | (long_offset as u64) << 48;
            origins[at % RING] = Origin { recent, offsets };
            let here = buffer.long_word(at);
            frontier.offer_two(prices.literals[usize::from(here as u8)], prices.pairs[usize::from(pair)], &STEPS[PAIR]);

            // What takes longer than the frontier reaches; whether it is so long that nothing else is tried.
            let mut arrive = |kind: usize, slot: usize, more: i16, length: usize| {
                let shortest = if is_thorough { (LANES + 1).max(length - MORE_LENGTHS) } else { length };
                let mut cost = 0;
                for length in shortest..=length {
                    cost = total + i32::from(more) + prices.beyond_row(slot, length) as i32;
                    let there = &mut arrivals[(position + length) % RING];
                    if there.position != position + length || cost < there.cost {
                        *there = Arrival { position: position + length, cost, step: step(kind, length) };
                    }
                }
                (length >= certain_length).then_some((cost, step(kind, length)))
            };
            let mut certain = None;
            let differences = [0, 1, 2].map(|kind| here ^ buffer.long_word(at.wrapping_sub(recent.get(kind))));
            let mut kinds = differences.iter().rev().fold(0_u32, |kinds, &one| kinds << 1 | u32::from(one as u16 == 0));
            // One branch for all three: mostly none of them matches. At the very beginning nothing is recent.
            if at == 0 {
                kinds = 0;
            }
            while kinds != 0 {
                let kind = kinds.trailing_zeros() as usize;
                kinds &= kinds - 1;
                let source = at.wrapping_sub(recent.get(kind));
                let difference = here ^ buffer.long_word(source);
                let mut length = difference.trailing_zeros() as usize / 8;
                if difference == 0 {
                    length = buffer.extend(source, at, size_of::<u64>(), MAX_MATCH.min(end - position));
                    if length > LANES && certain.is_none() {
                        certain = arrive(kind, kind, 0, length);
                    }
                }
                frontier.offer(prices.row(kind), 0, length, &STEPS[kind]);
            }
            if long.is_some() {
                let near_adjusted = near_offset + OFFSET_ADJUSTMENT as usize;
                let near_row = prices.row(near_offset_slot(near_adjusted as u32));
                let near_length = select_unpredictable(near.is_some(), near.length(), 0);
                frontier.offer(near_row, prices.low_bits(near_adjusted), near_length, &STEPS[NEAR]);
                let adjusted = long_offset + OFFSET_ADJUSTMENT as usize;
                let slot = near_offset_slot(adjusted as u32);
                let low_bits = prices.low_bits(adjusted);
                frontier.offer(prices.row(slot), low_bits, long.length(), &STEPS[LONG]);
                if long.length() > LANES && certain.is_none() {
                    let length = long.length().min(MAX_MATCH.min(end - position));
                    if length > LANES {
                        certain = arrive(LONG, slot, low_bits, length);
                    }
                }
            }

            let step = if let Some((cost, step)) = certain {
                total = cost;
                frontier = F::new();
                position += usize::from(step) % (1 << LENGTH_BITS);
                step
            } else {
                let (cost, step) = frontier.advance();
                total += i32::from(cost);
                position += 1;
                let arrival = arrivals[(position + LANES) % RING];
                if arrival.position == position + LANES {
                    let cost = (arrival.cost - total).clamp(i16::MIN.into(), (UNREACHED - 1).into());
                    frontier.set_last(cost as i16, arrival.step);
                }
                step
            };
            steps[(position - 1) % MAX_SIZE] = step;
            let (length, kind) = (usize::from(step) % (1 << LENGTH_BITS), usize::from(step) >> LENGTH_BITS);
            let Origin { recent: before, offsets } = origins[position.wrapping_sub(length) % RING];
            recent = before.after(kind, (offsets >> (16 * (kind % 4))) as u16);
            if position >= end {
                return recent.to_recent();
            }
        }
    }

    /// Turns the cheapest way into sequences.
    #[inline(never)]
    fn follow(&self, block: Range<usize>, sequences: &mut Vec<Sequence>) {
        let first = sequences.len();
        let steps = &*self.steps;
        let mut position = block.end;
        // From the end to the beginning: a match waits for the literals in front of it.
        let (mut literals, mut length, mut adjusted) = (0, 0, 0);
        while position > block.start {
            let step = usize::from(steps[(position - 1) % MAX_SIZE]);
            let (taken, kind) = (step % (1 << LENGTH_BITS), step >> LENGTH_BITS);
            position -= taken;
            if taken == 1 {
                literals += 1;
                continue;
            }
            if literals + length != 0 {
                sequences.push(Sequence::near(literals, length, adjusted));
            }
            literals = 0;
            length = taken;
            let at = position % MAX_SIZE;
            let offset = match kind {
                LONG => self.matches.longest[at].offset(at),
                NEAR => self.matches.nearest[at].offset(at),
                _ => self.pairs[at].into(),
            };
            adjusted = if kind < RECENT_OFFSETS { kind as u32 } else { offset as u32 + OFFSET_ADJUSTMENT };
        }
        sequences.push(Sequence::near(literals, length, adjusted));
        sequences[first..].reverse();
    }
}

/// One block's search.
struct Settle<'a> {
    search: &'a mut SmallSearch,
    block: Range<usize>,
    recent: RecentOffsets,
}

impl Work for Settle<'_> {
    type Output = RecentOffsets;

    #[inline(always)]
    fn run<F: Frontier>(self) -> RecentOffsets {
        self.search.settle::<F>(self.block, self.recent)
    }
}

impl Search for SmallSearch {
    /// Each chunk is searched at once: nothing is left of the previous one.
    fn reset(&mut self) {
        self.has_pairs = false;
    }

    fn find_matches(&mut self, part: &Part<'_>) {
        let chunk = &part.buffer[part.range.clone()];
        assert!(part.range.start == 0 && chunk.len() + PADDING == part.buffer.len(), "the chunk is one part");
        self.buffer.fill(chunk);
        self.finder.find(&self.buffer, chunk.len(), &mut self.matches);
    }

    fn parse_lazily(
        &mut self,
        part: &Part<'_>,
        _recent: RecentOffsets,
        sequences: &mut Vec<Sequence>,
        splitter: Option<&mut Splitter>,
    ) -> RecentOffsets {
        let (size, longest) = (part.range.len(), &self.matches.longest[..]);
        let Some(splitter) = splitter else {
            return lazy::parse(&self.buffer, size, longest, sequences, ()).0;
        };
        let (recent, cutter) = lazy::parse(&self.buffer, size, longest, sequences, splitter.begin(size));
        cutter.finish();
        recent
    }

    fn find_cheapest(
        &mut self,
        part: &Part<'_>,
        block: Range<usize>,
        recent: RecentOffsets,
        frequencies: &Frequencies,
        smoothing: u32,
        sequences: &mut Vec<Sequence>,
    ) -> RecentOffsets {
        if !replace(&mut self.has_pairs, true) {
            self.find_pairs(part.range.len());
        }
        self.prices.set(&SymbolPrices::learn(frequencies, self.num_slots, smoothing), self.num_slots);
        let recent = frontier::run(Settle { search: self, block: block.clone(), recent });
        self.follow(block, sequences);
        recent
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::matchfinder::handed_on::{Finder, Thrift};

    const WINDOW_ORDER: u32 = 15;

    fn search(certain_length: usize) -> SmallSearch {
        let finder = Finder::<14, 0, 2, 1, true>::boxed(Thrift { nice_length: 32, stride: 1 });
        SmallSearch::new(finder, 1 << WINDOW_ORDER, certain_length)
    }

    /// Copies what sequences say, and literals from `data`; returns the bytes and the recent offsets behind them.
    fn follow(data: &[u8], sequences: &[Sequence]) -> (Vec<u8>, RecentOffsets) {
        let (mut bytes, mut recent) = (Vec::new(), RecentOffsets::INITIAL);
        for sequence in sequences {
            bytes.extend_from_slice(&data[bytes.len()..][..sequence.literals as usize]);
            if sequence.length != 0 {
                recent = recent.after(sequence.adjusted);
                for _ in 0..sequence.length {
                    bytes.push(bytes[bytes.len() - recent.get(0)]);
                }
            }
        }
        (bytes, recent)
    }

    /// Bytes with repeats of all lengths, near and far.
    fn chunk() -> impl Strategy<Value = Vec<u8>> {
        let piece =
            (prop::collection::vec(0u8..6, 0..30), 0usize..1000, prop_oneof![9 => 0usize..40, 1 => 200usize..600]);
        prop::collection::vec(piece, 1..40).prop_map(|pieces| {
            let mut data = vec![0];
            for (bytes, from, length) in pieces {
                data.extend(bytes);
                let from = from % data.len();
                for at in from..from + length {
                    data.push(data[at]);
                }
            }
            data
        })
    }

    proptest! {
        /// Whatever chunk came before, and wherever blocks end.
        #[test]
        fn all_ways_lead_through_the_chunk(
            chunks in prop::collection::vec(chunk(), 1..3),
            cut in any::<prop::sample::Index>(),
            certain_length in 20usize..300,
        ) {
            let mut search = search(certain_length);
            for chunk in chunks {
                let size = chunk.len();
                let mut buffer = chunk.clone();
                buffer.resize(size + PADDING, 0);
                let part = Part { buffer: &buffer, range: 0..size };
                search.reset();
                search.find_matches(&part);
                let mut sequences = Vec::new();
                let recent = search.parse_lazily(&part, RecentOffsets::INITIAL, &mut sequences, None);
                prop_assert_eq!(follow(&chunk, &sequences), (chunk.clone(), recent));

                let mut frequencies = Frequencies::ZERO;
                frequencies.add(&chunk, &sequences);
                sequences.clear();
                let mut recent = RecentOffsets::INITIAL;
                let cut = cut.index(size);
                for block in [0..cut, cut..size] {
                    if !block.is_empty() {
                        recent = search.find_cheapest(&part, block, recent, &frequencies, 1, &mut sequences);
                    }
                }
                prop_assert_eq!(follow(&chunk, &sequences), (chunk, recent));
            }
        }

        #[test]
        fn all_processors_find_the_same_way(chunk in chunk()) {
            let mut search = search(48);
            let size = chunk.len();
            let mut buffer = chunk;
            buffer.resize(size + PADDING, 0);
            let part = Part { buffer: &buffer, range: 0..size };
            search.find_matches(&part);
            let mut ways = [Vec::new(), Vec::new()];
            search.parse_lazily(&part, RecentOffsets::INITIAL, &mut ways[0], None);
            let mut frequencies = Frequencies::ZERO;
            frequencies.add(&buffer[..size], &ways[0]);
            ways[0].clear();
            search.find_cheapest(&part, 0..size, RecentOffsets::INITIAL, &frequencies, 1, &mut ways[0]);
            search.settle::<frontier::Plain>(0..size, RecentOffsets::INITIAL);
            search.follow(0..size, &mut ways[1]);
            let [fast, plain] = ways.map(|way| way.iter().map(|s| (s.literals, s.length, s.adjusted)).collect::<Vec<_>>());
            prop_assert_eq!(fast, plain);
        }
    }
}
