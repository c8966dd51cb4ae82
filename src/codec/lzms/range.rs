//! The binary range coder, and the adaptive probabilities of its decisions.

/// One adaptive probability: the last 64 bits coded with it, the newest lowest. The chance of a zero is the share of
/// zeros among them; counting them anew is one instruction where it matters.
#[derive(Clone, Copy, Debug)]
struct Probability(u64);

impl Probability {
    const INITIAL: Self = Self(0x5555_5555);

    /// The chance of a zero in 64ths, never 0 or 1.
    #[inline(always)]
    fn of_zero(self) -> u32 {
        // All alike is the rule for some decisions and hardly ever happens for others: a branch well foretold.
        match self.0 {
            0 => 63,
            u64::MAX => 1,
            history => history.count_zeros(),
        }
    }

    #[inline(always)]
    fn update(&mut self, bit: bool) {
        self.0 = self.0 << 1 | u64::from(bit);
    }
}

/// A class of decisions: `N` probabilities, chosen by the latest log2(`N`) decisions of this class.
#[derive(Clone, Debug)]
pub(super) struct Decisions<const N: usize> {
    probabilities: [Probability; N],
    state: usize,
}

impl<const N: usize> Decisions<N> {
    pub(super) fn new() -> Self {
        const { assert!(N.is_power_of_two()) }
        Self { probabilities: [Probability::INITIAL; N], state: 0 }
    }

    #[inline(always)]
    pub(super) fn decode(&mut self, decoder: &mut RangeDecoder<'_>) -> bool {
        let probability = &mut self.probabilities[self.state % N];
        let bit = decoder.decode(probability.of_zero());
        probability.update(bit);
        self.state = (self.state << 1 | usize::from(bit)) % N;
        bit
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
    fn decode(&mut self, probability_of_zero: u32) -> bool {
        if self.range <= 0xFFFF {
            self.range <<= 16;
            self.shift_in_unit();
        }
        let bound = (self.range >> 6) * probability_of_zero;
        if self.code < bound {
            self.range = bound;
            false
        } else {
            self.range -= bound;
            self.code -= bound;
            true
        }
    }
}
