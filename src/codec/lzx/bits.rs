//! Reading the bits of an LZX chunk.
#![allow(unsafe_code)]

use crate::codec::word::{self, BitCursor, refilled_bytes};

/// Reads bits from bytes, the most significant first.
#[derive(Clone, Copy)]
pub(super) struct BitReader<'a> {
    /// The units in reverse, behind [`Self::PADDING`] zeros.
    input: &'a [u8],
    /// How many bytes there are behind the padding.
    end: usize,
    /// The next byte that `count` does not cover. Beyond the end, all bytes are zero.
    pos: usize,
    /// The next bits, left-aligned. Beyond `count`, it holds further bits of the input, or zeros.
    reservoir: u64,
    /// How many bits are available, in the lowest six bits; above them there is whatever entries hold above theirs. So what an
    /// entry consumes is never masked: the next lookup waits for it.
    count: u32,
}

impl<'a> BitReader<'a> {
    /// How many zeros must precede the units.
    const PADDING: usize = 8;

    /// Begins with the first unit of `src`. The buffer is for this alone.
    pub(super) fn new(src: &[u8], buffer: &'a mut Vec<u8>) -> Self {
        let end = src.len();
        let input = word::first_bytes(buffer, Self::PADDING + end);
        // Nothing else is ever written there, so it is still zero.
        let (_, units) = input.split_at_mut(Self::PADDING);
        word::reverse_units(src, units);
        Self { input, end, pos: 0, reservoir: 0, count: 0 }
    }

    /// Makes 56 bits available.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        // SAFETY: the eight bytes of padding precede these `end` bytes.
        let word = unsafe { word::read_le(self.input, self.end.saturating_sub(self.pos)) };
        self.reservoir |= word.wrapping_shr(self.count);
        self.pos += refilled_bytes(self.count);
        self.count |= 56;
    }

    /// How many calls of [`BitCursor::refill`] the input allows.
    #[inline(always)]
    pub(super) fn unchecked_refills(&self) -> usize {
        self.end.saturating_sub(self.pos) / size_of::<u64>()
    }

    /// The next bits, left-aligned; as many as are available, then any.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.reservoir
    }

    /// Consumes available bits: as many as the lowest six bits of `count` say, which may come with other things.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        self.reservoir = self.reservoir.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// Reads 1 to 24 bits.
    #[inline(always)]
    pub(super) fn bits(&mut self, count: u32) -> u32 {
        self.refill();
        let bits = self.reservoir >> (64 - count);
        self.consume(count);
        bits as u32
    }

    /// How many bits have been consumed, those beyond the end included.
    pub(super) fn position(&self) -> usize {
        self.pos * 8 - (self.count % 64) as usize
    }

    /// Continues at a byte of the input.
    pub(super) fn seek(&mut self, pos: usize) {
        *self = Self { pos, reservoir: 0, count: 0, ..*self };
    }

    /// What a loop reads from that checks for room now and then.
    #[inline(always)]
    pub(super) fn cursor(&self) -> BitCursor {
        BitCursor::new(self.input, self.pos, self.reservoir, self.count)
    }

    /// Continues where the loop has ended.
    #[inline(always)]
    pub(super) fn resume(&mut self, cursor: BitCursor) {
        *self = Self { pos: cursor.pos(self.input), reservoir: cursor.peek(), count: cursor.count(), ..*self };
    }
}
