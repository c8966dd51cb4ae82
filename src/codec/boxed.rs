//! Large arrays, made where they stay.
//!
//! `Box::new([value; N])` makes the array on the stack first, and contexts are made in threads whose stacks are smaller
//! than some of these arrays.

use std::fmt::Debug;

/// A boxed array with `value` in each entry.
pub(crate) fn boxed_array<T: Copy + Debug, const N: usize>(value: T) -> Box<[T; N]> {
    vec![value; N].into_boxed_slice().try_into().expect("as long as it was made")
}
