//! Where the cheapest-path parser's matches come from.

mod handed_on;
mod tree;

use std::ops::Range;

pub(super) use self::handed_on::HandedOn;
pub(super) use self::tree::Tree;
use crate::codec::matchfinder::binary_tree::PackedMatch;
use crate::codec::matchfinder::short::ShortMatches;

/// The matches of a segment, by position in it.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) short: Vec<ShortMatches>,
    /// All matches of four bytes and more, by position, each position's by growing length.
    pub(super) matches: Vec<PackedMatch>,
    /// Where each position's matches begin, with the end of the last behind.
    pub(super) begins: Vec<u32>,
}

/// Matches kept for one position, on average; if a segment has more, its last positions go without.
const MATCHES_PER_POSITION: usize = 8;

impl Lists {
    pub(super) fn new(segment: usize) -> Self {
        Self {
            short: vec![ShortMatches::default(); segment],
            matches: vec![PackedMatch::default(); MATCHES_PER_POSITION * segment],
            begins: vec![0; segment + 1],
        }
    }

    /// Bytes on the heap.
    pub(super) const fn memory(segment: usize) -> usize {
        segment * (MATCHES_PER_POSITION * size_of::<PackedMatch>() + size_of::<ShortMatches>() + size_of::<u32>())
    }
}

/// Finds matches.
pub(super) trait Source: Send + std::fmt::Debug {
    /// Forgets the previous chunk.
    fn reset(&mut self);

    /// Lists the matches of the positions `range` of the padded `buffer`. They may reach beyond the range.
    fn find(&mut self, buffer: &[u8], range: Range<usize>, lists: &mut Lists);
}
