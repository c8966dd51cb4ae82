//! The bit streams that a delta consists of: least significant bit first.
//!
//! A stream begins with three bits that tell how many bits of its last byte do not belong to it. Numbers are in groups of four
//! bits: as many zeros as there are groups behind the first, a one, then the groups, lowest first. A buffer is a number, the
//! rest of the byte, then as many bytes; it may be a stream in turn.

use super::super::{DeltaError, Malformed};

/// Reads a stream of bits. Reading beyond the end is an error, peeking there gives zeros.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// Where `data` stands in the delta, for messages.
    offset: usize,
    /// The next byte that goes into the buffer.
    next: usize,
    buffer: u64,
    /// How many bits of the buffer are filled.
    filled: u32,
    /// How many bits are left in the stream, those in the buffer included.
    left: u64,
}

impl<'a> BitReader<'a> {
    /// A reader of the stream `data`, which stands at `offset` of the delta.
    pub(super) fn new(data: &'a [u8], offset: usize) -> Result<Self, DeltaError> {
        let mut reader = Self { data, offset, next: 0, buffer: 0, filled: 0, left: 8 * data.len() as u64 };
        let unused = reader.bits(3)?;
        reader.left = reader.left.checked_sub(unused).ok_or_else(|| reader.malformed(Malformed::Truncated))?;
        Ok(reader)
    }

    /// Something is wrong here.
    pub(super) fn malformed(&self, problem: Malformed) -> DeltaError {
        DeltaError::Malformed { problem, offset: self.offset + self.data.len() - (self.left / 8) as usize }
    }

    /// How many bits are left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Fills the buffer with at least 56 bits; behind the end they are zeros.
    #[inline]
    fn fill(&mut self) {
        if let Some(bytes) = self.data.get(self.next..).and_then(|rest| rest.first_chunk()) {
            self.buffer |= u64::from_le_bytes(*bytes) << self.filled;
            let taken = (63 - self.filled) / 8;
            self.next += taken as usize;
            self.filled += 8 * taken;
            return;
        }
        while self.filled <= 56 {
            let byte = self.data.get(self.next).copied().unwrap_or(0);
            self.buffer |= u64::from(byte) << self.filled;
            self.next += 1;
            self.filled += 8;
        }
    }

    /// The next 56 bits or more, lowest first; nothing is consumed.
    #[inline]
    pub(super) fn peek(&mut self) -> u64 {
        if self.filled < 56 {
            self.fill();
        }
        self.buffer
    }

    /// Consumes bits that [`BitReader::peek`] has shown, 56 at most.
    #[inline]
    pub(super) fn consume(&mut self, count: u32) -> Result<(), DeltaError> {
        let Some(left) = self.left.checked_sub(count.into()) else {
            return Err(self.malformed(Malformed::Truncated));
        };
        self.left = left;
        self.buffer >>= count;
        self.filled -= count;
        Ok(())
    }

    /// The next `count` bits, 32 at most.
    #[inline]
    pub(super) fn bits(&mut self, count: u32) -> Result<u64, DeltaError> {
        let bits = self.peek() & ((1 << count) - 1);
        self.consume(count)?;
        Ok(bits)
    }

    /// How many zeros stand before a one, `most` at most. They and the one are consumed.
    pub(super) fn zeros(&mut self, most: u32) -> Result<u32, DeltaError> {
        let zeros = self.peek().trailing_zeros();
        if u64::from(zeros) >= self.left {
            return Err(self.malformed(Malformed::Truncated));
        }
        if zeros > most {
            return Err(self.malformed(Malformed::Number));
        }
        self.consume(zeros + 1)?;
        Ok(zeros)
    }

    /// A number.
    pub(super) fn number(&mut self) -> Result<u64, DeltaError> {
        let groups = self.zeros(15)? + 1;
        let low = self.bits((4 * groups).min(32))?;
        let high = self.bits((4 * groups).saturating_sub(32))?;
        Ok(low | high << 32)
    }

    /// A buffer: its bytes, and where they stand in the delta.
    pub(super) fn buffer(&mut self) -> Result<(&'a [u8], usize), DeltaError> {
        let size = self.number()?;
        // Whole bytes count from the beginning of the data, whose last bits may not belong to the stream.
        let consumed = 8 * self.next as u64 - u64::from(self.filled);
        let start = consumed.div_ceil(8);
        let skipped = 8 * start - consumed;
        let end = size.checked_add(start).filter(|_| size.saturating_mul(8).saturating_add(skipped) <= self.left);
        let range = end.and_then(|end| Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?));
        let (Some(range), Some(end)) = (range, end) else { return Err(self.malformed(Malformed::Truncated)) };
        let bytes = self.data.get(range.clone()).ok_or_else(|| self.malformed(Malformed::Truncated))?;
        self.left -= skipped + 8 * size;
        (self.next, self.buffer, self.filled) = (end as usize, 0, 0);
        Ok((bytes, self.offset + range.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example() {
        // One bit of padding, then 14 in one group and 17 in two.
        let mut reader = BitReader::new(&[0xE9, 0x46, 0x04], 0).unwrap();
        assert_eq!((reader.number(), reader.number()), (Ok(14), Ok(17)));
    }

    #[test]
    fn the_end_is_where_the_padding_begins() {
        let mut reader = BitReader::new(&[0b1010_1101], 7).unwrap(); // five of eight bits are none
        assert_eq!(reader.left(), 0);
        assert_eq!(reader.bits(1), Err(DeltaError::Malformed { problem: Malformed::Truncated, offset: 8 }));
        assert!(BitReader::new(&[], 0).is_err() && BitReader::new(&[6], 0).is_err());
        let long = [0x00, 0x00, 0x08];
        assert_eq!(
            BitReader::new(&long, 0).unwrap().number(),
            Err(DeltaError::Malformed { problem: Malformed::Number, offset: 1 })
        );
    }

    #[test]
    fn buffers_begin_at_whole_bytes() {
        let data = [1 << 3 | 2 << 4, b'a', b'b', 0xFF];
        let mut reader = BitReader::new(&data, 10).unwrap();
        assert_eq!(reader.buffer(), Ok((&b"ab"[..], 11)));
        assert_eq!(reader.bits(8), Ok(0xFF));
        assert!(BitReader::new(&data[..2], 0).unwrap().buffer().is_err());
    }
}
