//! Chooses the variants of the innermost loops that this processor runs best.
#![allow(unsafe_code)]

use super::batch::Batch;
use super::item_reader::{DecodeCodes, ItemReader};
use super::x86::X86Filter;
#[cfg(target_arch = "x86_64")]
use super::x86::{BLOCK, LOOKAHEAD};
use crate::codec::DecodeError;

/// [`ItemReader::read_batch`], compiled for what this processor has.
pub(super) fn read_batch(
    reader: &mut ItemReader<'_>,
    codes: &mut DecodeCodes,
    batch: &mut Batch,
    dst: &[u8],
    pos: usize,
) -> Result<usize, DecodeError> {
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::bmi2() {
        // SAFETY: the function is safe but for needing these features, and the processor has them.
        return unsafe { read_batch_bmi2(reader, codes, batch, dst, pos) };
    }
    reader.read_batch(codes, batch, dst, pos)
}

/// The population count gives a probability, and shifts need not go through one register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
fn read_batch_bmi2(
    reader: &mut ItemReader<'_>,
    codes: &mut DecodeCodes,
    batch: &mut Batch,
    dst: &[u8],
    pos: usize,
) -> Result<usize, DecodeError> {
    reader.read_batch(codes, batch, dst, pos)
}

/// [`X86Filter::undo`], with what this processor has to search for opcodes.
pub(super) fn undo_x86(filter: &mut X86Filter, data: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::avx2() {
        // SAFETY: the function is safe but for needing this feature, and the processor has it.
        return unsafe { undo_x86_avx2(filter, data) };
    }
    filter.undo(data);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn undo_x86_avx2(filter: &mut X86Filter, data: &mut [u8]) {
    filter.undo_with(data, |block| find_opcodes_avx2(block));
}

/// Where in a block an x86 opcode begins: a bit for each byte, the first lowest.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn find_opcodes_avx2(block: &[u8; BLOCK + LOOKAHEAD]) -> u32 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x,
        _mm256_set1_epi8,
    };
    let load = |at: usize| {
        let word = |k: usize| i64::from_le_bytes(*block[at + 8 * k..].first_chunk().expect("32 bytes from each start"));
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    };
    let is = |bytes: __m256i, value: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(value as i8));
    let but = |bytes: __m256i, mask: u8| _mm256_and_si256(bytes, _mm256_set1_epi8(mask as i8));
    let and = |a: __m256i, b: __m256i| _mm256_and_si256(a, b);
    let or = |a: __m256i, b: __m256i| _mm256_or_si256(a, b);
    let [a, b, c] = [load(0), load(1), load(2)];
    let call_or_jump = is(but(a, 0xFE), 0xE8);
    let lea = and(is(but(a, 0xFB), 0x48), and(is(b, 0x8D), is(but(c, 0x07), 0x05)));
    let load_global = and(is(a, 0x48), and(is(b, 0x8B), is(but(c, 0xF7), 0x05)));
    let call_pointer = and(is(a, 0xFF), is(b, 0x15));
    let lock_add = and(is(a, 0xF0), and(is(b, 0x83), is(c, 0x05)));
    _mm256_movemask_epi8(or(or(call_or_jump, lea), or(load_global, or(call_pointer, lock_add)))) as u32
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::codec::lzms::x86::find_opcodes;

    #[test]
    fn opcodes_are_found_as_plainly() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        // Bytes of opcodes, and some that only look like them.
        const BYTES: [u8; 16] =
            [0xE8, 0xE9, 0xEA, 0xFF, 0x15, 0xF0, 0x83, 0x05, 0x48, 0x4C, 0x8D, 0x8B, 0x0D, 0x49, 0x35, 0x00];
        let mut noise = 1u64;
        for _ in 0..20_000 {
            let block = std::array::from_fn(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                BYTES[(noise >> 60) as usize]
            });
            // SAFETY: the processor has AVX2.
            assert_eq!(unsafe { find_opcodes_avx2(&block) }, find_opcodes(&block), "{block:x?}");
        }
    }
}
