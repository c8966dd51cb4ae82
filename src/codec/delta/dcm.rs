//! Compressed files of the component store: four bytes that tell the kind, then a delta or LZMS blocks.
//!
//! | signature | what follows |
//! |---|---|
//! | `DCN\x01` | a null delta |
//! | `DCM\x01` | a delta whose source is the *base manifest*, the same for all manifests of an image |
//! | `DCD\x01` | eight bytes, then a delta whose source is a file of an older component |
//! | `DCS\x01` | how many blocks, how many bytes they become; for each block how many bytes follow, how many it becomes, LZMS |
//! | `DCH\x01`, `DCX\x01` | not known |
//!
//! The base manifest is in the servicing stack of the image: resource 614 of `wcp.dll`.

use super::{DeltaError, Malformed, Unsupported, pa30};
use crate::codec::Decompressor;
use crate::codec::lzms::LzmsDecompressor;
use crate::util::le;

/// A kind of compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `DCN`: a null delta.
    Dcn,
    /// `DCM`: a delta against the base manifest.
    Dcm,
    /// `DCD`: a delta against another file.
    Dcd,
    /// `DCS`: LZMS blocks.
    Dcs,
    /// `DCH`: not known.
    Dch,
    /// `DCX`: not known.
    Dcx,
}

impl Kind {
    /// The kind of a compressed file; `None` if it is none.
    pub fn of(file: &[u8]) -> Option<Self> {
        Some(match file.first_chunk()? {
            b"DCN\x01" => Self::Dcn,
            b"DCM\x01" => Self::Dcm,
            b"DCD\x01" => Self::Dcd,
            b"DCS\x01" => Self::Dcs,
            b"DCH\x01" => Self::Dch,
            b"DCX\x01" => Self::Dcx,
            _ => return None,
        })
    }

    /// What must be given besides the file.
    pub(super) const fn needs(self) -> &'static str {
        match self {
            Self::Dcm => "the base manifest",
            Self::Dcd => "the source that its delta was made for",
            Self::Dcn | Self::Dcs | Self::Dch | Self::Dcx => "nothing",
        }
    }

    /// Where the delta begins.
    const fn delta_offset(self) -> usize {
        match self {
            Self::Dcd => 12,
            _ => 4,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dcn => "DCN",
            Self::Dcm => "DCM",
            Self::Dcd => "DCD",
            Self::Dcs => "DCS",
            Self::Dch => "DCH",
            Self::Dcx => "DCX",
        })
    }
}

/// Decodes a compressed file. `source` is the base manifest of a DCM, the older file of a DCD, and of no matter for the others; `max_size` is
/// the most bytes that are made.
///
/// # Errors
/// [`DeltaError`]: it is no compressed file, its source was not given, or it cannot be decoded.
pub fn decode(file: &[u8], source: Option<&[u8]>, max_size: u64) -> Result<Vec<u8>, DeltaError> {
    let Some(kind) = Kind::of(file) else {
        return Err(DeltaError::Signature { found: file[..file.len().min(4)].to_vec() });
    };
    let source = match kind {
        Kind::Dcs => return decode_blocks(file, max_size),
        Kind::Dch | Kind::Dcx => return Err(Unsupported::Kind(kind).into()),
        Kind::Dcn => &[],
        Kind::Dcm | Kind::Dcd => source.ok_or(DeltaError::NoSource { kind })?,
    };
    let offset = kind.delta_offset();
    pa30::apply(source, file.get(offset..).unwrap_or_default(), max_size)
}

/// Decodes the LZMS blocks of a DCS.
fn decode_blocks(file: &[u8], max_size: u64) -> Result<Vec<u8>, DeltaError> {
    let malformed = |problem, offset| DeltaError::Malformed { problem, offset };
    let field = |offset| le::u32(file, offset).ok_or(malformed(Malformed::Truncated, file.len()));
    let count = field(4)?;
    let size = u64::from(field(8)?);
    if size > max_size {
        return Err(DeltaError::TooLarge { size, limit: max_size });
    }
    let mut decompressor = LzmsDecompressor::new();
    let mut made = Vec::new();
    let mut offset = 12;
    for _ in 0..count {
        let (stored_size, block_size) = (field(offset)? as usize, field(offset + 4)? as usize);
        let end = offset.checked_add(4).and_then(|start| start.checked_add(stored_size));
        // The size that is stored includes the one that follows it.
        let block = end.filter(|_| stored_size >= 4).and_then(|end| file.get(offset + 8..end));
        let (Some(block), Some(end)) = (block, end) else {
            return Err(malformed(Malformed::BlockSize, offset));
        };
        if block_size as u64 > size - made.len() as u64 {
            return Err(malformed(Malformed::BlockSize, offset + 4));
        }
        if block.len() == block_size {
            made.extend_from_slice(block); // as it is: nothing was to be gained
        } else {
            let start = made.len();
            made.resize(start + block_size, 0);
            decompressor
                .decompress(block, &mut made[start..])
                .map_err(|error| malformed(Malformed::Lzms(error), offset + 8 + error.src_offset))?;
        }
        offset = end;
    }
    if made.len() as u64 != size {
        return Err(malformed(Malformed::TotalSize { expected: size, found: made.len() as u64 }, 8));
    }
    Ok(made)
}
