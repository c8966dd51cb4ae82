//! The cheapest way through a block's bytes, given its matches and prices.
//!
//! The search goes forward: the cheapest arrival at each position is final when the search reaches it, and tries each
//! step from there: the literal, all lengths at the three recent offsets, all lengths of the matches found. Which
//! offsets are recent depends on the way; each position keeps those of its cheapest arrival. That is where it can miss
//! the true minimum.
//!
//! Branches that cannot be predicted cost more than work that was not needed. So the lengths of a match are tried eight
//! at a time, whatever their number: prices of neighbouring lengths lie side by side, and those that the match has not
//! are masked. Matches of two and three bytes are tried whether there are any or not.
#![allow(unsafe_code)]

use std::hint::select_unpredictable;
use std::ops::Range;

use super::prices::{LANES, Prices, ROW};
use crate::codec::lzx::encode::sequence::{OFFSET_ADJUSTMENT, RecentOffsets, Sequence, near_offset_slot, offset_slot};
use crate::codec::lzx::format::{MAX_MATCH, MIN_MATCH, RECENT_OFFSETS};
use crate::codec::matchfinder::binary_tree::PackedMatch;
use crate::codec::matchfinder::common::{PADDING, extend};
use crate::codec::matchfinder::short::ShortMatches;
use crate::codec::word;

/// A step of the parse, or a match found: the length above, the adjusted offset below. A literal is length 1, offset 0.
type Step = u32;
const LENGTH_SHIFT: u32 = 21;
const ADJUSTED_MASK: u32 = (1 << LENGTH_SHIFT) - 1;
const LITERAL: Step = 1 << LENGTH_SHIFT;

/// More than any way costs, and still more with a price added.
const UNREACHED: i32 = i32::MAX;

/// Positions that remember their recent offsets: a step reaches back by less.
const RING: usize = 512;

/// The state of the search, by position in the segment.
#[derive(Debug)]
pub(super) struct Paths {
    /// The cost of the cheapest arrival, from the beginning of the block.
    costs: Vec<i32>,
    /// Its last step.
    steps: Vec<Step>,
    recent: [RecentOffsets; RING],
    /// The steps of the finished search, the last first.
    path: Vec<Step>,
    /// A step at least so long is taken at once.
    certain_length: usize,
}

/// The matches of a segment, and the data.
pub(super) struct Found<'a> {
    pub(super) short: &'a [ShortMatches],
    pub(super) matches: &'a [PackedMatch],
    pub(super) begins: &'a [u32],
    pub(super) buffer: &'a [u8],
    pub(super) segment_begin: usize,
}

impl Found<'_> {
    /// The matches at a position.
    #[inline(always)]
    pub(super) fn at(&self, position: usize) -> &[PackedMatch] {
        &self.matches[self.begins[position] as usize..self.begins[position + 1] as usize]
    }
}

impl Paths {
    pub(super) fn new(max_size: usize, certain_length: usize) -> Self {
        Self {
            costs: vec![0; max_size + 1 + LANES],
            steps: vec![0; max_size + 1 + LANES],
            recent: [RecentOffsets::INITIAL; RING],
            path: Vec::with_capacity(max_size),
            certain_length,
        }
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_size: usize) -> usize {
        max_size * (size_of::<i32>() + 2 * size_of::<Step>())
    }

