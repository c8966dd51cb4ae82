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
const SAMPLE: usize = 1024;
const PIECES: usize = 8;
/// The most that the squares of the sample's byte counts may add up to: a quarter more than for random bytes.
const MAX_SQUARES: u32 = (5 * (SAMPLE + SAMPLE * SAMPLE / 256) / 4) as u32;
/// What four bytes that have occurred before may save, in bytes, if some repeats are not noticed.
const REPEAT: usize = 3;
const HASH_BITS: u32 = 14;

/// Whether encoding a chunk is as good as certain to save nothing, given what its header takes at least, in bytes, if nearly all
/// literals occur.
pub(super) fn is_hopeless(chunk: &[u8], header: usize) -> bool {
    (MIN_SIZE..=MAX_SIZE).contains(&chunk.len()) && is_sample_even(chunk) && {
        let literals = literal_bytes(chunk) + header;
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

/// About how many positions have the same four bytes as the latest one before with the same hash: every fifth one is looked
/// up, all are remembered. Five has no factor in common with the usual sizes of records, so that each of their bytes gets its turn.
fn repeats(chunk: &[u8]) -> usize {
    const STEP: usize = 5;
    let mut latest = [0_u16; 1 << HASH_BITS];
    let mut found = 0;
    for first in (STEP..chunk.len() - size_of::<u64>()).step_by(STEP) {
        let Some(bytes) = chunk[first..].first_chunk() else { break };
        let bytes = u64::from_le_bytes(*bytes);
        let words: [u32; STEP] = std::array::from_fn(|ahead| (bytes >> (8 * ahead)) as u32);
        let rows = words.map(|word| (word.wrapping_mul(0x9E37_79B1) >> (u32::BITS - HASH_BITS)) as usize);
        let candidate = usize::from(latest[rows[0]]);
        let is_repeat = chunk[candidate..].first_chunk().is_some_and(|bytes| u32::from_le_bytes(*bytes) == words[0]);
        found += usize::from(is_repeat);
        for (position, row) in (first as u16..).zip(rows) {
            latest[row] = position;
        }
    }
    STEP * found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::test_data::noise;

    const HEADER: usize = 110;

    #[test]
    fn random_bytes_are_hopeless_and_little_makes_them_worth_it() {
        for size in [MIN_SIZE, 32768, MAX_SIZE] {
            let chunk = noise(size);
            assert!(is_hopeless(&chunk, HEADER));
            let mut repeating = chunk.clone();
            repeating.copy_within(..200, 300);
            assert!(!is_hopeless(&repeating, HEADER));
            let uneven: Vec<u8> = chunk.iter().map(|&byte| if byte < 64 { byte / 4 } else { byte }).collect();
            assert!(!is_hopeless(&uneven, HEADER));
        }
        assert!(!is_hopeless(&noise(MIN_SIZE - 1), HEADER) && !is_hopeless(&[], HEADER));
    }

    #[test]
    fn repeats_are_seen_wherever_records_have_them() {
        for size in [16, 32, 64] {
            let mut records = noise(MAX_SIZE);
            let names: Vec<[u8; 4]> = noise(4 * 64).as_chunks().0.to_vec();
            for (record, name) in records.chunks_exact_mut(size).zip(names.iter().cycle()) {
                record[1..5].copy_from_slice(name);
            }
            for shift in 0..4 {
                assert!(!is_hopeless(&records[shift..], HEADER), "{size} bytes, from {shift}");
            }
        }
    }
}
