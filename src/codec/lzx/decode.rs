//! LZX decoding.
//!
//! A chunk is first copied with its 16-bit units in reverse, behind zeros. Its bits are then in the order of bytes, from the
//! last one down: eight bytes at any position refill the reservoir as they are, and reading beyond the end, which the
//! format's readers allow, needs no check.
//!
//! The main code's table entries say all that is known of a symbol: its literal, or its match's length and offset
//! slot with the number of extra bits. [`fast`] decodes the items of a block with them; here are headers and codes.

use super::bits::BitReader;
use super::format::{
    ALIGNED_SYMBOLS, DEFAULT_BLOCK_SIZE, EXTRA_OFFSET_BITS, LENGTH_SYMBOLS, MAX_ALIGNED_CODEWORD_LEN, MAX_CODEWORD_LEN,
    MAX_MAIN_SYMBOLS, MAX_OFFSET_SLOTS, MAX_PRECODE_CODEWORD_LEN, MIN_MATCH, NUM_LENGTH_HEADERS, NUM_LITERALS,
    OFFSET_SLOT_BASE, PRECODE_SYMBOLS, RECENT_OFFSETS, block_type, num_main_symbols,
};
use super::recent::Recent;
use super::{e8, fast};
use crate::codec::copy::copy_match;
use crate::codec::huffman::decode_table::{DecodeTable, SUBTABLE, consumed_bits, table_size};
use crate::codec::known_match::{KnownMatch, MAX_KNOWN_SIZE, Noted, Notes};
use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

const MAIN_ROOT_BITS: u32 = 11;
const MAIN_TABLE_SIZE: usize = table_size(MAX_MAIN_SYMBOLS, MAX_CODEWORD_LEN, MAIN_ROOT_BITS);
const LENGTH_ROOT_BITS: u32 = 9;
const LENGTH_TABLE_SIZE: usize = table_size(LENGTH_SYMBOLS, MAX_CODEWORD_LEN, LENGTH_ROOT_BITS);
/// How many extra bits the aligned offset code replaces.
pub(super) const ALIGNED_BITS: u32 = 3;
const ALIGNED_ROOT_BITS: u32 = MAX_ALIGNED_CODEWORD_LEN;
const ALIGNED_TABLE_SIZE: usize = table_size(ALIGNED_SYMBOLS, MAX_ALIGNED_CODEWORD_LEN, ALIGNED_ROOT_BITS);
const PRECODE_ROOT_BITS: u32 = 6;
const PRECODE_TABLE_SIZE: usize = table_size(PRECODE_SYMBOLS, MAX_PRECODE_CODEWORD_LEN, PRECODE_ROOT_BITS);

/// Marks a main entry as a literal, whose byte is in bits 16..24.
pub(super) const LITERAL: u32 = 1 << 6;
/// Which of the bytes of a literal's entry is the literal.
pub(super) const LITERAL_BYTE: usize = if cfg!(target_endian = "little") { 2 } else { 1 };
/// In a match's main entry of an aligned block: an aligned offset symbol follows. No entry consumes so many bits.
pub(super) const ALIGNED_FOLLOWS: u32 = 1 << 7;
/// In a match's main entry: a length symbol follows.
pub(super) const LENGTH_FOLLOWS: u32 = 1 << 28;
/// In a match's main entry: the recent offsets change their order.
pub(super) const REORDERS: u32 = 1 << 29;
/// What the fast loop's simple path leaves to others.
pub(super) const RARE: u32 = SUBTABLE | LENGTH_FOLLOWS | REORDERS;

