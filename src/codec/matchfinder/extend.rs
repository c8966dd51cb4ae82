//! Match extension.
#![allow(unsafe_code)]

use crate::codec::word;

/// How many bytes at `a` and `b` agree, given that the first `length` do; at most `max_length`.
///
/// Eight bytes at a time, hence so many must follow the bytes compared.
///
/// # Panics
/// If `a` is not less than `b`, or less than eight bytes follow `max_length` bytes from `b`.
#[inline(always)]
pub(crate) fn extend(buffer: &[u8], a: usize, b: usize, mut length: usize, max_length: usize) -> usize {
    assert!(a < b && b + max_length + 8 <= buffer.len());
    while length < max_length {
        // SAFETY: `length` is less than `max_length`; the rest is as asserted.
        let difference = unsafe { word::read_le(buffer, a + length) ^ word::read_le(buffer, b + length) };
        if difference != 0 {
            return (length + difference.trailing_zeros() as usize / 8).min(max_length);
        }
        length += 8;
    }
    length.min(max_length)
}
