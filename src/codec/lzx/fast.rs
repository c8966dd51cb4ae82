//! The fast loop of LZX decoding, for all of a block but its end.
//!
//! - **Nothing to predict.** Whether an item is a literal or a match is nearly random, and a mispredicted branch costs
//!   as much as decoding an item. So both take the same path: a word is copied from the match's source, or from the
//!   table's entry, in which a literal's byte lies, if there is no match; then the position moves on by 1 or the match's
//!   length, which is at most 8 unless a length symbol follows. A literal's offset slot adds nothing to the recent offsets,
//!   which are one word. Matches with a length symbol or a recent offset other than the first, those that overlap
//!   themselves, and codewords too long for the root table leave this path.
//! - **Few instructions.** A refill suffices for two items, and so does a check for room. Whatever is asked of an entry is
//!   in a byte or on top of it; a slot's number leads to all else.
//! - **A short chain.** Codeword and extra bits are consumed by one shift, and what two items leave in the reservoir suffices
//!   to look up the next one while the reservoir is refilled: the lookup waits for nothing but the entry before it.
//!   The aligned offset code would lengthen the chain for every item, so its use is a branch.
//! - **BMI2**, where the processor has it, shifts and masks in one instruction each.
//!
//! What the loop leaves at the end of a block, where there is no room for whole words, is the careful loop's.
#![allow(unsafe_code)]

use std::hint::{cold_path, select_unpredictable};

use super::decode::{
    ALIGNED_BITS, ALIGNED_FOLLOWS, Chunk, LENGTH_FOLLOWS, LITERAL, LITERAL_BYTE, MainTable, RARE, REORDERS, Tables,
    check_match, entry_length, entry_literal, entry_slot, first_length, item_bits,
};
use super::format::RECENT_OFFSETS;
use super::recent::Recent;
use crate::codec::DecodeErrorKind;
use crate::codec::copy::copy_match;
use crate::codec::known_match::Notes;
use crate::codec::word::BitCursor;

/// What the simple path copies.
const WORD: usize = size_of::<u64>();
/// What the simple path copies between two checks for room.
const PAIR: usize = 2 * WORD;
/// A word can be read from any root entry's bytes.
const _: () = assert!(MainTable::BYTES_BEHIND_ROOT >= WORD);

/// Decodes literals and matches of the block that ends at `end` while both input and output leave room for whole words.
pub(super) fn decode_items<const ALIGNED: bool>(
    chunk: &mut Chunk<'_, impl Notes>,
    end: usize,
) -> Result<(), DecodeErrorKind> {
    if ALIGNED || !chunk.has_far_slots() {
        decode::<ALIGNED, false>(chunk, end)
    } else {
        decode::<ALIGNED, true>(chunk, end)
    }
}

