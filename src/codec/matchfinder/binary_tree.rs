//! The binary tree match finder: for strong parsers that want every useful match.
//!
//! All positions whose first four bytes hash alike form a binary search tree, ordered by the bytes that follow, newest
//! at the root. To add a position, walk down from the old root as if searching for it: the nodes met are alternately
//! smaller and greater, and relinking them along the way splits the old tree into what is smaller and what is greater
//! than the new position, which becomes the root. The walk meets the position's neighbours in the order of bytes, hence
//! its longest matches, and each node met that beats the length so far is the nearest position with that length.
//!
//! The lengths agreed with the last smaller and the last greater node bound what any node below must agree with: a
//! comparison begins at the smaller of the two, not at zero. This is why a walk must always compare up to the same
//! length (`nice_length`, or the end of the data): where equality was declared early, order beyond is not known.
//!
//! The walk is all of the time. It works on bare pointers and has few enough variables for the registers; that no
//! position is followed but an earlier one bounds every access, and also ends the walk, since [`Position::NONE`] is not
//! earlier. Roots are looked up for some positions ahead, so that they need not be waited for.
#![allow(unsafe_code)]

use std::ops::Range;

use super::common::{PADDING, Position, SearchLimits, extend, hash, load_u32};
use super::prefetch::prefetch;
use crate::codec::boxed::boxed_array;

const HASH_BITS: u32 = 15;
/// Positions whose roots are looked up at a time.
const BATCH: usize = 16;
/// Positions with less data behind them are left out: a walk compares words.
const MIN_REST: usize = size_of::<u64>();

/// The tables.
#[derive(Debug)]
pub(crate) struct BinaryTree<P> {
    roots: Box<[P; 1 << HASH_BITS]>,
    /// The smaller child of each position, then the greater one.
    children: Box<[[P; 2]]>,
}

/// A match: the length above, the offset below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedMatch(u32);

const OFFSET_BITS: u32 = 21;
/// Room for the matches of one position: their lengths grow. Walks compare no farther than this, and LZX's longest
/// match is shorter.
pub(crate) const MOST_MATCHES: usize = 300;

impl PackedMatch {
    #[inline(always)]
    pub(crate) fn new(length: usize, offset: usize) -> Self {
        Self((length as u32) << OFFSET_BITS | offset as u32)
    }

    #[inline(always)]
    pub(crate) fn length(self) -> usize {
        (self.0 >> OFFSET_BITS) as usize
    }

    #[inline(always)]
    pub(crate) fn offset(self) -> u32 {
        self.0 & ((1 << OFFSET_BITS) - 1)
    }
}

impl<P: Position> BinaryTree<P> {
    /// Tables for chunks of at most `max_size` bytes.
    pub(crate) fn new(max_size: usize) -> Self {
        assert!(max_size <= 1 << OFFSET_BITS);
        Self { roots: boxed_array(P::NONE), children: vec![[P::NONE; 2]; max_size].into_boxed_slice() }
    }

    /// Bytes on the heap.
    pub(crate) const fn memory(max_size: usize) -> usize {
        ((1 << HASH_BITS) + 2 * max_size) * size_of::<P>()
    }

    /// Forgets all positions.
    pub(crate) fn reset(&mut self) {
        self.roots.fill(P::NONE);
    }

    /// Adds all positions of `range` and stores their matches of four bytes and more, each longer than the one before at
    /// the same position; `begins` tells where each position's begin and the last one's end. A position inside a match
    /// of the nice length is added without, and so are those for which `matches` has no room.
    pub(crate) fn find_long(
        &mut self,
        buffer: &[u8],
        range: Range<usize>,
        longest: usize,
        limits: SearchLimits,
        begins: &mut [u32],
        matches: &mut [PackedMatch],
    ) {
        let end = buffer.len() - PADDING;
        let (mut covered, mut count) = (0, 0);
        let mut batch = [0; BATCH];
        for first in range.clone().step_by(BATCH) {
            let positions = first..range.end.min(first + BATCH);
            for (position, candidate) in positions.clone().zip(&mut batch) {
                *candidate = self.replace_root(position, load_u32(buffer, position));
                prefetch(&self.children[(*candidate).min(position)]);
            }
            for (position, &candidate) in positions.zip(&batch) {
                begins[position - range.start] = count as u32;
                // Up to the end of the data, not of the range: the tree must order all positions by the same length.
                let max_length = longest.min(end - position);
                let report = position >= covered && matches.len() - count >= MOST_MATCHES;
                if candidate >= position {
                    self.children[position] = [P::NONE; 2];
                    continue;
                }
                let walk = Walk { position, candidate, max_length, limits, report };
                let found = walk.run(buffer, &mut self.children, &mut matches[count..]);
                if found != 0 {
                    count += found;
                    let length = matches[count - 1].length();
                    if length >= limits.nice_length {
                        covered = position + length;
                    }
                }
            }
        }
        begins[range.len()] = count as u32;
    }

    /// Makes `position`, where `bytes` are, the root of its tree; returns the former root.
    #[inline(always)]
    fn replace_root(&mut self, position: usize, bytes: u32) -> usize {
        std::mem::replace(&mut self.roots[hash::<HASH_BITS>(bytes)], P::new(position)).get()
    }
}

