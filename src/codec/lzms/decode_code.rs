//! The adaptive codes as a decoder has them: tables that are looked up with as many bits as the longest codeword has.

use super::backward_bits::BackwardBits;
use super::format::{LENGTH_SLOTS, OFFSET_SLOTS, Slot};
use super::huffman::{Frequencies, MAX_CODEWORD_LEN, MAX_SYMBOLS};
use std::marker::PhantomData;

/// Table entries written at once.
const FILL_STEP: usize = 8;
/// Room for every look-up, and for the last step of filling the table.
const TABLE_LEN: usize = (1 << MAX_CODEWORD_LEN) + FILL_STEP;

/// What a table says about the next bits. The lowest six bits are how many of them to consume.
pub(super) trait Entry: Copy + Default + std::fmt::Debug {
    /// The entry of a symbol with a codeword of `len` bits.
    fn new(symbol: u16, len: u32) -> Self;
}

/// A symbol of at most eight bits, above the length of its codeword. Small entries keep the table in the first cache.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByteEntry(u16);

impl Entry for ByteEntry {
    #[inline(always)]
    fn new(symbol: u16, len: u32) -> Self {
        Self(symbol << 8 | len as u16)
    }
}

/// A slot, above the number of its extra bits (from bit 8), above how many bits codeword and extra bits have together.
/// So what follows in the stream need not wait for the slot to be looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotEntry<T>(u32, PhantomData<T>);

/// A kind of slots.
pub(super) trait Slots: Copy + Default + std::fmt::Debug {
    /// All of them.
    const SLOTS: &'static [Slot];
    /// The smallest value of each, with zeros behind them, so that a masked index needs no check.
    const BASES: &'static [u32; MAX_SYMBOLS];
}

const fn bases(slots: &[Slot]) -> [u32; MAX_SYMBOLS] {
    let mut bases = [0; MAX_SYMBOLS];
    let mut slot = 0;
    while slot < slots.len() {
        bases[slot] = slots[slot].base;
        slot += 1;
    }
    bases
}

static OFFSET_BASES: [u32; MAX_SYMBOLS] = bases(&OFFSET_SLOTS);
static LENGTH_BASES: [u32; MAX_SYMBOLS] = bases(&LENGTH_SLOTS);

/// The slots of offsets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offsets;

impl Slots for Offsets {
    const SLOTS: &'static [Slot] = &OFFSET_SLOTS;
    const BASES: &'static [u32; MAX_SYMBOLS] = &OFFSET_BASES;
}

/// The slots of lengths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lengths;

impl Slots for Lengths {
    const SLOTS: &'static [Slot] = &LENGTH_SLOTS;
    const BASES: &'static [u32; MAX_SYMBOLS] = &LENGTH_BASES;
}

impl<T: Slots> Entry for SlotEntry<T> {
    #[inline(always)]
    fn new(symbol: u16, len: u32) -> Self {
        let extra_bits = T::SLOTS[usize::from(symbol)].extra_bits;
        Self(u32::from(symbol) << 16 | extra_bits << 8 | (len + extra_bits), PhantomData)
    }
}

/// An adaptive code.
#[derive(Debug)]
pub(super) struct DecodeCode<E> {
    frequencies: Frequencies,
    interval: u32,
    until_rebuild: u32,
    /// 15 less the number of bits to look up.
    spare_bits: u32,
    table: Box<[E; TABLE_LEN]>,
    /// Symbols in order of (length, symbol), for building the table.
    ordered: [u16; MAX_SYMBOLS],
}

impl<E: Entry> DecodeCode<E> {
    pub(super) fn new(interval: u32) -> Self {
        let table = vec![E::default(); TABLE_LEN].into_boxed_slice().try_into().expect("the length is right");
        Self {
            frequencies: Frequencies::new(),
            interval,
            until_rebuild: interval,
            spare_bits: 0,
            table,
            ordered: [0; MAX_SYMBOLS],
        }
    }

    pub(super) fn reset(&mut self, num_symbols: usize) {
        self.frequencies.reset(num_symbols);
        self.build_table();
    }

    #[inline(always)]
    fn look_up(&self, bits: &BackwardBits<'_>) -> E {
        self.table[(bits.peek() >> (64 - MAX_CODEWORD_LEN) >> self.spare_bits) as usize]
    }

    #[inline(always)]
    fn count(&mut self, symbol: usize) {
        self.frequencies.count(symbol);
        self.until_rebuild -= 1;
        if self.until_rebuild == 0 {
            self.rebuild();
        }
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
        let mut next = [0u16; MAX_CODEWORD_LEN + 1];
        let mut start = 0;
        for (slot, count) in next.iter_mut().zip(counts) {
            *slot = start;
            start += count;
        }
        for (symbol, &length) in lengths.iter().enumerate() {
            let slot = &mut next[usize::from(length) % (MAX_CODEWORD_LEN + 1)];
            self.ordered[usize::from(*slot) % MAX_SYMBOLS] = symbol as u16;
            *slot += 1;
        }
        let mut ordered = self.ordered.as_slice();
        let mut at = 0;
        for (length, &count) in counts.iter().enumerate().take(max_len + 1).skip(1) {
            let symbols;
            (symbols, ordered) = ordered.split_at(count.into());
            let copies = 1 << (max_len - length);
            for &symbol in symbols {
                let entry = E::new(symbol, length as u32);
                // Whole steps: what is written too far, the next entries overwrite.
                for from in (at..at + copies).step_by(FILL_STEP) {
                    self.table[from..from + FILL_STEP].fill(entry);
                }
                at += copies;
            }
        }
    }
}

impl DecodeCode<ByteEntry> {
    /// Reads a symbol. At least as many bits as a codeword may have must have been provided.
    #[inline(always)]
    pub(super) fn decode(&mut self, bits: &mut BackwardBits<'_>) -> u8 {
        let symbol = self.decode_of_run(bits);
        self.end_run(1);
        symbol
    }

    /// How many symbols can be read before a rebuild.
    #[inline(always)]
    pub(super) fn longest_run(&self) -> usize {
        self.until_rebuild as usize
    }

    /// Reads one of several symbols, whose number [`end_run`](Self::end_run) must then be told.
    #[inline(always)]
    pub(super) fn decode_of_run(&mut self, bits: &mut BackwardBits<'_>) -> u8 {
        let ByteEntry(entry) = self.look_up(bits);
        bits.consume(entry.into());
        self.frequencies.count((entry >> 8).into());
        (entry >> 8) as u8
    }

    /// `count` symbols, no more than [`longest_run`](Self::longest_run), have been read.
    #[inline(always)]
    pub(super) fn end_run(&mut self, count: usize) {
        self.until_rebuild -= count as u32;
        if self.until_rebuild == 0 {
            self.rebuild();
        }
    }
}

impl<T: Slots> DecodeCode<SlotEntry<T>> {
    /// Reads a slot and its extra bits. At least as many bits as they may have must have been provided.
    #[inline(always)]
    pub(super) fn decode(&mut self, bits: &mut BackwardBits<'_>) -> u32 {
        let SlotEntry(entry, _) = self.look_up(bits);
        let slot = (entry >> 16) as usize % MAX_SYMBOLS;
        // A codeword has at least one bit, so this shifts by less than 64.
        let codeword_and_extra = bits.peek() >> (entry.wrapping_neg() & 63);
        let extra = codeword_and_extra & !(u64::MAX << (entry >> 8 & 31));
        bits.consume(entry);
        self.count(slot);
        T::BASES[slot] + extra as u32
    }
}
