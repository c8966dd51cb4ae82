//! Finding earlier occurrences of the bytes at a position.

mod prefetch;
pub(super) mod delta;
pub(super) mod multi_hash;
pub(crate) mod binary_tree;
pub(crate) mod common;
pub(crate) mod hash_chain;
