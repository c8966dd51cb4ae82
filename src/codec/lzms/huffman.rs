//! The adaptive prefix codes: symbol frequencies, and the exact code that they stand for.
//!
//! Encoder and decoder rebuild each code from its frequencies after a fixed number of symbols, so both must break
//! Huffman's ties alike: leaves in order of (frequency, symbol), a leaf before an internal node of equal frequency,
//! codewords canonical.

use crate::codec::huffman::merger::{Merger, ROOM};
use crate::codec::price;

/// The longest codeword. Frequencies stay below 2 × interval + 2 × symbols, and a code of depth 16 needs a total
/// weight of at least the 18th Fibonacci number, 2584: more than the literal code (2560) or any smaller one can have.
/// The larger offset codes have so many leaves that they are flatter still.
pub(super) const MAX_CODEWORD_LEN: usize = 15;

/// Symbols of the largest alphabet, rounded up to a power of two so that a masked index needs no check.
pub(super) const MAX_SYMBOLS: usize = ROOM;

/// How many codewords there are of each length.
pub(super) type LengthCounts = [u16; MAX_CODEWORD_LEN + 1];

/// The frequencies of an alphabet's symbols, with the working memory for making a code from them.
#[derive(Debug)]
pub(super) struct Frequencies {
    num_symbols: usize,
    frequencies: [u16; MAX_SYMBOLS],
    /// Codeword length of each symbol.
    lengths: [u8; MAX_SYMBOLS],
    merger: Merger,
}

impl Frequencies {
    pub(super) fn new() -> Self {
        Self { num_symbols: 0, frequencies: [0; MAX_SYMBOLS], lengths: [0; MAX_SYMBOLS], merger: Merger::new() }
    }

    /// Begins anew with `num_symbols` symbols of frequency 1.
    pub(super) fn reset(&mut self, num_symbols: usize) {
        assert!(
            (2..MAX_SYMBOLS - 1).contains(&num_symbols),
            "an alphabet has at least 2 and at most {} symbols",
            MAX_SYMBOLS - 2
        );
        self.num_symbols = num_symbols;
        self.frequencies[..num_symbols].fill(1);
    }

    /// Counts one more `symbol`.
    #[inline(always)]
    pub(super) fn count(&mut self, symbol: usize) {
        self.frequencies[symbol % MAX_SYMBOLS] += 1;
    }

    /// The information content of each symbol, in the units of [`price`].
    pub(super) fn information(&self) -> impl Iterator<Item = u32> {
        let frequencies = &self.frequencies[..self.num_symbols];
        let total = price::log2(frequencies.iter().map(|&frequency| u32::from(frequency)).sum());
        frequencies.iter().map(move |&frequency| total - price::log2(frequency.into()))
    }

    /// Makes old symbols weigh less than the coming ones.
    pub(super) fn age(&mut self) {
        for frequency in &mut self.frequencies[..self.num_symbols] {
            *frequency = (*frequency >> 1) + 1;
        }
    }

    /// Makes the code: the codeword length of each symbol, and how many codewords there are of each length.
    pub(super) fn make_code(&mut self) -> (&[u8], LengthCounts) {
        self.merger.sort(self.frequencies[..self.num_symbols].iter().map(|&frequency| frequency.into()));
        let counts = self.merger.count_lengths(MAX_CODEWORD_LEN);
        debug_assert_eq!(kraft_sum(&counts), 1 << MAX_CODEWORD_LEN, "a code deeper than {MAX_CODEWORD_LEN}");
        self.merger.assign(&counts, &mut self.lengths);
        (&self.lengths[..self.num_symbols], counts)
    }
}

/// What codewords of these lengths take up, in those of the greatest length.
fn kraft_sum(counts: &LengthCounts) -> usize {
    counts.iter().enumerate().skip(1).map(|(length, &count)| usize::from(count) << (MAX_CODEWORD_LEN - length)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn initial(num_symbols: usize) -> Vec<u8> {
        let mut frequencies = Frequencies::new();
        frequencies.reset(num_symbols);
        frequencies.make_code().0.to_vec()
    }

    #[test]
    fn initial_codes_match_the_published_ones() {
        assert!(initial(256).iter().all(|&length| length == 8));
        let lengths = initial(54);
        assert!(lengths[..44].iter().all(|&length| length == 6));
        assert!(lengths[44..].iter().all(|&length| length == 5));
        for (symbols, long, length) in [(142, 28, 8), (729, 434, 10), (799, 574, 10)] {
            let lengths = initial(symbols);
            assert_eq!(lengths.iter().position(|&l| l != length), Some(long));
            assert!(lengths[long..].iter().all(|&l| l == length - 1));
        }
    }

    #[test]
    fn a_skewed_code_stays_within_the_limit() {
        // Fibonacci frequencies are the worst case; these are as many as the rebuild interval allows.
        let mut frequencies = Frequencies::new();
        frequencies.reset(16);
        let (mut a, mut b) = (1, 1);
        for symbol in 0..16 {
            frequencies.frequencies[symbol] = a;
            (a, b) = (b, a + b);
        }
        let (lengths, counts) = frequencies.make_code();
        assert_eq!(lengths[0], 15);
        assert_eq!(lengths[15], 1);
        assert_eq!(counts[1..], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    }
}
