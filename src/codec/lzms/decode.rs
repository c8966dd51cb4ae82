//! The LZMS decoder.
//!
//! Nothing in the stream's meaning depends on the bytes produced, so decoding runs in two phases over short batches
//! of items: first the batch is read into literals and match commands, then the commands are carried out. Reading
//! keeps its state in registers, and carrying out is a short loop in which the processor can wait for the sources of
//! several matches at once; in large chunks most of them are in no cache.
//!
//! Every match is checked as it is read; carrying it out cannot fail.

use super::copy::{WIDE, copy_literals, copy_match};
use super::dispatch::read_batch;
use super::format::{
    LENGTH_SLOTS, LENGTH_SYMBOLS, LITERAL_SYMBOLS, LONG_REBUILD_INTERVAL, OFFSET_SLOTS, POWER_SYMBOLS,
    SHORT_REBUILD_INTERVAL, Slot, contexts, num_offset_symbols,
};
use super::huffman::{Frequencies, MAX_CODEWORD_LEN, MAX_SYMBOLS};
use super::queue::{DeltaPair, ItemKind, RepeatQueue};
use super::range::{Decisions, RangeDecoder};
use super::x86::X86Filter;
use crate::codec::{DecodeError, DecodeErrorKind, Decompressor};

/// Matches per batch: enough that a batch costs little, few enough that it stays in the first cache.
const BATCH_MATCHES: usize = 256;
/// Literals per batch.
const BATCH_LITERALS: usize = 1024;

/// Decodes LZMS chunks of any size.
#[derive(Debug)]
pub struct LzmsDecompressor {
    literals: DecodeCode,
    lengths: DecodeCode,
    lz_offsets: DecodeCode,
    delta_offsets: DecodeCode,
    delta_powers: DecodeCode,
    x86: X86Filter,
    batch: Batch,
}

impl LzmsDecompressor {
    /// A decoder.
    pub fn new() -> Self {
        Self {
            literals: DecodeCode::new(LONG_REBUILD_INTERVAL),
            lengths: DecodeCode::new(SHORT_REBUILD_INTERVAL),
            lz_offsets: DecodeCode::new(LONG_REBUILD_INTERVAL),
            delta_offsets: DecodeCode::new(LONG_REBUILD_INTERVAL),
            delta_powers: DecodeCode::new(SHORT_REBUILD_INTERVAL),
            x86: X86Filter::new(),
            batch: Batch::new(),
        }
    }

    fn reset(&mut self, uncompressed_size: usize) {
        let offset_symbols = num_offset_symbols(uncompressed_size);
        self.literals.reset(LITERAL_SYMBOLS);
        self.lengths.reset(LENGTH_SYMBOLS);
        self.lz_offsets.reset(offset_symbols);
        self.delta_offsets.reset(offset_symbols);
        self.delta_powers.reset(POWER_SYMBOLS);
    }
}

impl Default for LzmsDecompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor for LzmsDecompressor {
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        if src.len() < 4 || !src.len().is_multiple_of(2) {
            return Err(DecodeError { kind: DecodeErrorKind::BadSize, src_offset: src.len(), dst_offset: 0 });
        }
        self.reset(dst.len());
        let mut reader = ItemReader::new(src);
        let mut done = 0;
        while done < dst.len() {
            let end = read_batch(&mut reader, self, done, dst.len())?;
            self.batch.carry_out(dst, done);
            done = end;
        }
        self.x86.undo(dst);
        Ok(())
    }
}

/// The state of the stream between two items.
pub(super) struct ItemReader<'a> {
    src_len: usize,
    range: RangeDecoder<'a>,
    bits: BackwardBits<'a>,
    main: Decisions<{ contexts::MAIN }>,
    is_delta: Decisions<{ contexts::MATCH }>,
    lz: RepeatDecisions,
    delta: RepeatDecisions,
    lz_queue: RepeatQueue<u32>,
    delta_queue: RepeatQueue<DeltaPair>,
    previous: ItemKind,
}

