//! What everything costs at a moment of coding, for a parser that looks ahead of it.

use super::format::{
    LENGTH_SLOTS, LITERAL_SYMBOLS, MAX_OFFSET_SYMBOLS, OFFSET_SLOTS, POWER_SYMBOLS, contexts, offset_slot,
};
use super::item::{RepeatState, Source, State};
use super::item_writer::{EncodeCode, ItemWriter, RepeatDecisions};
use super::queue::DeltaPair;
use super::range::price;

/// Prices, frozen. What depends on the state of a decision is kept for each state.
#[derive(Debug)]
pub(super) struct Prices {
    main: [[u32; 2]; contexts::MAIN],
    is_delta: [[u32; 2]; contexts::MATCH],
    lz: RepeatPrices,
    delta: RepeatPrices,
    literals: [u32; LITERAL_SYMBOLS],
    /// By length; the lengths that a parser weighs.
    lengths: Box<[u32]>,
    lz_offset_slots: [u32; MAX_OFFSET_SYMBOLS],
    delta_offset_slots: [u32; MAX_OFFSET_SYMBOLS],
    delta_powers: [u32; POWER_SYMBOLS],
}

#[derive(Debug)]
struct RepeatPrices {
    is_repeat: [[u32; 2]; contexts::REPEAT],
    not_first: [[u32; 2]; contexts::REPEAT],
    not_second: [[u32; 2]; contexts::REPEAT],
}

impl RepeatPrices {
    const NONE: Self = Self {
        is_repeat: [[0; 2]; contexts::REPEAT],
        not_first: [[0; 2]; contexts::REPEAT],
        not_second: [[0; 2]; contexts::REPEAT],
    };

    fn of(decisions: &RepeatDecisions) -> Self {
        Self {
            is_repeat: decisions.is_repeat.prices(),
            not_first: decisions.not_first.prices(),
            not_second: decisions.not_second.prices(),
        }
    }

    #[inline(always)]
    fn explicit(&self, state: RepeatState) -> u32 {
        self.is_repeat[usize::from(state.is_repeat) % contexts::REPEAT][0]
    }

    #[inline(always)]
    fn repeat(&self, state: RepeatState, index: u8) -> u32 {
        let not_first = self.not_first[usize::from(state.not_first) % contexts::REPEAT];
        let not_second = self.not_second[usize::from(state.not_second) % contexts::REPEAT];
        self.is_repeat[usize::from(state.is_repeat) % contexts::REPEAT][1]
            + match index {
                0 => not_first[0],
                1 => not_first[1] + not_second[0],
                _ => not_first[1] + not_second[1],
            }
    }
}

impl Prices {
    /// Prices with room for matches of up to `max_length` bytes, to be updated before their use.
    pub(super) fn new(max_length: usize) -> Self {
        Self {
            main: [[0; 2]; contexts::MAIN],
            is_delta: [[0; 2]; contexts::MATCH],
            lz: RepeatPrices::NONE,
            delta: RepeatPrices::NONE,
            literals: [0; LITERAL_SYMBOLS],
            lengths: vec![0; max_length + 1].into(),
            lz_offset_slots: [0; MAX_OFFSET_SYMBOLS],
            delta_offset_slots: [0; MAX_OFFSET_SYMBOLS],
            delta_powers: [0; POWER_SYMBOLS],
        }
    }

    /// Takes over the prices of the present.
    pub(super) fn update(&mut self, writer: &ItemWriter<'_>) {
        self.main = writer.main.prices();
        self.is_delta = writer.is_delta.prices();
        self.lz = RepeatPrices::of(&writer.lz);
        self.delta = RepeatPrices::of(&writer.delta);
        for (price, literal) in self.literals.iter_mut().zip(writer.codes.literals.prices()) {
            *price = literal;
        }
        let mut length = 1;
        for (symbol, slot) in writer.codes.lengths.prices().zip(&LENGTH_SLOTS) {
            let price = symbol + slot.extra_bits * price::BIT;
            let end = (length + (1 << slot.extra_bits)).min(self.lengths.len());
            self.lengths[length..end].fill(price);
            length = end;
        }
        let update_slots = |prices: &mut [u32], code: &EncodeCode| {
            for ((price, symbol), slot) in prices.iter_mut().zip(code.prices()).zip(&OFFSET_SLOTS) {
                *price = symbol + slot.extra_bits * price::BIT;
            }
        };
        update_slots(&mut self.lz_offset_slots, &writer.codes.lz_offsets);
        update_slots(&mut self.delta_offset_slots, &writer.codes.delta_offsets);
        for (price, power) in self.delta_powers.iter_mut().zip(writer.codes.delta_powers.prices()) {
            *price = power;
        }
    }

    /// Of a literal.
    #[inline(always)]
    pub(super) fn literal(&self, state: &State, byte: u8) -> u32 {
        self.main[usize::from(state.main) % contexts::MAIN][0] + self.literals[usize::from(byte)]
    }

    /// Of an LZ match without its length.
    #[inline(always)]
    pub(super) fn lz(&self, state: &State, source: Source<u32>) -> u32 {
        let price = self.main[usize::from(state.main) % contexts::MAIN][1]
            + self.is_delta[usize::from(state.is_delta) % contexts::MATCH][0];
        price
            + match source {
                Source::Explicit(offset) => self.lz.explicit(state.lz) + self.lz_offset_slots[offset_slot(offset)],
                Source::Repeat(index) => self.lz.repeat(state.lz, index),
            }
    }

    /// Of a delta match without its length.
    #[inline(always)]
    pub(super) fn delta(&self, state: &State, source: Source<DeltaPair>) -> u32 {
        let price = self.main[usize::from(state.main) % contexts::MAIN][1]
            + self.is_delta[usize::from(state.is_delta) % contexts::MATCH][1];
        price
            + match source {
                Source::Explicit(pair) => {
                    self.delta.explicit(state.delta)
                        + self.delta_powers[usize::from(pair.power) % POWER_SYMBOLS]
                        + self.delta_offset_slots[offset_slot(pair.raw_offset)]
                }
                Source::Repeat(index) => self.delta.repeat(state.delta, index),
            }
    }

    /// Of a length.
    #[inline(always)]
    pub(super) fn length(&self, length: usize) -> u32 {
        self.lengths[length]
    }

    /// Of each length from 0 on, for loops over lengths.
    #[inline(always)]
    pub(super) fn lengths(&self) -> &[u32] {
        &self.lengths
    }
}
