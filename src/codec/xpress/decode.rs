//! XPRESS Huffman decoding.
//!
//! The bits come in 16-bit units, and the bytes of long matches' lengths lie between the units, at the place that a
//! decoder's cursor has reached if it fetches a unit whenever fewer than 16 unread bits remain. The fast loop
//! reads ahead by whole 64-bit words instead; where length bytes come, it steps back to where the cursor should be.
//! Near the end of the input or the output, the careful loop takes over, which fetches single units as described.
//!
//! The table's entries say all that is known of a symbol: its literal, or its match's length and offset class.
//! Codeword and extra offset bits are consumed by one shift, so that the lookup of the next symbol waits for nothing
//! but the entry of this one.

use crate::codec::copy::copy_match;
use crate::codec::huffman::decode_table::{DecodeTable, codeword_len, consumed_bits, table_size};
use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

const SYMBOLS: usize = 512;
const MAX_CODEWORD_LEN: u32 = 15;
const MIN_MATCH: usize = 3;

const ROOT_BITS: u32 = 11;
const TABLE_SIZE: usize = table_size(SYMBOLS, MAX_CODEWORD_LEN, ROOT_BITS);

/// Marks an entry as a literal, whose byte is in bits 16..24.
const LITERAL: u32 = 1 << 31;
/// In a match's entry: length bytes follow.
const LENGTH_FOLLOWS: u32 = 1 << 30;

/// The part of entries that does not depend on codewords. A match has its length without length bytes in bits 16..24,
/// and adds its extra offset bits to what it consumes.
static BASES: [u32; SYMBOLS] = {
    let mut bases = [0; SYMBOLS];
    let mut symbol = 0;
    while symbol < SYMBOLS {
        bases[symbol] = if symbol < 256 {
            LITERAL | (symbol as u32) << 16
        } else {
            let nibble = symbol as u32 % 16;
            let extra_bits = (symbol as u32 - 256) / 16;
            let length_follows = if nibble == 15 { LENGTH_FOLLOWS } else { 0 };
            length_follows | (nibble + MIN_MATCH as u32) << 16 | extra_bits
        };
        symbol += 1;
    }
    bases
};

/// Decodes XPRESS chunks.
#[derive(Debug)]
pub struct XpressDecompressor {
    table: Box<DecodeTable<ROOT_BITS, TABLE_SIZE>>,
}

impl XpressDecompressor {
    /// A decoder.
    pub fn new() -> Self {
        Self { table: Box::new(DecodeTable::new()) }
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
        let lens = src.first_chunk::<256>().ok_or(error(DecodeErrorKind::Truncated, src.len(), 0))?;
        let lens: [u8; SYMBOLS] = std::array::from_fn(|symbol| lens[symbol / 2] >> (symbol % 2 * 4) & 15);
        self.table.build(&lens, &BASES).map_err(|_| error(DecodeErrorKind::BadCode("code"), 256, 0))?;

        let reader = Reader { src, pos: 256, reservoir: 0, count: 0 };
        let mut chunk = Chunk { reader, table: &self.table, dst, dst_pos: 0 };
        let result = chunk.fast_items().and_then(|()| chunk.careful_items());
        result.map_err(|kind| error(kind, chunk.reader.pos, chunk.dst_pos))
    }
}

/// Reads units of bits, and bytes between them.
#[derive(Clone, Copy)]
struct Reader<'a> {
    src: &'a [u8],
    /// The next byte that is not in the reservoir.
    pos: usize,
    /// The next bits, left-aligned; beyond `count`, further bits of the input or zeros.
    reservoir: u64,
    count: u32,
}

impl Reader<'_> {
    /// Makes 48 bits available by reading ahead. `None` if fewer than eight bytes of input are left.
    #[inline(always)]
    fn read_ahead(&mut self) -> Option<()> {
        let bytes = self.src.get(self.pos..)?.first_chunk()?;
        self.reservoir |= first_unit_on_top(u64::from_le_bytes(*bytes)) >> self.count;
        let units = (63 - self.count) / 16;
        self.count += 16 * units;
        self.pos += 2 * units as usize;
        Some(())
    }

    /// Puts back the units that a decoder which does not read ahead would not have fetched yet, after at least one bit
    /// has been consumed.
    #[inline(always)]
    fn put_back(&mut self) {
        let count = 16 + self.count % 16;
        self.pos -= ((self.count - count) / 8) as usize;
        self.count = count;
        self.reservoir = self.reservoir >> (64 - count) << (64 - count);
    }

    /// Appends a unit to the reservoir; zero where the input holds no whole unit any more.
    fn fetch_unit(&mut self) {
        let unit = self.bytes().map_or(0, u16::from_le_bytes);
        self.reservoir |= u64::from(unit) << (48 - self.count);
        self.count += 16;
    }

    /// Consumes at most 15 bits and fetches a unit if fewer than 16 bits remain.
    #[inline(always)]
    fn consume_and_fetch(&mut self, count: u32) {
        self.consume(count);
        if self.count < 16 {
            self.fetch_unit();
        }
    }

    #[inline(always)]
    fn consume(&mut self, count: u32) {
        self.reservoir = self.reservoir.wrapping_shl(count);
        self.count -= count;
    }

    /// The next bytes at the cursor.
    #[inline(always)]
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeErrorKind> {
        let bytes = self.src.get(self.pos..).and_then(<[u8]>::first_chunk).ok_or(DecodeErrorKind::Truncated)?;
        self.pos += N;
        Ok(*bytes)
    }

    /// The length that length bytes say.
    #[inline(always)]
    fn long_length(&mut self) -> Result<usize, DecodeErrorKind> {
        Ok(MIN_MATCH
            + match self.bytes()? {
                [255] => usize::from(u16::from_le_bytes(self.bytes()?)),
                [byte] => 15 + usize::from(byte),
            })
    }
}

