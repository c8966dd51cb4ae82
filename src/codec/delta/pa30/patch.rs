//! The patch: how the target is put together.
//!
//! The target is thought to stand directly behind the source, and a match copies from further in front, out of either or across
//! both. Where from is told in one of three ways: as a distance; as one of the last three distances; or as how far it is from the place
//! in the source that *corresponds* to the place in the target. That is the same offset in both files, unless a rift table shifts it,
//! so the parts of an executable that have moved are still found near where they are looked for. A match at exactly the corresponding
//! place may go on across several entries of the rift table and follows each one's shift.
//!
//! Symbols of the main code: 0 to 255 are literals; the others are 43 slots for where from, of eight length classes each. Slots
//! of distances double every second one, as in other LZ77 formats, and four low bits of large distances have a code of their own.

use super::super::{DeltaError, Malformed};
use super::bits::BitReader;
use super::lengths::{Blocks, Codes};
use super::rift::{Rift, RiftTable};

/// Where a match copies from.
enum From {
    /// So many bytes in front of the corresponding place.
    Corresponding(i64),
    /// One of the last distances.
    Recent(usize),
    /// So many bytes back.
    Distance(i64),
}

/// Makes the target of `size` bytes out of the source and the patch, which stands at `offset` of the delta. `rifts` is what the
/// preprocessing of executables found out about what has moved, by positions in the target.
pub(super) fn apply(
    source: &[u8],
    patch: &[u8],
    offset: usize,
    size: u64,
    rifts: &RiftTable,
) -> Result<Vec<u8>, DeltaError> {
    let mut reader = BitReader::new(patch, offset)?;
    let mut table = RiftTable::read(&mut reader)?;
    let start = source.len() as i64;
    let folded = rifts.0.iter().map(|entry| Rift { from: entry.from.wrapping_add(start), to: entry.to });
    table.0.extend(folded);
    table.0.push(Rift { from: start, to: 0 });
    table.sort();
    let mut blocks = Blocks::read(&mut reader)?;
    let mut target = Target { source, made: Vec::new(), size, table, recent: [0; 3] };
    while target.left() > 0 {
        let (codes, end) = blocks.at(target.position()).map_err(|problem| reader.malformed(problem))?;
        while target.left() > 0 && target.position() < end {
            let symbol = codes.main.symbol(&mut reader)?;
            match u8::try_from(symbol) {
                Ok(literal) => target.made.push(literal),
                Err(_) => {
                    let from = read_from((symbol - 256) >> 3, &codes, &mut reader)?;
                    let length = read_length(symbol & 7, &codes, &mut reader)?;
                    target.copy(from, length).map_err(|problem| reader.malformed(problem))?;
                }
            }
        }
    }
    Ok(target.made)
}

/// Reads the rest of where a match copies from.
#[inline]
fn read_from(slot: usize, codes: &Codes, reader: &mut BitReader<'_>) -> Result<From, DeltaError> {
    // Three ranges around the corresponding place, each of which begins where the one inside of it ends.
    let mut near = |bits: u32, inside: i64| {
        let value = reader.bits(bits)? as i64 - (1 << (bits - 1));
        Ok(From::Corresponding(if value < 0 { value - inside } else { value + inside }))
    };
    let slot = match slot {
        0 => return near(14, 0),
        1 => return near(16, 0x2000),
        2 => return near(18, 0xA000),
        3 => return Ok(From::Corresponding(0)),
        4..=6 => return Ok(From::Recent(slot - 4)),
        7 if reader.bits(1)? == 0 => 43 + reader.bits(2)?,
        7 if reader.bits(1)? == 0 => 47 + reader.bits(3)?,
        7 => 55 + reader.bits(4)?,
        _ => slot as u64,
    };
    let Some(doubling) = slot.checked_sub(11) else { return Ok(From::Distance(slot as i64 - 7)) };
    let top = (2 | doubling & 1) as i64;
    let bits = (doubling >> 1) as u32 + 1;
    if bits < 4 {
        return Ok(From::Distance(top << bits | reader.bits(bits)? as i64));
    }
    let middle = reader.bits(bits - 4)? as i64;
    let low = codes.aligned.symbol(reader)? as i64;
    Ok(From::Distance(top << bits | middle << 4 | low))
}

/// Reads the rest of how long a match is.
#[inline]
fn read_length(class: usize, codes: &Codes, reader: &mut BitReader<'_>) -> Result<u64, DeltaError> {
    if class > 0 {
        return Ok(class as u64 + 1);
    }
    Ok(8 + match codes.length.symbol(reader)? {
        0 => {
            let bits = reader.zeros(23)? + 8;
            1 << bits | reader.bits(bits)?
        }
        length => length as u64,
    })
}

/// The target while it grows.
struct Target<'a> {
    source: &'a [u8],
    made: Vec<u8>,
    size: u64,
    table: RiftTable,
    /// The last three distances, the newest first.
    recent: [i64; 3],
}

impl Target<'_> {
    fn left(&self) -> u64 {
        self.size - self.made.len() as u64
    }

    /// The position behind the source and what is made.
    fn position(&self) -> u64 {
        (self.source.len() + self.made.len()) as u64
    }

    fn copy(&mut self, from: From, length: u64) -> Result<(), Malformed> {
        if length > self.left() {
            return Err(Malformed::Length { position: self.made.len() as u64, length });
        }
        let distance = match from {
            From::Distance(distance) => distance,
            From::Recent(index) => self.recent[index],
            From::Corresponding(in_front) => in_front.wrapping_sub(self.shift().0),
        };
        if self.recent[0] != distance {
            // What leaves its place is the distance itself, or the oldest one.
            let last = if self.recent[1] == distance { 2 } else { 3 };
            self.recent[..last].rotate_right(1);
            self.recent[0] = distance;
        }
        if !matches!(from, From::Corresponding(0)) {
            return self.copy_from(distance, length as usize);
        }
        let mut left = length;
        while left > 0 {
            let (shift, end) = self.shift();
            let here = left.min((end as u64).saturating_sub(self.position()).saturating_add(1));
            self.copy_from(shift.wrapping_neg(), here as usize)?;
            left -= here;
        }
        Ok(())
    }

    /// The shift to the corresponding place, and the last position where it holds.
    fn shift(&self) -> (i64, i64) {
        self.table.at(self.position() as i64)
    }

    fn copy_from(&mut self, distance: i64, length: usize) -> Result<(), Malformed> {
        let outside = Malformed::Distance { position: self.made.len() as u64, distance };
        let from = (self.position() as i64).checked_sub(distance).and_then(|from| usize::try_from(from).ok());
        let from = from.filter(|from| *from < self.source.len() + self.made.len()).ok_or(outside)?;
        let in_source = self.source.get(from..).unwrap_or_default();
        let in_source = &in_source[..length.min(in_source.len())];
        self.made.extend_from_slice(in_source);
        let mut left = length - in_source.len();
        let start = from.saturating_sub(self.source.len());
        while left > 0 {
            // Each time around there is twice as much of what repeats.
            let piece = left.min(self.made.len() - start);
            if piece == 0 {
                return Err(outside);
            }
            self.made.extend_from_within(start..start + piece);
            left -= piece;
        }
        Ok(())
    }
}
