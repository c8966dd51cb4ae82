//! Decode tables of canonical prefix codes whose codewords are read most significant bit first.
//!
//! The next `ROOT_BITS` bits index the root table. A codeword no longer than that fills every root entry it is a
//! prefix of; since codewords are assigned in order, these are neighbours, and the codewords of one length follow
//! each other. Longer codewords share a subtable with all that begin with the same `ROOT_BITS` bits: its root entry
//! says where the subtable begins and how many more bits index it.
//!
//! An entry carries whatever its symbol's caller wants to know about it, so that one load tells what to do:
//!
//! | bits | symbol | pointer to a subtable |
//! |---|---|---|
//! | 0..6 | bits to consume: the codeword, and what the caller adds to it | 0 |
//! | 6..31 | the caller's | index bits of the subtable, from bit 8; index of its first entry, from bit 16 |
//! | 31 | 0 | 1 |

/// A code that is over-subscribed or incomplete.
#[derive(Debug)]
pub(crate) struct BadCode;

/// The longest codeword of any code.
const MAX_LEN: usize = 16;

/// The size of the largest alphabet (LZX's main code for the largest window).
const MAX_SYMBOLS: usize = 656;

/// Marks a pointer to a subtable.
pub(crate) const SUBTABLE: u32 = 1 << 31;

/// How many entries the tables of all codes over an alphabet need.
///
/// The codewords in a subtable form a complete code of their own, so a subtable with `n` index bits holds at least
/// `n + 1` symbols.
pub(crate) const fn table_size(symbols: usize, max_len: u32, root_bits: u32) -> usize {
    let mut largest = 0;
    let mut bits = 1;
    while root_bits + bits <= max_len {
        let subtables = (symbols / (bits as usize + 1)) << bits;
        if subtables > largest {
            largest = subtables;
        }
        bits += 1;
    }
    (1 << root_bits) + largest
}

/// The symbols of a code in the order of their codewords, unused ones first. `ROOM` is for so many symbols with the padding.
struct Sorted<const ROOM: usize> {
    /// How many symbols have each length. The padding to equal parts counts as unused symbols.
    counts: [u16; MAX_LEN + 1],
    symbols: [u16; ROOM],
    /// How many symbols there are, with the padding.
    len: usize,
}

/// How many parts of a large alphabet are sorted side by side. Neighbours often have the same length: one after the other, each
/// would wait for the count or place that the one before has written.
const LARGE_PARTS: usize = 4;

/// The size of the largest alphabet, padded to equal parts.
const PADDED_SYMBOLS: usize = MAX_SYMBOLS.next_multiple_of(LARGE_PARTS);

/// Alphabets of at most so many symbols are one part: to set up more would take longer than to sort them.
const SMALL_ALPHABET: usize = 32;

impl<const ROOM: usize> Sorted<ROOM> {
    /// Sorts in so many parts.
    #[inline(always)]
    fn new<const PARTS: usize>(lens: &[u8]) -> Self {
        let part = lens.len().div_ceil(PARTS);
        let mut padded = [0; ROOM];
        padded[..lens.len()].copy_from_slice(lens);
        let parts: [&[u8]; PARTS] = std::array::from_fn(|index| &padded[index * part..][..part]);

        let mut part_counts = [[0_u16; 32]; PARTS];
        for i in 0..part {
            for (counts, lens) in part_counts.iter_mut().zip(parts) {
                counts[usize::from(lens[i] % 32)] += 1;
            }
        }
        let mut counts = [0; MAX_LEN + 1];
        let mut places = [[0; 32]; PARTS];
        let mut place = 0;
        for len in 0..=MAX_LEN {
            for (places, part_counts) in places.iter_mut().zip(&part_counts) {
                places[len] = place;
                place += part_counts[len];
                counts[len] += part_counts[len];
            }
        }
        let mut symbols = [0; ROOM];
        for i in 0..part {
            for (index, (places, lens)) in places.iter_mut().zip(parts).enumerate() {
                let place = &mut places[usize::from(lens[i] % 32)];
                symbols[usize::from(*place)] = (index * part + i) as u16;
                *place += 1;
            }
        }
        Self { counts, symbols, len: PARTS * part }
    }
}

/// Fills a span for each entry.
#[inline(always)]
fn fill_spans<const SPAN: usize>(target: &mut [u32], entries: impl Iterator<Item = u32>) {
    for (span, entry) in target.as_chunks_mut::<SPAN>().0.iter_mut().zip(entries) {
        *span = [entry; SPAN];
    }
}

/// The decode table of one code. `SIZE` is what [`table_size`] says.
pub(crate) struct DecodeTable<const ROOT_BITS: u32, const SIZE: usize> {
    entries: [u32; SIZE],
}

impl<const ROOT_BITS: u32, const SIZE: usize> DecodeTable<ROOT_BITS, SIZE> {
    /// How many bytes are behind those of the root table.
    pub(crate) const BYTES_BEHIND_ROOT: usize = (SIZE - (1 << ROOT_BITS)) * size_of::<u32>();

    /// A table that has yet to be built.
    pub(crate) const fn new() -> Self {
        assert!(SIZE >= 1 << ROOT_BITS);
        Self { entries: [0; SIZE] }
    }

