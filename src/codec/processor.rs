//! What encoders do differently on different processors.
//!
//! The XPRESS and LZMS encoders and the match finder that XPRESS shares with LZX are compiled twice: for any processor, and for
//! those with AVX2 and the bit manipulation instructions that came along with it. With AVX2 the inner loops of optimal
//! parsing look at sixteen or eight lengths at once, without a branch; their plain twins take one after the other.
#![allow(unsafe_code)]

/// How many lengths are priced side by side: from 3, one for each length nibble.
pub(crate) const LANES: usize = 16;

/// A cost for each length, with its lane in the lowest bits.
pub(crate) type Row = [u32; LANES];

/// A kind of processor.
pub(crate) trait Processor {
    /// The least `ahead + price` of the lengths from 3 to `length`, though no more than 18. Prices are those of `near` up to
    /// `near_length`, and of `long` beyond. `length` is at least 3.
    fn cheapest(ahead: &Row, near: &Row, near_length: usize, long: &Row, length: usize) -> u32;

    /// Takes the first `count` of the lengths that begin with the given ones wherever `price` and the price of the length
    /// are less than the cost so far. All costs are below 2^31.
    fn relax(arrivals: ArrivalsMut<'_>, count: usize, price: u32, length_prices: &Eight, way: [u32; 2]);
}

/// Something for each of eight lengths.
pub(crate) type Eight = [u32; 8];

/// The arrivals of eight neighbouring nodes: what they cost, and what describes the way to them.
pub(crate) struct ArrivalsMut<'a> {
    pub(crate) costs: &'a mut Eight,
    pub(crate) ways: [&'a mut Eight; 2],
}

/// Something to be compiled for each kind of processor.
pub(crate) trait Work {
    type Output;

