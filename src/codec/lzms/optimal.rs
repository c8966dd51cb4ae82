//! The near-optimal parser: the cheapest way through the next few hundred bytes at the prices of the moment.
//!
//! Prices change with every item, but slowly. So the data is cut into windows: find the cheapest path through a
//! window by relaxing edges from left to right, write its items, which adapts the model, and go on. A node keeps only its
//! cheapest arrival, with the whole coding state behind it. That overlooks paths which cost a little more but leave
//! better recent offsets; the combined edges "literal, repeat" and "match, literal, repeat" make up for most of it.
//!
//! A match of the nice length or more ends the window and is taken as it is.

use super::arrivals::{Arrivals, MAX_LENGTH, MAX_NODES, Step, Tail};
use super::item::{Contexts, Item, Source, State};
use super::item_writer::ItemWriter;
use super::prices::Prices;
use super::queue::DeltaPair;
use super::range::price;
use crate::codec::boxed::boxed_array;
use crate::codec::matchfinder::delta::{DeltaFinder, DeltaMatch, common_differences};
use crate::codec::matchfinder::multi_hash::{Match, MultiHash, PADDING, common_length};
use crate::codec::processor::{self, Processor, Work};

/// A window is at least so many bytes long, and ends at the next place that no match spans.
const MIN_WINDOW: usize = 256;
/// The longest window. Longer ones freeze prices for longer, shorter ones cut more matches.
const MAX_WINDOW: usize = 2048;
/// The shortest match that is considered.
const MIN_MATCH: usize = 2;
/// The shortest delta match with an explicit offset that is considered.
const MIN_DELTA_MATCH: usize = 3;

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Matches of this length are taken at once.
    pub(super) nice_length: usize,
    /// Whether to consider combined edges.
    pub(super) combine: bool,
    /// No delta match is searched where there is an LZ match of this length.
    pub(super) delta_lz_limit: usize,
    /// Unless the window before had delta matches, only every so manieth position is searched for them. A multiple of
    /// the usual spans still finds the fields of tables.
    pub(super) delta_sample: usize,
    /// Prices are renewed after so many items.
    pub(super) items_per_prices: usize,
}

/// The parser's working memory.
#[derive(Debug)]
pub(super) struct OptimalParser {
    effort: Effort,
    prices: Prices,
    arrivals: Arrivals,
    states: Box<[State; MAX_WINDOW]>,
    delta_finder: DeltaFinder,
    delta_matches: Vec<DeltaMatch>,
    path: Vec<Item>,
    /// The window before had delta matches.
    delta_active: bool,
}

/// Where the parser is.
#[derive(Clone, Copy)]
struct Place<'a> {
    data: &'a [u8],
    /// The position of the window.
    start: usize,
    /// The end of the data, without its padding.
    end: usize,
    /// The position in the window.
    node: usize,
    /// The cost of getting there.
    cost: u32,
}

/// The parsing of a chunk.
struct Parse<'a, 'b> {
    parser: &'a mut OptimalParser,
    data: &'a [u8],
    finder: &'a mut MultiHash,
    writer: &'a mut ItemWriter<'b>,
}

impl Work for Parse<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<P: Processor>(self) {
        self.parser.parse_inlined::<P>(self.data, self.finder, self.writer);
    }
}

impl OptimalParser {
    pub(super) fn new(effort: Effort) -> Self {
        assert!(effort.nice_length < MAX_LENGTH);
        const { assert!(MAX_WINDOW <= MAX_NODES) }
        Self {
            effort,
            prices: Prices::new(effort.nice_length),
            arrivals: Arrivals::new(Self::nodes(effort)),
            states: boxed_array(State::NEW),
            delta_finder: DeltaFinder::new(),
            delta_matches: Vec::new(),
            path: Vec::new(),
            delta_active: false,
        }
    }

