//! Reading eight bytes at any position of a slice, and reading bits, without checks.
//!
//! The decoders' fast loops do this several times per item; they check now and then that there is room.
#![allow(unsafe_code)]

/// Reads eight bytes, the first one as the least significant.
///
/// # Safety
/// `pos + 8 <= bytes.len()`.
#[inline(always)]
pub(crate) unsafe fn read_le(bytes: &[u8], pos: usize) -> u64 {
    debug_assert!(bytes.len() >= 8 && pos <= bytes.len() - 8);
    // SAFETY: the caller grants that the eight bytes lie in the slice; an array of bytes has no alignment.
    u64::from_le_bytes(unsafe { bytes.as_ptr().add(pos).cast::<[u8; 8]>().read() })
}

/// Reads bits from bytes in reverse, the most significant first, with a check for room now and then.
pub(crate) struct BitCursor {
    /// What a refill reads.
    next: *const u8,
    /// The next bits, left-aligned. Beyond `count`, it holds further bits of the input, or zeros.
    reservoir: u64,
    /// How many bits are available, in the lowest six bits; above them there is whatever entries hold above theirs. So what an
    /// entry consumes is never masked: the next lookup waits for it.
    count: u32,
}

impl BitCursor {
    /// Continues behind the last `pos` bytes of the input, and the first `count` bits of the reservoir.
    #[inline(always)]
    pub(crate) fn new(input: &[u8], pos: usize, reservoir: u64, count: u32) -> Self {
        let next = input.as_ptr().wrapping_add(input.len()).wrapping_sub(size_of::<u64>() + pos);
        Self { next, reservoir, count }
    }

    /// How many bytes of the same input the reservoir covers, or is behind.
    #[inline(always)]
    pub(crate) fn pos(&self, input: &[u8]) -> usize {
        (input.len() - size_of::<u64>()).wrapping_sub(self.next.addr().wrapping_sub(input.as_ptr().addr()))
    }

    /// How many bits are available.
    #[inline(always)]
    pub(crate) fn count(&self) -> u32 {
        self.count % 64
    }

    /// Makes 56 bits available; [`Self::peek`] even shows 64.
    ///
    /// # Safety
    /// Position and a word are at most the input's length. A call moves the position by less than a word.
    #[inline(always)]
    pub(crate) unsafe fn refill(&mut self) {
        // SAFETY: the caller grants that the word is in the input; an array of bytes has no alignment.
        let word = u64::from_le_bytes(unsafe { self.next.cast::<[u8; 8]>().read() });
        self.reservoir |= word.wrapping_shr(self.count);
        self.next = self.next.wrapping_sub(refilled_bytes(self.count));
        self.count |= 56;
    }

    /// The next bits, left-aligned; as many as are available, then any.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u64 {
        self.reservoir
    }

    /// Consumes available bits: as many as the lowest six bits of `count` say, which may come with other things.
    #[inline(always)]
    pub(crate) fn consume(&mut self, count: u32) {
        self.reservoir = self.reservoir.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }
}

/// How many whole bytes a word adds to a reservoir of so many bits.
#[inline(always)]
pub(crate) fn refilled_bytes(count: u32) -> usize {
    (!count as usize) >> 3 & 7
}

/// Copies a sequence of 16-bit units in reverse; the two bytes of each stay in order. A lone last byte, which is no unit, is
/// the first one then, and zero.
///
/// # Panics
/// If there is not exactly room for them.
pub(crate) fn reverse_units(bytes: &[u8], reversed: &mut [u8]) {
    assert_eq!(bytes.len(), reversed.len());
    let (units, _) = bytes.as_chunks::<2>();
    let (lone, reversed) = reversed.as_rchunks_mut::<2>();
    lone.fill(0);
    for (reversed, unit) in reversed.iter_mut().rev().zip(units) {
        *reversed = *unit;
    }
}

/// The first bytes of a buffer that grows if need be. They may be anything; it is zeros by which it grows.
pub(crate) fn first_bytes(buffer: &mut Vec<u8>, size: usize) -> &mut [u8] {
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    &mut buffer[..size]
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
    fn units_are_reversed_and_a_lone_byte_is_none() {
        for len in 0..40 {
            let bytes: Vec<u8> = (1..=len).collect();
            let mut reversed = vec![99; bytes.len()];
            reverse_units(&bytes, &mut reversed);
            let pairs = bytes.chunks(2).rev();
            let expected: Vec<u8> =
                pairs.flat_map(|unit| if let [a, b] = *unit { vec![a, b] } else { vec![0] }).collect();
            assert_eq!(reversed, expected);
        }
    }

    #[test]
    fn bits_are_read_from_the_end_of_the_bytes() {
        let bytes: Vec<u8> = (0..40).map(|i| (i * 37) as u8).collect();
        let bit = |at: usize| bytes[bytes.len() - 1 - at / 8] >> (7 - at % 8) & 1;
        for step in 1..=56 {
            let mut cursor = BitCursor::new(&bytes, 0, 0, 0);
            let mut at = 0;
            while cursor.pos(&bytes) + 8 <= bytes.len() {
                // SAFETY: a word follows the position.
                unsafe { cursor.refill() };
                assert_eq!(cursor.pos(&bytes) * 8 - cursor.count() as usize, at);
                let expected = (at..at + 56).fold(0, |bits: u64, at| bits << 1 | u64::from(bit(at)));
                assert_eq!(cursor.peek() >> 8, expected);
                // What is above the lowest six bits does not matter.
                cursor.consume(0xABCD_0040 | step);
                at += step as usize;
            }
        }
    }

    #[test]
    fn words_are_read_at_any_position() {
        let bytes: [u8; 24] = std::array::from_fn(|i| i as u8);
        for pos in 0..=16 {
            let expected = bytes[pos..pos + 8].try_into().expect("eight bytes");
            // SAFETY: `pos` is at most 24 - 8.
            assert_eq!(unsafe { read_le(&bytes, pos) }, u64::from_le_bytes(expected));
        }
    }
}
