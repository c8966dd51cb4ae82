//! The adaptive models of Quantum.

use std::ops::Range;

/// Symbols of the largest model.
const MAX_SYMBOLS: usize = 64;
/// What a symbol's count grows by whenever it occurs.
const INCREMENT: u16 = 8;
/// The largest total; beyond it, counts are made smaller.
const MAX_TOTAL: u16 = 3800;
/// The total is made smaller so many times until the symbols are sorted for the first time...
const FIRST_SORT: u32 = 4;
/// ... and again.
const NEXT_SORT: u32 = 50;

/// Symbols and how often they have occurred of late.
#[derive(Debug)]
pub(super) struct Model {
    len: usize,
    symbols: [u8; MAX_SYMBOLS],
    /// For each symbol its count and those of all that follow it; then a zero. They fall strictly.
    counts: [u16; MAX_SYMBOLS + 1],
    until_sort: u32,
}

impl Model {
    /// `len` symbols from `first` on, each counted once.
    pub(super) fn new(first: u8, len: usize) -> Self {
        Self {
            len,
            symbols: std::array::from_fn(|index| first.wrapping_add(index as u8)),
            counts: std::array::from_fn(|index| len.saturating_sub(index) as u16),
            until_sort: FIRST_SORT,
        }
    }

    pub(super) fn total(&self) -> u32 {
        self.counts[0].into()
    }

    /// The symbol whose range of counts includes `target`, which is below the total, and that range; the symbol then counts
    /// for more.
    pub(super) fn find(&mut self, target: u32) -> (u8, Range<u32>) {
        let used = &self.counts[..=self.len];
        let next = used.iter().position(|&count| u32::from(count) <= target).expect("the last one is zero");
        let found = next - 1;
        let range = self.counts[next].into()..self.counts[found].into();
        let symbol = self.symbols[found];
        self.counts[..next].iter_mut().for_each(|count| *count += INCREMENT);
        if self.counts[0] > MAX_TOTAL {
            self.until_sort -= 1;
            if self.until_sort == 0 {
                self.until_sort = NEXT_SORT;
                self.sort();
            } else {
                self.halve();
            }
        }
        (symbol, range)
    }

    /// What [`Self::find`] finds a symbol with.
    #[cfg(test)]
    pub(super) fn target(&self, symbol: u8) -> u32 {
        let index =
            self.symbols[..self.len].iter().position(|&other| other == symbol).expect("the model has the symbol");
        self.counts[index + 1].into()
    }

    fn halve(&mut self) {
        for index in (0..self.len).rev() {
            self.counts[index] = (self.counts[index] >> 1).max(self.counts[index + 1] + 1);
        }
    }

    /// Halves the counts and puts frequent symbols first. The format prescribes how they are exchanged: the order of equally
    /// frequent ones depends on it.
    fn sort(&mut self) {
        let mut entries = [(0, 0); MAX_SYMBOLS];
        let entries = &mut entries[..self.len];
        for (index, entry) in entries.iter_mut().enumerate() {
            *entry = ((self.counts[index] - self.counts[index + 1]).div_ceil(2), self.symbols[index]);
        }
        for i in 0..entries.len() {
            for j in i + 1..entries.len() {
                if entries[i].0 < entries[j].0 {
                    entries.swap(i, j);
                }
            }
        }
        let mut sum = 0;
        for (index, (count, symbol)) in entries.iter().enumerate().rev() {
            sum += count;
            self.counts[index] = sum;
            self.symbols[index] = *symbol;
        }
    }
}
