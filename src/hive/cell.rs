//! Cells: pieces of the bins, each with its size before it.

use std::borrow::Cow;

use super::{BASE_NBYTES, Hive, HiveError, MAX_READS};
use crate::util::read_at::bytes_at;
use std::sync::atomic::Ordering::Relaxed;

/// Cells begin at multiples of this.
const ALIGNMENT: u32 = 8;
/// The field with the size, which counts itself.
const SIZE_NBYTES: u32 = 4;

/// A cell that is in use.
pub(super) struct Cell<'a> {
    /// From the end of the base block.
    pub(super) offset: u32,
    /// How many bytes it has, whether or not all of them were read.
    pub(super) size: u32,
    /// What was read of it.
    pub(super) bytes: Cow<'a, [u8]>,
}

impl Hive<'_> {
    /// Reads at most `at_most` bytes of the cell at `offset`, which is to be `what`.
    pub(super) fn cell(&self, offset: u32, at_most: u32, what: &'static str) -> Result<Cell<'_>, HiveError> {
        let is_left = self.reads_left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        is_left.map_err(|_| HiveError::TooManyReads { limit: MAX_READS })?;
        let no_cell = || HiveError::Cell { what, offset };
        let room = self.size.checked_sub(offset).filter(|room| *room >= ALIGNMENT).ok_or_else(no_cell)?;
        if !offset.is_multiple_of(ALIGNMENT) {
            return Err(no_cell());
        }
        let start = BASE_NBYTES + u64::from(offset);
        let size = bytes_at(self.source, start, SIZE_NBYTES as usize)?;
        let size = i32::from_le_bytes(size[..].try_into().expect("that many bytes were asked for"));
        // A cell that is free has a positive size.
        let size = Some(size.unsigned_abs()).filter(|_| size < 0).filter(|size| size.is_multiple_of(ALIGNMENT));
        let size = size.filter(|size| (ALIGNMENT..=room).contains(size)).ok_or_else(no_cell)? - SIZE_NBYTES;
        let bytes = bytes_at(self.source, start + u64::from(SIZE_NBYTES), size.min(at_most) as usize)?;
        Ok(Cell { offset, size, bytes })
    }
}

impl Cell<'_> {
    /// Its signature, which must be one of `known`.
    pub(super) fn kind(&self, known: &[[u8; 2]], what: &'static str) -> Result<[u8; 2], HiveError> {
        let found = self.bytes.first_chunk::<2>().copied().unwrap_or_default();
        let is_known = known.contains(&found);
        is_known.then_some(found).ok_or(HiveError::Kind { what, offset: self.offset, found })
    }

    /// The same field of whatever reads it, where the cell is too short for it.
    pub(super) fn too_short(&self, what: &'static str, stated: u64) -> HiveError {
        HiveError::TooLarge { what, offset: self.offset, stated, room: self.size.into() }
    }
}

/// A name: Latin-1, one byte for a character, or UTF-16.
pub(super) fn name(bytes: &[u8], is_latin1: bool) -> String {
    if is_latin1 { bytes.iter().copied().map(char::from).collect() } else { crate::util::utf16::to_string_lossy(bytes) }
}

/// Whether two names are the same to Windows.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    let fold = |text: &str| text.encode_utf16().map(crate::util::utf16::upper_case).collect::<Vec<_>>();
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && fold(a) == fold(b))
}
