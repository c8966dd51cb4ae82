//! Codeword lengths that take few bits, with those of the header that says them.
//!
//! Huffman's lengths are the best for the symbols, but a chunk is short, and a block's header takes some two in a hundred of
//! its bits. Rare symbols hardly mind being a bit longer or shorter, while a header in which few lengths occur, and in
//! runs, is a good deal shorter. So the rarest symbols are all taken to be equally frequent. Then lengths are chosen
//! anew, a symbol or a run at a time, by what they cost in the header, as the lengths before suggest, and in the block.
//! The code must stay complete: a symbol also pays for the share of all codewords that its own takes up, at the price at
//! which Huffman's lengths are the best if the header costs nothing. What is left over or missing in the end is
//! mended by making a Huffman code for the frequencies that the chosen lengths stand for.

use std::array;
use std::ops::Range;

use super::code::cost;
use super::precode::{EQUAL, LONG_ZEROS, LengthVector, SHORT_ZEROS, difference};
use crate::codec::Level;
use crate::codec::huffman::lengths::limited_lengths;
use crate::codec::lzx::format::{MAX_CODEWORD_LEN, PRECODE_SYMBOLS};
use crate::codec::price::{BIT, prices_from_frequencies};
use crate::codec::processor::{self, Processor, Work};

/// Symbols that occur are taken to do so at least so often, tuned on mixed Windows files.
const LEAST_FREQUENCY: u32 = 3;
/// More symbols than a vector has.
const ROOM: usize = 512;

/// How often lengths are chosen anew. A round takes 2 % of the time of level 5; the first one gains most.
pub(super) const fn rounds(level: Level) -> u32 {
    match level.get() {
        ..=3 => 0,
        4 | 5 => 2,
        _ => 4,
    }
}

/// Chooses codeword lengths for symbols with these frequencies, anew in so many rounds at most. They will be written in
/// parts with these ends, against the lengths `old`.
pub(super) fn choose_lengths<const SYMBOLS: usize, const PARTS: usize>(
    frequencies: &[u32; SYMBOLS],
    old: &[u8; SYMBOLS],
    ends: [usize; PARTS],
    rounds: u32,
) -> ([u8; SYMBOLS], [LengthVector; PARTS]) {
    let parts: [Range<usize>; PARTS] =
        array::from_fn(|part| part.checked_sub(1).map_or(0, |last| ends[last])..ends[part]);
    let count = parts.last().map_or(0, |part| part.end);
    let take = |wanted: &[u32; SYMBOLS]| {
        let mut lengths = [0; SYMBOLS];
        limited_lengths(&wanted[..count], MAX_CODEWORD_LEN, &mut lengths[..count]);
        let vectors = parts.each_ref().map(|part| LengthVector::new(&old[part.clone()], &lengths[part.clone()]));
        let bits = vectors.iter().map(|vector| vector.bits).sum::<usize>() + cost(frequencies, &lengths);
        (bits, lengths, vectors)
    };
    let mut wanted = frequencies.map(|frequency| if frequency == 0 { 0 } else { frequency.max(LEAST_FREQUENCY) });
    let mut best = take(&wanted);
    let total = frequencies.iter().sum();
    for _ in 0..rounds {
        let (bits, _, vectors) = &best;
        for (part, vector) in parts.iter().cloned().zip(vectors) {
            processor::run(Choose {
                prices: &Prices::learn(vector),
                frequencies: &frequencies[part.clone()],
                total,
                old: &old[part.clone()],
                wanted: &mut wanted[part],
            });
        }
        let next = take(&wanted);
        if next.0 >= *bits {
            break;
        }
        best = next;
    }
    (best.1, best.2)
}

/// Something for each codeword length, from 1 on.
type PerLength = [u32; MAX_CODEWORD_LEN as usize];

/// What lengths cost in a header, in units of [`BIT`].
struct Prices {
    /// One length, by the length that it is coded against.
    singles: [PerLength; 17],
    /// The length of a symbol that does not occur, by the same.
    zeros: [u32; 17],
    short_zeros: u32,
    long_zeros: u32,
    /// Added to what a single length costs.
    equal: u32,
}

impl Prices {
    /// What a vector's own codes suggest.
    fn learn(vector: &LengthVector) -> Self {
        const MAX_BITS: u32 = 8;
        let mut symbols = [0; PRECODE_SYMBOLS];
        prices_from_frequencies(&vector.frequencies, MAX_BITS, &mut symbols);
        let of = |symbol: u8| symbols[usize::from(symbol)];
        Self {
            singles: array::from_fn(|old| array::from_fn(|index| of(difference(old as u8, index as u8 + 1)))),
            zeros: array::from_fn(|old| of(difference(old as u8, 0))),
            short_zeros: of(SHORT_ZEROS) + 4 * BIT,
            long_zeros: of(LONG_ZEROS) + 5 * BIT,
            equal: of(EQUAL) + BIT,
        }
    }
}

