//! Lazy parsing: take the best match, unless the next position has a clearly better one.
//!
//! Matches are compared by a guess of the bits they save, with which a recent offset competes against a longer match
//! at a new one. That gives a parse of its own, and is good enough to tell where blocks end and what symbols cost there.
//!
//! It cannot be predicted which of the candidates a position has: all are looked at, there or not.

use std::hint::select_unpredictable;

use super::Queue;
use crate::codec::lzx::encode::sequence::{OFFSET_ADJUSTMENT, RecentOffsets, Sequence};
use crate::codec::lzx::encode::split::Count;
use crate::codec::lzx::format::{MAX_MATCH, MIN_MATCH};
use crate::codec::matchfinder::handed_on::Match;
use crate::codec::matchfinder::handed_on::buffer::{Buffer, MAX_SIZE};
use crate::codec::processor::{self, Processor, Work};

/// What a byte of a match saves, in bits: a literal costs about that much.
const BITS_PER_BYTE: u32 = 6;
/// What a match costs besides its offset's logarithm.
const MATCH_BITS: u32 = 6;
/// What a match at a recent offset costs.
const RECENT_MATCH_BITS: u32 = 4;
/// The next position's match must save so many bits more to be worth waiting for.
const PATIENCE: u32 = 2;

/// A match and what it saves, which is nothing if there is none.
#[derive(Clone, Copy)]
struct Candidate {
    value: u32,
    length: u32,
    adjusted: u32,
}

/// Whether there may be a match at a position, which is not the first: two bytes at a recent offset, or more elsewhere.
#[inline(always)]
fn is_promising(buffer: &Buffer, at: usize, long: Match, recent: Queue) -> bool {
    let here = buffer.long_word(at) as u16;
    let is_repeat = [0, 1, 2].map(|kind| buffer.long_word(at.wrapping_sub(recent.get(kind))) as u16 == here);
    // In one condition: mostly there is none of them.
    is_repeat[0] | is_repeat[1] | is_repeat[2] | long.is_some()
}

impl Candidate {
    /// The best match at a position, which is not the first.
    #[inline(always)]
    fn best(buffer: &Buffer, at: usize, long: Match, recent: Queue) -> Self {
        let here = buffer.long_word(at);
        let lengths = [0, 1, 2].map(|kind| {
            let difference = here ^ buffer.long_word(at.wrapping_sub(recent.get(kind)));
            difference.trailing_zeros() / 8
        });
        // The longest; of equal ones, the newest. What goes on behind a word is compared further.
        let mut recent_key = (lengths[0] << 2 | 2).max(lengths[1] << 2 | 1).max(lengths[2] << 2);
        if recent_key >= 8 << 2 {
            for (kind, length) in lengths.into_iter().enumerate() {
                if length == 8 {
                    let length = buffer.extend(at.wrapping_sub(recent.get(kind)), at, 8, MAX_MATCH);
                    recent_key = recent_key.max((length << 2 | (2 - kind)) as u32);
                }
            }
        }
        let length = recent_key >> 2;
        let value = select_unpredictable(
            length < MIN_MATCH as u32,
            0,
            (BITS_PER_BYTE * length).saturating_sub(RECENT_MATCH_BITS),
        );
        let recent = Self { value, length, adjusted: 2 - recent_key % 4 };

        let adjusted = long.offset(at) as u32 + OFFSET_ADJUSTMENT;
        let length = long.length().min(MAX_MATCH) as u32;
        let value = (BITS_PER_BYTE * length).saturating_sub(MATCH_BITS + adjusted.ilog2());
        let value = select_unpredictable(long.is_some(), value, 0);
        select_unpredictable(value > recent.value, Self { value, length, adjusted }, recent)
    }
}

/// Parses a chunk of `size` bytes; returns the recent offsets behind it, and what has counted.
pub(super) fn parse<C: Count>(
    buffer: &Buffer,
    size: usize,
    longest: &[Match],
    sequences: &mut Vec<Sequence>,
    counter: C,
) -> (RecentOffsets, C) {
    processor::run(Parse { buffer, size, longest, sequences, counter })
}

/// One chunk's parse.
struct Parse<'a, C> {
    buffer: &'a Buffer,
    size: usize,
    longest: &'a [Match],
    sequences: &'a mut Vec<Sequence>,
    counter: C,
}

impl<C: Count> Work for Parse<'_, C> {
    type Output = (RecentOffsets, C);

    #[inline(always)]
    fn run<P: Processor>(self) -> (RecentOffsets, C) {
        let Self { buffer, size, longest, sequences, mut counter } = self;
        let best = |position: usize, recent| Candidate::best(buffer, position % MAX_SIZE, longest[position], recent);
        let mut recent = Queue::INITIAL;
        if size > 0 {
            counter.literal(buffer.byte(0));
        }
        // At the very beginning there is nothing to repeat.
        let (mut position, mut literals_from) = (1, 0);
        while position < size {
            if !is_promising(buffer, position % MAX_SIZE, longest[position], recent) {
                counter.literal(buffer.byte(position));
                position += 1;
                continue;
            }
            let mut current = best(position, recent);
            if current.value == 0 {
                counter.literal(buffer.byte(position));
                position += 1;
                continue;
            }
            while position < size {
                let next = best(position + 1, recent);
                if next.value <= current.value + PATIENCE {
                    break;
                }
                counter.literal(buffer.byte(position));
                position += 1;
                current = next;
            }
            let length = (current.length as usize).min(size - position);
            if length < MIN_MATCH {
                (position..size).for_each(|position| counter.literal(buffer.byte(position)));
                break;
            }
            let sequence = Sequence::near(position - literals_from, length, current.adjusted);
            counter.sequence(&sequence);
            sequences.push(sequence);
            recent = recent.after_adjusted(current.adjusted);
            position += length;
            literals_from = position;
        }
        if literals_from < size {
            let sequence = Sequence::near(size - literals_from, 0, 0);
            counter.sequence(&sequence);
            sequences.push(sequence);
        }
        (recent.to_recent(), counter)
    }
}
