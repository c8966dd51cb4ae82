//! Directory entries and extra stream entries as they lie in the resource.
//!
//! A dentry has 102 fixed bytes, then the name, the short name (each followed by a NUL iff not empty), zero padding to a
//! multiple of 8, tagged items up to its declared length, and, not counted in that length, its extra stream entries.
//! A declared length of at most 8 ends a list of children and takes 8 bytes.

use super::attributes::Attributes;
use super::error::MetadataError;
use crate::util::filetime::FileTime;
use crate::util::le;
use crate::util::sha1::Sha1;

/// Offsets of the fields from the start of a dentry.
pub(super) mod field {
    pub(in super::super) const LENGTH: usize = 0x00;
    pub(in super::super) const ATTRIBUTES: usize = 0x08;
    pub(in super::super) const SECURITY_ID: usize = 0x0C;
    pub(in super::super) const SUBDIRECTORY: usize = 0x10;
    /// Two unused 64-bit fields.
    pub(in super::super) const UNUSED: usize = 0x18;
    pub(in super::super) const CREATION_TIME: usize = 0x28;
    pub(in super::super) const ACCESS_TIME: usize = 0x30;
    pub(in super::super) const WRITE_TIME: usize = 0x38;
    pub(in super::super) const MAIN_HASH: usize = 0x40;
    pub(in super::super) const UNKNOWN: usize = 0x54;
    /// With REPARSE_POINT: `u32 tag, u16 reserved, u16 flags`; else the 64-bit hard link group id.
    pub(in super::super) const REPARSE_OR_LINK: usize = 0x58;
    pub(in super::super) const EXTRA_STREAMS: usize = 0x60;
    pub(in super::super) const SHORT_NAME_NBYTES: usize = 0x62;
    pub(in super::super) const NAME_NBYTES: usize = 0x64;
    pub(in super::super) const NAME: usize = 0x66;
}

/// The fixed part of a dentry, in bytes.
pub(super) const FIXED_NBYTES: usize = field::NAME;
/// The marker that ends a list of children, in bytes.
pub(super) const END_NBYTES: usize = 8;
/// The security id that means "no descriptor".
pub(super) const NO_SECURITY: u32 = u32::MAX;
/// Tagged items beyond this are not believed: NTFS keeps extended attributes below 64 KiB.
const MAX_NBYTES: u64 = (1 << 20) + 2 * 65_536;

/// Offsets of the fields from the start of an extra stream entry.
pub(super) mod stream_field {
    pub(in super::super) const LENGTH: usize = 0x00;
    pub(in super::super) const RESERVED: usize = 0x08;
    pub(in super::super) const HASH: usize = 0x10;
    pub(in super::super) const NAME_NBYTES: usize = 0x24;
    pub(in super::super) const NAME: usize = 0x26;
}

/// What a name takes, its NUL included.
pub(super) fn name_space(nbytes: usize) -> usize {
    if nbytes == 0 { 0 } else { nbytes + 2 }
}

/// A dentry whose lengths were checked by [`RawDentry::parse`] before.
#[derive(Clone, Copy)]
pub(super) struct RawDentry<'a> {
    /// The dentry up to its declared length, rounded up.
    bytes: &'a [u8],
    /// From the dentry to the end of the resource.
    rest: &'a [u8],
}

impl<'a> RawDentry<'a> {
    /// The dentry at `offset`, or `None` for the end of a list.
    pub(super) fn parse(resource: &'a [u8], offset: usize) -> Result<Option<Self>, MetadataError> {
        let size = resource.len() as u64;
        let truncated = |what| MetadataError::Truncated { what, offset: offset as u64, size };
        let rest = resource.get(offset..).unwrap_or_default();
        let declared = le::u64(rest, field::LENGTH).ok_or_else(|| truncated("list of children"))?;
        if declared <= END_NBYTES as u64 {
            return Ok(None);
        }
        if declared > MAX_NBYTES {
            return Err(MetadataError::DentryTooLong { offset: offset as u64, length: declared, limit: MAX_NBYTES });
        }
        let length = (declared as usize).next_multiple_of(8);
        let bytes = rest.get(..length).ok_or_else(|| truncated("dentry"))?;
        let too_short = |needed: usize| MetadataError::DentryTooShort {
            offset: offset as u64,
            length: declared,
            needed: needed as u64,
        };
        if length < FIXED_NBYTES {
            return Err(too_short(FIXED_NBYTES));
        }
        let dentry = Self { bytes, rest };
        for (what, at) in [("name", field::NAME_NBYTES), ("short name", field::SHORT_NAME_NBYTES)] {
            let nbytes = dentry.u16(at);
            if !nbytes.is_multiple_of(2) {
                return Err(MetadataError::OddName { what, offset: offset as u64, nbytes });
            }
        }
        // The last NUL may be missing: what matters is that the names themselves are inside.
        let needed = match dentry.short_name_nbytes() {
            0 => FIXED_NBYTES + dentry.name_nbytes(),
            short => FIXED_NBYTES + name_space(dentry.name_nbytes()) + short,
        };
        if needed > length { Err(too_short(needed)) } else { Ok(Some(dentry)) }
    }

