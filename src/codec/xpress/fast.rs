//! The fast loop of XPRESS decoding, for all of a chunk but its end.
//!
//! - **Nothing to predict.** Whether an item is a literal or a match is nearly random, and a mispredicted branch costs
//!   as much as decoding an item. So both take the same path: eight or sixteen bytes are copied from the match's
//!   source, or from the chunk's beginning if there is no match, and in the first word a literal replaces what was
//!   copied; then the position moves on by 1 or the match's length. Only long matches, and those that overlap
//!   themselves, leave this path.
//! - **Whole words of bits.** The reservoir is refilled from eight bytes at once, which asks for bits in the order of
//!   bytes: the chunk is copied with the bytes of its units swapped. As length bytes shift the units that follow
//!   them, there are two such copies, one for units at even positions and one for odd.
//! - **A short chain.** Codeword and extra bits are consumed by one shift, and what they leave in the reservoir suffices
//!   to look up the next item while the reservoir is refilled: the lookup waits for nothing but the entry before it.
//! - **BMI2**, where the processor has it, shifts without the detour through one register.
//!
//! At whatever is malformed the loop stops in front of the item, for the careful loop to find what is wrong.
#![allow(unsafe_code)]

use std::hint::select_unpredictable;

use super::decode::{Chunk, LENGTH_FOLLOWS, LITERAL, LONG, Reader, Table, entry_length, entry_offset};
use crate::codec::copy::copy_match;
use crate::codec::huffman::decode_table::{SUBTABLE, codeword_len, consumed_bits};
use crate::codec::word;

/// The longest match of the simple case, as table entries have it.
const SIMPLE_LENGTH: usize = 16;

/// A stream with the bytes of its units swapped.
#[derive(Debug, Default)]
pub(super) struct SwappedUnits {
    /// For units at even positions, and for units at odd ones.
    by_parity: [Vec<u8>; 2],
}

impl SwappedUnits {
    fn fill(&mut self, stream: &[u8]) {
        for (parity, swapped) in self.by_parity.iter_mut().enumerate() {
            swapped.clear();
            swapped.extend(&stream[..parity]);
            word::extend_swapped(swapped, &stream[parity..]);
        }
    }
}