impl<'a> ItemReader<'a> {
    fn new(src: &'a [u8]) -> Self {
        Self {
            src_len: src.len(),
            range: RangeDecoder::new(src),
            bits: BackwardBits::new(src),
            main: Decisions::new(),
            is_delta: Decisions::new(),
            lz: RepeatDecisions::new(),
            delta: RepeatDecisions::new(),
            lz_queue: RepeatQueue::LZ,
            delta_queue: RepeatQueue::DELTA,
            previous: ItemKind::Literal,
        }
    }

    /// Reads items that produce the bytes from `pos` on into the batch, and returns where they end.
    #[inline(always)]
    pub(super) fn read_batch(
        &mut self,
        codes: &mut LzmsDecompressor,
        mut pos: usize,
        end: usize,
    ) -> Result<usize, DecodeError> {
        let src_len = self.src_len;
        let Self { main, is_delta, lz, delta, lz_queue, delta_queue, .. } = self;
        // Copies that nothing points to live in registers.
        let (mut range, mut bits, mut previous) = (self.range, self.bits, self.previous);
        let batch = &mut codes.batch;
        let literals = &mut *batch.literals;
        let (mut num_literals, mut num_matches) = (0, 0);
        while pos < end && num_matches < BATCH_MATCHES {
            let run_start = num_literals;
            let limit = BATCH_LITERALS.min(num_literals + (end - pos));
            let is_match = loop {
                if num_literals >= limit {
                    break false;
                }
                bits.refill();
                let decision = main.next(&mut range);
                if decision.bit {
                    main.take(decision, true, &mut range);
                    break true;
                }
                main.take(decision, false, &mut range);
                literals[num_literals] = codes.literals.decode(&mut bits) as u8;
                num_literals += 1;
            };
            let run = num_literals - run_start;
            if run > 0 {
                previous = ItemKind::Literal;
                pos += run;
            }
            if !is_match {
                break;
            }
            let (kind, raw_offset, reach);
            let decision = is_delta.next(&mut range);
            if !decision.bit {
                is_delta.take(decision, false, &mut range);
                let later = usize::from(previous == ItemKind::Lz);
                let offset = match lz.read_repeat(&mut range, lz_queue, later) {
                    Some(offset) => offset,
                    None => {
                        let slot = OFFSET_SLOTS[codes.lz_offsets.decode(&mut bits)];
                        let offset = bits.read_value(slot);
                        lz_queue.push(offset);
                        offset
                    }
                };
                previous = ItemKind::Lz;
                (kind, raw_offset, reach) = (MatchKind::Lz, offset, u64::from(offset));
            } else {
                is_delta.take(decision, true, &mut range);
                let later = usize::from(previous == ItemKind::Delta);
                let pair = match delta.read_repeat(&mut range, delta_queue, later) {
                    Some(pair) => pair,
                    None => {
                        let power = codes.delta_powers.decode(&mut bits) as u8;
                        bits.refill();
                        let slot = OFFSET_SLOTS[codes.delta_offsets.decode(&mut bits)];
                        let pair = DeltaPair { power, raw_offset: bits.read_value(slot) };
                        delta_queue.push(pair);
                        pair
                    }
                };
                previous = ItemKind::Delta;
                (kind, raw_offset) = (MatchKind::Delta { power: pair.power }, pair.raw_offset);
                reach = (u64::from(raw_offset) + 1) << pair.power;
            }
            bits.refill();
            let slot = LENGTH_SLOTS[codes.lengths.decode(&mut bits)];
            let length = bits.read_value(slot);

            let error = |kind| DecodeError { kind, src_offset: src_len - range.remaining(), dst_offset: pos };
            if reach > pos as u64 {
                return Err(error(DecodeErrorKind::BadOffset { offset: reach }));
            }
            if length as usize > end - pos {
                return Err(error(DecodeErrorKind::BadLength { length: length.into() }));
            }
            batch.matches[num_matches] = Match { literals: run as u32, length, raw_offset, kind };
            num_matches += 1;
            pos += length as usize;
        }
        (self.range, self.bits, self.previous) = (range, bits, previous);
        batch.num_literals = num_literals;
        batch.num_matches = num_matches;
        Ok(pos)
    }
}