    /// Does it. Only what is inlined here, this function included, is compiled for the processor.
    fn run<P: Processor>(self) -> Self::Output;
}

/// Does something with all that this processor has.
pub(crate) fn run<W: Work>(work: W) -> W::Output {
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

/// Any processor.
struct Plain;

impl Processor for Plain {
    #[inline(always)]
    fn cheapest(ahead: &Row, near: &Row, near_length: usize, long: &Row, length: usize) -> u32 {
        let choices = (3..=length.min(18)).zip(ahead.iter().zip(near.iter().zip(long)));
        let choices =
            choices.map(|(length, (ahead, (near, long)))| ahead + if length <= near_length { near } else { long });
        choices.min().unwrap_or(u32::MAX)
    }

    #[inline(always)]
    fn relax(arrivals: ArrivalsMut<'_>, count: usize, price: u32, length_prices: &Eight, way: [u32; 2]) {
        let ArrivalsMut { costs, ways: [first, second] } = arrivals;
        for lane in 0..count.min(costs.len()) {
            let cost = price + length_prices[lane];
            if cost < costs[lane] {
                (costs[lane], first[lane], second[lane]) = (cost, way[0], way[1]);
            }
        }
    }
}

/// A processor with AVX2. Only [`run`] makes use of it.
#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Processor for Avx2 {
    #[inline(always)]
    fn cheapest(ahead: &Row, near: &Row, near_length: usize, long: &Row, length: usize) -> u32 {
        // SAFETY: `run` has made sure that the processor has AVX2.
        unsafe { cheapest_avx2(ahead, near, near_length, long, length) }
    }

    #[inline(always)]
    fn relax(arrivals: ArrivalsMut<'_>, count: usize, price: u32, length_prices: &Eight, way: [u32; 2]) {
        // SAFETY: `run` has made sure that the processor has AVX2.
        unsafe { relax_avx2(arrivals, count, price, length_prices, way) }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn relax_avx2(arrivals: ArrivalsMut<'_>, count: usize, price: u32, length_prices: &Eight, way: [u32; 2]) {
    use std::arch::x86_64::*;
    // SAFETY: eight lanes of 32 bits are what is loaded, and the load asks for no alignment.
    let load = |lanes: &Eight| unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) };
    // SAFETY: as much is stored.
    let store = |lanes: &mut Eight, value| unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), value) };
    let ArrivalsMut { costs, ways } = arrivals;
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let cost = _mm256_add_epi32(_mm256_set1_epi32(price as i32), load(length_prices));
    let is_used = _mm256_cmpgt_epi32(_mm256_set1_epi32(count.min(8) as i32), lanes);
    let is_better = _mm256_and_si256(_mm256_cmpgt_epi32(load(costs), cost), is_used);
    store(costs, _mm256_blendv_epi8(load(costs), cost, is_better));
    for (old, new) in ways.into_iter().zip(way) {
        store(old, _mm256_blendv_epi8(load(old), _mm256_set1_epi32(new as i32), is_better));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn cheapest_avx2(ahead: &Row, near: &Row, near_length: usize, long: &Row, length: usize) -> u32 {
    use std::arch::x86_64::*;
    let load = |row: &Row, half: usize| {
        let lanes: &[u32; 8] = &row.as_chunks().0[half];
        // SAFETY: eight lanes of 32 bits are what is loaded, and the load asks for no alignment.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    };
    let (near_length, length) = (_mm256_set1_epi32(near_length as i32), _mm256_set1_epi32(length as i32));
    let lane_lengths = [_mm256_setr_epi32(3, 4, 5, 6, 7, 8, 9, 10), _mm256_setr_epi32(11, 12, 13, 14, 15, 16, 17, 18)];
    let [low, high] = [0, 1].map(|half| {
        let is_far = _mm256_cmpgt_epi32(lane_lengths[half], near_length);
        let price = _mm256_blendv_epi8(load(near, half), load(long, half), is_far);
        let too_long = _mm256_cmpgt_epi32(lane_lengths[half], length);
        _mm256_or_si256(_mm256_add_epi32(load(ahead, half), price), too_long)
    });
    let best = _mm256_min_epu32(low, high);
    let best = _mm_min_epu32(_mm256_castsi256_si128(best), _mm256_extracti128_si256::<1>(best));
    let best = _mm_min_epu32(best, _mm_shuffle_epi32::<0b0100_1110>(best));
    let best = _mm_min_epu32(best, _mm_shuffle_epi32::<0b1011_0001>(best));
    _mm_cvtsi128_si32(best) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Check(Row, Row, usize, Row, usize);

    impl Work for Check {
        type Output = [u32; 2];

        fn run<P: Processor>(self) -> [u32; 2] {
            let Self(ahead, near, near_length, long, length) = self;
            [P::cheapest, Plain::cheapest].map(|cheapest| cheapest(&ahead, &near, near_length, &long, length))
        }
    }

    struct CheckRelax([Eight; 3], usize, u32, Eight, [u32; 2]);

    impl Work for CheckRelax {
        type Output = [[Eight; 3]; 2];

        fn run<P: Processor>(self) -> [[Eight; 3]; 2] {
            let Self(arrivals, count, price, length_prices, way) = self;
            [P::relax, Plain::relax].map(|relax| {
                let [mut costs, mut first, mut second] = arrivals;
                let arrivals = ArrivalsMut { costs: &mut costs, ways: [&mut first, &mut second] };
                relax(arrivals, count, price, &length_prices, way);
                [costs, first, second]
            })
        }
    }

    proptest! {
        #[test]
        fn all_processors_relax_alike(
            costs in prop::array::uniform8(0_u32..3000),
            ways in any::<[Eight; 2]>(),
            count in 0_usize..12,
            price in 0_u32..2000,
            length_prices in prop::array::uniform8(0_u32..1000),
            way in any::<[u32; 2]>(),
        ) {
            let [first, second] = ways;
            let [found, expected] = run(CheckRelax([costs, first, second], count, price, length_prices, way));
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn all_processors_agree(
            ahead in any::<[u16; LANES]>(),
            near in any::<[u16; LANES]>(),
            near_length in 0_usize..40,
            long in any::<[u16; LANES]>(),
            length in 3_usize..70_000,
        ) {
            let [found, expected] =
                run(Check(ahead.map(u32::from), near.map(u32::from), near_length, long.map(u32::from), length));
            prop_assert_eq!(found, expected);
        }
    }
}
