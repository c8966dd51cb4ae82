//! Where blocks end.
//!
//! The segment's sequences are cut into pieces of about equal size. As long as it saves something, the two neighbours
//! that gain most by it are then joined: what counts is the entropy of their symbols plus an estimate of the headers.
//! Nearly as good as the best of all ways to join them, and it takes three estimates for a piece.

use super::sequence::{Frequencies, Sequence};
use crate::codec::lzx::format::{ALIGNED_SYMBOLS, LENGTH_SYMBOLS, MAX_MAIN_SYMBOLS};
use crate::codec::price::{BIT, log2};

/// What a block's header costs before any codeword length: block type, size, three precodes.
const HEADER_BITS: u32 = 260;
/// What each used symbol adds to the header, tuned on mixed Windows files: codeword lengths and the code's imperfection.
const SYMBOL_BITS: u32 = 6;

/// The piece boundaries of a segment.
#[derive(Debug)]
pub(super) struct Splitter {
    max_pieces: usize,
    blocks: Vec<Block>,
    /// What a symbol of some frequency takes off the total's cost.
    own: Box<[i32; MAX_TABLED]>,
}

/// Frequencies below this are looked up.
const MAX_TABLED: usize = 1 << 11;

/// All symbols of a block, side by side.
type Counts = [u16; MAX_MAIN_SYMBOLS + LENGTH_SYMBOLS];

#[derive(Debug)]
struct Block {
    size: usize,
    sequences: usize,
    counts: Counts,
    aligned: [u32; ALIGNED_SYMBOLS],
    totals: [u32; 2],
    cost: i64,
    /// The cost of this block joined with the next one.
    joined: i64,
}

impl Splitter {
    /// A splitter that considers cuts at so many places at most, one less than `max_pieces`.
    pub(super) fn new(max_pieces: usize) -> Self {
        let own = (0..MAX_TABLED as u32).map(own_cost).collect::<Vec<_>>();
        Self { max_pieces, blocks: Vec::with_capacity(max_pieces + 1), own: own.try_into().expect("as many") }
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_pieces: usize) -> usize {
        (max_pieces + 1) * size_of::<Block>() + size_of::<[i32; MAX_TABLED]>()
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
        for index in 1..self.blocks.len() {
            self.blocks[index - 1].joined = self.joined_cost(index - 1);
        }
        loop {
            let pairs = self.blocks.windows(2).enumerate();
            let gains = pairs.map(|(index, pair)| (pair[0].cost + pair[1].cost - pair[0].joined, index));
            let Some((_, index)) = gains.max().filter(|&(gain, _)| gain >= 0) else { break };
            let next = self.blocks.remove(index + 1);
            self.blocks[index].join(&next);
            if index + 1 < self.blocks.len() {
                self.blocks[index].joined = self.joined_cost(index);
            }
            if index > 0 {
                self.blocks[index - 1].joined = self.joined_cost(index - 1);
            }
        }
        for block in &self.blocks {
            found(block.size, block.sequences, &block.frequencies());
        }
    }

    /// Cuts the sequences into pieces.
    fn cut(&mut self, data: &[u8], sequences: &[Sequence]) {
        self.blocks.clear();
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
            let mut block = Block::new(size, count, &frequencies);
            block.cost = self.cost(block.totals, block.counts.iter().copied());
            self.blocks.push(block);
            data = &data[size..];
            sequences = &sequences[count..];
        }
    }

    /// The cost of a block joined with the next one.
    fn joined_cost(&self, index: usize) -> i64 {
        let [a, b] = [&self.blocks[index], &self.blocks[index + 1]];
        let totals = [a.totals[0] + b.totals[0], a.totals[1] + b.totals[1]];
        self.cost(totals, a.counts.iter().zip(&b.counts).map(|(a, b)| a.saturating_add(*b)))
    }

    /// An estimate of what a block costs, extra offset bits aside: they do not depend on the blocks.
    #[inline(always)]
    fn cost(&self, totals: [u32; 2], counts: impl Iterator<Item = u16>) -> i64 {
        let own = counts.map(|count| {
            let tabled = self.own[usize::from(count) % MAX_TABLED];
            i64::from(if usize::from(count) < MAX_TABLED { tabled } else { own_cost(count.into()) })
        });
        let all: i64 = totals.iter().map(|&total| i64::from(total) * i64::from(log2(total.max(1)))).sum();
        all + i64::from(HEADER_BITS * BIT) - own.sum::<i64>()
    }
}

/// What a symbol takes off the cost of a block's symbols: the logarithm of its own frequency, less its codeword length's
/// place in the header.
fn own_cost(frequency: u32) -> i32 {
    if frequency == 0 { 0 } else { (frequency * log2(frequency)) as i32 - (SYMBOL_BITS * BIT) as i32 }
}

impl Block {
    fn new(size: usize, sequences: usize, frequencies: &Frequencies) -> Self {
        let mut counts = [0; MAX_MAIN_SYMBOLS + LENGTH_SYMBOLS];
        for (count, &frequency) in counts.iter_mut().zip(frequencies.main.iter().chain(&frequencies.length)) {
            *count = frequency.min(u16::MAX.into()) as u16;
        }
        let totals = [frequencies.main.iter().sum(), frequencies.length.iter().sum()];
        Self { size, sequences, counts, aligned: frequencies.aligned, totals, cost: 0, joined: 0 }
    }

    /// Appends the next block.
    fn join(&mut self, next: &Self) {
        self.cost = self.joined;
        self.size += next.size;
        self.sequences += next.sequences;
        self.totals = [self.totals[0] + next.totals[0], self.totals[1] + next.totals[1]];
        self.counts.iter_mut().zip(&next.counts).for_each(|(own, next)| *own = own.saturating_add(*next));
        self.aligned.iter_mut().zip(&next.aligned).for_each(|(own, next)| *own += next);
    }

    fn frequencies(&self) -> Frequencies {
        let mut frequencies = Frequencies { aligned: self.aligned, ..Frequencies::ZERO };
        let all = frequencies.main.iter_mut().chain(&mut frequencies.length);
        all.zip(&self.counts).for_each(|(frequency, &count)| *frequency = count.into());
        frequencies
    }
}
