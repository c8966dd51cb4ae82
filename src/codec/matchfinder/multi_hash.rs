//! A match finder for large windows: hash tables for several lengths side by side.
//!
//! A tree or suffix array finds every match, but spends most of its time waiting for memory, one dependent miss after
//! another. Here there is one table per length of interest: 3, 4, 6, 8, 12, 24 bytes or so. Each has rows of the latest
//! positions whose next bytes hash to that row. The nearest match of at least each of those lengths is what an
//! optimal parser mostly wants. All rows of a position are known in advance, so they are fetched while earlier
//! positions are searched; then the data of those candidates are fetched whose hash agrees in more bits than the row
//! needs; and the candidates are compared independently of each other.
//!
//! What waits for memory is the looking up of rows, so the tables of 8 and more bytes know only half of the positions:
//! the **samples**. The bytes at a position decide whether it is one, hence both ends of a match have theirs at the same
//! places. Samples are searched a few positions ahead. What they find is handed back to the positions before, as far as
//! it goes on backwards, and the longest match is handed on from each position to the next.
//!
//! Tables for short lengths are small, since far short matches do not pay; those for long lengths reach far. All
//! are sized by the data, not by what the context could at most be given.

use super::huge_pages::HugeTable;
use super::prefetch::prefetch;

/// What must follow the data: the longest hash may run into it.
pub(crate) const PADDING: usize = 32;
/// How many positions ahead of their use rows are fetched.
const FETCH_AHEAD: usize = 12;
/// How many positions ahead of their use the data of the candidates in a row are fetched.
const PEEK_AHEAD: usize = 4;
/// How many positions ahead sampled positions are searched, so that what they find can be handed back.
const SEARCH_AHEAD: usize = 8;
/// Positions to which matches can be handed back: [`SEARCH_AHEAD`] and the sample itself, rounded up to a power of two.
const HANDED_BACK: usize = 16;
/// How many positions ahead the data of candidates are fetched for sampled positions.
const SAMPLE_PEEK_AHEAD: usize = SEARCH_AHEAD + 4;
/// How many positions ahead rows are fetched for sampled positions.
const SAMPLE_FETCH_AHEAD: usize = SEARCH_AHEAD + 14;
/// One in so many positions is a sample, as a power of two.
const SAMPLE_LOG2: u32 = 1;
/// Positions whose hashes are kept: those up to [`SAMPLE_FETCH_AHEAD`], rounded up to a power of two.
const RING: usize = 32;

/// The golden ratio, which spreads products well.
const MULTIPLIER: u64 = 0x9E37_79B1_85EB_CA87;

/// A match at the position searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) length: u32,
    pub(crate) offset: u32,
}

/// A hash table of the latest positions, `WAYS` for each hash of `LENGTH` bytes.
#[derive(Debug)]
struct Table<const LENGTH: usize, const WAYS: usize> {
    /// Within a row the latest is first.
    rows: HugeTable,
    /// 64 - log2 of the number of rows.
    shift: u32,
    /// The lowest so many bits of an entry are its position.
    position_bits: u32,
    /// The hashes of the present and the next few positions, by position.
    ring: [Place; RING],
}

/// A position + 1, below as many more bits of its hash as there is room for. They tell most other strings in the same
/// row apart without a look at the data, which would have to come from memory. 0 stands for no position.
type Entry = u32;

/// Where a string belongs.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    row: u32,
    /// What its entry has above the position.
    tag: Entry,
}

impl<const LENGTH: usize, const WAYS: usize> Table<LENGTH, WAYS> {
    fn new() -> Self {
        Self { rows: HugeTable::default(), shift: 0, position_bits: 0, ring: [Place::default(); RING] }
    }

    /// The number of rows for data of this size, of no more than 2^`max_log2` positions, as a power of two.
    fn rows_log2(data_len: usize, max_log2: u32) -> u32 {
        data_len.max(256).next_power_of_two().ilog2().min(max_log2) - WAYS.ilog2()
    }

