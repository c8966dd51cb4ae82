//! The 208-byte header at the beginning of a WIM, and the 24-byte resource headers in it and in the blob table.

use crate::codec::Format;

/// Size of the header on disk, in bytes.
pub const HEADER_SIZE: usize = 208;
/// Size of a resource header on disk, in bytes.
pub const RESOURCE_HEADER_SIZE: usize = 24;

/// What a WIM begins with.
pub const MAGIC: [u8; 8] = *b"MSWIM\0\0\0";
const PIPABLE_MAGIC: [u8; 8] = *b"WLPWM\0\0\0";
/// The largest number of images that is taken seriously.
const MAX_IMAGES: u32 = 65535;

/// Bits of [`Header::flags`].
pub mod flag {
    /// Resources may be compressed; one of the type bits says how.
    pub const COMPRESSION: u32 = 0x2;
    /// Modification must be refused.
    pub const READONLY: u32 = 0x4;
    /// Part of a split set.
    pub const SPANNED: u32 = 0x8;
    /// A writer is modifying the file, or died while it did.
    pub const WRITE_IN_PROGRESS: u32 = 0x40;
    /// Absolute links were rewritten at capture.
    pub const RP_FIX: u32 = 0x80;
    /// Type bit: XPRESS.
    pub const COMPRESS_XPRESS: u32 = 0x2_0000;
    /// Type bit: LZX.
    pub const COMPRESS_LZX: u32 = 0x4_0000;
    /// Type bit: LZMS.
    pub const COMPRESS_LZMS: u32 = 0x8_0000;
    /// Type bit: XPRESS, seen on some files.
    pub const COMPRESS_XPRESS_2: u32 = 0x20_0000;
    /// All bits that tell a compression type.
    pub const COMPRESS_MASK: u32 =
        COMPRESSION | COMPRESS_XPRESS | COMPRESS_LZX | COMPRESS_LZMS | COMPRESS_XPRESS_2 | 0x1_0000;
}

/// Bits of [`ResourceHeader::flags`].
pub mod resource_flag {
    /// The entry is unused.
    pub const FREE: u8 = 0x01;
    /// Metadata of an image.
    pub const METADATA: u8 = 0x02;
    /// Stored as compressed chunks behind a chunk table.
    pub const COMPRESSED: u8 = 0x04;
    /// Part of, or itself, a solid resource (version 0xE00 only).
    pub const SOLID: u8 = 0x10;
}

/// Which edition of the format a file claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 0x10D00, the ordinary one.
    Ordinary,
    /// 0xE00: the file may hold solid resources.
    Solid,
}

impl Version {
    /// The number on disk.
    pub const fn number(self) -> u32 {
        match self {
            Self::Ordinary => 0x1_0D00,
            Self::Solid => 0xE00,
        }
    }
}

/// Where a resource lies and how it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceHeader {
    /// Bytes that the resource occupies in the file (56 bits).
    pub size_in_wim: u64,
    /// [`resource_flag`] bits.
    pub flags: u8,
    /// Where it begins, from the start of the file.
    pub offset_in_wim: u64,
    /// Bytes after decompression.
    pub uncompressed_size: u64,
}

impl ResourceHeader {
    /// Reads the on-disk form. Any bit pattern is a value; whether it makes sense is for the caller to check.
    pub fn decode(bytes: &[u8; RESOURCE_HEADER_SIZE]) -> Self {
        let [size @ .., flags] = *field::<8>(bytes, 0);
        let mut wide = [0; 8];
        wide[..7].copy_from_slice(&size);
        Self {
            size_in_wim: u64::from_le_bytes(wide),
            flags,
            offset_in_wim: u64::from_le_bytes(*field(bytes, 8)),
            uncompressed_size: u64::from_le_bytes(*field(bytes, 16)),
        }
    }

    /// The on-disk form.
    pub fn encode(&self) -> [u8; RESOURCE_HEADER_SIZE] {
        let mut bytes = [0; RESOURCE_HEADER_SIZE];
        bytes[..8].copy_from_slice(&self.size_in_wim.to_le_bytes());
        bytes[7] = self.flags;
        bytes[8..16].copy_from_slice(&self.offset_in_wim.to_le_bytes());
        bytes[16..].copy_from_slice(&self.uncompressed_size.to_le_bytes());
        bytes
    }

