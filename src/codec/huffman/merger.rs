//! Huffman's algorithm: how long the codeword of each symbol is.
//!
//! Codes are made for every block, and by LZMS every few hundred symbols, so it is made of straight passes:
//!
//! 1. A counting sort on the frequency. Few symbols are frequent: those share the last bucket, which is then sorted
//!    by comparison.
//! 2. The two queues of Huffman's algorithm: leaves, and internal nodes in the order of their creation. What is
//!    remembered of each merge is only how many internal nodes had been taken from their queue by then. That is
//!    enough: depth never increases along that queue, so the internal nodes of one depth are neighbours, and the
//!    children of the run `[first, end)` that are internal nodes are the run `[taken[first - 1], first)`. Counting
//!    the codewords of each length takes one look-up per length.
//! 3. The first leaves in sorted order get the longest codewords.
//!
//! Ties are broken as LZMS asks for: leaves in order of (frequency, symbol), a leaf before an internal node of equal
//! frequency.

use std::mem::replace;

/// Symbols of the largest alphabet, and two more, rounded up to a power of two so that a masked index needs no check.
pub(crate) const ROOM: usize = 1 << SYMBOL_BITS;
/// Bits of a key that hold the symbol; the frequency is above them. No symbol is all ones.
const SYMBOL_BITS: u32 = 10;
/// What frequencies are less than, and may add up to.
pub(crate) const MAX_TOTAL: u32 = 1 << (u32::BITS - SYMBOL_BITS);

/// Frequencies from here share the last bucket of the counting sort.
const BUCKETS: usize = 128;

/// The working memory for making a code.
#[derive(Debug)]
pub(crate) struct Merger {
    /// The symbols that occur in ascending order of (frequency, symbol).
    leaves: [u32; ROOM],
    num_leaves: usize,
    /// The internal nodes in the order of their creation. Their keys are above those of all leaves of the same frequency.
    nodes: [u32; ROOM],
    /// How many internal nodes had been taken from their queue behind each merge.
    taken: [u16; ROOM],
}

impl Merger {
    pub(crate) const fn new() -> Self {
        Self { leaves: [0; ROOM], num_leaves: 0, nodes: [0; ROOM], taken: [0; ROOM] }
    }

    /// Sorts the symbols that occur; returns how many these are. Frequencies are below [`MAX_TOTAL`].
    ///
    /// # Panics
    /// If there is not room for as many symbols and two more.
    #[inline(always)]
    pub(crate) fn sort(&mut self, frequencies: impl ExactSizeIterator<Item = u32> + Clone) -> usize {
        let num_symbols = frequencies.len();
        assert!(num_symbols <= ROOM - 2, "an alphabet of {num_symbols} symbols");
        let bucket = |frequency: u32| (frequency as usize).min(BUCKETS - 1);
        let mut next = [0_u16; BUCKETS];
        frequencies.clone().for_each(|frequency| next[bucket(frequency)] += 1);
        // What does not occur comes behind all others, where it is no leaf.
        let used = num_symbols - usize::from(replace(&mut next[0], 0));
        let mut start = 0;
        for slot in &mut next {
            start += replace(slot, start);
        }
        next[0] = used as u16;
        let frequent = usize::from(next[BUCKETS - 1]);
        for (symbol, frequency) in (0..).zip(frequencies) {
            let slot = &mut next[bucket(frequency)];
            self.leaves[usize::from(*slot) % ROOM] = frequency << SYMBOL_BITS | symbol;
            *slot += 1;
        }
        self.leaves[frequent..used].sort_unstable();
        self.leaves[used..used + 2].fill(u32::MAX);
        self.num_leaves = used;
        used
    }

    /// Counts the codewords of each length from 0 up to `max_len`; longer ones count as if they had that length. There are at
    /// least two symbols.
    #[inline(always)]
    pub(crate) fn count_lengths<const LENGTHS: usize>(&mut self, max_len: usize) -> [u16; LENGTHS] {
        let Self { leaves, nodes, taken, .. } = self;
        let merges = self.num_leaves - 1;
        // A node that does not exist yet is above all.
        nodes[..2].fill(u32::MAX);
        let (mut leaf, mut node) = (0, 0);
        for merge in 0..merges {
            let [first_leaf, second_leaf] = [0, 1].map(|k| leaves[(leaf + k) % ROOM]);
            let [first_node, second_node] = [0, 1].map(|k| nodes[(node + k) % ROOM]);
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
            nodes[merge % ROOM] = ((a >> SYMBOL_BITS) + (b >> SYMBOL_BITS)) << SYMBOL_BITS | (ROOM as u32 - 1);
            nodes[(merge + 2) % ROOM] = u32::MAX;
            taken[merge % ROOM] = node as u16;
        }

        let mut counts = [0; LENGTHS];
        // The internal nodes of the present depth, beginning with the root.
        let (mut first, mut end) = (merges - 1, merges);
        let mut depth = 0;
        while first < end {
            let children = 2 * (end - first);
            end = first;
            first = if end == 0 { 0 } else { usize::from(taken[end - 1]) };
            depth += 1;
            counts[depth.min(max_len)] += (children - (end - first)) as u16;
        }
        counts
    }

    /// Tells the symbols their lengths, given how many codewords there are of each.
    #[inline(always)]
    pub(crate) fn assign(&self, counts: &[u16], lengths: &mut [u8]) {
        let mut rest = &self.leaves[..self.num_leaves];
        for (length, &count) in counts.iter().enumerate().rev() {
            let (these, shorter) = rest.split_at(count.into());
            for key in these {
                lengths[*key as usize % ROOM] = length as u8;
            }
            rest = shorter;
        }
    }
}
