//! Near-optimal parsing: the cheapest way through the matches, under prices that are refined from parse to parse.
//!
//! XPRESS has no state but the position: what the rest of the chunk costs does not depend on how it was reached. So one
//! pass from the end to the beginning finds, for given prices, the true minimum: the cost from a position is the least
//! over its literal and all lengths of its matches of the step's price plus the cost from where the step leads.
//!
//! Each position has two matches, the nearest and the longest. The first serves the lengths up to its own, the other
//! those beyond. Lengths from 18 cost the same, up to 272; of those, only the longest is considered.

use std::hint::select_unpredictable;

use super::MIN_MATCH;
use super::items::{Items, MAX_CODEWORD_LEN, MIN_LONG, NUM_SYMBOLS, length_bytes, match_symbol};
use crate::codec::boxed::boxed_array;
use crate::codec::huffman::lengths::limited_lengths;
use crate::codec::matchfinder::handed_on::Matches;
use crate::codec::matchfinder::handed_on::buffer::{Buffer, MAX_SIZE};
use crate::codec::price::{BIT, SMOOTHING_SCALE, prices_from_frequencies, smooth};
use crate::codec::processor::{LANES, Processor, Row};

/// A step of the parse: length in the high half, offset in the low. A literal is length 1, offset 0.
type Step = u32;
const LITERAL: Step = 1 << 16;
/// Offsets from 2^c to 2^(c+1) - 1 form class c.
const OFFSET_CLASSES: usize = 16;
/// Bits of a cost that hold a lane. Costs of 65536 bytes, of 15 bits each, leave room for them.
const LANE_BITS: u32 = LANES.ilog2();
const LANE_MASK: u32 = LANES as u32 - 1;
const _: () = assert!((MAX_SIZE as u64 * (MAX_CODEWORD_LEN * BIT) as u64) << LANE_BITS <= u32::MAX as u64 / 2);
/// How much what a parse has not tried counts for the next.
const SMOOTHING: u32 = 2;

#[derive(Debug)]
pub(super) struct OptimalParser {
    passes: u32,
    /// The cheapest cost from each position to the end, and room for the lanes behind.
    costs: Box<[u32; MAX_SIZE + MIN_MATCH + LANES]>,
    /// The step it begins with.
    steps: Box<[Step; MAX_SIZE]>,
    literals: [u32; 256],
    /// The prices of matches: a row for each offset class, an entry for each length nibble.
    rows: [Row; OFFSET_CLASSES],
}

impl OptimalParser {
    /// Bytes on the heap.
    pub(super) const MEMORY: usize = size_of::<u32>() * (2 * MAX_SIZE + MIN_MATCH + LANES);

    pub(super) fn new(passes: u32) -> Self {
        Self {
            passes,
            costs: boxed_array(0),
            steps: boxed_array(LITERAL),
            literals: [0; 256],
            rows: [[0; LANES]; OFFSET_CLASSES],
        }
    }

    /// Replaces a parse with a better one.
    #[inline(always)]
    pub(super) fn parse<P: Processor>(&mut self, buffer: &Buffer, size: usize, matches: &Matches, items: &mut Items) {
        self.set_prices(&estimated_prices(items.frequencies()));
        self.find_cheapest::<P>(buffer, size, matches);
        for pass in 1..self.passes {
            let frequencies = self.count(buffer, size);
            let is_last = pass + 1 == self.passes;
            self.set_prices(&if is_last { exact_prices(&frequencies) } else { estimated_prices(&frequencies) });
            self.find_cheapest::<P>(buffer, size, matches);
        }
        self.follow(buffer, size, items);
    }

    fn set_prices(&mut self, prices: &[u32; NUM_SYMBOLS]) {
        let (literals, matches) = prices.split_at(256);
        for (entry, price) in self.literals.iter_mut().zip(literals) {
            *entry = price << LANE_BITS;
        }
        for (class, (row, prices)) in self.rows.iter_mut().zip(matches.as_chunks::<LANES>().0).enumerate() {
            for (lane, (entry, price)) in row.iter_mut().zip(prices).enumerate() {
                let beside = class + 8 * length_bytes(lane + MIN_MATCH);
                *entry = (price + beside as u32 * BIT) << LANE_BITS | lane as u32;
            }
        }
    }

