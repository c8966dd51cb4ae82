//! A match finder for large windows: hash tables for several lengths side by side.
//!
//! A tree or suffix array finds every match, but spends most of its time waiting for memory, one dependent miss after
//! another. Here there is one table per length of interest: 2, 3, 4, 6, 8, 12, 24 bytes. Each has rows of the latest
//! positions whose next bytes hash to that row. The nearest match of at least each of those lengths is what an
//! optimal parser mostly wants.
//!
//! Positions are searched in blocks, and what each step of a search waits for is fetched while other blocks have their turn:
//!
//! 1. The strings at the positions of a block are hashed, and their rows fetched.
//! 2. They are looked up and entered. The data of those candidates are fetched whose hash agrees in more bits than
//!    the row needs.
//! 3. Candidates are compared in sixteen bytes each, independently of each other and without a branch to mispredict; few go on
//!    behind that.
//!
//! The tables of 8 and more bytes know only half of the positions: the **samples**. The bytes at a position decide
//! whether it is one, hence both ends of a match have theirs at the same places. Samples are searched a block ahead.
//! What they find is handed back to the positions before, as far as it goes on backwards, and the longest match
//! is handed on from each position to the next.
//!
//! Inside matches of the nice length nothing is searched: a parser takes them at once.
//!
//! Tables for short lengths are small, since far short matches do not pay; those for long lengths reach far. All
//! are sized by the data, not by what the context could at most be given.

mod table;

use std::ops::Range;

use self::table::{MULTIPLIER, Table};
use super::extend::extend;
use crate::codec::boxed::boxed_array;
use crate::codec::processor::{self, Processor, Work};

/// What must follow the data: the longest hash may run into it.
pub(crate) const PADDING: usize = 32;
/// Positions in a block.
const BLOCK: usize = 64;
/// Positions of which something is remembered between the steps: those of four blocks.
const RING: usize = 4 * BLOCK;
/// One in so many positions is a sample, as a power of two.
const SAMPLE_LOG2: u32 = 1;
/// Room for the candidates of a position: more than all rows together have.
const MOST_CANDIDATES: usize = 16;
/// Room for the candidates of a sample.
const MOST_SAMPLED: usize = 8;
/// Bytes that are compared at first.
const WINDOW: usize = 16;
/// The shortest match.
const MIN_MATCH: usize = 2;

/// A match at the position searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) length: u32,
    pub(crate) offset: u32,
}

/// Positions that a search shall look at, from the nearest on.
#[derive(Debug)]
struct Candidates<const MOST: usize> {
    positions: Box<[[u32; MOST]; RING]>,
    bounds: [Bounds; RING],
}

/// How many candidates a position has, and the farthest of them.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    count: u32,
    farthest: u32,
}

impl<const MOST: usize> Candidates<MOST> {
    fn new() -> Self {
        Self { positions: boxed_array([0; MOST]), bounds: [Bounds::default(); RING] }
    }

    /// Those of a position.
    #[inline(always)]
    fn of(&mut self, pos: usize) -> (&mut [u32; MOST], &mut Bounds) {
        (&mut self.positions[pos % RING], &mut self.bounds[pos % RING])
    }

    #[inline(always)]
    fn get(&self, pos: usize) -> &[u32] {
        &self.positions[pos % RING][..self.bounds[pos % RING].count as usize % MOST]
    }

    /// Begins with a block.
    #[inline(always)]
    fn begin(&mut self, block: usize) {
        let bounds = &mut self.bounds.as_chunks_mut::<BLOCK>().0[block % (RING / BLOCK)];
        for (bounds, pos) in bounds.iter_mut().zip(block * BLOCK..) {
            *bounds = Bounds { count: 0, farthest: pos as u32 };
        }
    }
}

