//! Writing bits in 16-bit little-endian units, the most significant bit first.

/// Appends bits to a buffer whose size the caller has checked.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    dst: &'a mut [u8],
    position: usize,
    accumulator: u64,
    /// Bits in the accumulator that are not yet in `dst`.
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(dst: &'a mut [u8]) -> Self {
        Self { dst, position: 0, accumulator: 0, count: 0 }
    }

    /// Whether so many more bits fit, with the last unit filled up.
    pub(super) fn has_room_for(&self, bits: usize) -> bool {
        self.position + 2 * (self.count as usize + bits).div_ceil(16) <= self.dst.len()
    }

    /// Adds the low `count` bits of `bits`, which are all it has. At most 48 bits between two calls of `flush`.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.accumulator = self.accumulator << count | u64::from(bits);
        self.count += count;
    }

    /// Moves whole units to the buffer; at most 15 bits stay behind.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        while self.count >= 16 {
            self.count -= 16;
            let unit = (self.accumulator >> self.count) as u16;
            self.dst[self.position..self.position + 2].copy_from_slice(&unit.to_le_bytes());
            self.position += 2;
        }
    }

    /// Fills the last unit with zeros and returns how many bytes were written.
    pub(super) fn finish(mut self) -> usize {
        self.flush();
        if self.count != 0 {
            self.put(0, 16 - self.count);
            self.flush();
        }
        self.position
    }
}