fn decode<const ALIGNED: bool, const FAR: bool>(
    chunk: &mut Chunk<'_, impl Notes>,
    end: usize,
) -> Result<(), DecodeErrorKind> {
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::bmi2() {
        // SAFETY: the processor has the feature.
        return unsafe { decode_bmi2::<ALIGNED, FAR>(chunk, end) };
    }
    decode_with::<ALIGNED, FAR>(chunk, end)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn decode_bmi2<const ALIGNED: bool, const FAR: bool>(
    chunk: &mut Chunk<'_, impl Notes>,
    end: usize,
) -> Result<(), DecodeErrorKind> {
    decode_with::<ALIGNED, FAR>(chunk, end)
}

/// A refill makes 56 bits available and shows 64. Two items with codewords from the root table and up to 15 extra bits take
/// 52, and leave a codeword's 11 to look up. With `FAR` there may be two more extra bits: the second item has a refill of its
/// own, for which its lookup need not wait, as what the first one leaves suffices for a codeword. In aligned blocks a raw item
/// takes at most 25; an aligned offset symbol, of up to 7 more, has a refill behind it unless that of the next pair follows.
#[inline(always)]
fn decode_with<const ALIGNED: bool, const FAR: bool>(
    chunk: &mut Chunk<'_, impl Notes>,
    end: usize,
) -> Result<(), DecodeErrorKind> {
    let largest_offset = chunk.largest_offset();
    let dst = &mut chunk.dst[..];
    assert!(end <= dst.len());
    // Behind so low an address, offsets would wrap around zero. And the header of a raw block may say what no match can.
    if dst.as_ptr().addr() <= largest_offset || chunk.recent.iter().any(|&offset| offset as usize > largest_offset) {
        return Ok(());
    }
    let mut recent = Recent::new(&chunk.recent);
    let tables = &*chunk.tables;
    let notes = &mut chunk.notes;
    let mut reader = chunk.reader;
    let mut dst_pos = chunk.dst_pos;

    loop {
        reader.refill();
        // So many pairs of items of the simple kind need no check for room.
        let refills = if ALIGNED || FAR { 2 } else { 1 };
        let mut room = (reader.unchecked_refills() / refills).min((end - dst_pos) / PAIR);
        // A pair, and what a rare item takes.
        if room < 2 {
            break;
        }
        let begin = dst.as_mut_ptr();
        // SAFETY: it is at most `end`.
        let mut target = unsafe { begin.add(dst_pos) };
        let mut cursor = reader.cursor();
        let length = 'items: loop {
            let entry = 'simple: loop {
                let Some(left) = room.checked_sub(1) else { break 'simple None };
                room = left;
                // What the items before have left suffices for a codeword: the refill need not be waited for.
                let mut index = tables.main.root_index(cursor.peek());
                // SAFETY: this is one of at most `unchecked_refills()` calls.
                unsafe { cursor.refill() };
                // As a macro, since a closure would borrow all this.
                macro_rules! item {
                    ($first:literal) => {
                        let entry = tables.main.at(index);
                        if entry & RARE != 0 {
                            cold_path();
                            break 'simple Some(entry);
                        }
                        let slot = entry_slot(entry);
                        let item_bits = cursor.peek().rotate_left(entry) as u32;
                        let mut explicit = tables.slots.bases[slot] + (item_bits & tables.slots.extra_masks[slot]);
                        cursor.consume(entry);
                        if ALIGNED && entry & ALIGNED_FOLLOWS != 0 {
                            let aligned_entry = tables.aligned.root(cursor.peek());
                            let high = item_bits << ALIGNED_BITS & tables.slots.extra_masks[slot];
                            explicit = tables.slots.bases[slot] + high + (aligned_entry >> 16);
                            cursor.consume(aligned_entry);
                            if $first {
                                // SAFETY: as above; `room` counts two for a pair.
                                unsafe { cursor.refill() };
                            }
                        }
                        recent.push(explicit, tables.slots.shifts[slot]);
                        let offset = recent.first();
                        let length = entry_length(entry);
                        let matched = target.wrapping_sub(offset).cast_const();
                        if offset < length || matched < begin.cast_const() {
                            cold_path();
                            if entry & LITERAL == 0 {
                                break 'items entry_length(entry);
                            }
                            // SAFETY: as below.
                            unsafe {
                                target.write(entry_literal(entry));
                                target = target.add(1);
                            }
                            continue 'simple;
                        }
                        notes.note(target.addr() - begin.addr(), length, offset, entry & LITERAL == 0);
                        // SAFETY: `room` leaves a word at `target`, and `matched` is not behind it, nor before the
                        // beginning: no offset is larger than the address of `begin`, so it has not wrapped. A literal's
                        // entry is in the root table, behind which there are more than a word's bytes of subtables.
                        unsafe {
                            let literal = tables.main.root_bytes(index).add(LITERAL_BYTE);
                            let source = select_unpredictable(entry & LITERAL != 0, literal, matched);
                            target.cast::<[u8; WORD]>().write(source.cast::<[u8; WORD]>().read());
                            target = target.add(length);
                        }
                    };
                }
                item!(true);
                index = tables.main.root_index(cursor.peek());
                if FAR {
                    // SAFETY: as above; `room` counts two for a pair.
                    unsafe { cursor.refill() };
                }
                item!(false);
            };
            let Some(entry) = entry else { break 0 };
            // A rare item. It takes as much as a pair.
            let Some(left) = room.checked_sub(1) else { break 0 };
            room = left;
            // SAFETY: as above.
            unsafe { cursor.refill() };
            let entry = tables.main.follow(entry, cursor.peek());
            if entry & LITERAL != 0 {
                cursor.consume(entry);
                // SAFETY: `room` leaves more than that.
                unsafe {
                    target.write(entry_literal(entry));
                    target = target.add(1);
                }
                continue;
            }
            if entry & REORDERS != 0 {
                recent.exchange(entry_slot(entry));
            }
            let (length, explicit) = general_match::<ALIGNED>(&mut cursor, tables, entry);
            if let Some(offset) = explicit {
                recent.push(offset, Recent::SHIFT);
            }
            let offset = recent.first();
            let mut matched = target.wrapping_sub(offset).cast_const();
            // Beyond the pair that has been taken.
            let taken = length / PAIR;
            if offset < PAIR || matched < begin.cast_const() || room < taken + 2 {
                break length;
            }
            room -= taken;
            notes.note(target.addr() - begin.addr(), length, offset, true);
            // SAFETY: behind the match, the room that is left is that of two pairs of words, and what is copied by two of them
            // ends there; `matched` is as above, and far enough from `target`.
            unsafe {
                let behind = target.add(length);
                loop {
                    for _ in 0..2 {
                        target.cast::<[u8; PAIR]>().write(matched.cast::<[u8; PAIR]>().read());
                        target = target.add(PAIR);
                        matched = matched.add(PAIR);
                    }
                    if target >= behind {
                        break;
                    }
                }
                target = behind;
            }
        };
        reader.resume(cursor);
        dst_pos = target.addr() - begin.addr();
        if length > 0 {
            let offset = recent.first();
            check_match(dst_pos, offset, length, end)?;
            notes.note(dst_pos, length, offset, true);
            copy_match(dst, dst_pos, offset, length);
            dst_pos += length;
        }
    }
    chunk.reader = reader;
    chunk.recent = recent.offsets();
    chunk.dst_pos = dst_pos;
    Ok(())
}

