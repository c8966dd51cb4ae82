//! Finding earlier occurrences of the bytes at a position.

pub(crate) mod binary_tree;
pub(crate) mod common;
pub(super) mod delta;
mod extend;
pub(crate) mod handed_on;
pub(crate) mod hash_chain;
mod huge_pages;
pub(super) mod multi_hash;
pub(super) mod prefetch;
pub(crate) mod short;
