//! The near-optimal parser: the cheapest way through the next few hundred bytes at the prices of the moment.
//!
//! Prices change with every item, but slowly. So the data is cut into windows: find the cheapest path through a
//! window by relaxing edges from left to right, write its items, which adapts the model, and go on. A node keeps only its
//! cheapest arrival, with the whole coding state behind it. That overlooks paths which cost a little more but leave
//! better recent offsets; the combined edges "literal, repeat" and "match, literal, repeat" make up for most of it.
//!
//! A match of the nice length or more ends the window and is taken as it is.

use super::item::{Item, Source, State};
use super::item_writer::ItemWriter;
use super::prices::Prices;
use super::queue::DeltaPair;
use crate::codec::matchfinder::delta::{DeltaFinder, DeltaMatch, common_differences};
use crate::codec::matchfinder::multi_hash::{Match, MultiHash, PADDING, common_length};

/// The longest window, in bytes. Longer ones freeze prices for longer, shorter ones cut more matches.
const WINDOW: usize = 1024;
/// Prices are renewed after so many items.
const ITEMS_PER_PRICES: usize = 256;
/// The shortest match that is considered.
const MIN_MATCH: usize = 2;
/// The shortest delta match with an explicit offset that is considered.
const MIN_DELTA_MATCH: usize = 3;

const DELTA_LZ_LIMIT: usize = 8;
const DELTA_SAMPLE: usize = 4;

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Matches of this length are taken at once.
    pub(super) nice_length: usize,
    /// Whether to consider combined edges.
    pub(super) combine: bool,
}

/// The parser's working memory.
#[derive(Debug)]
pub(super) struct OptimalParser {
    effort: Effort,
    prices: Prices,
    arrivals: Vec<Arrival>,
    states: Vec<State>,
    matches: Vec<Match>,
    delta_finder: DeltaFinder,
    delta_matches: Vec<DeltaMatch>,
    path: Vec<Item>,
    delta_active: bool,
}

/// The cheapest known way to a node.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    cost: u32,
    item: Item,
    /// Length of a repeat of index 0 behind the item, with one literal between unless the item is itself one.
    repeat: u32,
}

impl Arrival {
    const NONE: Self = Self { cost: u32::MAX, item: Item::Literal, repeat: 0 };

    /// The items in order.
    fn items(self) -> [Option<Item>; 3] {
        let is_combined = self.repeat > 0;
        let between = (is_combined && self.item != Item::Literal).then_some(Item::Literal);
        let repeat = is_combined.then_some(Item::Lz { length: self.repeat, source: Source::Repeat(0) });
        [Some(self.item), between, repeat]
    }

    fn len(self) -> usize {
        let item = self.item.len();
        match self.repeat as usize {
            0 => item,
            repeat => item + usize::from(self.item != Item::Literal) + repeat,
        }
    }
}

impl OptimalParser {
    pub(super) fn new(effort: Effort) -> Self {
        Self {
            effort,
            prices: Prices::new(effort.nice_length),
            arrivals: Vec::new(),
            states: Vec::new(),
            matches: Vec::new(),
            delta_finder: DeltaFinder::new(),
            delta_matches: Vec::new(),
            path: Vec::new(),
            delta_active: false,
        }
    }

    /// How many bytes a parser occupies.
    pub(super) fn memory(effort: Effort) -> u64 {
        let nodes = WINDOW + 2 * effort.nice_length;
        (nodes * (size_of::<Arrival>() + size_of::<State>()) + size_of::<Prices>()) as u64
    }