/// The decisions whether a match repeats an offset, and which.
struct RepeatDecisions {
    is_repeat: Decisions<{ contexts::REPEAT }>,
    not_first: Decisions<{ contexts::REPEAT }>,
    not_second: Decisions<{ contexts::REPEAT }>,
}

impl RepeatDecisions {
    fn new() -> Self {
        Self { is_repeat: Decisions::new(), not_first: Decisions::new(), not_second: Decisions::new() }
    }

    /// Reads which recent offset a match repeats and brings it to the front of its queue; `None` for an explicit offset.
    /// `later` is 1 directly after a match of the same queue, when the stream's indices do not count its latest entry,
    /// else 0.
    #[inline(always)]
    fn read_repeat<T: Copy>(
        &mut self,
        range: &mut RangeDecoder<'_>,
        queue: &mut RepeatQueue<T>,
        later: usize,
    ) -> Option<T> {
        let decision = self.is_repeat.next(range);
        if !decision.bit {
            self.is_repeat.take(decision, false, range);
            return None;
        }
        self.is_repeat.take(decision, true, range);
        let decision = self.not_first.next(range);
        if !decision.bit {
            self.not_first.take(decision, false, range);
            return Some(queue.take(later));
        }
        self.not_first.take(decision, true, range);
        let decision = self.not_second.next(range);
        if !decision.bit {
            self.not_second.take(decision, false, range);
            return Some(queue.take(1 + later));
        }
        self.not_second.take(decision, true, range);
        Some(queue.take(2 + later))
    }
}

/// Reads the bits that lie backward from the end of a chunk. Its 16-bit units, highest bit first, are simply the bytes
/// in descending order.
#[derive(Clone, Copy)]
struct BackwardBits<'a> {
    /// What has not been fetched.
    rest: &'a [u8],
    /// The next bits, left-aligned; below the first `count` there are bits of the last bytes of `rest`.
    bits: u64,
    count: u32,
}

impl<'a> BackwardBits<'a> {
    fn new(src: &'a [u8]) -> Self {
        Self { rest: src, bits: 0, count: 0 }
    }

    /// Provides for reading at least 56 bits.
    #[inline(always)]
    fn refill(&mut self) {
        let taken = ((63 - self.count) >> 3 & 7) as usize;
        if let Some(bytes) = self.rest.last_chunk() {
            self.bits |= u64::from_le_bytes(*bytes) >> self.count;
            self.rest = &self.rest[..self.rest.len() - taken];
        } else {
            self.bits |= last_word(self.rest) >> self.count;
            self.rest = &self.rest[..self.rest.len().saturating_sub(taken)];
        }
        self.count |= 56;
    }

    #[inline(always)]
    fn read_value(&mut self, slot: Slot) -> u32 {
        // Shifting in two steps makes no bits at all come out as zero.
        let extra = (self.bits >> 1 >> (63 - slot.extra_bits)) as u32;
        self.drop(slot.extra_bits);
        slot.base + extra
    }

    #[inline(always)]
    fn drop(&mut self, count: u32) {
        self.bits <<= count;
        self.count -= count;
    }
}

/// Fewer than 8 bytes, with zeros before them.
#[cold]
fn last_word(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[8 - rest.len()..].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}

/// Table entries written at once.
const FILL_STEP: usize = 8;
/// Room for every look-up, and for the last step of filling the table.
const TABLE_LEN: usize = (1 << MAX_CODEWORD_LEN) + FILL_STEP;

/// An adaptive code in the form of a table that is looked up with as many bits as the longest codeword has.
#[derive(Debug)]
struct DecodeCode {
    frequencies: Frequencies,
    interval: u32,
    until_rebuild: u32,
    /// 15 less the number of bits to look up.
    spare_bits: u32,
    /// Symbol << 4 | codeword length.
    table: Box<[u16; TABLE_LEN]>,
}

