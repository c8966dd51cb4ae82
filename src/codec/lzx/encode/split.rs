//! Where blocks end.
//!
//! The segment's sequences are cut into pieces of about equal size. As long as it saves something, the two neighbours
//! that gain most by it are then joined: what counts is the entropy of their symbols plus an estimate of the headers.
//! Nearly as good as the best of all ways to join them, and it takes three estimates for a piece.
//!
//! A symbol that only one of two neighbours has costs the same whether they are joined or not, but for the total. So
//! what joining gains is counted over the symbols of one of them, the one with fewer.

use std::mem::take;
use std::slice::IterMut;

use super::sequence::{Block, Frequencies, Sequence};
use crate::codec::boxed::boxed_array;
use crate::codec::lzx::format::{ALIGNED_SYMBOLS, LENGTH_SYMBOLS, MAX_MAIN_SYMBOLS};
use crate::codec::price::{BIT, log2};

/// What a block's header costs before any codeword length: block type, size, three precodes.
const HEADER_BITS: u32 = 340;
/// What each used symbol adds to the header, tuned on mixed Windows files: codeword lengths and the code's imperfection.
const SYMBOL_BITS: u32 = 4;

/// All symbols of a block, side by side: those of the main code, then those of the length code.
const NUM_SYMBOLS: usize = MAX_MAIN_SYMBOLS + LENGTH_SYMBOLS;
/// More than there are symbols, and a power of two, which spares checks.
const ROOM: usize = NUM_SYMBOLS.next_power_of_two();

/// Frequencies below this are looked up.
const MAX_TABLED: usize = 1 << 11;

/// Is told of each literal and each sequence while a segment is parsed: the parser has them at hand, and has predicted where
/// runs of literals end.
pub(super) trait Count {
    /// Counts a literal.
    fn literal(&mut self, byte: u8);

    /// Counts a match, with which the sequence ends whose literals have been counted.
    fn sequence(&mut self, sequence: &Sequence);
}

/// Counts nothing.
impl Count for () {
    #[inline(always)]
    fn literal(&mut self, _: u8) {}

    #[inline(always)]
    fn sequence(&mut self, _: &Sequence) {}
}

/// Cuts a segment into pieces.
#[derive(Debug)]
pub(super) struct Cutter<'a> {
    /// The present piece.
    tally: Tally,
    /// Its symbols; at hand, since each literal counts.
    counts: &'a mut [u16; ROOM],
    pieces: IterMut<'a, Piece>,
    /// A piece ends with the sequence that gives it so many bytes.
    wanted: usize,
    /// Pieces that are complete.
    count: &'a mut usize,
}

impl Count for Cutter<'_> {
    #[inline(always)]
    fn literal(&mut self, byte: u8) {
        self.counts[usize::from(byte)] += 1;
    }

    #[inline(always)]
    fn sequence(&mut self, sequence: &Sequence) {
        let Self { tally, counts, .. } = self;
        if sequence.length != 0 {
            let (main, length) = sequence.symbols();
            counts[main % ROOM] += 1;
            if let Some(length) = length {
                counts[(MAX_MAIN_SYMBOLS + length) % ROOM] += 1;
            }
            if let Some(aligned) = sequence.aligned_symbol() {
                tally.aligned[aligned] += 1;
            }
        }
        tally.size += sequence.literals as usize + usize::from(sequence.length);
        tally.sequences += 1;
        if tally.size >= self.wanted {
            self.complete();
        }
    }
}

impl Cutter<'_> {
    /// Completes a piece.
    #[inline(never)]
    fn complete(&mut self) {
        *self.count += 1;
        let piece = self.pieces.next().expect("there are as many pieces as the segment can make");
        piece.take(take(&mut self.tally), self.counts);
        self.counts.fill(0);
    }

    /// Completes the last piece.
    pub(super) fn finish(mut self) {
        if self.tally.sequences != 0 {
            self.complete();
        }
    }
}

