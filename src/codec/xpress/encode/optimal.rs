//! Near-optimal parsing: the cheapest way through all matches, under prices that are refined from parse to parse.
//!
//! XPRESS has no state but the position: what the rest of the chunk costs does not depend on how it was reached. So one
//! pass from the end to the beginning finds, for given prices, the true minimum: the cost from a position is the least
//! over its literal and all lengths of its matches of the step's price plus the cost from where the step leads.

use super::MIN_MATCH;
use super::emit::{NUM_SYMBOLS, Parse, length_bytes};
use crate::codec::Level;
use crate::codec::matchfinder::common::{MatchFinder, PADDING, SearchLimits};
use crate::codec::price::{BIT, prices_from_frequencies};

/// A step of the parse: length in the high half, offset in the low. A literal is length 1, offset 0.
type Step = u32;
const LITERAL: Step = 1 << 16;
/// Matches kept for one position, on average; if a chunk has more, its last positions go without.
const MATCHES_PER_POSITION: usize = 8;
/// Offsets from 2^c to 2^(c+1) - 1 form class c.
const OFFSET_CLASSES: usize = 16;
/// Values of the length nibble.
const LENGTH_NIBBLES: usize = 16;
/// Longest codeword, in bits, as a bound on prices.
const MAX_PRICE_BITS: u32 = 15;

#[derive(Debug)]
pub(super) struct OptimalParser<F> {
    finder: F,
    limits: SearchLimits,
    passes: u32,
    /// All matches, by position, each position's by growing length.
    matches: Vec<Step>,
    /// Where each position's matches begin, with the end of the last behind.
    begins: Vec<u32>,
    /// The cheapest cost from each position to the end, and the step it begins with.
    costs: Vec<u32>,
    steps: Vec<Step>,
    prices: [u32; NUM_SYMBOLS],
}

impl<F: MatchFinder> OptimalParser<F> {
    pub(super) fn new(max_size: usize, level: Level) -> Self {
        let (depth, nice_length, passes) = match level.get() {
            ..=6 => (8, 32, 1),
            7 => (16, 48, 2),
            8 => (40, 96, 3),
            _ => (300, 512, 5),
        };
        Self {
            finder: F::new(max_size, MIN_MATCH),
            limits: SearchLimits { depth, nice_length },
            passes,
            matches: Vec::with_capacity(MATCHES_PER_POSITION * max_size),
            begins: Vec::with_capacity(max_size + 1),
            costs: vec![0; max_size + 1],
            steps: vec![LITERAL; max_size],
            prices: [0; NUM_SYMBOLS],
        }
    }

    pub(super) fn memory(max_size: usize) -> usize {
        let per_position = (MATCHES_PER_POSITION + 1) * size_of::<Step>() + 2 * size_of::<u32>();
        F::memory(max_size, MIN_MATCH) + max_size * per_position + size_of::<Self>()
    }

    /// Parses the data in `buffer`, which is padded.
    pub(super) fn parse(&mut self, buffer: &[u8], parse: &mut Parse) {
        let data = &buffer[..buffer.len() - PADDING];
        self.find_matches(buffer, data.len());
        self.guess_prices(data);
        for pass in 0..self.passes {
            if pass != 0 {
                prices_from_frequencies(&parse.frequencies, MAX_PRICE_BITS, &mut self.prices);
                parse.clear();
            }
            self.find_cheapest(data);
            self.follow(data, parse);
        }
    }

