//! What the cheapest-path parser asks of a search. How one works best depends on the chunk's size.

pub(super) mod large;
pub(super) mod small;

use std::ops::Range;

use super::sequence::{Frequencies, RecentOffsets, Sequence};
use super::split::Splitter;

/// A part of a chunk that is parsed at a time.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// The chunk, padded.
    pub(super) buffer: &'a [u8],
    pub(super) range: Range<usize>,
}

/// A search for ways through parts of chunks.
pub(super) trait Search: Send + std::fmt::Debug {
    /// Forgets the previous chunk.
    fn reset(&mut self);

    /// Finds the matches of a part. The other methods want to be given the same one.
    fn find_matches(&mut self, part: &Part<'_>);

    /// Parses the part lazily: without prices, but well enough to tell where blocks end and what symbols cost there.
    /// Returns the recent offsets behind it. A splitter gets the part cut into pieces.
    fn parse_lazily(
        &mut self,
        part: &Part<'_>,
        recent: RecentOffsets,
        sequences: &mut Vec<Sequence>,
        splitter: Option<&mut Splitter>,
    ) -> RecentOffsets;

    /// Finds the cheapest way through the bytes `block` of the part, if symbols cost what frequencies, smoothed with a
    /// weight, suggest; appends it, and returns the recent offsets behind it.
    fn find_cheapest(
        &mut self,
        part: &Part<'_>,
        block: Range<usize>,
        recent: RecentOffsets,
        frequencies: &Frequencies,
        smoothing: u32,
        sequences: &mut Vec<Sequence>,
    ) -> RecentOffsets;
}