    /// The nodes of the longest window and the longest combined edge.
    const fn nodes(effort: Effort) -> usize {
        MAX_WINDOW + 2 * effort.nice_length + 1
    }

    /// How many bytes a parser occupies.
    pub(super) fn memory(effort: Effort) -> u64 {
        let nodes = Arrivals::memory(Self::nodes(effort)) + MAX_WINDOW * size_of::<State>();
        (nodes + size_of::<Prices>()) as u64
    }

    /// Writes all of `data`, behind which there is padding.
    pub(super) fn parse(&mut self, data: &[u8], finder: &mut MultiHash, writer: &mut ItemWriter<'_>) {
        processor::run(Parse { parser: self, data, finder, writer });
    }

    #[inline(always)]
    fn parse_inlined<P: Processor>(&mut self, data: &[u8], finder: &mut MultiHash, writer: &mut ItemWriter<'_>) {
        let end = data.len() - PADDING;
        self.delta_finder.reset(end);
        self.delta_active = false;
        let mut state = State::NEW;
        let mut pos = 0;
        let mut items_since_update = self.effort.items_per_prices;
        while pos < end && !writer.is_full() {
            if items_since_update >= self.effort.items_per_prices {
                self.prices.update(writer);
                items_since_update = 0;
            }
            let (length, long_match) = self.find_path::<P>(data, pos, end, state, finder);
            self.collect_path(length);
            self.path.extend(long_match);
            items_since_update += self.path.len();
            self.delta_active = self.path.iter().any(|item| matches!(item, Item::Delta { .. }));
            for &item in &self.path {
                writer.write(item, data[pos]);
                state.apply(item);
                pos += item.len();
            }
        }
    }

    /// Finds the cheapest arrival at each node from `start` on. Returns how many bytes are decided, and the long match
    /// behind them if there is one.
    #[inline(always)]
    fn find_path<P: Processor>(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        state: State,
        finder: &mut MultiHash,
    ) -> (usize, Option<Item>) {
        self.arrivals.begin();
        self.states[0] = state;
        let nice_length = self.effort.nice_length;
        for node in 0..MAX_WINDOW {
            if node > 0 {
                let arrival = self.arrivals.get(node);
                let mut state = self.states[arrival.from % MAX_WINDOW];
                state.apply(arrival.item);
                if arrival.repeat.is_some() {
                    for item in arrival.items().into_iter().skip(1).flatten() {
                        state.apply(item);
                    }
                }
                self.states[node] = state;
            }
            let pos = start + node;
            if pos == end || (node >= MIN_WINDOW && node == self.arrivals.last()) {
                return (node, None);
            }
            let cost = self.arrivals.cost(node);
            let place = Place { data, start, end, node, cost };
            let state = self.states[node];
            let contexts = state.contexts;
            self.arrivals.relax_literal(node, cost + self.prices.literal(contexts, data[pos]));
            self.relax_tail(place, node, &state, state.lz_queue.get(0), Item::Literal, cost);

            let here = word(data, pos);
            for index in 0..3 {
                let offset = state.lz_repeat(index);
                let Some(from) = pos.checked_sub(offset as usize) else { continue };
                let mut length = (word(data, from) ^ here).trailing_zeros() as usize / 8;
                if length < MIN_MATCH {
                    continue;
                }
                if length == size_of::<u64>() {
                    length = common_length(data, from, pos, end - pos);
                }
                let length = length.min(end - pos);
                let source = Source::Repeat(index);
                if length >= nice_length {
                    return (node, Some(Item::Lz { length: length as u32, source }));
                }
                let price = cost + self.prices.lz_repeat(contexts, index);
                self.relax_lengths::<P>(node, MIN_MATCH, length, price, Step::lz(source));
                self.relax_tail(
                    place,
                    node + length,
                    &state,
                    offset,
                    Item::Lz { length: length as u32, source },
                    price,
                );
            }

            let mut longest = 0;
            if let [.., Match { length, offset }] = *finder.matches(data, pos) {
                longest = length as usize;
                if longest >= nice_length {
                    return (node, Some(Item::Lz { length, source: Source::Explicit(offset) }));
                }
                let price_of_kind = cost + self.prices.lz(contexts);
                let mut shortest = MIN_MATCH;
                let mut price = 0;
                for &Match { length, offset } in finder.matches(data, pos) {
                    price = price_of_kind + self.prices.lz_offset(offset);
                    self.relax_lengths::<P>(node, shortest, length as usize, price, Step::lz(Source::Explicit(offset)));
                    shortest = length as usize + 1;
                }
                let item = Item::Lz { length, source: Source::Explicit(offset) };
                self.relax_tail(place, node + longest, &state, offset, item, price);
            }

            if let Some(item) = self.relax_delta_matches::<P>(place, &state, longest) {
                return (node, Some(item));
            }
        }
        (MAX_WINDOW, None)
    }

