//! The literals and matches of LZX blocks.
//!
//! - **Nothing to predict.** Whether an item is a literal or a match is nearly random, and a mispredicted branch costs
//!   as much as decoding an item. So both take the same path: a word is copied from the match's source, or from the
//!   chunk's beginning if there is no match; a literal replaces what was copied; then the position moves on by 1 or
//!   the match's length, which is at most 8 unless a length symbol follows. Whether the recent offsets are pushed is
//!   selected likewise. Matches with a length symbol, those that overlap themselves and those that reorder the recent
//!   offsets leave this path.
//! - **A short chain.** Codeword and extra bits are consumed by one shift, and what they leave in the reservoir suffices
//!   to look up the next item while the reservoir is refilled: the lookup waits for nothing but the entry before it.
//!   The aligned offset code would lengthen the chain for every item, so its use is a branch.
//! - **BMI2**, where the processor has it, shifts without the detour through one register.
#![allow(unsafe_code)]

use std::hint::select_unpredictable;

use super::decode::{ALIGNED_BITS, ALIGNED_FOLLOWS, Chunk, EXPLICIT, LENGTH_FOLLOWS, LITERAL, REORDERS};
use super::format::{EXTRA_OFFSET_BITS, MAX_OFFSET_SLOTS, OFFSET_SLOT_BASE};
use crate::codec::copy::copy_match;
use crate::codec::huffman::decode_table::{codeword_len, consumed_bits};
use crate::codec::{DecodeErrorKind, word};

/// What the simple path copies.
const WORD: usize = size_of::<u64>();

/// The smallest offset of each slot. This and the next table can be indexed by any byte, since literals are, too.
static SLOT_BASE: [u32; 256] = {
    let mut bases = [0; 256];
    let mut slot = 3;
    while slot < MAX_OFFSET_SLOTS {
        bases[slot] = OFFSET_SLOT_BASE[slot] as u32;
        slot += 1;
    }
    bases
};

/// 63 less each slot's extra bits, those included that the aligned offset code replaces.
static SLOT_SHIFT: [u8; 256] = {
    let mut shifts = [63; 256];
    let mut slot = 0;
    while slot < MAX_OFFSET_SLOTS {
        shifts[slot] = 63 - EXTRA_OFFSET_BITS[slot];
        slot += 1;
    }
    shifts
};

