//! What literals and matches cost, as the cheapest-path parser looks it up.

use super::sequence::{FIRST_ALIGNED_SLOT, Frequencies, LONG_HEADER};
use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, EXTRA_OFFSET_BITS, LENGTH_SYMBOLS, MAX_CODEWORD_LEN, MAX_MAIN_SYMBOLS, MAX_MATCH,
    MAX_OFFSET_SLOTS, MIN_MATCH, NUM_LENGTH_HEADERS, NUM_LITERALS,
};
use crate::codec::price::{BIT, SMOOTHING_SCALE, prices_from_frequencies, smooth};

/// Lengths that a match can have.
pub(super) const NUM_LENGTHS: usize = MAX_MATCH - MIN_MATCH + 1;

/// Prices in units of [`BIT`]. A match costs its entry in `matches`, plus its entry in `aligned` if its slot has one.
#[derive(Debug)]
pub(super) struct Prices {
    pub(super) literals: [u32; NUM_LITERALS],
    /// By slot and length: main symbol, length symbol and extra bits (but the last three where the slot has more).
    /// One row serves all lengths of a match, side by side.
    pub(super) matches: Box<[[u16; NUM_LENGTHS]; MAX_OFFSET_SLOTS]>,
    /// The three lowest bits of the offset, raw or coded.
    pub(super) aligned: [u32; ALIGNED_SYMBOLS],
}

impl Prices {
    pub(super) fn new() -> Self {
        Self {
            literals: [0; NUM_LITERALS],
            matches: Box::new([[0; NUM_LENGTHS]; MAX_OFFSET_SLOTS]),
            aligned: [0; ALIGNED_SYMBOLS],
        }
    }

    /// Bytes on the heap.
    pub(super) const fn memory() -> usize {
        size_of::<[[u16; NUM_LENGTHS]; MAX_OFFSET_SLOTS]>()
    }

    /// Prices that follow from how often symbols occurred, smoothed with the given weight.
    pub(super) fn learn(&mut self, frequencies: &Frequencies, num_slots: usize, smoothing: u32) {
        let mut main = [0; MAX_MAIN_SYMBOLS];
        let mut length = [0; LENGTH_SYMBOLS];
        let mut aligned = [3 * BIT; ALIGNED_SYMBOLS];
        let num_main = NUM_LITERALS + NUM_LENGTH_HEADERS * num_slots;
        let mut smoothed = frequencies.main;
        smoothed[..NUM_LITERALS].iter_mut().for_each(|frequency| *frequency *= SMOOTHING_SCALE);
        smooth(&mut smoothed[NUM_LITERALS..num_main], NUM_LENGTH_HEADERS, smoothing);
        prices_from_frequencies(&smoothed[..num_main], MAX_CODEWORD_LEN, &mut main[..num_main]);
        prices_from_frequencies(&frequencies.length, MAX_CODEWORD_LEN, &mut length);
        let mut coded = [0; ALIGNED_SYMBOLS];
        prices_from_frequencies(&frequencies.aligned, 7, &mut coded);
        let total: u64 = frequencies.aligned.iter().zip(coded).map(|(&f, price)| u64::from(f) * u64::from(price)).sum();
        let raw = u64::from(frequencies.aligned.iter().sum::<u32>()) * u64::from(3 * BIT);
        if total + u64::from(24 * BIT) < raw {
            aligned = coded;
        }
        self.set(&main, &length, &aligned, num_slots);
    }

    fn set(
        &mut self,
        main: &[u32; MAX_MAIN_SYMBOLS],
        length: &[u32; LENGTH_SYMBOLS],
        aligned: &[u32; ALIGNED_SYMBOLS],
        num_slots: usize,
    ) {
        self.literals.copy_from_slice(&main[..NUM_LITERALS]);
        self.aligned = *aligned;
        let headers = main[NUM_LITERALS..].chunks_exact(NUM_LENGTH_HEADERS);
        for (slot, (row, headers)) in self.matches.iter_mut().zip(headers).take(num_slots).enumerate() {
            let aligned_bits = if slot >= FIRST_ALIGNED_SLOT { 3 } else { 0 };
            let extra = (u32::from(EXTRA_OFFSET_BITS[slot]) - aligned_bits) * BIT;
            let (short, long) = row.split_at_mut(LONG_HEADER);
            for (price, header) in short.iter_mut().zip(headers) {
                *price = (header + extra) as u16;
            }
            for (price, length) in long.iter_mut().zip(length) {
                *price = (headers[LONG_HEADER] + extra + length) as u16;
            }
        }
    }
}