    /// Whether this describes no resource at all.
    pub fn is_absent(&self) -> bool {
        self.offset_in_wim == 0 && self.size_in_wim == 0
    }

    /// Whether all bits of `flag` are set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }

    /// The offset of the first byte behind the resource, if it does not overflow.
    pub fn end_in_wim(&self) -> Option<u64> {
        self.offset_in_wim.checked_add(self.size_in_wim)
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..at + N].try_into().expect("the slice has N bytes")
}

/// The header of a WIM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether the file has the layout for pipes (WLPWM).
    pub pipable: bool,
    /// Format version.
    pub version: Version,
    /// [`flag`] bits.
    pub flags: u32,
    /// Chunk size of non-solid compressed resources, in bytes; 0 when there is no compression type.
    pub chunk_size: u32,
    /// Identity of the archive; parts of a split set share it.
    pub guid: [u8; 16],
    /// 1-based number of this part.
    pub part_number: u16,
    /// How many parts the set has; 1 for a file that stands alone.
    pub total_parts: u16,
    /// Number of images.
    pub image_count: u32,
    /// The blob table.
    pub blob_table: ResourceHeader,
    /// The XML document.
    pub xml: ResourceHeader,
    /// A copy of the boot image's metadata resource header, or absent.
    pub boot_metadata: ResourceHeader,
    /// 1-based number of the bootable image; 0 = none.
    pub boot_index: u32,
    /// The integrity table, or absent.
    pub integrity: ResourceHeader,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("the file has {size} bytes, a WIM header alone has {HEADER_SIZE}")]
    TooShort {
        /// The file's size.
        size: u64,
    },
    /// Neither of the two magic values.
    #[error("offset 0x0: expected the magic \"MSWIM\" or \"WLPWM\", found {found:02x?}: this is not a WIM")]
    Magic {
        /// The eight bytes found.
        found: [u8; 8],
    },
    /// One of the formats of pre-release Windows "Longhorn".
    #[error(
        "offset 0xc: version {version:#x} is a pre-release (Longhorn) WIM format, which is not supported; 0x10d00 and 0xe00 are"
    )]
    HistoricVersion {
        /// The version found.
        version: u32,
    },
    /// A version that nobody has described.
    #[error("offset 0xc: expected version 0x10d00 or 0xe00, found {version:#x}")]
    UnknownVersion {
        /// The version found.
        version: u32,
    },
    /// The header says that it has another size.
    #[error("offset 0x8: expected a header size of 208, found {found}")]
    HeaderSize {
        /// The size found.
        found: u32,
    },
    /// The compression bit is set without any known type.
    #[error("offset 0x10: flags {flags:#x} announce compression of no known type")]
    UnknownCompression {
        /// All flags.
        flags: u32,
    },
    /// Part 0, no parts, or a part beyond their number.
    #[error("offset 0x28: part {part} of {total} is impossible")]
    PartNumber {
        /// The part's number.
        part: u16,
        /// The number of parts.
        total: u16,
    },
    /// More images than any real file has.
    #[error("offset 0x2c: {found} images are declared, at most 65535 are allowed")]
    ImageCount {
        /// The number found.
        found: u32,
    },
    /// The file was never completed.
    #[error("offset 0x30: the blob table and XML document are absent: the file was never completed")]
    Incomplete,
    /// A resource of the header lies outside of the file.
    #[error("offset {at:#x}: the {what} at {offset:#x} with {size} bytes lies outside the file of {file_size} bytes")]
    OutsideFile {
        /// Where the resource header stands in the file.
        at: u64,
        /// Which resource.
        what: &'static str,
        /// Where it would begin.
        offset: u64,
        /// Its size in the file.
        size: u64,
        /// The size of the file.
        file_size: u64,
    },
    /// The front or trailing header of a pipable WIM is of another kind than the other.
    #[error("offset {at:#x}: the trailing header of a pipable WIM is missing")]
    NoTrailingHeader {
        /// Where it should be.
        at: u64,
    },
}

