//! Finding earlier occurrences of the bytes at a position.

pub(crate) mod binary_tree;
pub(crate) mod common;
pub(crate) mod hash_chain;
