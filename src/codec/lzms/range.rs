//! The binary range coder, and the adaptive probabilities of its decisions.

/// One adaptive probability: of the last 64 bits coded with it, how many were zero.
#[derive(Clone, Copy, Debug)]
struct Probability {
    /// The last 64 bits, the newest lowest.
    history: u64,
    /// How many of them are zero.
    zeros: u32,
}

impl Probability {
    const INITIAL: Self = Self { history: 0x5555_5555, zeros: 48 };

    /// The chance of a zero in 64ths, never 0 or 1.
    #[inline(always)]
    fn of_zero(self) -> u32 {
        self.zeros.clamp(1, 63)
    }

    #[inline(always)]
    fn update(&mut self, bit: bool) {
        self.zeros = (self.zeros + (self.history >> 63) as u32).wrapping_sub(u32::from(bit));
        self.history = self.history << 1 | u64::from(bit);
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
#[derive(Debug)]
pub(super) struct RangeDecoder<'a> {
    src: &'a [u8],
    position: usize,
    range: u32,
    code: u32,
}

impl<'a> RangeDecoder<'a> {
    pub(super) fn new(src: &'a [u8]) -> Self {
        let mut decoder = Self { src, position: 0, range: u32::MAX, code: 0 };
        decoder.shift_in_unit();
        decoder.shift_in_unit();
        decoder
    }

    /// How many bytes have been fetched; more than there are when zeros were read behind the end.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    #[inline(always)]
    fn shift_in_unit(&mut self) {
        let unit = match self.src.get(self.position..).and_then(|rest| rest.first_chunk()) {
            Some(unit) => u16::from_le_bytes(*unit),
            None => 0,
        };
        self.position += 2;
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
