//! A file to be written, in an owned form.

use super::attributes::Attributes;
use super::builder::NodeId;
use super::stream::{NewStream, StreamKind};
use super::{Entry, tagged};
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// A file or directory to be written.
///
/// Nothing is checked but what the format cannot hold: names that no file may have can be written, so that the reading
/// side can be tested with them.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The name, UTF-16LE.
    pub name: Vec<u8>,
    /// The 8.3 name, UTF-16LE; empty for none.
    pub short_name: Vec<u8>,
    /// The attributes.
    pub attributes: Attributes,
    /// The number of the security descriptor, from [`add_security_descriptor`](super::TreeBuilder::add_security_descriptor).
    pub security_id: Option<u32>,
    /// When it was created.
    pub creation_time: FileTime,
    /// When it was last read.
    pub access_time: FileTime,
    /// When it was last written.
    pub write_time: FileTime,
    /// The streams. A data stream that is missing from a file is written as an empty one.
    pub streams: Vec<NewStream>,
    /// With [`Attributes::REPARSE_POINT`] the tag, 16 reserved bits and 16 bits of flags, from the lowest up; else the
    /// hard link group id, 0 for none.
    pub(super) reparse_or_link: u64,
    /// Encoded tagged items.
    pub(super) tagged_items: Vec<u8>,
    pub(super) unused: [u8; 16],
    pub(super) unknown: [u8; 4],
    /// What is in it, if it is a directory of a [`TreeBuilder`](super::TreeBuilder).
    pub(super) children: Vec<NodeId>,
}

impl NewFile {
    fn new(name: &str, attributes: Attributes, streams: Vec<NewStream>) -> Self {
        Self {
            name: utf16::from_str(name),
            short_name: Vec::new(),
            attributes,
            security_id: None,
            creation_time: FileTime::ZERO,
            access_time: FileTime::ZERO,
            write_time: FileTime::ZERO,
            streams,
            reparse_or_link: 0,
            tagged_items: Vec::new(),
            unused: [0; 16],
            unknown: [0; 4],
            children: Vec::new(),
        }
    }

    /// A directory.
    pub fn directory(name: &str) -> Self {
        Self::new(name, Attributes::DIRECTORY, Vec::new())
    }

    /// A file whose content is the blob `data`; [`Sha1::ZERO`] for an empty file.
    pub fn file(name: &str, data: Sha1) -> Self {
        Self::new(name, Attributes::NORMAL, vec![NewStream::unnamed(StreamKind::Data, data)])
    }

    /// A reparse point, whose data (without its 8-byte header) is the blob `data`. Add [`Attributes::DIRECTORY`] for a
    /// junction or a link to a directory.
    pub fn reparse_point(name: &str, tag: u32, data: Sha1) -> Self {
        let streams = vec![NewStream::unnamed(StreamKind::Reparse, data)];
        Self { reparse_or_link: tag.into(), ..Self::new(name, Attributes::REPARSE_POINT, streams) }
    }

    /// The same with another stream.
    #[must_use]
    pub fn with_stream(mut self, stream: NewStream) -> Self {
        self.streams.push(stream);
        self
    }

    /// The same with more attributes. NORMAL, which stands for "no other", goes.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = (self.attributes & !Attributes::NORMAL) | attributes;
        self
    }

    /// The same with all three times set.
    #[must_use]
    pub fn with_times(mut self, time: FileTime) -> Self {
        (self.creation_time, self.access_time, self.write_time) = (time, time, time);
        self
    }

    /// The same with an 8.3 name.
    #[must_use]
    pub fn with_short_name(mut self, name: &str) -> Self {
        self.short_name = utf16::from_str(name);
        self
    }

    /// The same with a security descriptor.
    #[must_use]
    pub fn with_security_id(mut self, id: u32) -> Self {
        self.security_id = Some(id);
        self
    }

    /// The same with a tagged item.
    ///
    /// # Panics
    /// If `data` has 4 GiB or more.
    #[must_use]
    pub fn with_tagged_item(mut self, tag: u32, data: &[u8]) -> Self {
        assert!(u32::try_from(data.len()).is_ok(), "a tagged item has less than 4 GiB");
        tagged::encode(tag, data, &mut self.tagged_items);
        self
    }

    /// The same with a hard link group id. For a reparse point, these are tag and flags instead.
    #[must_use]
    pub fn with_hard_link_group(mut self, group: u64) -> Self {
        self.reparse_or_link = group;
        self
    }

    /// The same in the place of another file: with its names, security descriptor, time of creation, tagged items, and
    /// what its attributes say besides the kind of file. Content and the other times are the new file's.
    #[must_use]
    pub(in crate::wim) fn in_place_of(self, old: &Self) -> Self {
        const KEPT: Attributes = Attributes(
            Attributes::READONLY.0
                | Attributes::HIDDEN.0
                | Attributes::SYSTEM.0
                | Attributes::ARCHIVE.0
                | Attributes::TEMPORARY.0
                | Attributes::COMPRESSED.0
                | Attributes::NOT_CONTENT_INDEXED.0,
        );
        let attributes = (self.attributes & !(Attributes::NORMAL | KEPT)) | (old.attributes & KEPT);
        Self {
            name: old.name.clone(),
            short_name: old.short_name.clone(),
            attributes: if attributes == Attributes(0) { Attributes::NORMAL } else { attributes },
            security_id: old.security_id,
            creation_time: old.creation_time,
            tagged_items: old.tagged_items.clone(),
            unused: old.unused,
            unknown: old.unknown,
            ..self
        }
    }

    /// The same as a file that has no other names.
    #[must_use]
    pub(in crate::wim) fn alone(mut self) -> Self {
        if !self.attributes.contains(Attributes::REPARSE_POINT) {
            self.reparse_or_link = 0;
        }
        self
    }

    /// Whether other entries can be in it: a junction or a link to a directory is none.
    pub(in crate::wim) fn is_directory(&self) -> bool {
        self.attributes & (Attributes::DIRECTORY | Attributes::REPARSE_POINT) == Attributes::DIRECTORY
    }

    pub(super) fn display_name(&self) -> String {
        utf16::to_string_lossy(&self.name)
    }
}

/// What a tree says about an entry, but for what is in it. The number of its security descriptor is that of its tree.
impl From<Entry<'_>> for NewFile {
    fn from(entry: Entry<'_>) -> Self {
        // Where names of one file disagree, the first one's metadata is the file's.
        let file = entry.first_entry();
        let raw = file.raw();
        let is_plain_directory = file.is_directory() && !file.is_reparse_point();
        Self {
            name: entry.name().as_utf16le().to_vec(),
            short_name: entry.short_name().as_utf16le().to_vec(),
            attributes: file.attributes(),
            security_id: file.security_id(),
            creation_time: file.creation_time(),
            access_time: file.access_time(),
            write_time: file.write_time(),
            streams: file.streams().map(NewStream::from).collect(),
            reparse_or_link: if is_plain_directory { 0 } else { raw.reparse_or_link() },
            tagged_items: raw.tagged_items().to_vec(),
            unused: raw.unused(),
            unknown: raw.unknown(),
            children: Vec::new(),
        }
    }
}
