//! Writing blocks: their codes, their headers, their items.

use super::bits::BitWriter;
use super::sequence::{FIRST_ALIGNED_SLOT, Frequencies, OFFSET_ADJUSTMENT, Segment, Sequence};
use crate::codec::huffman::lengths::{codewords, limited_lengths};
use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, DEFAULT_BLOCK_SIZE, EXTRA_OFFSET_BITS, LENGTH_SYMBOLS, MAX_ALIGNED_CODEWORD_LEN, MAX_CODEWORD_LEN,
    MAX_MAIN_SYMBOLS, MAX_PRECODE_CODEWORD_LEN, NUM_LENGTH_HEADERS, NUM_LITERALS, OFFSET_SLOT_BASE, PRECODE_SYMBOLS,
    block_type, num_main_symbols,
};

/// Extra bits that the aligned offset code takes over.
const ALIGNED_BITS: u32 = 3;
/// Bits of the eight codeword lengths of the aligned offset code.
const ALIGNED_HEADER_BITS: usize = 3 * ALIGNED_SYMBOLS;

/// How blocks begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// In a chunk of a WIM: one bit for the usual size, others in as many bits as the window needs.
    Wim,
    /// In a folder of a cabinet: the size always has 24 bits.
    Cabinet,
}

/// The codeword lengths of a block, which those of the next one are coded against.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    main: [u8; MAX_MAIN_SYMBOLS],
    length: [u8; LENGTH_SYMBOLS],
}

impl Lengths {
    /// As every stream begins.
    pub(super) const INITIAL: Self = Self { main: [0; MAX_MAIN_SYMBOLS], length: [0; LENGTH_SYMBOLS] };
}

/// Writes blocks, one behind the other.
#[derive(Debug)]
pub(super) struct BlockWriter<'a> {
    bits: BitWriter<'a>,
    variant: Variant,
    window_order: u32,
    num_main: usize,
    previous: Lengths,
}

impl<'a> BlockWriter<'a> {
    /// A writer of blocks behind one with codewords of the lengths `previous`.
    pub(super) fn new(variant: Variant, window_order: u32, previous: Lengths, bits: BitWriter<'a>) -> Self {
        Self { bits, variant, window_order, num_main: num_main_symbols(window_order), previous }
    }

    /// Writes a parsed segment; `None` if it does not fit.
    pub(super) fn write_segment(&mut self, mut data: &[u8], segment: &Segment) -> Option<()> {
        for (block, sequences) in segment.blocks() {
            let (bytes, behind) = data.split_at(block.size);
            self.write(bytes, sequences, &block.frequencies)?;
            data = behind;
        }
        Some(())
    }

    /// Writes `data`, divided by `sequences`, whose symbols have these frequencies, as one block; `None` if it does not
    /// fit.
    fn write(&mut self, data: &[u8], sequences: &[Sequence], frequencies: &Frequencies) -> Option<()> {
        let mut main_lengths = [0; MAX_MAIN_SYMBOLS];
        let mut length_lengths = [0; LENGTH_SYMBOLS];
        let mut aligned_lengths = [0; ALIGNED_SYMBOLS];
        limited_lengths(&frequencies.main, MAX_CODEWORD_LEN, &mut main_lengths);
        limited_lengths(&frequencies.length, MAX_CODEWORD_LEN, &mut length_lengths);
        limited_lengths(&frequencies.aligned, MAX_ALIGNED_CODEWORD_LEN, &mut aligned_lengths);

        let vectors = [
            LengthVector::new(&self.previous.main[..NUM_LITERALS], &main_lengths[..NUM_LITERALS]),
            LengthVector::new(
                &self.previous.main[NUM_LITERALS..self.num_main],
                &main_lengths[NUM_LITERALS..self.num_main],
            ),
            LengthVector::new(&self.previous.length, &length_lengths),
        ];
        let raw: u32 = frequencies.aligned.iter().sum::<u32>() * ALIGNED_BITS;
        let aligned_bits = cost(&frequencies.aligned, &aligned_lengths) + ALIGNED_HEADER_BITS;
        let aligned = aligned_bits < raw as usize;
        let items = cost(&frequencies.main, &main_lengths)
            + cost(&frequencies.length, &length_lengths)
            + extra_bits(&frequencies.main)
            - if aligned { raw as usize - aligned_bits } else { 0 };
        let header = vectors.iter().map(|vector| vector.bits).sum::<usize>();
        if !self.bits.has_room_for(self.prefix_bits(data.len()) + header + items) {
            return None;
        }

        self.write_prefix(if aligned { block_type::ALIGNED } else { block_type::VERBATIM }, data.len());
        if aligned {
            for len in aligned_lengths {
                self.bits.put(len.into(), 3);
            }
            self.bits.flush();
        }
        for vector in &vectors {
            vector.write(&mut self.bits);
        }
        let codes = Codes {
            main: join(&main_lengths),
            length: join(&length_lengths),
            aligned: if aligned { Some(join(&aligned_lengths)) } else { None },
        };
        codes.write(data, sequences, &mut self.bits);
        self.previous = Lengths { main: main_lengths, length: length_lengths };
        Some(())
    }

