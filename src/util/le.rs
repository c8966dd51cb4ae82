//! Little-endian integers out of slices, with the bounds checked.
//!
//! Every function answers `None` when the integer does not lie wholly inside the slice; the caller knows the offset
//! and the field, and says so in its own error.

/// The `N` bytes at `offset`.
pub fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk::<N>().copied()
}

/// The 16-bit integer at `offset`.
pub fn u16(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_le_bytes)
}

/// The 32-bit integer at `offset`.
pub fn u32(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_le_bytes)
}

/// The 64-bit integer at `offset`.
pub fn u64(bytes: &[u8], offset: usize) -> Option<u64> {
    array(bytes, offset).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_inside_and_refuses_outside() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(super::u16(&bytes, 7), Some(0x0908));
        assert_eq!(super::u32(&bytes, 5), Some(0x0908_0706));
        assert_eq!(super::u64(&bytes, 1), Some(0x0908_0706_0504_0302));
        assert_eq!(super::u64(&bytes, 2), None);
        assert_eq!(super::u16(&bytes, usize::MAX), None);
    }
}
