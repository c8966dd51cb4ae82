//! From items to bytes.
//!
//! A decoder that has consumed `n` bits has fetched 1 + ceil(n / 16) units of 16 bits, and takes length bytes from where
//! it is then. So the bits are written first, without a gap, and each length byte is only noted with the unit that it
//! comes before; few matches have any. What is written is the bits in their order; as the units between the length
//! bytes are copied to their places, their bytes are swapped.

use super::MIN_MATCH;
use super::items::{
    Items, LONG_BYTE, LONG_NIBBLE, MAX_CODEWORD_LEN, MIN_LONG, MIN_VERY_LONG, NUM_SYMBOLS, extra_bits, length_bytes,
};
use crate::codec::huffman::lengths::{codewords, limited_lengths};
use crate::codec::word::swap_units;

/// Every stream begins with a table of codeword lengths.
pub(super) const TABLE_BYTES: usize = NUM_SYMBOLS / 2;
/// No stream is shorter: the table and two units of bits.
pub(super) const MIN_STREAM: usize = TABLE_BYTES + 4;
/// Most bits of an item: a codeword and extra offset bits.
const MAX_ITEM_BITS: usize = 30;
const _: () = assert!(MAX_ITEM_BITS + 7 < 64);

/// How a symbol is written: its codeword, in the high half, with room for the extra bits below; in bits 0..8 the
/// number of both kinds of bits; the nibble that announces length bytes is marked.
type Code = u64;
const LONG: Code = 1 << 8;

/// Writes streams.
#[derive(Debug)]
pub(super) struct Emitter {
    /// All bits of the stream, with room for a whole word behind.
    bits: Box<[u8]>,
    /// The units that length bytes come before.
    units: Vec<u32>,
}

impl Emitter {
    /// An emitter for chunks of at most `max_size` bytes.
    pub(super) fn new(max_size: usize) -> Self {
        Self {
            bits: vec![0; Self::bits_size(max_size)].into_boxed_slice(),
            units: Vec::with_capacity(max_size / MIN_LONG),
        }
    }

    /// Streams that are larger than the chunk are not written.
    const fn bits_size(max_size: usize) -> usize {
        max_size + size_of::<u64>()
    }

    /// Bytes on the heap.
    pub(super) const fn memory(max_size: usize) -> usize {
        Self::bits_size(max_size) + max_size / MIN_LONG * size_of::<u32>()
    }

    /// Writes table and stream; `None` if they are not smaller than `max_size` or do not fit `dst`.
    #[inline(always)]
    pub(super) fn emit(&mut self, items: &Items, max_size: usize, dst: &mut [u8]) -> Option<usize> {
        let mut lengths = [0; NUM_SYMBOLS];
        limited_lengths(items.frequencies(), MAX_CODEWORD_LEN, &mut lengths);
        let size = stream_size(items, &lengths);
        if size >= max_size || size > dst.len() {
            return None;
        }
        let (table, stream) = dst[..size].split_at_mut(TABLE_BYTES);
        for (byte, pair) in table.iter_mut().zip(lengths.chunks_exact(2)) {
            *byte = pair[0] | pair[1] << 4;
        }
        self.write_bits(items, &codes(&lengths));
        self.place(items.long_lengths(), stream);
        Some(size)
    }

    #[inline(always)]
    fn write_bits(&mut self, items: &Items, codes: &[Code; NUM_SYMBOLS]) {
        self.units.clear();
        let bits = &mut *self.bits;
        // The next bits, left-aligned; the first of them goes to the first bit of the byte at `pos`.
        let (mut reservoir, mut count, mut pos) = (0_u64, 0, 0);
        for &item in items.items() {
            let code = codes[item as usize % NUM_SYMBOLS];
            let value = code >> 32 | u64::from(item >> 16);
            count += code as u32 & 0xFF;
            reservoir |= value << (64 - count);
            if code & LONG != 0 {
                let consumed = 8 * pos + (count - extra_bits(item as usize % NUM_SYMBOLS)) as usize;
                self.units.push(1 + consumed.div_ceil(16) as u32);
            }
            bits[pos..pos + 8].copy_from_slice(&reservoir.to_be_bytes());
            pos += count as usize / 8;
            reservoir <<= count & !7;
            count %= 8;
        }
        // What lies behind the last bit, to the end of the unit reserved behind it.
        bits[pos..pos + 8].copy_from_slice(&reservoir.to_be_bytes());
    }

    /// Puts the units and the length bytes where the reader looks for them.
    #[inline(never)]
    fn place(&self, long_lengths: &[u16], mut stream: &mut [u8]) {
        let mut done = 0;
        for (&unit, &length) in self.units.iter().zip(long_lengths) {
            let end = 2 * unit as usize;
            let length = usize::from(length);
            let (units, behind) = std::mem::take(&mut stream).split_at_mut(end - done);
            swap_units(&self.bits[done..end], units);
            let (bytes, behind) = behind.split_at_mut(length_bytes(length));
            if length < MIN_VERY_LONG {
                bytes[0] = (length - MIN_LONG) as u8;
            } else {
                bytes[0] = LONG_BYTE as u8;
                bytes[1..].copy_from_slice(&((length - MIN_MATCH) as u16).to_le_bytes());
            }
            (stream, done) = (behind, end);
        }
        swap_units(&self.bits[done..done + stream.len()], stream);
    }
}

fn codes(lengths: &[u8; NUM_SYMBOLS]) -> [Code; NUM_SYMBOLS] {
    let mut words = [0; NUM_SYMBOLS];
    codewords(lengths, &mut words);
    let mut codes = [0; NUM_SYMBOLS];
    for (symbol, code) in codes.iter_mut().enumerate() {
        let extra = extra_bits(symbol);
        let long = if symbol >= 256 && symbol % 16 == LONG_NIBBLE { LONG } else { 0 };
        *code = u64::from(words[symbol]) << (32 + extra) | u64::from(u32::from(lengths[symbol]) + extra) | long;
    }
    codes
}

/// The exact size of table and stream.
fn stream_size(items: &Items, lengths: &[u8; NUM_SYMBOLS]) -> usize {
    let bits: u32 = (0..NUM_SYMBOLS)
        .map(|symbol| items.frequencies()[symbol] * (u32::from(lengths[symbol]) + extra_bits(symbol)))
        .sum();
    let bytes: usize = items.long_lengths().iter().map(|&length| length_bytes(length.into())).sum();
    TABLE_BYTES + 2 * (1 + bits.div_ceil(16) as usize) + bytes
}
