//! The binary range coder, and the adaptive probabilities of its decisions.

use super::output::Output;

/// One adaptive probability: the last 64 bits coded with it, inverted, the newest lowest. The chance of a zero is the
/// share of zeros among them; counting them anew is one instruction where it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probability(u64);

impl Probability {
    const INITIAL: Self = Self(!0x5555_5555);
    const ONLY_ZEROS: Self = Self(u64::MAX);

    /// The chance of a zero in 64ths, never 0 or 1.
    #[inline(always)]
    fn of_zero(self) -> u32 {
        let zeros = self.0.count_ones();
        zeros + u32::from(zeros == 0) - (zeros >> 6)
    }

    #[inline(always)]
    fn update(&mut self, bit: bool) {
        self.0 = self.0 << 1 | u64::from(!bit);
    }
}

/// A class of decisions: `N` probabilities, chosen by the latest log2(`N`) decisions of this class.
#[derive(Clone, Debug)]
pub(super) struct Decisions<const N: usize> {
    probabilities: [Probability; N],
    /// The latest decisions, the newest lowest. Above those that count there may be older ones.
    state: usize,
}

impl<const N: usize> Decisions<N> {
    pub(super) fn new() -> Self {
        const { assert!(N.is_power_of_two()) }
        Self { probabilities: [Probability::INITIAL; N], state: 0 }
    }

    /// Finds out the next decision. It must then be [taken](Self::take).
    ///
    /// The two are apart so that the caller can branch first and take a constant: then what follows does not wait for
    /// the comparison, but goes ahead as the branch was foretold.
    #[inline(always)]
    pub(super) fn next(&self, decoder: &mut RangeDecoder<'_>) -> Decision {
        decoder.normalise();
        let state = self.state % N;
        let probability = self.probabilities[state];
        let bound = (decoder.range >> 6) * probability.of_zero();
        Decision { state, probability, bound, bit: decoder.code >= bound }
    }

    /// Takes a decision that turned out to be `bit`.
    #[inline(always)]
    pub(super) fn take(&mut self, mut decision: Decision, bit: bool, decoder: &mut RangeDecoder<'_>) {
        if bit {
            decoder.range -= decision.bound;
            decoder.code -= decision.bound;
        } else {
            decoder.range = decision.bound;
        }
        decision.probability.update(bit);
        self.probabilities[decision.state % N] = decision.probability;
        self.state = decision.state << 1 | usize::from(bit);
    }

    /// Whether the latest decisions that count were all zeros: then coding another zero changes nothing here.
    #[inline(always)]
    pub(super) fn is_run_of_zeros(&self) -> bool {
        self.state.is_multiple_of(N) && self.probabilities[0] == Probability::ONLY_ZEROS
    }

    pub(super) fn encode(&mut self, bit: bool, encoder: &mut RangeEncoder, output: &mut Output<'_>) {
        let probability = &mut self.probabilities[self.state % N];
        encoder.encode(bit, probability.of_zero(), output);
        probability.update(bit);
        self.state = self.state << 1 | usize::from(bit);
    }

    /// What a zero and a one cost in each state at present.
    pub(super) fn prices(&self) -> [[u32; 2]; N] {
        self.probabilities.map(|probability| {
            let zero = probability.of_zero() as usize;
            [price::OF_SHARE[zero], price::OF_SHARE[64 - zero]]
        })
    }
}

/// A decision found out, but not taken.
#[derive(Clone, Copy)]
pub(super) struct Decision {
    /// Which probability it is made with.
    state: usize,
    probability: Probability,
    /// Where the range is divided.
    bound: u32,
    pub(super) bit: bool,
}

/// What it costs to code something.
pub(super) mod price {
    /// The price of one bit.
    pub(crate) const BIT: u32 = 64;

    /// The price of an event whose probability is so many 64ths.
    pub(crate) static OF_SHARE: [u32; 65] = {
        let mut prices = [7 * BIT; 65];
        let mut share = 1;
        while share <= 64 {
            prices[share] = price(share as u64);
            share += 1;
        }
        prices
    };