/// The search for the best lengths of a vector.
struct Choose<'a> {
    prices: &'a Prices,
    frequencies: &'a [u32],
    /// How many symbols there are in all parts.
    total: u32,
    old: &'a [u8],
    /// Takes the frequencies that the best lengths stand for.
    wanted: &'a mut [u32],
}

impl Work for Choose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<P: Processor>(self) {
        let Self { prices, frequencies, total, old, wanted } = self;
        let count = frequencies.len();
        // Huffman's lengths are best if a codeword that takes up all room costs `total / ln 2` bits.
        let room = total * (BIT * 92 / 64);
        let mut costs = [0_u32; ROOM];
        let mut steps = [(0_u8, 0_u8); ROOM];
        // What the lengths of the next symbols cost in the block, the first one at the front.
        let mut ahead = [[0; MAX_CODEWORD_LEN as usize]; 5];
        let (mut run, mut zeros) = (0, 0);
        for at in (0..count).rev() {
            let old = usize::from(old[at]);
            let mut best = (u32::MAX, (0, 0));
            if frequencies[at] == 0 {
                (run, zeros) = (0, zeros + 1);
                let mut offer = |cost: u32, taken: usize| best = best.min((costs[at + taken] + cost, (0, taken as u8)));
                offer(prices.zeros[old], 1);
                if zeros >= 4 {
                    offer(prices.short_zeros, zeros.min(19));
                }
                if zeros >= 20 {
                    offer(prices.long_zeros, zeros.min(51));
                }
            } else {
                (run, zeros) = (run + 1, 0);
                ahead.copy_within(..4, 1);
                ahead[0] = array::from_fn(|index| frequencies[at] * BIT * (index as u32 + 1) + (room >> (index + 1)));
                let singles = &prices.singles[old];
                let mut offer = |behind: u32, own: &PerLength, taken: u8| {
                    let keys: PerLength =
                        array::from_fn(|index| (behind + own[index] + singles[index]) << 4 | index as u32);
                    let key = keys.into_iter().fold(u32::MAX, u32::min);
                    if key >> 4 < best.0 {
                        best = (key >> 4, ((key % 16) as u8 + 1, taken));
                    }
                };
                offer(costs[at + 1], &ahead[0], 1);
                if run >= 4 {
                    let four = array::from_fn(|index| ahead[..4].iter().map(|prices| prices[index]).sum());
                    offer(costs[at + 4] + prices.equal, &four, 4);
                    if run >= 5 {
                        let five = array::from_fn(|index| four[index] + ahead[4][index]);
                        offer(costs[at + 5] + prices.equal, &five, 5);
                    }
                }
            }
            (costs[at], steps[at]) = best;
        }
        let mut at = 0;
        while at < count {
            let (length, taken) = steps[at];
            let end = at + usize::from(taken);
            wanted[at..end].fill(if length == 0 { 0 } else { 1 << (MAX_CODEWORD_LEN - u32::from(length)) });
            at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYMBOLS: usize = 300;

    proptest! {
        #[test]
        fn codes_are_complete_and_rounds_only_gain(
            frequencies in prop::collection::vec(prop_oneof![2 => Just(0_u32), 4 => 1_u32..8, 1 => 1_u32..200], SYMBOLS),
            old in prop::collection::vec(0_u8..=16, SYMBOLS),
        ) {
            let frequencies: [u32; SYMBOLS] = frequencies.try_into().expect("as many as symbols");
            let old: [u8; SYMBOLS] = old.try_into().expect("as many as symbols");
            let bits = [0, 1, 4].map(|rounds| {
                let (lengths, vectors) = choose_lengths(&frequencies, &old, [256, SYMBOLS], rounds);
                let kraft: u32 = lengths.iter().filter(|&&length| length != 0).map(|&length| 1 << (16 - length)).sum();
                assert_eq!(kraft, 1 << 16);
                assert!(frequencies.iter().zip(&lengths).all(|(&frequency, &length)| frequency == 0 || length != 0));
                cost(&frequencies, &lengths) + vectors.iter().map(|vector| vector.bits).sum::<usize>()
            });
            prop_assert!(bits[0] >= bits[1] && bits[1] >= bits[2], "{:?}", bits);
        }
    }
}