    #[inline(always)]
    fn relax_lengths<P: Processor>(&mut self, node: usize, shortest: usize, longest: usize, price: u32, step: Step) {
        self.arrivals.relax_lengths::<P>(node, shortest, longest, price, self.prices.lengths(), step);
    }

    /// Relaxes delta matches, or returns one that is long enough to be taken at once.
    #[inline(always)]
    fn relax_delta_matches<P: Processor>(&mut self, place: Place<'_>, state: &State, lz_length: usize) -> Option<Item> {
        let Place { data, node, end, .. } = place;
        let pos = place.start + node;
        if !self.delta_active && !pos.is_multiple_of(self.effort.delta_sample) {
            return None;
        }
        let has_candidates = lz_length < self.effort.delta_lz_limit
            && self.delta_finder.find(data, pos, MIN_DELTA_MATCH - 1, end - pos, &mut self.delta_matches);
        if !has_candidates && !self.delta_active {
            return None;
        }
        let nice_length = self.effort.nice_length;
        for index in 0..3 {
            let pair = state.delta_repeat(index);
            let (span, offset) = (1 << pair.power, (pair.raw_offset as usize) << pair.power);
            if offset + span > pos {
                continue;
            }
            let length = common_differences(data, pos, offset, span, end - pos);
            if length < MIN_MATCH {
                continue;
            }
            let source = Source::Repeat(index);
            if length >= nice_length {
                return Some(Item::Delta { length: length as u32, source });
            }
            let price = self.prices.delta_repeat(state.contexts, index);
            self.relax_delta::<P>(place, state, MIN_MATCH, length, price, source);
        }
        if !has_candidates {
            return None;
        }
        for index in 0..self.delta_matches.len() {
            let DeltaMatch { length, raw_offset, power } = self.delta_matches[index];
            let pair = DeltaPair { power, raw_offset };
            let source = Source::Explicit(pair);
            if length as usize >= nice_length {
                return Some(Item::Delta { length, source });
            }
            let price = self.prices.delta(state.contexts, pair);
            self.relax_delta::<P>(place, state, MIN_DELTA_MATCH, length as usize, price, source);
        }
        None
    }

    /// Relaxes a delta match that is `longest` bytes long and costs `price` without its length. If it is far from a gain at its
    /// full length, it is none at any.
    #[inline(always)]
    fn relax_delta<P: Processor>(
        &mut self,
        place: Place<'_>,
        state: &State,
        shortest: usize,
        longest: usize,
        price: u32,
        source: Source<DeltaPair>,
    ) {
        let price = place.cost + price;
        if price + self.prices.length(longest) >= self.arrivals.cost(place.node + longest) + price::BIT {
            return;
        }
        self.relax_lengths::<P>(place.node, shortest, longest, price, Step::delta(source));
        let item = Item::Delta { length: longest as u32, source };
        self.relax_tail(place, place.node + longest, state, state.lz_queue.get(0), item, price);
    }

