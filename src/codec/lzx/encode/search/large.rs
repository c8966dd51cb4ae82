//! The search in chunks of more than 64 KiB, which come in segments: matches from a binary tree.

mod path;
mod prices;

use std::ops::Range;

use self::path::{Found, Paths};
use self::prices::Prices;
use super::{Part, Search};
use crate::codec::lzx::encode::SEGMENT_SIZE;
use crate::codec::lzx::encode::candidate::Candidate;
use crate::codec::lzx::encode::prices::SymbolPrices;
use crate::codec::lzx::encode::sequence::{Frequencies, OFFSET_ADJUSTMENT, RecentOffsets, Sequence};
use crate::codec::lzx::encode::split::Splitter;
use crate::codec::lzx::format::{MAX_MATCH, num_offset_slots};
use crate::codec::matchfinder::binary_tree::{BinaryTree, PackedMatch};
use crate::codec::matchfinder::common::SearchLimits;
use crate::codec::matchfinder::short::{ShortFinder, ShortMatches};

/// Matches kept for one position, on average; if a segment has more, its last positions go without.
const MATCHES_PER_POSITION: usize = 8;

/// The matches of a part, by position in it.
#[derive(Debug)]
struct Lists {
    short: Vec<ShortMatches>,
    /// All matches of four bytes and more, by position, each position's by growing length.
    matches: Vec<PackedMatch>,
    /// Where each position's matches begin, with the end of the last behind.
    begins: Vec<u32>,
}

impl Lists {
    fn found<'a>(&'a self, part: &Part<'a>) -> Found<'a> {
        let Self { short, matches, begins } = self;
        Found { short, matches, begins, buffer: part.buffer, segment_begin: part.range.start }
    }
}

/// A search with its tables.
#[derive(Debug)]
pub(in super::super) struct LargeSearch {
    tree: BinaryTree<u32>,
    short: ShortFinder,
    limits: SearchLimits,
    lists: Lists,
    prices: Prices,
    paths: Paths,
    num_slots: usize,
}

impl LargeSearch {
    pub(in super::super) fn new(max_size: usize, limits: SearchLimits, certain_length: usize) -> Self {
        Self {
            tree: BinaryTree::new(max_size),
            short: ShortFinder::new(),
            limits,
            lists: Lists {
                short: vec![ShortMatches::default(); SEGMENT_SIZE],
                matches: vec![PackedMatch::default(); MATCHES_PER_POSITION * SEGMENT_SIZE],
                begins: vec![0; SEGMENT_SIZE + 1],
            },
            prices: Prices::new(),
            paths: Paths::new(SEGMENT_SIZE, certain_length),
            num_slots: num_offset_slots(max_size.ilog2()),
        }
    }

    /// About how many bytes it occupies.
    pub(in super::super) const fn memory(max_size: usize) -> usize {
        let listed = MATCHES_PER_POSITION * size_of::<PackedMatch>() + size_of::<ShortMatches>() + size_of::<u32>();
        size_of::<Self>()
            + BinaryTree::<u32>::memory(max_size)
            + ShortFinder::memory()
            + SEGMENT_SIZE * listed
            + Prices::memory()
            + Paths::memory(SEGMENT_SIZE)
    }
}

impl Search for LargeSearch {
    fn reset(&mut self) {
        self.tree.reset();
        self.short.reset();
    }

    fn find_matches(&mut self, &Part { buffer, ref range }: &Part<'_>) {
        let Lists { short, matches, begins } = &mut self.lists;
        self.short.find(buffer, range.clone(), &mut short[..range.len()]);
        self.tree.find_long(buffer, range.clone(), MAX_MATCH, self.limits, begins, matches);
    }

    fn parse_lazily(
        &mut self,
        part: &Part<'_>,
        recent: RecentOffsets,
        sequences: &mut Vec<Sequence>,
        splitter: Option<&mut Splitter>,
    ) -> RecentOffsets {
        let recent = self.lists.found(part).parse_lazily(part.range.len(), recent, sequences);
        if let Some(splitter) = splitter {
            splitter.cut(&part.buffer[part.range.clone()], sequences);
        }
        recent
    }

    fn find_cheapest(
        &mut self,
        part: &Part<'_>,
        block: Range<usize>,
        recent: RecentOffsets,
        frequencies: &Frequencies,
        smoothing: u32,
        sequences: &mut Vec<Sequence>,
    ) -> RecentOffsets {
        self.prices.set(&SymbolPrices::learn(frequencies, self.num_slots, smoothing), self.num_slots);
        let recent = self.paths.run(&self.lists.found(part), block, recent, &self.prices);
        self.paths.follow(sequences);
        recent
    }
}

impl Found<'_> {
    /// Takes the best match, unless the next position has a clearly better one.
    fn parse_lazily(&self, end: usize, mut recent: RecentOffsets, sequences: &mut Vec<Sequence>) -> RecentOffsets {
        let best_at = |position: usize, recent| {
            let max_length = MAX_MATCH.min(end - position);
            let mut best = Candidate::recent(self.buffer, self.segment_begin + position, max_length, recent);
            if let Some(found) = self.at(position).last() {
                best.consider(found.length().min(max_length) as u32, found.offset() + OFFSET_ADJUSTMENT);
            } else if self.short[position].triple != 0 && max_length >= 3 {
                best.consider(3, u32::from(self.short[position].triple) + OFFSET_ADJUSTMENT);
            }
            best
        };
        let (mut position, mut literals_from) = (0, 0);
        while position < end {
            let mut current = best_at(position, recent);
            if current.length == 0 {
                position += 1;
                continue;
            }
            while position + 1 < end {
                let next = best_at(position + 1, recent);
                if !next.is_worth_waiting_for(current) {
                    break;
                }
                position += 1;
                current = next;
            }
            sequences.push(Sequence::new(position - literals_from, current.length, current.adjusted));
            recent = recent.after(current.adjusted);
            position += current.length;
            literals_from = position;
        }
        if literals_from < end {
            sequences.push(Sequence::new(end - literals_from, 0, 0));
        }
        recent
    }
}
