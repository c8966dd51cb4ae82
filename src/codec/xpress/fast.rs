//! The fast loop of XPRESS decoding, for all of a chunk but its end.
//!
//! - **Nothing to predict.** Whether an item is a literal or a match is nearly random, and a mispredicted branch costs
//!   as much as decoding an item. So both take the same path: sixteen bytes are copied from the match's source, or from the
//!   table's entry, in which a literal's byte lies, if there is no match; then the position moves on by 1 or the match's
//!   length. Only long matches, those that overlap themselves, and codewords too long for the root table leave this path.
//! - **Few instructions.** A refill suffices for two items, and so does a check for room. Whatever is asked of an entry is
//!   in a byte or on top of it.
//! - **Whole words of bits.** The reservoir is refilled from eight bytes at once, which asks for bits in the order of
//!   bytes: the chunk is copied with its units in reverse, so that the word is in the processor's own order. As length bytes
//!   shift the units that follow them, there are two such copies, one for units at even positions and one for odd.
//! - **A short chain.** Codeword and extra bits are consumed by one shift, and what two items leave in the reservoir suffices
//!   to look up the next one while the reservoir is refilled: the lookup waits for nothing but the entry before it.
//! - **BMI2**, where the processor has it, shifts without the detour through one register.
#![allow(unsafe_code)]

use std::hint::{cold_path, select_unpredictable};

use super::decode::{
    Chunk, LENGTH_FOLLOWS, LITERAL, LITERAL_BYTE, RARE, Reader, Table, codeword_bits, entry_length, entry_literal,
    entry_offset, extra_bits, item_bits, simple_length,
};
use crate::codec::copy::copy_match;
use crate::codec::word::BitCursor;
use crate::codec::{DecodeErrorKind, word};

/// The longest match of the simple case, as table entries have it.
const SIMPLE_LENGTH: usize = 16;
/// What the simple case writes between two checks for room.
const PAIR: usize = 2 * SIMPLE_LENGTH;
const WORD: usize = size_of::<u64>();
/// As many bytes can be read from any root entry's on.
const _: () = assert!(Table::BYTES_BEHIND_ROOT >= SIMPLE_LENGTH);

/// A stream with its units in reverse.
#[derive(Debug, Default)]
pub(super) struct ReversedUnits {
    /// For units at even positions, and for units at odd ones.
    by_parity: [Vec<u8>; 2],
}

impl ReversedUnits {
    fn fill(&mut self, stream: &[u8]) {
        for (parity, reversed) in self.by_parity.iter_mut().enumerate() {
            let (units, first) = word::first_bytes(reversed, stream.len()).split_at_mut(stream.len() - parity);
            word::reverse_units(&stream[parity..], units);
            first.copy_from_slice(&stream[..parity]);
        }
    }
}

