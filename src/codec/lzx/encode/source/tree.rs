//! All matches that are longer than nearer ones, from a binary tree.

use std::ops::Range;

use super::{Lists, Source};
use crate::codec::lzx::format::MAX_MATCH;
use crate::codec::matchfinder::binary_tree::BinaryTree;
use crate::codec::matchfinder::common::{Position, SearchLimits};
use crate::codec::matchfinder::short::ShortFinder;

/// A binary tree, and tables for what is shorter.
#[derive(Debug)]
pub(in super::super) struct Tree<P> {
    tree: BinaryTree<P>,
    short: ShortFinder,
    limits: SearchLimits,
}

impl<P: Position> Tree<P> {
    pub(in super::super) fn new(max_size: usize, limits: SearchLimits) -> Self {
        Self { tree: BinaryTree::new(max_size), short: ShortFinder::new(), limits }
    }

    /// Bytes on the heap.
    pub(in super::super) const fn memory(max_size: usize) -> usize {
        BinaryTree::<P>::memory(max_size) + ShortFinder::memory() + size_of::<Self>()
    }
}

impl<P: Position> Source for Tree<P> {
    fn reset(&mut self) {
        self.tree.reset();
        self.short.reset();
    }

    fn find(&mut self, buffer: &[u8], range: Range<usize>, lists: &mut Lists) {
        self.short.find(buffer, range.clone(), &mut lists.short[..range.len()]);
        self.tree.find_long(buffer, range, MAX_MATCH, self.limits, &mut lists.begins, &mut lists.matches);
    }
}