/// The part of main entries that does not depend on codewords. All have their length without the length symbol (1 for
/// literals) in bits 24..28; a match has its offset slot in bits 8..14 and adds the extra bits to what it consumes,
/// but for those that the aligned offset code replaces.
const fn main_bases(aligned_block: bool) -> [u32; MAX_MAIN_SYMBOLS] {
    let mut bases = [0; MAX_MAIN_SYMBOLS];
    let mut symbol = 0;
    while symbol < NUM_LITERALS {
        bases[symbol] = LITERAL | 1 << 24 | (symbol as u32) << 16;
        symbol += 1;
    }
    while symbol < MAX_MAIN_SYMBOLS {
        let header = (symbol - NUM_LITERALS) % NUM_LENGTH_HEADERS;
        let slot = (symbol - NUM_LITERALS) / NUM_LENGTH_HEADERS;
        let mut base = ((header + MIN_MATCH) as u32) << 24 | (slot as u32) << 8;
        let mut extra_bits = EXTRA_OFFSET_BITS[slot] as u32;
        if aligned_block && extra_bits >= ALIGNED_BITS {
            extra_bits -= ALIGNED_BITS;
            base |= ALIGNED_FOLLOWS;
        }
        if header == NUM_LENGTH_HEADERS - 1 {
            base |= LENGTH_FOLLOWS;
        }
        if slot > 0 && slot < RECENT_OFFSETS {
            base |= REORDERS;
        }
        bases[symbol] = base | extra_bits;
        symbol += 1;
    }
    bases
}

/// The offset slot of a match's main entry; 0 for a literal's.
#[inline(always)]
pub(super) fn entry_slot(entry: u32) -> usize {
    (entry >> 8) as usize % SLOTS
}

/// How long an entry's item is if no length symbol follows.
#[inline(always)]
pub(super) fn entry_length(entry: u32) -> usize {
    (entry >> 24) as usize
}

/// How long a match is without its length symbol.
#[inline(always)]
pub(super) fn first_length(entry: u32) -> usize {
    entry_length(entry) % 16
}

/// The byte of a literal's entry.
#[inline(always)]
pub(super) fn entry_literal(entry: u32) -> u8 {
    (entry >> 16) as u8
}

/// How many bits the item of a main entry has, without the length and aligned offset symbols.
#[inline(always)]
pub(super) fn item_bits(entry: u32) -> u32 {
    entry % 64
}

/// So many are told by a byte: none is out of bounds.
const SLOTS: usize = 256;

/// What the offset slots say; 0 for those of the recent offsets, the first of which literals have.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    /// The smallest offset.
    pub(super) bases: [u32; SLOTS],
    /// As many ones as there are extra bits, those included that the aligned offset code replaces.
    pub(super) extra_masks: [u32; SLOTS],
    /// How many that are.
    pub(super) extra_bits: [u8; SLOTS],
    /// By how much the recent offsets are shifted.
    pub(super) shifts: [u8; SLOTS],
}

const fn slots() -> Slots {
    let mut slots = Slots { bases: [0; SLOTS], extra_masks: [0; SLOTS], extra_bits: [0; SLOTS], shifts: [0; SLOTS] };
    let mut slot = RECENT_OFFSETS;
    while slot < MAX_OFFSET_SLOTS {
        slots.bases[slot] = OFFSET_SLOT_BASE[slot] as u32;
        slots.extra_masks[slot] = (1 << EXTRA_OFFSET_BITS[slot]) - 1;
        slots.extra_bits[slot] = EXTRA_OFFSET_BITS[slot];
        slots.shifts[slot] = Recent::SHIFT;
        slot += 1;
    }
    slots
}

/// Symbols of the main code whose offset slots have at most 15 extra bits.
const NEAR_MAIN_SYMBOLS: usize = NUM_LITERALS + NUM_LENGTH_HEADERS * 34;

/// Whether a match can be copied.
#[inline(always)]
pub(super) fn check_match(dst_pos: usize, offset: usize, length: usize, end: usize) -> Result<(), DecodeErrorKind> {
    if length > end - dst_pos {
        return Err(DecodeErrorKind::BadLength { length: length as u64 });
    }
    if offset > dst_pos {
        return Err(DecodeErrorKind::BadOffset { offset: offset as u64 });
    }
    Ok(())
}

static VERBATIM_BASES: [u32; MAX_MAIN_SYMBOLS] = main_bases(false);
static ALIGNED_BASES: [u32; MAX_MAIN_SYMBOLS] = main_bases(true);

