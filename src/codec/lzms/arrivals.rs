//! The cheapest known way to each position of a window.
//!
//! For each position there are its cost, the item that ends there, and where that began. The three lie in arrays of their
//! own, so that all lengths of a match are weighed several at a time, without a branch.

use super::item::{Item, Source};
use super::prices::LANES;
use super::queue::DeltaPair;
use crate::codec::processor::{ArrivalsMut, Processor};

/// The cost of nodes that are not reached.
const NOT_REACHED: u32 = i32::MAX as u32;
/// Bits for the node where an arrival comes from.
const NODE_BITS: u32 = 12;
/// Nodes that something may come from.
pub(super) const MAX_NODES: usize = 1 << NODE_BITS;
/// Bits for the length of an item with a [`Tail`].
const LENGTH_BITS: u32 = 9;
/// Items with tails are shorter.
pub(super) const MAX_LENGTH: usize = 1 << LENGTH_BITS;

/// What a combined edge has behind its item: a literal, unless the item is itself one, and a repeat of index 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Lz,
    Delta,
}

/// An item without its length, in 32 bits.
///
/// LZ matches have repeats as 1 to 3, and then explicit offsets. Delta matches have the highest bit set and below it what the
/// raw offset is with another bit behind it and `power` zeros behind that; repeats stand as powers of a raw offset of 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(u32);

impl Step {
    pub(super) const LITERAL: Self = Self(0);
    const NUM_REPEATS: u32 = 3;
    const DELTA: u32 = 1 << 31;

    #[inline(always)]
    pub(super) fn lz(source: Source<u32>) -> Self {
        Self(match source {
            Source::Repeat(index) => u32::from(index) + 1,
            Source::Explicit(offset) => offset + Self::NUM_REPEATS,
        })
    }

    #[inline(always)]
    pub(super) fn delta(source: Source<DeltaPair>) -> Self {
        Self(match source {
            Source::Repeat(index) => Self::DELTA | 1 << index,
            Source::Explicit(DeltaPair { power, raw_offset }) => Self::DELTA | (raw_offset << 1 | 1) << power,
        })
    }

    #[inline(always)]
    fn of(item: Item) -> Self {
        match item {
            Item::Literal => Self::LITERAL,
            Item::Lz { source, .. } => Self::lz(source),
            Item::Delta { source, .. } => Self::delta(source),
        }
    }

    /// The item of so many bytes.
    #[inline(always)]
    pub(super) fn item(self, length: u32) -> Item {
        match self.0 {
            0 => Item::Literal,
            1..=Self::NUM_REPEATS => Item::Lz { length, source: Source::Repeat(self.0 as u8 - 1) },
            Self::DELTA.. => {
                let power = self.0.trailing_zeros() as u8;
                let raw_offset = (self.0 & !Self::DELTA) >> power >> 1;
                let pair = DeltaPair { power, raw_offset };
                let source = if raw_offset == 0 { Source::Repeat(power) } else { Source::Explicit(pair) };
                Item::Delta { length, source }
            }
            _ => Item::Lz { length, source: Source::Explicit(self.0 - Self::NUM_REPEATS) },
        }
    }
}

/// How a node is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// The node where it begins.
    pub(super) from: usize,
    pub(super) item: Item,
    /// The repeat at the end of a combined edge. If there is one, there is a literal before it, which may be the item.
    pub(super) repeat: Option<Item>,
}

impl Arrival {
    /// The items in order.
    #[inline(always)]
    pub(super) fn items(self) -> [Option<Item>; 3] {
        let between = (self.repeat.is_some() && self.item != Item::Literal).then_some(Item::Literal);
        [Some(self.item), between, self.repeat]
    }
}

/// The arrivals at the nodes of a window.
#[derive(Debug)]
pub(super) struct Arrivals {
    costs: Box<[u32]>,
    /// As in [`Step`].
    steps: Box<[u32]>,
    /// The node it comes from; above it, if there is a tail, the length of the item, and above that 1 and the kind of tail.
    origins: Box<[u32]>,
    /// The last node that is reached.
    last: usize,
}

impl Arrivals {
    /// Room for so many nodes.
    pub(super) fn new(nodes: usize) -> Self {
        let nodes = nodes + LANES;
        Self {
            costs: vec![NOT_REACHED; nodes].into(),
            steps: vec![0; nodes].into(),
            origins: vec![0; nodes].into(),
            last: 0,
        }
    }

    /// How many bytes there are on the heap.
    pub(super) const fn memory(nodes: usize) -> usize {
        (nodes + LANES) * 3 * size_of::<u32>()
    }

    /// Begins at node 0.
    pub(super) fn begin(&mut self) {
        self.costs[..=self.last].fill(NOT_REACHED);
        self.costs[0] = 0;
        self.last = 0;
    }

    /// The last node that is reached.
    #[inline(always)]
    pub(super) fn last(&self) -> usize {
        self.last
    }

    /// What it costs to reach a node.
    #[inline(always)]
    pub(super) fn cost(&self, node: usize) -> u32 {
        self.costs[node]
    }