/// Decodes the literals and matches up to `end`, where the block ends.
pub(super) fn decode_items<const ALIGNED: bool>(chunk: &mut Chunk<'_>, end: usize) -> Result<(), DecodeErrorKind> {
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::bmi2() {
        // SAFETY: the processor has the feature.
        return unsafe { decode_items_bmi2::<ALIGNED>(chunk, end) };
    }
    decode_items_with::<ALIGNED>(chunk, end)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn decode_items_bmi2<const ALIGNED: bool>(chunk: &mut Chunk<'_>, end: usize) -> Result<(), DecodeErrorKind> {
    decode_items_with::<ALIGNED>(chunk, end)
}

#[inline(always)]
fn decode_items_with<const ALIGNED: bool>(chunk: &mut Chunk<'_>, end: usize) -> Result<(), DecodeErrorKind> {
    let dst = &mut chunk.dst[..];
    assert!(end <= dst.len());
    let tables = &*chunk.tables;
    let mut reader = chunk.reader;
    let [mut r0, r1, r2] = chunk.recent;
    // The second recent offset below the third: one shift pushes another.
    let mut older = u64::from(r2) << 32 | u64::from(r1);
    let mut dst_pos = chunk.dst_pos;

    let result = 'general: loop {
        // So many items of the simple kind need no check for room.
        reader.refill();
        let room = reader.unchecked_refills().min((end - dst_pos) / WORD);
        for _ in 0..room {
            // What the item before has left suffices for a codeword: the refill need not be waited for.
            let entry = tables.main.lookup(reader.peek());
            let mut after = reader;
            // SAFETY: this is one of at most `unchecked_refills()` calls.
            unsafe { after.refill_unchecked() };
            if entry & (LENGTH_FOLLOWS | REORDERS) != 0 {
                break;
            }
            let value = (entry >> 24) as usize;
            let length = (entry >> 16 & 15) as usize;
            let behind_codeword = after.peek().wrapping_shl(entry >> 8);
            let extra = (behind_codeword >> 1).wrapping_shr(SLOT_SHIFT[value].into()) as u32;
            let mut offset = SLOT_BASE[value] + extra;
            after.consume(entry);
            if ALIGNED && entry & ALIGNED_FOLLOWS != 0 {
                let aligned_entry = tables.aligned.root(after.peek());
                offset = SLOT_BASE[value] + clear_low(extra) + (aligned_entry >> 16);
                after.consume(consumed_bits(aligned_entry));
            }
            let literal = entry & LITERAL != 0;
            let explicit = entry & EXPLICIT != 0;
            let offset = select_unpredictable(explicit, offset, r0);
            let distance = select_unpredictable(literal, dst_pos, offset as usize);
            if length > distance || distance > dst_pos {
                break;
            }
            // SAFETY: `room` leaves a word at `dst_pos`, and the source is not behind it.
            unsafe {
                let word = word::read_le(dst, dst_pos - distance);
                word::write_le(dst, dst_pos, select_unpredictable(literal, value as u64, word));
            }
            dst_pos += length;
            reader = after;
            older = select_unpredictable(explicit, older << 32 | u64::from(r0), older);
            r0 = offset;
        }

        if dst_pos >= end {
            break 'general Ok(());
        }
        reader.refill();
        let entry = tables.main.lookup(reader.peek());
        let value = (entry >> 24) as usize;
        let mut length = (entry >> 16 & 15) as usize;
        if entry & LITERAL != 0 {
            reader.consume(consumed_bits(entry));
            dst[dst_pos] = value as u8;
            dst_pos += 1;
            continue;
        }
        reader.consume(codeword_len(entry));
        if entry & LENGTH_FOLLOWS != 0 {
            reader.refill();
            let length_entry = tables.length.lookup(reader.peek());
            length += (length_entry >> 16) as usize;
            reader.consume(consumed_bits(length_entry));
        }
        let extra = (reader.peek() >> 1).wrapping_shr(SLOT_SHIFT[value].into()) as u32;
        reader.consume(consumed_bits(entry) - codeword_len(entry));
        let (r1, r2) = (older as u32, (older >> 32) as u32);
        let offset = if entry & EXPLICIT != 0 {
            older = older << 32 | u64::from(r0);
            if ALIGNED && entry & ALIGNED_FOLLOWS != 0 {
                let aligned_entry = tables.aligned.root(reader.peek());
                reader.consume(consumed_bits(aligned_entry));
                SLOT_BASE[value] + clear_low(extra) + (aligned_entry >> 16)
            } else {
                SLOT_BASE[value] + extra
            }
        } else {
            match value {
                0 => r0,
                1 => {
                    older = u64::from(r2) << 32 | u64::from(r0);
                    r1
                }
                _ => {
                    older = u64::from(r0) << 32 | u64::from(r1);
                    r2
                }
            }
        };
        r0 = offset;

        if length > end - dst_pos {
            break 'general Err(DecodeErrorKind::BadLength { length: length as u64 });
        }
        if offset as usize > dst_pos {
            break 'general Err(DecodeErrorKind::BadOffset { offset: offset.into() });
        }
        copy_match(dst, dst_pos, offset as usize, length);
        dst_pos += length;
    };
    chunk.reader = reader;
    chunk.recent = [r0, older as u32, (older >> 32) as u32];
    chunk.dst_pos = dst_pos;
    result
}

/// The extra bits without those that the aligned offset code replaces.
#[inline(always)]
fn clear_low(extra: u32) -> u32 {
    extra >> ALIGNED_BITS << ALIGNED_BITS
}
