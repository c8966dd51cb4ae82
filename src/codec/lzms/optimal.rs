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
use crate::codec::processor::{self, Processor, Work};

/// A window is at least so many bytes long, and ends at the next place that no match spans.
const MIN_WINDOW: usize = 256;
/// The longest window. Longer ones freeze prices for longer, shorter ones cut more matches.
const MAX_WINDOW: usize = 2048;
/// Prices are renewed after so many items.
const ITEMS_PER_PRICES: usize = 256;
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
    /// The window before had delta matches.
    delta_active: bool,
}

/// The cheapest known way to a node.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    cost: u32,
    item: Item,
    tail: Tail,
}

/// What a combined edge has behind its item: a literal, unless the item is itself one, and a repeat of index 0 of this
/// length.
#[derive(Clone, Copy, Debug)]
enum Tail {
    None,
    Lz(u32),
    Delta(u32),
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
        self.parser.parse_inlined(self.data, self.finder, self.writer);
    }
}

impl Arrival {
    const NONE: Self = Self { cost: u32::MAX, item: Item::Literal, tail: Tail::None };

    /// The items in order.
    fn items(self) -> [Option<Item>; 3] {
        let repeat = match self.tail {
            Tail::None => return [Some(self.item), None, None],
            Tail::Lz(length) => Item::Lz { length, source: Source::Repeat(0) },
            Tail::Delta(length) => Item::Delta { length, source: Source::Repeat(0) },
        };
        let between = (self.item != Item::Literal).then_some(Item::Literal);
        [Some(self.item), between, Some(repeat)]
    }

