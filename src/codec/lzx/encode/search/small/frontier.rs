//! What it costs to reach the next sixteen positions, side by side.
//!
//! A search that goes forward settles one position after the other, and from each offers ways to those behind. In memory
//! the costs of neighbouring positions would be written and at once read again, shifted by one: processors cannot hand
//! that from store to load, and wait. So the next sixteen positions stay in registers, which move on by a lane with the
//! search, and costs are relative to the position settled last, so that they fit 16 bits.
#![allow(unsafe_code)]

/// How many positions ahead are side by side.
pub(super) const LANES: usize = 16;

/// A price or a step for each position ahead: the first lane is the next position.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Row(pub(super) [i16; LANES]);

/// More than any way costs, and still more with what the positions it stays in sight take off.
pub(super) const UNREACHED: i16 = i16::MAX;

/// What is beyond a match's reach, by its length.
static BEYOND: [Row; LANES + 1] = {
    let mut rows = [Row([0; LANES]); LANES + 1];
    let mut reach = 0;
    while reach <= LANES {
        let mut lane = reach;
        while lane < LANES {
            rows[reach].0[lane] = UNREACHED;
            lane += 1;
        }
        reach += 1;
    }
    rows
};

/// The costs of the positions ahead, and the last steps there.
pub(super) trait Frontier: Copy {
    /// Nothing ahead is reached.
    fn new() -> Self;

    /// Moves on to the next position; returns its cost, relative to the last one, and the step there. Costs are relative
    /// to it from then on.
    fn advance(&mut self) -> (i16, u16);

    /// Offers steps of up to `length` bytes, at the prices in `row` and `more`, neither of which is negative.
    fn offer(&mut self, row: &Row, more: i16, length: usize, steps: &Row);

    /// Offers steps of one and of two bytes at these prices.
    fn offer_two(&mut self, one: i16, two: i16, steps: &Row);

    /// Sets the farthest position's cost and step.
    fn set_last(&mut self, cost: i16, step: u16);
}

/// What makes use of a frontier.
pub(super) trait Work {
    type Output;

    /// Does it. Only what is inlined here, this function included, is compiled for the processor.
    fn run<F: Frontier>(self) -> Self::Output;
}

/// Does it with the frontier that suits this processor.
pub(super) fn run<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::avx2() {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
        fn run_avx2<W: Work>(work: W) -> W::Output {
            work.run::<Avx2>()
        }
        // SAFETY: the processor has these features.
        return unsafe { run_avx2(work) };
    }
    work.run::<Plain>()
}

/// For any processor.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    costs: [i16; LANES],
    steps: [i16; LANES],
}

impl Frontier for Plain {
    #[inline(always)]
    fn new() -> Self {
        Self { costs: [UNREACHED; LANES], steps: [0; LANES] }
    }

    #[inline(always)]
    fn advance(&mut self) -> (i16, u16) {
        let (cost, step) = (self.costs[0], self.steps[0]);
        self.costs.copy_within(1.., 0);
        self.steps.rotate_left(1);
        self.costs[LANES - 1] = UNREACHED;
        self.costs.iter_mut().for_each(|lane| *lane = lane.saturating_sub(cost));
        (cost, step as u16)
    }

    #[inline(always)]
    fn offer(&mut self, row: &Row, more: i16, length: usize, steps: &Row) {
        for lane in 0..length.min(LANES) {
            let cost = row.0[lane] + more;
            if cost < self.costs[lane] {
                self.costs[lane] = cost;
                self.steps[lane] = steps.0[lane];
            }
        }
    }

    #[inline(always)]
    fn offer_two(&mut self, one: i16, two: i16, steps: &Row) {
        for (lane, cost) in [one, two].into_iter().enumerate() {
            if cost < self.costs[lane] {
                self.costs[lane] = cost;
                self.steps[lane] = steps.0[lane];
            }
        }
    }

    #[inline(always)]
    fn set_last(&mut self, cost: i16, step: u16) {
        self.costs[LANES - 1] = cost;
        self.steps[LANES - 1] = step as i16;
    }
}

