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
//! Shorter matches come from tables of the newest position.

use super::common::{Match, MatchFinder, Position, SearchLimits, ShortTables, compare, extend, hash, load_u32};

const HASH_BITS: u32 = 14;

/// The tables.
#[derive(Debug)]
pub(crate) struct BinaryTree<P> {
    short: ShortTables<P>,
    roots: Box<[P; 1 << HASH_BITS]>,
    /// The smaller child of each position, then the greater one.
    children: Box<[P]>,
}

impl<P: Position> MatchFinder for BinaryTree<P> {
    fn new(max_size: usize, min_length: usize) -> Self {
        Self {
            short: ShortTables::new(min_length),
            roots: Box::new([P::NONE; 1 << HASH_BITS]),
            children: vec![P::NONE; 2 * max_size].into_boxed_slice(),
        }
    }

    fn memory(max_size: usize, min_length: usize) -> usize {
        ShortTables::<P>::memory(min_length) + ((1 << HASH_BITS) + 2 * max_size) * size_of::<P>()
    }

    fn reset(&mut self) {
        self.short.reset();
        self.roots.fill(P::NONE);
    }

    #[inline(always)]
    fn find(
        &mut self,
        buffer: &[u8],
        position: usize,
        max_length: usize,
        limits: SearchLimits,
        mut found: impl FnMut(Match),
    ) {
        let bytes = load_u32(buffer, position);
        self.short.find(buffer, position, bytes, max_length, &mut found);
        self.walk(buffer, position, bytes, max_length, limits, 3, found);
    }

    #[inline(always)]
    fn skip(&mut self, buffer: &[u8], position: usize, max_length: usize, limits: SearchLimits) {
        let bytes = load_u32(buffer, position);
        self.short.skip(position, bytes);
        self.walk(buffer, position, bytes, max_length, limits, usize::MAX, |_| ());
    }
}

impl<P: Position> BinaryTree<P> {
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn walk(
        &mut self,
        buffer: &[u8],
        position: usize,
        bytes: u32,
        max_length: usize,
        limits: SearchLimits,
        mut best_length: usize,
        mut found: impl FnMut(Match),
    ) {
        let mut candidate = std::mem::replace(&mut self.roots[hash::<HASH_BITS>(bytes)], P::new(position));
        let nice_length = limits.nice_length.min(max_length);
        let children = &mut *self.children;
        // The links that wait for the next smaller and the next greater node.
        let (mut smaller, mut greater) = (2 * position, 2 * position + 1);
        let (mut smaller_length, mut greater_length) = (0, 0);
        let mut length = 0;
        for _ in 0..limits.depth {
            if candidate == P::NONE {
                break;
            }
            let at = candidate.get();
            let (common, is_smaller) = compare(buffer, at, position, length, nice_length);
            if common > best_length {
                best_length = common;
                let full = if common < nice_length { common } else { extend(buffer, at, position, common, max_length) };
                found(Match { length: full as u32, offset: (position - at) as u32 });
            }
            if common >= nice_length {
                children[smaller] = children[2 * at];
                children[greater] = children[2 * at + 1];
                return;
            }
            if is_smaller {
                children[smaller] = candidate;
                smaller = 2 * at + 1;
                smaller_length = common;
                candidate = children[smaller];
            } else {
                children[greater] = candidate;
                greater = 2 * at;
                greater_length = common;
                candidate = children[greater];
            }
            length = smaller_length.min(greater_length);
        }
        children[smaller] = P::NONE;
        children[greater] = P::NONE;
    }
}
