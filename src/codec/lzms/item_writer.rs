//! Writes items, adapting probabilities and codes as the decoder will.

use super::format::{
    LENGTH_SLOTS, LENGTH_SYMBOLS, LITERAL_SYMBOLS, LONG_REBUILD_INTERVAL, OFFSET_SLOTS, POWER_SYMBOLS,
    SHORT_REBUILD_INTERVAL, contexts, length_slot, num_offset_symbols, offset_slot,
};
use super::huffman::{Frequencies, MAX_CODEWORD_LEN, MAX_SYMBOLS};
use super::item::{Item, Source};
use super::output::Output;
use super::range::{Decisions, RangeEncoder, price};

/// The adaptive codes, kept from chunk to chunk for their memory.
#[derive(Debug)]
pub(super) struct EncodeCodes {
    pub(super) literals: EncodeCode,
    pub(super) lengths: EncodeCode,
    pub(super) lz_offsets: EncodeCode,
    pub(super) delta_offsets: EncodeCode,
    pub(super) delta_powers: EncodeCode,
}

impl EncodeCodes {
    pub(super) fn new() -> Self {
        Self {
            literals: EncodeCode::new(LONG_REBUILD_INTERVAL),
            lengths: EncodeCode::new(SHORT_REBUILD_INTERVAL),
            lz_offsets: EncodeCode::new(LONG_REBUILD_INTERVAL),
            delta_offsets: EncodeCode::new(LONG_REBUILD_INTERVAL),
            delta_powers: EncodeCode::new(SHORT_REBUILD_INTERVAL),
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

/// An adaptive code in the form of its codewords.
#[derive(Debug)]
pub(super) struct EncodeCode {
    frequencies: Frequencies,
    interval: u32,
    until_rebuild: u32,
    codewords: [Codeword; MAX_SYMBOLS],
}

#[derive(Clone, Copy, Debug)]
struct Codeword {
    bits: u16,
    length: u8,
}

impl EncodeCode {
    fn new(interval: u32) -> Self {
        Self {
            frequencies: Frequencies::new(),
            interval,
            until_rebuild: interval,
            codewords: [Codeword { bits: 0, length: 0 }; MAX_SYMBOLS],
        }
    }

    fn reset(&mut self, num_symbols: usize) {
        self.frequencies.reset(num_symbols);
        self.build();
    }

    /// About what each symbol costs: for the most part what it does at present, and for a quarter what its frequency
    /// says, since the code will be rebuilt from that.
    pub(super) fn prices(&self) -> impl Iterator<Item = u32> {
        self.codewords
            .iter()
            .zip(self.frequencies.information())
            .map(|(codeword, information)| (3 * u32::from(codeword.length) * price::BIT + information) / 4)
    }

    #[inline(always)]
    fn encode(&mut self, symbol: usize, output: &mut Output<'_>) {
        let Codeword { bits, length } = self.codewords[symbol % MAX_SYMBOLS];
        output.push_bits(bits.into(), length.into());
        self.frequencies.count(symbol);
        self.until_rebuild -= 1;
        if self.until_rebuild == 0 {
            self.build();
            self.frequencies.age();
        }
    }

    fn build(&mut self) {
        self.until_rebuild = self.interval;
        let (lengths, counts) = self.frequencies.make_code();
        let mut next = [0u16; MAX_CODEWORD_LEN + 2];
        for (length, count) in counts.into_iter().enumerate() {
            next[length + 1] = (next[length] + count) << 1;
        }
        for (codeword, &length) in self.codewords.iter_mut().zip(lengths) {
            let next = &mut next[usize::from(length)];
            *codeword = Codeword { bits: *next, length };
            *next += 1;
        }
    }
}

/// The decisions whether a match repeats an offset, and which.
#[derive(Debug)]
pub(super) struct RepeatDecisions {
    pub(super) is_repeat: Decisions<{ contexts::REPEAT }>,
    pub(super) not_first: Decisions<{ contexts::REPEAT }>,
    pub(super) not_second: Decisions<{ contexts::REPEAT }>,
}

impl RepeatDecisions {
    fn new() -> Self {
        Self { is_repeat: Decisions::new(), not_first: Decisions::new(), not_second: Decisions::new() }
    }

    fn encode<T>(&mut self, source: Source<T>, range: &mut RangeEncoder, output: &mut Output<'_>) {
        let Source::Repeat(index) = source else {
            self.is_repeat.encode(false, range, output);
            return;
        };
        self.is_repeat.encode(true, range, output);
        self.not_first.encode(index > 0, range, output);
        if index > 0 {
            self.not_second.encode(index > 1, range, output);
        }
    }
}

/// The stream of a chunk while it is written.
#[derive(Debug)]
pub(super) struct ItemWriter<'a> {
    output: Output<'a>,
    range: RangeEncoder,
    pub(super) codes: &'a mut EncodeCodes,
    pub(super) main: Decisions<{ contexts::MAIN }>,
    pub(super) is_delta: Decisions<{ contexts::MATCH }>,
    pub(super) lz: RepeatDecisions,
    pub(super) delta: RepeatDecisions,
}

impl<'a> ItemWriter<'a> {
    /// Begins a chunk of `uncompressed_size` bytes, of which at most `capacity` bytes shall be written.
    pub(super) fn new(
        codes: &'a mut EncodeCodes,
        uncompressed_size: usize,
        dst: &'a mut [u8],
        capacity: usize,
    ) -> Self {
        codes.reset(uncompressed_size);
        Self {
            output: Output::new(dst, capacity),
            range: RangeEncoder::new(),
            codes,
            main: Decisions::new(),
            is_delta: Decisions::new(),
            lz: RepeatDecisions::new(),
            delta: RepeatDecisions::new(),
        }
    }

    /// Whether the output is too small already.
    pub(super) fn is_full(&self) -> bool {
        self.output.is_full()
    }

    /// Writes one item. `byte` is the one where it begins.
    pub(super) fn write(&mut self, item: Item, byte: u8) {
        let Self { output, range, codes, .. } = self;
        self.main.encode(item != Item::Literal, range, output);
        let length = match item {
            Item::Literal => {
                codes.literals.encode(byte.into(), output);
                return;
            }
            Item::Lz { length, source } => {
                self.is_delta.encode(false, range, output);
                self.lz.encode(source, range, output);
                if let Source::Explicit(offset) = source {
                    let slot = offset_slot(offset);
                    codes.lz_offsets.encode(slot, output);
                    output.push_bits(offset - OFFSET_SLOTS[slot].base, OFFSET_SLOTS[slot].extra_bits);
                }
                length
            }
            Item::Delta { length, source } => {
                self.is_delta.encode(true, range, output);
                self.delta.encode(source, range, output);
                if let Source::Explicit(pair) = source {
                    codes.delta_powers.encode(pair.power.into(), output);
                    let slot = offset_slot(pair.raw_offset);
                    codes.delta_offsets.encode(slot, output);
                    output.push_bits(pair.raw_offset - OFFSET_SLOTS[slot].base, OFFSET_SLOTS[slot].extra_bits);
                }
                length
            }
        };
        let slot = length_slot(length);
        codes.lengths.encode(slot, output);
        output.push_bits(length - LENGTH_SLOTS[slot].base, LENGTH_SLOTS[slot].extra_bits);
    }

    /// Completes the stream. Returns its length, or `None` if it is longer than allowed.
    pub(super) fn finish(mut self) -> Option<usize> {
        self.range.finish(&mut self.output);
        self.output.finish()
    }
}
