//! A Quantum encoder for tests, without a match finder.

use super::model::Model;
use super::{LENGTHS, LITERAL_MODELS, LITERALS_PER_MODEL, Models, OFFSETS, Slot};

/// What a block consists of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Literal(u8),
    Match { length: u32, offset: u32 },
}

/// Encodes a block.
pub(super) struct Encoder {
    low: u32,
    high: u32,
    /// Bits that are the opposite of the next one.
    pending: usize,
    /// How many bits the decoder's registers will have let go.
    shifts: usize,
    /// What the coder emits.
    coded: Vec<bool>,
    /// Bits that stand in the stream as they are, behind so many of the coder's.
    raw: Vec<(usize, bool)>,
}

impl Encoder {
    /// Encodes a block, and changes the models as its decoder will.
    pub(super) fn encode(models: &mut Models, items: &[Item]) -> Vec<u8> {
        let mut encoder = Self { low: 0, high: 0xFFFF, pending: 0, shifts: 0, coded: Vec::new(), raw: Vec::new() };
        for item in items {
            match *item {
                Item::Literal(byte) => {
                    let model = usize::from(byte) / LITERALS_PER_MODEL;
                    encoder.symbol(&mut models.selector, model as u8);
                    encoder.symbol(&mut models.literals[model], byte);
                }
                Item::Match { length, offset } => {
                    let kind = (length - 3).min(2) as usize;
                    encoder.symbol(&mut models.selector, (LITERAL_MODELS + kind) as u8);
                    if kind == 2 {
                        encoder.value(&mut models.length, &LENGTHS, length);
                    }
                    encoder.value(&mut models.offsets[kind], &OFFSETS, offset);
                }
            }
        }
        encoder.finish()
    }

    fn symbol(&mut self, model: &mut Model, symbol: u8) {
        let (range, total) = (self.high - self.low + 1, model.total());
        let (_, counts) = model.find(model.target(symbol));
        self.high = self.low + counts.end * range / total - 1;
        self.low += counts.start * range / total;
        loop {
            if (self.low ^ self.high) & 0x8000 == 0 {
                self.emit(self.low & 0x8000 != 0);
            } else if self.low & 0x4000 != 0 && self.high & 0x4000 == 0 {
                self.pending += 1;
                self.low &= 0x3FFF;
                self.high |= 0x4000;
            } else {
                break;
            }
            self.low = self.low << 1 & 0xFFFF;
            self.high = (self.high << 1 | 1) & 0xFFFF;
            self.shifts += 1;
        }
    }

    fn emit(&mut self, bit: bool) {
        self.coded.push(bit);
        self.coded.extend(std::iter::repeat_n(!bit, self.pending));
        self.pending = 0;
    }

    fn value(&mut self, model: &mut Model, slots: &[Slot], value: u32) {
        let slot = slots.iter().rposition(|slot| slot.base <= value).expect("it is in one of the slots");
        self.symbol(model, slot as u8);
        let extra = value - slots[slot].base;
        // The decoder is always 16 bits ahead.
        self.raw.extend((0..slots[slot].extra_bits).rev().map(|bit| (16 + self.shifts, extra >> bit & 1 != 0)));
    }

    fn finish(mut self) -> Vec<u8> {
        self.pending += 1;
        self.emit(self.low >= 0x4000);
        self.coded.resize(self.coded.len().max(16 + self.shifts), false);
        let mut raw = self.raw.into_iter().peekable();
        let mut bits = Vec::new();
        for (index, bit) in self.coded.into_iter().enumerate() {
            while let Some((_, bit)) = raw.next_if(|(behind, _)| *behind == index) {
                bits.push(bit);
            }
            bits.push(bit);
        }
        bits.extend(raw.map(|(_, bit)| bit));
        // Real encoders leave two bits at least.
        bits.resize((bits.len() + 2).next_multiple_of(8), false);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }
}
