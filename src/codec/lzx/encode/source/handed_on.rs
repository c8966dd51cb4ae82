//! The longest match of each position and a nearer one, from a search that hands matches on.
//!
//! It takes a fraction of the time of a tree, and finds as much that is of use: what the tree knows besides is longer
//! than one and nearer than the other, and is rarely the cheapest.

use std::hint::select_unpredictable;
use std::mem::replace;
use std::ops::Range;

use super::{Lists, Source};
use crate::codec::boxed::boxed_array;
use crate::codec::lzx::format::MAX_MATCH;
use crate::codec::matchfinder::binary_tree::PackedMatch;
use crate::codec::matchfinder::common::{PADDING, hash};
use crate::codec::matchfinder::handed_on::buffer::Buffer;
use crate::codec::matchfinder::handed_on::{FindMatches, Match, Matches};
use crate::codec::matchfinder::short::{MAX_PAIR_OFFSET, PAIR_BITS, ShortMatches};

/// A search for chunks of no more than one segment.
#[derive(Debug)]
pub(in super::super) struct HandedOn {
    finder: Box<dyn FindMatches>,
    buffer: Box<Buffer>,
    matches: Matches,
    /// The newest position of each hash of two bytes.
    pairs: Box<[u16; 1 << PAIR_BITS]>,
}

impl HandedOn {
    pub(in super::super) fn new(finder: Box<dyn FindMatches>) -> Self {
        Self { finder, buffer: Box::new(Buffer::new()), matches: Matches::new(), pairs: boxed_array(0) }
    }

    /// Bytes on the heap, the finder's aside.
    pub(in super::super) const fn memory() -> usize {
        size_of::<Self>() + size_of::<Buffer>() + Matches::MEMORY + size_of::<[u16; 1 << PAIR_BITS]>()
    }
}

impl Source for HandedOn {
    /// Each chunk is searched at once: the search begins anew.
    fn reset(&mut self) {}

    #[inline(never)]
    fn find(&mut self, buffer: &[u8], range: Range<usize>, lists: &mut Lists) {
        let size = range.end;
        assert!(range.start == 0 && size + PADDING == buffer.len(), "the chunk is one segment");
        self.buffer.fill(&buffer[..size]);
        self.finder.find(&self.buffer, size, &mut self.matches);
        let (buffer, Matches { longest, nearest }) = (&*self.buffer, &self.matches);
        let Lists { short, matches, begins } = lists;
        self.pairs.fill(0);
        let mut count = 0;
        let all = longest.iter().zip(&**nearest).zip(short.iter_mut().zip(begins.iter_mut())).take(size);
        for (position, ((&long, &near), (short, begin))) in all.enumerate() {
            // What is found behind the chunk's end has no room there, and is not used.
            let bytes = buffer.word(position) << 16;
            let newest = replace(&mut self.pairs[hash::<PAIR_BITS>(bytes)], position as u16);
            let pair = (position as u16).wrapping_sub(newest);
            let is_pair = (buffer.word(newest.into()) << 16 == bytes) & (usize::from(pair) <= MAX_PAIR_OFFSET);
            let (offset, near_offset) = (long.offset(position), near.offset(position));
            let triple = select_unpredictable(near.is_some(), near_offset, offset);
            *short = ShortMatches {
                pair: select_unpredictable(is_pair, pair, 0),
                triple: select_unpredictable(near.is_some() | long.is_some(), triple as u16, 0),
            };

            // It cannot be predicted how many there are: both are written, and counted if they are.
            *begin = count as u32;
            let is_listed = |one: Match| one.length() > 3;
            let is_nearer = (near.length() < long.length()) & (near_offset < offset);
            matches[count] = PackedMatch::new(near.length(), near_offset);
            count += usize::from(is_listed(near) & is_nearer);
            matches[count] = PackedMatch::new(long.length().min(MAX_MATCH), offset);
            count += usize::from(is_listed(long));
        }
        begins[size] = count as u32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::matchfinder::handed_on::{Finder, Thrift};

    proptest! {
        /// Whatever chunk came before: what is listed is a match, and of two the longer one is farther away.
        #[test]
        fn what_is_listed_is_there(
            chunks in prop::collection::vec(prop::collection::vec(0u8..4, 1..900), 1..3),
            nice_length in 4usize..40,
        ) {
            let mut source = HandedOn::new(Finder::<14, 2, 1, true>::boxed(Thrift { nice_length, stride: 1 }));
            let mut lists = Lists::new(1024);
            for chunk in chunks {
                let size = chunk.len();
                let mut buffer = chunk;
                buffer.resize(size + PADDING, 0);
                source.reset();
                source.find(&buffer, 0..size, &mut lists);
                for position in 0..size {
                    let found = &lists.matches[lists.begins[position] as usize..lists.begins[position + 1] as usize];
                    prop_assert!(found.is_sorted_by(|a, b| a.length() < b.length() && a.offset() < b.offset()));
                    let long = found.iter().map(|one| (one.length(), one.offset() as usize));
                    let ShortMatches { pair, triple } = lists.short[position];
                    let short = [(2, pair), (3, triple)].map(|(length, offset)| (length, usize::from(offset)));
                    for (length, offset) in long.chain(short.into_iter().filter(|one| one.1 != 0)) {
                        prop_assert!((1..=position).contains(&offset));
                        let length = length.min(size - position);
                        let from = position - offset;
                        prop_assert_eq!(&buffer[from..from + length], &buffer[position..position + length]);
                    }
                }
            }
        }
    }
}
