//! XPRESS Huffman decoding.
//!
//! The bits come in 16-bit units, and the bytes of long matches' lengths lie between the units, at the place that a
//! decoder's cursor has reached if it fetches a unit whenever fewer than 16 unread bits remain. The loop here does
//! just that; it decodes the end of a chunk, and whatever is malformed. All else is the [fast loop](super::fast)'s.

use super::fast;
use crate::codec::copy::copy_match;
use crate::codec::huffman::decode_table::{DecodeTable, SUBTABLE, table_size};
use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

/// The decode table of a chunk's code.
pub(super) type Table = DecodeTable<ROOT_BITS, TABLE_SIZE>;

const SYMBOLS: usize = 512;
const MAX_CODEWORD_LEN: u32 = 15;
const MIN_MATCH: usize = 3;
/// The size of the codeword lengths that a chunk begins with.
const LENS_SIZE: usize = SYMBOLS / 2;

const ROOT_BITS: u32 = 11;
const TABLE_SIZE: usize = table_size(SYMBOLS, MAX_CODEWORD_LEN, ROOT_BITS);

/// Marks an entry as a literal, whose byte is in bits 16..24. No entry consumes so many bits.
pub(super) const LITERAL: u32 = 1 << 6;
/// Which of the bytes of a literal's entry is the literal.
pub(super) const LITERAL_BYTE: usize = if cfg!(target_endian = "little") { 2 } else { 1 };
/// In a match's entry: it is longer than the fast loop's simple case, or length bytes follow.
const LONG: u32 = 1 << 29;
/// What the fast loop's simple path leaves to others.
pub(super) const RARE: u32 = SUBTABLE | LONG;
/// The length, in the entry, of matches whose length bytes follow.
pub(super) const LENGTH_FOLLOWS: usize = 15 + MIN_MATCH;

/// The part of entries that does not depend on codewords. All have their length, without length bytes, in bits 24..29:
/// 1 for literals. Matches have the number of their extra offset bits in bits 8..12, and add it to what they consume.
static BASES: [u32; SYMBOLS] = {
    let mut bases = [0; SYMBOLS];
    let mut symbol = 0;
    while symbol < SYMBOLS {
        bases[symbol] = if symbol < 256 {
            LITERAL | 1 << 24 | (symbol as u32) << 16
        } else {
            let length = symbol as u32 % 16 + MIN_MATCH as u32;
            let extra_bits = (symbol as u32 - 256) / 16;
            let long = if length > 16 { LONG } else { 0 };
            long | length << 24 | extra_bits << 8 | extra_bits
        };
        symbol += 1;
    }
    bases
};

/// The length that an entry of the simple case says.
#[inline(always)]
pub(super) fn simple_length(entry: u32) -> usize {
    (entry >> 24) as usize
}

/// The length that an entry says, without length bytes.
#[inline(always)]
pub(super) fn entry_length(entry: u32) -> usize {
    simple_length(entry) % 32
}

/// The byte of a literal's entry.
#[inline(always)]
pub(super) fn entry_literal(entry: u32) -> u8 {
    (entry >> 16) as u8
}

/// How many extra offset bits an entry's match has.
#[inline(always)]
pub(super) fn extra_bits(entry: u32) -> u32 {
    entry >> 8 & 15
}

/// How many bits an entry consumes.
#[inline(always)]
pub(super) fn item_bits(entry: u32) -> u32 {
    entry % 64
}

/// How many bits the codeword of an entry has.
#[inline(always)]
pub(super) fn codeword_bits(entry: u32) -> u32 {
    item_bits(entry) - extra_bits(entry)
}

/// The offset of an entry's match, whose extra bits are on top of `bits`.
#[inline(always)]
pub(super) fn extra_offset(entry: u32, bits: u64) -> usize {
    (1 << 63 | bits >> 1).wrapping_shr(63 - extra_bits(entry)) as usize
}

/// The offset of an entry's match, whose item is on top of `bits`; of a literal's entry, 1.
#[inline(always)]
pub(super) fn entry_offset(entry: u32, bits: u64) -> usize {
    let (base, mask) = OFFSETS[usize::from((entry >> 8) as u8)];
    (bits.rotate_left(entry) as u32 & mask) as usize + base as usize
}

