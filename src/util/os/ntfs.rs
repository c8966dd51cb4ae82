//! What NTFS keeps of a file besides its name, content and times, as every system's code speaks of it.

use super::dir::Times;

/// What was found of a file on NTFS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowsFacts {
    /// `FILE_ATTRIBUTE_*`.
    pub attributes: u32,
    /// The 8.3 name beside the name that was looked at, UTF-16LE; empty for none.
    pub short_name: Vec<u8>,
    /// The self-relative security descriptor, as much of it as the privileges show. `None`: nothing of it may be read.
    pub security_descriptor: Option<Vec<u8>>,
    /// The named data streams.
    pub streams: Vec<NamedStream>,
    /// What it leads to, or how it is to be read.
    pub reparse_point: Option<ReparsePoint>,
    /// Object id, birth volume id, birth object id and domain id.
    pub object_id: Option<[u8; 64]>,
    /// The extended attributes, packed as images have them; empty for none.
    pub extended_attributes: Vec<u8>,
}

/// A named data stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStream {
    /// Its name; `None` if it is no valid UTF-16.
    pub name: Option<String>,
    /// Its size in bytes.
    pub size: u64,
}

/// A reparse point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReparsePoint {
    /// What kind it is.
    pub tag: u32,
    /// The reserved field of its header.
    pub reserved: u16,
    /// Its data, without the 8-byte header; of a tag that is not Microsoft's, the GUID comes first.
    pub data: Vec<u8>,
}

/// What a volume can hold. Nothing of it, unless it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Attributes such as HIDDEN and SYSTEM, and 8.3 names.
    pub attributes: bool,
    /// Security descriptors.
    pub security_descriptors: bool,
    /// Named data streams.
    pub named_streams: bool,
    /// Reparse points of every kind.
    pub reparse_points: bool,
    /// Holes that a file has to be prepared for.
    pub sparse_files: bool,
    /// Object ids.
    pub object_ids: bool,
    /// Extended attributes.
    pub extended_attributes: bool,
}

/// What is to be restored of a file on NTFS.
#[derive(Clone, Copy, Debug, Default)]
pub struct Restore<'a> {
    /// `FILE_ATTRIBUTE_*`; 0 leaves them as they are.
    pub attributes: u32,
    /// The times; those that are zero are left as they are.
    pub times: Times,
    /// The 8.3 name, UTF-16LE; empty for none.
    pub short_name: &'a [u8],
    /// The self-relative security descriptor.
    pub security_descriptor: Option<&'a [u8]>,
    /// Object id, of 16 bytes or with birth ids behind it.
    pub object_id: Option<&'a [u8]>,
    /// The extended attributes, packed as images have them.
    pub extended_attributes: Option<&'a [u8]>,
    /// Compress the content where programs do not see it.
    pub compact: Option<CompactFormat>,
}

/// What of a [`Restore`] the file does not have now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotHeld {
    /// Some attributes.
    pub attributes: bool,
    /// The 8.3 name.
    pub short_name: bool,
    /// The security descriptor, or a part of it such as the owner.
    pub security_descriptor: bool,
    /// The object id or the extended attributes.
    pub tagged_items: bool,
    /// The content was not compressed.
    pub compact: bool,
}

/// How the Windows Overlay Filter compresses a file, by the number that it has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactFormat {
    /// XPRESS in chunks of 4 KiB: the fastest.
    Xpress4k = 0,
    /// LZX in chunks of 32 KiB: the smallest.
    Lzx = 1,
    /// XPRESS in chunks of 8 KiB.
    Xpress8k = 2,
    /// XPRESS in chunks of 16 KiB.
    Xpress16k = 3,
}