/// The match finder.
#[derive(Debug)]
pub(crate) struct MultiHash {
    reach: Reach,
    nice_length: usize,
    of_2: Table<2, 1>,
    of_3: Table<3, 1>,
    of_4: Table<4, 2>,
    of_6: Table<6, 4>,
    of_8: Table<8, 2>,
    of_12: Table<12, 2>,
    of_24: Table<24, 1>,
    candidates: Candidates<MOST_CANDIDATES>,
    sampled: Candidates<MOST_SAMPLED>,
    /// Which positions of the present and the next blocks are samples, a bit for each.
    samples: [u64; RING / BLOCK],
    /// Where the longest match so far ends, and its offset.
    inherited: Ahead,
    /// Matches that samples have found for the present and the next few positions, by position.
    handed_back: [Ahead; RING],
    /// The end of the latest long match.
    covered: usize,
    /// The present block.
    block: usize,
    found: Box<[[Match; MOST_CANDIDATES]; BLOCK]>,
    num_found: [u8; BLOCK],
}

const _: () = assert!(BLOCK == u64::BITS as usize);

/// A match by where it ends.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    end: usize,
    offset: usize,
}

/// How large the tables become, as powers of two of positions. A table of 0 is not used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// For 2 bytes.
    pub(crate) of_2: u32,
    /// For 3 bytes.
    pub(crate) of_3: u32,
    /// For 4 bytes.
    pub(crate) of_4: u32,
    /// For 6 bytes.
    pub(crate) of_6: u32,
    /// For 8 bytes; this one and the following hold samples only.
    pub(crate) of_8: u32,
    /// For 12 bytes.
    pub(crate) of_12: u32,
    /// For 24 bytes.
    pub(crate) of_24: u32,
}

/// Runs a block for each table in use of a match finder.
macro_rules! for_each_table {
    ($finder:expr, $table:ident => $block:block) => {
        for_each_table!(@each $finder, $table, $block, of_2 of_3 of_4 of_6)
    };
    (samples of $finder:expr, $table:ident => $block:block) => {
        for_each_table!(@each $finder, $table, $block, of_8 of_12 of_24)
    };
    (@each $finder:expr, $table:ident, $block:block, $($name:ident)*) => {
        $({
            let $table = &mut $finder.$name;
            if !$table.is_empty() {
                $block
            }
        })*
    };
}

impl MultiHash {
    /// A match finder that looks for nothing inside matches of `nice_length`. It takes its memory when it is given data.
    pub(crate) fn new(reach: Reach, nice_length: usize) -> Self {
        Self {
            reach,
            nice_length,
            of_2: Table::new(),
            of_3: Table::new(),
            of_4: Table::new(),
            of_6: Table::new(),
            of_8: Table::new(),
            of_12: Table::new(),
            of_24: Table::new(),
            candidates: Candidates::new(),
            sampled: Candidates::new(),
            samples: [0; RING / BLOCK],
            inherited: Ahead::default(),
            handed_back: [Ahead::default(); RING],
            covered: 0,
            block: 0,
            found: boxed_array([Match::default(); MOST_CANDIDATES]),
            num_found: [0; BLOCK],
        }
    }

    /// How many bytes the tables occupy for data of this size.
    pub(crate) fn memory(reach: Reach, data_len: usize) -> u64 {
        Table::<2, 1>::memory(data_len, reach.of_2)
            + Table::<3, 1>::memory(data_len, reach.of_3)
            + Table::<4, 2>::memory(data_len, reach.of_4)
            + Table::<6, 4>::memory(data_len, reach.of_6)
            + Table::<8, 2>::memory(data_len, reach.of_8)
            + Table::<12, 2>::memory(data_len, reach.of_12)
            + Table::<24, 1>::memory(data_len, reach.of_24)
    }

    /// Begins with new data, behind which there are [`PADDING`] bytes that hashes may read.
    pub(crate) fn begin(&mut self, data: &[u8]) {
        let data_len = data.len() - PADDING;
        let reach = self.reach;
        self.of_2.reset(data_len, reach.of_2);
        self.of_3.reset(data_len, reach.of_3);
        self.of_4.reset(data_len, reach.of_4);
        self.of_6.reset(data_len, reach.of_6);
        self.of_8.reset(data_len, reach.of_8);
        self.of_12.reset(data_len, reach.of_12);
        self.of_24.reset(data_len, reach.of_24);
        self.inherited = Ahead::default();
        self.handed_back = [Ahead::default(); RING];
        // Nothing is before the first position.
        self.covered = 1;
        self.block = 0;
        processor::run(Begin { finder: self, data });
    }