    /// Writes all of `data`, behind which there is padding.
    pub(super) fn parse(&mut self, data: &[u8], finder: &mut MultiHash, writer: &mut ItemWriter<'_>) {
        let end = data.len() - PADDING;
        self.delta_finder.reset();
        let mut state = State::new();
        let mut pos = 0;
        let mut items_since_update = ITEMS_PER_PRICES;
        while pos < end && !writer.is_full() {
            if items_since_update >= ITEMS_PER_PRICES {
                self.prices.update(writer);
                items_since_update = 0;
            }
            let (length, long_match) = self.find_path(data, pos, end, state, finder);
            self.collect_path(length);
            self.path.extend(long_match);
            items_since_update += self.path.len();
            self.delta_active = self.path.iter().any(|item| matches!(item, Item::Delta { .. }));
            for &item in &self.path {
                writer.write(item, data[pos]);
                state.apply(item);
                pos += item.len();
            }
            if let Some(item) = long_match {
                for skipped in pos - item.len() + 1..pos {
                    finder.skip(data, skipped);
                }
            }
        }
    }

    /// Finds the cheapest arrival at each node from `start` on. Returns how many bytes are decided, and the long match
    /// behind them if there is one.
    fn find_path(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        state: State,
        finder: &mut MultiHash,
    ) -> (usize, Option<Item>) {
        self.arrivals.clear();
        self.arrivals.push(Arrival { cost: 0, ..Arrival::NONE });
        self.states.clear();
        self.states.push(state);
        let nice_length = self.effort.nice_length;
        for node in 0..WINDOW {
            if node > 0 {
                let arrival = self.arrivals[node];
                let mut state = self.states[node - arrival.len()];
                state.apply(arrival.item);
                if arrival.repeat > 0 {
                    for item in arrival.items().into_iter().skip(1).flatten() {
                        state.apply(item);
                    }
                }
                self.states.push(state);
            }
            let pos = start + node;
            if pos == end {
                return (node, None);
            }
            let state = self.states[node];
            let cost = self.arrivals[node].cost;
            let here = &data[pos..end];

            for index in 0..3 {
                let offset = state.lz_repeat(index);
                let Some(from) = pos.checked_sub(offset as usize) else { continue };
                if data[from..from + 2] != data[pos..pos + 2] {
                    continue;
                }
                let length = common_length(&data[from..], here);
                let source = Source::Repeat(index);
                if length >= nice_length {
                    finder.skip(data, pos);
                    return (node, Some(Item::Lz { length: length as u32, source }));
                }
                let price = cost + self.prices.lz(&state, source);
                self.relax_lengths(node, MIN_MATCH, length, price, |length| Item::Lz { length, source });
            }

            finder.find(data, pos, here.len(), &mut self.matches);
            if let Some(&Match { length, offset }) = self.matches.last() {
                if length as usize >= nice_length {
                    return (node, Some(Item::Lz { length, source: Source::Explicit(offset) }));
                }
                let mut shortest = MIN_MATCH;
                let mut price = 0;
                for index in 0..self.matches.len() {
                    let Match { length, offset } = self.matches[index];
                    let source = Source::Explicit(offset);
                    price = cost + self.prices.lz(&state, source);
                    self.relax_lengths(node, shortest, length as usize, price, |length| Item::Lz { length, source });
                    shortest = length as usize + 1;
                }
                if self.effort.combine {
                    let cost = price + self.prices.length(length as usize);
                    let item = Item::Lz { length, source: Source::Explicit(offset) };
                    let mut behind = state;
                    behind.apply(item);
                    self.relax_literal_and_repeat(node + length as usize, data, start, end, cost, behind, item);
                }
            }

            if let Some(item) = self.relax_delta_matches(data, node, pos, end) {
                return (node, Some(item));
            }

            self.relax(node + 1, Arrival { cost: cost + self.prices.literal(&state, data[pos]), ..Arrival::NONE });
            if self.effort.combine {
                self.relax_literal_and_repeat(node, data, start, end, cost, state, Item::Literal);
            }
        }
        (WINDOW, None)
    }

    #[inline(always)]
    fn relax(&mut self, node: usize, arrival: Arrival) {
        if node >= self.arrivals.len() {
            self.arrivals.resize(node + 1, Arrival::NONE);
        }
        if arrival.cost < self.arrivals[node].cost {
            self.arrivals[node] = arrival;
        }
    }

