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

#[cfg(test)]
mod tests {
    use super::super::test_encoder::{Fields, Item, delta, null_delta};
    use super::*;
    use crate::codec::{Format, Level};

    const TEXT: &[u8] = b"how much wood would a woodchuck chuck if a woodchuck could chuck wood";

    fn with(signature: &[u8], rest: &[u8]) -> Vec<u8> {
        [signature, rest].concat()
    }

    #[test]
    fn deltas_behind_a_signature() {
        let null = null_delta(TEXT, 0, &[]);
        assert_eq!(decode(&with(b"DCN\x01", &null), None, 100).as_deref(), Ok(TEXT));
        let fields = Fields { size: 9, ..Fields::default() };
        let against = delta(&fields, &[Item::InFront { in_front: 0, length: 8 }, Item::Literal(b'!')]);
        let dcm = with(b"DCM\x01", &against);
        assert_eq!(decode(&dcm, Some(TEXT), 100).as_deref(), Ok(&b"how much!"[..]));
        assert_eq!(decode(&dcm, None, 100), Err(DeltaError::NoSource { kind: Kind::Dcm }));
        let dcd = with(b"DCD\x01\0\0\0\0\0\0\0\0", &against);
        assert_eq!(decode(&dcd, Some(TEXT), 100).as_deref(), Ok(&b"how much!"[..]));
        assert_eq!(decode(&dcd, None, 100), Err(DeltaError::NoSource { kind: Kind::Dcd }));
        assert_eq!(decode(&dcm, Some(TEXT), 8), Err(DeltaError::TooLarge { size: 9, limit: 8 }));
        for (signature, kind) in [(b"DCH\x01", Kind::Dch), (b"DCX\x01", Kind::Dcx)] {
            assert_eq!(decode(&with(signature, &null), None, 100), Err(Unsupported::Kind(kind).into()));
        }
        assert!(matches!(decode(&null, None, 100), Err(DeltaError::Signature { .. })));
        assert!(decode(b"DCD\x01", Some(TEXT), 100).is_err());
    }

    /// Blocks of what they become, and the header.
    fn dcs(blocks: &[&[u8]]) -> Vec<u8> {
        let total: usize = blocks.iter().map(|block| block.len()).sum();
        let mut file = with(b"DCS\x01", &(blocks.len() as u32).to_le_bytes());
        file.extend_from_slice(&(total as u32).to_le_bytes());
        for block in blocks {
            let mut packed = vec![0; block.len()];
            let mut compressor = Format::Lzms.compressor(1 << 15, Level::DEFAULT).unwrap();
            let size = compressor.compress(block, &mut packed);
            let packed = size.map_or(*block, |size| &packed[..size]);
            file.extend_from_slice(&(packed.len() as u32 + 4).to_le_bytes());
            file.extend_from_slice(&(block.len() as u32).to_le_bytes());
            file.extend_from_slice(packed);
        }
        file
    }

    #[test]
    fn lzms_blocks() {
        let repetitive = TEXT.repeat(50);
        let file = dcs(&[&repetitive, b"tiny", TEXT]);
        let whole = [&repetitive, &b"tiny"[..], TEXT].concat();
        assert!(file.len() < 400);
        assert_eq!(decode(&file, None, 1 << 20).as_deref(), Ok(&whole[..]));
        assert!(matches!(decode(&file, None, 100), Err(DeltaError::TooLarge { limit: 100, .. })));
        for size in 0..file.len() {
            assert!(decode(&file[..size], None, 1 << 20).is_err(), "{size} bytes");
        }
        // Sizes that do not agree.
        for (at, value) in [(4, 2), (4, 4), (8, 1), (12, 3), (12, 0xFFFF_FFFF), (16, 0xFFFF_FFFF_u32)] {
            let mut damaged = file.clone();
            damaged[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert!(decode(&damaged, None, 1 << 20).is_err(), "{value:#x} at {at}");
        }
    }
}