/// Decodes literals and matches while both input and output leave room for whole words.
pub(super) fn decode_items(chunk: &mut Chunk<'_>, table: &Table, swapped: &mut SwappedUnits) {
    if chunk.reader.src.len() < size_of::<u64>() || chunk.dst.len() < SIMPLE_LENGTH {
        return;
    }
    swapped.fill(chunk.reader.src);
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::bmi2() {
        // SAFETY: the processor has the feature.
        return unsafe { decode_items_bmi2(chunk, table, swapped) };
    }
    decode_items_with(chunk, table, swapped);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn decode_items_bmi2(chunk: &mut Chunk<'_>, table: &Table, swapped: &SwappedUnits) {
    decode_items_with(chunk, table, swapped);
}

#[inline(always)]
fn decode_items_with(chunk: &mut Chunk<'_>, table: &Table, swapped: &SwappedUnits) {
    let src = chunk.reader.src;
    let dst = &mut *chunk.dst;
    let mut dst_pos = chunk.dst_pos;
    // The last positions at which a word can be read, and the simple case be written.
    let src_end = src.len() - size_of::<u64>();
    let dst_end = dst.len() - SIMPLE_LENGTH;

    // `pos` is the first byte of `input` that `count` does not cover, in units that begin at even or odd positions. Before the
    // last length bytes, positions are virtual: the bits that were still unread then count as if they lay there.
    let mut pos = 0;
    let mut odd = 0;
    let mut input = &swapped.by_parity[0][..src.len()];
    let mut reservoir = 0_u64;
    let mut count = 0_u32;

    // SAFETY: `input` is at least a word long.
    unsafe { refill(input, &mut pos, &mut reservoir, &mut count) };
    while pos <= src_end && dst_pos <= dst_end {
        // What the item before has left suffices for a codeword: the refill need not be waited for.
        let entry = table.root(reservoir);
        let entry = if entry & (SUBTABLE | LONG) != 0 { table.follow(entry, reservoir) } else { entry };
        // SAFETY: `pos` is at most `src_end`, a word before the end of `input`.
        unsafe { refill(input, &mut pos, &mut reservoir, &mut count) };
        let behind_codeword = reservoir.wrapping_shl(entry >> 8);
        let mut length = entry_length(entry);
        let offset = entry_offset(entry, behind_codeword);

        let literal = entry & LITERAL != 0;
        let distance = select_unpredictable(literal, dst_pos, offset);
        if entry & LONG == 0 && length <= distance && distance <= dst_pos {
            let source = dst_pos - distance;
            // SAFETY: `dst_pos` is at most `dst_end`, 16 bytes before the end of `dst`, and `source` is not behind it.
            unsafe {
                let low = word::read_le(dst, source);
                let high = word::read_le(dst, source + 8);
                word::write_le(dst, dst_pos, select_unpredictable(literal, u64::from(entry >> 24), low));
                word::write_le(dst, dst_pos + 8, high);
            }
            dst_pos += length;
            reservoir = reservoir.wrapping_shl(entry);
            count -= consumed_bits(entry);
            continue;
        }

        if literal {
            dst[dst_pos] = (entry >> 24) as u8;
            dst_pos += 1;
            reservoir = reservoir.wrapping_shl(entry);
            count -= consumed_bits(entry);
            continue;
        }
        let (mut next_pos, mut next_count) = (pos, count - consumed_bits(entry));
        let mut next_reservoir = reservoir.wrapping_shl(entry);
        // What the entry says decides, not the length: a 16-bit length may be smaller than one that needs no length bytes.
        let length_follows = length == LENGTH_FOLLOWS;
        if length_follows {
            // Where the cursor of a decoder would be that fetches a unit when fewer than 16 bits are unread, and how
            // many bits it would hold.
            let unread = 16 + (((pos - odd) * 8) as u32 - count + codeword_len(entry)).wrapping_neg() % 16;
            let cursor = pos - (count - codeword_len(entry) - unread) as usize / 8;
            let mut reader = Reader { src, pos: cursor, reservoir: 0, count: 0 };
            let Ok(long_length) = reader.long_length() else { break };
            length = long_length;
            let extra_bits = consumed_bits(entry) - codeword_len(entry);
            next_pos = reader.pos;
            next_count = unread - extra_bits;
            next_reservoir = keep_top(behind_codeword, unread) << extra_bits;
        }
        if length > dst.len() - dst_pos || offset > dst_pos {
            break;
        }
        copy_match(dst, dst_pos, offset, length);
        dst_pos += length;
        (pos, count, reservoir) = (next_pos, next_count, next_reservoir);
        if length_follows {
            odd = pos & 1;
            input = &swapped.by_parity[odd][..src.len()];
            if pos > src_end {
                break;
            }
            // SAFETY: `pos` is at most `src_end`, a word before the end of `input`.
            unsafe { refill(input, &mut pos, &mut reservoir, &mut count) };
        }
    }

    // Give back what the careful loop would not have fetched yet.
    if pos & 1 != odd {
        pos -= 1;
        count -= 8;
    }
    let unread = count.min(16 + count % 16);
    chunk.reader.pos = pos - (count - unread) as usize / 8;
    chunk.reader.count = unread;
    chunk.reader.reservoir = keep_top(reservoir, unread);
    chunk.dst_pos = dst_pos;
}

/// Makes 56 bits available.
///
/// # Safety
/// `pos + 8 <= input.len()`.
#[inline(always)]
unsafe fn refill(input: &[u8], pos: &mut usize, reservoir: &mut u64, count: &mut u32) {
    // SAFETY: as the caller grants.
    *reservoir |= unsafe { word::read_be(input, *pos) } >> *count;
    *pos += (63 - *count as usize) >> 3;
    *count |= 56;
}

/// Clears all but the topmost `count` bits.
#[inline(always)]
fn keep_top(bits: u64, count: u32) -> u64 {
    bits & !u64::MAX.unbounded_shr(count)
}
