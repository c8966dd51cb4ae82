//! The checksum of a block: exclusive or of its words.

/// Folds `bytes` into `seed`: little-endian words, then the one to three bytes that are left, the first one highest.
pub(super) fn checksum(bytes: &[u8], seed: u32) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn words_and_what_is_left_of_one() {
        assert_eq!(checksum(b"", 7), 7);
        assert_eq!(checksum(&[1, 0, 0, 0x80], 0), 0x8000_0001);
        assert_eq!(checksum(&[1, 2, 3, 4, 5], 0), 0x0403_0201 ^ 5);
        assert_eq!(checksum(&[0, 0, 0, 0, 1, 2], 0), 0x0102);
        assert_eq!(checksum(&[0, 0, 0, 0, 1, 2, 3], 0xFF), 0x0001_0203 ^ 0xFF);
    }
}
