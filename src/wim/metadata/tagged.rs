//! Tagged items: optional records between a dentry's names and its end.
//!
//! Each is `u32 tag, u32 data length, data`, padded with zeros to a multiple of 8.

use crate::util::le;
use crate::util::os::{Ownership, SpecialFile, UnixFacts};

/// Object id of NTFS.
pub const OBJECT_ID: u32 = 0x0000_0001;
/// Extended attributes, from Windows 10 1607 on.
pub const EXTENDED_ATTRIBUTES: u32 = 0x0000_0002;
/// Owner, group and mode of a Unix file: an extension of open tools.
pub const UNIX_DATA: u32 = 0x337D_D873;

/// A tagged item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggedItem<'a> {
    /// What kind it is.
    pub tag: u32,
    /// Its content.
    pub data: &'a [u8],
}

/// Iterates over the tagged items of a dentry. Ends at the first that does not fit.
#[derive(Clone, Debug)]
pub struct TaggedItems<'a> {
    rest: &'a [u8],
}

impl<'a> TaggedItems<'a> {
    pub(super) fn new(area: &'a [u8]) -> Self {
        Self { rest: area }
    }

    /// After the last item: whether one follows that does not fit.
    pub(super) fn cut_off(&self) -> bool {
        self.rest.len() >= 8
    }
}

impl<'a> Iterator for TaggedItems<'a> {
    type Item = TaggedItem<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let tag = le::u32(self.rest, 0)?;
        let nbytes = le::u32(self.rest, 4)? as usize;
        let data = self.rest.get(8..)?.get(..nbytes)?;
        self.rest = self.rest.get((8 + nbytes).next_multiple_of(8)..).unwrap_or_default();
        Some(TaggedItem { tag, data })
    }
}

/// Owner, group and mode as open tools keep them: Windows passes them over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixData {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Type and permission bits.
    pub mode: u32,
    /// Device number, for a device, as Linux has it.
    pub rdev: u32,
}

impl From<UnixFacts> for UnixData {
    fn from(UnixFacts { uid, gid, mode, device }: UnixFacts) -> Self {
        Self { uid, gid, mode, rdev: device }
    }
}

/// What the type bits of a mode say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnixKind {
    /// Nothing.
    Unstated,
    /// A file with content.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Special(SpecialFile),
    /// Something that Unix does not have.
    Unknown,
}

impl UnixData {
    /// Out of the data of an item tagged [`UNIX_DATA`]; `None` if it is too short.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let field = |index: usize| le::u32(data, 4 * index);
        Some(Self { uid: field(0)?, gid: field(1)?, mode: field(2)?, rdev: field(3)? })
    }

    /// The data of an item tagged [`UNIX_DATA`].
    pub fn encode(&self) -> [u8; 16] {
        let mut data = [0; 16];
        for (field, number) in data.as_chunks_mut::<4>().0.iter_mut().zip([self.uid, self.gid, self.mode, self.rdev]) {
            *field = number.to_le_bytes();
        }
        data
    }

    /// What kind of file it is.
    pub fn kind(&self) -> UnixKind {
        match self.mode & 0o170_000 {
            0 => UnixKind::Unstated,
            0o010_000 => UnixKind::Special(SpecialFile::Fifo),
            0o020_000 => UnixKind::Special(SpecialFile::CharacterDevice(self.rdev)),
            0o040_000 => UnixKind::Directory,
            0o060_000 => UnixKind::Special(SpecialFile::BlockDevice(self.rdev)),
            0o100_000 => UnixKind::File,
            0o120_000 => UnixKind::Link,
            0o140_000 => UnixKind::Special(SpecialFile::Socket),
            _ => UnixKind::Unknown,
        }
    }

    /// Owner and permissions.
    pub fn ownership(&self) -> Ownership {
        Ownership { uid: self.uid, gid: self.gid, mode: self.mode & 0o7777 }
    }
}

/// Appends an item to `out`, padding included.
pub(super) fn encode(tag: u32, data: &[u8], out: &mut Vec<u8>) {
    out.extend(tag.to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out.resize(out.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_one_after_the_other() {
        let mut area = Vec::new();
        encode(OBJECT_ID, &[7; 16], &mut area);
        encode(0xABCD, &[1, 2, 3], &mut area);
        let mut items = TaggedItems::new(&area);
        assert_eq!(items.next(), Some(TaggedItem { tag: OBJECT_ID, data: &[7; 16] }));
        assert_eq!(items.next(), Some(TaggedItem { tag: 0xABCD, data: &[1, 2, 3] }));
        assert_eq!((items.next(), items.cut_off()), (None, false));
    }

    #[test]
    fn unix_data_and_back() {
        let data = UnixData { uid: 1, gid: u32::MAX, mode: 0o104_755, rdev: 0x1111_0370 };
        assert_eq!(UnixData::parse(&data.encode()), Some(data));
        assert_eq!(UnixData::parse(&data.encode()[..15]), None);
        assert_eq!((data.kind(), data.ownership().mode), (UnixKind::File, 0o4755));
        let block = UnixData { mode: 0o060_644, ..data };
        assert_eq!(block.kind(), UnixKind::Special(SpecialFile::BlockDevice(0x1111_0370)));
        assert_eq!(UnixData { mode: 0o170_000, ..data }.kind(), UnixKind::Unknown);
    }

    #[test]
    fn an_item_that_does_not_fit_ends_the_list() {
        let mut items = TaggedItems::new(&[1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]);
        assert_eq!((items.next(), items.cut_off()), (None, true));
    }
}