/// Entries that carry their symbol in bits 16..32.
static SYMBOL_BASES: [u32; LENGTH_SYMBOLS] = {
    let mut bases = [0; LENGTH_SYMBOLS];
    let mut symbol = 0;
    while symbol < bases.len() {
        bases[symbol] = (symbol as u32) << 16;
        symbol += 1;
    }
    bases
};

/// Decodes LZX chunks.
#[derive(Debug)]
pub struct LzxDecompressor {
    window_order: u32,
    /// [`BitReader`]'s.
    input: Vec<u8>,
    tables: Box<Tables>,
    /// What [`Decompressor::decompress_with_matches`] takes notes in, once it has been called.
    noted: Option<Noted>,
}

/// The decode table of the main code.
pub(super) type MainTable = DecodeTable<MAIN_ROOT_BITS, MAIN_TABLE_SIZE>;

/// All that the fast loop looks up: where the main code's table is, which it needs most, is where all is.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Tables {
    pub(super) main: MainTable,
    pub(super) length: DecodeTable<LENGTH_ROOT_BITS, LENGTH_TABLE_SIZE>,
    pub(super) aligned: DecodeTable<ALIGNED_ROOT_BITS, ALIGNED_TABLE_SIZE>,
    precode: DecodeTable<PRECODE_ROOT_BITS, PRECODE_TABLE_SIZE>,
    pub(super) slots: Slots,
    main_lens: [u8; MAX_MAIN_SYMBOLS],
    length_lens: [u8; LENGTH_SYMBOLS],
}

impl Tables {
    /// No codes as yet, and all codeword lengths zero.
    pub(super) fn new() -> Self {
        Self {
            main: DecodeTable::new(),
            length: DecodeTable::new(),
            aligned: DecodeTable::new(),
            precode: DecodeTable::new(),
            slots: slots(),
            main_lens: [0; MAX_MAIN_SYMBOLS],
            length_lens: [0; LENGTH_SYMBOLS],
        }
    }
}

impl LzxDecompressor {
    /// A decoder for chunks of nominally `1 << window_order` bytes.
    pub fn new(window_order: u32) -> Self {
        Self { window_order, input: Vec::new(), tables: Box::new(Tables::new()), noted: None }
    }
}

impl Decompressor for LzxDecompressor {
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        let Self { window_order, input, tables, .. } = self;
        decode(*window_order, input, tables, src, dst, ())
    }

    fn decompress_with_matches(
        &mut self,
        src: &[u8],
        dst: &mut [u8],
        matches: &mut Vec<KnownMatch>,
    ) -> Result<(), DecodeError> {
        matches.clear();
        if dst.len() > MAX_KNOWN_SIZE {
            return self.decompress(src, dst);
        }
        let Self { window_order, input, tables, noted } = self;
        let noted = noted.get_or_insert_with(Noted::new);
        noted.clear();
        decode(*window_order, input, tables, src, dst, &mut *noted)?;
        matches.extend_from_slice(noted.matches());
        Ok(())
    }
}

/// Decodes a chunk with what a decompressor has at hand.
fn decode<N: Notes>(
    window_order: u32,
    input: &mut Vec<u8>,
    tables: &mut Tables,
    src: &[u8],
    dst: &mut [u8],
    notes: N,
) -> Result<(), DecodeError> {
    tables.main_lens.fill(0);
    tables.length_lens.fill(0);
    let mut chunk = Chunk {
        src,
        reader: BitReader::new(src, input),
        tables,
        num_main_symbols: num_main_symbols(window_order),
        block_size_bits: if window_order == 15 { 16 } else { 24 },
        dst,
        dst_pos: 0,
        recent: [1; RECENT_OFFSETS],
        may_hold_calls: false,
        notes,
    };
    while chunk.dst_pos < chunk.dst.len() {
        chunk.block().map_err(|kind| DecodeError {
            kind,
            src_offset: chunk.reader.position().div_ceil(8).min(src.len()),
            dst_offset: chunk.dst_pos,
        })?;
    }
    if chunk.may_hold_calls {
        e8::undo(dst);
    }
    Ok(())
}