impl Header {
    /// The header of an ordinary file that stands alone and holds nothing yet, with plain resources of `format` in chunks of
    /// `chunk_size` bytes (0 without a format).
    pub fn new(format: Option<Format>, chunk_size: u32) -> Self {
        Self {
            pipable: false,
            // Microsoft's tools write LZMS together with this version alone.
            version: if format == Some(Format::Lzms) { Version::Solid } else { Version::Ordinary },
            flags: Self::format_flags(format),
            chunk_size,
            guid: [0; 16],
            part_number: 1,
            total_parts: 1,
            image_count: 0,
            blob_table: ResourceHeader::default(),
            xml: ResourceHeader::default(),
            boot_metadata: ResourceHeader::default(),
            boot_index: 0,
            integrity: ResourceHeader::default(),
        }
    }

    /// Reads the on-disk form and checks everything that needs nothing but these bytes.
    ///
    /// # Errors
    /// [`HeaderError`]; sizes of the file are checked by [`Header::check_ranges`].
    pub fn decode(bytes: &[u8; HEADER_SIZE]) -> Result<Self, HeaderError> {
        let u16_at = |at| u16::from_le_bytes(*field(bytes, at));
        let u32_at = |at| u32::from_le_bytes(*field(bytes, at));
        let resource_at = |at| ResourceHeader::decode(field(bytes, at));

        let magic: [u8; 8] = *field(bytes, 0);
        if magic != MAGIC && magic != PIPABLE_MAGIC {
            return Err(HeaderError::Magic { found: magic });
        }
        // The version comes before the size in importance: old formats have another size.
        let version = match u32_at(0x0C) {
            0x1_0D00 => Version::Ordinary,
            0xE00 => Version::Solid,
            version @ (0x1_0900 | 0x1_0A00 | 0x1_0B00 | 0x1_0C00) => {
                return Err(HeaderError::HistoricVersion { version });
            }
            version => return Err(HeaderError::UnknownVersion { version }),
        };
        if u32_at(0x08) != HEADER_SIZE as u32 {
            return Err(HeaderError::HeaderSize { found: u32_at(0x08) });
        }
        let header = Self {
            pipable: magic == PIPABLE_MAGIC,
            version,
            flags: u32_at(0x10),
            chunk_size: u32_at(0x14),
            guid: *field(bytes, 0x18),
            part_number: u16_at(0x28),
            total_parts: u16_at(0x2A),
            image_count: u32_at(0x2C),
            blob_table: resource_at(0x30),
            xml: resource_at(0x48),
            boot_metadata: resource_at(0x60),
            boot_index: u32_at(0x78),
            integrity: resource_at(0x7C),
        };
        header.format()?;
        if header.part_number == 0 || header.part_number > header.total_parts {
            return Err(HeaderError::PartNumber { part: header.part_number, total: header.total_parts });
        }
        if header.image_count > MAX_IMAGES {
            return Err(HeaderError::ImageCount { found: header.image_count });
        }
        Ok(header)
    }

