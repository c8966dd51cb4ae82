//! Where blocks end.
//!
//! The segment's sequences are cut into pieces of about equal size; a shortest-path search over the piece boundaries
//! then finds the blocks that cost least: the entropy of their symbols plus an estimate of their headers.

use super::sequence::{Frequencies, Sequence};
use crate::codec::price::{BIT, log2};

/// What a block's header costs before any codeword length: block type, size, three precodes.
const HEADER_BITS: u32 = 240;
/// What each used symbol adds to the header.
const SYMBOL_BITS: u32 = 3;

/// The piece boundaries of a segment and the best way to join pieces to blocks.
#[derive(Debug)]
pub(super) struct Splitter {
    max_pieces: usize,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    size: usize,
    sequences: usize,
    frequencies: Frequencies,
    /// The cheapest cost of all up to the end of this piece, and the first piece of the block that ends with it.
    cost: u64,
    block_begin: usize,
}

impl Splitter {
    /// A splitter that considers cuts at so many places at most, one less than `max_pieces`.
    pub(super) fn new(max_pieces: usize) -> Self {
        Self { max_pieces, pieces: Vec::with_capacity(max_pieces + 1) }
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_pieces: usize) -> usize {
        (max_pieces + 1) * size_of::<Piece>()
    }

    /// Hands `found` each block's size, number of sequences and frequencies, in order.
    #[inline(never)]
    pub(super) fn split(
        &mut self,
        data: &[u8],
        sequences: &[Sequence],
        mut found: impl FnMut(usize, usize, &Frequencies),
    ) {
        self.cut(data, sequences);
        for end in 0..self.pieces.len() {
            let mut sum = Frequencies::ZERO;
            let (mut cost, mut block_begin) = (u64::MAX, 0);
            for begin in (0..=end).rev() {
                sum.merge(&self.pieces[begin].frequencies);
                let before = if begin == 0 { 0 } else { self.pieces[begin - 1].cost };
                let total = before + block_cost(&sum);
                if total < cost {
                    (cost, block_begin) = (total, begin);
                }
            }
            (self.pieces[end].cost, self.pieces[end].block_begin) = (cost, block_begin);
        }

        let mut begins = Vec::with_capacity(self.pieces.len());
        let mut end = self.pieces.len();
        while end > 0 {
            let begin = self.pieces[end - 1].block_begin;
            begins.push(begin..end);
            end = begin;
        }
        for pieces in begins.into_iter().rev().map(|range| &self.pieces[range]) {
            let mut sum = Frequencies::ZERO;
            pieces.iter().for_each(|piece| sum.merge(&piece.frequencies));
            let (size, count) = pieces.iter().fold((0, 0), |(a, b), piece| (a + piece.size, b + piece.sequences));
            found(size, count, &sum);
        }
    }

    /// Cuts the sequences into pieces.
    fn cut(&mut self, data: &[u8], sequences: &[Sequence]) {
        self.pieces.clear();
        let wanted = data.len().div_ceil(self.max_pieces);
        let (mut data, mut sequences) = (data, sequences);
        while !sequences.is_empty() {
            let (mut size, mut count) = (0, 0);
            while size < wanted && count < sequences.len() {
                size += sequences[count].literals as usize + usize::from(sequences[count].length);
                count += 1;
            }
            let mut frequencies = Frequencies::ZERO;
            frequencies.add(data, &sequences[..count]);
            self.pieces.push(Piece { size, sequences: count, frequencies, cost: 0, block_begin: 0 });
            data = &data[size..];
            sequences = &sequences[count..];
        }
    }
}

/// An estimate of what a block costs, extra offset bits aside: they do not depend on the blocks.
fn block_cost(frequencies: &Frequencies) -> u64 {
    let bits = entropy(&frequencies.main) + entropy(&frequencies.length);
    bits + u64::from(HEADER_BITS * BIT)
}

/// The information content of all symbols, and the estimated cost of their codeword lengths.
fn entropy(frequencies: &[u32]) -> u64 {
    let (mut total, mut used, mut own) = (0, 0, 0);
    for &frequency in frequencies.iter().filter(|&&frequency| frequency != 0) {
        total += frequency;
        used += SYMBOL_BITS * BIT;
        own += u64::from(frequency) * u64::from(log2(frequency));
    }
    // No symbol is more frequent than all together: this does not go below zero.
    if total == 0 { 0 } else { u64::from(total) * u64::from(log2(total)) - own + u64::from(used) }
}
