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
//! Matches of two and three bytes come from tables of the newest position by hash.

use super::common::{Match, Position, SearchLimits, compare, extend, hash, load_u16, load_u32};

const HASH3_BITS: u32 = 13;
const HASH4_BITS: u32 = 14;

/// The tables.
#[derive(Debug)]
pub(crate) struct BinaryTree<P> {
    /// Indexed by the two bytes themselves; empty if matches of two are not wanted.
    head2: Box<[P]>,
    head3: Box<[P; 1 << HASH3_BITS]>,
    roots: Box<[P; 1 << HASH4_BITS]>,
    /// The smaller child of each position, then the greater one.
    children: Box<[P]>,
}

impl<P: Position> BinaryTree<P> {
    /// Tables for chunks of at most `max_size` bytes, to find matches of at least `min_length` (2 or 3) bytes.
    pub(crate) fn new(max_size: usize, min_length: usize) -> Self {
        Self {
            head2: vec![P::NONE; Self::head2_entries(min_length)].into_boxed_slice(),
            head3: Box::new([P::NONE; 1 << HASH3_BITS]),
            roots: Box::new([P::NONE; 1 << HASH4_BITS]),
            children: vec![P::NONE; 2 * max_size].into_boxed_slice(),
        }
    }

    const fn head2_entries(min_length: usize) -> usize {
        if min_length == 2 { 1 << 16 } else { 0 }
    }

    /// Bytes the tables occupy.
    pub(crate) const fn memory(max_size: usize, min_length: usize) -> usize {
        (Self::head2_entries(min_length) + (1 << HASH3_BITS) + (1 << HASH4_BITS) + 2 * max_size) * size_of::<P>()
    }

    /// Forgets all positions.
    pub(crate) fn reset(&mut self) {
        self.head2.fill(P::NONE);
        self.head3.fill(P::NONE);
        self.roots.fill(P::NONE);
    }

    /// Adds `position` and hands `found` the matches there, each longer than the one before.
    ///
    /// `buffer` is padded; `max_length` is the format's longest match or what is left of the data, whichever is less.
    #[inline(always)]
    pub(crate) fn find(
        &mut self,
        buffer: &[u8],
        position: usize,
        max_length: usize,
        limits: SearchLimits,
        mut found: impl FnMut(Match),
    ) {
        let bytes = load_u32(buffer, position);
        let mut best_length = 1;
        if !self.head2.is_empty() {
            let head = &mut self.head2[usize::from(load_u16(buffer, position))];
            let near = std::mem::replace(head, P::new(position));
            if near != P::NONE && max_length >= 2 {
                // A third byte in common is for the next table to tell, which knows the same or a nearer position.
                if (load_u32(buffer, near.get()) ^ bytes) << 8 != 0 || max_length == 2 {
                    found(Match { length: 2, offset: (position - near.get()) as u32 });
                }
                best_length = 2;
            }
        }
        let near = std::mem::replace(&mut self.head3[hash::<HASH3_BITS>(bytes << 8)], P::new(position));
        if near != P::NONE && max_length >= 3 && (load_u32(buffer, near.get()) ^ bytes) << 8 == 0 {
            best_length = 3;
            found(Match { length: 3, offset: (position - near.get()) as u32 });
        }
        self.walk(buffer, position, bytes, max_length, limits, best_length.max(3), found);
    }

    /// Adds `position` without reporting matches.
    #[inline(always)]
    pub(crate) fn skip(&mut self, buffer: &[u8], position: usize, max_length: usize, limits: SearchLimits) {
        let bytes = load_u32(buffer, position);
        if !self.head2.is_empty() {
            self.head2[usize::from(load_u16(buffer, position))] = P::new(position);
        }
        self.head3[hash::<HASH3_BITS>(bytes << 8)] = P::new(position);
        self.walk(buffer, position, bytes, max_length, limits, usize::MAX, |_| ());
    }

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
        let mut candidate = std::mem::replace(&mut self.roots[hash::<HASH4_BITS>(bytes)], P::new(position));
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