/// A chunk being decoded.
pub(super) struct Chunk<'a, N> {
    pub(super) src: &'a [u8],
    pub(super) reader: BitReader<'a>,
    pub(super) tables: &'a mut Tables,
    pub(super) num_main_symbols: usize,
    pub(super) block_size_bits: u32,
    pub(super) dst: &'a mut [u8],
    pub(super) dst_pos: usize,
    pub(super) recent: [u32; RECENT_OFFSETS],
    /// Whether a byte 0xE8 may have been decoded.
    pub(super) may_hold_calls: bool,
    pub(super) notes: N,
}

impl<N: Notes> Chunk<'_, N> {
    /// Whether there are offset slots with more than 15 extra bits.
    pub(super) fn has_far_slots(&self) -> bool {
        self.num_main_symbols > NEAR_MAIN_SYMBOLS
    }

    /// The largest offset that the last slot gives.
    pub(super) fn largest_offset(&self) -> usize {
        let slots = (self.num_main_symbols - NUM_LITERALS) / NUM_LENGTH_HEADERS;
        OFFSET_SLOT_BASE[slots] as usize - 1
    }

    fn block(&mut self) -> Result<(), DecodeErrorKind> {
        let block_type = self.reader.bits(3);
        let size = match self.reader.bits(1) {
            1 => DEFAULT_BLOCK_SIZE,
            _ => self.reader.bits(self.block_size_bits),
        };
        if size == 0 || size as usize > self.dst.len() - self.dst_pos {
            return Err(DecodeErrorKind::BadBlockSize(size));
        }
        let end = self.dst_pos + size as usize;
        match block_type {
            block_type::VERBATIM => {
                self.verbatim_codes()?;
                self.items::<false>(end)
            }
            block_type::ALIGNED => {
                self.aligned_codes()?;
                self.items::<true>(end)
            }
            block_type::UNCOMPRESSED => self.uncompressed(end),
            other => Err(DecodeErrorKind::BadBlockType(other as u8)),
        }
    }

    /// Reads the codes of a verbatim block.
    pub(super) fn verbatim_codes(&mut self) -> Result<(), DecodeErrorKind> {
        self.codes(&VERBATIM_BASES)
    }

    /// Reads the codes of an aligned block.
    pub(super) fn aligned_codes(&mut self) -> Result<(), DecodeErrorKind> {
        let lens: [u8; ALIGNED_SYMBOLS] = std::array::from_fn(|_| self.reader.bits(3) as u8);
        let built = self.tables.aligned.build(&lens, &SYMBOL_BASES);
        built.map_err(|_| DecodeErrorKind::BadCode("aligned offset code"))?;
        self.codes(&ALIGNED_BASES)
    }

    /// Decodes literals and matches that end at `end`.
    pub(super) fn items<const ALIGNED: bool>(&mut self, end: usize) -> Result<(), DecodeErrorKind> {
        fast::decode_items::<ALIGNED>(self, end)?;
        self.decode_items::<ALIGNED>(end)
    }

    /// Reads the main and the length code.
    fn codes(&mut self, main_bases: &[u32; MAX_MAIN_SYMBOLS]) -> Result<(), DecodeErrorKind> {
        let Tables { main, length, precode, main_lens, length_lens, .. } = &mut *self.tables;
        let main_lens = &mut main_lens[..self.num_main_symbols];
        update_lens(&mut self.reader, precode, &mut main_lens[..NUM_LITERALS])?;
        update_lens(&mut self.reader, precode, &mut main_lens[NUM_LITERALS..])?;
        main.build(main_lens, main_bases).map_err(|_| DecodeErrorKind::BadCode("main code"))?;
        update_lens(&mut self.reader, precode, length_lens)?;
        length.build(length_lens, &SYMBOL_BASES).map_err(|_| DecodeErrorKind::BadCode("length code"))?;
        self.may_hold_calls |= main_lens[0xE8] != 0;
        Ok(())
    }

    /// Decodes the literals and matches that the fast loop has left.
    fn decode_items<const ALIGNED: bool>(&mut self, end: usize) -> Result<(), DecodeErrorKind> {
        while self.dst_pos < end {
            self.reader.refill();
            let entry = self.tables.main.lookup(self.reader.peek());
            if entry & LITERAL != 0 {
                self.reader.consume(entry);
                self.dst[self.dst_pos] = entry_literal(entry);
                self.dst_pos += 1;
                continue;
            }
            if entry & REORDERS != 0 {
                self.recent.swap(0, entry_slot(entry));
            }
            let mut cursor = self.reader.cursor();
            let (length, explicit) = fast::general_match::<ALIGNED>(&mut cursor, self.tables, entry);
            self.reader.resume(cursor);
            if let Some(offset) = explicit {
                self.recent = [offset, self.recent[0], self.recent[1]];
            }
            let offset = self.recent[0] as usize;
            check_match(self.dst_pos, offset, length, end)?;
            self.notes.note(self.dst_pos, length, offset, true);
            copy_match(self.dst, self.dst_pos, offset, length);
            self.dst_pos += length;
        }
        Ok(())
    }

    fn uncompressed(&mut self, end: usize) -> Result<(), DecodeErrorKind> {
        let size = end - self.dst_pos;
        // A reader on a boundary skips a whole unit.
        let start = (self.reader.position() / 16 + 1) * 2;
        let (header, raw) = self
            .src
            .get(start..)
            .and_then(<[u8]>::split_first_chunk::<12>)
            .filter(|(_, rest)| rest.len() >= size)
            .ok_or(DecodeErrorKind::Truncated)?;
        self.set_recent(header)?;
        self.dst[self.dst_pos..end].copy_from_slice(&raw[..size]);
        self.dst_pos = end;
        self.reader.seek((start + 12 + size).next_multiple_of(2));
        self.may_hold_calls = true;
        Ok(())
    }

    /// Takes the recent offsets from the header of an uncompressed block.
    pub(super) fn set_recent(&mut self, header: &[u8; 12]) -> Result<(), DecodeErrorKind> {
        for (offset, bytes) in self.recent.iter_mut().zip(header.as_chunks::<4>().0) {
            *offset = u32::from_le_bytes(*bytes);
            if *offset == 0 {
                return Err(DecodeErrorKind::ZeroRecentOffset);
            }
        }
        Ok(())
    }
}

