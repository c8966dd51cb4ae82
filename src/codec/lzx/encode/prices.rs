//! What symbols are taken to cost, given how often they occurred.

use super::sequence::Frequencies;
use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, LENGTH_SYMBOLS, MAX_ALIGNED_CODEWORD_LEN, MAX_CODEWORD_LEN, MAX_MAIN_SYMBOLS, NUM_LENGTH_HEADERS,
    NUM_LITERALS,
};
use crate::codec::price::{BIT, SMOOTHING_SCALE, prices_from_frequencies, smooth};

/// What symbols cost, in units of [`BIT`].
pub(super) struct SymbolPrices {
    pub(super) main: [u32; MAX_MAIN_SYMBOLS],
    pub(super) length: [u32; LENGTH_SYMBOLS],
    /// The lowest three bits of an offset, coded or raw, whatever is cheaper.
    pub(super) aligned: [u32; ALIGNED_SYMBOLS],
}

impl SymbolPrices {
    /// Prices that follow from how often symbols occurred, smoothed with the given weight.
    pub(super) fn learn(frequencies: &Frequencies, num_slots: usize, smoothing: u32) -> Self {
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
        prices_from_frequencies(&frequencies.aligned, MAX_ALIGNED_CODEWORD_LEN, &mut coded);
        let total: u64 = frequencies.aligned.iter().zip(coded).map(|(&f, price)| u64::from(f) * u64::from(price)).sum();
        let raw = u64::from(frequencies.aligned.iter().sum::<u32>()) * u64::from(3 * BIT);
        if total + u64::from(24 * BIT) < raw {
            aligned = coded;
        }
        Self { main, length, aligned }
    }
}