    fn len(self) -> usize {
        let item = self.item.len();
        match self.tail {
            Tail::None => item,
            Tail::Lz(repeat) | Tail::Delta(repeat) => item + usize::from(self.item != Item::Literal) + repeat as usize,
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
        let nodes = MAX_WINDOW + 2 * effort.nice_length;
        (nodes * (size_of::<Arrival>() + size_of::<State>()) + size_of::<Prices>()) as u64
    }

    /// Writes all of `data`, behind which there is padding.
    pub(super) fn parse(&mut self, data: &[u8], finder: &mut MultiHash, writer: &mut ItemWriter<'_>) {
        processor::run(Parse { parser: self, data, finder, writer });
    }

    #[inline(always)]
    fn parse_inlined(&mut self, data: &[u8], finder: &mut MultiHash, writer: &mut ItemWriter<'_>) {
        let end = data.len() - PADDING;
        self.delta_finder.reset(end);
        self.delta_active = false;
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
                    finder.skip(data, skipped, pos);
                }
            }
        }
    }

    /// Finds the cheapest arrival at each node from `start` on. Returns how many bytes are decided, and the long match
    /// behind them if there is one.
    #[inline(always)]
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
        for node in 0..MAX_WINDOW {
            if node > 0 {
                let arrival = self.arrivals[node];
                let mut state = self.states[node - arrival.len()];
                state.apply(arrival.item);
                if !matches!(arrival.tail, Tail::None) {
                    for item in arrival.items().into_iter().skip(1).flatten() {
                        state.apply(item);
                    }
                }
                self.states.push(state);
            }
            let place = Place { data, start, end, node };
            let pos = start + node;
            if pos == end || (node >= MIN_WINDOW && node + 1 == self.arrivals.len()) {
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
                    finder.skip(data, pos, pos + length);
                    return (node, Some(Item::Lz { length: length as u32, source }));
                }
                let price = cost + self.prices.lz(&state, source);
                self.relax_match(place, MIN_MATCH, length, price, |length| Item::Lz { length, source }, true);
            }

            finder.find(data, pos, here.len(), &mut self.matches);
            if let Some(&Match { length, offset }) = self.matches.last()
                && length as usize >= nice_length
            {
                return (node, Some(Item::Lz { length, source: Source::Explicit(offset) }));
            }
            let mut shortest = MIN_MATCH;
            for index in 0..self.matches.len() {
                let Match { length, offset } = self.matches[index];
                let (length, source) = (length as usize, Source::Explicit(offset));
                let price = cost + self.prices.lz(&state, source);
                let is_longest = index + 1 == self.matches.len();
                self.relax_match(place, shortest, length, price, |length| Item::Lz { length, source }, is_longest);
                shortest = length + 1;
            }

            if let Some(item) = self.relax_delta_matches(place) {
                return (node, Some(item));
            }

            self.relax(node + 1, Arrival { cost: cost + self.prices.literal(&state, data[pos]), ..Arrival::NONE });
            if self.effort.combine {
                self.relax_tail(place, node, cost, state, Item::Literal);
            }
        }
        (MAX_WINDOW, None)
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
    fn relax_delta_matches(&mut self, place: Place<'_>) -> Option<Item> {
        let Place { data, node, end, .. } = place;
        let pos = place.start + node;
        if !self.delta_active && !pos.is_multiple_of(self.effort.delta_sample) {
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
            self.relax_match(place, MIN_MATCH, length, price, |length| Item::Delta { length, source }, true);
        }
        let lz_length = self.matches.last().map_or(0, |found| found.length as usize);
        if lz_length >= self.effort.delta_lz_limit {
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
            let item = |length| Item::Delta { length, source };
            self.relax_match(place, shortest, length as usize, price, item, true);
        }
        None
    }

    /// Relaxes matches of one source and several lengths, and the combined edges behind the longest if `combine` is set.
    /// `price` is that without the length.
    #[inline(always)]
    fn relax_match(
        &mut self,
        place: Place<'_>,
        shortest: usize,
        longest: usize,
        price: u32,
        item: impl Fn(u32) -> Item,
        combine: bool,
    ) {
        if shortest > longest {
            return;
        }
        let node = place.node;
        if node + longest >= self.arrivals.len() {
            self.arrivals.resize(node + longest + 1, Arrival::NONE);
        }
        let nodes = &mut self.arrivals[node + shortest..=node + longest];
        for ((arrival, &length_price), length) in
            nodes.iter_mut().zip(&self.prices.lengths()[shortest..]).zip(shortest..)
        {
            let cost = price + length_price;
            if cost < arrival.cost {
                *arrival = Arrival { cost, item: item(length as u32), tail: Tail::None };
            }
        }
        if combine && self.effort.combine {
            let item = item(longest as u32);
            let mut state = self.states[node];
            state.apply(item);
            self.relax_tail(place, node + longest, price + self.prices.length(longest), state, item);
        }
    }

    /// Relaxes the edges of an item, a literal and a repeat of index 0, where `cost` and `state` are those at the node
    /// `behind` the item; or of a literal and a repeat from that node, if `item` is a literal.
    #[inline(always)]
    fn relax_tail(&mut self, place: Place<'_>, behind: usize, cost: u32, mut state: State, item: Item) {
        let Place { data, start, end, .. } = place;
        let pos = start + behind;
        if end - pos < 1 + MIN_MATCH {
            return;
        }
        let cost = cost + self.prices.literal(&state, data[pos]);
        state.apply(Item::Literal);
        let longest = (end - pos - 1).min(self.effort.nice_length);

        let offset = state.lz_repeat(0) as usize;
        if let Some(from) = (pos + 1).checked_sub(offset)
            && data[from..from + 2] == data[pos + 1..pos + 3]
        {
            let length = common_length(&data[from..], &data[pos + 1..pos + 1 + longest]);
            let cost = cost + self.prices.lz(&state, Source::Repeat(0)) + self.prices.length(length);
            self.relax(behind + 1 + length, Arrival { cost, item, tail: Tail::Lz(length as u32) });
        }

        let pair = state.delta_repeat(0);
        let (span, offset) = (1 << pair.power, (pair.raw_offset as usize) << pair.power);
        if self.delta_active && offset + span <= pos + 1 {
            let length = common_differences(data, pos + 1, offset, span, longest);
            if length >= MIN_MATCH {
                let cost = cost + self.prices.delta(&state, Source::Repeat(0)) + self.prices.length(length);
                self.relax(behind + 1 + length, Arrival { cost, item, tail: Tail::Delta(length as u32) });
            }
        }
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