/// Reads the changes to a vector of codeword lengths.
fn update_lens(
    chunk_reader: &mut BitReader<'_>,
    precode: &mut DecodeTable<PRECODE_ROOT_BITS, PRECODE_TABLE_SIZE>,
    lens: &mut [u8],
) -> Result<(), DecodeErrorKind> {
    // A copy stays in registers.
    let mut reader = *chunk_reader;
    let precode_lens: [u8; PRECODE_SYMBOLS] = std::array::from_fn(|_| reader.bits(4) as u8);
    precode.build(&precode_lens, &SYMBOL_BASES).map_err(|_| DecodeErrorKind::BadCode("precode"))?;
    let symbol = |reader: &mut BitReader<'_>| {
        let entry = precode.lookup(reader.peek());
        reader.consume(consumed_bits(entry));
        (entry >> 16) as u8
    };
    // Modulo 17; 17 acts as 0.
    let minus = |old: u8, delta: u8| {
        let difference = old.wrapping_sub(delta);
        if old < delta { difference.wrapping_add(17) } else { difference }
    };
    let mut i = 0;
    while i < lens.len() {
        reader.refill();
        for _ in 0..SYMBOLS_PER_REFILL {
            let Some(len) = lens.get_mut(i) else { break };
            let delta = symbol(&mut reader);
            if delta < 17 {
                *len = minus(*len, delta);
                i += 1;
                continue;
            }
            let (run, value) = match delta {
                17 => (4 + reader.bits(4), 0),
                18 => (20 + reader.bits(5), 0),
                _ => {
                    let run = 4 + reader.bits(1);
                    match symbol(&mut reader) {
                        delta @ 0..=17 => (run, minus(*len, delta)),
                        _ => return Err(DecodeErrorKind::BadLengthRun),
                    }
                }
            };
            let end = i + run as usize;
            lens.get_mut(i..end).ok_or(DecodeErrorKind::BadLengthRun)?.fill(value);
            i = end;
            break;
        }
    }
    *chunk_reader = reader;
    Ok(())
}