impl DecodeCode {
    fn new(interval: u32) -> Self {
        let table = vec![0; TABLE_LEN].into_boxed_slice().try_into().expect("the length is right");
        Self { frequencies: Frequencies::new(), interval, until_rebuild: interval, spare_bits: 0, table }
    }

    fn reset(&mut self, num_symbols: usize) {
        self.frequencies.reset(num_symbols);
        self.build_table();
    }

    #[inline(always)]
    fn decode(&mut self, bits: &mut BackwardBits<'_>) -> usize {
        let entry = self.table[(bits.bits >> (64 - MAX_CODEWORD_LEN) >> self.spare_bits) as usize];
        bits.drop(u32::from(entry & 15));
        let symbol = usize::from(entry >> 4);
        self.frequencies.count(symbol);
        self.until_rebuild -= 1;
        if self.until_rebuild == 0 {
            self.rebuild();
        }
        symbol
    }

    #[inline(never)]
    fn rebuild(&mut self) {
        self.build_table();
        self.frequencies.age();
    }

    fn build_table(&mut self) {
        self.until_rebuild = self.interval;
        let (lengths, counts) = self.frequencies.make_code();
        let max_len = counts.iter().rposition(|&count| count > 0).expect("an alphabet has symbols");
        self.spare_bits = (MAX_CODEWORD_LEN - max_len) as u32;

        // Canonical codewords fill the table from its beginning in order of (length, symbol).
        let mut ordered = [0u16; MAX_SYMBOLS];
        let mut next = [0u16; MAX_CODEWORD_LEN + 1];
        let mut start = 0;
        for (slot, count) in next.iter_mut().zip(counts) {
            *slot = start;
            start += count;
        }
        for (symbol, &length) in lengths.iter().enumerate() {
            let slot = &mut next[usize::from(length) % (MAX_CODEWORD_LEN + 1)];
            ordered[usize::from(*slot) % MAX_SYMBOLS] = (symbol as u16) << 4 | u16::from(length);
            *slot += 1;
        }
        let mut ordered = ordered.as_slice();
        let mut at = 0;
        for (length, &count) in counts.iter().enumerate().take(max_len + 1).skip(1) {
            let entries;
            (entries, ordered) = ordered.split_at(count.into());
            let copies = 1 << (max_len - length);
            for &entry in entries {
                // Whole steps: what is written too far, the next entries overwrite.
                for from in (at..at + copies).step_by(FILL_STEP) {
                    self.table[from..from + FILL_STEP].fill(entry);
                }
                at += copies;
            }
        }
    }
}

/// Items that have been read but not carried out.
#[derive(Debug)]
struct Batch {
    literals: Box<[u8; BATCH_LITERALS + WIDE]>,
    num_literals: usize,
    matches: Box<[Match; BATCH_MATCHES]>,
    num_matches: usize,
}

/// A match behind some literals.
#[derive(Clone, Copy, Debug)]
struct Match {
    literals: u32,
    length: u32,
    raw_offset: u32,
    kind: MatchKind,
}

#[derive(Clone, Copy, Debug)]
enum MatchKind {
    Lz,
    Delta { power: u8 },
}

impl Batch {
    fn new() -> Self {
        let unused = Match { literals: 0, length: 0, raw_offset: 1, kind: MatchKind::Lz };
        Self {
            literals: Box::new([0; BATCH_LITERALS + WIDE]),
            num_literals: 0,
            matches: Box::new([unused; BATCH_MATCHES]),
            num_matches: 0,
        }
    }

    /// Writes the batch to `dst` from `pos` on.
    fn carry_out(&self, dst: &mut [u8], mut pos: usize) {
        let mut literal = 0;
        for item in &self.matches[..self.num_matches] {
            let run = item.literals as usize;
            copy_literals(&*self.literals, literal, dst, pos, run);
            literal += run;
            pos += run;
            let length = item.length as usize;
            match item.kind {
                MatchKind::Lz => copy_match(dst, pos, item.raw_offset as usize, length),
                MatchKind::Delta { power } => {
                    let span = 1 << power;
                    copy_delta_match(dst, pos, item.raw_offset as usize * span, span, length);
                }
            }
            pos += length;
        }
        let run = self.num_literals - literal;
        dst[pos..pos + run].copy_from_slice(&self.literals[literal..self.num_literals]);
    }
}