/// The piece boundaries of a segment.
#[derive(Debug)]
pub(super) struct Splitter {
    max_pieces: usize,
    /// Pieces, into the first of which others may have been joined.
    pieces: Vec<Piece>,
    /// How many of them are in use.
    count: usize,
    /// The symbols of the piece that is being cut.
    counts: Box<[u16; ROOM]>,
    /// The first pieces of the blocks, in order.
    blocks: Vec<usize>,
    /// What is gained by joining a block with the next one.
    gains: Vec<i64>,
    /// What a symbol of some frequency takes off the total's cost.
    own: Box<[i32; MAX_TABLED]>,
}

/// What there is in a piece besides symbols.
#[derive(Clone, Debug, Default)]
struct Tally {
    size: usize,
    sequences: usize,
    aligned: [u32; ALIGNED_SYMBOLS],
}

#[derive(Clone, Debug)]
struct Piece {
    tally: Tally,
    counts: Box<[u16; ROOM]>,
    /// The symbols that occur, in no order.
    used: Vec<u16>,
    /// How many symbols of each code there are.
    totals: [u32; 2],
}

impl Splitter {
    /// A splitter that considers cuts at so many places at most, one less than `max_pieces`.
    pub(super) fn new(max_pieces: usize) -> Self {
        let mut own = boxed_array(0);
        (0..).zip(own.iter_mut()).for_each(|(frequency, own)| *own = own_cost(frequency));
        let max_pieces = max_pieces.max(1);
        Self {
            max_pieces,
            // Sequences rarely end where a piece might: there can be one more.
            pieces: vec![Piece::new(); max_pieces + 1],
            count: 0,
            counts: boxed_array(0),
            blocks: Vec::with_capacity(max_pieces + 1),
            gains: Vec::with_capacity(max_pieces + 1),
            own,
        }
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_pieces: usize) -> usize {
        let piece = size_of::<Piece>() + size_of::<[u16; ROOM]>() + size_of::<[u16; NUM_SYMBOLS]>();
        (max_pieces + 1) * (piece + size_of::<usize>() + size_of::<i64>())
            + size_of::<[u16; ROOM]>()
            + size_of::<[i32; MAX_TABLED]>()
    }

    /// Appends the blocks that `data`, as divided by `sequences`, is best cut into.
    pub(super) fn split(&mut self, data: &[u8], sequences: &[Sequence], blocks: &mut Vec<Block>) {
        self.cut(data, sequences);
        self.join(blocks);
    }

    /// Cuts `data`, as divided by `sequences`, into pieces.
    #[inline(never)]
    pub(super) fn cut(&mut self, data: &[u8], sequences: &[Sequence]) {
        let mut cutter = self.begin(data.len());
        let mut rest = data;
        for sequence in sequences {
            let (literals, behind) = rest.split_at(sequence.literals as usize);
            literals.iter().for_each(|&byte| cutter.literal(byte));
            cutter.sequence(sequence);
            rest = &behind[usize::from(sequence.length)..];
        }
        cutter.finish();
    }