    fn memory(data_len: usize, max_log2: u32) -> u64 {
        if max_log2 == 0 { 0 } else { (size_of::<[Entry; WAYS]>() as u64) << Self::rows_log2(data_len, max_log2) }
    }

    fn reset(&mut self, data_len: usize, max_log2: u32) {
        self.rows.reset(Self::memory(data_len, max_log2) as usize);
        if max_log2 > 0 {
            let log2 = Self::rows_log2(data_len, max_log2);
            self.shift = 64 - log2;
            self.position_bits = (data_len + 1).ilog2() + 1;
        }
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

    /// Gets ready for a position that is soon to be visited.
    #[inline(always)]
    fn announce(&mut self, bytes: &[u8; PADDING], pos: usize) {
        let place = self.place(bytes);
        self.ring[pos % RING] = place;
        prefetch(&self.rows.rows::<WAYS>()[place.row as usize]);
    }

    /// Fetches the data of the candidates for a position.
    #[inline(always)]
    fn peek(&self, data: &[u8], pos: usize) {
        let place = self.ring[pos % RING];
        for entry in self.rows.rows::<WAYS>()[place.row as usize] {
            if let Some(candidate) = self.candidate(Entry::from_ne_bytes(entry), place.tag)
                && let Some(byte) = data.get(candidate)
            {
                prefetch(byte);
            }
        }
    }

    /// The position in an entry, if the tag is that of the string searched.
    #[inline(always)]
    fn candidate(&self, entry: Entry, tag: Entry) -> Option<usize> {
        let position = entry ^ tag;
        // A wrong tag leaves high bits, no position leaves none or high ones.
        (position >> self.position_bits == 0).then(|| (position as usize).wrapping_sub(1))
    }

    /// Puts `pos` into its row and returns what was in it, and the tag to look for.
    #[inline(always)]
    fn insert(&mut self, pos: usize) -> ([Entry; WAYS], Entry) {
        let Place { row, tag } = self.ring[pos % RING];
        let row = &mut self.rows.rows_mut::<WAYS>()[row as usize];
        let before = row.map(Entry::from_ne_bytes);
        row.copy_within(..WAYS - 1, 1);
        row[0] = ((pos as u32 + 1) | tag).to_ne_bytes();
        (before, tag)
    }
}

/// The match finder. Positions must be visited in order, each with `find` or `skip`.
#[derive(Debug)]
pub(crate) struct MultiHash {
    reach: Reach,
    of_2: Table<2, 1>,
    of_3: Table<3, 1>,
    of_4: Table<4, 4>,
    of_6: Table<6, 4>,
    of_8: Table<8, 2>,
    of_12: Table<12, 2>,
    of_24: Table<24, 1>,
    /// Which positions are samples: the lowest bit is for the position [`SAMPLE_FETCH_AHEAD`] ahead, the next one for
    /// the position before.
    samples: u32,
    /// Where the longest match so far ends, and its offset.
    inherited: Ahead,
    /// Matches that samples have found for the present and the next few positions, by position.
    handed_back: [Ahead; HANDED_BACK],
}

/// A match by where it ends.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    end: usize,
    offset: usize,
}

/// How large the tables become, as powers of two of positions. A table of 0 is not used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// For 2 bytes.
    pub(crate) of_2: u32,
    /// For 3 bytes.
    pub(crate) of_3: u32,
    /// For 4 bytes.
    pub(crate) of_4: u32,
    /// For 6 bytes.
    pub(crate) of_6: u32,
    /// For 8 bytes; this one and the following hold samples only.
    pub(crate) of_8: u32,
    /// For 12 bytes.
    pub(crate) of_12: u32,
    /// For 24 bytes.
    pub(crate) of_24: u32,
}

