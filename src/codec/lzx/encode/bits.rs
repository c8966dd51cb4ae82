//! Writing bits in 16-bit little-endian units, the most significant bit first.
//!
//! How many bits an item has cannot be predicted, so nothing here branches on it: each time a whole word is written, and
//! what of it is complete is passed over. Bits are written in their order; the two bytes of each unit are swapped when
//! all are copied to where they belong.

use crate::codec::word::swap_units;

/// Bytes that a buffer must have behind the largest stream: whole words are written there.
pub(super) const SLACK: usize = size_of::<u64>();

/// Appends bits to a stream; the caller has checked that they fit.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    /// The stream before its units' bytes are swapped.
    buffer: &'a mut [u8],
    dst: &'a mut [u8],
    /// Bytes that are complete.
    position: usize,
    /// The newest bits lowest.
    accumulator: u64,
    /// Bits in the accumulator that are not in complete bytes.
    count: u32,
}

impl<'a> BitWriter<'a> {
    /// A writer of a stream that must fit `dst`; `buffer` is larger by [`SLACK`].
    pub(super) fn new(buffer: &'a mut [u8], dst: &'a mut [u8]) -> Self {
        assert!(buffer.len() >= dst.len() + SLACK);
        Self { buffer, dst, position: 0, accumulator: 0, count: 0 }
    }

    /// Whether so many more bits fit, with the last unit filled up.
    pub(super) fn has_room_for(&self, bits: usize) -> bool {
        2 * (8 * self.position + self.count as usize + bits).div_ceil(16) <= self.dst.len()
    }

    /// Adds the low `count` bits of `bits`, which are all it has. At most 56 bits between two calls of `flush`.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.accumulator = self.accumulator << count | u64::from(bits);
        self.count += count;
    }

    /// Moves whole bytes to the buffer; at most 7 bits stay behind.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        let word = self.accumulator << 1 << (u64::BITS - 1 - self.count);
        self.buffer[self.position..self.position + size_of::<u64>()].copy_from_slice(&word.to_be_bytes());
        self.position += self.count as usize / 8;
        self.count %= 8;
    }

    /// Fills the last unit with zeros and returns how many bytes were written.
    pub(super) fn finish(mut self) -> usize {
        self.flush();
        let size = 2 * (8 * self.position + self.count as usize).div_ceil(16);
        swap_units(&self.buffer[..size], &mut self.dst[..size]);
        size
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_laid_out_in_units(items in prop::collection::vec((any::<u32>(), 0u32..=28), 0..200)) {
            let mut expected = Vec::new();
            for &(bits, count) in &items {
                expected.extend((0..count).rev().map(|bit| bits >> bit & 1));
            }
            let total = expected.len();
            expected.resize(total.next_multiple_of(16), 0);
            let units = expected.chunks(16).map(|unit| unit.iter().fold(0, |all, bit| all << 1 | *bit as u16));
            let expected: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();

            let (mut buffer, mut dst) = (vec![0xAA; 1000 + SLACK], vec![0; 1000]);
            let mut writer = BitWriter::new(&mut buffer, &mut dst);
            prop_assert!(writer.has_room_for(8000) && !writer.has_room_for(8001));
            for pair in items.chunks(2) {
                for &(bits, count) in pair {
                    writer.put(bits & ((1u64 << count) - 1) as u32, count);
                }
                writer.flush();
            }
            prop_assert!(writer.has_room_for(8000 - total) && !writer.has_room_for(8001 - total));
            let size = writer.finish();
            prop_assert_eq!(&dst[..size], &expected[..]);
        }
    }
}
