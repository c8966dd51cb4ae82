//! How a block's header says its codeword lengths: each as a difference to the previous block's, runs of them as such, in
//! a code of their own, the precode.

use super::bits::BitWriter;
use super::code::{cost, join, put_code};
use crate::codec::huffman::lengths::limited_lengths;
use crate::codec::lzx::format::{MAX_PRECODE_CODEWORD_LEN, PRECODE_SYMBOLS};

/// A vector of codeword lengths, as coded against the previous block's.
#[derive(Debug)]
pub(super) struct LengthVector {
    items: Vec<PrecodeItem>,
    /// How often each precode symbol occurs.
    pub(super) frequencies: [u32; PRECODE_SYMBOLS],
    lengths: [u8; PRECODE_SYMBOLS],
    /// What all of it takes.
    pub(super) bits: usize,
}

/// A precode symbol and what follows it.
#[derive(Clone, Copy, Debug)]
struct PrecodeItem {
    symbol: u8,
    /// The run length beyond the symbol's shortest.
    extra: u8,
    /// For a run of equal lengths: the difference symbol of the run.
    difference: u8,
}

/// Runs of zeros: 4 to 19, and 20 to 51.
pub(super) const SHORT_ZEROS: u8 = 17;
pub(super) const LONG_ZEROS: u8 = 18;
/// A run of four or five equal lengths.
pub(super) const EQUAL: u8 = 19;

/// The precode symbol of a codeword length.
#[inline(always)]
pub(super) const fn difference(old: u8, new: u8) -> u8 {
    if old >= new { old - new } else { old + 17 - new }
}

impl LengthVector {
    pub(super) fn new(old: &[u8], new: &[u8]) -> Self {
        let mut items = Vec::with_capacity(new.len());
        let difference = |at: usize| difference(old[at], new[at]);
        let mut at = 0;
        while at < new.len() {
            // Mostly there is no run of four.
            let is_run = new[at..].first_chunk().is_some_and(|four: &[u8; 4]| *four == [new[at]; 4]);
            let run = if is_run { new[at..].iter().take_while(|&&len| len == new[at]).count() } else { 1 };
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
        Self { items, frequencies, lengths, bits }
    }

    pub(super) fn write(&self, bits: &mut BitWriter<'_>) {
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
