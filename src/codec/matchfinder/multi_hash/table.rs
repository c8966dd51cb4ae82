//! One of the hash tables: rows of the latest positions whose next bytes have the same hash.

use super::{Bounds, Candidates, PADDING, RING};
use crate::codec::matchfinder::huge_pages::HugeTable;
use crate::codec::matchfinder::prefetch::prefetch;

/// The golden ratio, which spreads products well.
pub(super) const MULTIPLIER: u64 = 0x9E37_79B1_85EB_CA87;

/// A position, below as many bits of its hash as there is room for. They tell most other strings in the same row apart
/// without a look at the data, which would have to come from memory. An empty entry stands for position 0, which is as
/// good a candidate as any.
pub(super) type Entry = u32;

/// Where a string belongs.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    row: u32,
    /// What its entry has above the position.
    tag: Entry,
}

/// A hash table of the latest positions, `WAYS` for each hash of `LENGTH` bytes.
#[derive(Debug)]
pub(super) struct Table<const LENGTH: usize, const WAYS: usize> {
    /// Within a row the latest is first.
    rows: HugeTable,
    /// 64 - log2 of the number of rows.
    shift: u32,
    /// The lowest so many bits of an entry are its position.
    position_bits: u32,
    /// Where the strings at the present and the next positions belong, by position.
    places: [Place; RING],
}

impl<const LENGTH: usize, const WAYS: usize> Table<LENGTH, WAYS> {
    pub(super) fn new() -> Self {
        Self { rows: HugeTable::default(), shift: 0, position_bits: 0, places: [Place::default(); RING] }
    }

    /// The number of rows for data of this size, of no more than 2^`max_log2` positions, as a power of two.
    fn rows_log2(data_len: usize, max_log2: u32) -> u32 {
        data_len.max(256).next_power_of_two().ilog2().min(max_log2) - WAYS.ilog2()
    }

    /// How many bytes a table occupies for data of this size.
    pub(super) fn memory(data_len: usize, max_log2: u32) -> u64 {
        if max_log2 == 0 { 0 } else { (size_of::<[Entry; WAYS]>() as u64) << Self::rows_log2(data_len, max_log2) }
    }

    /// Begins with new data.
    pub(super) fn reset(&mut self, data_len: usize, max_log2: u32) {
        self.rows.reset(Self::memory(data_len, max_log2) as usize);
        if max_log2 > 0 {
            self.shift = 64 - Self::rows_log2(data_len, max_log2);
            self.position_bits = data_len.max(2).next_power_of_two().ilog2();
        }
    }

    /// Whether the table is not used.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Hashes the bytes of a window.
    #[inline(always)]
    fn place(&self, bytes: &[u8; PADDING]) -> Place {
        let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("a word is inside the window"));
        let mut hash = if LENGTH < 8 { word(0) << (64 - 8 * LENGTH) } else { word(0) };
        hash = hash.wrapping_mul(MULTIPLIER);
        let mut at = 8;
        while at < LENGTH {
            hash = (hash.rotate_left(29) ^ word(at.min(LENGTH - 8))).wrapping_mul(MULTIPLIER);
            at += 8;
        }
        Place {
            row: (hash >> self.shift) as u32,
            tag: (hash >> (self.shift - 32)) as u32 >> self.position_bits << self.position_bits,
        }
    }

    /// Gets ready for positions that are soon to be looked up.
    #[inline(always)]
    pub(super) fn announce(&mut self, data: &[u8], positions: impl Iterator<Item = usize>) {
        let rows = self.rows.rows::<WAYS>();
        for pos in positions {
            let place = self.place(data[pos..].first_chunk().expect("the data is padded"));
            self.places[pos % RING] = place;
            if let Some(row) = rows.get(place.row as usize) {
                prefetch(row);
            }
        }
    }

    /// Remembers positions. What is known of the same strings becomes their candidates, whose data is fetched.
    #[inline(always)]
    pub(super) fn look_up<const MOST: usize>(
        &mut self,
        data: &[u8],
        positions: impl Iterator<Item = usize>,
        candidates: &mut Candidates<MOST>,
    ) {
        let rows = self.rows.rows_mut::<WAYS>();
        for pos in positions {
            let Place { row, tag } = self.places[pos % RING];
            let Some(row) = rows.get_mut(row as usize) else { return };
            let before = row.map(Entry::from_ne_bytes);
            row.copy_within(..WAYS - 1, 1);
            row[0] = (pos as u32 | tag).to_ne_bytes();
            let (list, bounds) = candidates.of(pos);
            let Bounds { mut count, mut farthest } = *bounds;
            for entry in before {
                // A wrong tag leaves high bits. What is not beyond all earlier candidates is one of them.
                let candidate = entry ^ tag;
                let is_one = candidate < farthest;
                list[count as usize % MOST] = candidate;
                count += u32::from(is_one);
                farthest = if is_one { candidate } else { farthest };
                if let Some(byte) = data.get(farthest as usize) {
                    prefetch(byte);
                }
            }
            *bounds = Bounds { count, farthest };
        }
    }

    /// Remembers positions without asking what is known of the same strings.
    #[inline(always)]
    pub(super) fn remember(&mut self, positions: impl Iterator<Item = usize>) {
        let rows = self.rows.rows_mut::<WAYS>();
        for pos in positions {
            let Place { row, tag } = self.places[pos % RING];
            let Some(row) = rows.get_mut(row as usize) else { return };
            row.copy_within(..WAYS - 1, 1);
            row[0] = (pos as u32 | tag).to_ne_bytes();
        }
    }
}
