//! The fast loop of LZX decoding, for all of a block but its end.
//!
//! - **Nothing to predict.** Whether an item is a literal or a match is nearly random, and a mispredicted branch costs
//!   as much as decoding an item. So both take the same path: a word is copied from the match's source, or from the
//!   chunk's beginning if there is no match; a literal replaces what was copied; then the position moves on by 1 or the match's length, which
//!   is at most 8 unless a length symbol follows. Whether the recent offsets are pushed is selected likewise. Matches
//!   with a length symbol and those that overlap themselves leave this path.
//! - **A short chain.** Codeword and extra bits are consumed by one shift, and what they leave in the reservoir suffices
//!   to look up the next item while the reservoir is refilled: the lookup waits for nothing but the entry before it.
//!   The aligned offset code would lengthen the chain for every item, so its use is a branch.
//! - **BMI2**, where the processor has it, shifts and masks in one instruction each.
//!
//! What the loop leaves at the end of a block, where there is no room for whole words, is the careful loop's.
#![allow(unsafe_code)]

use std::hint::select_unpredictable;

use super::bits::BitReader;
use super::decode::{
    ALIGNED_BITS, ALIGNED_FOLLOWS, Chunk, EXPLICIT, LENGTH_FOLLOWS, LITERAL, REORDERS, Tables, check_match, entry_slot,
};
use super::format::RECENT_OFFSETS;
use crate::codec::copy::copy_match;
use crate::codec::huffman::decode_table::{SUBTABLE, codeword_len};
use crate::codec::{DecodeErrorKind, word};

/// What the simple path copies.
const WORD: usize = size_of::<u64>();

/// Decodes literals and matches of the block that ends at `end` while both input and output leave room for whole words.
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

    loop {
        reader.refill();
        // So many items of the simple kind need no check for room.
        let mut room = reader.unchecked_refills().min((end - dst_pos) / WORD);
        if room == 0 {
            break;
        }
        loop {
            let exit = loop {
                let Some(left) = room.checked_sub(1) else { break Exit::NoRoom };
                room = left;
                // What the item before has left suffices for a codeword: the refill need not be waited for.
                let mut entry = tables.main.root(reader.peek());
                // SAFETY: this is one of at most `unchecked_refills()` calls.
                unsafe { reader.refill_unchecked() };
                if entry & (SUBTABLE | LENGTH_FOLLOWS | REORDERS) != 0 {
                    entry = tables.main.follow(entry, reader.peek());
                    if entry & REORDERS != 0 {
                        // The exchanged offset is then used like the most recent one.
                        let (r1, r2) = (older & 0xFFFF_FFFF, older >> 32);
                        let second = entry_slot(entry) == 1;
                        older = select_unpredictable(second, r2 << 32 | u64::from(r0), u64::from(r0) << 32 | r1);
                        r0 = select_unpredictable(second, r1, r2) as u32;
                    }
                    if entry & LENGTH_FOLLOWS != 0 {
                        break Exit::Long(entry);
                    }
                }
                let slot = tables.slots[entry_slot(entry)];
                let item_bits = reader.peek().wrapping_shr(entry.wrapping_neg()) as u32;
                let mut explicit = slot.base + (item_bits & slot.extra_mask);
                reader.consume(entry);
                if ALIGNED && entry & ALIGNED_FOLLOWS != 0 {
                    let aligned_entry = tables.aligned.root(reader.peek());
                    let high = item_bits << ALIGNED_BITS & slot.extra_mask;
                    explicit = slot.base + high + (aligned_entry >> 16);
                    reader.consume(aligned_entry);
                }
                let is_explicit = entry & EXPLICIT != 0;
                let offset = select_unpredictable(is_explicit, explicit, r0);
                older = select_unpredictable(is_explicit, older << 32 | u64::from(r0), older);
                r0 = offset;
                let length = (entry >> 24) as usize;
                let literal = entry & LITERAL != 0;
                // A literal does not wait for what was written just before.
                let distance = select_unpredictable(literal, dst_pos, offset as usize);
                if length > distance || distance > dst_pos {
                    break Exit::Overlap(entry);
                }
                // SAFETY: `room` leaves a word at `dst_pos`, and the source is not behind it.
                unsafe {
                    let word = word::read_le(dst, dst_pos - distance);
                    word::write_le(dst, dst_pos, select_unpredictable(literal, u64::from(entry >> 16), word));
                }
                dst_pos += length;
            };
            let length = match exit {
                Exit::NoRoom => break,
                Exit::Overlap(entry) if entry & LITERAL != 0 => {
                    dst[dst_pos] = (entry >> 16) as u8;
                    dst_pos += 1;
                    continue;
                }
                Exit::Overlap(entry) => (entry >> 24 & 15) as usize,
                Exit::Long(entry) => {
                    let mut recent = [r0, older as u32, (older >> 32) as u32];
                    let length = general_match::<ALIGNED>(&mut reader, tables, entry, &mut recent);
                    r0 = recent[0];
                    older = u64::from(recent[2]) << 32 | u64::from(recent[1]);
                    length
                }
            };
            let offset = r0 as usize;
            // The refill and the words that this item takes beyond a simple one, copied two by two.
            let taken = length / WORD + 2;
            if offset >= WORD && offset <= dst_pos && room > taken {
                room -= taken;
                let (mut source, mut target) = (dst_pos - offset, dst_pos);
                dst_pos += length;
                loop {
                    // SAFETY: the room that is left is that of two words behind the match, and the source is not behind it.
                    unsafe {
                        word::write_le(dst, target, word::read_le(dst, source));
                        word::write_le(dst, target + WORD, word::read_le(dst, source + WORD));
                    }
                    source += 2 * WORD;
                    target += 2 * WORD;
                    if target >= dst_pos {
                        break;
                    }
                }
                // SAFETY: it has been taken from the room.
                unsafe { reader.refill_unchecked() };
                continue;
            }
            check_match(dst_pos, offset, length, end)?;
            copy_match(dst, dst_pos, offset, length);
            dst_pos += length;
            break;
        }
    }
    chunk.reader = reader;
    chunk.recent = [r0, older as u32, (older >> 32) as u32];
    chunk.dst_pos = dst_pos;
    Ok(())
}