/// One walk down a tree.
struct Walk {
    position: usize,
    /// The root.
    candidate: usize,
    max_length: usize,
    limits: SearchLimits,
    /// Whether matches are wanted.
    report: bool,
}

impl Walk {
    /// Adds the position to the tree; returns how many matches of four bytes and more were stored.
    #[inline(never)]
    fn run<P: Position>(self, buffer: &[u8], children: &mut [[P; 2]], matches: &mut [PackedMatch]) -> usize {
        let Self { position, mut candidate, max_length, limits, report } = self;
        assert!(
            position < children.len()
                && position + max_length + PADDING <= buffer.len()
                && (!report || matches.len() >= MOST_MATCHES)
                && max_length < MOST_MATCHES
        );
        let children: *mut P = children.as_mut_ptr().cast();
        // SAFETY: the position has two links and is in the buffer, as asserted.
        let (mut smaller, mut greater, base) =
            unsafe { (children.add(2 * position), children.add(2 * position + 1), buffer.as_ptr()) };
        let mut count = 0;
        if max_length >= MIN_REST {
            // SAFETY: the position is in the buffer, as asserted.
            let here = unsafe { base.add(position) };
            // SAFETY: at most `nice_length` bytes are compared before the word; padding follows.
            let load =
                |at: *const u8, length: usize| unsafe { u64::from_le(at.add(length).cast::<u64>().read_unaligned()) };
            let nice_length = limits.nice_length.min(max_length);
            let mut best_length = if report { 3 } else { nice_length - 1 };
            let (mut smaller_length, mut greater_length) = (0, 0);
            let mut depth = limits.depth;
            while candidate < position && depth != 0 {
                // SAFETY: the candidate is earlier.
                let there = unsafe { base.add(candidate) };
                let mut length = usize::min(smaller_length, greater_length);
                let (mut theirs, mut ours) = (load(there, length), load(here, length));
                while theirs == ours {
                    length += 8;
                    if length >= nice_length {
                        break;
                    }
                    (theirs, ours) = (load(there, length), load(here, length));
                }
                length += (theirs ^ ours).trailing_zeros() as usize / 8;
                // SAFETY: the candidate is earlier than the position, so it has two links; the matches of one position
                // grow in length, so there is room for all, as asserted.
                unsafe {
                    let links = children.add(2 * candidate);
                    if length > best_length {
                        best_length = length;
                        if length >= nice_length {
                            if report {
                                let length = extend(buffer, candidate, position, nice_length, max_length);
                                *matches.get_unchecked_mut(count) = PackedMatch::new(length, position - candidate);
                                count += 1;
                            }
                            *smaller = *links;
                            *greater = *links.add(1);
                            return count;
                        }
                        *matches.get_unchecked_mut(count) = PackedMatch::new(length, position - candidate);
                        count += 1;
                    }
                    if theirs.swap_bytes() < ours.swap_bytes() {
                        *smaller = P::new(candidate);
                        smaller = links.add(1);
                        smaller_length = length;
                        candidate = (*smaller).get();
                    } else {
                        *greater = P::new(candidate);
                        greater = links;
                        greater_length = length;
                        candidate = (*greater).get();
                    }
                }
                depth -= 1;
            }
        }
        // SAFETY: both are links of the position or of a candidate.
        unsafe {
            *smaller = P::NONE;
            *greater = P::NONE;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// At each position the matches of four bytes and more that are longer than all nearer ones, from the definition.
    fn all_matches(data: &[u8], longest: usize) -> Vec<Vec<(usize, u32)>> {
        let common = |a: usize, b: usize| data[a..].iter().zip(&data[b..]).take_while(|(a, b)| a == b).count();
        let at = |position: usize| {
            let mut best = 3;
            let nearest_first = (0..position).rev().map(|from| (common(from, position).min(longest), from));
            let longer = nearest_first.filter(|&(length, _)| {
                let is_longer = length > best;
                best = best.max(length);
                is_longer
            });
            longer.map(|(length, from)| (length, (position - from) as u32)).collect()
        };
        (0..data.len()).map(at).collect()
    }

    proptest! {
        #[test]
        fn every_longer_match_is_found(data in prop::collection::vec(0u8..3, 1..500), cut in 0usize..500) {
            let longest = 40;
            let limits = SearchLimits { depth: u32::MAX, nice_length: usize::MAX };
            let mut buffer = data.clone();
            buffer.resize(data.len() + PADDING, 0);
            let expected = all_matches(&data, longest);

            let mut tree = BinaryTree::<u16>::new(512);
            let cut = cut.min(data.len());
            for range in [0..cut, cut..data.len()] {
                let mut begins = vec![0; range.len() + 1];
                let mut matches = vec![PackedMatch::default(); 1 << 16];
                tree.find_long(&buffer, range.clone(), longest, limits, &mut begins, &mut matches);
                for (position, begin) in range.zip(begins.windows(2)) {
                    let found = matches[begin[0] as usize..begin[1] as usize].iter();
                    let found: Vec<_> = found.map(|one| (one.length(), one.offset())).collect();
                    if position + MIN_REST <= data.len() {
                        prop_assert_eq!(&found, &expected[position], "at {}", position);
                    } else {
                        prop_assert_eq!(found, []);
                    }
                }
            }
        }
    }
}