    /// The dentry at `offset`, where [`Self::parse`] has found one.
    pub(super) fn parsed_before(resource: &'a [u8], offset: usize) -> Self {
        let rest = &resource[offset..];
        let length = u64::from_le_bytes(*rest.first_chunk().expect("parse found a dentry here"));
        Self { bytes: &rest[..(length as usize).next_multiple_of(8)], rest }
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        *self.bytes[at..].first_chunk().expect("parse has checked that the fixed part is there")
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    pub(super) fn attributes(&self) -> Attributes {
        Attributes(self.u32(field::ATTRIBUTES))
    }

    pub(super) fn security_id(&self) -> u32 {
        self.u32(field::SECURITY_ID)
    }

    pub(super) fn subdirectory_offset(&self) -> u64 {
        self.u64(field::SUBDIRECTORY)
    }

    pub(super) fn unused(&self) -> [u8; 16] {
        self.array(field::UNUSED)
    }

    pub(super) fn creation_time(&self) -> FileTime {
        FileTime(self.u64(field::CREATION_TIME))
    }

    pub(super) fn access_time(&self) -> FileTime {
        FileTime(self.u64(field::ACCESS_TIME))
    }

    pub(super) fn write_time(&self) -> FileTime {
        FileTime(self.u64(field::WRITE_TIME))
    }

    pub(super) fn main_hash(&self) -> Sha1 {
        Sha1(self.array(field::MAIN_HASH))
    }

    pub(super) fn unknown(&self) -> [u8; 4] {
        self.array(field::UNKNOWN)
    }

    pub(super) fn reparse_or_link(&self) -> u64 {
        self.u64(field::REPARSE_OR_LINK)
    }

    pub(super) fn extra_streams(&self) -> u16 {
        self.u16(field::EXTRA_STREAMS)
    }

    fn name_nbytes(&self) -> usize {
        self.u16(field::NAME_NBYTES).into()
    }

    fn short_name_nbytes(&self) -> usize {
        self.u16(field::SHORT_NAME_NBYTES).into()
    }

    pub(super) fn name(&self) -> &'a [u8] {
        &self.bytes[field::NAME..][..self.name_nbytes()]
    }

    pub(super) fn short_name(&self) -> &'a [u8] {
        match self.short_name_nbytes() {
            // Nothing need follow a name that is the last thing in the dentry, not even its NUL.
            0 => &[],
            nbytes => &self.bytes[field::NAME + name_space(self.name_nbytes())..][..nbytes],
        }
    }

    /// The bytes between the names' padding and the dentry's declared length.
    pub(super) fn tagged_items(&self) -> &'a [u8] {
        let names = name_space(self.name_nbytes()) + name_space(self.short_name_nbytes());
        self.bytes.get((FIXED_NBYTES + names).next_multiple_of(8)..).unwrap_or_default()
    }

    /// The extra stream entries as they come; an entry that does not fit is an error, after which nothing follows.
    pub(super) fn stream_entries(&self, offset: usize) -> StreamEntries<'a> {
        StreamEntries {
            resource_nbytes: offset + self.rest.len(),
            offset: offset + self.bytes.len(),
            rest: &self.rest[self.bytes.len()..],
            left: self.extra_streams(),
        }
    }
}

/// An extra stream entry.
#[derive(Clone, Copy)]
pub(super) struct StreamEntry<'a> {
    pub(super) reserved: [u8; 8],
    pub(super) hash: Sha1,
    pub(super) name: &'a [u8],
}

/// Iterates over the extra stream entries behind a dentry.
#[derive(Clone)]
pub(super) struct StreamEntries<'a> {
    resource_nbytes: usize,
    offset: usize,
    rest: &'a [u8],
    left: u16,
}

impl<'a> StreamEntries<'a> {
    /// Where the next entry begins; after the last one, where the dentry's bytes end.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    fn parse_next(&mut self) -> Result<StreamEntry<'a>, MetadataError> {
        use stream_field as at;
        let (offset, size) = (self.offset as u64, self.resource_nbytes as u64);
        let truncated = || MetadataError::Truncated { what: "stream entry", offset, size };
        let declared = le::u64(self.rest, at::LENGTH).ok_or_else(truncated)?;
        let length = usize::try_from(declared).ok().and_then(|length| length.checked_next_multiple_of(8));
        let bytes = length.and_then(|length| self.rest.get(..length)).ok_or_else(truncated)?;
        let too_short =
            |needed: usize| MetadataError::StreamTooShort { offset, length: declared, needed: needed as u64 };
        let name_nbytes = le::u16(bytes, at::NAME_NBYTES).ok_or_else(|| too_short(at::NAME))?;
        if !name_nbytes.is_multiple_of(2) {
            return Err(MetadataError::OddName { what: "stream name", offset, nbytes: name_nbytes });
        }
        let name_nbytes = usize::from(name_nbytes);
        let name = bytes[at::NAME..].get(..name_nbytes).ok_or_else(|| too_short(at::NAME + name_nbytes))?;
        self.rest = &self.rest[bytes.len()..];
        self.offset += bytes.len();
        Ok(StreamEntry {
            reserved: le::array(bytes, at::RESERVED).ok_or_else(truncated)?,
            hash: Sha1(le::array(bytes, at::HASH).ok_or_else(truncated)?),
            name,
        })
    }
}

impl<'a> Iterator for StreamEntries<'a> {
    type Item = Result<StreamEntry<'a>, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.parse_next();
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}