fn copy_delta_match(dst: &mut [u8], pos: usize, offset: usize, span: usize, length: usize) {
    let dst = &mut dst[..pos + length];
    for q in pos..pos + length {
        dst[q] = dst[q - offset].wrapping_add(dst[q - span]).wrapping_sub(dst[q - offset - span]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::lzms::plain;

    const NINE_A: [u8; 10] = [0x2f, 0x60, 0xd0, 0xff, 0x00, 0x00, 0x64, 0x41, 0x41, 0x41];
    const COUNTERS: [u8; 16] =
        [0x91, 0x33, 0xd0, 0xbb, 0x00, 0x00, 0x80, 0x1b, 0x0b, 0xc2, 0xda, 0x08, 0x00, 0x00, 0x10, 0x00];
    const ABRACADABRA: [u8; 20] = [
        0xbd, 0x14, 0x00, 0xfd, 0x00, 0x00, 0x00, 0xfd, 0x34, 0x0c, 0xc4, 0x92, 0x61, 0x64, 0x61, 0x63, 0x61, 0x72,
        0x62, 0x61,
    ];

    /// The format's worked examples, with what they decode to.
    fn examples() -> [(&'static [u8], Vec<u8>); 3] {
        let counters = (0..16u32).flat_map(|i| (0x1000 + 8 * i).to_le_bytes()).collect();
        [(&NINE_A, vec![b'A'; 9]), (&COUNTERS, counters), (&ABRACADABRA, b"abracadabra ".repeat(10))]
    }

    fn decode(decoder: &mut LzmsDecompressor, src: &[u8], size: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut dst = vec![0xCC; size];
        decoder.decompress(src, &mut dst).map(|()| dst).map_err(|error| error.kind)
    }

    fn decode_plainly(src: &[u8], size: usize) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut dst = vec![0x33; size];
        plain::decompress(src, &mut dst).map(|()| dst).map_err(|error| error.kind)
    }

    #[test]
    fn worked_examples_decode() {
        let mut decoder = LzmsDecompressor::new();
        for (src, expected) in examples() {
            assert_eq!(decode_plainly(src, expected.len()), Ok(expected.clone()));
            assert_eq!(decode(&mut decoder, src, expected.len()), Ok(expected));
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let mut decoder = LzmsDecompressor::new();
        for size in [0, 1, 2, 3, 5, 9] {
            assert_eq!(decode(&mut decoder, &NINE_A[..size], 9), Err(DecodeErrorKind::BadSize));
        }
    }

    #[test]
    fn damaged_examples_decode_as_plainly() {
        let mut decoder = LzmsDecompressor::new();
        for (src, expected) in examples() {
            for bit in 0..src.len() * 8 {
                let mut damaged = src.to_vec();
                damaged[bit / 8] ^= 1 << (bit % 8);
                for size in [expected.len(), expected.len() * 50] {
                    assert_eq!(decode(&mut decoder, &damaged, size), decode_plainly(&damaged, size), "bit {bit}");
                }
            }
            for end in 0..src.len() {
                assert_eq!(decode(&mut decoder, &src[..end], 64), decode_plainly(&src[..end], 64), "cut at {end}");
                assert_eq!(decode(&mut decoder, &src[end..], 64), decode_plainly(&src[end..], 64), "from {end}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn noise_decodes_as_plainly(src in proptest::collection::vec(proptest::num::u8::ANY, 0..3000), size in 0..20_000usize) {
            let mut decoder = LzmsDecompressor::new();
            proptest::prop_assert_eq!(decode(&mut decoder, &src, size), decode_plainly(&src, size));
        }
    }
}
