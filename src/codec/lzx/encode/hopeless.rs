//! Telling early that a chunk does not shrink.
//!
//! What is compressed or encrypted already has all bytes about equally often and next to no repeats. It would be parsed and
//! coded only to find that it does not fit. Three looks, each of which most other chunks do not get to: how even the
//! bytes of a sample are; what literals would take with the best code; how often four bytes have occurred before.

use crate::codec::price::{BIT, log2};

/// Shorter chunks are not worth a look.
const MIN_SIZE: usize = 1 << 12;
/// Positions are kept in 16 bits.
const MAX_SIZE: usize = 1 << 16;
/// Bytes of the sample, and pieces that it is taken in.
const SAMPLE: usize = 2048;
const PIECES: usize = 8;
/// The most that the squares of the sample's byte counts may add up to: a quarter more than for random bytes.
const MAX_SQUARES: u32 = (5 * (SAMPLE + SAMPLE * SAMPLE / 256) / 4) as u32;
/// What the header takes at least, in bytes, if nearly all literals occur.
const HEADER: usize = 110;
/// What four bytes that have occurred before may save, in bytes, if some repeats are not noticed.
const REPEAT: usize = 3;
const HASH_BITS: u32 = 14;

/// Whether encoding a chunk is as good as certain to save nothing.
pub(super) fn is_hopeless(chunk: &[u8]) -> bool {
    (MIN_SIZE..=MAX_SIZE).contains(&chunk.len()) && is_sample_even(chunk) && {
        let literals = literal_bytes(chunk) + HEADER;
        literals >= chunk.len() && literals >= chunk.len() + REPEAT * repeats(chunk)
    }
}

fn is_sample_even(chunk: &[u8]) -> bool {
    let mut counts = [0_u32; 256];
    for piece in chunk.chunks_exact(chunk.len() / PIECES).take(PIECES) {
        piece[..SAMPLE / PIECES].iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    }
    counts.iter().map(|count| count * count).sum::<u32>() <= MAX_SQUARES
}

/// What the bytes take as literals.
fn literal_bytes(chunk: &[u8]) -> usize {
    // Two counts side by side: a byte need not wait for an equal one before it.
    let mut counts = [[0_u32; 256]; 2];
    for &[first, second] in chunk.as_chunks().0 {
        counts[0][usize::from(first)] += 1;
        counts[1][usize::from(second)] += 1;
    }
    let total = log2(chunk.len() as u32);
    let own = |(a, b): (&u32, &u32)| u64::from(a + b) * u64::from(total - log2((a + b).max(1)));
    (counts[0].iter().zip(&counts[1]).map(own).sum::<u64>() / u64::from(8 * BIT)) as usize
}

/// How many positions have the same four bytes as the latest one before with the same hash.
fn repeats(chunk: &[u8]) -> usize {
    let mut latest = [0_u16; 1 << HASH_BITS];
    let word = |position: usize| chunk[position..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let is_repeat = |position: usize| {
        let bytes = word(position);
        let hash = bytes.wrapping_mul(0x9E37_79B1) >> (u32::BITS - HASH_BITS);
        let candidate = std::mem::replace(&mut latest[hash as usize], position as u16);
        word(candidate.into()) == bytes
    };
    (1..chunk.len() - 3).map(is_repeat).filter(|&is_repeat| is_repeat).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::test_data::noise;

    #[test]
    fn random_bytes_are_hopeless_and_little_makes_them_worth_it() {
        for size in [MIN_SIZE, 32768, MAX_SIZE] {
            let chunk = noise(size);
            assert!(is_hopeless(&chunk));
            let mut repeating = chunk.clone();
            repeating.copy_within(..200, 300);
            assert!(!is_hopeless(&repeating));
            let uneven: Vec<u8> = chunk.iter().map(|&byte| if byte < 64 { byte / 4 } else { byte }).collect();
            assert!(!is_hopeless(&uneven));
        }
        assert!(!is_hopeless(&noise(MIN_SIZE - 1)) && !is_hopeless(&[]));
    }
}