/// Runs a block for each table in use of a match finder.
macro_rules! for_each_table {
    ($finder:expr, $table:ident => $block:block) => {
        for_each_table!(@each $finder, $table, $block, of_2 of_3 of_4 of_6)
    };
    (samples of $finder:expr, $table:ident => $block:block) => {
        for_each_table!(@each $finder, $table, $block, of_8 of_12 of_24)
    };
    (@each $finder:expr, $table:ident, $block:block, $($name:ident)*) => {
        $({
            let $table = &mut $finder.$name;
            if !$table.rows.is_empty() {
                $block
            }
        })*
    };
}

impl MultiHash {
    /// A match finder. It takes its memory when it is given data.
    pub(crate) fn new(reach: Reach) -> Self {
        Self {
            reach,
            of_2: Table::new(),
            of_3: Table::new(),
            of_4: Table::new(),
            of_6: Table::new(),
            of_8: Table::new(),
            of_12: Table::new(),
            of_24: Table::new(),
            samples: 0,
            inherited: Ahead::default(),
            handed_back: [Ahead::default(); HANDED_BACK],
        }
    }

    /// How many bytes the tables occupy for data of this size.
    pub(crate) fn memory(reach: Reach, data_len: usize) -> u64 {
        Table::<2, 1>::memory(data_len, reach.of_2)
            + Table::<3, 1>::memory(data_len, reach.of_3)
            + Table::<4, 4>::memory(data_len, reach.of_4)
            + Table::<6, 4>::memory(data_len, reach.of_6)
            + Table::<8, 2>::memory(data_len, reach.of_8)
            + Table::<12, 2>::memory(data_len, reach.of_12)
            + Table::<24, 1>::memory(data_len, reach.of_24)
    }

    /// Begins with new data of `data_len` bytes.
    pub(crate) fn reset(&mut self, data_len: usize) {
        let reach = self.reach;
        self.of_2.reset(data_len, reach.of_2);
        self.of_3.reset(data_len, reach.of_3);
        self.of_4.reset(data_len, reach.of_4);
        self.of_6.reset(data_len, reach.of_6);
        self.of_8.reset(data_len, reach.of_8);
        self.of_12.reset(data_len, reach.of_12);
        self.of_24.reset(data_len, reach.of_24);
    }

    /// Gets ready to visit the first positions.
    fn begin(&mut self, data: &[u8]) {
        self.samples = 0;
        self.inherited = Ahead::default();
        self.handed_back = [Ahead::default(); HANDED_BACK];
        for pos in 0..FETCH_AHEAD {
            for_each_table!(self, table => { table.announce(window(data, pos), pos) });
        }
        for pos in 0..SAMPLE_FETCH_AHEAD {
            self.announce_sample(data, pos);
        }
        for pos in 0..SEARCH_AHEAD {
            // What has been announced ends one position earlier than when position 0 is visited.
            if self.is_sample(pos + 1, 0) && pos + PADDING <= data.len() - PADDING {
                for_each_table!(samples of self, table => { table.insert(pos); });
            }
        }
    }

    /// Finds out whether a position is a sample, and gets ready for it.
    ///
    /// What the bytes are decides, so that two places with the same bytes have their samples at the same places.
    #[inline(always)]
    fn announce_sample(&mut self, data: &[u8], pos: usize) {
        let bytes = window(data, pos);
        let word = u64::from_le_bytes(*bytes.first_chunk().expect("a word is inside the window"));
        let is_sample = word.wrapping_mul(MULTIPLIER) >> (64 - SAMPLE_LOG2) == 0;
        self.samples = self.samples << 1 | u32::from(is_sample);
        if is_sample {
            for_each_table!(samples of self, table => { table.announce(bytes, pos) });
        }
    }

    /// Whether `pos` is a sample, where the present position is `here`.
    #[inline(always)]
    fn is_sample(&self, pos: usize, here: usize) -> bool {
        self.samples >> (SAMPLE_FETCH_AHEAD - (pos - here)) & 1 != 0
    }