    /// Begins to cut a segment of `size` bytes.
    pub(super) fn begin(&mut self, size: usize) -> Cutter<'_> {
        let wanted = size.div_ceil(self.max_pieces);
        self.count = 0;
        self.counts.fill(0);
        let Self { counts, pieces, count, .. } = self;
        Cutter { tally: Tally::default(), counts, pieces: pieces.iter_mut(), wanted, count }
    }

    /// Joins the pieces, and appends the blocks that they become.
    #[inline(never)]
    pub(super) fn join(&mut self, blocks: &mut Vec<Block>) {
        self.blocks.clear();
        self.blocks.extend(0..self.count);
        self.gains.clear();
        for next in 1..self.count {
            self.gains.push(self.gain(next - 1, next));
        }
        while let Some((&gain, index)) = self.gains.iter().zip(0..).max()
            && gain >= 0
        {
            self.gains.remove(index);
            let next = self.blocks.remove(index + 1);
            let [first, next] = self.pieces.get_disjoint_mut([self.blocks[index], next]).expect("two pieces");
            first.join(next);
            for index in index.saturating_sub(1)..self.gains.len().min(index + 1) {
                self.gains[index] = self.gain(self.blocks[index], self.blocks[index + 1]);
            }
        }
        blocks.extend(self.blocks.iter().map(|&index| {
            let piece = &self.pieces[index];
            Block { size: piece.tally.size, sequences: piece.tally.sequences, frequencies: piece.frequencies() }
        }));
    }

    /// What is gained by joining two pieces. Extra offset bits do not depend on the blocks.
    #[inline(never)]
    fn gain(&self, first: usize, second: usize) -> i64 {
        let [first, second] = [&self.pieces[first], &self.pieces[second]];
        let (less, more) = if first.used.len() < second.used.len() { (first, second) } else { (second, first) };
        let (less_counts, more_counts) = (&*less.counts, &*more.counts);
        let own = &*self.own;
        let look_up = |count: usize| if count < MAX_TABLED { own[count] } else { own_cost(count as u32) };
        let mut gain = 0;
        for &symbol in &less.used {
            let symbol = usize::from(symbol) % ROOM;
            let (a, b) = (usize::from(less_counts[symbol]), usize::from(more_counts[symbol]));
            gain += i64::from(look_up(a + b) - look_up(a) - look_up(b));
        }
        let total = |total: u32| i64::from(total) * i64::from(log2(total.max(1)));
        for (&a, &b) in first.totals.iter().zip(&second.totals) {
            gain += total(a) + total(b) - total(a + b);
        }
        gain + i64::from(HEADER_BITS * BIT)
    }
}

/// What a symbol takes off the cost of a block's symbols: the logarithm of its own frequency, less its codeword length's
/// place in the header.
fn own_cost(frequency: u32) -> i32 {
    if frequency == 0 { 0 } else { (frequency * log2(frequency)) as i32 - (SYMBOL_BITS * BIT) as i32 }
}

impl Piece {
    fn new() -> Self {
        Self { tally: Tally::default(), counts: boxed_array(0), used: Vec::with_capacity(NUM_SYMBOLS), totals: [0; 2] }
    }

    /// Takes over what was counted, and finds out which symbols occur.
    fn take(&mut self, tally: Tally, counts: &[u16; ROOM]) {
        self.tally = tally;
        *self.counts = *counts;
        self.used.resize(NUM_SYMBOLS, 0);
        let (main, length) = counts[..NUM_SYMBOLS].split_at(MAX_MAIN_SYMBOLS);
        self.totals = [main, length].map(|counts| counts.iter().map(|&count| u32::from(count)).sum());
        // Without a branch: whether a symbol occurs is hard to predict.
        let mut used = 0;
        for (symbol, &count) in (0..).zip(&counts[..NUM_SYMBOLS]) {
            self.used[used] = symbol;
            used += usize::from(count != 0);
        }
        self.used.truncate(used);
    }

    /// Appends the next block.
    fn join(&mut self, next: &Self) {
        self.tally.size += next.tally.size;
        self.tally.sequences += next.tally.sequences;
        self.totals = [self.totals[0] + next.totals[0], self.totals[1] + next.totals[1]];
        self.tally.aligned.iter_mut().zip(&next.tally.aligned).for_each(|(own, next)| *own += next);
        for &symbol in &next.used {
            let index = usize::from(symbol) % ROOM;
            if self.counts[index] == 0 {
                self.used.push(symbol);
            }
            self.counts[index] = self.counts[index].saturating_add(next.counts[index]);
        }
    }

    fn frequencies(&self) -> Frequencies {
        let mut frequencies = Frequencies { aligned: self.tally.aligned, ..Frequencies::ZERO };
        let all = frequencies.main.iter_mut().chain(&mut frequencies.length);
        all.zip(&*self.counts).for_each(|(frequency, &count)| *frequency = count.into());
        frequencies
    }
}
