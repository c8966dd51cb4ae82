//! Codeword lengths of a canonical prefix code, limited to a longest codeword, and the codewords themselves.
//!
//! The lengths are Huffman's, but for the limit. Only the *number* of codewords of each length is kept, which makes limiting
//! simple: leaves deeper than the limit are lifted to it, which over-subscribes the code by some units of 2^-limit; each
//! repair step then splits the deepest leaf above the limit into two one level down and moves one lifted leaf beside
//! it, which takes back exactly one unit. Package-merge would be optimal; the limits of XPRESS and LZX bind so rarely that
//! the difference does not show.

use super::merger::{MAX_TOTAL, Merger, ROOM};

/// Most symbols an alphabet may have.
pub const MAX_SYMBOLS: usize = ROOM - 2;
/// Longest codeword that can be asked for, in bits.
pub const MAX_LEN: u32 = 16;

/// How many codewords there are of each length.
type LengthCounts = [u16; MAX_LEN as usize + 1];

/// Computes the codeword length of each symbol, 0 for those that do not occur.
///
/// The code is complete: the lengths' Kraft sum is 1. A code of one symbol gets a second one, symbol 0 or else symbol 1,
/// because readers refuse incomplete codes. If nothing occurs, all lengths are 0.
///
/// # Panics
/// If there are more than [`MAX_SYMBOLS`] symbols or a different number of lengths, if `max_len` exceeds [`MAX_LEN`]
/// or is too small for the number of symbols, or if the frequencies' sum exceeds 2^22.
pub fn limited_lengths(frequencies: &[u32], max_len: u32, lengths: &mut [u8]) {
    assert!(frequencies.len() == lengths.len() && frequencies.len() <= MAX_SYMBOLS && max_len <= MAX_LEN);
    assert!(frequencies.iter().map(|&frequency| u64::from(frequency)).sum::<u64>() <= MAX_TOTAL.into());
    lengths.fill(0);
    let mut merger = Merger::new();
    match merger.sort(frequencies.iter().copied()) {
        0 => {}
        1 => {
            let symbol = frequencies.iter().position(|&frequency| frequency != 0).unwrap_or(0);
            lengths[symbol] = 1;
            lengths[usize::from(symbol == 0)] = 1;
        }
        used => {
            assert!(used <= 1 << max_len);
            let mut counts = merger.count_lengths(max_len as usize);
            repair(&mut counts, max_len as usize);
            merger.assign(&counts, lengths);
        }
    }
}

/// Makes an over-subscribed set of leaf counts complete again.
fn repair(counts: &mut LengthCounts, limit: usize) {
    let kraft: u32 = (1..=limit).map(|len| u32::from(counts[len]) << (limit - len)).sum();
    for _ in 1u32 << limit..kraft {
        let len = (1..limit).rev().find(|&len| counts[len] != 0).expect("a lifted leaf leaves room above the limit");
        counts[len] -= 1;
        counts[len + 1] += 2;
        counts[limit] -= 1;
    }
}