/// Decodes a match of any kind behind its entry, for which there must be 56 bits: gives its length, and its offset unless
/// that is a recent one.
#[inline(always)]
pub(super) fn general_match<const ALIGNED: bool>(
    reader: &mut BitCursor,
    tables: &Tables,
    entry: u32,
) -> (usize, Option<u32>) {
    let slot = entry_slot(entry);
    let aligned_follows = ALIGNED && entry & ALIGNED_FOLLOWS != 0;
    let extra_bits = u32::from(tables.slots.extra_bits[slot]) - if aligned_follows { ALIGNED_BITS } else { 0 };
    let mut length = first_length(entry);
    reader.consume(item_bits(entry) - extra_bits);
    if entry & LENGTH_FOLLOWS != 0 {
        let length_entry = tables.length.lookup(reader.peek());
        length += (length_entry >> 16) as usize;
        reader.consume(length_entry);
    }
    if slot < RECENT_OFFSETS {
        return (length, None);
    }
    let mut extra = (reader.peek() >> 1 >> (63 - extra_bits)) as u32;
    reader.consume(extra_bits);
    if aligned_follows {
        let aligned_entry = tables.aligned.root(reader.peek());
        extra = (extra << ALIGNED_BITS) + (aligned_entry >> 16);
        reader.consume(aligned_entry);
    }
    (length, Some(tables.slots.bases[slot] + extra))
}