    /// Relaxes the combined edges of an item, a literal and a repeat of index 0, where the item ends at the node `behind`; or
    /// of a literal and a repeat, if the item is a literal: then that node is the present one.
    ///
    /// `state` is that of the present node, `price` that of the item without its length. `lz_offset` is the latest LZ offset
    /// behind the item.
    #[inline(always)]
    fn relax_tail(&mut self, place: Place<'_>, behind: usize, state: &State, lz_offset: u32, item: Item, price: u32) {
        let Place { data, start, end, node, .. } = place;
        let pos = start + behind;
        if !self.effort.combine || end - pos < 1 + MIN_MATCH {
            return;
        }
        let from = (pos + 1).wrapping_sub(lz_offset as usize);
        let equal = match data.get(from..from.wrapping_add(8)) {
            Some(there) => word(there, 0) ^ word(data, pos + 1),
            None => 1,
        };
        if equal as u16 == 0 {
            let mut length = equal.trailing_zeros() as usize / 8;
            let longest = (end - pos - 1).min(self.effort.nice_length);
            if length == size_of::<u64>() {
                length = common_length(data, from, pos + 1, longest);
            }
            let length = length.min(longest);
            let (contexts, cost) = self.behind_literal(place, behind, state, item, price);
            let cost = cost + self.prices.lz_repeat(contexts, 0) + self.prices.length(length);
            self.arrivals.relax_tail(node, item, Tail::Lz, behind + 1 + length, cost);
        }
        if self.delta_active && !matches!(item, Item::Lz { .. }) {
            self.relax_delta_tail(place, behind, state, item, price);
        }
    }

    /// As [`Self::relax_tail`] for repeats that are delta matches.
    #[inline(always)]
    fn relax_delta_tail(&mut self, place: Place<'_>, behind: usize, state: &State, item: Item, price: u32) {
        let Place { data, start, end, node, .. } = place;
        let pos = start + behind;
        let pair = match item {
            Item::Delta { source: Source::Explicit(pair), .. } => pair,
            Item::Delta { source: Source::Repeat(index), .. } => state.delta_repeat(index),
            _ => state.delta_queue.get(0),
        };
        let (span, offset) = (1 << pair.power, (pair.raw_offset as usize) << pair.power);
        if offset + span > pos + 1 {
            return;
        }
        let longest = (end - pos - 1).min(self.effort.nice_length);
        let length = common_differences(data, pos + 1, offset, span, longest);
        if length >= MIN_MATCH {
            let (contexts, cost) = self.behind_literal(place, behind, state, item, price);
            let cost = cost + self.prices.delta_repeat(contexts, 0) + self.prices.length(length);
            self.arrivals.relax_tail(node, item, Tail::Delta, behind + 1 + length, cost);
        }
    }

    /// The contexts behind an item that ends at the node `behind` and a literal, and what it costs to get there; behind a
    /// literal alone, if the item is one.
    #[inline(always)]
    fn behind_literal(
        &self,
        place: Place<'_>,
        behind: usize,
        state: &State,
        item: Item,
        price: u32,
    ) -> (Contexts, u32) {
        let mut contexts = state.contexts;
        let mut cost = price;
        if item != Item::Literal {
            contexts.apply(item);
            cost += self.prices.length(item.len());
        }
        cost += self.prices.literal(contexts, place.data[place.start + behind]);
        contexts.apply(Item::Literal);
        (contexts, cost)
    }

    /// Puts the items on the way to `node` into `path`.
    fn collect_path(&mut self, mut node: usize) {
        self.path.clear();
        while node > 0 {
            let arrival = self.arrivals.get(node);
            self.path.extend(arrival.items().into_iter().rev().flatten());
            node = arrival.from;
        }
        self.path.reverse();
    }
}

#[inline(always)]
fn word(data: &[u8], pos: usize) -> u64 {
    u64::from_le_bytes(*data[pos..].first_chunk().expect("the data is padded"))
}