/// Assigns the canonical codewords: shorter ones first, within one length by symbol, from zero up.
///
/// Codewords of unused symbols mean nothing.
///
/// # Panics
/// If there are fewer codewords than lengths, or a length exceeds [`MAX_LEN`].
pub fn codewords(lengths: &[u8], words: &mut [u16]) {
    let mut counts = [0u16; MAX_LEN as usize + 1];
    for &len in lengths {
        counts[usize::from(len)] += 1;
    }
    let mut next = [0u16; MAX_LEN as usize + 1];
    let mut word = 0u16;
    for len in 1..=MAX_LEN as usize {
        let above = if len == 1 { 0 } else { counts[len - 1] };
        word = word.wrapping_add(above).wrapping_shl(1);
        next[len] = word;
    }
    // Without a branch: whether a symbol is used is hard to predict.
    for (word, &len) in words[..lengths.len()].iter_mut().zip(lengths) {
        *word = next[usize::from(len)];
        next[usize::from(len)] = word.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lengths_of(frequencies: &[u32], max_len: u32) -> Vec<u8> {
        let mut lengths = vec![0xff; frequencies.len()];
        limited_lengths(frequencies, max_len, &mut lengths);
        lengths
    }

    fn kraft(lengths: &[u8]) -> f64 {
        lengths.iter().filter(|&&len| len != 0).map(|&len| 0.5f64.powi(i32::from(len))).sum()
    }

    fn cost(frequencies: &[u32], lengths: &[u8]) -> u64 {
        frequencies.iter().zip(lengths).map(|(&f, &len)| u64::from(f) * u64::from(len)).sum()
    }

    /// The cost of an unlimited Huffman code: the sum of all merged weights, straight from the definition.
    fn huffman_cost(frequencies: &[u32]) -> u64 {
        let mut weights: Vec<u64> = frequencies.iter().filter(|&&f| f != 0).map(|&f| u64::from(f)).collect();
        let mut cost = 0;
        while weights.len() > 1 {
            weights.sort_unstable_by(|a, b| b.cmp(a));
            let merged = weights.pop().unwrap() + weights.pop().unwrap();
            weights.push(merged);
            cost += merged;
        }
        cost
    }

    /// The cost of the best code limited to `max_len`, by package-merge.
    fn limited_cost(frequencies: &[u32], max_len: u32) -> u64 {
        let mut leaves: Vec<u64> = frequencies.iter().filter(|&&f| f != 0).map(|&f| u64::from(f)).collect();
        leaves.sort_unstable();
        let mut row = leaves.clone();
        for _ in 1..max_len {
            let packages = row.chunks_exact(2).map(|pair| pair[0] + pair[1]);
            row = packages.chain(leaves.iter().copied()).collect();
            row.sort_unstable();
        }
        row[..2 * (leaves.len() - 1)].iter().sum()
    }

    #[test]
    fn degenerate_alphabets() {
        assert_eq!(lengths_of(&[0; 8], 7), [0; 8]);
        assert_eq!(lengths_of(&[9, 0, 0], 7), [1, 1, 0]);
        assert_eq!(lengths_of(&[0, 0, 9], 7), [1, 0, 1]);
        assert_eq!(lengths_of(&[0, 4, 9], 7), [0, 1, 1]);
    }

    #[test]
    fn codewords_of_the_lzx_example() {
        // lzx worked example: a=0, b=100, r=101, ' '=1100, c=1101, d=1110, 319=1111.
        let mut lengths = [0; 320];
        for (symbol, len) in [(32, 4), (97, 1), (98, 3), (99, 4), (100, 4), (114, 3), (319, 4)] {
            lengths[symbol] = len;
        }
        let mut words = [0; 320];
        codewords(&lengths, &mut words);
        assert_eq!([97, 98, 114, 32, 99, 100, 319].map(|symbol| words[symbol]), [0, 4, 5, 12, 13, 14, 15]);
    }

    #[test]
    fn fibonacci_weights_meet_the_limit() {
        let mut frequencies = [1u32; 28];
        for i in 2..28 {
            frequencies[i] = frequencies[i - 1] + frequencies[i - 2];
        }
        assert_eq!(*lengths_of(&frequencies[..16], 16).iter().max().unwrap(), 15);
        for limit in 12..=15 {
            let lengths = lengths_of(&frequencies, limit);
            assert_eq!(u32::from(*lengths.iter().max().unwrap()), limit);
            assert_eq!(kraft(&lengths), 1.0);
            let best = limited_cost(&frequencies, limit);
            let found = cost(&frequencies, &lengths);
            assert!(found >= best && found <= best + best / 50, "limit {limit}: {found} for {best}");
        }
    }

    proptest! {
        #[test]
        fn complete_limited_and_cheap(
            frequencies in prop::collection::vec(prop_oneof![3 => Just(0u32), 3 => 1u32..10, 1 => 1u32..5000], 2..600),
            limit in 13u32..=16,
        ) {
            let lengths = lengths_of(&frequencies, limit);
            let used = frequencies.iter().filter(|&&f| f != 0).count();
            prop_assert!(lengths.iter().all(|&len| u32::from(len) <= limit));
            if used > 0 {
                prop_assert_eq!(kraft(&lengths), 1.0);
            }
            if used > 1 {
                prop_assert!(frequencies.iter().zip(&lengths).all(|(&f, &len)| (f != 0) == (len != 0)));
                let (found, best) = (cost(&frequencies, &lengths), limited_cost(&frequencies, limit));
                prop_assert!(found >= best && found <= best + best / 50, "{} for {}", found, best);
                if lengths.iter().all(|&len| u32::from(len) < limit) {
                    prop_assert_eq!(found, huffman_cost(&frequencies));
                }
            }
        }
    }
}