    #[inline(never)]
    fn find_matches(&mut self, buffer: &[u8], end: usize) {
        self.finder.reset();
        self.matches.clear();
        self.begins.clear();
        let most = self.matches.capacity();
        // The end of the last match that was long enough to leave nothing to gain inside it.
        let mut covered = 0;
        for position in 0..end {
            self.begins.push(self.matches.len() as u32);
            let max_length = end - position;
            if position < covered || self.matches.len() + self.limits.depth as usize + 1 > most {
                self.finder.skip(buffer, position, max_length, self.limits);
                continue;
            }
            let matches = &mut self.matches;
            self.finder.find(buffer, position, max_length, self.limits, |found| {
                matches.push(found.length << 16 | found.offset);
            });
            if let Some(last) = self.matches.get(self.begins[position] as usize..).and_then(<[Step]>::last) {
                let length = (last >> 16) as usize;
                if length >= self.limits.nice_length {
                    covered = position + length;
                }
            }
        }
        self.begins.push(self.matches.len() as u32);
    }

    /// Prices for the first parse: literals by how often their bytes occur, match symbols all alike.
    fn guess_prices(&mut self, data: &[u8]) {
        let mut histogram = [0; 256];
        for &byte in data {
            histogram[usize::from(byte)] += 1;
        }
        let (literals, matches) = self.prices.split_at_mut(256);
        prices_from_frequencies(&histogram, MAX_PRICE_BITS, literals);
        for price in literals {
            *price += BIT / 2;
        }
        matches.fill(7 * BIT);
    }

    #[inline(never)]
    fn find_cheapest(&mut self, data: &[u8]) {
        let end = data.len();
        let rows = self.rows();
        let costs = &mut self.costs[..=end];
        let (begins, steps) = (&self.begins[..=end], &mut self.steps[..end]);
        costs[end] = 0;
        for position in (0..end).rev() {
            let ahead = &costs[position..];
            // Cost above, step below: the least number is the cheapest choice, found without a branch to mispredict.
            let choice = |cost: u32, step: Step| u64::from(cost) << 32 | u64::from(step);
            let mut best = choice(self.prices[usize::from(data[position])] + ahead[1], LITERAL);
            let mut shortest = MIN_MATCH;
            for &found in &self.matches[begins[position] as usize..begins[position + 1] as usize] {
                let offset = found & 0xffff;
                let row = &rows[offset.ilog2() as usize % OFFSET_CLASSES];
                let longest = (found >> 16) as usize;
                let short_end = longest.min(MIN_MATCH + LENGTH_NIBBLES - 2);
                for length in shortest..=short_end {
                    best = best.min(choice(row[length - MIN_MATCH] + ahead[length], (length << 16) as Step | offset));
                }
                let long_begin = shortest.max(short_end + 1);
                for (length, &rest) in (long_begin..).zip(&ahead[long_begin..=longest]) {
                    let price = row[LENGTH_NIBBLES - 1] + 8 * BIT * length_bytes(length) as u32;
                    best = best.min(choice(price + rest, (length << 16) as Step | offset));
                }
                shortest = longest + 1;
            }
            let (best, step) = ((best >> 32) as u32, best as Step);
            costs[position] = best;
            steps[position] = step;
        }
    }

    /// The prices of matches without their length bytes: a row for each offset class, an entry for each length nibble.
    fn rows(&self) -> [[u32; LENGTH_NIBBLES]; OFFSET_CLASSES] {
        let mut rows = [[0; LENGTH_NIBBLES]; OFFSET_CLASSES];
        let prices = self.prices[256..].chunks_exact(LENGTH_NIBBLES);
        for (class, (row, prices)) in rows.iter_mut().zip(prices).enumerate() {
            for (entry, price) in row.iter_mut().zip(prices) {
                *entry = price + class as u32 * BIT;
            }
        }
        rows
    }

    /// Turns the cheapest steps into a parse.
    fn follow(&self, data: &[u8], parse: &mut Parse) {
        let (mut position, mut literals) = (0, 0);
        while position < data.len() {
            let step = self.steps[position];
            let length = (step >> 16) as usize;
            if length == 1 {
                literals += 1;
            } else {
                parse.push(literals, length, (step & 0xffff) as usize);
                literals = 0;
            }
            position += length;
        }
        parse.finish(data, literals);
    }
}