    /// Pads the last unit. Returns the stream's size in bytes, and what the next block's lengths are coded against.
    pub(super) fn finish(self) -> (usize, Lengths) {
        (self.bits.finish(), self.previous)
    }

    /// How a block's size is written: the bits, and how many.
    fn size_field(&self, size: usize) -> (u32, u32) {
        match self.variant {
            Variant::Cabinet => (size as u32, 24),
            Variant::Wim if size == DEFAULT_BLOCK_SIZE as usize => (1, 1),
            Variant::Wim => (size as u32, 1 + if self.window_order == 15 { 16 } else { 24 }),
        }
    }

    fn prefix_bits(&self, size: usize) -> usize {
        3 + self.size_field(size).1 as usize
    }

    /// Writes how a block begins.
    pub(super) fn write_prefix(&mut self, block_type: u32, size: usize) {
        self.bits.put(block_type, 3);
        let (bits, count) = self.size_field(size);
        self.bits.put(bits, count);
        self.bits.flush();
    }
}

/// The bits that symbols take.
fn cost(frequencies: &[u32], lengths: &[u8]) -> usize {
    frequencies.iter().zip(lengths).map(|(&frequency, &len)| (frequency * u32::from(len)) as usize).sum()
}

/// The extra offset bits of all matches.
fn extra_bits(main: &[u32; MAX_MAIN_SYMBOLS]) -> usize {
    let slots = main[NUM_LITERALS..].chunks_exact(NUM_LENGTH_HEADERS).zip(EXTRA_OFFSET_BITS);
    slots.map(|(headers, extra)| headers.iter().sum::<u32>() as usize * usize::from(extra)).sum()
}

/// A codeword in the high bits, its length in the low eight.
type Code = u32;

fn join<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut words = [0; N];
    codewords(lengths, &mut words);
    std::array::from_fn(|symbol| u32::from(words[symbol]) << 8 | u32::from(lengths[symbol]))
}

#[inline(always)]
fn put_code(bits: &mut BitWriter<'_>, code: Code) {
    bits.put(code >> 8, code & 0xff);
}

/// The codes of a block.
struct Codes {
    main: [Code; MAX_MAIN_SYMBOLS],
    length: [Code; LENGTH_SYMBOLS],
    aligned: Option<[Code; ALIGNED_SYMBOLS]>,
}

impl Codes {
    fn write(&self, data: &[u8], sequences: &[Sequence], bits: &mut BitWriter<'_>) {
        let mut rest = data;
        for sequence in sequences {
            let (literals, behind) = rest.split_at(sequence.literals as usize);
            for &byte in literals {
                put_code(bits, self.main[usize::from(byte)]);
                bits.flush();
            }
            if sequence.length != 0 {
                self.write_match(sequence, bits);
            }
            rest = &behind[usize::from(sequence.length)..];
        }
    }

