//! What literals and matches cost, as the swift search looks it up.

use super::frontier::{LANES, Row, UNREACHED};
use crate::codec::lzx::encode::prices::SymbolPrices;
use crate::codec::lzx::encode::sequence::{
    FIRST_ALIGNED_SLOT, LONG_HEADER, MAX_NEAR_SLOTS, OFFSET_ADJUSTMENT, near_offset_slot,
};
use crate::codec::lzx::format::{
    ALIGNED_SYMBOLS, EXTRA_OFFSET_BITS, LENGTH_SYMBOLS, MIN_MATCH, NUM_LENGTH_HEADERS, NUM_LITERALS,
};
use crate::codec::matchfinder::short::MAX_PAIR_OFFSET;
use crate::codec::price::BIT;

/// The first adjusted offset of [`FIRST_ALIGNED_SLOT`].
const FIRST_ALIGNED: usize = 16;

/// Prices in units of [`BIT`].
#[derive(Debug)]
pub(super) struct Prices {
    pub(super) literals: [i16; NUM_LITERALS],
    /// By slot: what lengths from 1 on cost with the offset's extra bits, but the last three where those may be coded.
    rows: [Row; MAX_NEAR_SLOTS],
    /// By slot: what all lengths with a length symbol have in common.
    long: [u32; MAX_NEAR_SLOTS],
    lengths: [u32; LENGTH_SYMBOLS],
    /// What the lowest bits of an offset cost: nothing where the slot's row says it, then raw or coded.
    low_bits: [i16; 2 * ALIGNED_SYMBOLS],
    /// Matches of two bytes, by offset; an offset of zero is none.
    pub(super) pairs: [i16; MAX_PAIR_OFFSET + 1],
}

impl Prices {
    pub(super) const fn new() -> Self {
        Self {
            literals: [0; NUM_LITERALS],
            rows: [Row([0; LANES]); MAX_NEAR_SLOTS],
            long: [0; MAX_NEAR_SLOTS],
            lengths: [0; LENGTH_SYMBOLS],
            low_bits: [0; 2 * ALIGNED_SYMBOLS],
            pairs: [UNREACHED; MAX_PAIR_OFFSET + 1],
        }
    }

    /// Takes over the prices of symbols.
    pub(super) fn set(&mut self, symbols: &SymbolPrices, num_slots: usize) {
        for (price, &symbol) in self.literals.iter_mut().zip(&symbols.main) {
            *price = symbol as i16;
        }
        for (price, &symbol) in self.low_bits[ALIGNED_SYMBOLS..].iter_mut().zip(&symbols.aligned) {
            *price = symbol as i16;
        }
        self.lengths = symbols.length;
        let headers = symbols.main[NUM_LITERALS..].as_chunks::<NUM_LENGTH_HEADERS>().0;
        let tables = self.rows.iter_mut().zip(&mut self.long).zip(headers);
        for (slot, ((row, long), headers)) in tables.take(num_slots).enumerate() {
            let coded_bits = if slot >= FIRST_ALIGNED_SLOT { ALIGNED_SYMBOLS.ilog2() } else { 0 };
            let extra = (u32::from(EXTRA_OFFSET_BITS[slot]) - coded_bits) * BIT;
            *long = headers[LONG_HEADER] + extra;
            // No match is one byte long.
            row.0[0] = UNREACHED - 8 * BIT as i16;
            for (price, header) in row.0[1..].iter_mut().zip(&headers[..LONG_HEADER]) {
                *price = (header + extra) as i16;
            }
            for (price, length) in row.0[1 + LONG_HEADER..].iter_mut().zip(&symbols.length) {
                *price = (*long + length) as i16;
            }
        }
        for offset in 1..=MAX_PAIR_OFFSET {
            let adjusted = offset + OFFSET_ADJUSTMENT as usize;
            self.pairs[offset] = self.row(near_offset_slot(adjusted as u32)).0[1] + self.low_bits(adjusted);
        }
    }

    #[inline(always)]
    pub(super) fn row(&self, slot: usize) -> &Row {
        &self.rows[slot % MAX_NEAR_SLOTS]
    }

    /// What the three lowest bits of an offset cost, if the slot's row does not say it.
    #[inline(always)]
    pub(super) fn low_bits(&self, adjusted: usize) -> i16 {
        self.low_bits[adjusted % ALIGNED_SYMBOLS + if adjusted < FIRST_ALIGNED { 0 } else { ALIGNED_SYMBOLS }]
    }

    /// What a match of more bytes than a row has costs, low bits aside.
    #[inline(always)]
    pub(super) fn beyond_row(&self, slot: usize, length: usize) -> u32 {
        self.long[slot % MAX_NEAR_SLOTS] + self.lengths[(length - MIN_MATCH - LONG_HEADER) % 256 % LENGTH_SYMBOLS]
    }
}