#[cfg(target_arch = "x86_64")]
use avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{BEYOND, Frontier, LANES, Row, UNREACHED};

    /// For processors with AVX2; only code compiled for them may use it.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2 {
        costs: __m256i,
        steps: __m256i,
    }

    impl Row {
        #[inline(always)]
        fn load(&self) -> __m256i {
            // SAFETY: a row is as large and aligned as the register; who gets here has AVX2.
            unsafe { _mm256_load_si256(self.0.as_ptr().cast()) }
        }
    }

    /// Moves all lanes down by one; `behind` holds what follows the last.
    #[inline(always)]
    unsafe fn shift(lanes: __m256i, behind: __m256i) -> __m256i {
        // SAFETY: the caller has AVX2.
        unsafe { _mm256_alignr_epi8::<2>(_mm256_permute2x128_si256::<0x21>(lanes, behind), lanes) }
    }

    impl Avx2 {
        #[inline(always)]
        unsafe fn take(&mut self, costs: __m256i, steps: __m256i) {
            // SAFETY: the caller has AVX2.
            unsafe {
                let is_less = _mm256_cmpgt_epi16(self.costs, costs);
                self.costs = _mm256_min_epi16(self.costs, costs);
                self.steps = _mm256_blendv_epi8(self.steps, steps, is_less);
            }
        }
    }

    // SAFETY of all that follows: the processor has AVX2, as the type demands.
    impl Frontier for Avx2 {
        #[inline(always)]
        fn new() -> Self {
            // SAFETY: as above.
            unsafe { Self { costs: _mm256_set1_epi16(UNREACHED), steps: _mm256_setzero_si256() } }
        }

        #[inline(always)]
        fn advance(&mut self) -> (i16, u16) {
            // SAFETY: as above.
            unsafe {
                let first = _mm256_castsi256_si128(self.costs);
                let cost = _mm_cvtsi128_si32(first) as i16;
                let step = _mm_cvtsi128_si32(_mm256_castsi256_si128(self.steps)) as u16;
                let costs = shift(self.costs, _mm256_set1_epi16(UNREACHED));
                self.costs = _mm256_subs_epi16(costs, _mm256_broadcastw_epi16(first));
                self.steps = shift(self.steps, self.steps);
                (cost, step)
            }
        }

        #[inline(always)]
        fn offer(&mut self, row: &Row, more: i16, length: usize, steps: &Row) {
            let beyond = &BEYOND[length.min(LANES)];
            // SAFETY: as above.
            unsafe {
                let costs = _mm256_add_epi16(row.load(), _mm256_set1_epi16(more));
                self.take(_mm256_or_si256(costs, beyond.load()), steps.load());
            }
        }

        #[inline(always)]
        fn offer_two(&mut self, one: i16, two: i16, steps: &Row) {
            // SAFETY: as above.
            unsafe {
                let both = _mm_cvtsi32_si128(i32::from(two) << 16 | i32::from(one));
                self.take(_mm256_or_si256(_mm256_zextsi128_si256(both), BEYOND[2].load()), steps.load());
            }
        }

        #[inline(always)]
        fn set_last(&mut self, cost: i16, step: u16) {
            // SAFETY: as above.
            unsafe {
                self.costs = _mm256_insert_epi16::<{ LANES as i32 - 1 }>(self.costs, cost);
                self.steps = _mm256_insert_epi16::<{ LANES as i32 - 1 }>(self.steps, step as i16);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a frontier is asked to do.
    #[derive(Clone, Debug)]
    enum Act {
        Advance,
        Offer(i16, i16, usize),
        OfferTwo(i16, i16),
        SetLast(i16),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            Just(Act::Advance),
            (0i16..2000, 0i16..1000, 0usize..20).prop_map(|(price, more, length)| Act::Offer(price, more, length)),
            (0i16..1000, 0i16..2000).prop_map(|(one, two)| Act::OfferTwo(one, two)),
            (-5000i16..20_000).prop_map(Act::SetLast),
        ]
    }

    fn perform<F: Frontier>(acts: &[Act]) -> Vec<(i16, u16)> {
        let mut frontier = F::new();
        let mut seen = Vec::new();
        for (index, act) in acts.iter().enumerate() {
            let steps = Row(std::array::from_fn(|lane| (16 * index + lane) as i16));
            match *act {
                Act::Advance => seen.push(frontier.advance()),
                Act::Offer(price, more, length) => {
                    let row = Row(std::array::from_fn(|lane| price + 37 * lane as i16 % 11));
                    frontier.offer(&row, more, length, &steps);
                }
                Act::OfferTwo(one, two) => frontier.offer_two(one, two, &steps),
                Act::SetLast(cost) => frontier.set_last(cost, index as u16),
            }
        }
        seen.extend((0..LANES).map(|_| frontier.advance()));
        seen
    }

    proptest! {
        #[test]
        #[cfg(target_arch = "x86_64")]
        fn side_by_side_as_one_by_one(acts in prop::collection::vec(act(), 1..60)) {
            if is_x86_feature_detected!("avx2") {
                prop_assert_eq!(perform::<Avx2>(&acts), perform::<Plain>(&acts));
            }
        }
    }
}
