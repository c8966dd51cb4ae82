//! A match finder for large windows: hash tables for several lengths side by side.
//!
//! A tree or suffix array finds every match, but spends most of its time waiting for memory, one dependent miss after
//! another. Here there is one table per length of interest: 3, 4, 6, 8, 12, 24 bytes or so. Each has rows of the latest
//! positions whose next bytes hash to that row. The nearest match of at least each of those lengths is what an
//! optimal parser mostly wants. All rows of a position are known in advance, so they are fetched while earlier
//! positions are searched, and the candidates in them are compared independently of each other.
//!
//! Tables for short lengths are small, since far short matches do not pay; those for long lengths reach far. All
//! are sized by the data, not by what the context could at most be given.

use super::prefetch::prefetch;

/// What must follow the data: the longest hash may run into it.
pub(crate) const PADDING: usize = 32;
/// How many positions ahead of their use rows are fetched.
const FETCH_AHEAD: usize = 12;

/// One table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableShape {
    /// Bytes hashed, 3 to [`PADDING`].
    pub(crate) length: usize,
    /// Positions per row: 1, 2 or 4.
    pub(crate) ways: usize,
    /// Largest number of positions in the table, as a power of two.
    pub(crate) max_log2: u32,
}

/// A match at the position searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) length: u32,
    pub(crate) offset: u32,
}

#[derive(Debug)]
struct Table {
    shape: TableShape,
    /// Positions + 1; 0 stands for none. Within a row the latest is first.
    positions: Vec<u32>,
    /// 64 - log2 of the number of rows.
    shift: u32,
}

impl Table {
    /// The index of the first entry of the row for the bytes from `pos` on.
    #[inline(always)]
    fn row(&self, data: &[u8], pos: usize) -> usize {
        let word = |at: usize| u64::from_le_bytes(*data[pos + at..].first_chunk().expect("the data is padded"));
        const MULTIPLIER: u64 = 0x9E37_79B1_85EB_CA87;
        let length = self.shape.length;
        let hash = if length <= 8 {
            (word(0) << (64 - 8 * length)).wrapping_mul(MULTIPLIER)
        } else {
            let mut hash = word(0).wrapping_mul(MULTIPLIER);
            let mut at = 8;
            while at + 8 < length {
                hash = (hash.rotate_left(29) ^ word(at)).wrapping_mul(MULTIPLIER);
                at += 8;
            }
            (hash.rotate_left(29) ^ word(length - 8)).wrapping_mul(MULTIPLIER)
        };
        (hash >> self.shift) as usize * self.shape.ways
    }
}

/// The match finder. Positions must be visited in order, each with `find` or `skip`.
#[derive(Debug)]
pub(crate) struct MultiHash {
    tables: Vec<Table>,
}

impl MultiHash {
    /// A match finder with these tables, shortest length first. It takes its memory when it is given data.
    pub(crate) fn new(shapes: &[TableShape]) -> Self {
        let tables = shapes.iter().map(|&shape| Table { shape, positions: Vec::new(), shift: 0 }).collect();
        Self { tables }
    }

    /// How many bytes the tables occupy for data of this size.
    pub(crate) fn memory(shapes: &[TableShape], data_len: usize) -> u64 {
        shapes.iter().map(|&shape| 4 << table_log2(shape, data_len)).sum()
    }

    /// Begins with new data of `data_len` bytes.
    pub(crate) fn reset(&mut self, data_len: usize) {
        for table in &mut self.tables {
            let log2 = table_log2(table.shape, data_len);
            table.positions.clear();
            table.positions.resize(1 << log2, 0);
            table.shift = 64 - (log2 - table.shape.ways.ilog2());
        }
    }

    /// Finds matches at `pos`, of increasing length and offset, none longer than `max_length`, and remembers `pos`.
    ///
    /// `data` ends with [`PADDING`] bytes that matches may read, which is why `max_length` is needed.
    #[inline(always)]
    pub(crate) fn find(&mut self, data: &[u8], pos: usize, max_length: usize, matches: &mut Vec<Match>) {
        matches.clear();
        let mut best = 0;
        let mut nearest = pos;
        let here = &data[pos..pos + max_length];
        for table in &mut self.tables {
            if pos + FETCH_AHEAD + PADDING <= data.len() {
                prefetch(&table.positions[table.row(data, pos + FETCH_AHEAD)]);
            }
            let row = table.row(data, pos);
            let ways = table.shape.ways;
            let row = &mut table.positions[row..row + ways];
            let mut insert = pos as u32 + 1;
            for entry in row {
                let candidate = std::mem::replace(entry, insert);
                insert = candidate;
                let candidate = (candidate as usize).wrapping_sub(1);
                // What is not before all earlier candidates has been looked at, or is no position.
                if candidate >= nearest {
                    continue;
                }
                nearest = candidate;
                if best < max_length && data[candidate + best] == here[best] {
                    let length = common_length(&data[candidate..], here);
                    if length > best {
                        best = length;
                        matches.push(Match { length: length as u32, offset: (pos - candidate) as u32 });
                    }
                }
            }
        }
    }

    /// Remembers `pos` without a search.
    #[inline(always)]
    pub(crate) fn skip(&mut self, data: &[u8], pos: usize) {
        for table in &mut self.tables {
            if pos + FETCH_AHEAD + PADDING <= data.len() {
                prefetch(&table.positions[table.row(data, pos + FETCH_AHEAD)]);
            }
            let row = table.row(data, pos);
            let ways = table.shape.ways;
            let mut insert = pos as u32 + 1;
            for entry in &mut table.positions[row..row + ways] {
                insert = std::mem::replace(entry, insert);
            }
        }
    }
}

/// How many positions a table has for data of this size, as a power of two.
fn table_log2(shape: TableShape, data_len: usize) -> u32 {
    (data_len.max(256) as u64).next_power_of_two().ilog2().min(shape.max_log2)
}

/// How many bytes at the beginning of `there` are those of `here`, which is not longer.
#[inline(always)]
pub(crate) fn common_length(there: &[u8], here: &[u8]) -> usize {
    let there = &there[..here.len()];
    let mut length = 0;
    while let (Some(a), Some(b)) = (here[length..].first_chunk(), there[length..].first_chunk()) {
        let difference = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if difference != 0 {
            return length + (difference.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length + here[length..].iter().zip(&there[length..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [TableShape; 3] = [
        TableShape { length: 3, ways: 2, max_log2: 10 },
        TableShape { length: 6, ways: 4, max_log2: 12 },
        TableShape { length: 20, ways: 1, max_log2: 12 },
    ];

    #[test]
    fn matches_are_true_and_increase() {
        let mut state = 1u32;
        let mut data: Vec<u8> = (0..3000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 30) as u8
            })
            .collect();
        data.extend_from_within(100..1500);
        let len = data.len();
        data.resize(len + PADDING, 0);
        let mut finder = MultiHash::new(&SHAPES);
        finder.reset(len);
        let mut matches = Vec::new();
        let mut longest = 0;
        for pos in 0..len {
            finder.find(&data, pos, len - pos, &mut matches);
            assert!(matches.is_sorted_by(|a, b| a.length < b.length && a.offset < b.offset));
            for &Match { length, offset } in &matches {
                let (length, from) = (length as usize, pos - offset as usize);
                assert_eq!(data[from..from + length], data[pos..pos + length]);
                assert!(pos + length == len || data[from + length] != data[pos + length]);
                longest = longest.max(length);
            }
        }
        assert_eq!(longest, 1400);
    }
}
