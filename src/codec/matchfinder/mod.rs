//! Finding earlier occurrences of the bytes at a position.

pub(super) mod delta;
pub(super) mod multi_hash;
mod prefetch;