    /// The cheapest way to a node.
    #[inline(always)]
    pub(super) fn get(&self, node: usize) -> Arrival {
        let (origin, step) = (self.origins[node], Step(self.steps[node]));
        let from = origin as usize % MAX_NODES;
        let length = (node - from) as u32;
        let tail = origin >> (NODE_BITS + LENGTH_BITS);
        if tail == 0 {
            return Arrival { from, item: step.item(length), repeat: None };
        }
        let item_length = (origin >> NODE_BITS) % MAX_LENGTH as u32;
        let item = step.item(item_length);
        let rest = length - item_length - u32::from(step != Step::LITERAL);
        let source = Source::Repeat(0);
        let repeat = if tail == 1 {
            Item::Lz { length: rest, source }
        } else {
            Item::Delta { length: rest, source: Source::Repeat(0) }
        };
        Arrival { from, item, repeat: Some(repeat) }
    }

    /// Goes to the next node by a literal.
    #[inline(always)]
    pub(super) fn relax_literal(&mut self, from: usize, cost: u32) {
        self.last = self.last.max(from + 1);
        let at = from + 1;
        let is_better = cost < self.costs[at];
        self.costs[at] = if is_better { cost } else { self.costs[at] };
        self.steps[at] = if is_better { Step::LITERAL.0 } else { self.steps[at] };
        self.origins[at] = if is_better { from as u32 } else { self.origins[at] };
    }

    /// Goes on from a node by a match of `shortest` to `longest` bytes, which costs `price` beyond its length.
    #[inline(always)]
    pub(super) fn relax_lengths<P: Processor>(
        &mut self,
        from: usize,
        shortest: usize,
        longest: usize,
        price: u32,
        length_prices: &[u32],
        step: Step,
    ) {
        self.last = self.last.max(from + longest);
        let mut length = shortest;
        while length <= longest {
            let at = from + length;
            let arrivals = ArrivalsMut {
                costs: lanes_mut(&mut self.costs, at),
                ways: [lanes_mut(&mut self.steps, at), lanes_mut(&mut self.origins, at)],
            };
            let prices = length_prices[length..].first_chunk().expect("there are so many more");
            P::relax(arrivals, longest + 1 - length, price, prices, [step.0, from as u32]);
            length += LANES;
        }
    }

    /// Goes on from a node by an item, a literal unless that is one, and a repeat, to `node`.
    #[inline(always)]
    pub(super) fn relax_tail(&mut self, from: usize, item: Item, tail: Tail, node: usize, cost: u32) {
        self.last = self.last.max(node);
        if cost < self.costs[node] {
            self.costs[node] = cost;
            self.steps[node] = Step::of(item).0;
            let tail = match tail {
                Tail::Lz => 1,
                Tail::Delta => 2,
            };
            self.origins[node] = from as u32 | (item.len() as u32) << NODE_BITS | tail << (NODE_BITS + LENGTH_BITS);
        }
    }
}

#[inline(always)]
fn lanes_mut(nodes: &mut [u32], at: usize) -> &mut [u32; LANES] {
    nodes[at..].first_chunk_mut().expect("there are so many more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::processor::{self, Work};

    #[test]
    fn steps_keep_their_items() {
        let pairs = [(0, 1), (5, 1), (0, (1 << 30) - 1), (5, (1 << 25) - 1)];
        let pairs = pairs.map(|(power, raw_offset)| Source::Explicit(DeltaPair { power, raw_offset }));
        let repeats = [0, 1, 2].map(Source::Repeat);
        for source in pairs.into_iter().chain(repeats) {
            assert_eq!(Step::delta(source).item(7), Item::Delta { length: 7, source });
        }
        for source in [1, 2, 1 << 30].map(Source::Explicit).into_iter().chain([0, 1, 2].map(Source::Repeat)) {
            assert_eq!(Step::lz(source).item(9), Item::Lz { length: 9, source });
        }
        assert_eq!(Step::LITERAL.item(1), Item::Literal);
    }

    struct Check;

    impl Work for Check {
        type Output = ();

        fn run<P: Processor>(self) {
            check_ways::<P>();
        }
    }

    #[test]
    fn the_cheapest_way_stays() {
        processor::run(Check);
    }

    fn check_ways<P: Processor>() {
        let prices: Vec<u32> = (0..60).collect();
        let mut arrivals = Arrivals::new(50);
        arrivals.begin();
        let (near, far) = (Step::lz(Source::Explicit(5)), Step::lz(Source::Explicit(500)));
        arrivals.relax_lengths::<P>(0, 2, 21, 100, &prices, near);
        arrivals.relax_lengths::<P>(0, 15, 30, 90, &prices, far);
        arrivals.relax_literal(0, 1);
        arrivals.relax_tail(0, near.item(10), Tail::Delta, 14, 50);
        assert_eq!((arrivals.last(), arrivals.cost(1), arrivals.cost(31)), (30, 1, NOT_REACHED));
        for node in 2..=30 {
            let Arrival { from, item, repeat } = arrivals.get(node);
            let (step, length, cost) = match node {
                14 => (near, 10, 50),
                2..15 => (near, node, 100 + node),
                _ => (far, node, 90 + node),
            };
            assert_eq!((from, item, arrivals.cost(node)), (0, step.item(length as u32), cost as u32));
            let expected = Item::Delta { length: 3, source: Source::Repeat(0) };
            assert_eq!(repeat, (node == 14).then_some(expected));
        }
    }
}
