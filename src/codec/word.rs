//! Reading and writing eight bytes at any position of a slice, without checks.
//!
//! The decoders' fast loops do this several times per item; they check once per item that there is room.
#![allow(unsafe_code)]

/// Reads eight bytes, the first one as the most significant.
///
/// # Safety
/// `pos + 8 <= bytes.len()`.
#[inline(always)]
pub(crate) unsafe fn read_be(bytes: &[u8], pos: usize) -> u64 {
    // SAFETY: as the caller grants.
    u64::from_be_bytes(unsafe { read(bytes, pos) })
}

/// Reads eight bytes, the first one as the least significant.
///
/// # Safety
/// `pos + 8 <= bytes.len()`.
#[inline(always)]
pub(crate) unsafe fn read_le(bytes: &[u8], pos: usize) -> u64 {
    // SAFETY: as the caller grants.
    u64::from_le_bytes(unsafe { read(bytes, pos) })
}

/// # Safety
/// `pos + 8 <= bytes.len()`.
#[inline(always)]
unsafe fn read(bytes: &[u8], pos: usize) -> [u8; 8] {
    debug_assert!(bytes.len() >= 8 && pos <= bytes.len() - 8);
    // SAFETY: the caller grants that the eight bytes lie in the slice; an array of bytes has no alignment.
    unsafe { bytes.as_ptr().add(pos).cast::<[u8; 8]>().read() }
}

/// Writes eight bytes, the least significant first.
///
/// # Safety
/// `pos + 8 <= bytes.len()`.
#[inline(always)]
pub(crate) unsafe fn write_le(bytes: &mut [u8], pos: usize, word: u64) {
    debug_assert!(bytes.len() >= 8 && pos <= bytes.len() - 8);
    // SAFETY: the caller grants that the eight bytes lie in the slice; an array of bytes has no alignment.
    unsafe { bytes.as_mut_ptr().add(pos).cast::<[u8; 8]>().write(word.to_le_bytes()) }
}

/// Appends a sequence of 16-bit units with the two bytes of each swapped; a lone last byte, which is no unit, as zero.
pub(crate) fn extend_swapped(swapped: &mut Vec<u8>, bytes: &[u8]) {
    const LOW_BYTES: u64 = 0x00FF_00FF_00FF_00FF;
    let start = swapped.len();
    swapped.resize(start + bytes.len(), 0);
    let (words, rest) = bytes.as_chunks::<8>();
    let (swapped_words, swapped_rest) = swapped[start..].as_chunks_mut::<8>();
    for (swapped, word) in swapped_words.iter_mut().zip(words) {
        let word = u64::from_ne_bytes(*word);
        *swapped = ((word & LOW_BYTES) << 8 | word >> 8 & LOW_BYTES).to_ne_bytes();
    }
    for (swapped, [first, second]) in swapped_rest.as_chunks_mut().0.iter_mut().zip(rest.as_chunks().0) {
        *swapped = [*second, *first];
    }
}

/// Copies 16-bit units with the two bytes of each swapped.
pub(crate) fn swap_units(from: &[u8], to: &mut [u8]) {
    for (unit, [first, second]) in to.as_chunks_mut().0.iter_mut().zip(from.as_chunks().0) {
        *unit = [*second, *first];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_swapped_and_a_lone_byte_is_none() {
        for len in 0..40 {
            let bytes: Vec<u8> = (1..=len).collect();
            let mut swapped = vec![99];
            extend_swapped(&mut swapped, &bytes);
            let mut expected = vec![99];
            expected.extend(bytes.chunks(2).flat_map(|unit| if let [a, b] = *unit { vec![b, a] } else { vec![0] }));
            assert_eq!(swapped, expected);
        }
    }

    #[test]
    fn words_are_read_and_written_at_any_position() {
        let mut bytes: [u8; 24] = std::array::from_fn(|i| i as u8);
        for pos in 0..=16 {
            let expected = bytes[pos..pos + 8].try_into().expect("eight bytes");
            // SAFETY: `pos` is at most 24 - 8.
            unsafe {
                assert_eq!(read_be(&bytes, pos), u64::from_be_bytes(expected));
                assert_eq!(read_le(&bytes, pos), u64::from_le_bytes(expected));
                write_le(&mut bytes, pos, !u64::from_le_bytes(expected));
            }
            assert_eq!(bytes[pos..pos + 8], expected.map(|byte| !byte));
        }
    }
}