    /// Fills the table for the code with these codeword lengths (0 = unused, at most 16), with entries that consist of
    /// each symbol's `bases` and the codeword's length. In an empty code, any bits are symbol 0 and none is consumed.
    pub(crate) fn build(&mut self, lens: &[u8], bases: &[u32]) -> Result<(), BadCode> {
        if lens.len() <= SMALL_ALPHABET {
            self.build_sorted(lens, bases, &Sorted::<SMALL_ALPHABET>::new::<1>(lens))
        } else {
            self.build_sorted(lens, bases, &Sorted::<PADDED_SYMBOLS>::new::<LARGE_PARTS>(lens))
        }
    }

    fn build_sorted<const ROOM: usize>(
        &mut self,
        lens: &[u8],
        bases: &[u32],
        sorted: &Sorted<ROOM>,
    ) -> Result<(), BadCode> {
        let Sorted { counts, symbols, len: padded_len } = sorted;
        if usize::from(counts[0]) == *padded_len {
            self.entries[..1 << ROOT_BITS].fill(bases[0]);
            return Ok(());
        }
        let space: u32 = (1..=MAX_LEN).map(|len| u32::from(counts[len]) << (MAX_LEN - len)).sum();
        if space != 1 << MAX_LEN {
            return Err(BadCode);
        }

        let entry = |symbol: u16, len: u32| bases[usize::from(symbol)] + len;
        let mut symbols = &symbols[usize::from(counts[0])..*padded_len];
        let mut next = 0;
        for len in 1..=ROOT_BITS {
            let of_len =
                symbols.split_off(..usize::from(counts[len as usize])).expect("there are as many as were counted");
            let span = 1 << (ROOT_BITS - len);
            let target = &mut self.entries[next..next + (of_len.len() << (ROOT_BITS - len))];
            next += target.len();
            let entries = of_len.iter().map(|&symbol| entry(symbol, len));
            // Spans whose size the compiler knows take no loop.
            match span {
                1 => fill_spans::<1>(target, entries),
                2 => fill_spans::<2>(target, entries),
                4 => fill_spans::<4>(target, entries),
                8 => fill_spans::<8>(target, entries),
                _ => target.chunks_exact_mut(span).zip(entries).for_each(|(span, entry)| span.fill(entry)),
            }
        }
        if next < 1 << ROOT_BITS {
            self.build_subtables(lens, symbols, entry);
        }
        Ok(())
    }

    /// Builds the subtables from the longest codeword, which is all ones, down: the first codeword seen with a root
    /// index is the longest and decides the size of its subtable.
    fn build_subtables(&mut self, lens: &[u8], sorted: &[u16], entry: impl Fn(u16, u32) -> u32) {
        let mut root = 1 << ROOT_BITS;
        let mut start = 0;
        let mut free = 1 << ROOT_BITS;
        let mut index_bits = 0;
        // Left-aligned in MAX_LEN bits.
        let mut codeword = 1 << MAX_LEN;
        for &symbol in sorted.iter().rev() {
            let len = u32::from(lens[usize::from(symbol)]);
            codeword -= 1 << (MAX_LEN as u32 - len);
            if codeword >> (MAX_LEN as u32 - ROOT_BITS) != root {
                root = codeword >> (MAX_LEN as u32 - ROOT_BITS);
                index_bits = len - ROOT_BITS;
                start = free;
                free += 1 << index_bits;
                self.entries[root] = SUBTABLE | index_bits << 8 | (start as u32) << 16;
            }
            let index = codeword >> (MAX_LEN as u32 - ROOT_BITS - index_bits) & ((1 << index_bits) - 1);
            let span = 1 << (ROOT_BITS + index_bits - len);
            self.entries[start + index..][..span].fill(entry(symbol, len));
        }
    }

    /// The root entry for the codeword at the top of `bits`.
    #[inline(always)]
    pub(crate) fn root(&self, bits: u64) -> u32 {
        self.entries[(bits >> (64 - ROOT_BITS)) as usize]
    }

    /// Where the root entry for the codeword at the top of `bits` is.
    #[inline(always)]
    pub(crate) fn root_index(&self, bits: u64) -> usize {
        (bits >> (64 - ROOT_BITS)) as usize
    }

    /// The root entry at an index.
    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> u32 {
        self.entries[index]
    }

    /// The bytes of that entry and all behind it: at least [`Self::BYTES_BEHIND_ROOT`] more than an entry's.
    #[inline(always)]
    pub(crate) fn root_bytes(&self, index: usize) -> *const u8 {
        self.entries[index..].as_ptr().cast()
    }

    /// Follows a root entry if it points to a subtable.
    #[inline(always)]
    pub(crate) fn follow(&self, entry: u32, bits: u64) -> u32 {
        if is_subtable(entry) {
            let index = (bits << ROOT_BITS) >> (64 - (entry >> 8 & 31));
            self.entries[((entry & !SUBTABLE) >> 16) as usize + index as usize]
        } else {
            entry
        }
    }

    /// The entry for the codeword at the top of `bits`.
    #[inline(always)]
    pub(crate) fn lookup(&self, bits: u64) -> u32 {
        self.follow(self.root(bits), bits)
    }
}

impl<const ROOT_BITS: u32, const SIZE: usize> std::fmt::Debug for DecodeTable<ROOT_BITS, SIZE> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecodeTable").field("root_bits", &ROOT_BITS).finish_non_exhaustive()
    }
}

/// Whether a root entry points to a subtable.
#[inline(always)]
pub(crate) fn is_subtable(entry: u32) -> bool {
    entry & SUBTABLE != 0
}

/// How many bits an entry consumes: its codeword, and what the caller added.
#[inline(always)]
pub(crate) fn consumed_bits(entry: u32) -> u32 {
    entry & 0xFF
}