/// Reverses the order of the 16-bit units of a word.
#[inline(always)]
fn first_unit_on_top(word: u64) -> u64 {
    const LOW_BYTES: u64 = 0x00FF_00FF_00FF_00FF;
    let swapped = word.swap_bytes();
    (swapped & LOW_BYTES) << 8 | swapped >> 8 & LOW_BYTES
}

/// The offset of a match: a one and the extra bits, which are on top of `bits`.
#[inline(always)]
fn offset(bits: u64, extra_bits: u32) -> usize {
    ((1 << 63 | bits >> 1) >> (63 - extra_bits)) as usize
}

/// A chunk being decoded.
struct Chunk<'a> {
    reader: Reader<'a>,
    table: &'a DecodeTable<ROOT_BITS, TABLE_SIZE>,
    dst: &'a mut [u8],
    dst_pos: usize,
}

impl Chunk<'_> {
    /// Decodes literals and matches as long as input and output leave room for reading ahead and three literals.
    fn fast_items(&mut self) -> Result<(), DecodeErrorKind> {
        let mut reader = self.reader;
        let mut dst_pos = self.dst_pos;
        let dst = &mut *self.dst;
        let fast_end = dst.len().saturating_sub(3);
        let table = self.table;
        let mut result = Ok(());
        while dst_pos < fast_end && reader.read_ahead().is_some() {
            let mut entry = table.root(reader.reservoir);
            if entry & LITERAL != 0 {
                reader.consume(consumed_bits(entry));
                dst[dst_pos] = (entry >> 16) as u8;
                dst_pos += 1;
                entry = table.root(reader.reservoir);
                if entry & LITERAL != 0 {
                    reader.consume(consumed_bits(entry));
                    dst[dst_pos] = (entry >> 16) as u8;
                    dst_pos += 1;
                    continue;
                }
            }
            entry = table.follow(entry, reader.reservoir);
            if entry & LITERAL != 0 {
                reader.consume(consumed_bits(entry));
                dst[dst_pos] = (entry >> 16) as u8;
                dst_pos += 1;
                continue;
            }
            let mut length = (entry >> 16 & 0xFF) as usize;
            let codeword_len = codeword_len(entry);
            let extra_bits = consumed_bits(entry) - codeword_len;
            let offset = offset(reader.reservoir.wrapping_shl(codeword_len), extra_bits);
            if entry & LENGTH_FOLLOWS != 0 {
                reader.consume(codeword_len);
                reader.put_back();
                match reader.long_length() {
                    Ok(long) => length = long,
                    Err(kind) => {
                        result = Err(kind);
                        break;
                    }
                }
                reader.consume_and_fetch(extra_bits);
            } else {
                reader.consume(consumed_bits(entry));
            }
            if let Err(kind) = check_match(dst, dst_pos, offset, length) {
                result = Err(kind);
                break;
            }
            copy_match(dst, dst_pos, offset, length);
            dst_pos += length;
        }
        if reader.count < 16 {
            reader.fetch_unit();
        }
        reader.put_back();
        self.reader = reader;
        self.dst_pos = dst_pos;
        result
    }

    /// Decodes the rest of the literals and matches.
    fn careful_items(&mut self) -> Result<(), DecodeErrorKind> {
        while self.dst_pos < self.dst.len() {
            let entry = self.table.lookup(self.reader.reservoir);
            self.reader.consume_and_fetch(codeword_len(entry));
            if entry & LITERAL != 0 {
                self.dst[self.dst_pos] = (entry >> 16) as u8;
                self.dst_pos += 1;
                continue;
            }
            let mut length = (entry >> 16 & 0xFF) as usize;
            if entry & LENGTH_FOLLOWS != 0 {
                length = self.reader.long_length()?;
            }
            let extra_bits = consumed_bits(entry) - codeword_len(entry);
            let offset = offset(self.reader.reservoir, extra_bits);
            self.reader.consume_and_fetch(extra_bits);
            check_match(self.dst, self.dst_pos, offset, length)?;
            copy_match(self.dst, self.dst_pos, offset, length);
            self.dst_pos += length;
        }
        Ok(())
    }
}

#[inline(always)]
fn check_match(dst: &[u8], dst_pos: usize, offset: usize, length: usize) -> Result<(), DecodeErrorKind> {
    if length > dst.len() - dst_pos {
        return Err(DecodeErrorKind::BadLength { length: length as u64 });
    }
    if offset > dst_pos {
        return Err(DecodeErrorKind::BadOffset { offset: offset as u64 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::test_data::{complete_code, damaged, unhex};
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

    /// A chunk with these non-zero bytes of the table of codeword lengths, and this stream.
    fn chunk(table: &[(usize, u8)], stream: &str) -> Vec<u8> {
        let mut chunk = vec![0; 256];
        for &(index, lens) in table {
            chunk[index] = lens;
        }
        chunk.extend(unhex(stream));
        chunk
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