    /// The on-disk form.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, if self.pipable { &PIPABLE_MAGIC } else { &MAGIC });
        put(0x08, &(HEADER_SIZE as u32).to_le_bytes());
        put(0x0C, &self.version.number().to_le_bytes());
        put(0x10, &self.flags.to_le_bytes());
        put(0x14, &self.chunk_size.to_le_bytes());
        put(0x18, &self.guid);
        put(0x28, &self.part_number.to_le_bytes());
        put(0x2A, &self.total_parts.to_le_bytes());
        put(0x2C, &self.image_count.to_le_bytes());
        put(0x30, &self.blob_table.encode());
        put(0x48, &self.xml.encode());
        put(0x60, &self.boot_metadata.encode());
        put(0x78, &self.boot_index.to_le_bytes());
        put(0x7C, &self.integrity.encode());
        bytes
    }

    /// The compression type of non-solid resources; `None` when nothing is compressed.
    ///
    /// # Errors
    /// [`HeaderError::UnknownCompression`].
    pub fn format(&self) -> Result<Option<Format>, HeaderError> {
        if self.flags & flag::COMPRESSION == 0 {
            Ok(None)
        } else if self.flags & flag::COMPRESS_LZX != 0 {
            Ok(Some(Format::Lzx))
        } else if self.flags & (flag::COMPRESS_XPRESS | flag::COMPRESS_XPRESS_2) != 0 {
            Ok(Some(Format::Xpress))
        } else if self.flags & flag::COMPRESS_LZMS != 0 {
            Ok(Some(Format::Lzms))
        } else {
            Err(HeaderError::UnknownCompression { flags: self.flags })
        }
    }

    /// The flag bits that announce `format`.
    pub const fn format_flags(format: Option<Format>) -> u32 {
        match format {
            None => 0,
            Some(Format::Xpress) => flag::COMPRESSION | flag::COMPRESS_XPRESS,
            Some(Format::Lzx) => flag::COMPRESSION | flag::COMPRESS_LZX,
            Some(Format::Lzms) => flag::COMPRESSION | flag::COMPRESS_LZMS,
        }
    }

    /// Checks that the resources of the header lie inside a file of `file_size` bytes.
    ///
    /// # Errors
    /// [`HeaderError::Incomplete`] or [`HeaderError::OutsideFile`].
    pub fn check_ranges(&self, file_size: u64) -> Result<(), HeaderError> {
        if self.blob_table.is_absent() && self.xml.is_absent() {
            return Err(HeaderError::Incomplete);
        }
        let resources = [(0x30, "blob table", self.blob_table), (0x48, "XML document", self.xml)];
        for (at, what, resource) in resources {
            if resource.end_in_wim().is_none_or(|end| end > file_size) {
                return Err(HeaderError::OutsideFile {
                    at,
                    what,
                    offset: resource.offset_in_wim,
                    size: resource.size_in_wim,
                    file_size,
                });
            }
        }
        Ok(())
    }

    /// Whether all bits of `flag` are set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Header {
        Header {
            flags: flag::RP_FIX,
            guid: [7; 16],
            image_count: 1,
            blob_table: ResourceHeader { size_in_wim: 100, flags: 2, offset_in_wim: 462, uncompressed_size: 100 },
            xml: ResourceHeader { size_in_wim: 756, flags: 2, offset_in_wim: 562, uncompressed_size: 756 },
            integrity: ResourceHeader { size_in_wim: 32, flags: 0, offset_in_wim: 1318, uncompressed_size: 32 },
            ..Header::new(None, 0)
        }
    }

    #[test]
    fn encodes_the_bytes_of_the_worked_example() {
        let bytes = example().encode();
        assert_eq!(bytes[0x30..0x3A], [0x64, 0, 0, 0, 0, 0, 0, 2, 0xCE, 1]);
        assert_eq!(Header::decode(&bytes), Ok(example()));
    }

    #[test]
    fn refuses_what_is_not_a_wim_and_names_old_versions() {
        let good = example().encode();
        let with = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            Header::decode(&bytes).unwrap_err()
        };
        assert!(matches!(with(0, b'X'), HeaderError::Magic { .. }));
        assert_eq!(with(0x0D, 0x0B), HeaderError::HistoricVersion { version: 0x10B00 });
        assert_eq!(with(0x0D, 0x77), HeaderError::UnknownVersion { version: 0x17700 });
        assert_eq!(with(0x08, 1), HeaderError::HeaderSize { found: 1 });
        assert_eq!(with(0x10, 2), HeaderError::UnknownCompression { flags: 2 });
        assert_eq!(with(0x28, 2), HeaderError::PartNumber { part: 2, total: 1 });
        assert!(matches!(with(0x2F, 9), HeaderError::ImageCount { .. }));
    }

    #[test]
    fn ranges_must_lie_in_the_file() {
        let mut header = example();
        assert_eq!(header.check_ranges(1350), Ok(()));
        assert!(matches!(header.check_ranges(1000), Err(HeaderError::OutsideFile { what: "XML document", .. })));
        header.blob_table.offset_in_wim = u64::MAX;
        assert!(matches!(header.check_ranges(1350), Err(HeaderError::OutsideFile { what: "blob table", .. })));
    }
}
