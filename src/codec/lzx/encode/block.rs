//! Writing blocks: their codes, their headers, their items.

use std::hint::select_unpredictable;

use super::bits::BitWriter;
use super::code::{Code, cost, join, put_code};
use super::lengths::{choose_lengths, rounds};
use super::sequence::{FIRST_ALIGNED_SLOT, Frequencies, OFFSET_ADJUSTMENT, Segment, Sequence};
use crate::codec::Level;
use crate::codec::huffman::lengths::limited_lengths;
use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, DEFAULT_BLOCK_SIZE, EXTRA_OFFSET_BITS, LENGTH_SYMBOLS, MAX_ALIGNED_CODEWORD_LEN, MAX_MAIN_SYMBOLS,
    NUM_LENGTH_HEADERS, NUM_LITERALS, OFFSET_SLOT_BASE, block_type, num_main_symbols,
};

/// Extra bits that the aligned offset code takes over.
const ALIGNED_BITS: u32 = 3;
/// Bits of the eight codeword lengths of the aligned offset code.
const ALIGNED_HEADER_BITS: usize = 3 * ALIGNED_SYMBOLS;

/// With aligned offsets every match takes a decoder a branch that cannot be predicted: they must save more than one of so many
/// of the block's bits. That costs 0.04 % of the size at levels 4 to 7, and 0.02 % below, where more would make files larger
/// than other fast encoders make them.
fn aligned_worth(level: Level) -> Option<usize> {
    match level.get() {
        1..=3 => Some(400),
        4..=7 => Some(250),
        _ => None,
    }
}

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
    level: Level,
    previous: Lengths,
}

impl<'a> BlockWriter<'a> {
    /// A writer of blocks behind one with codewords of the lengths `previous`.
    pub(super) fn new(
        variant: Variant,
        window_order: u32,
        level: Level,
        previous: Lengths,
        bits: BitWriter<'a>,
    ) -> Self {
        let num_main = num_main_symbols(window_order);
        Self { bits, variant, window_order, num_main, level, previous }
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
        let (num_main, rounds) = (self.num_main, rounds(self.level));
        let (main_lengths, main_vectors) =
            choose_lengths(&frequencies.main, &self.previous.main, [NUM_LITERALS, num_main], rounds);
        let (length_lengths, length_vectors) =
            choose_lengths(&frequencies.length, &self.previous.length, [LENGTH_SYMBOLS], rounds);
        let mut aligned_lengths = [0; ALIGNED_SYMBOLS];
        limited_lengths(&frequencies.aligned, MAX_ALIGNED_CODEWORD_LEN, &mut aligned_lengths);

        let raw: u32 = frequencies.aligned.iter().sum::<u32>() * ALIGNED_BITS;
        let aligned_bits = cost(&frequencies.aligned, &aligned_lengths) + ALIGNED_HEADER_BITS;
        let verbatim_bits = cost(&frequencies.main, &main_lengths)
            + cost(&frequencies.length, &length_lengths)
            + extra_bits(&frequencies.main);
        let saved = (raw as usize).saturating_sub(aligned_bits);
        let aligned = saved > aligned_worth(self.level).map_or(0, |worth| verbatim_bits / worth);
        let items = verbatim_bits - if aligned { saved } else { 0 };
        let header = main_vectors.iter().chain(&length_vectors).map(|vector| vector.bits).sum::<usize>();
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
        for vector in main_vectors.iter().chain(&length_vectors) {
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

/// The extra offset bits of all matches.
fn extra_bits(main: &[u32; MAX_MAIN_SYMBOLS]) -> usize {
    let slots = main[NUM_LITERALS..].chunks_exact(NUM_LENGTH_HEADERS).zip(EXTRA_OFFSET_BITS);
    slots.map(|(headers, extra)| headers.iter().sum::<u32>() as usize * usize::from(extra)).sum()
}

/// No bits at all.
const NO_CODE: Code = 0;

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
            // Two by two: most runs are so short that there is no loop to predict. A last one goes with the match.
            let (pairs, odd) = literals.as_chunks::<2>();
            for pair in pairs {
                pair.iter().for_each(|&byte| put_code(bits, self.main[usize::from(byte)]));
                bits.flush();
            }
            let last = self.main[usize::from(literals.last().copied().unwrap_or(0))];
            put_code(bits, select_unpredictable(odd.is_empty(), NO_CODE, last));
            if sequence.length != 0 {
                self.write_match(sequence, bits);
            }
            rest = &behind[usize::from(sequence.length)..];
        }
    }

    /// Without a branch: whether there is a length symbol, or a coded part of the offset, is hard to predict.
    #[inline(always)]
    fn write_match(&self, sequence: &Sequence, bits: &mut BitWriter<'_>) {
        let (main, length) = sequence.symbols();
        put_code(bits, self.main[main]);
        put_code(bits, select_unpredictable(length.is_some(), self.length[length.unwrap_or(0)], NO_CODE));
        bits.flush();
        let slot = usize::from(sequence.slot);
        let extra = u32::from(EXTRA_OFFSET_BITS[slot]);
        let value = sequence.adjusted.wrapping_sub((OFFSET_SLOT_BASE[slot] as u32).wrapping_add(OFFSET_ADJUSTMENT));
        if let Some(aligned) = &self.aligned {
            let is_coded = slot >= FIRST_ALIGNED_SLOT;
            let coded_bits = select_unpredictable(is_coded, ALIGNED_BITS, 0);
            bits.put(value >> coded_bits, extra - coded_bits);
            put_code(bits, select_unpredictable(is_coded, aligned[value as usize % ALIGNED_SYMBOLS], NO_CODE));
        } else {
            bits.put(value, extra);
        }
        bits.flush();
    }
}