/// For each number of extra bits the smallest offset, and a mask of as many ones. A byte of an entry says the number: none is out of bounds.
static OFFSETS: [(u32, u32); 256] = {
    let mut offsets = [(0, 0); 256];
    let mut bits = 0;
    while bits < 16 {
        offsets[bits] = (1 << bits, (1 << bits) - 1);
        bits += 1;
    }
    offsets
};

/// Decodes XPRESS chunks.
#[derive(Debug)]
pub struct XpressDecompressor {
    table: Box<Table>,
    reversed: fast::ReversedUnits,
}

impl XpressDecompressor {
    /// A decoder.
    pub fn new() -> Self {
        Self { table: Box::new(DecodeTable::new()), reversed: fast::ReversedUnits::default() }
    }
}

impl Default for XpressDecompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor for XpressDecompressor {
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        let error = |kind, src_offset, dst_offset| DecodeError { kind, src_offset, dst_offset };
        let Some((lens, stream)) = src.split_first_chunk::<LENS_SIZE>() else {
            return Err(error(DecodeErrorKind::Truncated, src.len(), 0));
        };
        let lens: [u8; SYMBOLS] = std::array::from_fn(|symbol| lens[symbol / 2] >> (symbol % 2 * 4) & 15);
        self.table.build(&lens, &BASES).map_err(|_| error(DecodeErrorKind::BadCode("code"), LENS_SIZE, 0))?;

        let reader = Reader { src: stream, pos: 0, reservoir: 0, count: 0 };
        let mut chunk = Chunk { reader, dst, dst_pos: 0 };
        let result = fast::decode_items(&mut chunk, &self.table, &mut self.reversed);
        let result = result.and_then(|()| chunk.decode_items(&self.table));
        result.map_err(|kind| error(kind, LENS_SIZE + chunk.reader.pos, chunk.dst_pos))
    }
}

/// Reads units of bits, and bytes between them.
pub(super) struct Reader<'a> {
    pub(super) src: &'a [u8],
    /// The next byte that is not in the reservoir.
    pub(super) pos: usize,
    /// The next bits, left-aligned; beyond `count`, further bits of the input or zeros.
    pub(super) reservoir: u64,
    pub(super) count: u32,
}

impl Reader<'_> {
    /// Appends a unit to the reservoir; zero where the input holds no whole unit any more.
    fn fetch_unit(&mut self) {
        let unit = self.bytes().map_or(0, u16::from_le_bytes);
        self.reservoir |= u64::from(unit) << (48 - self.count);
        self.count += 16;
    }

    /// Consumes at most 15 bits and fetches a unit if fewer than 16 bits remain.
    fn consume_and_fetch(&mut self, count: u32) {
        self.consume(count);
        if self.count < 16 {
            self.fetch_unit();
        }
    }

    fn consume(&mut self, count: u32) {
        self.reservoir = self.reservoir.wrapping_shl(count);
        self.count -= count;
    }

    /// The next bytes at the cursor.
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeErrorKind> {
        let bytes = self.src.get(self.pos..).and_then(<[u8]>::first_chunk).ok_or(DecodeErrorKind::Truncated)?;
        self.pos += N;
        Ok(*bytes)
    }

    /// The length that length bytes say.
    #[inline(always)]
    pub(super) fn long_length(&mut self) -> Result<usize, DecodeErrorKind> {
        Ok(MIN_MATCH
            + match self.bytes()? {
                [255] => usize::from(u16::from_le_bytes(self.bytes()?)),
                [byte] => 15 + usize::from(byte),
            })
    }
}

/// A chunk being decoded.
pub(super) struct Chunk<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) dst: &'a mut [u8],
    pub(super) dst_pos: usize,
}

