//! Finding earlier occurrences of the bytes at a position.
