//! The constants of the LZMS format that encoder and decoder share.

/// Symbols of the literal code.
pub(super) const LITERAL_SYMBOLS: usize = 256;
/// Symbols of the largest offset code (chunks of 2^30 bytes).
pub(super) const MAX_OFFSET_SYMBOLS: usize = 799;
/// Symbols of the length code.
pub(super) const LENGTH_SYMBOLS: usize = 54;
/// Symbols of the delta power code.
pub(super) const POWER_SYMBOLS: usize = 8;

/// Symbols between two rebuilds of the literal code and of both offset codes.
pub(super) const LONG_REBUILD_INTERVAL: u32 = 1024;
/// Symbols between two rebuilds of the length and delta power codes.
pub(super) const SHORT_REBUILD_INTERVAL: u32 = 512;

/// The entries of the repeat queues. Three can be named; the fourth waits, because a queue is updated one item late.
pub(super) const QUEUE_LEN: usize = 4;

/// Probability entries per class of decision: 2 to the number of earlier decisions that choose the entry.
pub(super) mod contexts {
    /// Literal or match.
    pub(crate) const MAIN: usize = 16;
    /// LZ match or delta match.
    pub(crate) const MATCH: usize = 32;
    /// Explicit or repeat, and each step through a repeat queue.
    pub(crate) const REPEAT: usize = 64;
}

/// How many offset slots there are for each number of extra bits from 0.
const OFFSET_SLOT_RUNS: [usize; 31] =
    [8, 0, 9, 7, 10, 15, 15, 20, 20, 30, 33, 40, 42, 45, 60, 73, 80, 85, 95, 105, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// How many length slots there are for each number of extra bits from 0.
const LENGTH_SLOT_RUNS: [usize; 31] =
    [26, 4, 6, 4, 5, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A range of values that share a symbol: `base` to `base + 2^extra_bits - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The smallest value.
    pub(super) base: u32,
    /// The number of raw bits behind the symbol.
    pub(super) extra_bits: u32,
}

const fn slots<const N: usize>(runs: &[usize; 31]) -> [Slot; N] {
    let mut slots = [Slot { base: 0, extra_bits: 0 }; N];
    let (mut slot, mut base, mut extra_bits) = (0, 1, 0);
    while extra_bits < runs.len() {
        let mut left = runs[extra_bits];
        while left > 0 {
            slots[slot] = Slot { base, extra_bits: extra_bits as u32 };
            base += 1 << extra_bits;
            slot += 1;
            left -= 1;
        }
        extra_bits += 1;
    }
    assert!(slot == N);
    slots
}

/// The offset slots, of LZ offsets and of raw delta offsets.
pub(super) static OFFSET_SLOTS: [Slot; MAX_OFFSET_SYMBOLS] = slots(&OFFSET_SLOT_RUNS);
/// The length slots.
pub(super) static LENGTH_SLOTS: [Slot; LENGTH_SYMBOLS] = slots(&LENGTH_SLOT_RUNS);

/// Sub-ranges per power of two in [`SlotIndex`], as a power of two. No slot is shorter than its sub-range.
const FINENESS: u32 = 7;

/// Where to look for the slot of a value: indexed with its highest bits, the slot of the smallest such value. The largest such
/// value belongs to this slot or the next.
struct SlotIndex([u16; 32 << FINENESS]);

impl SlotIndex {
    const fn new(slots: &[Slot]) -> Self {
        let mut index = [0; 32 << FINENESS];
        let (mut i, mut slot) = (1, 0);
        while i < index.len() {
            let smallest = Self::smallest(i);
            while slot + 1 < slots.len() && slots[slot + 1].base as u64 <= smallest {
                slot += 1;
            }
            index[i] = slot as u16;
            i += 1;
            let next = Self::smallest(i);
            assert!(slot + 2 >= slots.len() || i == index.len() || next <= slots[slot + 2].base as u64);
        }
        Self(index)
    }

    /// The smallest value that has the index `i`.
    const fn smallest(i: usize) -> u64 {
        let mantissa = (i & ((1 << FINENESS) - 1)) as u64;
        ((1 << FINENESS | mantissa) << (i >> FINENESS)) >> FINENESS
    }

    #[inline(always)]
    fn slot_of(&self, value: u32, slots: &[Slot]) -> usize {
        let log2 = value.ilog2();
        let mantissa = (u64::from(value) << FINENESS >> log2) as usize & ((1 << FINENESS) - 1);
        let slot = usize::from(self.0[(log2 as usize) << FINENESS | mantissa]);
        slot + usize::from(slots.get(slot + 1).is_some_and(|next| next.base <= value))
    }
}

static OFFSET_SLOT_INDEX: SlotIndex = SlotIndex::new(&OFFSET_SLOTS);
static LENGTH_SLOT_INDEX: SlotIndex = SlotIndex::new(&LENGTH_SLOTS);

/// The slot of an offset from 1.
#[inline(always)]
pub(super) fn offset_slot(offset: u32) -> usize {
    OFFSET_SLOT_INDEX.slot_of(offset, &OFFSET_SLOTS)
}

/// The slot of a length from 1.
#[inline(always)]
pub(super) fn length_slot(length: u32) -> usize {
    LENGTH_SLOT_INDEX.slot_of(length, &LENGTH_SLOTS)
}

/// The symbols that the offset codes of a chunk of `uncompressed_size` bytes have. At least two, so that there is a
/// code to build: in chunks that small every explicit offset fails the check against the data produced.
pub(super) fn num_offset_symbols(uncompressed_size: usize) -> usize {
    let largest = u32::try_from(uncompressed_size.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
    (offset_slot(largest) + 1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_match_the_published_tables() {
        assert_eq!(OFFSET_SLOTS[100].base, 8357);
        assert_eq!(OFFSET_SLOTS[400].base, 3_171_493);
        assert_eq!(OFFSET_SLOTS[700].base, 52_159_653);
        assert_eq!(OFFSET_SLOTS.iter().map(|slot| u64::from(slot.base)).sum::<u64>(), 13_565_823_099);
        assert_eq!(OFFSET_SLOTS[798], Slot { base: 106_685_605, extra_bits: 30 });
        assert_eq!(LENGTH_SLOTS.iter().map(|slot| slot.base).sum::<u32>(), 74827);
        assert_eq!(LENGTH_SLOTS[53], Slot { base: 67755, extra_bits: 30 });
    }

    #[test]
    fn every_value_has_its_slot() {
        for (slot, &Slot { base, extra_bits }) in OFFSET_SLOTS.iter().enumerate() {
            assert_eq!(offset_slot(base), slot);
            assert_eq!(offset_slot(base + ((1u32 << extra_bits) - 1)), slot);
        }
        for (slot, &Slot { base, extra_bits }) in LENGTH_SLOTS.iter().enumerate() {
            assert_eq!(length_slot(base), slot);
            assert_eq!(length_slot(base + ((1u32 << extra_bits) - 1)), slot);
        }
    }

    #[test]
    fn offset_symbols_follow_the_chunk_size() {
        let expected = [(3, 2), (4, 3), (10, 9), (256, 34), (32768, 142), (65536, 171), (131_072, 203), (1 << 20, 317)];
        for (size, symbols) in expected {
            assert_eq!(num_offset_symbols(size), symbols, "{size}");
        }
        assert_eq!(num_offset_symbols(1 << 26), 729);
        assert_eq!(num_offset_symbols(1 << 30), 799);
        assert_eq!(num_offset_symbols(0), 2);
    }
}
