//! Estimated coding costs, in fractions of a bit, for parsers.

/// Price of one bit. Prices are whole numbers so that the same input is parsed alike on every machine.
pub(crate) const BIT: u32 = 1 << BIT_SHIFT;
const BIT_SHIFT: u32 = 6;
const MANTISSA_BITS: u32 = 9;

/// `log2(1 + i / 512)` in units of [`BIT`], rounded down.
static LOG2_FRACTION: [u8; 1 << MANTISSA_BITS] = {
    let mut table = [0; 1 << MANTISSA_BITS];
    let mut i = 0;
    while i < table.len() {
        // Squaring a number doubles its logarithm: each squaring brings one bit of it into the open.
        let mut x = (1 << 30) + ((i as u64) << (30 - MANTISSA_BITS));
        let mut bit = 0;
        while bit < BIT_SHIFT {
            x = (x * x) >> 30;
            table[i] <<= 1;
            if x >= 2 << 30 {
                x >>= 1;
                table[i] |= 1;
            }
            bit += 1;
        }
        i += 1;
    }
    table
};

/// The binary logarithm of `x > 0`, in units of [`BIT`].
#[inline]
pub(crate) fn log2(x: u32) -> u32 {
    let exponent = x.ilog2();
    let mantissa = (u64::from(x) << MANTISSA_BITS >> exponent) as usize % (1 << MANTISSA_BITS);
    exponent * BIT + u32::from(LOG2_FRACTION[mantissa])
}

/// Sets each symbol's price to its information content, never more than `max_bits` bits.
///
/// A symbol that did not occur may occur in the next parse: it is priced as if it had occurred half a time.
pub(crate) fn prices_from_frequencies(frequencies: &[u32], max_bits: u32, prices: &mut [u32]) {
    let total: u32 = frequencies.iter().sum();
    let total = log2(2 * total.max(1));
    for (price, &frequency) in prices.iter_mut().zip(frequencies) {
        let own = if frequency == 0 { 0 } else { log2(2 * frequency) };
        *price = (total - own).clamp(BIT / 2, max_bits * BIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_follows_the_real_logarithm() {
        for x in (1..5000).chain((1..2000).map(|i| i * 2_000_003)) {
            let exact = f64::from(x).log2() * f64::from(BIT);
            let found = f64::from(log2(x));
            assert!(found <= exact && found > exact - 1.5, "{x}: {found} for {exact}");
        }
    }
}
