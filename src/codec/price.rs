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

/// Scale of smoothed frequencies against plain ones.
pub(crate) const SMOOTHING_SCALE: u32 = 8;

/// Multiplies the frequencies of match symbols by [`SMOOTHING_SCALE`] and mixes in, `weight` times, what rows (offsets)
/// and columns (lengths) would suggest if they were independent.
///
/// Without it a symbol that happened not to occur in the last parse is so dear that the next parse will not try it
/// either; with it parses explore more at first and settle as the weight falls.
pub(crate) fn smooth(frequencies: &mut [u32], num_columns: usize, weight: u32) {
    const MAX_COLUMNS: usize = 16;
    let mut columns = [0; MAX_COLUMNS];
    for row in frequencies.chunks_exact(num_columns) {
        columns.iter_mut().zip(row).for_each(|(sum, frequency)| *sum += frequency);
    }
    let total = u64::from(columns.iter().sum::<u32>().max(1));
    for row in frequencies.chunks_exact_mut(num_columns) {
        let sum = u64::from(row.iter().sum::<u32>() * weight);
        for (entry, &column) in row.iter_mut().zip(&columns) {
            *entry = *entry * SMOOTHING_SCALE + 2 + (sum * u64::from(column) / total) as u32;
        }
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
