//! What literals and matches cost, as the search in large chunks looks it up.

use crate::codec::boxed::boxed_array;
use crate::codec::lzx::encode::prices::SymbolPrices;
use crate::codec::lzx::encode::sequence::{FIRST_ALIGNED_SLOT, LONG_HEADER, OFFSET_ADJUSTMENT, offset_slot};
use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, EXTRA_OFFSET_BITS, MAX_MATCH, MAX_OFFSET_SLOTS, MIN_MATCH, NUM_LENGTH_HEADERS, NUM_LITERALS,
};
use crate::codec::matchfinder::short::MAX_PAIR_OFFSET;
use crate::codec::price::BIT;

/// Lengths that a match can have.
pub(super) const NUM_LENGTHS: usize = MAX_MATCH - MIN_MATCH + 1;
/// Lengths tried side by side.
pub(super) const LANES: usize = 8;
/// A row of prices, with room to read all lanes from its last entry on.
pub(super) const ROW: usize = NUM_LENGTHS + LANES;

/// More than there are slots, and a power of two, which spares checks.
const SLOT_ROWS: usize = MAX_OFFSET_SLOTS.next_power_of_two();

/// The first adjusted offset of [`FIRST_ALIGNED_SLOT`].
const FIRST_ALIGNED: u32 = 16;

/// Prices in units of [`BIT`]. A match costs its entry in `matches`, plus its entry in `aligned` if its slot has one.
#[derive(Debug)]
pub(super) struct Prices {
    pub(super) literals: [u32; NUM_LITERALS],
    /// By slot and length: main symbol, length symbol and extra bits (but the last three where the slot has more).
    /// One row serves all lengths of a match, side by side.
    pub(super) matches: Box<[[u16; ROW]; SLOT_ROWS]>,
    /// What the three lowest bits of an offset cost: nothing, where the slot's row says it, then raw or coded.
    low_bits: [u32; 2 * ALIGNED_SYMBOLS],
    /// Matches of two bytes, by offset.
    pub(super) pairs: [u32; MAX_PAIR_OFFSET + 1],
}

impl Prices {
    pub(super) fn new() -> Self {
        Self {
            literals: [0; NUM_LITERALS],
            matches: boxed_array([0; ROW]),
            low_bits: [0; 2 * ALIGNED_SYMBOLS],
            pairs: [0; MAX_PAIR_OFFSET + 1],
        }
    }

    /// Bytes on the heap.
    pub(super) const fn memory() -> usize {
        size_of::<[[u16; ROW]; SLOT_ROWS]>()
    }

    /// What the three lowest bits of an offset cost, if the slot's row does not say it.
    #[inline(always)]
    pub(super) fn low_bits(&self, adjusted: u32) -> u32 {
        self.low_bits[adjusted as usize % ALIGNED_SYMBOLS + if adjusted < FIRST_ALIGNED { 0 } else { ALIGNED_SYMBOLS }]
    }

    /// Takes over the prices of symbols.
    pub(super) fn set(&mut self, SymbolPrices { main, length, aligned }: &SymbolPrices, num_slots: usize) {
        self.literals.copy_from_slice(&main[..NUM_LITERALS]);
        self.low_bits[ALIGNED_SYMBOLS..].copy_from_slice(aligned);
        let headers = main[NUM_LITERALS..].chunks_exact(NUM_LENGTH_HEADERS);
        for (slot, (row, headers)) in self.matches.iter_mut().zip(headers).take(num_slots).enumerate() {
            let aligned_bits = if slot >= FIRST_ALIGNED_SLOT { 3 } else { 0 };
            let extra = (u32::from(EXTRA_OFFSET_BITS[slot]) - aligned_bits) * BIT;
            let (short, long) = row.split_at_mut(LONG_HEADER);
            for (price, header) in short.iter_mut().zip(headers) {
                *price = (header + extra) as u16;
            }
            for (price, length) in long.iter_mut().zip(length) {
                *price = (headers[LONG_HEADER] + extra + length) as u16;
            }
        }
        for offset in 1..=MAX_PAIR_OFFSET as u32 {
            let adjusted = offset + OFFSET_ADJUSTMENT;
            self.pairs[offset as usize] = u32::from(self.matches[offset_slot(adjusted)][0]) + self.low_bits(adjusted);
        }
    }
}