    #[inline(always)]
    fn write_match(&self, sequence: &Sequence, bits: &mut BitWriter<'_>) {
        let (main, length) = sequence.symbols();
        put_code(bits, self.main[main]);
        if let Some(length) = length {
            put_code(bits, self.length[length]);
        }
        bits.flush();
        let slot = usize::from(sequence.slot);
        let extra = u32::from(EXTRA_OFFSET_BITS[slot]);
        let value = sequence.adjusted.wrapping_sub((OFFSET_SLOT_BASE[slot] as u32).wrapping_add(OFFSET_ADJUSTMENT));
        match &self.aligned {
            Some(aligned) if slot >= FIRST_ALIGNED_SLOT => {
                bits.put(value >> ALIGNED_BITS, extra - ALIGNED_BITS);
                put_code(bits, aligned[value as usize % ALIGNED_SYMBOLS]);
            }
            _ => bits.put(value, extra),
        }
        bits.flush();
    }
}

/// A vector of codeword lengths, as coded against the previous block's.
struct LengthVector {
    items: Vec<PrecodeItem>,
    lengths: [u8; PRECODE_SYMBOLS],
    /// What all of it takes.
    bits: usize,
}

/// A precode symbol and what follows it.
#[derive(Clone, Copy)]
struct PrecodeItem {
    symbol: u8,
    /// The run length beyond the symbol's shortest.
    extra: u8,
    /// For a run of equal lengths: the difference symbol of the run.
    difference: u8,
}

/// Runs of zeros: 4 to 19, and 20 to 51.
const SHORT_ZEROS: u8 = 17;
const LONG_ZEROS: u8 = 18;
/// A run of four or five equal lengths.
const EQUAL: u8 = 19;

impl LengthVector {
    fn new(old: &[u8], new: &[u8]) -> Self {
        let mut items = Vec::with_capacity(new.len());
        let difference = |at: usize| if old[at] >= new[at] { old[at] - new[at] } else { old[at] + 17 - new[at] };
        let mut at = 0;
        while at < new.len() {
            let run = new[at..].iter().take_while(|&&len| len == new[at]).count();
            let (item, taken) = match (new[at], run) {
                (0, 20..) => {
                    (PrecodeItem { symbol: LONG_ZEROS, extra: run.min(51) as u8 - 20, difference: 0 }, run.min(51))
                }
                (0, 4..) => (PrecodeItem { symbol: SHORT_ZEROS, extra: run as u8 - 4, difference: 0 }, run),
                (_, 4..) => {
                    let run = run.min(5);
                    (PrecodeItem { symbol: EQUAL, extra: run as u8 - 4, difference: difference(at) }, run)
                }
                _ => (PrecodeItem { symbol: difference(at), extra: 0, difference: 0 }, 1),
            };
            items.push(item);
            at += taken;
        }

        let mut frequencies = [0; PRECODE_SYMBOLS];
        let mut bits = 4 * PRECODE_SYMBOLS;
        for item in &items {
            frequencies[usize::from(item.symbol)] += 1;
            if item.symbol == EQUAL {
                frequencies[usize::from(item.difference)] += 1;
            }
            bits += item.extra_bits() as usize;
        }
        let mut lengths = [0; PRECODE_SYMBOLS];
        limited_lengths(&frequencies, MAX_PRECODE_CODEWORD_LEN, &mut lengths);
        bits += cost(&frequencies, &lengths);
        Self { items, lengths, bits }
    }

    fn write(&self, bits: &mut BitWriter<'_>) {
        for &len in &self.lengths {
            bits.put(len.into(), 4);
            bits.flush();
        }
        let codes = join(&self.lengths);
        for item in &self.items {
            put_code(bits, codes[usize::from(item.symbol)]);
            bits.put(item.extra.into(), item.extra_bits());
            if item.symbol == EQUAL {
                put_code(bits, codes[usize::from(item.difference)]);
            }
            bits.flush();
        }
    }
}

impl PrecodeItem {
    const fn extra_bits(self) -> u32 {
        match self.symbol {
            SHORT_ZEROS => 4,
            LONG_ZEROS => 5,
            EQUAL => 1,
            _ => 0,
        }
    }
}
