//! PA30, the deltas of Windows Update since Vista.
//!
//! A delta is a header, a *preprocess* buffer and a *patch* buffer. The header tells the target's size and digest, and what kind of
//! files these are. Plain files need no preprocessing; executables are made alike first: what refers to code or data that has
//! moved is changed in the source as it will be in the target, so that the patch need not say so at each place. The patch is LZ77
//! with prefix codes, into whose window the source was put.
//!
//! | at | what |
//! |---|---|
//! | 0 | `PA30` |
//! | 4 | when the target was written, in ticks of 100 ns since 1601 |
//! | 12 | a bit stream: the set of file types that were tried, the file type, flags, the target's size, the digest's algorithm and the digest, preprocess buffer, patch buffer |
//!
//! See `bits` for what a number and a buffer are in it, `patch` for the patch, and `executable` for the preparation.

mod bits;
mod code;
mod executable;
mod hash;
mod lengths;
mod patch;
mod rift;
#[cfg(test)]
mod tests;

use bits::BitReader;
pub use hash::TargetHash;
use rift::RiftTable;

use super::{DeltaError, Malformed, Unsupported};
use crate::util::filetime::FileTime;
use crate::util::le;

/// With what a delta begins.
pub const SIGNATURE: &[u8; 4] = b"PA30";

/// What kind of files a delta is between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileType(pub u64);

impl FileType {
    /// Anything: bytes.
    pub const RAW: Self = Self(1);
    /// Executables for i386.
    pub const I386: Self = Self(2);
    /// Executables for AMD64.
    pub const AMD64: Self = Self(8);
}

impl std::fmt::Display for FileType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.0 {
            1 => "RAW",
            2 => "executable (i386)",
            4 => "executable (IA-64)",
            8 => "executable (AMD64)",
            0x10 => "executable with CLI 4 (i386)",
            0x20 => "executable with CLI 4 (AMD64)",
            0x40 => "executable with CLI 4 (ARM)",
            0x80 => "executable with CLI 4 (ARM64)",
            unknown => return write!(f, "{unknown:#x}"),
        };
        write!(f, "{} ({name})", self.0)
    }
}

/// What a delta tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// When the target was written.
    pub time: FileTime,
    /// Which file types were tried when the delta was made.
    pub file_type_set: u64,
    /// What kind of files these are.
    pub file_type: FileType,
    /// Which transformations were made.
    pub flags: u64,
    /// The target's size in bytes.
    pub target_size: u64,
    /// The target's digest.
    pub target_hash: TargetHash,
}

/// A bit of the set of file types: the delta leads back.
const REVERSE: u64 = 0x100;

impl Header {
    /// Reads the header of a delta.
    ///
    /// # Errors
    /// Not a delta, or one whose header ends too early or is of a kind that is not known.
    pub fn read(delta: &[u8]) -> Result<Self, DeltaError> {
        Self::and_rest(delta).map(|(header, _)| header)
    }

    /// The header, and a reader of what is behind it.
    fn and_rest(delta: &[u8]) -> Result<(Self, BitReader<'_>), DeltaError> {
        let found = &delta[..delta.len().min(SIGNATURE.len())];
        match found {
            b"PA30" => {}
            b"PA31" => return Err(Unsupported::Generation("PA31").into()),
            b"PA19" => return Err(Unsupported::Generation("PA19").into()),
            _ => return Err(DeltaError::Signature { found: found.to_vec() }),
        }
        let truncated = DeltaError::Malformed { problem: Malformed::Truncated, offset: delta.len() };
        let time = le::u64(delta, 4).ok_or(truncated)?;
        let mut reader = BitReader::new(&delta[12..], 12)?;
        let header = Self {
            time: FileTime(time),
            file_type_set: reader.number()?,
            file_type: FileType(reader.number()?),
            flags: reader.number()?,
            target_size: reader.number()?,
            target_hash: TargetHash::read(&mut reader)?,
        };
        Ok((header, reader))
    }
}

/// Applies a delta: answers the target. `source` is empty for a null delta; `max_size` is the most bytes that are made.
///
/// The target's digest is compared with the one that the delta tells, if it tells one.
///
/// # Errors
/// [`DeltaError`]: it is no delta, is of a kind that is not known, is malformed, or makes another target than it should,
/// as it does with another source than it was made for.
pub fn apply(source: &[u8], delta: &[u8], max_size: u64) -> Result<Vec<u8>, DeltaError> {
    let (header, mut rest) = Header::and_rest(delta)?;
    if header.target_size > max_size {
        return Err(DeltaError::TooLarge { size: header.target_size, limit: max_size });
    }
    if header.file_type_set & REVERSE != 0 {
        return Err(Unsupported::Reverse.into());
    }
    let (preprocess, preprocess_offset) = rest.buffer()?;
    let (patch, offset) = rest.buffer()?;
    let prepared;
    let (source, rifts) = if header.file_type == FileType::RAW {
        (source, RiftTable::default())
    } else {
        prepared = executable::prepare(source, &header, preprocess, preprocess_offset)?;
        (&*prepared.source, prepared.rifts)
    };
    let mut target = patch::apply(source, patch, offset, header.target_size, &rifts)?;
    executable::finish(&mut target, header.flags);
    header.target_hash.check(&target)?;
    Ok(target)
}