/// Why the loop over simple items ends.
enum Exit {
    NoRoom,
    /// A match with a length symbol: its entry, which has yet to be consumed.
    Long(u32),
    /// An item that has been consumed: a match that overlaps itself or is malformed, or the chunk's first literal.
    Overlap(u32),
}

/// Decodes a match of any kind behind its entry, for which there must be 56 bits: gives its length, and leaves its offset
/// as the most recent one. Recent offsets must have been reordered.
#[inline(always)]
pub(super) fn general_match<const ALIGNED: bool>(
    reader: &mut BitReader<'_>,
    tables: &Tables,
    entry: u32,
    recent: &mut [u32; RECENT_OFFSETS],
) -> usize {
    let mut length = (entry >> 24 & 15) as usize;
    reader.consume(codeword_len(entry));
    if entry & LENGTH_FOLLOWS != 0 {
        let length_entry = tables.length.lookup(reader.peek());
        length += (length_entry >> 16) as usize;
        reader.consume(length_entry);
    }
    if entry & EXPLICIT != 0 {
        let slot = tables.slots[entry_slot(entry)];
        let extra_bits = (entry & 63) - codeword_len(entry);
        let mut extra = (reader.peek() >> 1 >> (63 - extra_bits)) as u32;
        reader.consume(extra_bits);
        if ALIGNED && entry & ALIGNED_FOLLOWS != 0 {
            let aligned_entry = tables.aligned.root(reader.peek());
            extra = (extra << ALIGNED_BITS) + (aligned_entry >> 16);
            reader.consume(aligned_entry);
        }
        *recent = [slot.base + extra, recent[0], recent[1]];
    }
    length
}
