//! Codes as they are written: codewords with their lengths.

use super::bits::BitWriter;
use crate::codec::huffman::lengths::codewords;

/// The bits that symbols take.
pub(super) fn cost(frequencies: &[u32], lengths: &[u8]) -> usize {
    frequencies.iter().zip(lengths).map(|(&frequency, &len)| (frequency * u32::from(len)) as usize).sum()
}

/// A codeword in the high bits, its length in the low eight.
pub(super) type Code = u32;

pub(super) fn join<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut words = [0; N];
    codewords(lengths, &mut words);
    std::array::from_fn(|symbol| u32::from(words[symbol]) << 8 | u32::from(lengths[symbol]))
}

#[inline(always)]
pub(super) fn put_code(bits: &mut BitWriter<'_>, code: Code) {
    bits.put(code >> 8, code & 0xff);
}