/// Decodes literals and matches while both input and output leave room for whole words.
pub(super) fn decode_items(
    chunk: &mut Chunk<'_>,
    table: &Table,
    reversed: &mut ReversedUnits,
) -> Result<(), DecodeErrorKind> {
    if chunk.reader.src.len() < WORD || chunk.dst.len() < PAIR {
        return Ok(());
    }
    reversed.fill(chunk.reader.src);
    #[cfg(target_arch = "x86_64")]
    if crate::codec::cpu::bmi2() {
        // SAFETY: the processor has the feature.
        return unsafe { decode_items_bmi2(chunk, table, reversed) };
    }
    decode_items_with(chunk, table, reversed)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn decode_items_bmi2(chunk: &mut Chunk<'_>, table: &Table, reversed: &ReversedUnits) -> Result<(), DecodeErrorKind> {
    decode_items_with(chunk, table, reversed)
}

#[inline(always)]
fn decode_items_with(chunk: &mut Chunk<'_>, table: &Table, reversed: &ReversedUnits) -> Result<(), DecodeErrorKind> {
    let src = chunk.reader.src;
    let dst = &mut *chunk.dst;
    // Behind so low an address, offsets would wrap around zero.
    if dst.as_ptr().addr() <= LARGEST_OFFSET {
        return Ok(());
    }
    let mut dst_pos = chunk.dst_pos;
    // The last position at which a word can be read.
    let src_end = src.len() - WORD;

    // `pos` is the first byte that the reservoir does not cover, in units that begin at even or odd positions. Before the
    // last length bytes, positions are virtual: the bits that were still unread then count as if they lay there.
    let mut pos = 0;
    let mut odd = 0;
    let mut reservoir = 0_u64;
    let mut count = 0_u32;
    let mut result = Ok(());

    while pos <= src_end {
        let input = &reversed.by_parity[odd][..src.len()];
        let mut cursor = BitCursor::new(input, pos, reservoir, count);
        // SAFETY: `pos` is at most `src_end`.
        unsafe { cursor.refill() };
        // So many pairs of simple items need no check for room, and leave that of another refill. A pair takes at most twice
        // the root table's 11 bits and 15 extra bits, 52 of 56, and leaves 12 of the 64 that a refill shows.
        let refills = src_end.saturating_sub(cursor.pos(input)) / WORD;
        let mut room = refills.min((dst.len() - dst_pos) / PAIR);
        let begin = dst.as_mut_ptr();
        // SAFETY: it is in `dst`, or at its end.
        let mut target = unsafe { begin.add(dst_pos) };
        let is_last = room == 0;
        let exit = 'simple: loop {
            let Some(left) = room.checked_sub(1) else { break Exit::NoRoom };
            room = left;
            // What the items before have left suffices for a codeword: the refill need not be waited for.
            let mut index = table.root_index(cursor.peek());
            // SAFETY: this is one of at most `refills` calls.
            unsafe { cursor.refill() };
            // As a macro, since a closure would borrow all this.
            macro_rules! item {
                () => {
                    let entry = table.at(index);
                    if entry & RARE != 0 {
                        cold_path();
                        break 'simple Exit::Rare(entry);
                    }
                    let offset = entry_offset(entry, cursor.peek());
                    let length = simple_length(entry);
                    cursor.consume(entry);
                    let matched = target.wrapping_sub(offset).cast_const();
                    if offset < length || matched < begin.cast_const() {
                        cold_path();
                        break 'simple Exit::Overlap(entry, offset);
                    }
                    // SAFETY: `room` leaves a simple match's length at `target`, and `matched` is not behind it, nor before
                    // the beginning: no offset is larger than the address of `begin`, so it has not wrapped. A literal's
                    // entry is in the root table, behind which there are more than that many bytes of subtables.
                    unsafe {
                        let literal = table.root_bytes(index).add(LITERAL_BYTE);
                        let source = select_unpredictable(entry & LITERAL != 0, literal, matched);
                        let bytes = source.cast::<[u8; SIMPLE_LENGTH]>().read();
                        target.cast::<[u8; SIMPLE_LENGTH]>().write(bytes);
                        target = target.add(length);
                    }
                };
            }
            item!();
            index = table.root_index(cursor.peek());
            item!();
        };
        dst_pos = target.addr() - begin.addr();
        (pos, reservoir, count) = (cursor.pos(input), cursor.peek(), cursor.count());
        let entry = match exit {
            Exit::NoRoom if is_last => break,
            Exit::NoRoom => continue,
            Exit::Overlap(entry, _) if entry & LITERAL != 0 => {
                dst[dst_pos] = entry_literal(entry);
                dst_pos += 1;
                continue;
            }
            Exit::Overlap(_, offset) if offset > dst_pos => {
                result = Err(DecodeErrorKind::BadOffset { offset: offset as u64 });
                break;
            }
            Exit::Overlap(entry, offset) => {
                copy_match(dst, dst_pos, offset, simple_length(entry));
                dst_pos += simple_length(entry);
                continue;
            }
            Exit::Rare(entry) => {
                // SAFETY: the room is such that another refill is possible.
                unsafe { cursor.refill() };
                (pos, reservoir, count) = (cursor.pos(input), cursor.peek(), cursor.count());
                table.follow(entry, reservoir)
            }
        };

        let (mut next_pos, mut next_count) = (pos, count - item_bits(entry));
        let mut next_reservoir = reservoir.wrapping_shl(entry);
        let mut length = entry_length(entry);
        if entry & LITERAL != 0 {
            dst[dst_pos] = entry_literal(entry);
        } else {
            let offset = entry_offset(entry, reservoir);
            // What the entry says decides, not the length: a 16-bit length may be smaller than one that needs no length bytes.
            if length == LENGTH_FOLLOWS {
                // Where the cursor of a decoder would be that fetches a unit when fewer than 16 bits are unread, and how
                // many bits it would hold.
                let behind_codeword = count - codeword_bits(entry);
                let unread = 16 + (((pos - odd) * 8) as u32).wrapping_sub(behind_codeword).wrapping_neg() % 16;
                let mut reader =
                    Reader { src, pos: pos - (behind_codeword - unread) as usize / 8, reservoir: 0, count: 0 };
                let Ok(long_length) = reader.long_length() else { break };
                length = long_length;
                next_pos = reader.pos;
                next_count = unread - extra_bits(entry);
                let behind_codeword = reservoir.wrapping_shl(codeword_bits(entry));
                next_reservoir = keep_top(behind_codeword, unread) << extra_bits(entry);
            }
            // The careful loop finds what is wrong.
            if length > dst.len() - dst_pos || offset > dst_pos {
                break;
            }
            copy_match(dst, dst_pos, offset, length);
            if entry_length(entry) == LENGTH_FOLLOWS {
                odd = next_pos & 1;
            }
        }
        dst_pos += length;
        (pos, count, reservoir) = (next_pos, next_count, next_reservoir);
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
    result
}

/// No offset is larger.
const LARGEST_OFFSET: usize = (1 << 16) - 1;

/// Why the loop over simple items ends.
enum Exit {
    NoRoom,
    /// An item of a rare kind, which has yet to be consumed: its root entry.
    Rare(u32),
    /// An item that has been consumed, and its offset: a match that overlaps itself or is malformed, or the chunk's first
    /// literal.
    Overlap(u32, usize),
}

/// Clears all but the topmost `count` bits.
#[inline(always)]
fn keep_top(bits: u64, count: u32) -> u64 {
    bits & !u64::MAX.unbounded_shr(count)
}
