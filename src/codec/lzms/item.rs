//! Items as an encoder sees them, and the part of the coding state that a parser can follow without coding.

use super::format::contexts;
use super::queue::{DeltaPair, RepeatQueue};

/// One item of the stream. Indices of repeat queues are those of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Literal,
    Lz { length: u32, source: Source<u32> },
    Delta { length: u32, source: Source<DeltaPair> },
}

/// Where a match copies from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<T> {
    Explicit(T),
    Repeat(u8),
}

impl Item {
    /// How many bytes the item stands for.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Literal => 1,
            Self::Lz { length, .. } | Self::Delta { length, .. } => length as usize,
        }
    }
}

/// The state behind some items: which probabilities are next to be used, and the recent offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) contexts: Contexts,
    pub(super) lz_queue: RepeatQueue<u32>,
    pub(super) delta_queue: RepeatQueue<DeltaPair>,
}

/// Which probabilities are next to be used: the latest decisions of each class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contexts {
    pub(super) main: u8,
    pub(super) is_delta: u8,
    pub(super) lz: RepeatContexts,
    pub(super) delta: RepeatContexts,
}

/// The contexts of the decisions whether and what to repeat.
#[derive(Clone, Copy, Debug)]
pub(super) struct RepeatContexts {
    pub(super) is_repeat: u8,
    pub(super) not_first: u8,
    pub(super) not_second: u8,
}

#[inline(always)]
fn shift<const N: usize>(context: &mut u8, bit: bool) {
    *context = (*context << 1 | u8::from(bit)) & (N - 1) as u8;
}

impl RepeatContexts {
    const NEW: Self = Self { is_repeat: 0, not_first: 0, not_second: 0 };

    #[inline(always)]
    fn apply<T>(&mut self, source: Source<T>) {
        shift::<{ contexts::REPEAT }>(&mut self.is_repeat, matches!(source, Source::Repeat(_)));
        if let Source::Repeat(index) = source {
            shift::<{ contexts::REPEAT }>(&mut self.not_first, index > 0);
            if index > 0 {
                shift::<{ contexts::REPEAT }>(&mut self.not_second, index > 1);
            }
        }
    }
}

impl Contexts {
    const NEW: Self = Self { main: 0, is_delta: 0, lz: RepeatContexts::NEW, delta: RepeatContexts::NEW };

    /// Goes on to the contexts behind an item.
    #[inline(always)]
    pub(super) fn apply(&mut self, item: Item) {
        shift::<{ contexts::MAIN }>(&mut self.main, item != Item::Literal);
        match item {
            Item::Literal => {}
            Item::Lz { source, .. } => {
                shift::<{ contexts::MATCH }>(&mut self.is_delta, false);
                self.lz.apply(source);
            }
            Item::Delta { source, .. } => {
                shift::<{ contexts::MATCH }>(&mut self.is_delta, true);
                self.delta.apply(source);
            }
        }
    }

    /// 1 directly behind an LZ match, whose offset cannot be repeated yet.
    #[inline(always)]
    fn pending_lz(self) -> usize {
        usize::from(self.main & 1 & !self.is_delta)
    }

    /// 1 directly behind a delta match, whose offset cannot be repeated yet.
    #[inline(always)]
    fn pending_delta(self) -> usize {
        usize::from(self.main & 1 & self.is_delta)
    }
}

impl State {
    /// The state at the beginning of a chunk.
    pub(super) const NEW: Self =
        Self { contexts: Contexts::NEW, lz_queue: RepeatQueue::LZ, delta_queue: RepeatQueue::DELTA };

    /// The offset that an LZ repeat of `index` stands for.
    #[inline(always)]
    pub(super) fn lz_repeat(&self, index: u8) -> u32 {
        self.lz_queue.get(usize::from(index) + self.contexts.pending_lz())
    }

    /// The pair that a delta repeat of `index` stands for.
    #[inline(always)]
    pub(super) fn delta_repeat(&self, index: u8) -> DeltaPair {
        self.delta_queue.get(usize::from(index) + self.contexts.pending_delta())
    }

    /// Goes on to the state behind an item.
    #[inline(always)]
    pub(super) fn apply(&mut self, item: Item) {
        match item {
            Item::Literal => {}
            Item::Lz { source, .. } => match source {
                Source::Explicit(offset) => self.lz_queue.push(offset),
                Source::Repeat(index) => {
                    self.lz_queue.take(usize::from(index) + self.contexts.pending_lz());
                }
            },
            Item::Delta { source, .. } => match source {
                Source::Explicit(pair) => self.delta_queue.push(pair),
                Source::Repeat(index) => {
                    self.delta_queue.take(usize::from(index) + self.contexts.pending_delta());
                }
            },
        }
        self.contexts.apply(item);
    }
}