    /// Relaxes delta matches, or returns one that is long enough to be taken at once.
    #[inline(always)]
    fn relax_delta_matches(&mut self, data: &[u8], node: usize, pos: usize, end: usize) -> Option<Item> {
        if !self.delta_active && !pos.is_multiple_of(DELTA_SAMPLE) {
            return None;
        }
        let nice_length = self.effort.nice_length;
        let state = self.states[node];
        let cost = self.arrivals[node].cost;
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
            let price = cost + self.prices.delta(&state, source);
            self.relax_lengths(node, MIN_MATCH, length, price, |length| Item::Delta { length, source });
        }
        let lz_length = self.matches.last().map_or(0, |found| found.length as usize);
        if lz_length >= DELTA_LZ_LIMIT {
            return None;
        }
        let shortest = MIN_DELTA_MATCH;
        self.delta_finder.find(data, pos, shortest - 1, end - pos, &mut self.delta_matches);
        for index in 0..self.delta_matches.len() {
            let DeltaMatch { length, raw_offset, power } = self.delta_matches[index];
            let source = Source::Explicit(DeltaPair { power, raw_offset });
            if length as usize >= nice_length {
                return Some(Item::Delta { length, source });
            }
            let price = cost + self.prices.delta(&state, source);
            self.relax_lengths(node, shortest, length as usize, price, |length| Item::Delta { length, source });
        }
        None
    }

    /// Relaxes matches of one source and several lengths. `price` is that without the length.
    #[inline(always)]
    fn relax_lengths(&mut self, node: usize, shortest: usize, longest: usize, price: u32, item: impl Fn(u32) -> Item) {
        if shortest > longest {
            return;
        }
        if node + longest >= self.arrivals.len() {
            self.arrivals.resize(node + longest + 1, Arrival::NONE);
        }
        let nodes = &mut self.arrivals[node + shortest..=node + longest];
        for ((arrival, &length_price), length) in
            nodes.iter_mut().zip(&self.prices.lengths()[shortest..]).zip(shortest..)
        {
            let cost = price + length_price;
            if cost < arrival.cost {
                *arrival = Arrival { cost, item: item(length as u32), repeat: 0 };
            }
        }
    }

    /// Relaxes the edge of an item, a literal and a repeat of index 0, where `behind` is the node behind the item, or
    /// of just the last two, where that is the same node.
    #[expect(clippy::too_many_arguments, reason = "the coordinates of one edge")]
    #[inline(always)]
    fn relax_literal_and_repeat(
        &mut self,
        behind: usize,
        data: &[u8],
        start: usize,
        end: usize,
        cost: u32,
        mut state: State,
        item: Item,
    ) {
        let pos = start + behind;
        if end - pos < 1 + MIN_MATCH {
            return;
        }
        let offset = state.lz_queue.get(0) as usize;
        let Some(from) = (pos + 1).checked_sub(offset) else { return };
        if data[from..from + 2] != data[pos + 1..pos + 3] {
            return;
        }
        let longest = (end - pos - 1).min(self.effort.nice_length);
        let length = common_length(&data[from..], &data[pos + 1..pos + 1 + longest]);
        let cost = cost + self.prices.literal(&state, data[pos]);
        state.apply(Item::Literal);
        let cost = cost + self.prices.lz(&state, Source::Repeat(0)) + self.prices.length(length);
        self.relax(behind + 1 + length, Arrival { cost, item, repeat: length as u32 });
    }

    /// Puts the items on the way to `node` into `path`.
    fn collect_path(&mut self, mut node: usize) {
        self.path.clear();
        while node > 0 {
            let arrival = self.arrivals[node];
            self.path.extend(arrival.items().into_iter().flatten().rev());
            node -= arrival.len();
        }
        self.path.reverse();
    }
}