    /// Finds the cheapest way through the bytes `block` of the segment; returns the recent offsets behind it.
    ///
    /// # Panics
    /// If the block reaches beyond the segment that this was made for, what was found, or the data.
    #[inline(never)]
    pub(super) fn run(
        &mut self,
        found: &Found<'_>,
        block: Range<usize>,
        recent: RecentOffsets,
        prices: &Prices,
    ) -> RecentOffsets {
        self.costs[block.start] = 0;
        self.costs[block.start + 1..=block.end + LANES].fill(UNREACHED);
        // A step of no length: what is recent there is recent there.
        self.steps[block.start] = 0;
        self.recent[block.start % RING] = recent;
        assert!(
            self.steps.len() > block.end + LANES
                && found.begins.len() > block.end
                && found.short.len() >= block.end
                && found.buffer.len() >= found.segment_begin + block.end + PADDING
        );
        // SAFETY: all tables and the data reach as far as `settle` asks, as asserted; the processor has the features.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            if crate::codec::cpu::avx2() {
                self.settle_avx2(found, block.clone(), prices);
                return self.trace(block);
            }
            self.settle(found, block.clone(), prices, relax);
        }
        self.trace(block)
    }

    /// Collects the steps that lead to the block's end; returns the recent offsets there.
    fn trace(&mut self, block: Range<usize>) -> RecentOffsets {
        self.path.clear();
        let mut position = block.end;
        while position > block.start {
            let step = self.steps[position];
            self.path.push(step);
            position -= (step >> LENGTH_SHIFT) as usize;
        }
        self.recent[block.end % RING]
    }

    /// # Safety
    /// As for `settle`; the processor must have the features.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    unsafe fn settle_avx2(&mut self, found: &Found<'_>, block: Range<usize>, prices: &Prices) {
        // SAFETY: as the caller grants.
        unsafe { self.settle(found, block, prices, relax_avx2) }
    }

    /// Settles position after position, and tries all steps from each.
    ///
    /// # Safety
    /// `costs` and `steps` must go beyond the block's end by the number of lanes, what was found up to the block's end,
    /// and the data by the padding. The processor must have what `relax` needs.
    #[inline(always)]
    unsafe fn settle(
        &mut self,
        found: &Found<'_>,
        block: Range<usize>,
        prices: &Prices,
        relax: unsafe fn(*mut i32, *mut Step, Lengths, i32, u32, &[u16; ROW]),
    ) {
        let end = block.end;
        // SAFETY: only positions up to the block's end are loaded from, and padding follows.
        let load = |position: usize| unsafe { word::read_le(found.buffer, position) };
        let mut position = block.start;
        loop {
            // SAFETY: the position is in the block or its end; the caller grants that there is room for the lanes behind.
            let (costs, steps) =
                unsafe { (self.costs.as_mut_ptr().add(position), self.steps.as_mut_ptr().add(position)) };
            // SAFETY: lengths are bounded by the end of the block.
            let relax_one = |length: usize, cost: i32, step: Step, is_match: bool| unsafe {
                let (there, step_there) = (*costs.add(length), *steps.add(length));
                let is_less = (cost < there) & is_match;
                *costs.add(length) = select_unpredictable(is_less, cost, there);
                *steps.add(length) = select_unpredictable(is_less, step, step_there);
            };
            // SAFETY: as above.
            let (cost, step) = unsafe { (*costs, *steps) };
            let from = self.recent[(position - (step >> LENGTH_SHIFT) as usize) % RING];
            let recent = from.after(step & ADJUSTED_MASK);
            self.recent[position % RING] = recent;
            if position == end {
                break;
            }

            let max_length = MAX_MATCH.min(end - position);
            let at = found.segment_begin + position;
            let here = load(at);
            relax_one(1, cost + prices.literals[usize::from(here as u8)] as i32, LITERAL, true);
            let recent: [usize; RECENT_OFFSETS] = std::array::from_fn(|index| recent.get(index));
            if max_length < MIN_MATCH {
                position += 1;
                continue;
            }

            // SAFETY: the caller grants that all positions before the block's end are there.
            let short = unsafe { *found.short.get_unchecked(position) };
            let pair = u32::from(short.pair) + OFFSET_ADJUSTMENT;
            let pair_cost = cost + prices.pairs[usize::from(short.pair) % prices.pairs.len()] as i32;
            relax_one(2, pair_cost, 2 << LENGTH_SHIFT | pair, short.pair != 0);
            let triple = u32::from(short.triple) + OFFSET_ADJUSTMENT;
            let row = &prices.matches[near_offset_slot(triple) % prices.matches.len()];
            let triple_cost = cost + i32::from(row[3 - MIN_MATCH]) + prices.low_bits(triple) as i32;
            relax_one(3, triple_cost, 3 << LENGTH_SHIFT | triple, (short.triple != 0) & (max_length > 2));

            // A length that one match offers is tried with no match behind it: recent offsets come first, being cheap,
            // then the nearer ones.
            let mut shortest = MIN_MATCH;
            let mut length = 0;
            // At a chunk's beginning, and where a cabinet's older data has left the buffer, recent offsets reach before it.
            let differences = recent.map(|offset| {
                let difference = here ^ load(at - offset.min(at));
                select_unpredictable(offset <= at, difference, u64::MAX)
            });
            let is_match = |difference: u64| difference as u16 == 0;
            // One branch for all three: mostly none of them matches.
            if differences.iter().fold(false, |any, &difference| any | is_match(difference)) {
                for (index, (&difference, offset)) in differences.iter().zip(recent).enumerate() {
                    if !is_match(difference) {
                        continue;
                    }
                    let longest = match difference {
                        0 => extend(found.buffer, at - offset, at, size_of::<u64>(), max_length),
                        _ => max_length.min(difference.trailing_zeros() as usize / 8),
                    };
                    if longest < shortest {
                        continue;
                    }
                    let lengths = Lengths { shortest, longest };
                    // SAFETY: the caller grants room for the lengths, all in the block, and for the lanes.
                    unsafe { relax(costs, steps, lengths, cost, index as u32, &prices.matches[index]) };
                    length = longest;
                    shortest = longest + 1;
                }
            }
            if length < self.certain_length {
                shortest = shortest.max(4);
                for one in found.at(position) {
                    let longest = one.length().min(max_length);
                    if longest < shortest {
                        continue;
                    }
                    let adjusted = one.offset() + OFFSET_ADJUSTMENT;
                    let row = &prices.matches[offset_slot(adjusted) % prices.matches.len()];
                    let cost = cost + prices.low_bits(adjusted) as i32;
                    // SAFETY: as above.
                    unsafe { relax(costs, steps, Lengths { shortest, longest }, cost, adjusted, row) };
                    length = longest;
                    shortest = longest + 1;
                }
            }
            position += if length >= self.certain_length { length } else { 1 };
        }
    }

    /// Turns the cheapest way into sequences.
    pub(super) fn follow(&self, sequences: &mut Vec<Sequence>) {
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

/// The lengths of a match to try.
#[derive(Clone, Copy)]
struct Lengths {
    shortest: usize,
    longest: usize,
}

/// Nothing for the lanes in use, then [`UNREACHED`], which no arrival undercuts.
static MASK: [i32; 2 * LANES] = {
    let mut mask = [0; 2 * LANES];
    let mut lane = LANES;
    while lane < 2 * LANES {
        mask[lane] = UNREACHED;
        lane += 1;
    }
    mask
};

impl Lengths {
    /// The lanes without a length, of those that begin with `shortest`.
    #[inline(always)]
    fn unused(self) -> usize {
        LANES.saturating_sub(self.longest + 1 - self.shortest)
    }
}

/// Tries a match with all `lengths` from where `costs` and `steps` begin; `cost` is all but what the lengths' row says.
///
/// # Safety
/// `costs` and `steps` must have an entry for each length, and as many more as there are lanes. Lengths are those of the
/// format.
#[inline(always)]
unsafe fn relax(
    costs: *mut i32,
    steps: *mut Step,
    mut lengths: Lengths,
    cost: i32,
    adjusted: u32,
    prices: &[u16; ROW],
) {
    while lengths.shortest <= lengths.longest {
        for lane in 0..LANES {
            let length = lengths.shortest + lane;
            let arrival = (cost + i32::from(prices[length - MIN_MATCH])) | MASK[lengths.unused() + lane];
            // SAFETY: as the caller grants.
            unsafe {
                if arrival < *costs.add(length) {
                    *costs.add(length) = arrival;
                    *steps.add(length) = (length as u32) << LENGTH_SHIFT | adjusted;
                }
            }
        }
        lengths.shortest += LANES;
    }
}

/// As [`relax`].
///
/// # Safety
/// As for [`relax`]; the processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn relax_avx2(
    costs: *mut i32,
    steps: *mut Step,
    mut lengths: Lengths,
    cost: i32,
    adjusted: u32,
    prices: &[u16; ROW],
) {
    use std::arch::x86_64::{
        _mm_loadu_si128, _mm256_add_epi32, _mm256_blendv_epi8, _mm256_cmpgt_epi32, _mm256_cvtepu16_epi32,
        _mm256_loadu_si256, _mm256_min_epi32, _mm256_or_si256, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_slli_epi32,
        _mm256_storeu_si256,
    };
    let lanes = _mm256_slli_epi32::<{ LENGTH_SHIFT as i32 }>(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    let cost = _mm256_set1_epi32(cost);
    while lengths.shortest <= lengths.longest {
        let step = ((lengths.shortest as u32) << LENGTH_SHIFT | adjusted) as i32;
        let step = _mm256_add_epi32(_mm256_set1_epi32(step), lanes);
        // SAFETY: a row has eight prices from each length's on, the mask from each number of unused lanes; the other
        // tables are as the caller grants. No load or store asks for alignment.
        unsafe {
            let price = _mm_loadu_si128(prices.as_ptr().add(lengths.shortest - MIN_MATCH).cast());
            let mask = _mm256_loadu_si256(MASK.as_ptr().add(lengths.unused()).cast());
            let arrival = _mm256_or_si256(_mm256_add_epi32(_mm256_cvtepu16_epi32(price), cost), mask);
            let costs = costs.add(lengths.shortest).cast();
            let steps = steps.add(lengths.shortest).cast();
            let there = _mm256_loadu_si256(costs);
            let is_less = _mm256_cmpgt_epi32(there, arrival);
            _mm256_storeu_si256(costs, _mm256_min_epi32(there, arrival));
            _mm256_storeu_si256(steps, _mm256_blendv_epi8(_mm256_loadu_si256(steps), step, is_less));
        }
        lengths.shortest += LANES;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        #[cfg(target_arch = "x86_64")]
        fn side_by_side_as_one_by_one(
            costs in prop::collection::vec(prop_oneof![3 => 0i32..10_000, 1 => Just(UNREACHED)], 280),
            prices in prop::collection::vec(0u16..5000, ROW),
            (shortest, longest) in (2usize..258, 2usize..258).prop_map(|(a, b)| (a.min(b), a.max(b))),
            cost in 0i32..10_000,
            adjusted in 0u32..=ADJUSTED_MASK,
        ) {
            if !is_x86_feature_detected!("avx2") {
                return Ok(());
            }
            let prices: &[u16; ROW] = prices.as_slice().try_into().unwrap();
            let lengths = Lengths { shortest, longest };
            let (mut plain, mut fast) = ((costs.clone(), vec![7; 280]), (costs.clone(), vec![7; 280]));
            // SAFETY: there are 280 entries, more than the longest match and the lanes; the processor has AVX2.
            unsafe {
                relax(plain.0.as_mut_ptr(), plain.1.as_mut_ptr(), lengths, cost, adjusted, prices);
                relax_avx2(fast.0.as_mut_ptr(), fast.1.as_mut_ptr(), lengths, cost, adjusted, prices);
            }
            for (length, &before) in costs.iter().enumerate() {
                let arrival = prices.get(length.wrapping_sub(MIN_MATCH)).map_or(UNREACHED, |&price| cost + i32::from(price));
                let is_better = (shortest..=longest).contains(&length) && arrival < before;
                prop_assert_eq!(plain.0[length], if is_better { arrival } else { before });
                prop_assert_eq!(plain.1[length], if is_better { (length as u32) << LENGTH_SHIFT | adjusted } else { 7 });
            }
            prop_assert_eq!(plain, fast);
        }
    }
}