    /// The matches at `pos`, of increasing length, no shorter than two bytes. Positions must be asked for in order.
    #[inline(always)]
    pub(crate) fn matches(&mut self, data: &[u8], pos: usize) -> &[Match] {
        while pos / BLOCK > self.block {
            processor::run(NextBlock { finder: self, data });
        }
        let index = pos % BLOCK;
        &self.found[index][..usize::from(self.num_found[index]) % MOST_CANDIDATES]
    }

    /// Begins with the first block.
    #[inline(always)]
    fn first_block(&mut self, data: &[u8]) {
        (0..3).for_each(|block| self.announce(data, block));
        (0..2).for_each(|block| self.look_up(data, block));
        self.search_samples(data, 0);
        self.step(data);
    }

    #[inline(always)]
    fn next_block(&mut self, data: &[u8]) {
        self.block += 1;
        self.step(data);
    }

    /// Finds the matches of the present block, and goes on with the next ones.
    #[inline(always)]
    fn step(&mut self, data: &[u8]) {
        self.announce(data, self.block + 3);
        self.look_up(data, self.block + 2);
        self.search_samples(data, self.block + 1);
        self.search(data);
    }

    /// Finds out which positions of a block are samples, and gets ready for the block.
    ///
    /// What the bytes are decides, so that two places with the same bytes have their samples at the same places.
    #[inline(always)]
    fn announce(&mut self, data: &[u8], block: usize) {
        let positions = positions(data, block);
        let mut samples = 0;
        for pos in positions.clone() {
            let word = u64::from_le_bytes(*data[pos..].first_chunk().expect("the data is padded"));
            let is_sample = word.wrapping_mul(MULTIPLIER) >> (64 - SAMPLE_LOG2) == 0;
            samples |= u64::from(is_sample) << (pos % BLOCK);
        }
        self.samples[block % (RING / BLOCK)] = samples;
        for_each_table!(self, table => { table.announce(data, positions.clone()) });
        for_each_table!(samples of self, table => { table.announce(data, Samples::new(block, samples)) });
    }

    /// Looks up the strings at the positions of a block.
    #[inline(always)]
    fn look_up(&mut self, data: &[u8], block: usize) {
        let positions = positions(data, block);
        let samples = Samples::new(block, self.samples[block % (RING / BLOCK)]);
        self.candidates.begin(block);
        self.sampled.begin(block);
        if self.covered >= positions.end {
            for_each_table!(self, table => { table.remember(positions.clone()) });
            for_each_table!(samples of self, table => { table.remember(samples) });
        } else {
            for_each_table!(self, table => { table.look_up(data, positions.clone(), &mut self.candidates) });
            for_each_table!(samples of self, table => { table.look_up(data, samples, &mut self.sampled) });
        }
    }

    /// Searches the samples of a block. What is found is handed back to positions from the present block on.
    #[inline(always)]
    fn search_samples(&mut self, data: &[u8], block: usize) {
        let end = data.len() - PADDING;
        let first = self.covered.max(self.block * BLOCK);
        for sample in Samples::new(block, self.samples[block % (RING / BLOCK)]) {
            if sample < first {
                continue;
            }
            let mut best = Ahead::default();
            for &candidate in self.sampled.get(sample) {
                let candidate = candidate as usize;
                let found = sample + common_length(data, candidate, sample, end - sample);
                if found > best.end.max(sample) {
                    best = Ahead { end: found, offset: sample - candidate };
                }
            }
            if best.end == 0 {
                continue;
            }
            let mut start = sample;
            while start > first && start > best.offset && data[start - 1] == data[start - 1 - best.offset] {
                start -= 1;
            }
            let slot = &mut self.handed_back[start % RING];
            if best.end > slot.end {
                *slot = best;
            }
        }
    }

