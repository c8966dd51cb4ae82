//! The literals and matches that a parser has chosen, counted and ready to be written.

use super::MIN_MATCH;

pub(super) const NUM_SYMBOLS: usize = 512;
pub(super) const MAX_CODEWORD_LEN: u32 = 15;
/// Ends the stream; it also stands for a match of length 3 and offset 1.
const END_SYMBOL: usize = 256;
/// Length nibble that says that length bytes follow.
pub(super) const LONG_NIBBLE: usize = 15;
/// Length byte that says that a 16-bit length follows.
pub(super) const LONG_BYTE: usize = 255;
/// The shortest match with length bytes, and the shortest with three.
pub(super) const MIN_LONG: usize = MIN_MATCH + LONG_NIBBLE;
pub(super) const MIN_VERY_LONG: usize = MIN_LONG + LONG_BYTE;

/// The bytes that a match length takes beside its symbol.
#[inline(always)]
pub(super) const fn length_bytes(length: usize) -> usize {
    (length >= MIN_LONG) as usize + 2 * (length >= MIN_VERY_LONG) as usize
}

/// The symbol of a match.
#[inline(always)]
pub(super) fn match_symbol(length: usize, offset: usize) -> usize {
    (NUM_SYMBOLS / 2 + 16 * offset.ilog2() as usize + (length - MIN_MATCH).min(LONG_NIBBLE)) % NUM_SYMBOLS
}

/// How many extra offset bits come with a symbol.
#[inline(always)]
pub(super) const fn extra_bits(symbol: usize) -> u32 {
    if symbol < 256 { 0 } else { (symbol as u32 - 256) / 16 }
}

/// A literal or a match as it is written: the symbol in the low half, the extra offset bits in the high half.
pub(super) type Item = u32;

/// A chunk divided into literals and matches.
#[derive(Debug)]
pub(super) struct Items {
    items: Box<[Item]>,
    count: usize,
    /// The lengths of the matches with length bytes, in order.
    long_lengths: Vec<u16>,
    frequencies: [u32; NUM_SYMBOLS],
}

impl Items {
    /// Room for chunks of `max_size` bytes.
    pub(super) fn new(max_size: usize) -> Self {
        Self {
            items: vec![0; max_size + 1].into_boxed_slice(),
            count: 0,
            long_lengths: Vec::with_capacity(max_size / MIN_LONG),
            frequencies: [0; NUM_SYMBOLS],
        }
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_size: usize) -> usize {
        (max_size + 1) * size_of::<Item>() + max_size / MIN_LONG * size_of::<u16>()
    }

    /// Starts anew.
    #[inline(always)]
    pub(super) fn writer(&mut self) -> ItemWriter<'_> {
        self.long_lengths.clear();
        self.frequencies.fill(0);
        ItemWriter {
            items: &mut self.items,
            count: 0,
            total: &mut self.count,
            long_lengths: &mut self.long_lengths,
            frequencies: &mut self.frequencies,
        }
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items[..self.count]
    }

    pub(super) fn long_lengths(&self) -> &[u16] {
        &self.long_lengths
    }

    /// How often each symbol occurs.
    pub(super) fn frequencies(&self) -> &[u32; NUM_SYMBOLS] {
        &self.frequencies
    }
}

/// Adds literals and matches.
pub(super) struct ItemWriter<'a> {
    items: &'a mut [Item],
    count: usize,
    total: &'a mut usize,
    long_lengths: &'a mut Vec<u16>,
    frequencies: &'a mut [u32; NUM_SYMBOLS],
}

impl ItemWriter<'_> {
    #[inline(always)]
    fn push(&mut self, symbol: usize, extra: u32) {
        self.items[self.count] = symbol as u32 | extra << 16;
        self.count += 1;
        self.frequencies[symbol] += 1;
    }

    #[inline(always)]
    pub(super) fn add_literal(&mut self, byte: u8) {
        self.push(byte.into(), 0);
    }

    #[inline(always)]
    pub(super) fn add_match(&mut self, length: usize, offset: usize) {
        if length >= MIN_LONG {
            self.long_lengths.push(length as u16);
        }
        self.push(match_symbol(length, offset), offset as u32 ^ 1 << offset.ilog2());
    }

    /// Adds the end of the stream.
    pub(super) fn finish(mut self) {
        self.push(END_SYMBOL, 0);
        *self.total = self.count;
    }
}
