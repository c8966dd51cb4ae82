//! The adaptive prefix codes: symbol frequencies, and the exact code that they stand for.
//!
//! Encoder and decoder rebuild each code from its frequencies after a fixed number of symbols, so both must break
//! Huffman's ties alike: leaves in order of (frequency, symbol), a leaf before an internal node of equal frequency,
//! codewords canonical.
//!
//! Rebuilding is a good part of the time of a chunk, so it is made of straight passes:
//!
//! 1. A counting sort on the frequency. Few symbols are frequent: those share the last bucket, which is then sorted
//!    by comparison.
//! 2. The two queues of Huffman's algorithm: leaves, and internal nodes in the order of their creation. What is
//!    remembered of each merge is only how many internal nodes had been taken from their queue by then. That is
//!    enough: depth never increases along that queue, so the internal nodes of one depth are neighbours, and the
//!    children of the run `[first, end)` that are internal nodes are the run `[taken[first - 1], first)`. Counting
//!    the codewords of each length takes one look-up per length.
//! 3. The first leaves in sorted order get the longest codewords.

use crate::codec::price;

/// The longest codeword. Frequencies stay below 2 × interval + 2 × symbols, and a code of depth 16 needs a total
/// weight of at least the 18th Fibonacci number, 2584: more than the literal code (2560) or any smaller one can have.
/// The larger offset codes have so many leaves that they are flatter still.
pub(super) const MAX_CODEWORD_LEN: usize = 15;

/// Symbols of the largest alphabet, rounded up to a power of two so that a masked index needs no check.
pub(super) const MAX_SYMBOLS: usize = 1024;

/// Frequencies from here share the last bucket of the counting sort.
const BUCKETS: usize = 128;

/// How many codewords there are of each length.
pub(super) type LengthCounts = [u16; MAX_CODEWORD_LEN + 1];

/// The frequencies of an alphabet's symbols, with the working memory for making a code from them.
#[derive(Debug)]
pub(super) struct Frequencies {
    num_symbols: usize,
    frequencies: [u16; MAX_SYMBOLS],
    /// Symbols in ascending order of (frequency, symbol), as frequency << 16 | symbol.
    sorted: [u32; MAX_SYMBOLS],
    /// Codeword length of each symbol.
    lengths: [u8; MAX_SYMBOLS],
    merges: Merges,
}

/// The internal nodes of Huffman's algorithm in the order of their creation.
#[derive(Debug)]
struct Merges {
    /// Keys, in the order of leaves and internal nodes alike.
    nodes: [u32; MAX_SYMBOLS],
    /// How many internal nodes had been taken from their queue behind each merge.
    taken: [u16; MAX_SYMBOLS],
}

impl Frequencies {
    pub(super) fn new() -> Self {
        Self {
            num_symbols: 0,
            frequencies: [0; MAX_SYMBOLS],
            sorted: [0; MAX_SYMBOLS],
            lengths: [0; MAX_SYMBOLS],
            merges: Merges { nodes: [0; MAX_SYMBOLS], taken: [0; MAX_SYMBOLS] },
        }
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
        self.sort();
        let counts = self.merges.count_lengths(&self.sorted, self.num_symbols);
        let mut rest = &self.sorted[..self.num_symbols];
        for length in (1..=MAX_CODEWORD_LEN).rev() {
            let (these, shorter) = rest.split_at(usize::from(counts[length]));
            for key in these {
                self.lengths[*key as usize % MAX_SYMBOLS] = length as u8;
            }
            rest = shorter;
        }
        (&self.lengths[..self.num_symbols], counts)
    }

    fn sort(&mut self) {
        let frequencies = &self.frequencies[..self.num_symbols];
        let bucket = |frequency: u16| usize::from(frequency).min(BUCKETS - 1);
        let mut next = [0u16; BUCKETS];
        for &frequency in frequencies {
            next[bucket(frequency)] += 1;
        }
        let mut start = 0;
        for slot in &mut next {
            start += std::mem::replace(slot, start);
        }
        let frequent = usize::from(next[BUCKETS - 1]);
        for (symbol, &frequency) in frequencies.iter().enumerate() {
            let slot = &mut next[bucket(frequency)];
            self.sorted[usize::from(*slot) % MAX_SYMBOLS] = u32::from(frequency) << 16 | symbol as u32;
            *slot += 1;
        }
        self.sorted[frequent..self.num_symbols].sort_unstable();
        self.sorted[self.num_symbols..self.num_symbols + 2].fill(u32::MAX);
    }
}

impl Merges {
    /// Counts the codewords of each length in Huffman's code for the first `num_leaves` keys, sorted. Behind them there
    /// are two more that are `u32::MAX`.
    fn count_lengths(&mut self, leaves: &[u32; MAX_SYMBOLS], num_leaves: usize) -> LengthCounts {
        let Self { nodes, taken } = self;
        let merges = num_leaves - 1;
        // Internal nodes have keys too. They are above those of all leaves of the same frequency, and a node that does
        // not exist yet is above all.
        nodes[..2].fill(u32::MAX);
        let (mut leaf, mut node) = (0, 0);
        for merge in 0..merges {
            let [first_leaf, second_leaf] = [0, 1].map(|k| leaves[(leaf + k) % MAX_SYMBOLS]);
            let [first_node, second_node] = [0, 1].map(|k| nodes[(node + k) % MAX_SYMBOLS]);
            let (a, b);
            if second_leaf < first_node {
                (a, b) = (first_leaf, second_leaf);
                leaf += 2;
            } else if second_node < first_leaf {
                (a, b) = (first_node, second_node);
                node += 2;
            } else {
                (a, b) = (first_leaf, first_node);
                leaf += 1;
                node += 1;
            }
            nodes[merge % MAX_SYMBOLS] = ((a >> 16) + (b >> 16)) << 16 | 0xFFFF;
            nodes[(merge + 2) % MAX_SYMBOLS] = u32::MAX;
            taken[merge % MAX_SYMBOLS] = node as u16;
        }

        let mut counts = LengthCounts::default();
        // The internal nodes of the present depth, beginning with the root.
        let (mut first, mut end) = (merges - 1, merges);
        for count in &mut counts[1..] {
            let children = 2 * (end - first);
            end = first;
            first = if end == 0 { 0 } else { usize::from(taken[end - 1]) };
            *count = (children - (end - first)) as u16;
        }
        debug_assert_eq!(first, end, "a code deeper than {MAX_CODEWORD_LEN}");
        counts
    }
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
