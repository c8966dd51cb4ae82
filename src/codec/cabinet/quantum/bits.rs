//! Reading the bits of a Quantum block.

use crate::codec::DecodeErrorKind;

/// Reads bits from bytes, the most significant first.
pub(super) struct BitReader<'a> {
    src: &'a [u8],
    /// In bits.
    pos: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(src: &'a [u8]) -> Self {
        Self { src, pos: 0 }
    }

    /// Reads at most 24 bits. None are made up: blocks end with bits to spare.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, DecodeErrorKind> {
        let end = self.pos + count as usize;
        if end > self.src.len() * 8 {
            return Err(DecodeErrorKind::Truncated);
        }
        let bytes = &self.src[self.pos / 8..];
        let word = match bytes.first_chunk() {
            Some(word) => u32::from_be_bytes(*word),
            None => {
                let mut word = [0; 4];
                word[..bytes.len()].copy_from_slice(bytes);
                u32::from_be_bytes(word)
            }
        };
        let bits = (word << (self.pos % 8)).checked_shr(u32::BITS - count).unwrap_or(0);
        self.pos = end;
        Ok(bits)
    }

    /// How many bits have been read.
    pub(super) fn position(&self) -> usize {
        self.pos
    }
}
