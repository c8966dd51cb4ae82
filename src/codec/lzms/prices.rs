//! What everything costs at a moment of coding, for a parser that looks ahead of it.

use super::format::{
    LENGTH_SLOTS, LITERAL_SYMBOLS, MAX_OFFSET_SYMBOLS, OFFSET_SLOTS, POWER_SYMBOLS, contexts, offset_slot,
};
use super::item::{Contexts, RepeatContexts};
use super::item_writer::{EncodeCode, ItemWriter, RepeatDecisions};
use super::queue::DeltaPair;
use super::range::price;

/// Lengths beyond the longest for which [`Prices::lengths`] has entries, so that loops may take so many at once.
pub(super) const LANES: usize = 8;

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
    fn explicit(&self, contexts: RepeatContexts) -> u32 {
        self.is_repeat[usize::from(contexts.is_repeat) % contexts::REPEAT][0]
    }

    #[inline(always)]
    fn repeat(&self, contexts: RepeatContexts, index: u8) -> u32 {
        let not_first = self.not_first[usize::from(contexts.not_first) % contexts::REPEAT];
        let not_second = self.not_second[usize::from(contexts.not_second) % contexts::REPEAT];
        self.is_repeat[usize::from(contexts.is_repeat) % contexts::REPEAT][1]
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
            lengths: vec![0; max_length + 1 + LANES].into(),
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
    pub(super) fn literal(&self, contexts: Contexts, byte: u8) -> u32 {
        self.main[usize::from(contexts.main) % contexts::MAIN][0] + self.literals[usize::from(byte)]
    }

    /// Of an LZ match with an explicit offset, without its offset and length.
    #[inline(always)]
    pub(super) fn lz(&self, contexts: Contexts) -> u32 {
        self.match_of_kind(contexts, 0) + self.lz.explicit(contexts.lz)
    }

    /// Of the offset of an LZ match.
    #[inline(always)]
    pub(super) fn lz_offset(&self, offset: u32) -> u32 {
        self.lz_offset_slots[offset_slot(offset)]
    }

    /// Of an LZ match that repeats an offset, without its length.
    #[inline(always)]
    pub(super) fn lz_repeat(&self, contexts: Contexts, index: u8) -> u32 {
        self.match_of_kind(contexts, 0) + self.lz.repeat(contexts.lz, index)
    }

    /// Of a delta match with an explicit offset, without its length.
    #[inline(always)]
    pub(super) fn delta(&self, contexts: Contexts, pair: DeltaPair) -> u32 {
        self.match_of_kind(contexts, 1)
            + self.delta.explicit(contexts.delta)
            + self.delta_powers[usize::from(pair.power) % POWER_SYMBOLS]
            + self.delta_offset_slots[offset_slot(pair.raw_offset)]
    }

    /// Of a delta match that repeats an offset, without its length.
    #[inline(always)]
    pub(super) fn delta_repeat(&self, contexts: Contexts, index: u8) -> u32 {
        self.match_of_kind(contexts, 1) + self.delta.repeat(contexts.delta, index)
    }

    #[inline(always)]
    fn match_of_kind(&self, contexts: Contexts, is_delta: usize) -> u32 {
        self.main[usize::from(contexts.main) % contexts::MAIN][1]
            + self.is_delta[usize::from(contexts.is_delta) % contexts::MATCH][is_delta]
    }

    /// Of a length.
    #[inline(always)]
    pub(super) fn length(&self, length: usize) -> u32 {
        self.lengths[length]
    }

    /// Of each length from 0 on, for loops over lengths, with [`LANES`] more at the end.
    #[inline(always)]
    pub(super) fn lengths(&self) -> &[u32] {
        &self.lengths
    }
}
