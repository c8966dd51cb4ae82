//! Rift tables: by how much what is at one place stands elsewhere in the other file.
//!
//! A table is a list of places, each with what lies there in the other file; it holds up to the next place. What lies in front of the
//! first place goes with the last one, so that a table of one entry is the same shift everywhere.

use super::super::{DeltaError, Malformed};
use super::bits::BitReader;
use super::code::Code;
use crate::codec::huffman::decode_table::table_size;

/// The most entries that a table may have. In a delta an entry can be of two bits.
pub(super) const MAX_ENTRIES: usize = 1 << 20;

/// From `from` on, what is at `x` is at `x + to - from` in the other file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rift {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Rift {
    pub(super) fn shift(self) -> i64 {
        self.to.wrapping_sub(self.from)
    }
}

/// A rift table, in the order of its places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RiftTable(pub(super) Vec<Rift>);

impl RiftTable {
    /// Reads a table: whether there is one, two codes, and the differences from entry to entry.
    pub(super) fn read(reader: &mut BitReader<'_>) -> Result<Self, DeltaError> {
        if reader.bits(1)? == 0 {
            return Ok(Self::default());
        }
        let places = IntCode::read(reader)?;
        let shifts = IntCode::read(reader)?;
        let count = reader.number()?;
        if count > reader.left().min(MAX_ENTRIES as u64) {
            return Err(reader.malformed(Malformed::RiftSize(count)));
        }
        let mut entries = Vec::new();
        let (mut from, mut shift) = (0_i64, 0_i64);
        for _ in 0..count {
            from = from.wrapping_add(places.int(reader)?);
            shift = shift.wrapping_add(shifts.int(reader)?);
            entries.push(Rift { from, to: from.wrapping_add(shift) });
        }
        let mut table = Self(entries);
        table.sort();
        Ok(table)
    }

    /// Puts the entries in the order of their places. Of several for the same place the last one counts.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|entry| entry.from);
    }

    /// The shift at `place`, and the last place where it holds.
    pub(super) fn at(&self, place: i64) -> (i64, i64) {
        let behind = self.0.partition_point(|entry| entry.from <= place);
        let end = self.0.get(behind).map_or(i64::MAX, |next| next.from - 1);
        let entry = if behind == 0 { self.0.last() } else { self.0.get(behind - 1) };
        (entry.map_or(0, |entry| entry.shift()), end)
    }
}

/// As many symbols stand for 0 and positive integers …
const HALF: usize = 126;
/// … and as many for negative ones.
const INT_SYMBOLS: usize = 2 * HALF;

/// A code of integers: symbols 0 to 3 are the integers, those behind stand for a power of two, or one and a half of it, with as many
/// bits behind them as there are below. Negative integers are the complement.
struct IntCode(Code<INT_SYMBOLS, 9, { table_size(INT_SYMBOLS, 16, 9) }>);

impl IntCode {
    /// Reads the code: so many lengths of either half, then one for as many of the rest, which the others are one less than.
    fn read(reader: &mut BitReader<'_>) -> Result<Self, DeltaError> {
        let (positive, negative) = (reader.bits(8)? as usize, reader.bits(8)? as usize);
        let longer = reader.bits(8)? as usize;
        if positive > HALF || negative > HALF || longer > INT_SYMBOLS - positive - negative {
            return Err(reader.malformed(Malformed::BadLengths));
        }
        let mut lens = [0_u8; INT_SYMBOLS];
        for len in lens[..positive].iter_mut() {
            *len = reader.bits(4)? as u8 + 1;
        }
        for len in lens[HALF..HALF + negative].iter_mut() {
            *len = reader.bits(4)? as u8 + 1;
        }
        let len = reader.bits(4)? as u8 + 1;
        let rest = (positive..HALF).chain(HALF + negative..INT_SYMBOLS);
        for (index, symbol) in rest.enumerate() {
            lens[symbol] = if index < longer { len } else { len - 1 };
        }
        let code = Code::new("rift code", &lens).map_err(|problem| reader.malformed(problem))?;
        Ok(Self(code))
    }

    fn int(&self, reader: &mut BitReader<'_>) -> Result<i64, DeltaError> {
        let symbol = self.0.symbol(reader)?;
        let magnitude = symbol % HALF;
        let value = match magnitude as u32 {
            small @ 0..4 => i64::from(small),
            large => {
                let count = large / 2 - 1;
                let low = reader.bits(count.min(32))? | reader.bits(count.saturating_sub(32))? << 32;
                i64::from(2 | large & 1) << count | low as i64
            }
        };
        Ok(if symbol < HALF { value } else { !value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_hold_up_to_the_next_place() {
        let table = RiftTable(vec![Rift { from: 10, to: 15 }, Rift { from: 20, to: 18 }]);
        assert_eq!(table.at(10), (5, 19));
        assert_eq!(table.at(19), (5, 19));
        assert_eq!(table.at(20), (-2, i64::MAX));
        assert_eq!(table.at(-3), (-2, 9), "in front of the first, the last one holds");
        assert_eq!(RiftTable::default().at(7), (0, i64::MAX));
    }
}
