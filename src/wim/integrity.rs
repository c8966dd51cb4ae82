//! The integrity table: SHA-1 of each piece of the file, from behind the header to the end of the blob table.

use super::header::HEADER_SIZE;
use super::resource::ResourceError;
use crate::util::progress::Control;
use crate::util::read_at::ReadAt;
use crate::util::sha1::{Hasher, Sha1};
use rayon::prelude::*;

/// Bytes before the digests.
const HEAD_SIZE: usize = 12;
/// The usual size of a piece: 10 MiB.
pub const DEFAULT_PIECE_SIZE: u32 = 10 << 20;
/// Bytes read at a time while hashing.
const READ_SIZE: usize = 256 << 10;

/// An integrity table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrityTable {
    /// Bytes that each digest covers; the last piece may be shorter.
    pub piece_size: u32,
    /// Digests of the pieces, in file order.
    pub digests: Vec<Sha1>,
}

/// What is wrong with an integrity table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntegrityError {
    /// Sizes that contradict each other.
    #[error("the integrity table has {found} bytes and declares {declared} bytes with {digests} digests")]
    Size {
        /// Bytes there are.
        found: usize,
        /// Bytes by its own header.
        declared: u32,
        /// Digests by its own header.
        digests: u32,
    },
    /// Pieces of no bytes.
    #[error("the integrity table's piece size is 0")]
    PieceSize,
    /// More or fewer digests than the file has pieces.
    #[error("the integrity table has {found} digests, {expected} are needed to cover {covered} bytes")]
    Count {
        /// Digests there are.
        found: u64,
        /// Digests needed.
        expected: u64,
        /// Bytes covered.
        covered: u64,
    },
}

/// Why an integrity table is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityTableError {
    /// It cannot be read.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// It contradicts itself or the file.
    #[error(transparent)]
    Table(#[from] IntegrityError),
}

impl IntegrityTable {
    /// Reads the on-disk form.
    ///
    /// # Errors
    /// [`IntegrityError::Size`] or [`IntegrityError::PieceSize`].
    pub fn decode(bytes: &[u8]) -> Result<Self, IntegrityError> {
        let u32_at = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().expect("4 bytes")));
        let (declared, count, piece_size) = (u32_at(0).unwrap_or(0), u32_at(4).unwrap_or(0), u32_at(8).unwrap_or(0));
        let expected = HEAD_SIZE as u64 + 20 * u64::from(count);
        if bytes.len() as u64 != expected || u64::from(declared) != expected {
            return Err(IntegrityError::Size { found: bytes.len(), declared, digests: count });
        }
        if piece_size == 0 {
            return Err(IntegrityError::PieceSize);
        }
        let digests = bytes[HEAD_SIZE..].as_chunks::<20>().0.iter().map(|digest| Sha1(*digest)).collect();
        Ok(Self { piece_size, digests })
    }

    /// The on-disk form.
    pub fn encode(&self) -> Vec<u8> {
        let size = HEAD_SIZE + 20 * self.digests.len();
        let mut bytes = Vec::with_capacity(size);
        bytes.extend((size as u32).to_le_bytes());
        bytes.extend((self.digests.len() as u32).to_le_bytes());
        bytes.extend(self.piece_size.to_le_bytes());
        bytes.extend(self.digests.iter().flat_map(|digest| digest.0));
        bytes
    }

    /// Computes the table of `source`, whose blob table ends at `end`, on all cores.
    ///
    /// `None` when the work was interrupted.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn compute(
        source: &dyn ReadAt,
        end: u64,
        piece_size: u32,
        control: Control<'_>,
    ) -> std::io::Result<Option<Self>> {
        let covered = end.saturating_sub(HEADER_SIZE as u64);
        let digests: Result<Vec<_>, _> = (0..covered.div_ceil(piece_size.into()))
            .into_par_iter()
            .map(|piece| {
                let start = HEADER_SIZE as u64 + piece * u64::from(piece_size);
                hash_range(source, start, end.min(start + u64::from(piece_size)), control)
            })
            .collect();
        Ok(digests?.into_iter().collect::<Option<Vec<_>>>().map(|digests| Self { piece_size, digests }))
    }

    /// The offsets of the pieces of `source` that differ from this table; `None` when interrupted.
    ///
    /// # Errors
    /// The source cannot be read, or the table covers another number of bytes (as an [`IntegrityError`] inside).
    pub fn mismatches(
        &self,
        source: &dyn ReadAt,
        end: u64,
        control: Control<'_>,
    ) -> std::io::Result<Option<Result<Vec<u64>, IntegrityError>>> {
        let covered = end.saturating_sub(HEADER_SIZE as u64);
        let expected = covered.div_ceil(self.piece_size.into());
        let found = self.digests.len() as u64;
        if found != expected {
            return Ok(Some(Err(IntegrityError::Count { found, expected, covered })));
        }
        let actual = Self::compute(source, end, self.piece_size, control)?;
        Ok(actual.map(|actual| {
            let pairs = self.digests.iter().zip(&actual.digests).enumerate();
            let wrong = pairs.filter(|(_, (ours, theirs))| ours != theirs);
            Ok(wrong.map(|(piece, _)| HEADER_SIZE as u64 + piece as u64 * u64::from(self.piece_size)).collect())
        }))
    }
}

fn hash_range(source: &dyn ReadAt, start: u64, end: u64, control: Control<'_>) -> std::io::Result<Option<Sha1>> {
    let mut hasher = Hasher::new();
    let mut at = start;
    let mut buffer = Vec::new();
    while at < end {
        if control.interrupted() {
            return Ok(None);
        }
        let length = (end - at).min(READ_SIZE as u64) as usize;
        match source.as_slice() {
            Some(all) if end <= all.len() as u64 => hasher.update(&all[at as usize..at as usize + length]),
            _ => {
                buffer.resize(length, 0);
                source.read_exact_at(&mut buffer, at)?;
                hasher.update(&buffer);
            }
        }
        control.progress.advance(length as u64);
        at += length as u64;
    }
    Ok(Some(hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn finds_the_piece_that_changed() {
        let mut file: Vec<u8> = (0..5000_u32).map(|i| i as u8).collect();
        let control = Control::silent();
        let table = IntegrityTable::compute(&Cursor::new(&file), 4800, 1000, control).unwrap().unwrap();
        assert_eq!(table.digests.len(), 5);
        assert_eq!(IntegrityTable::decode(&table.encode()), Ok(table.clone()));
        let check = |file: &Vec<u8>, end| table.mismatches(&Cursor::new(file), end, control).unwrap().unwrap();
        assert_eq!(check(&file, 4800), Ok(vec![]));
        assert_eq!(check(&file, 1000), Err(IntegrityError::Count { found: 5, expected: 1, covered: 792 }));
        file[2300] ^= 1;
        assert_eq!(check(&file, 4800), Ok(vec![2208]));
    }

    #[test]
    fn contradictory_tables_are_refused() {
        let good = IntegrityTable { piece_size: 4096, digests: vec![Sha1([1; 20])] }.encode();
        for (at, value) in [(0, 33), (4, 2), (8, 0)] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
            assert!(IntegrityTable::decode(&bytes).is_err());
        }
        assert!(IntegrityTable::decode(&good[..20]).is_err() && IntegrityTable::decode(&[]).is_err());
    }
}
