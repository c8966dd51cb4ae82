//! From a parse to bytes.

use super::MIN_MATCH;
use crate::codec::huffman::lengths::{codewords, limited_lengths};

pub(super) const NUM_SYMBOLS: usize = 512;
const MAX_CODEWORD_LEN: u32 = 15;
/// Ends the stream; it also stands for a match of length 3 and offset 1.
const END_SYMBOL: usize = 256;
const TABLE_BYTES: usize = NUM_SYMBOLS / 2;
/// No stream is shorter: the table and two units of bits.
pub(super) const MIN_STREAM: usize = TABLE_BYTES + 4;
/// Length nibble that says that more length bytes follow.
const LONG_NIBBLE: usize = 15;
/// Length byte that says that a 16-bit length follows.
const LONG_BYTE: usize = 255;

/// The symbol of a match.
#[inline(always)]
pub(super) fn match_symbol(length: usize, offset: usize) -> usize {
    256 + 16 * offset.ilog2() as usize + (length - MIN_MATCH).min(LONG_NIBBLE)
}

/// The bytes that a match length takes beside its symbol.
#[inline(always)]
pub(super) const fn length_bytes(length: usize) -> usize {
    const SHORT_MAX: usize = MIN_MATCH + LONG_NIBBLE - 1;
    const BYTE_MAX: usize = MIN_MATCH + LONG_NIBBLE + LONG_BYTE - 1;
    if length <= SHORT_MAX {
        0
    } else if length <= BYTE_MAX {
        1
    } else {
        3
    }
}

/// A run of literals and the match behind it. The last run of a chunk may have none: its length is 0.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    literals: u32,
    length: u16,
    offset: u16,
}

/// A chunk divided into literals and matches.
#[derive(Debug)]
pub(super) struct Parse {
    sequences: Vec<Sequence>,
    pub(super) frequencies: [u32; NUM_SYMBOLS],
}

impl Parse {
    pub(super) fn new(max_size: usize) -> Self {
        Self { sequences: Vec::with_capacity(Self::max_sequences(max_size)), frequencies: [0; NUM_SYMBOLS] }
    }

    const fn max_sequences(max_size: usize) -> usize {
        max_size / MIN_MATCH + 1
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_size: usize) -> usize {
        Self::max_sequences(max_size) * size_of::<Sequence>()
    }

    pub(super) fn clear(&mut self) {
        self.sequences.clear();
    }

    /// Adds a run of literals and the match behind it.
    #[inline(always)]
    pub(super) fn push(&mut self, literals: usize, length: usize, offset: usize) {
        self.sequences.push(Sequence { literals: literals as u32, length: length as u16, offset: offset as u16 });
    }

    /// Adds the literals behind the last match and counts all symbols.
    pub(super) fn finish(&mut self, src: &[u8], literals: usize) {
        self.push(literals, 0, 0);
        self.frequencies.fill(0);
        let mut rest = src;
        for sequence in &self.sequences {
            let (literals, behind) = rest.split_at(sequence.literals as usize);
            for &byte in literals {
                self.frequencies[usize::from(byte)] += 1;
            }
            if sequence.length != 0 {
                self.frequencies[match_symbol(sequence.length.into(), sequence.offset.into())] += 1;
            }
            rest = &behind[usize::from(sequence.length)..];
        }
        self.frequencies[END_SYMBOL] += 1;
    }

    /// Writes table and stream; `None` if that is not smaller than `src` or does not fit `dst`.
    pub(super) fn emit(&self, src: &[u8], dst: &mut [u8]) -> Option<usize> {
        let mut lengths = [0; NUM_SYMBOLS];
        limited_lengths(&self.frequencies, MAX_CODEWORD_LEN, &mut lengths);
        let size = self.size(&lengths);
        if size >= src.len() || size > dst.len() {
            return None;
        }
        let mut words = [0; NUM_SYMBOLS];
        codewords(&lengths, &mut words);
        let mut codes = [0; NUM_SYMBOLS];
        for (code, (&word, &len)) in codes.iter_mut().zip(words.iter().zip(&lengths)) {
            *code = u32::from(word) << 8 | u32::from(len);
        }

        let (table, stream) = dst[..size].split_at_mut(TABLE_BYTES);
        for (byte, pair) in table.iter_mut().zip(lengths.chunks_exact(2)) {
            *byte = pair[0] | pair[1] << 4;
        }
        let written = self.write(src, &codes, stream);
        debug_assert_eq!(written, stream.len());
        Some(size)
    }