    /// Visits the samples ahead of `pos`. What is found is handed back to the positions from `searched` on.
    #[inline(always)]
    fn visit_samples(&mut self, data: &[u8], pos: usize, searched: usize) {
        self.announce_sample(data, pos + SAMPLE_FETCH_AHEAD);
        if self.is_sample(pos + SAMPLE_PEEK_AHEAD, pos) {
            for_each_table!(samples of self, table => { table.peek(data, pos + SAMPLE_PEEK_AHEAD) });
        }
        let sample = pos + SEARCH_AHEAD;
        let end = data.len() - PADDING;
        if !self.is_sample(sample, pos) || sample + PADDING > end {
            return;
        }
        let mut best = Ahead::default();
        for_each_table!(samples of self, table => {
            let (entries, tag) = table.insert(sample);
            if sample >= searched {
                for entry in entries {
                    let Some(candidate) = table.candidate(entry, tag) else { continue };
                    if candidate >= sample {
                        continue;
                    }
                    let found = sample + common_length(&data[candidate..], &data[sample..end]);
                    if found > best.end.max(sample) {
                        best = Ahead { end: found, offset: sample - candidate };
                    }
                }
            }
        });
        if best.end == 0 {
            return;
        }
        let first = searched.max(pos);
        let mut start = sample;
        while start > first && start > best.offset && data[start - 1] == data[start - 1 - best.offset] {
            start -= 1;
        }
        let slot = &mut self.handed_back[start % HANDED_BACK];
        if best.end > slot.end {
            *slot = best;
        }
    }

    /// Finds matches at `pos`, of increasing length and offset, none longer than `max_length`, and remembers `pos`.
    ///
    /// `data` ends with [`PADDING`] bytes that hashes may read, which is why `max_length` is needed.
    #[inline(always)]
    pub(crate) fn find(&mut self, data: &[u8], pos: usize, max_length: usize, matches: &mut Vec<Match>) {
        matches.clear();
        if pos == 0 {
            self.begin(data);
        }
        self.visit_samples(data, pos, pos);
        let ahead = window(data, pos + FETCH_AHEAD);
        let here = &data[pos..pos + max_length];
        let mut best = 0;
        let mut nearest = pos;
        for_each_table!(self, table => {
            table.announce(ahead, pos + FETCH_AHEAD);
            table.peek(data, pos + PEEK_AHEAD);
            let (entries, tag) = table.insert(pos);
            for entry in entries {
                let Some(candidate) = table.candidate(entry, tag) else { continue };
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
        });
        let handed_back = std::mem::take(&mut self.handed_back[pos % HANDED_BACK]);
        if handed_back.end > self.inherited.end {
            self.inherited = handed_back;
        }
        let Ahead { end, offset } = self.inherited;
        if end > pos + best {
            // What is longer and nearer makes others useless.
            while matches.last().is_some_and(|found| found.offset as usize >= offset) {
                matches.pop();
            }
            matches.push(Match { length: (end - pos) as u32, offset: offset as u32 });
        } else if let Some(&Match { length, offset }) = matches.last() {
            self.inherited = Ahead { end: pos + length as usize, offset: offset as usize };
        }
    }

    /// Remembers `pos` without a search. `searched` is the next position that will be searched.
    #[inline(always)]
    pub(crate) fn skip(&mut self, data: &[u8], pos: usize, searched: usize) {
        if pos == 0 {
            self.begin(data);
        }
        self.visit_samples(data, pos, searched);
        std::mem::take(&mut self.handed_back[pos % HANDED_BACK]);
        let ahead = window(data, pos + FETCH_AHEAD);
        for_each_table!(self, table => {
            table.announce(ahead, pos + FETCH_AHEAD);
            table.insert(pos);
        });
    }
}

/// The bytes that are hashed at `pos`; those of the last position for all behind it.
#[inline(always)]
fn window(data: &[u8], pos: usize) -> &[u8; PADDING] {
    data[pos.min(data.len() - PADDING)..].first_chunk().expect("the data is padded")
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
        let mut finder =
            MultiHash::new(Reach { of_2: 10, of_3: 10, of_4: 12, of_6: 12, of_8: 12, of_12: 12, of_24: 12 });
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
        assert!(longest > 1300, "{longest}");
    }
}