    /// One pass from the end to the beginning.
    #[inline(always)]
    fn find_cheapest<P: Processor>(&mut self, buffer: &Buffer, size: usize, matches: &Matches) {
        let (longest, nearest) = (&*matches.longest, &*matches.nearest);
        let Self { literals, rows, .. } = self;
        let (costs, steps) = (&mut *self.costs, &mut *self.steps);
        let row = |offset: usize| &rows[(offset | 1).ilog2() as usize % OFFSET_CLASSES];
        let mut cost = 0;
        costs[size] = 0;
        for position in (0..size.min(MAX_SIZE)).rev() {
            let literal = literals[usize::from(buffer.byte(position))] + cost;
            let long = longest[position];
            if !long.is_some() {
                cost = literal;
                costs[position] = cost;
                steps[position] = LITERAL;
                continue;
            }
            let near = nearest[position];
            let (near_offset, long_offset) = (near.offset(position), long.offset(position));
            let long_row = row(long_offset);
            let (mut cheapest, mut length) = (u32::MAX, 0);
            // Inside a long match nothing but the rest of it is worth a look.
            if near.is_some() || long.length() < MIN_LONG {
                let ahead = costs[position + MIN_MATCH..].first_chunk().expect("there is room behind each position");
                let reach = long.length().max(near.length());
                let found = P::cheapest(ahead, row(near_offset), near.length(), long_row, reach);
                (cheapest, length) = (found & !LANE_MASK, (found & LANE_MASK) as usize + MIN_MATCH);
            }
            if long.length() >= MIN_LONG {
                let rest = costs[(position + long.length()).min(MAX_SIZE)];
                let bytes = length_bytes(long.length()) - length_bytes(MIN_LONG);
                let whole = rest + (long_row[LANES - 1] & !LANE_MASK) + ((8 * bytes as u32 * BIT) << LANE_BITS);
                if whole <= cheapest {
                    (cheapest, length) = (whole, long.length());
                }
            }
            let offset = if length <= near.length() { near_offset } else { long_offset };
            let step = (length << 16 | offset) as Step;
            steps[position] = select_unpredictable(cheapest < literal, step, LITERAL);
            cost = cheapest.min(literal);
            costs[position] = cost;
        }
    }

    /// Counts the symbols of the cheapest steps.
    #[inline(always)]
    fn count(&self, buffer: &Buffer, size: usize) -> [u32; NUM_SYMBOLS] {
        let mut frequencies = [0; NUM_SYMBOLS];
        let mut position = 0;
        while position < size {
            let step = self.steps[position % MAX_SIZE];
            let (length, offset) = ((step >> 16) as usize, (step & 0xFFFF) as usize);
            let (literal, pair) = (usize::from(buffer.byte(position)), match_symbol(length.max(MIN_MATCH), offset | 1));
            frequencies[select_unpredictable(length == 1, literal, pair)] += 1;
            position += length;
        }
        frequencies
    }

    /// Turns the cheapest steps into items.
    #[inline(always)]
    fn follow(&self, buffer: &Buffer, size: usize, items: &mut Items) {
        let mut items = items.writer();
        let mut position = 0;
        while position < size {
            let step = self.steps[position % MAX_SIZE];
            let length = (step >> 16) as usize;
            if length == 1 {
                items.add_literal(buffer.byte(position));
            } else {
                items.add_match(length, (step & 0xFFFF) as usize);
            }
            position += length;
        }
        items.finish();
    }
}

/// Prices after frequencies, smoothed: what has not occurred may still pay.
fn estimated_prices(frequencies: &[u32; NUM_SYMBOLS]) -> [u32; NUM_SYMBOLS] {
    let mut frequencies = *frequencies;
    let (literals, matches) = frequencies.split_at_mut(256);
    literals.iter_mut().for_each(|frequency| *frequency = *frequency * SMOOTHING_SCALE + 2);
    smooth(matches, LANES, SMOOTHING);
    let mut prices = [0; NUM_SYMBOLS];
    prices_from_frequencies(&frequencies, MAX_CODEWORD_LEN, &mut prices);
    prices
}

/// Prices as the code for these frequencies has them.
fn exact_prices(frequencies: &[u32; NUM_SYMBOLS]) -> [u32; NUM_SYMBOLS] {
    let mut prices = estimated_prices(frequencies);
    let mut lengths = [0; NUM_SYMBOLS];
    limited_lengths(frequencies, MAX_CODEWORD_LEN, &mut lengths);
    for (price, length) in prices.iter_mut().zip(lengths) {
        if length != 0 {
            *price = u32::from(length) * BIT;
        }
    }
    prices
}