    /// The exact size of table and stream: after `bits` bits, 1 + ceil(bits / 16) units have been begun.
    fn size(&self, lengths: &[u8; NUM_SYMBOLS]) -> usize {
        let mut bits = 0;
        for (symbol, (&frequency, &len)) in self.frequencies.iter().zip(lengths).enumerate() {
            let extra = if symbol < 256 { 0 } else { (symbol as u32 - 256) / 16 };
            bits += frequency as usize * (u32::from(len) + extra) as usize;
        }
        let bytes: usize = self.sequences.iter().map(|sequence| length_bytes(sequence.length.into())).sum();
        TABLE_BYTES + 2 * (1 + bits.div_ceil(16)) + bytes
    }

    fn write(&self, src: &[u8], codes: &[u32; NUM_SYMBOLS], stream: &mut [u8]) -> usize {
        let mut writer = Writer::new(stream);
        let mut rest = src;
        for sequence in &self.sequences {
            let (literals, behind) = rest.split_at(sequence.literals as usize);
            for &byte in literals {
                writer.code(codes[usize::from(byte)]);
            }
            let length = usize::from(sequence.length);
            if length != 0 {
                let offset = usize::from(sequence.offset);
                writer.code(codes[match_symbol(length, offset) % NUM_SYMBOLS]);
                match length_bytes(length) {
                    0 => {}
                    1 => writer.byte((length - MIN_MATCH - LONG_NIBBLE) as u8),
                    _ => {
                        writer.byte(LONG_BYTE as u8);
                        let [low, high] = ((length - MIN_MATCH) as u16).to_le_bytes();
                        writer.byte(low);
                        writer.byte(high);
                    }
                }
                let class = offset.ilog2();
                writer.bits(offset as u32 ^ 1 << class, class);
            }
            rest = &behind[length..];
        }
        writer.code(codes[END_SYMBOL]);
        writer.finish()
    }
}

/// Writes bits in 16-bit units, with single bytes between them where the reader will look for them.
///
/// The reader always has fetched 17 to 32 bits; so two units are reserved before the bytes that come next.
struct Writer<'a> {
    stream: &'a mut [u8],
    accumulator: u64,
    /// Bits in the accumulator that are not yet in the stream: at most 16 between calls.
    count: u32,
    /// Where the two reserved units go, and where the next byte or unit goes.
    first: usize,
    second: usize,
    cursor: usize,
}

impl<'a> Writer<'a> {
    fn new(stream: &'a mut [u8]) -> Self {
        Self { stream, accumulator: 0, count: 0, first: 0, second: 2, cursor: 4 }
    }

    #[inline(always)]
    fn bits(&mut self, bits: u32, count: u32) {
        self.accumulator = self.accumulator << count | u64::from(bits);
        self.count += count;
        if self.count > 16 {
            self.count -= 16;
            self.unit(self.first, (self.accumulator >> self.count) as u16);
            self.first = self.second;
            self.second = self.cursor;
            self.cursor += 2;
        }
    }

    #[inline(always)]
    fn code(&mut self, code: u32) {
        self.bits(code >> 8, code & 0xff);
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.stream[self.cursor] = byte;
        self.cursor += 1;
    }

    #[inline(always)]
    fn unit(&mut self, at: usize, unit: u16) {
        self.stream[at..at + 2].copy_from_slice(&unit.to_le_bytes());
    }

    fn finish(mut self) -> usize {
        self.unit(self.first, (self.accumulator << (16 - self.count)) as u16);
        self.unit(self.second, 0);
        self.cursor
    }
}