    /// -log2(`share` / 64) in units of 1/`BIT`, by repeated squaring.
    const fn price(share: u64) -> u32 {
        let mut whole = share.ilog2();
        // The mantissa, 1 to 2, with 31 bits behind the point.
        let mut mantissa = share << 31 >> whole;
        let mut step = BIT;
        whole *= BIT;
        while step > 1 {
            step /= 2;
            mantissa = (mantissa * mantissa) >> 31;
            if mantissa >> 32 != 0 {
                mantissa >>= 1;
                whole += step;
            }
        }
        6 * BIT - whole
    }
}

/// Writes decisions as 16-bit units at the front of a chunk.
#[derive(Debug)]
pub(super) struct RangeEncoder {
    /// The bottom of the range, with a carry in bit 32.
    low: u64,
    range: u32,
    /// The last unit that a carry may still change, and how many units of 0xFFFF follow it.
    cache: Option<u16>,
    pending: u64,
}

impl RangeEncoder {
    pub(super) fn new() -> Self {
        Self { low: 0, range: u32::MAX, cache: None, pending: 0 }
    }

    #[inline(always)]
    fn encode(&mut self, bit: bool, probability_of_zero: u32, output: &mut Output<'_>) {
        if self.range <= 0xFFFF {
            self.range <<= 16;
            self.shift_out_unit(output);
        }
        let bound = (self.range >> 6) * probability_of_zero;
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
    }

    fn shift_out_unit(&mut self, output: &mut Output<'_>) {
        let carry = (self.low >> 32) as u16;
        if carry != 0 || self.low < 0xFFFF_0000 {
            if let Some(cache) = self.cache {
                output.push_front(cache + carry);
            }
            for _ in 0..self.pending {
                output.push_front(0xFFFFu16.wrapping_add(carry));
            }
            self.pending = 0;
            self.cache = Some((self.low >> 16) as u16);
        } else {
            self.pending += 1;
        }
        self.low = (self.low & 0xFFFF) << 16;
    }

    /// Writes all of the bottom of the range: readers may insist on exactly this value.
    pub(super) fn finish(mut self, output: &mut Output<'_>) {
        for _ in 0..4 {
            self.shift_out_unit(output);
        }
    }
}

/// Reads decisions from the 16-bit units at the front of a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeDecoder<'a> {
    /// What has not been fetched.
    rest: &'a [u8],
    range: u32,
    code: u32,
}

impl<'a> RangeDecoder<'a> {
    pub(super) fn new(src: &'a [u8]) -> Self {
        let mut decoder = Self { rest: src, range: u32::MAX, code: 0 };
        decoder.shift_in_unit();
        decoder.shift_in_unit();
        decoder
    }

    /// How many bytes have not been fetched.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Reads a zero if the next decision is one, given that only zeros have lately been read with its probability.
    #[inline(always)]
    pub(super) fn next_of_zeros(&mut self) -> bool {
        self.normalise();
        let bound = (self.range >> 6) * Probability::ONLY_ZEROS.of_zero();
        let is_zero = self.code < bound;
        if is_zero {
            self.range = bound;
        }
        is_zero
    }

    #[inline(always)]
    fn shift_in_unit(&mut self) {
        // Behind the end there are zeros.
        let mut unit = 0;
        if let Some((bytes, rest)) = self.rest.split_first_chunk() {
            unit = u16::from_le_bytes(*bytes);
            self.rest = rest;
        }
        self.code = self.code << 16 | u32::from(unit);
    }

    #[inline(always)]
    fn normalise(&mut self) {
        if self.range <= 0xFFFF {
            self.range <<= 16;
            self.shift_in_unit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::price;

    #[test]
    fn prices_are_logarithms() {
        for (share, &price) in price::OF_SHARE.iter().enumerate().skip(1) {
            let exact = -(share as f64 / 64.0).log2() * f64::from(price::BIT);
            assert!((f64::from(price) - exact).abs() <= 1.0, "{share}: {price}, {exact}");
        }
    }
}
