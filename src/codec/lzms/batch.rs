//! Items that have been read but not carried out.

use super::copy::{WIDE, copy_literals, copy_match};
use crate::codec::boxed::boxed_array;

/// Matches per batch: enough that a batch costs little, few enough that it stays in the first cache.
pub(super) const MAX_MATCHES: usize = 256;
/// Literals per batch.
pub(super) const MAX_LITERALS: usize = 1024;

/// A few hundred items.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) literals: Box<[u8; MAX_LITERALS + WIDE]>,
    pub(super) num_literals: usize,
    pub(super) matches: Box<[Match; MAX_MATCHES]>,
    pub(super) num_matches: usize,
}

/// A match behind some literals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) literals: u32,
    pub(super) length: u32,
    pub(super) raw_offset: u32,
    /// Of a delta match, or [`Match::LZ`].
    pub(super) power: u32,
}

impl Match {
    /// The power of a match that is no delta match.
    pub(super) const LZ: u32 = u32::MAX;
}

impl Batch {
    pub(super) fn new() -> Self {
        let unused = Match { literals: 0, length: 0, raw_offset: 1, power: Match::LZ };
        Self { literals: boxed_array(0), num_literals: 0, matches: boxed_array(unused), num_matches: 0 }
    }

    /// Writes the batch to `dst` from `pos` on.
    #[inline(always)]
    pub(super) fn carry_out(&self, dst: &mut [u8], mut pos: usize) {
        let mut literal = 0;
        for item in &self.matches[..self.num_matches] {
            let run = item.literals as usize;
            copy_literals(&*self.literals, literal, dst, pos, run);
            literal += run;
            pos += run;
            let length = item.length as usize;
            let offset = item.raw_offset as usize;
            if item.power == Match::LZ {
                copy_match(dst, pos, offset, length);
            } else {
                copy_delta_match(dst, pos, offset << item.power, 1 << item.power, length);
            }
            pos += length;
        }
        let run = self.num_literals - literal;
        dst[pos..pos + run].copy_from_slice(&self.literals[literal..self.num_literals]);
    }
}

fn copy_delta_match(dst: &mut [u8], pos: usize, offset: usize, span: usize, length: usize) {
    let dst = &mut dst[..pos + length];
    for q in pos..pos + length {
        dst[q] = dst[q - offset].wrapping_add(dst[q - span]).wrapping_sub(dst[q - offset - span]);
    }
}