    /// Finds the matches of the present block.
    #[inline(always)]
    fn search(&mut self, data: &[u8]) {
        let end = data.len() - PADDING;
        for pos in positions(data, self.block) {
            let found = &mut self.found[pos % BLOCK];
            let mut count = 0;
            let mut best = MIN_MATCH - 1;
            if pos >= self.covered {
                let max_length = end - pos;
                let here = window(data, pos);
                for &candidate in self.candidates.get(pos) {
                    let candidate = candidate as usize;
                    let mut length = (here ^ window(data, candidate)).trailing_zeros() as usize / 8;
                    if length == WINDOW {
                        length = common_length(data, candidate, pos, max_length);
                    }
                    length = length.min(max_length);
                    found[count % MOST_CANDIDATES] = Match { length: length as u32, offset: (pos - candidate) as u32 };
                    let is_longer = length > best;
                    count += usize::from(is_longer);
                    best = if is_longer { length } else { best };
                }
            }
            let handed_back = std::mem::take(&mut self.handed_back[pos % RING]);
            if handed_back.end > self.inherited.end {
                self.inherited = handed_back;
            }
            let Ahead { end, offset } = self.inherited;
            if end > pos + best {
                // What is longer and nearer makes others useless.
                while count > 0 && found[count - 1].offset as usize >= offset {
                    count -= 1;
                }
                best = end - pos;
                found[count] = Match { length: best as u32, offset: offset as u32 };
                count += 1;
            } else if count > 0 {
                let Match { length, offset } = found[count - 1];
                self.inherited = Ahead { end: pos + length as usize, offset: offset as usize };
            }
            if best >= self.nice_length {
                self.covered = self.covered.max(pos + best);
            }
            self.num_found[pos % BLOCK] = count as u8;
        }
    }
}

struct Begin<'a> {
    finder: &'a mut MultiHash,
    data: &'a [u8],
}

impl Work for Begin<'_> {
    type Output = ();

    #[inline(always)]
    fn run<P: Processor>(self) {
        self.finder.first_block(self.data);
    }
}

struct NextBlock<'a> {
    finder: &'a mut MultiHash,
    data: &'a [u8],
}

impl Work for NextBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<P: Processor>(self) {
        self.finder.next_block(self.data);
    }
}

/// The samples of a block.
#[derive(Clone, Copy)]
struct Samples {
    start: usize,
    rest: u64,
}

impl Samples {
    fn new(block: usize, samples: u64) -> Self {
        Self { start: block * BLOCK, rest: samples }
    }
}

impl Iterator for Samples {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let index = self.rest.trailing_zeros() as usize;
        self.rest &= self.rest.wrapping_sub(1);
        (index < BLOCK).then_some(self.start + index)
    }
}

/// The positions of a block, as far as there is data.
#[inline(always)]
fn positions(data: &[u8], block: usize) -> Range<usize> {
    let end = data.len() - PADDING;
    (block * BLOCK).min(end)..((block + 1) * BLOCK).min(end)
}

/// The bytes that are compared at first.
#[inline(always)]
fn window(data: &[u8], pos: usize) -> u128 {
    u128::from_le_bytes(*data[pos..].first_chunk().expect("the data is padded"))
}

/// How many bytes at `pos` are those at `from`, which is before it; at most `max_length`.
///
/// Behind those there are [`PADDING`] bytes.
#[inline(always)]
pub(crate) fn common_length(data: &[u8], from: usize, pos: usize, max_length: usize) -> usize {
    extend(data, from, pos, 0, max_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_true_and_increase() {
        let mut state = 1u32;
        let mut data: Vec<u8> = (0..3000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 30) as u8
            })
            .collect();
        data.extend_from_within(100..1500);
        let len = data.len();
        data.resize(len + PADDING, 0);
        let reach = Reach { of_2: 10, of_3: 10, of_4: 12, of_6: 12, of_8: 12, of_12: 12, of_24: 12 };
        let mut finder = MultiHash::new(reach, 1000);
        finder.begin(&data);
        let mut longest = 0;
        for pos in 0..len {
            let matches = finder.matches(&data, pos);
            assert!(matches.is_sorted_by(|a, b| a.length < b.length && a.offset < b.offset));
            for &Match { length, offset } in matches {
                let (length, from) = (length as usize, pos - offset as usize);
                assert_eq!(data[from..from + length], data[pos..pos + length]);
                assert!(pos + length == len || data[from + length] != data[pos + length]);
                longest = longest.max(length);
            }
        }
        assert!(longest > 1300, "{longest}");
    }
}
