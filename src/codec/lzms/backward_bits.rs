//! Reads the bits that lie backward from the end of a chunk.

/// The bits from the end of a chunk on. Its 16-bit units, highest bit first, are simply the bytes in descending order.
#[derive(Clone, Copy)]
pub(super) struct BackwardBits<'a> {
    /// What has not been fetched.
    rest: &'a [u8],
    /// The next bits, left-aligned; below the valid ones there are bits of the last bytes of `rest`.
    bits: u64,
    /// How many bits are valid. Only the lowest six bits count: above them is what [`consume`](Self::consume) leaves.
    count: u32,
}

impl<'a> BackwardBits<'a> {
    pub(super) fn new(src: &'a [u8]) -> Self {
        Self { rest: src, bits: 0, count: 0 }
    }

    /// Provides for reading at least 56 bits.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let taken = (!self.count >> 3 & 7) as usize;
        if let Some(bytes) = self.rest.last_chunk() {
            self.bits |= u64::from_le_bytes(*bytes) >> (self.count & 63);
            self.rest = &self.rest[..self.rest.len() - taken];
        } else {
            self.bits |= last_word(self.rest) >> (self.count & 63);
            self.rest = &self.rest[..self.rest.len().saturating_sub(taken)];
        }
        self.count |= 56;
    }

    /// The next bits, left-aligned.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.bits
    }

    /// Leaves as many bits behind as the lowest six bits of `count` say; what is above them does not matter.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        self.bits <<= count & 63;
        self.count = self.count.wrapping_sub(count);
    }
}

/// Fewer than 8 bytes, with zeros before them.
#[cold]
fn last_word(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[8 - rest.len()..].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}