impl Chunk<'_> {
    /// Decodes the literals and matches that the fast loop has left.
    fn decode_items(&mut self, table: &Table) -> Result<(), DecodeErrorKind> {
        if self.reader.count < 16 {
            self.reader.fetch_unit();
        }
        while self.dst_pos < self.dst.len() {
            let entry = table.lookup(self.reader.reservoir);
            self.reader.consume_and_fetch(codeword_bits(entry));
            if entry & LITERAL != 0 {
                self.dst[self.dst_pos] = entry_literal(entry);
                self.dst_pos += 1;
                continue;
            }
            let mut length = entry_length(entry);
            if length == LENGTH_FOLLOWS {
                length = self.reader.long_length()?;
            }
            let offset = extra_offset(entry, self.reader.reservoir);
            self.reader.consume_and_fetch(extra_bits(entry));
            if length > self.dst.len() - self.dst_pos {
                return Err(DecodeErrorKind::BadLength { length: length as u64 });
            }
            if offset > self.dst_pos {
                return Err(DecodeErrorKind::BadOffset { offset: offset as u64 });
            }
            copy_match(self.dst, self.dst_pos, offset, length);
            self.dst_pos += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::test_data::{complete_code, damaged, xpress_chunk as chunk};
    use crate::codec::xpress::plain;

    /// Decodes with the fast and the plain decoder, which must agree, and gives the output if there is any.
    fn decode(src: &[u8], len: usize) -> Option<Vec<u8>> {
        let (mut fast, mut plain) = (vec![0xAA; len], vec![0x55; len]);
        let verdict = XpressDecompressor::new().decompress(src, &mut fast);
        let expected = plain::decompress(src, &mut plain);
        assert_eq!(verdict.map_err(|error| error.kind), expected.map_err(|error| error.kind), "{src:02x?}");
        verdict.is_ok().then(|| {
            assert_eq!(fast, plain);
            fast
        })
    }

    #[test]
    fn examples_of_the_format_description() {
        let long = chunk(&[(48, 0x10), (128, 0x02), (135, 0x20)], "00380000ff2701");
        assert_eq!(decode(&long, 300).expect("valid"), [b'a'; 300]);
        let table = [(48, 0x20), (49, 0x33), (60, 0x03), (128, 0x03), (135, 0x30), (143, 0x30)];
        let interleaved = chunk(&table, "3e13006a05000015");
        let text = ["abc".repeat(9), "x".repeat(40)].concat();
        assert_eq!(decode(&interleaved, 67).expect("valid"), text.as_bytes());

        for (src, len) in [(long, 300), (interleaved, 67)] {
            for src in damaged(&src) {
                decode(&src, len);
            }
        }
    }

    #[test]
    fn what_established_readers_tolerate() {
        // No code at all: every symbol is 0 and takes no bits.
        assert_eq!(decode(&[0; 256], 1000).expect("tolerated"), [0; 1000]);
        // Bits beyond the end are zero: the literal 0.
        assert_eq!(decode(&chunk(&[(0, 0x11)], ""), 1000).expect("tolerated"), [0; 1000]);
        // Trailing bytes.
        assert!(decode(&chunk(&[(0, 0x11)], "0000000012345678901234567890"), 8).is_some());
        // A lone byte is no unit, but it is a length byte: 271 is `1`, and the units are zeros.
        let lone = chunk(&[(0, 0x01), (135, 0x10)], "0040000005");
        assert_eq!(decode(&lone, 24).expect("tolerated"), [0; 24]);
    }

    /// A 16-bit length may say what needs no length bytes; the units behind it are shifted all the same.
    #[test]
    fn short_lengths_in_length_bytes() {
        // Literals 0 to 15 have codewords of 5 bits that begin with 1; 0 is a match of offset 1 with length bytes.
        let mut table: Vec<_> = (0..8).map(|index| (index, 0x55)).collect();
        table.push((135, 0x10));
        for length in 0..20 {
            // The literal 0 and eleven matches leave 16 of the first two units' bits; units and length bytes follow in turn.
            let length_bytes = format!("ff{length:02x}00");
            let stream = format!("00800000{}{}", length_bytes.repeat(11), format!("5aa5{length_bytes}").repeat(20));
            let src = chunk(&table, &stream);
            for len in 1..250 {
                decode(&src, len);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        /// In a complete code, any bits are symbols: random bytes make a stream of random literals and matches.
        #[test]
        fn random_streams(
            (literals, matches) in (complete_code(256, 9), complete_code(256, 12)),
            payload in prop::collection::vec(any::<u8>(), 0..3000),
            len in 0_usize..6000,
        ) {
            let lens: Vec<u8> = literals.iter().chain(&matches).map(|&len| if len == 0 { 0 } else { len + 1 }).collect();
            let mut src: Vec<u8> = lens.as_chunks::<2>().0.iter().map(|&[low, high]| low | high << 4).collect();
            // Zeros are the shortest codeword, a literal, and give the matches something to refer to.
            src.extend([0; 500]);
            src.extend(payload);
            decode(&src, len);
        }

        #[test]
        fn random_bytes(src in prop::collection::vec(any::<u8>(), 0..600), len in 0_usize..600) {
            decode(&src, len);
        }
    }
}
