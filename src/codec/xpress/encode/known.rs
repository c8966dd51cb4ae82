//! Parsing by the matches of another stream, which were found by whoever made that.
//!
//! What the stream has at a position is taken as far as the bytes agree, and beyond what it used where they go on agreeing.
//! It was chosen for another format, though, which charges less for offsets that were used just before. So each is
//! compared with one more candidate: the latest match that begins with the same three bytes, which may be nearer. That costs
//! little, and makes up for what a search would find besides: without it the result is 0.4 % larger.

use super::MIN_MATCH;
use super::items::Items;
use super::lazy::{USABLE, worth};
use crate::codec::boxed::boxed_array;
use crate::codec::known_match::KnownMatch;
use crate::codec::matchfinder::common::hash;
use crate::codec::matchfinder::handed_on::buffer::Buffer;

const STARTS_BITS: u32 = 12;

/// Divides chunks into items.
#[derive(Debug)]
pub(super) struct KnownParser {
    /// Where the latest match begins, for each hash of its first three bytes.
    starts: Box<[u16; 1 << STARTS_BITS]>,
}

impl KnownParser {
    /// Bytes on the heap.
    pub(super) const MEMORY: usize = size_of::<u16>() << STARTS_BITS;

    pub(super) fn new() -> Self {
        Self { starts: boxed_array(0) }
    }

    /// A chunk's only parse. What is known need not be true: the bytes decide.
    #[inline(always)]
    pub(super) fn parse(&mut self, known: &[KnownMatch], buffer: &Buffer, size: usize, items: &mut Items) {
        self.starts.fill(0);
        let mut items = items.writer();
        // The first position that is in no item yet.
        let mut next = 0;
        for known in known {
            // A match before may have been longer than it was known to be.
            let mut position = known.position().max(next);
            let end = known.position() + known.length();
            let offset = known.offset();
            if offset == 0 || offset > position || end > size {
                continue;
            }
            while position + MIN_MATCH <= end {
                let latest = &mut self.starts[hash::<STARTS_BITS>(buffer.word(position) << 8)];
                let latest = position - usize::from(std::mem::replace(latest, position as u16)).min(position - 1);
                let (length, other) =
                    [offset, latest].map(|offset| buffer.common(position, offset, size - position)).into();
                let is_other = other >= MIN_MATCH && worth(other, latest) > worth(length, offset);
                let (best, best_offset) = if is_other { (other, latest) } else { (length, offset) };
                if best >= MIN_MATCH && worth(best, best_offset) > USABLE {
                    (next..position).for_each(|literal| items.add_literal(buffer.byte(literal)));
                    items.add_match(best, best_offset);
                    position += best;
                    next = position;
                } else {
                    // A filter of the other format may have changed the byte that does not agree. Behind it, it may be a match again.
                    position += length + 1;
                }
            }
        }
        (next..size).for_each(|literal| items.add_literal(buffer.byte(literal)));
        items.finish();
    }
}
