//! One dentry, as the tree's users see it.

use super::attributes::Attributes;
use super::dentry::RawDentry;
use super::name::Name;
use super::stream::{Stream, StreamKind, Streams};
use super::tagged::{self, TaggedItems, UnixData};
use super::{DentryId, Metadata};
use crate::util::filetime::FileTime;
use crate::util::sha1::Sha1;
use crate::util::utf16;

/// A dentry of a [`Metadata`].
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    tree: &'a Metadata,
    id: DentryId,
    raw: RawDentry<'a>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(tree: &'a Metadata, id: DentryId) -> Self {
        let offset = tree.dentries[id.index()].offset as usize;
        Self { tree, id, raw: RawDentry::parsed_before(&tree.bytes, offset) }
    }

    /// Its id in the tree.
    pub fn id(&self) -> DentryId {
        self.id
    }

    pub(super) fn raw(&self) -> &RawDentry<'a> {
        &self.raw
    }

    /// Where the dentry begins, from the start of the uncompressed metadata resource.
    pub fn offset(&self) -> u64 {
        self.tree.dentries[self.id.index()].offset.into()
    }

    /// Its name; empty for the root.
    pub fn name(&self) -> Name<'a> {
        if self.id == DentryId::ROOT { Name::new(&[]) } else { Name::new(self.raw.name()) }
    }

    /// Whether a directory may hold an entry of this name: not empty, `.`, `..`, nor with NUL, `/` or `\` in it.
    pub fn is_name_safe(&self) -> bool {
        !self.tree.dentries[self.id.index()].flags.unsafe_name
    }

    /// Its 8.3 name; empty if it has none.
    pub fn short_name(&self) -> Name<'a> {
        if self.id == DentryId::ROOT { Name::new(&[]) } else { Name::new(self.raw.short_name()) }
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes {
        self.raw.attributes()
    }

    /// Whether it is a directory, junctions and links to directories included.
    pub fn is_directory(&self) -> bool {
        self.attributes().contains(Attributes::DIRECTORY)
    }

    /// Whether it is a reparse point.
    pub fn is_reparse_point(&self) -> bool {
        self.attributes().contains(Attributes::REPARSE_POINT)
    }

    /// Whether its content is encrypted by EFS.
    pub fn is_encrypted(&self) -> bool {
        self.attributes().contains(Attributes::ENCRYPTED)
    }

    /// The number of its security descriptor. An id beyond the table counts as none.
    pub fn security_id(&self) -> Option<u32> {
        let id = self.raw.security_id();
        ((id as usize) < self.tree.security.len()).then_some(id)
    }

    /// Its self-relative security descriptor.
    pub fn security_descriptor(&self) -> Option<&'a [u8]> {
        self.tree.security.get(&self.tree.bytes, self.raw.security_id())
    }

    /// When it was created.
    pub fn creation_time(&self) -> FileTime {
        self.raw.creation_time()
    }

    /// When it was last read.
    pub fn access_time(&self) -> FileTime {
        self.raw.access_time()
    }

    /// When it was last written.
    pub fn write_time(&self) -> FileTime {
        self.raw.write_time()
    }

    /// The reparse tag, if it is a reparse point.
    pub fn reparse_tag(&self) -> Option<u32> {
        self.is_reparse_point().then(|| self.raw.reparse_or_link() as u32)
    }

    /// For a reparse point, whether its target was left as it was at capture instead of made relative to the image.
    pub fn is_reparse_not_fixed(&self) -> bool {
        const NOT_FIXED: u64 = 1 << 48;
        self.is_reparse_point() && self.raw.reparse_or_link() & NOT_FIXED != 0
    }

    /// The reserved field of its reparse point's header.
    pub fn reparse_reserved(&self) -> u16 {
        (self.raw.reparse_or_link() >> 32) as u16
    }

    /// The hard link group id as it is stored; 0 for none. Members of one group need not be one file: see
    /// [`Self::links`].
    pub fn hard_link_group(&self) -> u64 {
        if (self.attributes() & (Attributes::DIRECTORY | Attributes::REPARSE_POINT)).0 == 0 {
            self.raw.reparse_or_link()
        } else {
            0
        }
    }

    /// The first name of the file that this is a name of; for most files, itself. Where names of one file disagree in
    /// times or attributes, the first one's are the file's.
    pub fn first_link(&self) -> DentryId {
        self.tree.dentries[self.id.index()].leader
    }

    /// The entry of [`Self::first_link`].
    pub(super) fn first_entry(&self) -> Entry<'a> {
        self.tree.entry(self.first_link())
    }

    /// All names of the file, this one included, if it has several.
    pub fn links(&self) -> Option<&'a [DentryId]> {
        self.tree.links.of_leader(self.first_link())
    }

    /// How many names the file has.
    pub fn link_count(&self) -> usize {
        self.links().map_or(1, <[DentryId]>::len)
    }

    /// Its streams.
    pub fn streams(&self) -> Streams<'a> {
        Streams::new(&self.raw, self.offset() as usize)
    }

    /// Its stream of a kind that occurs once.
    pub fn stream(&self, kind: StreamKind) -> Option<Stream<'a>> {
        self.streams().find(|stream| stream.kind == kind)
    }

    /// The hash of its content; `None` for what has no content, such as a directory. All zero for an empty file.
    pub fn data_hash(&self) -> Option<Sha1> {
        self.stream(StreamKind::Data).map(|stream| stream.sha1)
    }

    /// Its tagged items.
    pub fn tagged_items(&self) -> TaggedItems<'a> {
        TaggedItems::new(self.raw.tagged_items())
    }

    /// Owner, group and mode, if a tool of Unix has kept them. Where names of one file disagree, the first one's count.
    pub fn unix_data(&self) -> Option<UnixData> {
        let mut items = self.first_entry().tagged_items();
        items.find(|item| item.tag == tagged::UNIX_DATA).and_then(|item| UnixData::parse(item.data))
    }

    /// The directory it lies in; the root's is the root.
    pub fn parent(&self) -> DentryId {
        self.tree.dentries[self.id.index()].parent
    }

    /// The entries of the directory, in the order of the resource.
    pub fn children(&self) -> Children<'a> {
        let dentry = &self.tree.dentries[self.id.index()];
        let first = dentry.first_child.0;
        Children { tree: self.tree, ids: first..first + dentry.child_count }
    }

    pub(super) fn has_sorted_children(&self) -> bool {
        self.tree.dentries[self.id.index()].flags.sorted_children
    }

    /// Its path from the root, which is `/`. Unpaired surrogates in names become U+FFFD.
    pub fn path(&self) -> String {
        let mut names = Vec::new();
        let mut entry = *self;
        while entry.id != DentryId::ROOT {
            names.push(entry.raw.name());
            entry = self.tree.entry(entry.parent());
        }
        if names.is_empty() {
            return "/".to_owned();
        }
        let mut path = String::new();
        for name in names.into_iter().rev() {
            path.push('/');
            utf16::push(&mut path, name);
        }
        path
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name())
            .field("attributes", &self.attributes())
            .finish_non_exhaustive()
    }
}

/// The entries of a directory.
#[derive(Clone)]
pub struct Children<'a> {
    tree: &'a Metadata,
    ids: std::ops::Range<u32>,
}

impl<'a> Children<'a> {
    /// The entry at `index` in the directory's list.
    pub fn get(&self, index: usize) -> Option<Entry<'a>> {
        self.ids.clone().nth(index).map(|id| self.tree.entry(DentryId(id)))
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.ids.next().map(|id| self.tree.entry(DentryId(id)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ids.size_hint()
    }
}

impl DoubleEndedIterator for Children<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.ids.next_back().map(|id| self.tree.entry(DentryId(id)))
    }
}

impl ExactSizeIterator for Children<'_> {}

impl std::fmt::Debug for Children<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
