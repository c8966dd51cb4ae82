//! The buffer that an encoder fills from both ends: decisions from the front, bits from the back.

/// A chunk being written.
#[derive(Debug)]
pub(super) struct Output<'a> {
    dst: &'a mut [u8],
    front: usize,
    back: usize,
    /// Bits that do not yet fill a unit, right-aligned, and how many.
    bits: u64,
    num_bits: u32,
    is_full: bool,
}

impl<'a> Output<'a> {
    /// An output of at most `capacity` bytes.
    pub(super) fn new(dst: &'a mut [u8], capacity: usize) -> Self {
        let back = capacity & !1;
        Self { dst: &mut dst[..back], front: 0, back, bits: 0, num_bits: 0, is_full: false }
    }

    /// Whether something did not fit.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn push_front(&mut self, unit: u16) {
        if self.back - self.front < 2 {
            self.is_full = true;
            return;
        }
        self.dst[self.front..self.front + 2].copy_from_slice(&unit.to_le_bytes());
        self.front += 2;
    }

    /// Writes the lowest `count` bits of `value`, at most 32, to the back.
    #[inline(always)]
    pub(super) fn push_bits(&mut self, value: u32, count: u32) {
        self.bits = self.bits << count | u64::from(value);
        self.num_bits += count;
        while self.num_bits >= 16 {
            self.num_bits -= 16;
            self.push_back((self.bits >> self.num_bits) as u16);
        }
    }

    fn push_back(&mut self, unit: u16) {
        if self.back - self.front < 2 {
            self.is_full = true;
            return;
        }
        self.back -= 2;
        self.dst[self.back..self.back + 2].copy_from_slice(&unit.to_le_bytes());
    }

    /// Fills up the last unit and joins the two parts. Returns the length, or `None` if something did not fit.
    pub(super) fn finish(mut self) -> Option<usize> {
        if self.num_bits > 0 {
            self.push_bits(0, 16 - self.num_bits);
        }
        self.dst.copy_within(self.back.., self.front);
        (!self.is_full).then_some(self.front + self.dst.len() - self.back)
    }
}