/// How many precode symbols a refill suffices for.
const SYMBOLS_PER_REFILL: u32 = 56 / MAX_PRECODE_CODEWORD_LEN;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::lzx::plain;
    use crate::codec::test_data::{complete_code, damaged, unhex};
    use crate::codec::{Format, Level};

    const VERBATIM: &str = "07200080000000002300220385097ef67506f4fb00c00000000080008400e21f\
                            f77d00c300000000000010007f10ffd34afc25d7f063";
    const UNCOMPRESSED: &str = "0160008001000000010000000100000090909090e864000000909090909090909090909090909090";

    /// Decodes with the fast and the plain decoder, which must agree, and gives the output if there is any.
    fn decode(window_order: u32, src: &[u8], len: usize) -> Option<Vec<u8>> {
        let (mut fast, mut plain) = (vec![0xAA; len], vec![0x55; len]);
        let verdict = LzxDecompressor::new(window_order).decompress(src, &mut fast);
        let expected = plain::decompress(window_order, src, &mut plain);
        assert_eq!(verdict.map_err(|error| error.kind), expected.map_err(|error| error.kind), "{src:02x?}");
        let (mut noted, mut matches) = (vec![0x33; len], vec![KnownMatch::default()]);
        let again = LzxDecompressor::new(window_order).decompress_with_matches(src, &mut noted, &mut matches);
        assert_eq!(again, verdict);
        verdict.is_ok().then(|| {
            assert_eq!((&fast, &fast), (&plain, &noted));
            fast
        })
    }

    #[test]
    fn examples_of_the_format_description() {
        let text = b"abracadabra ".repeat(10);
        assert_eq!(decode(15, &unhex(VERBATIM), 120).expect("valid"), text);
        let call = unhex("90909090e860000000909090909090909090909090909090");
        assert_eq!(decode(15, &unhex(UNCOMPRESSED), 24).expect("valid"), call);
    }

    #[test]
    fn the_matches_that_a_chunk_consists_of() {
        let mut decoder = LzxDecompressor::new(15);
        let (mut dst, mut matches) = ([0; 120], Vec::new());
        decoder.decompress_with_matches(&unhex(VERBATIM), &mut dst, &mut matches).expect("valid");
        let told = matches.iter().map(|found| (found.position(), found.length(), found.offset()));
        assert_eq!(told.collect::<Vec<_>>(), [(13, 107, 12)]);
        decoder.decompress_with_matches(&unhex(UNCOMPRESSED), &mut dst[..24], &mut matches).expect("valid");
        assert_eq!(matches, []);

        // Items of all kinds: what is told with the literals between makes the content.
        let text: Vec<u8> = (0..20_000_u32).map(|i| (i * i / 1000 * 37 % 11) as u8 + b'a').collect();
        for level in 1..=9 {
            let mut packed = vec![0; text.len()];
            let mut encoder = Format::Lzx.compressor(32768, Level::new(level).unwrap()).unwrap();
            let size = encoder.compress(&text, &mut packed).expect("it shrinks");
            let mut dst = vec![0; text.len()];
            decoder.decompress_with_matches(&packed[..size], &mut dst, &mut matches).expect("valid");
            assert!(matches.iter().map(|found| found.length()).sum::<usize>() > text.len() / 2);
            let mut end = 0;
            for found in &matches {
                let (from, to) = (found.position(), found.position() + found.length());
                assert!(from >= end && text[from..to] == text[from - found.offset()..to - found.offset()], "{found:?}");
                end = to;
            }
        }
    }

    #[test]
    fn recent_offsets_that_no_match_has() {
        // Raw bytes, and a verbatim block of four literals, a match with a recent offset, and more literals.
        for offsets in
            [[1, 2, 3], [3, 1 << 20, u32::MAX], [32765, 40, 2], [32766, 2, 1], [1 << 21, 1, 1], [1, 1 << 31, 1]]
        {
            for slot in 0..3 {
                for window_order in [15, 18, 21] {
                    let mut writer = BitWriter::default();
                    writer.raw_block(window_order, &[b'.'; 100], offsets);
                    let mut main = vec![0; num_main_symbols(window_order)];
                    main[usize::from(b'x')] = 1;
                    main[NUM_LITERALS + NUM_LENGTH_HEADERS * slot + 3] = 1;
                    writer.block_header(block_type::VERBATIM, window_order, 400);
                    writer.lens(&[0; NUM_LITERALS], &main[..NUM_LITERALS]);
                    let matches = &main[NUM_LITERALS..];
                    writer.lens(&vec![0; matches.len()], matches);
                    writer.lens(&[0; LENGTH_SYMBOLS], &[0; LENGTH_SYMBOLS]);
                    for byte in b"\0\x08\0\x20\0\0\0\x80".repeat(6) {
                        writer.bits(byte.into(), 8);
                    }
                    decode(window_order, &writer.finish(), 500);
                }
            }
        }
    }

    #[test]
    fn damaged_examples() {
        for (src, len) in [(VERBATIM, 120), (UNCOMPRESSED, 24)] {
            for src in damaged(&unhex(src)) {
                decode(15, &src, len);
            }
        }
    }

    #[test]
    fn a_context_forgets_the_chunk_before() {
        let mut decoder = LzxDecompressor::new(15);
        let mut dst = [0; 120];
        for _ in 0..2 {
            // Its code lengths are changes to zeros.
            decoder.decompress(&unhex(VERBATIM), &mut dst).expect("valid");
            decoder.decompress(&unhex(UNCOMPRESSED), &mut dst[..24]).expect("valid");
        }
    }

    /// Writes bits into 16-bit units, the most significant first.
    #[derive(Default)]
    struct BitWriter {
        bits: Vec<bool>,
    }

    impl BitWriter {
        fn bits(&mut self, value: u32, count: u32) {
            self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 != 0));
        }

        /// An uncompressed block, with `raw.len()` even; its recent offsets are 1, 2 and 3.
        fn uncompressed_block(&mut self, window_order: u32, raw: &[u8]) {
            self.raw_block(window_order, raw, [1, 2, 3]);
        }

        fn raw_block(&mut self, window_order: u32, raw: &[u8], recent: [u32; RECENT_OFFSETS]) {
            self.block_header(block_type::UNCOMPRESSED, window_order, raw.len());
            self.bits.resize((self.bits.len() / 16 + 1) * 16, false);
            let header = recent.map(u32::to_le_bytes);
            for &[low, high] in header.as_flattened().as_chunks().0.iter().chain(raw.as_chunks().0) {
                self.bits(u16::from_le_bytes([low, high]).into(), 16);
            }
        }

        fn block_header(&mut self, block_type: u32, window_order: u32, size: usize) {
            self.bits(block_type, 3);
            self.bits(0, 1);
            self.bits(size as u32, if window_order == 15 { 16 } else { 24 });
        }

        /// The change of codeword lengths, under a precode of 12 codewords of 4 bits and 8 of 5 bits.
        fn lens(&mut self, old: &[u8], new: &[u8]) {
            for symbol in 0..20 {
                self.bits(if symbol < 12 { 4 } else { 5 }, 4);
            }
            for (old, new) in old.iter().zip(new) {
                match u32::from((17 + old - new) % 17) {
                    delta @ 0..12 => self.bits(delta, 4),
                    delta => self.bits(24 + delta - 12, 5),
                }
            }
        }

        fn finish(self) -> Vec<u8> {
            let units = self.bits.chunks(16).map(|unit| {
                unit.iter().enumerate().fold(0_u16, |value, (index, &bit)| value | u16::from(bit) << (15 - index))
            });
            units.flat_map(u16::to_le_bytes).collect()
        }
    }

    /// The codes and bits of a random block. Literals and matches share the main code evenly.
    #[derive(Clone, Debug)]
    struct Block {
        literals: Vec<u8>,
        matches: Vec<u8>,
        length: Vec<u8>,
        aligned: Option<Vec<u8>>,
        payload: Vec<u8>,
        size: usize,
    }

    fn block(window_order: u32) -> impl Strategy<Value = Block> {
        let literals = complete_code(NUM_LITERALS, 12);
        let matches = complete_code(num_main_symbols(window_order) - NUM_LITERALS, 15);
        let length = prop_oneof![Just(vec![0; LENGTH_SYMBOLS]), complete_code(LENGTH_SYMBOLS, 16)];
        let aligned = prop::option::of(complete_code(ALIGNED_SYMBOLS, 7));
        let payload = prop::collection::vec(any::<u8>(), 0..2000);
        (literals, matches, length, aligned, payload, 1_usize..3000).prop_map(
            |(literals, matches, length, aligned, payload, size)| Block {
                literals,
                matches,
                length,
                aligned,
                payload,
                size,
            },
        )
    }

    fn random_chunk(window_order: u32, raw: &[u8], blocks: &[Block]) -> (Vec<u8>, usize) {
        let mut writer = BitWriter::default();
        writer.uncompressed_block(window_order, raw);
        let mut old_main = vec![0; num_main_symbols(window_order)];
        let mut old_length = vec![0; LENGTH_SYMBOLS];
        let mut len = raw.len();
        for block in blocks {
            let block_type = if block.aligned.is_some() { block_type::ALIGNED } else { block_type::VERBATIM };
            writer.block_header(block_type, window_order, block.size);
            for &len in block.aligned.iter().flatten() {
                writer.bits(len.into(), 3);
            }
            let codes = block.literals.iter().chain(&block.matches);
            let main: Vec<u8> = codes.map(|&len| if len == 0 { 0 } else { len + 1 }).collect();
            writer.lens(&old_main[..NUM_LITERALS], &main[..NUM_LITERALS]);
            writer.lens(&old_main[NUM_LITERALS..], &main[NUM_LITERALS..]);
            writer.lens(&old_length, &block.length);
            // In complete codes, any bits are literals and matches. They hardly end just where the block does, so the
            // next block follows only where the sizes happen to agree; one-byte blocks see to that.
            for &byte in &block.payload {
                writer.bits(byte.into(), 8);
            }
            (old_main, old_length) = (main, block.length.clone());
            len += block.size;
        }
        (writer.finish(), len)
    }

    fn random_chunks() -> impl Strategy<Value = (u32, Vec<u8>, Vec<Block>)> {
        let raw = prop::collection::vec(prop_oneof![Just(0xE8), any::<u8>()], 1..4000);
        (prop_oneof![Just(15_u32), 15..=21_u32], raw).prop_flat_map(|(window_order, mut raw)| {
            raw.truncate(raw.len() / 2 * 2);
            raw.resize(raw.len().max(2), 0);
            (Just(window_order), Just(raw), prop::collection::vec(block(window_order), 1..3))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn random_streams((window_order, raw, blocks) in random_chunks()) {
            let (src, len) = random_chunk(window_order, &raw, &blocks);
            decode(window_order, &src, len);
            // What precedes the first error is compared, too.
            for len in [raw.len() + 1, raw.len() + 300] {
                decode(window_order, &src, len);
            }
        }

        #[test]
        fn random_bytes(src in prop::collection::vec(any::<u8>(), 0..600), len in 0_usize..600) {
            decode(15, &src, len);
        }
    }
}
