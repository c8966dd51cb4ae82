//! Lazy parsing: take the longest match, unless one of the next two positions has a clearly better one.

use super::items::Items;
use crate::codec::matchfinder::handed_on::buffer::Buffer;
use crate::codec::matchfinder::handed_on::{LOOKAHEAD, Match, Matches};

/// What a match must be worth to be used. Three literals cost less than a match of three bytes at offset 2048 or more.
pub(super) const USABLE: u32 = 32;
/// How much more a match must be worth than the one before it, to pay for the literals in front of it.
const DEFER: [u32; LOOKAHEAD] = [2, 5];

/// A chunk's first parse, from matches alone.
#[inline(always)]
pub(super) fn parse(buffer: &Buffer, size: usize, matches: &Matches, items: &mut Items) {
    let mut items = items.writer();
    let longest = &*matches.longest;
    let mut position = 0;
    while position < size {
        let found = longest[position];
        if found.is_some() {
            let worth = worth_of(found, position);
            let defer = |ahead: usize| {
                let next = longest[position + ahead];
                next.is_some() & (worth_of(next, position + ahead) > worth + DEFER[ahead - 1])
            };
            // In one condition: the branch is hard enough to predict.
            if (worth > USABLE) & !(defer(1) | defer(2)) {
                items.add_match(found.length(), found.offset(position));
                position += found.length();
                continue;
            }
        }
        items.add_literal(buffer.byte(position));
        position += 1;
    }
    items.finish();
}

/// What a match is worth, in bits: about four for each byte, less what its offset costs.
#[inline(always)]
fn worth_of(found: Match, position: usize) -> u32 {
    worth(found.length(), found.offset(position))
}

/// As [`worth_of`].
#[inline(always)]
pub(super) fn worth(length: usize, offset: usize) -> u32 {
    4 * length as u32 + (offset as u32).leading_zeros()
}
