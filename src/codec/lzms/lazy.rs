//! The quick parser: at each position the match that seems to save most, unless the next position has a better one.

use super::item::{Item, Source, State};
use super::item_writer::ItemWriter;
use super::queue::DeltaPair;
use crate::codec::matchfinder::delta::{DeltaFinder, DeltaMatch, common_differences};
use crate::codec::matchfinder::multi_hash::{Match, MultiHash, PADDING, common_length};

/// Matches shorter than this hardly save anything.
const MIN_MATCH: usize = 3;
/// Unless a delta match has lately been found, only every so manieth position is searched for one. A multiple of the usual
/// spans, so that the fields of tables are still found.
const DELTA_SAMPLE: usize = 4;
/// For how many bytes a delta match counts as late.
const DELTA_MEMORY: usize = 512;

// Estimates in eighths of a bit.
/// What a byte costs as a literal.
const LITERAL_PRICE: i32 = 52;
/// What an LZ match costs besides the bits of its offset.
const MATCH_PRICE: i32 = 64;
/// What a repeat costs.
const REPEAT_PRICE: i32 = 52;
/// What a delta match costs besides the bits of its offset.
const DELTA_PRICE: i32 = 112;

/// The parser's working memory.
#[derive(Debug)]
pub(super) struct LazyParser {
    delta_finder: DeltaFinder,
    delta_matches: Vec<DeltaMatch>,
}

/// A match and what it is estimated to save.
#[derive(Clone, Copy)]
struct Choice {
    item: Item,
    saving: i32,
}

impl LazyParser {
    /// A match of this length is taken without looking further.
    pub(super) const NICE_LENGTH: usize = 64;

    pub(super) fn new() -> Self {
        Self { delta_finder: DeltaFinder::new(), delta_matches: Vec::new() }
    }

    /// Writes all of `data`, behind which there is padding.
    pub(super) fn parse(&mut self, data: &[u8], finder: &mut MultiHash, writer: &mut ItemWriter<'_>) {
        let end = data.len() - PADDING;
        self.delta_finder.reset(end);
        let mut state = State::NEW;
        let mut delta_until = 0;
        let mut pos = 0;
        let mut choice = None;
        while pos < end && !writer.is_full() {
            let here = choice.take().or_else(|| self.choose(data, pos, end, &state, pos < delta_until, finder));
            let mut item = Item::Literal;
            let searched = pos + 1;
            if let Some(Choice { item: found, saving }) = here {
                item = found;
                if item.len() < Self::NICE_LENGTH && searched < end {
                    let mut behind_literal = state;
                    behind_literal.apply(Item::Literal);
                    let next = self.choose(data, searched, end, &behind_literal, searched < delta_until, finder);
                    if next.is_some_and(|next| next.saving > saving) {
                        item = Item::Literal;
                        choice = next;
                    }
                }
            }
            writer.write(item, data[pos]);
            state.apply(item);
            pos += item.len();
            if matches!(item, Item::Delta { .. }) {
                delta_until = pos + DELTA_MEMORY;
            }
        }
    }

    /// The match at `pos` that is estimated to save most.
    #[inline(always)]
    fn choose(
        &mut self,
        data: &[u8],
        pos: usize,
        end: usize,
        state: &State,
        delta_is_likely: bool,
        finder: &mut MultiHash,
    ) -> Option<Choice> {
        let here = &data[pos..end];
        let mut best = Choice { item: Item::Literal, saving: 0 };
        let mut consider = |item: Item, price: i32| {
            let saving = (item.len().min(1 << 20) as i32) * LITERAL_PRICE - price;
            if saving > best.saving && item.len() >= MIN_MATCH {
                best = Choice { item, saving };
            }
        };
        for &Match { length, offset } in finder.matches(data, pos) {
            consider(Item::Lz { length, source: Source::Explicit(offset) }, MATCH_PRICE + offset_price(offset));
        }
        for index in 0..3 {
            let offset = state.lz_repeat(index);
            let Some(from) = pos.checked_sub(offset as usize) else { continue };
            let length = common_length(data, from, pos, here.len()) as u32;
            consider(Item::Lz { length, source: Source::Repeat(index) }, REPEAT_PRICE);
        }
        if delta_is_likely || pos.is_multiple_of(DELTA_SAMPLE) {
            for index in 0..3 {
                let pair = state.delta_repeat(index);
                let (span, offset) = (1 << pair.power, (pair.raw_offset as usize) << pair.power);
                if offset + span <= pos {
                    let length = common_differences(data, pos, offset, span, here.len()) as u32;
                    consider(Item::Delta { length, source: Source::Repeat(index) }, REPEAT_PRICE);
                }
            }
            self.delta_finder.find(data, pos, MIN_MATCH - 1, here.len(), &mut self.delta_matches);
            for &DeltaMatch { length, raw_offset, power } in &self.delta_matches {
                let source = Source::Explicit(DeltaPair { power, raw_offset });
                consider(Item::Delta { length, source }, DELTA_PRICE + offset_price(raw_offset));
            }
        }
        (best.saving > 0).then_some(best)
    }
}

fn offset_price(offset: u32) -> i32 {
    offset.ilog2() as i32 * 8
}
