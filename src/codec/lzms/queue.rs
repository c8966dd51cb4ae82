//! The queues of recent offsets.

use super::format::QUEUE_LEN;

/// The kinds of item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// One byte.
    Literal,
    /// A copy of earlier bytes.
    Lz,
    /// A copy of earlier differences.
    Delta,
}

/// A raw offset with the power of two that is both its unit and the distance of the bytes that are subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeltaPair {
    pub(super) power: u8,
    pub(super) raw_offset: u32,
}

/// A queue of the latest offsets.
///
/// The format puts an offset into its queue only after the following item. Here it goes in at once; directly after a
/// match of the queue's kind every index of the format is then one too low.
#[derive(Clone, Copy, Debug)]
pub(super) struct RepeatQueue<T> {
    entries: [T; QUEUE_LEN],
}

impl RepeatQueue<u32> {
    /// The queue of LZ offsets at the beginning of a chunk.
    pub(super) const LZ: Self = Self { entries: [1, 2, 3, 4] };
}

impl RepeatQueue<DeltaPair> {
    /// The queue of delta offsets at the beginning of a chunk.
    pub(super) const DELTA: Self = {
        const fn pair(raw_offset: u32) -> DeltaPair {
            DeltaPair { power: 0, raw_offset }
        }
        Self { entries: [pair(1), pair(2), pair(3), pair(4)] }
    };
}

impl<T: Copy> RepeatQueue<T> {
    /// The entry at `index`, counted from the latest.
    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> T {
        self.entries[index % QUEUE_LEN]
    }

    /// Puts an explicit offset in front.
    #[inline(always)]
    pub(super) fn push(&mut self, value: T) {
        let [a, b, c, _] = self.entries;
        self.entries = [value, a, b, c];
    }

    /// Moves the entry at `index` to the front.
    #[inline(always)]
    pub(super) fn take(&mut self, index: usize) -> T {
        let [a, b, c, d] = self.entries;
        let (value, entries) = match index {
            0 => (a, [a, b, c, d]),
            1 => (b, [b, a, c, d]),
            2 => (c, [c, a, b, d]),
            _ => (d, [d, a, b, c]),
        };
        self.entries = entries;
        value
    }
}
